"""Averages of a volume over the voxels of another grid.

The source is taken as the trilinear interpolation of its voxel values with a constant around it. The integral
of that field is exactly the sum of the voxels times their volume, whatever the noise: averages over voxels
that fill space conserve it. Without rotation the average is computed exactly, as a product of one matrix per
axis; with rotation by a sum over sub-voxels.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.model.transform import RigidTransform

AIR_HU = -1000.0
"""CT number of air by definition of the scale: what surrounds a CT."""

# Steps that differ by less than this count as equal: header spacings are rounded.
_EQUAL_STEP = 0.01
# Displacement in voxels, over a whole axis, up to which two grids count as parallel.
_PARALLEL = 0.01


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
    return Volume(average_on(volume.data, volume.grid, grid, transform=transform, fill=fill), grid)


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


def average_on(data: Array, source: Grid, target: Grid, *, transform: RigidTransform | None, fill: float) -> Array:
    """Return the means of `data` on `source` over the voxels of `target`, float32.

    Parameters are those of `average_volume`.
    """
    matrix, offset = index_map(source, target, transform)
    skew = np.abs(matrix - np.diag(np.diag(matrix))) @ np.array(target.shape)
    if np.all(skew <= _PARALLEL):
        return _parallel_averages(data, np.diag(matrix), offset, target.shape, fill)
    return _rotated_averages(data, source, target, transform, fill)


def _parallel_averages(data: Array, steps: Array, offset: Array, shape: tuple[int, int, int], fill: float) -> Array:
    along_z, along_y, along_x = (
        _weights(step, first, n, count) for step, first, n, count in zip(steps, offset, shape, data.shape, strict=True)
    )
    averaged: Array = np.tensordot(along_z, along_y @ (np.asarray(data, np.float32) @ along_x.T), axes=1)
    if fill != 0.0:
        z, y, x = (weights.sum(axis=1) for weights in (along_z, along_y, along_x))
        averaged += np.float32(fill) * (1 - z[:, None, None] * y[:, None] * x)
    return averaged


def _weights(step: float, first: float, targets: int, sources: int) -> Array:
    """Share of each source voxel in each target voxel along one axis, shape (targets, sources), float32.

    Target voxel i is centred at `first` + i · `step` in units of source voxels. Its mean of the interpolated
    field is the integral of the source's hat functions over it; where the steps are equal the value at its centre
    has the same sum and less blur.
    """
    distance = first + step * np.arange(targets)[:, None] - np.arange(sources)
    if abs(abs(step) - 1.0) <= _EQUAL_STEP:
        weights = np.maximum(0.0, 1.0 - np.abs(distance))
    else:
        half = abs(step) / 2
        weights = (_hat_integral(distance + half) - _hat_integral(distance - half)) / (2 * half)
    return np.asarray(weights, np.float32)


def _hat_integral(position: Array) -> Array:
    """Integral of the hat function (1 at 0, 0 from ±1 on) up to each position."""
    inner = np.clip(position, -1.0, 1.0)
    integral: Array = 0.5 + inner - 0.5 * inner * np.abs(inner)
    return integral


def _rotated_averages(data: Array, source: Grid, target: Grid, transform: RigidTransform | None, fill: float) -> Array:
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
