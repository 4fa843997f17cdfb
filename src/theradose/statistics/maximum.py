"""Maximum of a smooth function of few parameters, by Newton's method with exact second derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array

_MOST_STEPS = 200
_MOST_HALVINGS = 40
_LONGEST_STEP = 5.0
_SMALLEST_CURVATURE = 1e-10
# Distance to the maximum in standard errors at which a point is the maximum.
_CLOSE = 1e-8
# Of the next step by the size of the point: where a function only levels off, steps never become small.
_SHORT = 1e-4
_ROUNDING = 1e-13
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

    A step is Newton's with the absolute values of the curvatures, so that it goes uphill everywhere, at most 5 long
    (parameters are logits, or of that size) and halved until the function rises.

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
    point, value = np.asarray(start, float), function(start)
    for _ in range(_MOST_STEPS):
        slope, hessian = gradient(point), second_derivatives(gradient, point)
        curvature, axes = np.linalg.eigh(-hessian)
        floor = max(_SMALLEST_CURVATURE * float(np.abs(curvature).max()), np.finfo(float).tiny)
        step = axes @ ((axes.T @ slope) / np.maximum(np.abs(curvature), floor))
        length = float(np.linalg.norm(step))
        if math.sqrt(max(float(slope @ step), 0.0)) < _CLOSE and length < _SHORT * (1 + float(np.linalg.norm(point))):
            return Optimum(point, value, hessian, bool((curvature > floor).all()))
        step *= min(1.0, _LONGEST_STEP / length)
        for _ in range(_MOST_HALVINGS):
            reached = function(point + step)
            if reached >= value - _ROUNDING * (1 + abs(value)):
                break
            step /= 2
        point, value = point + step, reached
    return Optimum(point, value, second_derivatives(gradient, point), converged=False)


def second_derivatives(gradient: Gradient, point: Array) -> Array:
    """Return the symmetric matrix of second derivatives at a real point, shape (p, p)."""
    steps = 1j * _COMPLEX_STEP * np.eye(len(point))
    rows = np.array([gradient(point + step).imag for step in steps]) / _COMPLEX_STEP
    return (rows + rows.T) / 2
