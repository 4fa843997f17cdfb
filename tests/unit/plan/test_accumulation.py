"""Limits with what was given and what is to come: dose from activity, activity from dose, probability."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import PlanError
from theradose.plan.cycles.accumulation import Accumulation, accepted_activity, probability_of_any
from theradose.uncertainty import Uncertain
from unit.plan.courses import limit

PER_ACTIVITY = st.floats(1e-4, 3e-3)
QUADRATIC = st.sampled_from([0.0, 0.02, 0.05])
PAST = st.floats(0.0, 20.0)


def accumulation(past=10.0, per_activity=(7e-4, 7e-4), k=0.0, value=23.0, region="left-kidney", fit=0.06, shared=0.05):
    given_so_far = Uncertain.relative(past, {"volume": shared, "fit@1": fit})
    coming = tuple(
        Uncertain.relative(d, {"volume": shared, "fit@1": fit, f"between@{number}": 0.15})
        for number, d in enumerate(per_activity, 2)
    )
    return Accumulation(region, limit(value), given_so_far, coming, Uncertain(k), "test")


@given(past=PAST, d=st.lists(PER_ACTIVITY, min_size=1, max_size=5), k=QUADRATIC)
def test_the_planned_activity_inverts_the_dose(past, d, k):
    item = accumulation(past, tuple(d), k)
    assert item.total(item.best_activity().value).value == pytest.approx(23.0, rel=1e-9)


@given(d=st.lists(PER_ACTIVITY, min_size=1, max_size=5), activity=st.floats(1.0, 3e4))
def test_doubling_the_activity_doubles_what_is_added(d, activity):
    item = accumulation(10.0, tuple(d))
    added = [item.total(factor * activity).value - 10.0 for factor in (1, 2)]
    assert added[1] == pytest.approx(2 * added[0], rel=1e-9)


@given(past=PAST, d=st.lists(PER_ACTIVITY, min_size=1, max_size=4), k=QUADRATIC, activity=st.floats(1.0, 2e4))
def test_the_matrix_of_covariances_gives_the_uncertainty_of_the_sum(past, d, k, activity):
    from theradose.plan.probability import probability_above

    item = accumulation(past, tuple(d), k)
    total = item.total(activity)
    assert item.probability(activity) == pytest.approx(probability_above(total, 23.0) or 0.0, rel=1e-9, abs=1e-12)


@given(alpha=st.sampled_from([0.01, 0.05, 0.2, 0.5]), past=PAST, k=QUADRATIC)
def test_the_accepted_activity_has_the_accepted_probability(alpha, past, k):
    item = accumulation(past, (7e-4,), k)
    activity = accepted_activity([item], probability=alpha)
    if activity:
        assert item.probability(activity) == pytest.approx(alpha, abs=1e-9)
    else:
        assert item.probability(0.0) >= alpha


def test_a_smaller_accepted_probability_never_gives_more_activity():
    item = accumulation()
    activities = [accepted_activity([item], probability=alpha) for alpha in (0.01, 0.05, 0.2, 0.5)]
    assert activities == sorted(activities)
    assert activities[-1] == pytest.approx(item.best_activity().value, rel=1e-9)


def test_nothing_is_left_above_the_limit():
    item = accumulation(past=24.0)
    assert item.best_activity().value == 0.0
    assert accepted_activity([item], probability=0.2) == 0.0


def test_limits_of_one_region_count_once_and_regions_add_up():
    """Boole: P(A or B) ≤ P(A) + P(B); limits of one region are taken as fully dependent."""
    left, right = accumulation(), accumulation(region="right-kidney")
    lower = accumulation(value=22.0)
    one = left.probability(8000.0)
    assert probability_of_any([left, left], 8000.0) == one
    assert probability_of_any([left, lower], 8000.0) == lower.probability(8000.0)
    assert probability_of_any([left, right], 8000.0) == pytest.approx(2 * one)


def test_uncertainty_of_the_activity_is_that_of_the_sum_over_its_slope():
    """A = (L − P)/(n d): the contribution of each source by hand (JCGM 100, equation 16)."""
    item = accumulation(past=10.0, per_activity=(7e-4,))
    activity = item.best_activity()
    d, a = 7e-4, 13.0 / 7e-4
    assert activity.value == pytest.approx(a)
    assert activity.contributions["volume"] == pytest.approx(-(10 * 0.05 + a * d * 0.05) / d)
    assert activity.contributions["between@2"] == pytest.approx(-a * 0.15)


def test_without_any_uncertainty_no_probability_can_be_accepted():
    item = Accumulation("liver", limit(23.0), Uncertain(10.0), (Uncertain(7e-4),), Uncertain(0.0), "test")
    assert not item.uncertain
    with pytest.raises(PlanError, match="liver") as refusal:
        accepted_activity([item], probability=0.1)
    assert refusal.value.code == "uncertainty-missing"


def test_a_source_that_both_share_counts_once_with_its_sign():
    past = Uncertain(10.0, {"s": 1.0})
    item = Accumulation("liver", limit(23.0), past, (Uncertain(1e-3, {"s": -1e-4}),), Uncertain(0.0), "test")
    assert item.total(1e4).u == pytest.approx(0.0, abs=1e-12)
    assert math.isclose(item.total(2e4).u, 1.0)


def test_a_sum_above_its_limit_that_nobody_states_an_uncertainty_of_is_above_it():
    exact = Accumulation(
        "left-kidney", limit(23.0), Uncertain(24.0), (Uncertain(7e-4, {"fit": 1e-5}),), Uncertain(0.0), ""
    )
    assert exact.probability(0.0) == 1.0
    assert accepted_activity([exact], probability=0.1) == 0.0


def test_several_limits_on_one_sum_count_once_and_different_sums_are_added():
    """Of 23 and 28 Gy on one sum only the lower is exceeded alone; a dose and a BED, or a cycle, are other sums."""
    activity_mbq = 8e3
    one = accumulation()
    alone = one.probability(activity_mbq)
    assert probability_of_any([one, accumulation(value=28.0)], activity_mbq) == alone
    for other in (limit(23.0, quantity="BED"), limit(23.0, span="cycle")):
        second = replace(one, limit=other)
        assert probability_of_any([one, second], activity_mbq) == pytest.approx(2 * alone)
    eqd2, bed = (replace(one, limit=limit(23.0, quantity=quantity)) for quantity in ("EQD2", "BED"))
    assert probability_of_any([eqd2, bed], activity_mbq) == alone
