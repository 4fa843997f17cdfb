"""Trend and spread between cycles."""

import math

import pytest

from theradose.model.cycles import CyclesChoice
from theradose.plan.cycles.between_cycles import assumed_spread, course_of, own_spread

NO_LESIONS = frozenset()


def test_a_stated_spread_goes_before_everything():
    course = course_of(CyclesChoice(between_cycle_u=0.08), doses_per_activity={}, lesions=NO_LESIONS)
    assert course.spread_of("liver").relative_u == 0.08
    assert course.spread_of("liver").status == "stated"


def test_two_cycles_say_nothing_of_the_spread():
    assert own_spread([1.0, 2.0], assumed=assumed_spread()) == assumed_spread()


def test_own_scatter_is_pooled_with_the_convention():
    """Four degrees of freedom of 0.15 and two of the scatter of three cycles (JCGM 100, 4.2.4)."""
    values = [0.5, 0.6, 0.7]
    squares = 2 * (0.1 / 0.6) ** 2
    expected = math.sqrt((4 * 0.15**2 + squares) / 6)
    assert own_spread(values, assumed=assumed_spread()).relative_u == pytest.approx(expected, rel=1e-12)


def test_the_trend_is_no_scatter():
    per_activity = {"left-kidney": {1: 1.0, 2: 0.9, 3: 0.81}}
    choice = CyclesChoice.model_validate({"trend": {"kidneys": {"per_cycle": "-10 %"}}})
    course = course_of(choice, doses_per_activity=per_activity, lesions=NO_LESIONS)
    assert course.spread_of("left-kidney").relative_u == pytest.approx(0.15 * math.sqrt(4 / 6), rel=1e-12)


def test_the_spread_of_lesions_is_not_known():
    course = course_of(CyclesChoice(), doses_per_activity={"lesion-1": {1: 5.0}}, lesions=frozenset({"lesion-1"}))
    assert course.spread_of("lesion-1").relative_u is None


@pytest.mark.parametrize(("grade", "decline"), [("G1", 0.06), ("G2", 0.14), (None, 0.0)])
def test_the_published_decline_holds_for_lesions_alone(grade, decline):
    """6 and 14 % per cycle (Roth 2022, SCIENCE §7)."""
    course = course_of(CyclesChoice(grade=grade), doses_per_activity={}, lesions=frozenset({"lesion-1"}))
    assert course.trend_factor("lesion-1", 2).value == pytest.approx((1 - decline) ** 2)
    assert course.trend_factor("liver", 2).value == 1.0
    # Its uncertainty is not printed with it: it counts as not stated, not as zero.
    assert course.trend_factor("lesion-1", 2).not_stated == ({"trend:lesions"} if grade else frozenset())


def test_trends_are_stated_by_region_by_pair_or_for_all_lesions():
    choice = CyclesChoice.model_validate(
        {"trend": {"kidneys": {"per_cycle": "5 %", "absolute_u": "2 %"}, "lesions": {"per_cycle": "-20 %"},
                   "lesion-2": {"per_cycle": "10 %"}}}
    )  # fmt: skip
    course = course_of(choice, doses_per_activity={}, lesions=frozenset({"lesion-1", "lesion-2"}))
    left, right = (course.trend_factor(f"{side}-kidney", 2) for side in ("left", "right"))
    assert left.value == pytest.approx(1.05**2)
    assert dict(left.contributions) == dict(right.contributions) == {"trend:kidneys": pytest.approx(2 * 1.05 * 0.02)}
    assert course.trend_factor("lesion-1", 1).value == pytest.approx(0.8)
    assert course.trend_factor("lesion-2", -1).value == pytest.approx(1 / 1.1)
