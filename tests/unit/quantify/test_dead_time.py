from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import CalibrationError
from theradose.quantify.dead_time import true_count_rate


@pytest.mark.parametrize(("model", "true_cps"), [("paralysable", 68_859), ("non-paralysable", 68_182)])
def test_golden_numbers(model, true_cps):
    """2 us and 60 kcps: 68 859 (paralysable) and 68 182 cps, printed without decimals."""
    assert true_count_rate(observed_cps=60_000, dead_time_us=2, model=model) == pytest.approx(true_cps, abs=0.5)


def test_rates_above_the_maximum_are_refused():
    """1/(e tau) is 183.9 kcps at 2 us."""
    assert true_count_rate(observed_cps=183_939, dead_time_us=2) == pytest.approx(500_000, rel=0.01)
    with pytest.raises(CalibrationError, match="183940") as caught:
        true_count_rate(observed_cps=183_941, dead_time_us=2)
    assert caught.value.code == "dead-time-limit"
    with pytest.raises(CalibrationError):
        true_count_rate(observed_cps=500_000, dead_time_us=2, model="non-paralysable")


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
def test_meaningless_rates_are_refused(rate):
    with pytest.raises(CalibrationError) as caught:
        true_count_rate(observed_cps=rate, dead_time_us=2)
    assert caught.value.code == "dead-time-invalid"


def test_no_dead_time_changes_nothing():
    assert true_count_rate(observed_cps=1234.5, dead_time_us=0) == 1234.5
    assert true_count_rate(observed_cps=0, dead_time_us=2) == 0


@given(st.floats(0.0, 0.99), st.floats(0.1, 20.0))
def test_round_trip_on_the_lower_branch(lost, dead_time_us):
    """Near the maximum the slope of the model vanishes, so half of the digits are lost there."""
    true_cps = lost / dead_time_us * 1e6
    observed = true_cps * math.exp(-lost)
    assert true_count_rate(observed_cps=observed, dead_time_us=dead_time_us) == pytest.approx(true_cps, rel=1e-9)


@given(st.floats(0.0, 0.999), st.floats(0.1, 20.0))
def test_round_trip_non_paralysable(lost, dead_time_us):
    observed = lost / dead_time_us * 1e6
    true_cps = true_count_rate(observed_cps=observed, dead_time_us=dead_time_us, model="non-paralysable")
    assert true_cps / (1 + true_cps * dead_time_us * 1e-6) == pytest.approx(observed, rel=1e-9)
