<<<<<<< HEAD
"""Maximum of a smooth function of few parameters, by Newton's method with exact second derivatives."""
=======
"""Maximum of a log-likelihood of few parameters whose gradient is known, also at complex points."""
>>>>>>> logit

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
<<<<<<< HEAD

_MOST_STEPS = 200
_MOST_HALVINGS = 40
_LONGEST_STEP = 5.0
_SMALLEST_CURVATURE = 1e-10
# Distance to the maximum in standard errors at which a point is the maximum.
_CLOSE = 1e-8
_ROUNDING = 1e-13
=======
from theradose.statistics.newton import Derivatives, minimise

# Distance to the maximum in standard errors at which a point is the maximum.
_CLOSE = 1e-6
# Of the next step by the size of the point: where a function only levels off, steps never become small.
_SHORT = 1e-4
_FLAT = 1e-10
>>>>>>> logit
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

<<<<<<< HEAD
    A step is Newton's with the absolute values of the curvatures, so that it goes uphill everywhere, at most 5 long
    (parameters are logits, or of that size) and halved until the function rises.

=======
>>>>>>> logit
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
<<<<<<< HEAD
    point, value = np.asarray(start, float), function(start)
    for _ in range(_MOST_STEPS):
        slope, hessian = gradient(point), second_derivatives(gradient, point)
        curvature, axes = np.linalg.eigh(-hessian)
        floor = max(_SMALLEST_CURVATURE * float(np.abs(curvature).max()), np.finfo(float).tiny)
        step = axes @ ((axes.T @ slope) / np.maximum(np.abs(curvature), floor))
        if math.sqrt(max(float(slope @ step), 0.0)) < _CLOSE:
            return Optimum(point, value, hessian, bool((curvature > floor).all()))
        step *= min(1.0, _LONGEST_STEP / float(np.linalg.norm(step)))
        for _ in range(_MOST_HALVINGS):
            reached = function(point + step)
            if reached >= value - _ROUNDING * (1 + abs(value)):
                break
            step /= 2
        point, value = point + step, reached
    return Optimum(point, value, second_derivatives(gradient, point), converged=False)
=======

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
>>>>>>> logit


def second_derivatives(gradient: Gradient, point: Array) -> Array:
    """Return the symmetric matrix of second derivatives at a real point, shape (p, p)."""
    steps = 1j * _COMPLEX_STEP * np.eye(len(point))
    rows = np.array([gradient(point + step).imag for step in steps]) / _COMPLEX_STEP
    return (rows + rows.T) / 2
