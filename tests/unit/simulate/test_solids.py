"""Quadric solids: volumes, motion and outlines agree with geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theradose.model.grid import Grid
from theradose.model.transform import RigidTransform
from theradose.simulate.solids import Solid, cylinder, ellipsoid, paint, rotation

ANGLES = st.tuples(*[st.floats(-180, 180)] * 3)
GRID = Grid.axis_aligned((80, 80, 80), (1.0, 1.0, 1.0), (-39.5, -39.5, -39.5))


def _rigid(angles_deg: tuple[float, ...], shift_mm: tuple[float, ...]) -> RigidTransform:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(angles_deg)
    matrix[:3, 3] = shift_mm
    return RigidTransform(matrix)


def test_volumes_are_those_of_geometry():
    assert ellipsoid((0, 0, 0), (10, 20, 30)).volume_ml == pytest.approx(4 / 3 * math.pi * 6)
    assert cylinder((0, 0, 0), (10, 20, 15)).volume_ml == pytest.approx(math.pi * 10 * 20 * 30 / 1000)


@pytest.mark.parametrize(
    "solid",
    [
        ellipsoid((1.3, -2.1, 0.4), (25, 14, 18), (20, -35, 50)),
        cylinder((1.3, -2.1, 0.4), (25, 14, 18)),
        cylinder((0.2, 0, 0), (12, 14, 22)).moved(_rigid((10, 20, 30), (3, 4, 5))),
    ],
)
def test_painted_volume(solid: Solid):
    # A surface of S voxels is sampled with an error of the order of its square root: below 1 % here.
    labels = np.zeros(GRID.shape, np.uint8)
    paint(labels, GRID, solid, 3)
    assert (labels == 3).sum() / 1000 == pytest.approx(solid.volume_ml, rel=0.01)


def test_painting_follows_the_level():
    solid = ellipsoid((3, -5, 2), (20, 12, 16), (15, 40, -70))
    labels = np.zeros(GRID.shape, np.uint8)
    paint(labels, GRID, solid, 1)
    points = GRID.to_lps(np.moveaxis(np.indices(GRID.shape), 0, -1))
    level = solid.level(points)
    # Single precision decides points within rounding of the surface.
    decided = np.abs(level) > 1e-5
    assert np.array_equal((labels == 1)[decided], (level < 0)[decided])


def test_paint_outside_the_grid_does_nothing():
    labels = np.zeros(GRID.shape, np.uint8)
    paint(labels, GRID, ellipsoid((500, 0, 0), (10, 10, 10)), 1)
    assert not labels.any()


@settings(max_examples=30)
@given(ANGLES, st.tuples(*[st.floats(-50, 50)] * 3))
def test_motion_carries_the_surface(angles: tuple[float, ...], shift: tuple[float, ...]):
    transform = _rigid(angles, shift)
    for solid in (ellipsoid((5, 6, 7), (20, 12, 16), (10, 20, 30)), cylinder((5, 6, 7), (20, 12, 16))):
        surface = solid.surface_points()
        assert np.abs(solid.level(surface)).max() < 1e-9
        moved = solid.moved(transform)
        assert np.abs(moved.level(transform.apply(surface))).max() < 1e-9
        reach = np.abs(transform.apply(surface) - moved.centre_mm).max(axis=0)
        assert (reach <= moved.half_extent_mm() + 1e-9).all()


def test_rotation_turns_about_x_then_y_then_z():
    assert rotation((90, 0, 0)) @ [0, 1, 0] == pytest.approx([0, 0, 1], abs=1e-12)
    assert rotation((0, 90, 0)) @ [0, 0, 1] == pytest.approx([1, 0, 0], abs=1e-12)
    assert rotation((0, 0, 90)) @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-12)
    assert rotation((90, 0, 90)) @ [0, 1, 0] == pytest.approx([0, 0, 1], abs=1e-12)


def test_shells_and_copies():
    solid = ellipsoid((0, 0, 0), (10, 20, 30))
    assert solid.scaled(0.5).volume_ml == pytest.approx(solid.volume_ml / 8)
    assert solid.grown(-1).semi_axes_mm == pytest.approx([9, 19, 29])
    assert solid.shifted((1, 2, 3)).centre_mm == pytest.approx([1, 2, 3])
