"""Regions of calibration sources: cylinders and spheres placed where the counts are, and bright parts of views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from theradose.data import load_yaml
from theradose.errors import CalibrationError
from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels
from theradose.spatial.drafting import index_box, place, squared_distance_mm2

Axis = Literal["x", "y", "z"]
# Sub-voxels per voxel side for the fractions at the surface: 64 levels per voxel.
_SUBVOXELS = 4


def centre_of_source(volume: Volume, *, around_mm: Array | None = None, within_mm: float | None = None) -> Array:
    """Return the centroid (x, y, z) of the bright voxels, of the whole image or near a point, in LPS mm.

    Raises
    ------
    CalibrationError
        If there is nothing bright there.
    """
    box = tuple(slice(0, size) for size in volume.grid.shape)
    near: Array | None = None
    if around_mm is not None and within_mm is not None:
        box = index_box(volume.grid, around_mm, within_mm)
        near = _squared_distance(volume.grid, box, around_mm) <= within_mm**2
    values = np.asarray(volume.data[box], float)
    if near is not None:
        values = np.where(near, values, 0.0)
    if not values.size or not values.max() > 0:
        raise CalibrationError(
            "There are no counts where the source should be: check the image and the position in mm (LPS).",
            code="source-not-found",
        )
    top = brightest(values) if near is None else float(values.max())
    weights = np.where(values >= load_yaml("calibration.yaml")["source_brightness"]["value"] * top, values, 0.0)
    axes = [np.arange(part.start, part.stop) for part in box]
    total = weights.sum()
    index = [
        float((weights.sum(axis=tuple(other for other in range(3) if other != axis)) * axes[axis]).sum() / total)
        for axis in range(3)
    ]
    return np.asarray(volume.grid.to_lps(np.array(index)))


def brightest(values: Array) -> float:
    """Return what stands for the maximum of an image, whose brightest voxels are noise."""
    return float(np.percentile(values, load_yaml("calibration.yaml")["brightest_percentile"]["value"]))


def sphere_region(grid: Grid, *, centre_mm: Array, radius_mm: float) -> RegionVoxels:
    """Return a sphere; each voxel has the fraction of its sub-voxels whose centre is inside."""
    box = index_box(grid, centre_mm, radius_mm)
    return _fractions(box, lambda offset: _squared_distance(grid, box, centre_mm, offset) <= radius_mm**2)


def cylinder_region(
    grid: Grid, *, centre_mm: Array, radius_mm: float, half_height_mm: float, axis: Axis = "z"
) -> RegionVoxels:
    """Return a circular cylinder along an LPS axis; boundary voxels by their fraction."""
    direction = np.eye(3)["xyz".index(axis)]
    box = index_box(grid, centre_mm, float(np.hypot(radius_mm, half_height_mm)))

    def inside(offset: Array) -> Array:
        along = _projection(grid, box, centre_mm, direction, offset)
        across = _squared_distance(grid, box, centre_mm, offset) - along**2
        return np.asarray((np.abs(along) <= half_height_mm) & (across <= radius_mm**2))

    return _fractions(box, inside)


def counts_in(volume: Volume, voxels: RegionVoxels) -> float:
    """Return the sum of the values in a region."""
    return voxels.sum_of(volume.data)


def grown_by_half_a_voxel(mask: Array, *, outwards: bool) -> Array:
    """Return fractions of a mask whose surface is moved by half a voxel, as the mean of the mask and its neighbour."""
    from scipy.ndimage import binary_dilation, binary_erosion

    inside = mask >= 0.5
    moved = binary_dilation(inside) if outwards else binary_erosion(inside)
    return np.asarray((np.asarray(mask, float) + moved) / 2)


def bright_part(image: Array, threshold: float) -> Array:
    """Return the connected pixels around the brightest that are above a part of it, bool; empty without counts.

    Each pixel stands for the mean over 3 by 3 of them, so that noise neither sets the level nor tears the part.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Counts of one view.
    threshold : float
        Part of the brightest.
    """
    from scipy.ndimage import label, uniform_filter

    smooth = uniform_filter(np.asarray(image, float), size=3, mode="constant")
    brightest = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    if not smooth[brightest] > 0:
        return np.zeros(smooth.shape, bool)
    parts, _ = label(smooth >= threshold * smooth[brightest])
    return np.asarray(parts == parts[brightest])


def _fractions(box: tuple[slice, slice, slice], inside: Callable[[Array], Array]) -> RegionVoxels:
    steps = (np.arange(_SUBVOXELS) + 0.5) / _SUBVOXELS - 0.5
    fraction = np.zeros([part.stop - part.start for part in box], np.float32)
    for offset in np.array(np.meshgrid(steps, steps, steps, indexing="ij")).reshape(3, -1).T:
        fraction += inside(offset)
    return place(fraction / _SUBVOXELS**3, box)


def _squared_distance(grid: Grid, box: tuple[slice, ...], centre_mm: Array, offset: Array | None = None) -> Array:
    z, y, x = (
        np.arange(part.start, part.stop) + (0.0 if offset is None else offset[axis]) for axis, part in enumerate(box)
    )
    return squared_distance_mm2(grid, z, y, x, centre_mm)


def _projection(grid: Grid, box: tuple[slice, ...], centre_mm: Array, direction: Array, offset: Array) -> Array:
    z, y, x = (np.arange(part.start, part.stop) + offset[axis] for axis, part in enumerate(box))
    step = direction @ grid.affine_mm[:3, :3]
    start = float(direction @ (grid.affine_mm[:3, 3] - centre_mm))
    return np.asarray((start + z * step[0])[:, None, None] + (y * step[1])[:, None] + x * step[2])
