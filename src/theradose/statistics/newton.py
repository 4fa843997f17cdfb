"""Minimum of a smooth function of few parameters whose first and second derivatives are known.

References
----------
[NocedalWright2006]_ Trust regions; the step of a trust region from the eigenvalues of the Hessian.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array

Derivatives = tuple[float, Array, Array]

_MOST_STEPS = 300
_ROUNDING = 1e-12
_WITHIN_ROUNDING = 1e-11
_LEAST_SHARE = 1e-4
_SHORTEST = 1e-9
_FLAT = 1e-11
_BENT = 1e-7
_LEVEL = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Minimum:
    """Where a function is least.

    Attributes
    ----------
    x : array, shape (m,)
        The parameters.
    value : float
        Of the function.
    decrement : float
        Decrease that a further Newton step promises: what is left of the way, in the unit of the function.
    converged : bool
        Whether that is nothing and the function does not fall in any direction.
    """

    x: Array
    value: float
    decrement: float
    converged: bool


def minimise(function: Callable[[Array], Derivatives], start: Array) -> Minimum:
    """Return the minimum that steps within a trust region reach from `start`.

    Near it they are Newton's, and are taken until the gradient is nothing but rounding. A step leaves a saddle point
    along the direction in which the function bends down, even where the gradient is zero.
    """
    x, radius = np.array(start, float), 1.0
    value, gradient, hessian = function(x)
    for _ in range(_MOST_STEPS):
        step = _trust_region_step(gradient, hessian, radius)
        length = float(np.linalg.norm(step))
        promised = -float(gradient @ step + step @ hessian @ step / 2)
        trial = function(x + step)
        if promised > _ROUNDING * max(1.0, abs(value)):
            gained = (value - trial[0]) / promised if np.isfinite(trial[0]) else -1.0
        else:
            # The values do not tell any more; the gradients still do.
            gained = 1.0 if np.linalg.norm(trial[1]) < np.linalg.norm(gradient) else -1.0
        if gained > _LEAST_SHARE:
            x = x + step
            value, gradient, hessian = trial
        elif length < _SHORTEST * (1 + float(np.linalg.norm(x))):
            break
        if gained < 0.25:
            radius = 0.25 * length
        elif gained > 0.75 and length > 0.99 * radius:
            radius *= 2
    step = _newton_step(gradient, hessian)
    eigenvalues = np.linalg.eigvalsh(hessian)
    scale = max(1.0, float(eigenvalues[-1]))
    decrement = -float(gradient @ step) / 2
    # What the step leaves of the gradient lies in flat directions.
    level = float(np.linalg.norm(gradient + hessian @ step)) < _LEVEL * scale
    converged = decrement < _WITHIN_ROUNDING * max(1.0, abs(value)) and level and eigenvalues[0] >= -_BENT * scale
    return Minimum(x, value, decrement, bool(converged))


def _newton_step(gradient: Array, hessian: Array) -> Array:
    """Return the Newton step, without the directions in which the function is flat or bends down."""
    values, vectors = np.linalg.eigh(hessian)
    kept = values > _FLAT * max(float(values[-1]), 1e-300)
    along = vectors[:, kept].T @ gradient
    return np.asarray(-vectors[:, kept] @ (along / values[kept]))


def _trust_region_step(gradient: Array, hessian: Array, radius: float) -> Array:
    """Return the step of at most `radius` that lowers the quadratic model most."""
    values, vectors = np.linalg.eigh(hessian)
    along = vectors.T @ gradient
    lowest = float(values[0])
    scale = max(float(np.abs(values).max()), 1e-300)
    if lowest > _FLAT * scale:
        step = -along / values
        if np.linalg.norm(step) <= radius:
            return np.asarray(vectors @ step)
    if lowest < 0 and abs(along[0]) < 1e-10 * max(1.0, float(np.linalg.norm(along))):
        # At a saddle point the gradient does not say which way to go down: either is right.
        along = along.copy()
        along[0] = 1e-8 * scale
    low = max(0.0, -lowest)
    high = low + float(np.linalg.norm(along)) / radius + 1e-12 * scale
    for _ in range(200):
        shift = (low + high) / 2
        if np.linalg.norm(along / np.maximum(values + shift, 1e-300)) > radius:
            low = shift
        else:
            high = shift
        if high - low <= 1e-12 * high:
            break
    return np.asarray(vectors @ (-along / np.maximum(values + high, 1e-300)))
