"""From volumes and doses of a tumour to its best response, its sums of doses and its time to growth."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.cohort.response.outcome import outcome_of_courses, summed_dose, time_to_growth, volume_course
from theradose.errors import StudyError
from theradose.model.samples import CellOrigin
from theradose.model.tumours import CycleDose, StatedAmounts, TumourRow, TumourVolume

KEY = ("P1", "T1")
NOTHING = StatedAmounts(None, None, None)
ROW = TumourRow(
    CellOrigin("tumours.csv", 2), *KEY, "G2", None, None, None, None, None, None,
    {"best-response": NOTHING, "all-cycles": NOTHING}, None, None,
)  # fmt: skip
FIRST = date(2024, 1, 15)


def scans(*volumes, u=None):
    """Return a scan on the first of each month from January 2024 on."""
    return [
        TumourVolume(CellOrigin("volumes.csv", 2 + k), KEY, date(2024 + k // 12, 1 + k % 12, 1), ml, u)
        for k, ml in enumerate(volumes)
    ]


def cycles(*doses, u=3.0, shared=None, months=2):
    """Return a cycle on the 15th of every second month from January 2024 on."""
    return [
        CycleDose(CellOrigin("doses.csv", 2 + k), KEY, str(k + 1), date(2024, 1 + months * k, 15), gy, u, shared, 7.4)
        for k, gy in enumerate(doses)
    ]


def outcome(volumes, doses):
    return outcome_of_courses(ROW, volumes, doses, correlation="shared", growth=0.728)


def test_largest_and_smallest_volume():
    course = volume_course(scans(10, 12, 6, 3, 4, 8, u=0.6))
    assert (course.baseline_ml, course.largest_ml, course.smallest_ml) == (10, 12, 3)
    assert (course.largest_on, course.best_on) == (date(2024, 2, 1), date(2024, 4, 1))
    assert course.reduction == pytest.approx(0.75)
    # Two independent outlines: the ratio 1/4 has √(0.05² + (0.25·0.05)²).
    assert course.u_reduction == pytest.approx(math.hypot(0.6 / 12, 0.25 * 0.6 / 12))
    assert not course.later_maximum


def test_late_growth_is_no_loss():
    """A tumour that only grew has a negative reduction; the maximum of the whole course would call it a loss."""
    course = volume_course(scans(10, 11, 15, 30))
    assert course.reduction == pytest.approx(-0.1)
    assert course.later_maximum


def test_vanished_tumour_is_a_loss_of_all():
    assert volume_course(scans(10, 4, 0, 0)).reduction == 1
    assert volume_course(scans(10, 4, 0, 0)).best_on == date(2024, 3, 1)


@given(st.lists(st.floats(0.1, 100), min_size=2, max_size=8))
def test_reduction_holds_for_every_earlier_volume(volumes):
    """No volume before the best response gives a larger loss, and no volume after the first is smaller."""
    course = volume_course(scans(*volumes))
    assert course.smallest_ml == min(volumes[1:])
    assert course.reduction <= 1
    assert course.reduction >= 1 - course.smallest_ml / volumes[0] - 1e-12


def test_dose_until_best_response():
    one = outcome(scans(10, 6, 4, 2, 3, 3.5, 4), cycles(30, 25, 20))
    assert one.course.best_on == date(2024, 4, 1)
    assert one.dose_gy["best-response"].value == 55
    assert one.dose_gy["all-cycles"].value == 75
    assert one.activity_gbq == {"best-response": 14.8, "all-cycles": pytest.approx(22.2)}
    assert (one.cycles_until_best, one.cycles) == (2, 3)
    # After the last cycle on 15 May the smallest volume is 3.5 mL.
    assert one.reduction == {"best-response": pytest.approx(0.8), "all-cycles": pytest.approx(0.65)}


def test_no_scan_after_treatment_leaves_the_second_response_out():
    assert "all-cycles" not in outcome(scans(10, 6, 4), cycles(30, 25, 20)).reduction


@pytest.mark.parametrize(
    ("correlation", "shared", "u"),
    [("shared", None, 9.0), ("independent", None, math.sqrt(27)), ("independent", 2.0, math.sqrt(36 + 3 * 5))],
)
def test_uncertainty_of_a_sum(correlation, shared, u):
    """Three cycles of 3 Gy each: in full, in quadrature, or 2 Gy in full and √5 Gy in quadrature."""
    assert summed_dose(cycles(30, 30, 30, shared=shared), correlation=correlation).u == pytest.approx(u)


def test_unstated_uncertainty_stays_unstated():
    total = summed_dose([*cycles(30), *cycles(20, u=None)], correlation="shared")
    assert total.not_stated == {"volume:P1/T1"}


def test_growth_since_the_smallest_volume():
    since = date(2024, 2, 15)
    assert time_to_growth(scans(10, 5, 3, 4, 5.3), since=since, growth=0.728) == (76, True)
    assert time_to_growth(scans(10, 5, 3, 4, 5.1), since=since, growth=0.728) == (76, False)
    assert time_to_growth(scans(10, 0, 0, 1), since=since, growth=0.728) == (46, True)


def test_no_time_for_a_tumour_that_grew_before_or_is_not_followed():
    assert time_to_growth(scans(10, 5, 9, 4), since=date(2024, 3, 15), growth=0.728) is None
    assert time_to_growth(scans(10, 5), since=date(2024, 3, 15), growth=0.728) is None


@pytest.mark.parametrize(
    ("volumes", "doses", "code"),
    [
        (scans(10), cycles(30), "volumes-too-few"),
        (scans(0, 5), cycles(30), "tumour-value"),
        (scans(10, 5)[1:] + scans(10, 5, 4)[2:], cycles(30), "baseline-after-treatment"),
        (scans(10, 5), cycles(None), "dose-missing"),
    ],
)
def test_refused_courses(volumes, doses, code):
    with pytest.raises(StudyError) as caught:
        outcome(volumes, doses)
    assert caught.value.code == code
    assert "line" in str(caught.value)


def test_best_response_before_treatment():
    late = [CycleDose(CellOrigin("doses.csv", 2), KEY, "1", date(2024, 3, 15), 30.0, None, None, None)]
    with pytest.raises(StudyError, match="comes before the first cycle"):
        outcome(scans(10, 5, 6, 7), late)
