"""Expected doses without images."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from theradose.errors import PlanError
from theradose.plan.inputs.level1 import Level1Input
from theradose.plan.level1.planner import plan_level1
from theradose.plan.reference_ranges import expected_dose

ROUTINE = {"therapy": "lu177-dotatate", "intended_activity": "7.4 GBq", "activity": "7.4 GBq"}
VERIFIED = {"verification_image": {"done": True, "date": "2026-03-03", "finding": "as expected"}}


def planned(**changes):
    return plan_level1(Level1Input.model_validate({**ROUTINE, **changes}))


def codes(plan):
    return {finding.code for finding in plan.findings}


def dose(plan, target, basis):
    return next(item for item in plan.doses if item.target == target and item.basis == basis)


def test_dose_is_published_dose_times_activity():
    expected = expected_dose(therapy="lu177-dotatate", organ="kidneys").dose_per_activity_gy_gbq
    kidneys = dose(planned(cycles=4), "kidneys", "cycle 1")
    assert kidneys.dose_gy.value == pytest.approx(7.4 * expected.value)
    assert kidneys.dose_gy.u == pytest.approx(7.4 * expected.u)
    # One patient: the spread between patients is the same in every cycle and does not average out.
    course = dose(planned(cycles=4), "kidneys", "4 cycles")
    assert course.dose_gy.value == pytest.approx(4 * kidneys.dose_gy.value)
    assert course.dose_gy.relative_u == pytest.approx(kidneys.dose_gy.relative_u)


@given(activity=st.floats(0.1, 50), cycles=st.integers(1, 8))
def test_twice_the_activity_is_twice_every_dose(activity, cycles):
    # An accidental exposure has no intended activity, so that all cycles follow the administered one.
    changes = {"purpose": "accidental", "description": "x", "intended_activity": None, "cycles": cycles}
    once = planned(activity=f"{activity} GBq", **changes)
    twice = planned(activity=f"{2 * activity} GBq", **changes)
    for one, other in zip(once.doses, twice.doses, strict=True):
        assert other.dose_gy.value == pytest.approx(2 * one.dose_gy.value)
        assert one.p_exceed is None or one.p_exceed <= other.p_exceed


def test_cycles_count_as_stated_or_intended():
    plan = planned(activity="5 GBq", cycle=3, cycles=4, previous_activities=["7.0 GBq", "6.0 GBq"])
    assert plan.details["course_activity_mbq"] == pytest.approx(7000 + 6000 + 5000 + 7400)
    assert planned(activity="5 GBq", cycle=2, cycles=4).details["course_activity_mbq"] == pytest.approx(5000 + 3 * 7400)


def test_each_limit_of_the_course_has_a_probability_for_the_course():
    plan = planned(activity={"value": "7.4 GBq", "u": "3 %"}, cycles=4)
    limited = [item for item in plan.doses if item.target == "kidneys" and item.limit]
    assert {item.basis for item in limited} == {"4 cycles"}
    assert {item.limit.name for item in limited} >= {"kidneys-impaired", "kidneys-unimpaired"}
    assert all(0 < item.p_exceed < 1 for item in limited)
    assert all(item.limit.quantity == "absorbed-dose" for item in plan.doses if item.limit)
    assert "limit-needs-kinetics" in codes(plan)


def test_an_organ_whose_spread_nobody_published_has_no_interval():
    plan = planned(therapy="lu177-psma", activity={"value": "7.4 GBq", "u": "3 %"})
    assert dose(plan, "liver", "cycle 1").dose_gy.u == 0
    assert dose(plan, "liver", "cycle 1").p_exceed is None


def test_red_marrow_by_blood_and_by_images_stand_apart():
    plan = planned()
    blood, images = (dose(plan, f"red-marrow-by-{way}", "cycle 1") for way in ("blood", "image"))
    assert blood.dose_gy.value < images.dose_gy.value
    assert blood.limit.name == images.limit.name == "red-marrow-2"


def test_limits_of_the_site_replace_the_packaged_ones():
    own = {"organ": "kidneys", "value": "20 Gy", "origin": "radionuclide-therapy", "source": "board of the site"}
    plan = planned(limits=[own, "kidneys-p-prrt"])
    assert {item.limit.value_gy for item in plan.doses if item.limit} == {20, 23}
    with pytest.raises(PlanError, match="valid names are"):
        planned(limits=["kidneys-none"])


def test_a_limit_of_an_organ_without_dose_is_never_silent():
    own = {"organ": "kidneyz", "value": "20 Gy", "origin": "radionuclide-therapy", "source": "board of the site"}
    plan = planned(limits=[own, "heart-external-beam", "kidneys-p-prrt"])
    found = [item.where for item in plan.findings if item.code == "limit-without-dose"]
    assert found == ["kidneyz", "heart"]


def test_a_good_administration_has_no_warning_of_its_own():
    own = {"activity-outside-tolerance", "activity-above-label", "cycles-above-label", "verification-missing"}
    plan = planned(cycles=4, **VERIFIED)
    assert not codes(plan) & own
    assert plan.level.text.startswith("level 1")
    assert plan.details["within_tolerance"] and plan.details["standardised"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"activity": "8.2 GBq"}, "activity-outside-tolerance"),
        ({"activity": "6.6 GBq"}, "activity-outside-tolerance"),
        ({"activity": "9.3 GBq", "intended_activity": "9.3 GBq"}, "activity-above-label"),
        ({"label_activity": "5.9 GBq"}, "activity-above-label"),
        ({"cycles": 5}, "cycles-above-label"),
        ({"verification_image": None}, "verification-missing"),
        ({"verification_image": {"done": False}}, "verification-missing"),
    ],
)
def test_what_deviates_is_a_finding(changes, code):
    assert code in codes(planned(**{**VERIFIED, **changes}))


def test_far_above_the_label_is_level_two():
    plan = planned(activity="9.3 GBq", intended_activity="9.3 GBq")
    assert plan.details["levels"] == [2] and not plan.details["standardised"]


def test_an_unintended_exposure_states_what_was_intended_and_the_excess():
    plan = planned(
        purpose="unintended", description="two syringes were given", activity="11 GBq", intended_activity="5.5 GBq"
    )
    kidneys = next(item for item in plan.details["excess"] if item["target"] == "kidneys")
    per_gbq = expected_dose(therapy="lu177-dotatate", organ="kidneys").dose_per_activity_gy_gbq.value
    assert kidneys["intended_gy"]["value"] == pytest.approx(5.5 * per_gbq)
    assert kidneys["received_gy"]["value"] == pytest.approx(11 * per_gbq)
    assert kidneys["excess_gy"]["value"] == pytest.approx(5.5 * per_gbq)
    assert "5.5 GBq were intended" in plan.summary and "two syringes were given" in plan.summary
    assert plan.title.startswith("Unintended exposure")


def test_the_excess_shares_the_patient_with_what_was_intended():
    """Received and intended dose have one patient: their difference has the same relative spread, not a larger one."""
    plan = planned(purpose="unintended", description="x", activity="11 GBq", intended_activity="5.5 GBq")
    kidneys = next(item for item in plan.details["excess"] if item["target"] == "kidneys")
    expected = expected_dose(therapy="lu177-dotatate", organ="kidneys").dose_per_activity_gy_gbq
    assert kidneys["excess_gy"]["u"] / kidneys["excess_gy"]["value"] == pytest.approx(expected.relative_u)


def test_too_little_is_less_than_intended():
    plan = planned(purpose="unintended", description="leak", activity="3 GBq")
    assert "less than what was intended" in plan.summary


def test_nothing_intended_counts_in_full():
    plan = planned(purpose="accidental", description="wrong patient", intended_activity=None)
    for item in plan.details["excess"]:
        assert item["intended_gy"]["value"] == 0 and item["excess_gy"] == item["received_gy"]
    assert plan.summary.startswith("None was intended. What happened: wrong patient.")


def test_a_therapy_without_published_doses_says_so():
    plan = planned(therapy="y90-tare", intended_activity="2 GBq", activity="2 GBq")
    assert plan.doses == () and "no-reference-doses" in codes(plan)
    assert plan.level.text.startswith("level 1 or 2 or 3")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cycle": 5, "cycles": 4}, "beyond the 4 cycles"),
        ({"cycle": 3, "cycles": 4, "previous_activities": ["7 GBq"]}, "name each once"),
        ({"intended_activity": None}, "has an intended_activity"),
        ({"purpose": "accidental"}, "needs a description"),
        ({"activity": "0 GBq"}, "above 0"),
    ],
)
def test_contradictions_are_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        planned(**changes)
