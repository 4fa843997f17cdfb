"""Directions in three dimensions."""

from __future__ import annotations

import math

from theradose.compiled import device_function
from theradose.radiation.transport.random import uniform
from theradose.radiation.transport.types import State


@device_function
def isotropic(state: State) -> tuple[float, float, float]:
    """Return a direction, every one equally probable."""
    cosine = 2.0 * uniform(state) - 1.0
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    azimuth = 2.0 * math.pi * uniform(state)
    return cosine, sine * math.cos(azimuth), sine * math.sin(azimuth)


@device_function
def turned(uz: float, uy: float, ux: float, cosine: float, state: State) -> tuple[float, float, float]:
    """Return a direction at an angle to another, around it at random."""
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    azimuth = 2.0 * math.pi * uniform(state)
    along, across = sine * math.cos(azimuth), sine * math.sin(azimuth)
    perpendicular = ux * ux + uy * uy
    if perpendicular < 1e-12:
        sign = 1.0 if uz > 0.0 else -1.0
        return sign * cosine, across, along
    root = math.sqrt(perpendicular)
    new_x = ux * cosine + (ux * uz * along - uy * across) / root
    new_y = uy * cosine + (uy * uz * along + ux * across) / root
    new_z = uz * cosine - along * root
    norm = 1.0 / math.sqrt(new_x * new_x + new_y * new_y + new_z * new_z)
    return new_z * norm, new_y * norm, new_x * norm
