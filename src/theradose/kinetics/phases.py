"""One exponential phase, given at once or by a constant infusion.

Times count from the start of the administration and curves are fitted to samples after its end, where a phase is
exp(−λt) in both cases. During a constant infusion of length T the same phase rises as
(1 − exp(−λt)) / (exp(λT) − 1), and its whole area is T / (exp(λT) − 1): that of the bolus times
λT / (exp(λT) − 1). Without this correction every phase's area is too large.

References
----------
[Theradose]_, derived in the documentation, methods, kinetics: the convolution of a bolus response with the infusion.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.model.arrays import Array


def phase_value(t_h: Array, rates: Array, *, infusion_h: float) -> Array:
    """Return the phases at `t_h`, shape (n, k)."""
    times = np.asarray(t_h, float)[:, None]
    value = np.exp(-times * rates)
    if (times < infusion_h).any():
        value = np.where(times < infusion_h, -np.expm1(-times * rates) * _rise(rates, infusion_h), value)
    return np.asarray(value)


def phase_gradient(t_h: Array, rates: Array, *, infusion_h: float) -> Array:
    """Return the derivative of each phase by its rate at `t_h`, shape (n, k)."""
    times = np.asarray(t_h, float)[:, None]
    gradient = -times * np.exp(-times * rates)
    if (times < infusion_h).any():
        rise = _rise(rates, infusion_h)
        during = -gradient * rise - np.expm1(-times * rates) * _rise_gradient(rise, infusion_h)
        gradient = np.where(times < infusion_h, during, gradient)
    return np.asarray(gradient)


def phase_tail(start_h: float, rates: Array, *, infusion_h: float) -> Array:
    """Return the integrals of the phases from `start_h` to infinity, h, shape (k,)."""
    if math.isinf(start_h):
        return np.zeros_like(rates)
    if start_h < infusion_h:
        return np.asarray(_rise(rates, infusion_h) * _remaining(start_h, rates, infusion_h))
    return np.asarray(np.exp(-rates * start_h) / rates)


def phase_tail_gradient(start_h: float, rates: Array, *, infusion_h: float) -> Array:
    """Return the derivative of each of these integrals by its rate, shape (k,)."""
    if math.isinf(start_h):
        return np.zeros_like(rates)
    if start_h < infusion_h:
        rise = _rise(rates, infusion_h)
        decayed = np.exp(-rates * start_h)
        inner = start_h * decayed / rates - (1 - decayed) / rates**2
        return np.asarray(_rise_gradient(rise, infusion_h) * _remaining(start_h, rates, infusion_h) + rise * inner)
    return np.asarray(-np.exp(-rates * start_h) * (start_h / rates + 1.0 / rates**2))


def _rise(rates: Array, infusion_h: float) -> Array:
    """Return 1 / (exp(λT) − 1) without overflow."""
    return np.asarray(np.exp(-rates * infusion_h) / -np.expm1(-rates * infusion_h))


def _rise_gradient(rise: Array, infusion_h: float) -> Array:
    return -infusion_h * rise * (1.0 + rise)


def _remaining(start_h: float, rates: Array, infusion_h: float) -> Array:
    return np.asarray(infusion_h - start_h - np.expm1(-rates * start_h) / rates)
