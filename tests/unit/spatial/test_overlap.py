import numpy as np
import pytest

from theradose.model.grid import Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.spatial.overlap import shared_volume_ml

GRID = Grid.axis_aligned((6, 6, 6), (10.0, 10.0, 10.0))  # voxels of 1 mL


def segmentation(*masks):
    regions = tuple(Region(f"r{i}") for i in range(len(masks)))
    return Segmentation(GRID, regions, tuple(RegionVoxels.from_mask(mask) for mask in masks))


def box(z, y, x, value=1.0):
    mask = np.zeros(GRID.shape, np.float32)
    mask[z, y, x] = value
    return mask


def test_common_voxels_are_counted_with_the_smaller_fraction():
    both = segmentation(box(slice(0, 3), slice(0, 3), slice(0, 3)), box(slice(2, 5), slice(1, 4), slice(0, 2), 0.5))
    # Common: 1 × 2 × 2 voxels with fraction 0.5.
    assert shared_volume_ml(both, "r0", "r1") == pytest.approx(2.0)
    assert shared_volume_ml(both, "r1", "r0") == pytest.approx(2.0)
    assert shared_volume_ml(both, "r0", "r0") == pytest.approx(both.volume_ml("r0"))


def test_separate_regions_share_nothing():
    apart = segmentation(box(0, 0, 0), box(5, 5, 5))
    assert shared_volume_ml(apart, "r0", "r1") == 0.0
