"""Expected doses without images."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from theradose.errors import PlanError
from theradose.plan.checks import plan_findings
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
    with pytest.raises(PlanError, match="the nearest are kidneys-.*theradose info"):
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
    assert plan.level.text == "level 1, prescribed by activity."
    assert "level 2 or 3 by absorbed dose" in plan.level_in_general.text


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


SITE = {"mass": {"value": "300 g", "u": "30 %"}, "effective_half_life": {"value": "4 h", "u": "20 %"}}


def extravasation(**changes):
    return planned(at_injection_site={"value": "40 %", "relative_u": "10 %"}, **changes)


def test_published_doses_hold_for_what_circulates():
    whole, plan = planned(cycles=4), extravasation(cycles=4)
    kidneys = dose(plan, "kidneys", "cycle 1").dose_gy
    assert kidneys.value == pytest.approx(0.6 * dose(whole, "kidneys", "cycle 1").dose_gy.value)
    assert "part:injection-site" in kidneys.contributions
    # The other cycles are as intended.
    assert plan.details["course_activity_mbq"] == pytest.approx(0.6 * 7400 + 3 * 7400)
    assert "extravasation" in codes(plan)


def test_the_dose_at_the_site_is_not_computed_without_mass_and_half_life():
    plan = extravasation()
    (finding,) = [item for item in plan.findings if item.code == "injection-site-not-computed"]
    assert finding.severity == "critical" and "not computed" in plan.summary
    assert not any(item.target == "injection-site" for item in plan.doses)


def test_the_dose_at_the_site_is_local_deposition():
    """0.0851 Gy·g/(MBq·h) of 177Lu (SCIENCE §0), by hand."""
    plan = extravasation(injection_site=SITE)
    site = next(item for item in plan.doses if item.target == "injection-site")
    assert site.dose_gy.value == pytest.approx(0.4 * 7400 * 4 / 0.693147 * 0.0851 / 300, rel=1e-3)
    assert "injection-site-not-computed" not in codes(plan) and "injection-site-estimated" in codes(plan)
    # The critical organ leads the summary, and the site stands beside it.
    assert "kidneys" in plan.summary and "stayed at the injection site, dose there" in plan.summary


def test_a_deficit_is_stated_for_a_routine_administration_too():
    kidneys = next(item for item in extravasation().details["excess"] if item["target"] == "kidneys")
    assert kidneys["excess_gy"]["value"] == pytest.approx(-0.4 * kidneys["intended_gy"]["value"])
    assert planned().details["excess"] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"at_injection_site": "100 %"}, "below 100 %"),
        ({"injection_site": SITE}, "add 'at_injection_site: 30 %'"),
    ],
)
def test_an_impossible_extravasation_is_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        planned(**changes)


def test_a_half_life_above_the_physical_one_is_refused():
    with pytest.raises(PlanError, match="injection site"):
        extravasation(injection_site=SITE | {"effective_half_life": "200 h"})


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"activity": "5 GBq"}, "differs by −32 %"),
        ({"purpose": "unintended", "description": "x"}, "the exposure was unintended"),
        ({"purpose": "accidental", "description": "x", "intended_activity": None}, "no activity was intended"),
        ({"at_injection_site": "40 %"}, "in the circulation differs by −40 %"),
    ],
)
def test_level_one_is_not_met_by_what_was_not_given_as_intended(changes, because):
    plan = planned(**{**VERIFIED, **changes})
    assert plan.level.text.startswith("level 1 is not met, because") and because in plan.level.text
    assert 1 not in plan.details["levels"]


def test_a_small_part_at_the_site_leaves_level_one():
    assert planned(at_injection_site="5 %").level.text == "level 1."


def test_a_confused_unit_is_critical_even_where_intended_and_given_agree():
    plan = planned(activity="7.2 MBq", intended_activity="7.2 MBq")
    found = [item for item in plan.findings if item.code == "activity-implausible"]
    assert len(found) == 2 and all(item.severity == "critical" for item in found)
    assert "activity-implausible" not in codes(planned())


def test_the_limit_of_all_salivary_glands_stands_beside_each_gland_and_the_sources_disagree():
    plan = planned(therapy="lu177-psma", cycles=6)
    limited = {item.target for item in plan.doses if item.limit is not None and item.limit.organ == "salivary-glands"}
    assert limited == {"salivary-glands", "parotid-glands", "submandibular-glands"}
    (finding,) = [i for i in plan.findings if i.code == "published-doses-disagree" and i.severity == "warning"]
    assert "parotid glands 1.90" in finding.message and finding.where == "salivary-glands"


def test_a_mean_of_patients_above_a_limit_is_no_critical_finding():
    plan = planned(therapy="lu177-psma", cycles=6)
    found = [item for item in plan_findings(plan=plan) if item.where == "salivary-glands"]
    assert {(item.code, item.severity) for item in found} >= {("cohort-dose-above-limit", "warning")}
    assert not any(item.severity == "critical" for item in found)


def test_a_weight_that_no_patient_has_is_refused():
    with pytest.raises(PlanError, match="check the unit"):
        planned(patient={"weight": "80 g"})
