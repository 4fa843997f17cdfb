"""Probability of exceeding a limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.plan.probability import interval, probability_above, upper_factor
from theradose.uncertainty import Uncertain


def test_a_best_estimate_at_the_limit_is_as_likely_above_as_below():
    assert probability_above(Uncertain(23.0, {"fit": 3.0}), 23.0) == pytest.approx(0.5)


def test_without_a_stated_uncertainty_there_is_no_probability():
    assert probability_above(Uncertain(20.0), 23.0) is None


@given(u=st.floats(0.01, 1.0), probability=st.floats(0.001, 0.999), limit=st.floats(0.1, 100.0))
def test_the_upper_factor_inverts_the_probability(u, probability, limit):
    best = limit / upper_factor(u, probability)
    assert probability_above(Uncertain(best, {"fit": u * best}), limit) == pytest.approx(probability, rel=1e-9)


def test_a_mean_of_patients_is_above_their_median():
    """Half of a lognormal population with mean 1 and standard deviation 1 lies below 1/√2."""
    patients = Uncertain(1.0, {"patients": 1.0})
    assert probability_above(patients, 0.5**0.5, of_mean=True) == pytest.approx(0.5)
    low, high = interval(patients, of_mean=True)
    assert low * high == pytest.approx(0.5)
