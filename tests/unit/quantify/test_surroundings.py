"""Activity that blurs into a region from around it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels
from theradose.quantify.surroundings import shell_around, spill_in_relative_u
from theradose.quantify.volume import FWHM_PER_SIGMA

FWHM_MM = 8.0
GRID = Grid.axis_aligned((40, 40, 40), (2.0, 2.0, 2.0))


def ball(radius_mm):
    axis = (np.arange(40) - 19.5) * 2.0
    return axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2 <= radius_mm**2


def test_surroundings_add_what_the_region_would_lose():
    """Exact for a symmetric blur and uniform surroundings: c V (1 - R), with the shell's mean for c."""
    region = ball(12.0)
    warm = np.where(region, 0.0, 3.0)
    image = Volume(gaussian_filter(warm, FWHM_MM / FWHM_PER_SIGMA / 2.0, mode="nearest", truncate=6), GRID)
    blurred = gaussian_filter(region.astype(float), FWHM_MM / FWHM_PER_SIGMA / 2.0, mode="constant", truncate=6)
    recovery = blurred[region].sum() / region.sum()
    shell = shell_around(RegionVoxels.from_mask(region), GRID, fwhm_mm=FWHM_MM)
    # At one to two resolutions from the cold region the image is lower than the surroundings by less than 1 %.
    assert shell.mean(image) == pytest.approx(3.0, rel=0.01)
    assert image.data[region].sum() == pytest.approx(3.0 * region.sum() * (1 - recovery), rel=1e-3)


def test_a_shell_shows_little_of_the_region_itself():
    region = ball(12.0)
    image = Volume(gaussian_filter(region.astype(float), FWHM_MM / FWHM_PER_SIGMA / 2.0, mode="constant"), GRID)
    assert shell_around(RegionVoxels.from_mask(region), GRID, fwhm_mm=FWHM_MM).mean(image) < 2e-3


def test_a_shell_ends_with_the_image():
    mask = np.ones(GRID.shape)
    shell = shell_around(RegionVoxels.from_mask(mask), GRID, fwhm_mm=FWHM_MM)
    assert not shell.inside.any()
    assert shell.mean(Volume(mask, GRID)) == 0.0


def test_uncertainty_of_a_rectangle_from_nothing_to_all():
    assert spill_in_relative_u(spill_in_mbq=3.0, measured_mbq=30.0) == pytest.approx(0.1 / math.sqrt(3))
    assert spill_in_relative_u(spill_in_mbq=3.0, measured_mbq=0.0) == 0.0
