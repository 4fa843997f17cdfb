from __future__ import annotations

import math

import numpy as np
import pytest

from theradose.errors import CalibrationError
from theradose.model.grid import Grid, Volume
from theradose.spatial.source_region import (
    centre_of_source,
    counts_in,
    cylinder_region,
    grown_by_half_a_voxel,
    sphere_region,
)

GRID = Grid.axis_aligned((30, 32, 34), (4.0, 4.0, 4.0), (-66.0, -62.0, -58.0))


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (1.3, -0.7, 1.9)])
@pytest.mark.parametrize("radius", [10.0, 25.0])
def test_volume_of_a_sphere(centre, radius):
    """64 sub-voxels per voxel: the volume is right to a small part of the surface layer."""
    voxels = sphere_region(GRID, centre_mm=np.array(centre), radius_mm=radius)
    volume = voxels.voxel_count * GRID.voxel_volume_ml
    assert volume == pytest.approx(4 / 3 * math.pi * radius**3 / 1000, rel=0.01)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_cylinder_lies_along_its_axis(axis):
    """Sub-voxels of 1 mm: the number of lattice points in a circle of 20 mm is right to 1 %."""
    voxels = cylinder_region(GRID, centre_mm=np.array([1.0, 2.0, -1.0]), radius_mm=20, half_height_mm=30, axis=axis)
    assert voxels.voxel_count * GRID.voxel_volume_ml == pytest.approx(math.pi * 20**2 * 60 / 1000, rel=0.01)
    long = np.argmax(voxels.fraction.shape)
    assert "zyx"[long] == axis


def test_region_is_cut_at_the_edge_of_the_image():
    inside = sphere_region(GRID, centre_mm=np.array([-66.0, 0, 0]), radius_mm=20)
    assert inside.voxel_count * GRID.voxel_volume_ml < 0.6 * 4 / 3 * math.pi * 8


def blob(centre_mm, *, sigma=8.0):
    z, y, x = np.meshgrid(*(np.arange(n) for n in GRID.shape), indexing="ij")
    points = GRID.to_lps(np.stack([z, y, x], axis=-1))
    return np.exp(-((points - centre_mm) ** 2).sum(axis=-1) / 2 / sigma**2)


def test_centre_of_a_blob():
    """Bright voxels are a sphere around the centre; sampling at 4 mm moves their centroid by little."""
    centre = np.array([5.3, -7.1, 9.9])
    assert centre_of_source(Volume(blob(centre), GRID)) == pytest.approx(centre, abs=0.4)


def test_centre_near_a_point_ignores_the_rest():
    both = Volume(blob(np.array([-30.0, 0, 0])) + 3 * blob(np.array([30.0, 0, 0])), GRID)
    found = centre_of_source(both, around_mm=np.array([-28.0, 2, 1]), within_mm=20)
    assert found == pytest.approx([-30, 0, 0], abs=0.5)


def test_nothing_there_is_refused():
    with pytest.raises(CalibrationError) as caught:
        centre_of_source(Volume(np.zeros(GRID.shape), GRID))
    assert caught.value.code == "source-not-found"


def test_counts_in_a_region():
    voxels = sphere_region(GRID, centre_mm=np.zeros(3), radius_mm=20)
    assert counts_in(Volume(np.full(GRID.shape, 2.0), GRID), voxels) == pytest.approx(2 * voxels.voxel_count, rel=1e-6)


def test_surface_moves_by_half_a_voxel():
    mask = np.zeros((9, 9, 9))
    mask[2:7, 2:7, 2:7] = 1
    outer, inner = grown_by_half_a_voxel(mask, outwards=True), grown_by_half_a_voxel(mask, outwards=False)
    # Six faces of 25 voxels, half of each gained; the outer layer of 125 - 27 voxels, half of it lost.
    assert outer.sum() == pytest.approx(125 + 75)
    assert inner.sum() == pytest.approx(125 - 49)
