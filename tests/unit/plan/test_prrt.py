"""The planner of the next cycle."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import PlanError
from theradose.plan.checks import plan_findings
from theradose.plan.cycles.cycle import Cycle
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.limits import limit_named
from theradose.plan.prrt.planner import PrrtRequest, plan_prrt
from unit.plan.courses import KIDNEY, cycle, dose, limit

PRRT_23 = (limit_named("kidneys-p-prrt"),)
BED_27 = (limit_named("kidneys-iluminet-27"),)
RECORD = {"organ": "kidneys", "intercept": 0.7, "coefficients": {}, "values": {}, "u": "25 %", "source": "ours"}


def plan(*cycles, limits=PRRT_23, **keys):
    return plan_prrt(PrrtRequest(PrrtInput.model_validate(keys), cycles, limits))


def codes(planned):
    return {finding.code for finding in planned.findings}


def doses_of(planned, target):
    return [dose for dose in planned.doses if dose.target == target]


def worked_example(**keys):
    """SCIENCE §8: limit 23 Gy, given 5.6 and 5.2 Gy, 0.72 Gy/GBq."""
    return plan(cycle(1, 5600 / 0.72, left_kidney=5.6), cycle(2, 5200 / 0.72, left_kidney=5.2), **keys)


def bed_cycle(number, gy, k=0.02, activity_mbq=7400.0):
    return Cycle(number, activity_mbq, None, {KIDNEY: dose(KIDNEY, gy, bed_factor=k)})


def test_the_worked_example_of_p_prrt():
    planned = worked_example(cycles_left=2)
    assert planned.activity_mbq.value / 1000 == pytest.approx(8.472, abs=5e-4)
    (course, alone) = doses_of(planned, KIDNEY)
    assert course.dose_gy.value == pytest.approx(23.0, rel=1e-9)
    assert course.p_exceed == pytest.approx(0.5)
    assert alone.dose_gy.value == pytest.approx(6.1, rel=1e-9)
    assert planned.details["maximum_next"]["best_mbq"]["value"] == pytest.approx(2 * planned.activity_mbq.value)


def test_cycles_left_are_those_of_the_style():
    assert worked_example().activity_mbq.value == pytest.approx(worked_example(cycles_left=2).activity_mbq.value)
    with pytest.raises(PlanError, match="cycles_left") as refusal:
        plan(*(cycle(number, left_kidney=2.0) for number in range(1, 5)))
    assert refusal.value.code == "cycles-left"


def test_the_accepted_probability_is_that_of_exceeding_any_limit():
    planned = worked_example(cycles_left=2, accepted_probability="5 %")
    assert planned.activity_mbq.value < worked_example(cycles_left=2).activity_mbq.value
    assert doses_of(planned, KIDNEY)[0].p_exceed == pytest.approx(0.05, abs=1e-9)
    assert planned.details["p_any"] == pytest.approx(0.05, abs=1e-9)
    assert "at most 5.0 %" in planned.summary and "best estimate" in planned.summary
    assert not planned.activity_mbq.contributions and planned.accepted_probability == 0.05


@given(left=st.floats(1.0, 8.0), right=st.floats(1.0, 8.0), marrow=st.floats(0.05, 0.9))
def test_the_first_limit_reached_over_all_organs_binds(left, right, marrow):
    planned = plan(
        cycle(1, left_kidney=left, right_kidney=right, red_marrow=marrow),
        limits=(*PRRT_23, limit_named("red-marrow-2")), cycles_left=2,
    )  # fmt: skip
    left_over = {"left-kidney": (23 - left) / left, "right-kidney": (23 - right) / right,
                 "red-marrow": (2 - marrow) / marrow}  # fmt: skip
    assert left_over[planned.details["binding"]["region"]] == pytest.approx(min(left_over.values()))
    assert all(dose.dose_gy.value <= dose.limit.value_gy * (1 + 1e-9) for dose in planned.doses if dose.limit)


@given(factor=st.floats(0.2, 5.0))
def test_doubling_the_activity_doubles_planned_doses(factor):
    """An organ with twice the dose per activity leaves half of the activity, and the planned dose is the same."""
    one = plan(cycle(1, 7400.0, left_kidney=3.0), cycles_left=3)
    scaled = plan(cycle(1, 7400.0 * factor, left_kidney=3.0), cycles_left=3)
    assert scaled.activity_mbq.value == pytest.approx(factor * one.activity_mbq.value, rel=1e-9)
    assert doses_of(scaled, KIDNEY)[1].dose_gy.value == pytest.approx(doses_of(one, KIDNEY)[1].dose_gy.value, rel=1e-9)


def test_each_kidney_counts_and_the_pair_only_where_it_alone_was_measured():
    both = plan(cycle(1, left_kidney=5.0, right_kidney=6.0, kidneys=5.5), cycles_left=2)
    assert {dose.target for dose in both.doses if dose.limit} == {"left-kidney", "right-kidney"}
    assert both.details["binding"]["region"] == "right-kidney"
    pair = plan(cycle(1, kidneys=5.5), cycles_left=2)
    assert {dose.target for dose in pair.doses} == {"kidneys"}


def test_a_lost_kidney_binds_nothing():
    cycles = (cycle(1, left_kidney=4.0, right_kidney=9.0), cycle(2, left_kidney=4.0))
    planned = plan(*cycles, absent={"right-kidney": {"from_cycle": 2, "reason": "nephrectomy"}})
    assert planned.details["binding"]["region"] == KIDNEY
    assert {dose.target for dose in planned.doses} == {KIDNEY}
    row = planned.tables[1].rows[1]
    assert "absent" in row


def test_an_assumed_cycle_is_marked_everywhere():
    planned = plan(cycle(1, left_kidney=4.0), cycle(2, 7400.0), cycles_left=2)
    (course, _) = doses_of(planned, KIDNEY)
    assert course.basis.endswith("assumed: cycle 2")
    assert planned.tables[1].rows[0][2].endswith("*") and planned.tables[0].rows[0][1].endswith("*")
    assert planned.details["cycles"]["cycles"][1]["doses"][0]["basis"] == "assumed"
    assert "cycle-without-dosimetry" in codes(planned)


def test_a_limit_that_is_reached_leaves_no_activity():
    planned = plan(cycle(1, left_kidney=24.0), cycles_left=1)
    assert planned.activity_mbq is None
    assert "limit-reached" in codes(planned)
    (given,) = planned.doses
    assert given.dose_gy.value == 24.0 and given.p_exceed > 0.5


def test_a_limit_of_an_organ_that_was_not_measured_is_a_finding():
    planned = plan(cycle(1, left_kidney=4.0), limits=(*PRRT_23, limit_named("salivary-glands-20")), cycles_left=1)
    assert "limit-not-evaluated" in codes(planned)
    with pytest.raises(PlanError) as refusal:
        plan(cycle(1, liver=4.0))
    assert refusal.value.code == "no-limit"


def test_a_limit_in_bed_needs_a_bed():
    planned = plan(cycle(1, left_kidney=4.0), limits=(*PRRT_23, *BED_27), cycles_left=1)
    assert "limit-not-evaluated" in codes(planned)


def test_iluminet_gives_cycles_of_one_activity_until_the_cap():
    """Cycles of 5 Gy with k = 0.02/Gy have a BED of 5.5 Gy: four stay below 27 Gy, five reach 27.5, below 27 + 2."""
    planned = plan(bed_cycle(1, 5.0), limits=BED_27, style="iluminet")
    assert planned.activity_mbq.value == 7400.0
    assert planned.details["cycles_possible"] == {"activity_mbq": 7400.0, "best": 3, "with_tolerance": 4}
    full = plan(*(bed_cycle(number, 5.0) for number in range(1, 5)), limits=BED_27, style="iluminet")
    assert full.activity_mbq is None
    assert full.details["cycles_possible"]["best"] == 0


def test_the_quadratic_equation_of_the_bed_is_solved():
    planned = plan(bed_cycle(1, 5.0, activity_mbq=5000.0), limits=BED_27, cycles_left=3)
    (course, alone) = doses_of(planned, KIDNEY)
    each = alone.dose_gy.value
    assert 5.5 + 3 * (each + 0.02 * each**2) == pytest.approx(27.0, rel=1e-9)
    assert course.quantity == "BED" and course.dose_gy.value == pytest.approx(27.0, rel=1e-9)


def test_eqd2_is_bed_in_other_units():
    """α/β of the kidney is 2.6 Gy (SCIENCE §7): a limit of EQD2 x is one of BED x (1 + 2/2.6)."""
    as_eqd2 = plan(bed_cycle(1, 5.0), limits=(limit(15.0, quantity="EQD2"),), cycles_left=2)
    as_bed = plan(bed_cycle(1, 5.0), limits=(limit(15.0 * (1 + 2 / 2.6), quantity="BED"),), cycles_left=2)
    assert as_eqd2.activity_mbq.value == pytest.approx(as_bed.activity_mbq.value, rel=1e-9)


FAVOURABLE = {"age": 61, "renal_tolerance": "good", "haematologic_tolerance": "good", "progression": False}


@pytest.mark.parametrize(
    ("risk", "cap", "silent"),
    [
        (FAVOURABLE, "kidneys-iluminet-40", False),
        ({**FAVOURABLE, "age": 70}, "kidneys-iluminet-27", False),
        ({**FAVOURABLE, "progression": True}, "kidneys-iluminet-27", False),
        ({**FAVOURABLE, "renal_tolerance": "impaired"}, "kidneys-iluminet-27", False),
        ({"age": 61}, "kidneys-iluminet-27", True),
        ({}, "kidneys-iluminet-27", True),
    ],
)
def test_the_cap_follows_from_the_risk_factors(risk, cap, silent):
    """R1, R3: 40 ± 2 Gy below 70 years with good tolerance and without progression, else 27 ± 2 Gy."""
    planned = plan(bed_cycle(1, 5.0), limits=None, style="iluminet", risk_factors=risk)
    assert planned.details["binding"]["limit"] == cap
    assert ("risk-factors-not-stated" in codes(planned)) == silent


def test_a_limit_of_one_cycle_forgets_the_past():
    planned = plan(cycle(1, left_kidney=5.0), limits=(limit(6.0, span="cycle"),), cycles_left=3)
    assert planned.activity_mbq.value == pytest.approx(7400 * 6 / 5)


def test_the_label_rule_caps_and_its_excess_is_a_finding():
    free = worked_example(cycles_left=1, therapy="lu177-dotatate", cap="none")
    assert free.details["label"]["relative_deviation"] > 0.25
    assert "activity-above-label" in codes(free)
    capped = worked_example(cycles_left=1, therapy="lu177-dotatate")
    assert capped.details["maximum_next"]["best_mbq"]["value"] > capped.activity_mbq.value
    assert capped.activity_mbq.value == pytest.approx(1.25 * 7400)
    assert "activity-capped" in codes(capped) and "activity-above-label" not in codes(capped)
    assert worked_example(cycles_left=1, cap="label", label_activity="5 GBq").activity_mbq.value == 5000.0
    with pytest.raises(PlanError) as refusal:
        worked_example(cycles_left=1, cap="label")
    assert refusal.value.code == "label-missing"


def test_the_level_is_that_of_a_plan_by_dosimetry():
    planned = worked_example(cycles_left=2, therapy="lu177-dotatate")
    assert planned.level.text.startswith("Level 3") and "Konijnenberg2021" in planned.level.source
    assert "from that of the label" in planned.level.text


def test_the_tumour_dose_of_the_next_cycle_falls_as_published():
    cycles = (cycle(1, 7400.0, left_kidney=4.0, lesion_1=50.0), cycle(2, 7400.0, left_kidney=4.0, lesion_1=50.0))
    expected = {}
    for grade in (None, "G1", "G2"):
        planned = plan(*cycles, cycles_left=2, **({"grade": grade} if grade else {}))
        (alone,) = doses_of(planned, "lesion-1")
        expected[grade] = alone.dose_gy.value / planned.activity_mbq.value
    assert expected["G1"] / expected[None] == pytest.approx((0.94 + 0.94**2) / 2)
    assert expected["G2"] / expected[None] == pytest.approx((0.86 + 0.86**2) / 2)


def test_a_vanished_lesion_is_not_expected_again():
    planned = plan(cycle(1, left_kidney=4.0, lesion_1=50.0), cycle(2, left_kidney=4.0), cycles_left=2)
    assert doses_of(planned, "lesion-1") == []
    assert "lesion-not-measured" in codes(planned)


def test_the_first_cycle_is_planned_by_a_stated_regression_only():
    planned = plan(first_cycle=RECORD, cycles_left=4)
    assert planned.activity_mbq.value == pytest.approx(23 / (4 * 0.7) * 1000)
    with pytest.raises(PlanError) as refusal:
        plan(cycles_left=4)
    assert refusal.value.code == "nothing-measured"


def test_a_cycle_without_dosimetry_counts_by_the_regression():
    """0.7 Gy/GBq of 10 GBq are 7 Gy; what is left of 23 Gy goes to two cycles."""
    planned = plan(cycle(1, 10_000.0), first_cycle=RECORD, cycles_left=2)
    assert planned.activity_mbq.value == pytest.approx((23 - 7) / (2 * 0.7) * 1000)
    assert planned.doses[0].basis == "1 cycle given and 2 to come, assumed: cycle 1, by regression"


def test_a_dose_per_cycle_in_place_of_a_dose_per_activity_is_found():
    """The unit trap of SCIENCE §13: 4.04 "Gy/GBq" is a dose per cycle of 7.4 GBq."""
    planned = plan(cycle(1, 7400.0, kidneys=4.04 * 7.4), therapy="lu177-psma", limits=(limit(100.0),), cycles_left=1)
    assert "dose-implausible" in codes(planned)


def test_doses_without_any_uncertainty_have_no_probability():
    exact = Cycle(1, 7400.0, None, {KIDNEY: dose(KIDNEY, 5.0, {})})
    planned = plan(exact, cycles_left=2, between_cycle_u=0.0)
    assert planned.details["p_any"] is None
    assert doses_of(planned, KIDNEY)[0].p_exceed is None
    with pytest.raises(PlanError) as refusal:
        plan(exact, cycles_left=2, between_cycle_u=0.0, accepted_probability=0.1)
    assert refusal.value.code == "uncertainty-missing"


def test_a_cycle_of_which_nothing_is_known_is_refused():
    """Its dose is not zero; without its activity a plan would give it a second time."""
    with pytest.raises(PlanError, match="cycle: 2, activity") as refusal:
        plan(cycle(1, left_kidney=4.0), cycle(3, left_kidney=4.0), cycles_left=1)
    assert refusal.value.code == "cycle-missing"


def test_targets_and_limits_of_other_therapies_are_told_of():
    target = limit(50.0, organ="left-kidney", kind="target", name="a-target")
    planned = plan(
        cycle(1, left_kidney=4.0), limits=(*PRRT_23, target, limit(30.0, therapies=("lu177-psma",))), cycles_left=1,
        therapy="lu177-dotatate",
    )  # fmt: skip
    assert {"limit-not-evaluated", "limit-of-another-therapy"} <= codes(planned)
    assert "a-target" not in {dose.limit.name for dose in planned.doses if dose.limit}


def test_a_lost_kidney_may_be_named_in_any_way():
    cycles = (cycle(1, left_kidney=4.0, right_kidney=9.0), cycle(2, left_kidney=4.0))
    planned = plan(*cycles, absent={"Niere re": {"from_cycle": 2, "reason": "nephrectomy"}})
    assert {dose.target for dose in planned.doses} == {KIDNEY}
    assert "name-in-no-cycle" not in codes(planned)


def test_without_a_therapy_nothing_is_compared_and_the_plan_says_so():
    assert "therapy-not-stated" in codes(worked_example(cycles_left=2))
    assert "therapy-not-stated" not in codes(worked_example(cycles_left=2, therapy="lu177-dotatate"))


def test_an_activity_that_no_trial_gave_is_found():
    """0.7 to 32.4 GBq per cycle were given (R1); a dose in the wrong unit asks for more."""
    planned = plan(cycle(1, 7400.0, left_kidney=4e-3), cycles_left=2)
    assert planned.activity_mbq.value > 32_400
    assert "activity-outside-trial" in codes(planned)
    assert "activity-outside-trial" not in codes(worked_example(cycles_left=2))


def test_a_regression_beside_measured_doses_is_not_used_and_the_plan_says_so():
    record = {**RECORD, "organ": "Nieren"}
    assert "first-cycle-not-used" in codes(plan(cycle(1, left_kidney=4.0), cycles_left=2, first_cycle=record))
    planned = plan(first_cycle=record, cycles_left=4)
    assert planned.details["binding"]["region"] == "kidneys"
    assert "first-cycle-not-used" not in codes(planned)


def test_a_dose_without_its_uncertainty_has_no_accepted_probability():
    """The spread between cycles alone would make it too small."""
    bare = dose(KIDNEY, 5.0, {}).dose_gy.with_contribution(f"dose:{KIDNEY}", None)
    known = Cycle(1, 7400.0, None, {KIDNEY: replace(dose(KIDNEY, 5.0), dose_gy=bare)})
    with pytest.raises(PlanError) as refusal:
        plan(known, cycles_left=2, accepted_probability=0.1)
    assert refusal.value.code == "uncertainty-missing"
    assert plan(known, cycles_left=2).activity_mbq is not None


def test_what_is_assumed_is_marked_without_a_further_cycle_too():
    planned = plan(cycle(1, left_kidney=14.0), cycle(2), cycles_left=1)
    assert planned.activity_mbq is None
    assert [dose.basis for dose in planned.doses] == ["2 cycles given, assumed: cycle 2; without a further one"]


def test_a_probability_by_some_of_the_sources_says_so():
    bare = dose(KIDNEY, 5.0).dose_gy.with_contribution("s-value:kidneys", None)
    known = Cycle(1, 7400.0, None, {KIDNEY: replace(dose(KIDNEY, 5.0), dose_gy=bare)})
    assert "by the uncertainties that are stated" in plan(known, cycles_left=2).summary
    assert "by the uncertainties that are stated" not in plan(cycle(1, left_kidney=5.0), cycles_left=2).summary


def test_a_kidney_that_was_not_measured_since_the_other_was_lost_is_told_of():
    lost = {"absent": {"right-kidney": {"from_cycle": 2, "reason": "nephrectomy"}}}
    both = cycle(1, left_kidney=4.0, right_kidney=4.0)
    assert "partner-lost" in codes(plan(both, cycle(2), cycles_left=2, **lost))
    assert "partner-lost" not in codes(plan(both, cycle(2, left_kidney=5.0), cycles_left=2, **lost))


MARROW_2 = (*PRRT_23, limit_named("red-marrow-2"))
BLOOD, IMAGE = "red-marrow-by-blood", "red-marrow-by-image"


def test_the_marrow_limit_binds_on_the_dose_by_blood_alone():
    """The 2 Gy come from doses in 131I therapy (R0, R1), by blood; by image 1.1 Gy are left, 7400·1.1/0.9 MBq."""
    both = cycle(1, left_kidney=1.0, red_marrow_by_blood=0.3, red_marrow_by_image=0.9)
    planned = plan(both, limits=MARROW_2, cycles_left=1)
    assert planned.activity_mbq.value == pytest.approx(7400 * (2 - 0.3) / 0.3)
    assert planned.details["binding"] == {"region": BLOOD, "limit": "red-marrow-2"}
    (shown, alone) = doses_of(planned, IMAGE)
    assert shown.limit is None and "binds nothing" in shown.basis
    assert shown.dose_gy.value == pytest.approx(0.9 * (1 + (2 - 0.3) / 0.3))
    (finding,) = [finding for finding in planned.findings if finding.code == "limit-not-binding"]
    assert "9.044 GBq by the best estimate" in finding.message and finding.where == IMAGE
    assert planned.activity_mbq.value > 9044


def test_a_marrow_dose_by_image_alone_binds_with_a_warning():
    planned = plan(cycle(1, left_kidney=4.0, red_marrow_by_image=0.9), limits=MARROW_2, cycles_left=1)
    assert planned.details["binding"]["region"] == IMAGE
    assert "limit-by-other-method" in codes(planned)
    assert "limit-by-other-method" not in codes(
        plan(cycle(1, left_kidney=4.0, red_marrow=0.9), limits=MARROW_2, cycles_left=1)
    )


def test_a_pair_beside_one_of_its_sides_is_refused():
    """Otherwise the limit holds for the side alone, and the other kidney drops out."""
    with pytest.raises(PlanError, match="beside 'right-kidney'") as refusal:
        plan(cycle(1, kidneys=5.0, right_kidney=4.8), cycles_left=1)
    assert refusal.value.code == "pair-beside-side"
    lost = {"left-kidney": {"from_cycle": 1, "reason": "nephrectomy"}}
    assert plan(cycle(1, kidneys=5.0, right_kidney=4.8), cycles_left=1, absent=lost).activity_mbq
    assert plan(cycle(1, kidneys=5.0), cycle(2, left_kidney=5.0, right_kidney=5.0), cycles_left=1).activity_mbq


def test_one_side_without_the_other_is_told_of():
    alone = cycle(1, left_kidney=4.0)
    (finding,) = [finding for finding in plan(alone, cycles_left=1).findings if finding.code == "partner-missing"]
    assert finding.severity == "critical" and finding.where == "right-kidney"
    assert "partner-missing" not in codes(plan(cycle(1, left_kidney=4.0, right_kidney=4.0), cycles_left=1))
    lost = {"right-kidney": {"from_cycle": 1, "reason": "nephrectomy"}}
    assert "partner-missing" not in codes(plan(alone, cycles_left=1, absent=lost))


def test_a_limit_that_was_asked_for_and_binds_nothing_is_critical():
    asked = plan(cycle(1, left_kidney=4.0), limits=(*PRRT_23, limit(30.0, organ="liver")), cycles_left=1)
    (finding,) = [finding for finding in asked.findings if finding.code == "limit-not-evaluated"]
    assert finding.severity == "critical" and "left-kidney" in finding.message
    by_style = plan(cycle(1, left_kidney=4.0), limits=None, cycles_left=1)
    (finding,) = [finding for finding in by_style.findings if finding.code == "limit-not-evaluated"]
    assert finding.severity == "warning"


def test_times_against_the_numbers_are_refused():
    later, earlier = (datetime(2026, month, 2, 10, tzinfo=UTC) for month in (5, 3))
    cycles = (replace(cycle(1, left_kidney=4.0), start=later), replace(cycle(2, left_kidney=4.0), start=earlier))
    with pytest.raises(PlanError, match="2026-03-02") as refusal:
        plan(*cycles, cycles_left=1)
    assert refusal.value.code == "cycle-order"


def test_the_headline_is_capped_by_default_and_the_table_is_not():
    """1.7 Gy per cycle leave 30.9 GBq under 23 Gy, more than four times the label."""
    low = cycle(1, left_kidney=1.7)
    capped = plan(low, cycles_left=3, therapy="lu177-dotatate")
    assert capped.activity_mbq.value == pytest.approx(1.25 * 7400)
    assert "30.9" not in capped.summary
    left = next(table for table in capped.tables if table.title == "What the limits leave")
    assert left.rows[1][1] == "30.91" and left.notes
    assert plan(low, cycles_left=3, therapy="lu177-dotatate", cap="none").activity_mbq.value > 30_900
    assert plan(low, cycles_left=3).activity_mbq.value > 30_900


def test_a_cycle_of_the_style_that_does_not_fit_says_why_and_what_would():
    cycles = (bed_cycle(1, 7.0), bed_cycle(2, 7.0))
    planned = plan(*cycles, style="iluminet", limits=BED_27, accepted_probability=0.1)
    assert planned.activity_mbq is None
    assert "cycle-does-not-fit" in codes(planned) and "limit-reached" not in codes(planned)
    assert "10 % is accepted" in planned.summary and "would fit" in planned.summary
    (given_, refused) = doses_of(planned, KIDNEY)
    assert refused.basis == "with 7.4 GBq more, not planned" and refused.p_exceed > 0.1 > given_.p_exceed


def test_the_formula_and_the_inputs_are_those_of_the_style():
    risk = {"age": 58, "renal_tolerance": "good", "haematologic_tolerance": "good", "progression": False}
    planned = plan(bed_cycle(1, 4.0), style="iluminet", limits=None, risk_factors=risk)
    assert not any("ΣD" in formula.text for formula in planned.formulas)
    stated = {item.label: item.value for item in planned.inputs}
    assert (stated["age"], stated["renal tolerance"], stated["progression"]) == ("58", "good", "no")


def test_another_therapy_than_that_of_the_trial_is_told_of():
    psma = cycle(1, left_kidney=4.0, right_kidney=4.0, parotid_glands=6.0)
    planned = plan(psma, limits=None, therapy="lu177-psma")
    assert "style-of-another-therapy" in codes(planned)
    assert {dose.limit.name for dose in doses_of(planned, "parotid-glands") if dose.limit} == {"salivary-glands-20"}
    stated = plan(psma, limits=PRRT_23, therapy="lu177-psma", cycles_left=5)
    assert "style-of-another-therapy" not in codes(stated)
    (alone,) = doses_of(stated, "parotid-glands")
    assert alone.limit is None and alone.basis == "cycle 2 alone"


def test_organs_under_limits_stand_first_and_lesions_last():
    planned = plan(cycle(1, lesion_1=40.0, liver=3.0, left_kidney=4.0, right_kidney=5.0), cycles_left=1)
    for table in planned.tables[:2]:
        assert [row[0] for row in table.rows] == ["right kidney", "left kidney", "liver", "lesion 1"]
    sums = planned.tables[0]
    assert sums.columns[-1] == "after cycle 2"
    (alone,) = doses_of(planned, "lesion-1")
    assert alone.dose_gy.value == pytest.approx(40 * planned.activity_mbq.value / 7400)
    assert sums.rows[-1][-1].startswith(f"{40 + alone.dose_gy.value:.0f} ")


def test_one_warning_for_all_that_lack_the_same():
    lesions = {f"lesion_{number}": 30.0 for number in (1, 2, 3)}
    # The spread of lesions is not known, hence it is left out of each of them.
    found = plan_findings(plan=plan(cycle(1, left_kidney=4.0, **lesions), cycles_left=1))
    (finding,) = [finding for finding in found if finding.code == "uncertainty-incomplete"]
    assert finding.where == "lesion-1, lesion-2, lesion-3"
    assert "between-cycles" not in finding.message and "from cycle to cycle" in finding.message
