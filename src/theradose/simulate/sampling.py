"""Seeded draws of the quantities that vary between digital patients."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

_WIDTH_SD = 2.0


def draw(rng: np.random.Generator, spec: Mapping[str, float]) -> float:
    """Return a log-normal value from ``{median, cv, min, max}``.

    Values beyond two standard deviations of the logarithm, or outside `min` and `max` if given, are redrawn.
    """
    sigma = math.sqrt(math.log1p(spec["cv"] ** 2))
    lower, upper = spec.get("min", 0.0), spec.get("max", math.inf)
    while True:
        deviation = rng.normal()
        value = spec["median"] * math.exp(sigma * deviation)
        if abs(deviation) <= _WIDTH_SD and lower <= value <= upper:
            return value


def draw_factor(rng: np.random.Generator, cv: float) -> float:
    """Return a log-normal factor with median 1."""
    return draw(rng, {"median": 1.0, "cv": cv})


def draw_direction(rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a unit vector, uniform over the sphere, shape (3,)."""
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)
