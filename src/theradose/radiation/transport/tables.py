"""Look-up of interaction data at an energy."""

from __future__ import annotations

import math

from theradose.compiled import device_function
from theradose.radiation.transport.types import Array, Media


@device_function
def locate(log_value: float, log_start: float, log_step: float, count: int) -> tuple[int, float]:
    """Return the interval of a uniform grid of `count` points and the place in it; ends hold beyond the grid."""
    place = (log_value - log_start) / log_step
    if place <= 0.0:
        return 0, 0.0
    if place >= count - 1:
        return count - 2, 1.0
    index = int(place)
    return index, place - index


@device_function
def locate_energy(energy_kev: float, media: Media) -> tuple[int, float]:
    """Return the interval of the energy grid and the place in it."""
    return locate(math.log(energy_kev), media.log_start, media.log_step, media.electron.shape[1])


@device_function
def electron_value(media: Media, material: int, index: int, part: float, column: int) -> float:
    """Return a column of the electron table between two energies."""
    low = media.electron[material, index, column]
    return low + part * (media.electron[material, index + 1, column] - low)


@device_function
def photon_value(media: Media, material: int, index: int, part: float, column: int) -> float:
    """Return a column of the photon table between two energies."""
    low = media.photon[material, index, column]
    return low + part * (media.photon[material, index + 1, column] - low)


@device_function
def line_value(values: Array, index: int, part: float) -> float:
    """Return a tabulated function between two points."""
    return values[index] + part * (values[index + 1] - values[index])
