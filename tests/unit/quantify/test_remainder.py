from __future__ import annotations

import numpy as np
import pytest

from theradose.model.activity import ActivityMap
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.quantify.regions import whole_field_curve
from theradose.quantify.remainder import remainder_curve

GRID = Grid.axis_aligned((4, 5, 6), (10.0, 10.0, 10.0))


def regions(*masks):
    voxels = tuple(RegionVoxels.from_mask(mask) for mask in masks)
    return Segmentation(GRID, tuple(Region(f"r{i}") for i in range(len(masks))), voxels)


def curve(data, *masks):
    activity = ActivityMap(data, GRID, t_h=4.0, calibration="A", calibration_relative_u=0.03)
    return remainder_curve([activity], segmentations=[regions(*masks)], measurement_relative_u=0.05)


def test_remainder_and_region_add_up_to_the_field():
    data = np.random.default_rng(5).random(GRID.shape)
    mask = np.zeros(GRID.shape, np.float32)
    mask[1:3, 2:4, 1:5] = 0.75
    activity = ActivityMap(data, GRID, t_h=4.0, calibration="A", calibration_relative_u=0.03)
    whole, _ = whole_field_curve([activity], measurement_relative_u=0.05)
    remainder = curve(data, mask)
    assert remainder.activity_mbq[0] + (data * mask).sum() == pytest.approx(whole.activity_mbq[0])
    assert remainder.u_independent_mbq == pytest.approx(0.05 * remainder.activity_mbq)
    assert remainder.common == {"calibration:A": 0.03}


def test_overlap_is_taken_out_once():
    first, second = np.zeros(GRID.shape, np.float32), np.zeros(GRID.shape, np.float32)
    first[0:2], second[1:3] = 1, 1
    assert curve(np.ones(GRID.shape), first, second).activity_mbq == pytest.approx([30.0])
