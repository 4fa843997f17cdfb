"""Resampling between grids: point values, voxel averages that conserve activity, and regions.

Every function takes a transform that maps points of the target grid's space to the space of what is being
resampled. Together with the two affine matrices it is one linear map of voxel indices, so that no array of
coordinates is ever made.

Averages treat the source as the trilinear interpolation of its voxel values with `fill` around it. The
integral of that field is exactly the sum of the voxels times their volume, whatever the noise.
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

# Steps that differ by less than this count as equal: header spacings are rounded.
_EQUAL_STEP = 0.01
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


def average_volume(volume: Volume, grid: Grid, *, transform: RigidTransform | None = None, fill: float = 0.0) -> Volume:
    """Return the mean of a volume over each voxel of another grid.

    Parameters
    ----------
    volume : Volume
        What to resample.
    grid : Grid
        Target.
    transform : RigidTransform, optional
        Maps points of the target's space to the space of `volume`; the identity by default.
    fill : float
        Value of everything around the voxels of `volume`.

    Returns
    -------
    Volume
        On `grid`, float32.
    """
    if same_voxels(volume.grid, grid, transform):
        return Volume(np.asarray(volume.data, np.float32), grid)
    return Volume(_averages(volume.data, volume.grid, grid, transform, fill), grid)


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


def same_voxels(source: Grid, target: Grid, transform: RigidTransform | None) -> bool:
    """Return whether resampling from `source` to `target` would change nothing."""
    still = transform is None or np.array_equal(transform.matrix, np.eye(4))
    return still and source.matches(target)


def index_map(source: Grid, target: Grid, transform: RigidTransform | None) -> tuple[Array, Array]:
    """Return matrix (3, 3) and offset (3,) that map voxel indices of `target` to indices of `source`."""
    between = np.eye(4) if transform is None else transform.matrix
    combined = np.linalg.inv(source.affine_mm) @ between @ target.affine_mm
    return combined[:3, :3], combined[:3, 3]


def block_mean(volume: Volume, factors: tuple[int, int, int], *, fill: float = 0.0) -> Volume:
    """Return the means of blocks of voxels; incomplete blocks at the end are completed with `fill`."""
    if factors == (1, 1, 1):
        return volume
    missing = [(0, -n % factor) for n, factor in zip(volume.data.shape, factors, strict=True)]
    data = volume.data
    if any(after for _, after in missing):
        data = np.pad(data, missing, constant_values=fill)
    for axis, factor in enumerate(factors):
        # One axis after the other, each with a contiguous sum over slices: fast, and float32 throughout.
        starts = [slice(None)] * 3
        total = np.zeros([n // factor if i == axis else n for i, n in enumerate(data.shape)], np.float32)
        for first in range(factor):
            starts[axis] = slice(first, None, factor)
            total += data[tuple(starts)]
        data = total / np.float32(factor)
    affine = volume.grid.affine_mm.copy()
    affine[:3, 3] = volume.grid.to_lps((np.array(factors) - 1) / 2)
    affine[:3, :3] *= np.array(factors)
    return Volume(data, Grid(data.shape, affine, volume.grid.frame_of_reference))


def _averages(data: Array, source: Grid, target: Grid, transform: RigidTransform | None, fill: float) -> Array:
    """Midpoint sums over sub-voxels that are small enough for the source's voxels."""
    from scipy.ndimage import affine_transform

    matrix, _ = index_map(source, target, transform)
    # A much finer source is first averaged in blocks of at most half the target's step, which is exact.
    z, y, x = (max(1, int(step / 2)) for step in np.abs(matrix).max(axis=1))
    reduced = block_mean(Volume(data, source), (z, y, x), fill=fill)
    matrix, offset = index_map(reduced.grid, target, transform)
    parts = [
        _parts(step, blurred=block > 1) for step, block in zip(np.linalg.norm(matrix, axis=0), (z, y, x), strict=True)
    ]
    shifts = list(product(*((np.arange(n) + 0.5) / n - 0.5 for n in parts)))
    total = np.zeros(target.shape, np.float32)
    for shift in shifts:
        total += affine_transform(
            reduced.data,
            matrix,
            offset + matrix @ np.array(shift),
            output_shape=target.shape,
            output=np.float32,
            order=1,
            mode="grid-constant",
            cval=fill,
            prefilter=False,
        )
    return total / np.float32(len(shifts)) if len(shifts) > 1 else total


def _parts(step: float, *, blurred: bool) -> int:
    """Number of sub-voxels along a target axis whose step is `step` source voxels.

    Points that are one source voxel apart sum the interpolated field exactly, at any phase. Other distances
    beat with the grid of the source; from half a voxel on the beat is below 0.2 % even for the smallest
    lesions. Sources averaged in blocks have too little at that frequency to need it.
    """
    if abs(step - 1.0) <= _EQUAL_STEP:
        return 1
    return math.ceil(step) if blurred else max(2, math.ceil(2.0 * step))


def _resample_region(
    voxels: RegionVoxels, source: Grid, target: Grid, transform: RigidTransform | None
) -> RegionVoxels:
    empty = RegionVoxels((0, 0, 0), np.zeros((0, 0, 0), np.float32))
    if voxels.fraction.size == 0:
        return empty
    part = _box_grid(source, voxels.origin, voxels.fraction.shape)
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
    box = _box_grid(target, (z, y, x), tuple(int(n) for n in last - first + 1))
    fraction = np.clip(_averages(voxels.fraction, part, box, transform, 0.0), 0.0, 1.0)
    fraction[fraction < _NEGLIGIBLE_FRACTION] = 0.0
    cropped = RegionVoxels.from_mask(fraction)
    dz, dy, dx = cropped.origin
    return RegionVoxels((z + dz, y + dy, x + dx), cropped.fraction)


def _box_grid(grid: Grid, origin: tuple[int, int, int], shape: tuple[int, ...]) -> Grid:
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
