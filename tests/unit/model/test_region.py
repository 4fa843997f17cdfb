"""Regions: voxels kept as their box, unique names, volumes from fractions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from theradose.errors import GeometryError
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionVoxels, Segmentation

GRID = Grid.axis_aligned((4, 5, 6), (2.0, 2.0, 2.5))  # voxels of 0.01 mL
fractions = arrays(np.float32, GRID.shape, elements=st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]))


def segmentation(**masks):
    voxels = tuple(RegionVoxels.from_mask(mask) for mask in masks.values())
    return Segmentation(GRID, tuple(Region(name) for name in masks), voxels)


@given(fractions)
def test_a_mask_survives_its_box(mask):
    regions = segmentation(a=mask)
    assert np.array_equal(regions.mask("a"), mask)
    assert regions.volume_ml("a") == pytest.approx(0.01 * mask.sum(dtype=float))


def test_the_box_is_the_smallest():
    mask = np.zeros(GRID.shape)
    mask[1:3, 2, 4] = 1
    voxels = RegionVoxels.from_mask(mask)
    assert (voxels.origin, voxels.fraction.shape) == ((1, 2, 4), (2, 1, 1))
    assert voxels.box == (slice(1, 3), slice(2, 3), slice(4, 5))


def test_a_sum_weighs_each_voxel_with_its_fraction():
    mask = np.zeros((4, 5, 6))
    mask[1, 2, 3], mask[2, 2, 3] = 1, 0.25
    values = np.arange(mask.size, dtype=np.float32).reshape(mask.shape)
    assert RegionVoxels.from_mask(mask).sum_of(values) == values[1, 2, 3] + 0.25 * values[2, 2, 3]
    assert RegionVoxels.from_mask(0 * mask).sum_of(values) == 0


def test_names_are_unique():
    with pytest.raises(GeometryError, match="liver occurs more than once") as refusal:
        segmentation(liver=np.ones(GRID.shape)).with_regions(
            [(Region("liver"), RegionVoxels((0, 0, 0), np.ones((1, 1, 1))))]
        )
    assert refusal.value.code == "region-duplicate"


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(GeometryError, match="'pancreas'.*liver") as refusal:
        segmentation(liver=np.ones(GRID.shape)).volume_ml("pancreas")
    assert refusal.value.code == "region-unknown"


def test_each_region_needs_voxels():
    with pytest.raises(GeometryError) as refusal:
        Segmentation(GRID, (Region("a"),), ())
    assert refusal.value.code == "region-voxels"
