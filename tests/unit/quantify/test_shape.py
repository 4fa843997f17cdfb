"""Recovery of an outline over that of the sphere of its volume."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from theradose.model.grid import Grid
from theradose.model.region import RegionVoxels
from theradose.quantify.shape import shape_factor
from theradose.quantify.volume import FWHM_PER_SIGMA, sphere_recovery

FWHM_MM = 7.0


def ellipsoid(semi_axes_mm, *, spacing_mm=4.0, divided=4, shape=(24, 24, 24), centre_mm=(0.0, 0.0, 0.0)):
    """Fractions of an ellipsoid in voxels, sampled `divided` times per side."""
    axes = []
    for size, moved in zip(shape, centre_mm, strict=True):
        axes.append((np.arange(size * divided) + 0.5) / divided * spacing_mm - size * spacing_mm / 2 - moved)
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    a, b, c = semi_axes_mm
    inside = (z / a) ** 2 + (y / b) ** 2 + (x / c) ** 2 <= 1
    for axis in range(3):
        parts = (*inside.shape[:axis], inside.shape[axis] // divided, divided, *inside.shape[axis + 1 :])
        inside = inside.reshape(parts).mean(axis=axis + 1)
    return inside, Grid.axis_aligned(shape, (spacing_mm,) * 3)


def factor(fractions, grid):
    return shape_factor(RegionVoxels.from_mask(fractions), grid, fwhm_mm=FWHM_MM)


@pytest.mark.parametrize("radius_mm", [10.0, 20.0, 40.0])
@pytest.mark.parametrize("centre_mm", [(0.0, 0.0, 0.0), (1.3, -0.7, 1.9)])
def test_a_sphere_is_one(radius_mm, centre_mm):
    """The outline between the voxels is linear, so that five voxels across bend a sphere by up to a percent."""
    assert factor(*ellipsoid((radius_mm,) * 3, centre_mm=centre_mm)) == pytest.approx(
        1.0, abs=0.01 if radius_mm < 15 else 3e-3
    )


def test_an_ellipsoid_of_a_kidney_against_a_fine_blur():
    """The axes 1 : 0.85 : 1.8 and 150 mL, blurred at 1 mm: the same loss, beside that of the sphere in closed form."""
    semi_axes = np.array([1.8, 0.85, 1.0]) * (150_000 / (4 / 3 * np.pi * 1.8 * 0.85)) ** (1 / 3)
    fine, _ = ellipsoid(semi_axes, spacing_mm=1.0, divided=2, shape=(150, 90, 96))
    blurred = gaussian_filter(fine, FWHM_MM / FWHM_PER_SIGMA, mode="constant", truncate=5)
    expected = np.sum(blurred * fine) / fine.sum() / sphere_recovery(volume_ml=fine.sum() / 1000, fwhm_mm=FWHM_MM)
    found = factor(*ellipsoid(semi_axes, shape=(36, 24, 24)))
    assert found == pytest.approx(expected, abs=2e-3)
    assert 0.985 < expected < 0.99


def test_whole_voxels_are_smoothed():
    fractions, grid = ellipsoid((30.0, 30.0, 30.0))
    assert factor((fractions >= 0.5).astype(np.float32), grid) == pytest.approx(1.0, abs=0.01)


def test_fractions_smeared_by_a_change_of_grid_are_no_lost_activity():
    fractions, grid = ellipsoid((40.0, 20.0, 20.0))
    smeared = np.clip(shift(fractions, (0.4, 0.3, 0.5), order=1), 0, 1)
    assert factor(smeared, grid) == pytest.approx(factor(fractions, grid), abs=2e-3)


def test_an_outline_without_a_voxel_that_is_half_inside_counts_as_a_sphere():
    fractions, grid = ellipsoid((40.0, 20.0, 20.0))
    assert factor(0.4 * fractions, grid) == 1.0


def test_a_hole_holds_another_region_and_is_not_cold():
    fractions, grid = ellipsoid((30.0, 30.0, 30.0))
    hollow = fractions.copy()
    hollow[10:14, 10:14, 10:14] = 0.0
    assert factor(hollow, grid) == pytest.approx(factor(fractions, grid), abs=1e-6)


def test_two_spheres_lose_more_than_one():
    one, grid = ellipsoid((14.0, 14.0, 14.0), shape=(24, 24, 48), centre_mm=(0.0, 0.0, -40.0))
    two, _ = ellipsoid((14.0, 14.0, 14.0), shape=(24, 24, 48), centre_mm=(0.0, 0.0, 40.0))
    volume_ml = one.sum() * grid.voxel_volume_ml
    expected = sphere_recovery(volume_ml=volume_ml, fwhm_mm=FWHM_MM)
    expected /= sphere_recovery(volume_ml=2 * volume_ml, fwhm_mm=FWHM_MM)
    # Voxels of 4 mm blur both numbers further.
    assert factor(one + two, grid) == pytest.approx(expected, abs=0.02)


def test_perfect_resolution_loses_nothing():
    fractions, grid = ellipsoid((30.0, 12.0, 12.0))
    assert shape_factor(RegionVoxels.from_mask(fractions), grid, fwhm_mm=0.0) == 1.0
