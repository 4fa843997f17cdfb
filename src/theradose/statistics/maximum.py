"""Maximum of a log-likelihood of few parameters whose gradient is known, also at complex points."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.statistics.newton import Derivatives, minimise

# Distance to the maximum in standard errors at which a point is the maximum.
_CLOSE = 1e-6
# Of the next step by the size of the point: where a function only levels off, steps never become small.
_SHORT = 1e-4
_FLAT = 1e-10
_COMPLEX_STEP = 1e-30

Function = Callable[[Array], float]
Gradient = Callable[[Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Where a function is largest.

    Attributes
    ----------
    point, value, hessian : ndarray and float
        Parameters, function and matrix of second derivatives there.
    converged : bool
        Whether the gradient vanishes and the function falls in every direction.
    """

    point: Array
    value: float
    hessian: Array
    converged: bool


def maximise(function: Function, gradient: Gradient, start: Array) -> Optimum:
    """Return the local maximum uphill of `start`.

    Parameters
    ----------
    function : callable
        Returns the value at a real point, shape (p,).
    gradient : callable
        Returns its gradient, shape (p,), and must accept complex points: second derivatives are the imaginary part of
        the gradient after a small imaginary step, which is free of cancellation.
    start : ndarray, shape (p,)
        Where to begin.
    """

    def falls(point: Array) -> Derivatives:
        return -function(point), -gradient(point), -second_derivatives(gradient, point)

    found = minimise(falls, start)
    slope, hessian = gradient(found.x), second_derivatives(gradient, found.x)
    curvature, axes = np.linalg.eigh(-hessian)
    converged = bool(curvature[0] > _FLAT * abs(curvature[-1]))
    if converged:
        step = axes @ ((axes.T @ slope) / curvature)
        size = 1 + float(np.linalg.norm(found.x))
        converged = math.sqrt(max(float(slope @ step), 0.0)) < _CLOSE and float(np.linalg.norm(step)) < _SHORT * size
    return Optimum(found.x, -found.value, hessian, converged)


def second_derivatives(gradient: Gradient, point: Array) -> Array:
    """Return the symmetric matrix of second derivatives at a real point, shape (p, p)."""
    steps = 1j * _COMPLEX_STEP * np.eye(len(point))
    rows = np.array([gradient(point + step).imag for step in steps]) / _COMPLEX_STEP
    return (rows + rows.T) / 2
