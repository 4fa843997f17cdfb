"""Decay within a frame, as the decay factor of DICOM defines it."""

from __future__ import annotations

import numpy as np

from theradose.model.arrays import Array

_LINEAR_BELOW = 1e-6
"""Exponent below which the factor is 1 + x/2 to within double precision."""


def frame_start_factor(*, decay_constant_per_h: float, duration_h: Array | float) -> Array:
    """Return activity at the start of a frame over its mean during the frame, λΔ/(1 − e^(−λΔ)).

    Parameters
    ----------
    decay_constant_per_h : float
        λ.
    duration_h : float or ndarray
        Δ, not negative.

    References
    ----------
    [DICOMPS3.3]_, section C.8.9.4, Decay Factor (0054,1321).
    """
    exponent = decay_constant_per_h * np.asarray(duration_h, float)
    safe = np.maximum(exponent, _LINEAR_BELOW)
    return np.where(exponent > _LINEAR_BELOW, safe / -np.expm1(-safe), 1 + exponent / 2)
