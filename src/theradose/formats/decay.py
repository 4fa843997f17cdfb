"""Physical decay between moments and within a frame, as the decay factor of DICOM defines it."""

from __future__ import annotations

import math

import numpy as np

from theradose.model.arrays import Array

_LINEAR_BELOW = 1e-6
"""Exponent below which the factor is 1 + x/2 to within double precision."""


def decay_factor(*, decay_constant_per_h: float, elapsed_h: float) -> float:
    """Return the fraction of the activity that is left after `elapsed_h` (more than 1 if negative).

    References
    ----------
    [JCGM100]_ treats the exact law A(t) = A(0) exp(−λt) as a model without uncertainty of its own.
    """
    return math.exp(-decay_constant_per_h * elapsed_h)


def frame_start_factor(
    *, decay_constant_per_h: float, duration_h: Array | float, delay_h: Array | float = 0.0
) -> Array:
    """Return activity at a moment over its mean during a frame that starts later, e^(λd) λΔ/(1 − e^(−λΔ)).

    Parameters
    ----------
    decay_constant_per_h : float
        λ.
    duration_h : float or ndarray
        Δ, not negative.
    delay_h : float or ndarray
        d, from the moment to the start of the frame; 0 gives the activity at the start of the frame itself.

    References
    ----------
    [DICOMPS3.3]_, section C.8.9.4, Decay Factor (0054,1321).
    """
    exponent = decay_constant_per_h * np.asarray(duration_h, float)
    safe = np.maximum(exponent, _LINEAR_BELOW)
    within_frame = np.where(exponent > _LINEAR_BELOW, safe / -np.expm1(-safe), 1 + exponent / 2)
    return np.asarray(np.exp(decay_constant_per_h * np.asarray(delay_h, float)) * within_frame)
