"""How much more activity a region loses to blur than the sphere of its volume.

A recovery curve is measured with spheres. An organ has more surface than a sphere of its volume and loses more: a
kidney about 1 % of its activity, a flat or divided region more. The ratio of the two losses follows from the outline
itself, blurred with the resolution of the images.

References
----------
[Theradose]_, derived in the documentation, methods, uncertainty; the blur is that of [Gear2018]_.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.model.arrays import Array
from theradose.model.grid import Grid
from theradose.model.region import RegionVoxels
from theradose.quantify.volume import FWHM_PER_SIGMA, equivalent_diameter_mm

# Blur beyond this many standard deviations is nothing.
_REACH_SIGMAS = 4.0
# The outline is drawn anew in steps this fine, or in this many across a sphere of its volume.
_STEP_MM = 1.5
_STEPS_ACROSS = 40


def shape_factor(voxels: RegionVoxels, grid: Grid, *, fwhm_mm: float) -> float:
    """Return the recovery of a region over that of the sphere of the same volume.

    The outline is the surface on which a voxel is half inside, between the voxels too: fractions that were smeared by
    the way from one grid to another do not count as lost activity. A hole counts as filled, because what lies in it
    is another region and not cold. The factor is at most 1: no shape loses less than a sphere.

    Parameters
    ----------
    voxels : RegionVoxels
        The outline.
    grid : Grid
        Of the emission image.
    fwhm_mm : float
        Full width at half maximum of the reconstructed images.

    References
    ----------
    [Theradose]_, [Gear2018]_
    """
    volume_ml = voxels.voxel_count * grid.voxel_volume_ml
    if fwhm_mm == 0 or not voxels.mostly_inside.any():
        return 1.0
    step_mm = max(_STEP_MM, equivalent_diameter_mm(volume_ml) / _STEPS_ACROSS)
    divisions = [max(1, round(side / step_mm)) for side in grid.spacing_mm]
    steps_mm = np.array(grid.spacing_mm) / divisions
    region = _sharp(voxels, divisions)
    sphere = _sphere(float(region.sum()) * float(np.prod(steps_mm)), steps_mm)
    sigmas = fwhm_mm / FWHM_PER_SIGMA / steps_mm
    return min(_recovered(region, sigmas) / _recovered(sphere, sigmas), 1.0)


def _sharp(voxels: RegionVoxels, divisions: list[int]) -> Array:
    """Return whether each part of a voxel is inside, bool."""
    from scipy.ndimage import binary_fill_holes, zoom

    padded = np.pad(np.asarray(voxels.fraction, float), 1)
    # Linear between the centres of the voxels.
    fine = zoom(padded, divisions, order=1, mode="grid-constant", grid_mode=True)
    return np.asarray(binary_fill_holes(fine >= 0.5))


def _sphere(volume_mm3: float, steps_mm: Array) -> Array:
    radius_mm = (3 * volume_mm3 / (4 * math.pi)) ** (1 / 3)
    squares = []
    for step in steps_mm:
        reach = math.ceil(radius_mm / step) + 1
        squares.append((np.arange(-reach, reach + 1) * step) ** 2)
    distance = squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :]
    return np.asarray(distance <= radius_mm**2)


def _recovered(region: Array, sigmas: Array) -> float:
    """Return the share of a uniform region's activity that blur leaves in it."""
    from scipy.ndimage import gaussian_filter

    margins = [math.ceil(_REACH_SIGMAS * sigma) for sigma in sigmas]
    padded = np.pad(region.astype(np.float32), [(margin, margin) for margin in margins])
    blurred = gaussian_filter(padded, sigmas, mode="constant", truncate=_REACH_SIGMAS)
    return float(np.sum(blurred * padded, dtype=np.float64) / padded.sum(dtype=np.float64))
