"""Resampling between grids: point values, activity that is conserved, and regions.

Every function takes a transform that maps points of the target grid's space to the space of what is being
resampled. Together with the two affine matrices it is one linear map of voxel indices, so that no array of
coordinates is ever made.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np

from theradose.model.activity import ActivityMap
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels, Segmentation
from theradose.model.transform import RigidTransform
from theradose.spatial.averages import average_on, average_volume, index_map, same_voxels

__all__ = [
    "average_volume",
    "box_grid",
    "lost_activity",
    "resample_activity",
    "resample_segmentation",
    "resample_volume",
]

_NEGLIGIBLE_FRACTION = 1e-6
_LOST_INFO = 0.001
_LOST_WARNING = 0.01


def resample_volume(
    volume: Volume, grid: Grid, *, transform: RigidTransform | None = None, fill: float = 0.0, order: int = 1
) -> Volume:
    """Return the values of a volume at the voxel centres of another grid.

    For images to look at and to register, and for labels (`order` 0). A coarser grid is not averaged: use
    `average_volume` or `resample_activity` where sums matter.

    Parameters
    ----------
    volume : Volume
        What to resample.
    grid : Grid
        Target.
    transform : RigidTransform, optional
        Maps points of the target's space to the space of `volume`; the identity by default.
    fill : float
        Value of voxels whose centre lies outside the voxels of `volume`.
    order : int
        Order of the spline: 0 nearest neighbour (keeps the data type), 1 linear, up to 5.

    Returns
    -------
    Volume
        On `grid`, float32 unless `order` is 0.
    """
    from scipy.ndimage import affine_transform

    if same_voxels(volume.grid, grid, transform):
        return Volume(volume.data, grid)
    matrix, offset = index_map(volume.grid, grid, transform)
    data = affine_transform(
        volume.data,
        matrix,
        offset,
        output_shape=grid.shape,
        output=volume.data.dtype if order == 0 else np.float32,
        order=order,
        mode="nearest",
        prefilter=order > 1,
    )
    for z, plane in enumerate(data):
        plane[~_inside(matrix, offset, z, grid.shape, volume.grid.shape)] = fill
    return Volume(data, grid)


def resample_activity(activity: ActivityMap, grid: Grid, *, transform: RigidTransform | None = None) -> ActivityMap:
    """Return an activity map on another grid; activity inside the target's field of view is conserved.

    Nothing is rescaled afterwards: the sum is conserved because each target voxel holds the mean of the
    concentration over its volume. What lies outside the target is lost; `lost_activity` says how much.

    Parameters
    ----------
    activity : ActivityMap
        Concentration in MBq/mL.
    grid : Grid
        Target.
    transform : RigidTransform, optional
        Maps points of the target's space to the space of `activity`; the identity by default.
    """
    averaged = average_volume(activity, grid, transform=transform)
    return replace(activity, data=averaged.data, grid=grid)


def lost_activity(
    activity: ActivityMap, grid: Grid, *, transform: RigidTransform | None = None, where: str = ""
) -> tuple[float, tuple[Finding, ...]]:
    """Return the fraction of the activity that lies outside another grid.

    Parameters
    ----------
    activity : ActivityMap
        Concentration in MBq/mL.
    grid : Grid
        Target of the resampling.
    transform : RigidTransform, optional
        Maps points of the target's space to the space of `activity`; the identity by default.
    where : str
        Time point named in the finding.

    Returns
    -------
    float
        Activity of the voxels with their centre outside `grid`, as a fraction of the total.
    tuple of Finding
        ``activity-outside-grid`` from 0.1 %.
    """
    total = float(activity.data.sum(dtype=np.float64))
    if same_voxels(activity.grid, grid, transform) or total <= 0.0:
        return 0.0, ()
    inverse = None if transform is None else transform.inverse()
    matrix, offset = index_map(grid, activity.grid, inverse)
    kept = math.fsum(
        float(plane[_inside(matrix, offset, z, activity.grid.shape, grid.shape)].sum(dtype=np.float64))
        for z, plane in enumerate(activity.data)
    )
    fraction = max(0.0, 1.0 - kept / total)
    if fraction < _LOST_INFO:
        return fraction, ()
    finding = Finding(
        "activity-outside-grid",
        "warning" if fraction >= _LOST_WARNING else "info",
        f"{fraction:.1%} of the activity lies outside the image of the reference time point and is missing "
        "after the alignment.",
        where,
    )
    return fraction, (finding,)


def resample_segmentation(
    segmentation: Segmentation, grid: Grid, *, transform: RigidTransform | None = None
) -> Segmentation:
    """Return regions on another grid as fractions of its voxels; volumes inside the grid are conserved.

    Each region is computed in its own box, so that time and memory follow the size of the regions and not
    of the grids.

    Parameters
    ----------
    segmentation : Segmentation
        Regions to resample.
    grid : Grid
        Target.
    transform : RigidTransform, optional
        Maps points of the target's space to the space of `segmentation`; the identity by default.
    """
    if same_voxels(segmentation.grid, grid, transform):
        return Segmentation(grid, segmentation.regions, segmentation.voxels)
    voxels = tuple(_resample_region(one, segmentation.grid, grid, transform) for one in segmentation.voxels)
    return Segmentation(grid, segmentation.regions, voxels)


def _resample_region(
    voxels: RegionVoxels, source: Grid, target: Grid, transform: RigidTransform | None
) -> RegionVoxels:
    empty = RegionVoxels((0, 0, 0), np.zeros((0, 0, 0), np.float32))
    if voxels.fraction.size == 0:
        return empty
    part = box_grid(source, voxels.origin, voxels.fraction.shape)
    # Interpolation reaches one source voxel beyond the box.
    edges = product(*((-1.5, n + 0.5) for n in part.shape))
    corners = part.to_lps(np.array(list(edges)))
    if transform is not None:
        corners = transform.inverse().apply(corners)
    index = target.to_index(corners)
    first = np.maximum(np.floor(index.min(axis=0)), 0).astype(int)
    last = np.minimum(np.ceil(index.max(axis=0)), np.array(target.shape) - 1).astype(int)
    if np.any(last < first):
        return empty
    z, y, x = (int(i) for i in first)
    box = box_grid(target, (z, y, x), tuple(int(n) for n in last - first + 1))
    fraction = np.clip(average_on(voxels.fraction, part, box, transform=transform, fill=0.0), 0.0, 1.0)
    fraction[fraction < _NEGLIGIBLE_FRACTION] = 0.0
    cropped = RegionVoxels.from_mask(fraction)
    dz, dy, dx = cropped.origin
    return RegionVoxels((z + dz, y + dy, x + dx), cropped.fraction)


def box_grid(grid: Grid, origin: tuple[int, int, int], shape: tuple[int, ...]) -> Grid:
    """Return the grid of a box of voxels, from the index of its first voxel and its shape."""
    affine = grid.affine_mm.copy()
    affine[:3, 3] = grid.to_lps(origin)
    z, y, x = shape
    return Grid((z, y, x), affine, grid.frame_of_reference)


def _inside(
    matrix: Array, offset: Array, z: int, shape: tuple[int, int, int], source_shape: tuple[int, int, int]
) -> Array:
    """Whether the voxel centres of slice `z` lie within the voxels of the source, shape (y, x)."""
    y, x = np.arange(shape[1])[:, None], np.arange(shape[2])[None, :]
    inside = np.ones(shape[1:], bool)
    for axis, count in enumerate(source_shape):
        along = offset[axis] + matrix[axis, 0] * z + matrix[axis, 1] * y + matrix[axis, 2] * x
        inside &= (along >= -0.5 - _NEGLIGIBLE_FRACTION) & (along <= count - 0.5 + _NEGLIGIBLE_FRACTION)
    return inside
