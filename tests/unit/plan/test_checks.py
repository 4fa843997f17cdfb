"""What every plan is checked for."""

import math
from dataclasses import replace
from datetime import date

import pytest

from theradose.model.limit import Limit
from theradose.model.plan import Formula, Plan, PlanInput
from theradose.plan.checks import date_findings, plan_findings
from theradose.plan.inputs.level1 import Level1Input
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.probability import compare_with_limit, interval
from theradose.uncertainty import Uncertain

LIMIT = Limit(
    name="kidneys-23", organ="kidneys", quantity="absorbed-dose", value_gy=23, origin="radionuclide-therapy",
    source="deWit2023", status="verified",
)  # fmt: skip


def plan(dose_gy, **changes):
    limit = LIMIT.model_copy(update=changes)
    dose = compare_with_limit(target="kidneys", dose_gy=dose_gy, limit=limit, basis="course")
    return Plan(
        planner="x", title="x", summary="x", activity_mbq=None, doses=(dose,), constants=(), findings=(),
        formulas=(Formula("D = d·A", "", "x", "choice"),), inputs=(PlanInput("x", "y"),),
    )  # fmt: skip


def codes(dose_gy, **changes):
    return [finding.code for finding in plan_findings(plan=plan(dose_gy, **changes))]


def test_a_dose_below_a_good_limit_says_nothing():
    assert codes(Uncertain(10, {"fit": 1})) == []


def test_a_dose_above_is_critical():
    (finding,) = plan_findings(plan=plan(Uncertain(25, {"fit": 1})))
    assert (finding.code, finding.severity, finding.where) == ("dose-above-limit", "critical", "kidneys")
    assert "25 Gy" in finding.message and "23 Gy" in finding.message


def test_a_target_that_is_not_reached():
    assert codes(Uncertain(10, {"fit": 1}), kind="target") == ["target-dose-not-reached"]
    assert codes(Uncertain(25, {"fit": 1}), kind="target") == []


def test_a_range_of_targets_is_reached_from_its_lower_end_on():
    """The label of glass microspheres prints 80 to 150 Gy: 120 Gy lie within it."""
    within = {"kind": "target", "value_gy": 150, "range_gy": (80, 150)}
    assert codes(Uncertain(120, {"fit": 1}), **within) == []
    (finding,) = plan_findings(plan=plan(Uncertain(70, {"fit": 1}), **within))
    assert finding.code == "target-dose-not-reached" and "80 to 150 Gy" in finding.message


def test_no_uncertainty_is_never_zero():
    assert plan(Uncertain(10)).doses[0].p_exceed is None
    assert codes(Uncertain(10)) == ["probability-not-stated"]
    assert codes(Uncertain(10, {}, frozenset({"mass"}))) == ["probability-not-stated"]
    assert codes(Uncertain(10, {"fit": 1}, frozenset({"mass"}))) == ["uncertainty-incomplete"]


def test_where_a_limit_comes_from_is_said():
    assert codes(Uncertain(10, {"fit": 1}), origin="EBRT", status="unverified") == [
        "limit-from-external-beam", "limit-unverified",
    ]  # fmt: skip


def test_one_finding_for_several_limits_of_one_target():
    first = plan(Uncertain(10))
    both = replace(first, doses=(*first.doses, *first.doses))
    assert [finding.code for finding in plan_findings(plan=both)] == ["probability-not-stated"]


def test_the_interval_is_that_of_a_lognormal_distribution():
    """Independent: scipy's quantiles at 2.5 and 97.5 %."""
    from scipy.stats import lognorm

    low, high = interval(Uncertain(14.0, {"fit": 3.5, "mass": 2.0}))
    sigma = math.sqrt(math.log(1 + (3.5**2 + 2.0**2) / 14.0**2))
    assert low == pytest.approx(lognorm.ppf(0.025, sigma, scale=14.0))
    assert high == pytest.approx(lognorm.ppf(0.975, sigma, scale=14.0))
    assert interval(Uncertain(14.0)) is None


def test_the_mean_of_a_cohort_above_a_limit_is_a_warning():
    made = plan(Uncertain(25, {"patients": 5}))
    of_mean = replace(made, doses=(replace(made.doses[0], of_mean=True),))
    (finding,) = plan_findings(plan=of_mean)
    assert (finding.code, finding.severity) == ("cohort-dose-above-limit", "warning")


def test_the_missing_uncertainty_of_the_activity_names_its_key():
    made = plan(Uncertain(10, {"fit": 1}, frozenset({"administered-activity"})))
    assert "(key: u of the activity)" in plan_findings(plan=made)[0].message
    assert "(key: activity_meter_u)" in plan_findings(plan=replace(made, planner="tare"))[0].message


@pytest.mark.parametrize(("today", "found"), [("2026-03-03", 0), ("2026-03-02", 0), ("2026-03-01", 1)])
def test_a_date_that_has_not_come_is_a_finding(today, found):
    """One day is left to time zones."""
    stated = Level1Input.model_validate(
        {"therapy": "lu177-dotatate", "intended_activity": "7.4 GBq", "activity": "7.4 GBq",
         "verification_image": {"done": True, "date": "2026-03-03"}}
    )  # fmt: skip
    findings = list(date_findings(given=stated, today=date.fromisoformat(today)))
    assert [item.code for item in findings] == ["date-in-future"] * found
    assert all(item.where == "verification_image.date" for item in findings)


def test_dates_in_lists_and_times_are_seen():
    stated = PrrtInput.model_validate(
        {"history": [{"cycle": 1, "activity": "7.4 GBq", "start": "2036-01-05T09:50:00+01:00"}]}
    )
    (finding,) = date_findings(given=stated, today=date(2026, 3, 1))
    assert finding.where == "history[0].start"
