"""Two aligned images side by side, to judge a registration by eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.model.arrays import Array
from theradose.model.grid import Volume
from theradose.model.transform import Registration
from theradose.spatial.averages import average_volume
from theradose.spatial.registration_methods import RegistrationInput

_AIR_HU = -1000.0
_TILE_MM = 40.0
_BRIGHT_QUANTILE = 0.999


@dataclass(frozen=True, slots=True, eq=False)
class AlignedPair:
    """The images of two time points on the grid of the reference emission image.

    Attributes
    ----------
    timepoint : str
        The time point that was moved.
    kind : {"ct", "emission"}
        What is shown: HU, or the values of the emission images.
    reference, moving : Volume
        Fixed and moved image.
    """

    timepoint: str
    kind: Literal["ct", "emission"]
    reference: Volume
    moving: Volume


@dataclass(frozen=True, slots=True, eq=False)
class OverlayPlane:
    """One slice of an aligned pair along the axes of the grid.

    Attributes
    ----------
    axis : int
        Array axis perpendicular to the slice.
    index : int
        Position along it.
    reference, moving : ndarray, two-dimensional
        Values of both images.
    checkerboard : ndarray, two-dimensional
        Tiles of the one and of the other, each scaled to 0 … 1.
    spacing_mm : tuple of float
        Voxel size along rows and columns.
    """

    axis: int
    index: int
    reference: Array
    moving: Array
    checkerboard: Array
    spacing_mm: tuple[float, float]


def aligned_pair(reference: RegistrationInput, moving: RegistrationInput, registration: Registration) -> AlignedPair:
    """Return both images on the reference emission grid: the CTs if these were registered, else the emissions.

    Parameters
    ----------
    reference, moving : RegistrationInput
        The two time points.
    registration : Registration
        Outcome of `register` for them.
    """
    grid, transform = reference.emission.grid, registration.transform
    if registration.method == "ct" and reference.ct is not None and moving.ct is not None:
        return AlignedPair(
            moving.timepoint,
            "ct",
            average_volume(reference.ct, grid, fill=_AIR_HU),
            average_volume(moving.ct, grid, transform=transform, fill=_AIR_HU),
        )
    moved = average_volume(moving.emission, grid, transform=transform)
    return AlignedPair(moving.timepoint, "emission", average_volume(reference.emission, grid), moved)


def overlay_planes(
    pair: AlignedPair, *, centre: tuple[int, int, int] | None = None
) -> tuple[OverlayPlane, OverlayPlane, OverlayPlane]:
    """Return the three slices through a voxel.

    Parameters
    ----------
    pair : AlignedPair
        Aligned images.
    centre : tuple of int, optional
        Voxel (z, y, x); the middle of the grid by default.
    """
    grid = pair.reference.grid
    z, y, x = centre or tuple(n // 2 for n in grid.shape)
    tops = (_range_of(pair.reference.data, pair.kind), _range_of(pair.moving.data, pair.kind))
    return (
        _plane(pair, 0, z, tops),
        _plane(pair, 1, y, tops),
        _plane(pair, 2, x, tops),
    )


def _plane(
    pair: AlignedPair, axis: int, index: int, ranges: tuple[tuple[float, float], tuple[float, float]]
) -> OverlayPlane:
    first, second = (np.take(volume.data, index, axis=axis) for volume in (pair.reference, pair.moving))
    rows, columns = (step for i, step in enumerate(pair.reference.grid.spacing_mm) if i != axis)
    row, column = np.indices(first.shape)
    tile = ((row * rows) // _TILE_MM + (column * columns) // _TILE_MM) % 2 == 0
    scaled = [
        np.clip((values - low) / (high - low), 0.0, 1.0)
        for values, (low, high) in zip((first, second), ranges, strict=True)
    ]
    return OverlayPlane(axis, index, first, second, np.where(tile, *scaled), (rows, columns))


def _range_of(values: Array, kind: str) -> tuple[float, float]:
    """Lowest and highest value shown: everything for CT, from zero without single hot voxels for emission."""
    low = 0.0 if kind == "emission" else float(values.min())
    high = float(np.quantile(values, _BRIGHT_QUANTILE))
    return low, high if high > low else low + 1.0
