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
from theradose.quantify.volume import FWHM_PER_SIGMA

# Blur beyond this many standard deviations is nothing.
_REACH_SIGMAS = 4.0
_SUBVOXELS = 4


def shape_factor(voxels: RegionVoxels, grid: Grid, *, fwhm_mm: float) -> float:
    """Return the recovery of a region over that of the sphere of the same volume, both in the same voxels.

    It is at most 1: no shape loses less than a sphere, although whole voxels may draw a sphere badly. A hole counts as
    filled: what lies in it is another region and not cold.

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
    sigmas = np.array([fwhm_mm / FWHM_PER_SIGMA / side for side in grid.spacing_mm])
    if fwhm_mm == 0:
        return 1.0
    region = _filled(voxels)
    sphere = _sphere(region, grid, whole_voxels=not voxels.has_fractions)
    return min(_recovered(region, sigmas) / _recovered(sphere, sigmas), 1.0)


def _filled(voxels: RegionVoxels) -> Array:
    from scipy.ndimage import binary_fill_holes

    inside = voxels.mostly_inside
    holes = binary_fill_holes(inside) & ~inside
    return np.asarray(np.where(holes, 1.0, voxels.fraction), float)


def _sphere(region: Array, grid: Grid, *, whole_voxels: bool) -> Array:
    """Return the sphere of the same volume around the region's centre, in whole or partial voxels."""
    spacing = np.array(grid.spacing_mm)
    volume_mm3 = float(region.sum()) * float(np.prod(spacing))
    radius_mm = (3 * volume_mm3 / (4 * math.pi)) ** (1 / 3)
    centre = [float((region.sum(axis=other) @ np.arange(size)) / region.sum())
              for size, other in zip(region.shape, ((1, 2), (0, 2), (0, 1)), strict=True)]  # fmt: skip
    steps = 1 if whole_voxels else _SUBVOXELS
    squares = []
    for middle, side in zip(centre, spacing, strict=True):
        reach = math.ceil(radius_mm / side) + 1
        places = np.arange(-reach * steps, (reach + 1) * steps)
        # Positions of the parts of voxels, relative to the centre of the region within its voxel.
        squares.append((((places + 0.5) / steps - 0.5 - (middle - round(middle))) * side) ** 2)
    distance = squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :]
    inside: Array = (distance <= radius_mm**2).astype(float)
    for axis in range(3):
        shape = (*inside.shape[:axis], inside.shape[axis] // steps, steps, *inside.shape[axis + 1 :])
        inside = inside.reshape(shape).mean(axis=axis + 1)
    return inside


def _recovered(region: Array, sigmas: Array) -> float:
    """Return the share of a uniform region's activity that blur leaves in it."""
    from scipy.ndimage import gaussian_filter

    margins = [math.ceil(_REACH_SIGMAS * sigma) for sigma in sigmas]
    padded = np.pad(region, [(margin, margin) for margin in margins])
    blurred = gaussian_filter(padded, sigmas, mode="constant", truncate=_REACH_SIGMAS)
    return float(np.sum(blurred * padded) / padded.sum())
