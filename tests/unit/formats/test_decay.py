"""Decay within a frame."""

from __future__ import annotations

import numpy as np
import pytest

from theradose.formats.decay import frame_start_factor


@pytest.mark.parametrize("exponent", [1e-3, 0.1, 1.0, 5.0])
def test_factor_is_start_over_numerical_mean(exponent):
    """The mean of exp(-λt) over the frame, by the midpoint rule with an error below 1e-8."""
    middle = (np.arange(100_000) + 0.5) / 100_000
    mean = np.exp(-exponent * middle).mean()
    assert frame_start_factor(decay_constant_per_h=exponent, duration_h=1.0) == pytest.approx(1 / mean, rel=1e-8)


@pytest.mark.parametrize("exponent", [0.0, 1e-12, 9.99e-7, 1.01e-6])
def test_short_frames_are_linear(exponent):
    """For small x the factor is 1 + x/2 + x²/12."""
    assert frame_start_factor(decay_constant_per_h=exponent, duration_h=1.0) == pytest.approx(
        1 + exponent / 2, abs=1e-12
    )


def test_frames_of_their_own_length():
    factors = frame_start_factor(decay_constant_per_h=1.0, duration_h=np.array([0.0, 1.0]))
    assert factors == pytest.approx([1, 1 / (1 - np.exp(-1))])


def test_delay_before_the_frame_decays_too():
    """One half-life from the moment to the frame doubles the factor."""
    at_start = frame_start_factor(decay_constant_per_h=np.log(2), duration_h=0.5)
    assert frame_start_factor(decay_constant_per_h=np.log(2), duration_h=0.5, delay_h=1.0) == pytest.approx(
        2 * at_start
    )
