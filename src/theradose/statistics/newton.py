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
_POLISHING_STEPS = 12
_WITHIN_ROUNDING = 1e-9
_FLAT = 1e-11


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
    """Return the minimum that steps within a trust region reach from `start`, polished by plain Newton steps.

    A step leaves a saddle point along the direction in which the function bends down, even where the gradient is zero.
    """
    x, radius = np.array(start, float), 1.0
    value, gradient, hessian = function(x)
    for _ in range(_MOST_STEPS):
        step = _trust_region_step(gradient, hessian, radius)
        promised = -float(gradient @ step + step @ hessian @ step / 2)
        if promised <= _WITHIN_ROUNDING * max(1.0, abs(value)) and np.linalg.norm(step) < radius:
            break
        trial = function(x + step)
        gained = (value - trial[0]) / promised if np.isfinite(trial[0]) else -1.0
        if gained < 0.25:
            radius = 0.25 * float(np.linalg.norm(step))
        elif gained > 0.75 and np.linalg.norm(step) > 0.99 * radius:
            radius *= 2
        if gained > 1e-4:
            x = x + step
            value, gradient, hessian = trial
        elif radius < 1e-12 * (1 + float(np.linalg.norm(x))):
            break
    for _ in range(_POLISHING_STEPS):
        step = _newton_step(gradient, hessian)
        trial = function(x + step)
        if not np.linalg.norm(trial[1]) < np.linalg.norm(gradient):
            break
        x = x + step
        value, gradient, hessian = trial
    eigenvalues = np.linalg.eigvalsh(hessian)
    decrement = -float(gradient @ _newton_step(gradient, hessian)) / 2
    scale = max(1.0, abs(value))
    bends_down = eigenvalues[0] < -1e-6 * max(1.0, float(eigenvalues[-1]))
    return Minimum(x, value, decrement, decrement < _WITHIN_ROUNDING * scale and not bends_down)


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
