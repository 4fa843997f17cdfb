"""The planners of 131I: each inverts its dose, scales with the activity, and refuses what physics excludes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from theradose.errors import PlanError
from theradose.plan.checks import plan_findings
from theradose.plan.inputs.dtc import DtcInput
from theradose.plan.inputs.mibg import MibgInput
from theradose.plan.inputs.thyroid import ThyroidInput
from theradose.plan.radioiodine.blood import DtcRequest
from theradose.plan.radioiodine.dtc import plan_dtc
from theradose.plan.radioiodine.mibg import MibgRequest, plan_mibg
from theradose.plan.radioiodine.thyroid import plan_thyroid
from theradose.plan.radioiodine.uptake import ThyroidRequest

THYROID = {"mass": "25 g", "target_dose": "200 Gy", "uptake": "60 %", "effective_half_life": "5.5 d"}
DTC = {
    "weight": "70 kg",
    "blood_volume": "5.0 L",
    "whole_body_residence": "31 h",
    "blood_residence": "3.2 h",
    "specimen": "blood",
}
MIBG = {"weight": "20 kg", "activity": "8.88 GBq", "whole_body_half_life": "20 h", "total_dose": "4 Gy"}


def thyroid(**changes):
    return plan_thyroid(ThyroidRequest(ThyroidInput.model_validate(stated(THYROID, changes))))


def dtc(**changes):
    return plan_dtc(DtcRequest(DtcInput.model_validate(stated(DTC, changes))))


def mibg(**changes):
    return plan_mibg(MibgRequest(MibgInput.model_validate(stated(MIBG, changes))))


def stated(base, changes):
    return {key: value for key, value in (base | changes).items() if value is not None}


def codes(plan):
    return {finding.code for finding in plan.findings}


class TestInverse:
    @settings(deadline=None)
    @given(st.floats(5, 150), st.floats(50, 500), st.floats(0.05, 1), st.floats(1, 8))
    def test_thyroid(self, mass_g, target_gy, uptake, half_life_d):
        plan = thyroid(
            mass=f"{mass_g} g",
            target_dose=f"{target_gy} Gy",
            uptake=f"{uptake}",
            effective_half_life=f"{half_life_d} d",
        )
        again = thyroid(
            mass=f"{mass_g} g",
            target_dose=None,
            activity=f"{plan.activity_mbq.value!r} MBq",
            uptake=f"{uptake}",
            effective_half_life=f"{half_life_d} d",
        )
        twice = thyroid(
            mass=f"{mass_g} g",
            target_dose=None,
            activity=f"{2 * plan.activity_mbq.value!r} MBq",
            uptake=f"{uptake}",
            effective_half_life=f"{half_life_d} d",
        )
        assert plan.doses[0].dose_gy.value == pytest.approx(target_gy, rel=1e-9)
        assert again.doses[0].dose_gy.value == pytest.approx(target_gy, rel=1e-9)
        assert twice.doses[0].dose_gy.value == pytest.approx(2 * target_gy, rel=1e-9)

    @settings(deadline=None)
    @given(st.floats(40, 120), st.floats(3, 7), st.floats(10, 80), st.floats(0.02, 0.3))
    def test_dtc(self, weight_kg, volume_l, whole_body_h, share):
        patient = {
            "weight": f"{weight_kg} kg",
            "blood_volume": f"{volume_l} L",
            "whole_body_residence": f"{whole_body_h} h",
            "blood_residence": f"{share * whole_body_h} h",
        }
        plan = dtc(**patient)
        one, two = (dtc(**patient, activity=f"{n * plan.activity_mbq.value!r} MBq").doses for n in (1, 2))
        assert one[0].target == "blood" and one[0].dose_gy.value == pytest.approx(2, rel=1e-9)
        for single, double in zip(one, two, strict=True):
            assert double.dose_gy.value == pytest.approx(2 * single.dose_gy.value, rel=1e-9)

    @settings(deadline=None)
    @given(st.floats(8, 100), st.floats(1, 10), st.floats(8, 40), st.floats(1.1, 5))
    def test_mibg(self, weight_kg, activity_gbq, half_life_h, multiple):
        patient = {
            "weight": f"{weight_kg} kg",
            "activity": f"{activity_gbq} GBq",
            "whole_body_half_life": f"{half_life_h} h",
        }
        first = mibg(**patient, total_dose="1000 Gy").doses[0].dose_gy.value
        plan = mibg(**patient, total_dose=f"{multiple * first!r} Gy")
        assert plan.doses[1].dose_gy.value == pytest.approx(multiple * first, rel=1e-9)
        # The same rule with both activities given at once.
        both = mibg(
            **patient | {"activity": f"{activity_gbq * 1e3 + plan.activity_mbq.value!r} MBq"}, total_dose="1000 Gy"
        )
        assert both.doses[0].dose_gy.value == pytest.approx(multiple * first, rel=1e-9)


@settings(deadline=None)
@given(st.floats(5, 150), st.floats(0.05, 1), st.floats(10, 80))
def test_an_activity_planned_for_a_dose_is_neither_above_nor_below_it(mass_g, uptake, residence_h):
    plans = (
        thyroid(mass=f"{mass_g} g", uptake=f"{uptake}"),
        dtc(weight=f"{mass_g} kg", whole_body_residence=f"{residence_h} h"),
        mibg(weight=f"{mass_g} kg", total_dose="1000 Gy"),
    )
    found = {finding.code for plan in plans for finding in plan_findings(plan=plan)}
    assert not found & {"dose-above-limit", "target-dose-not-reached"}


class TestThyroid:
    def test_states_its_interval_and_its_sources(self):
        plan = thyroid(mass={"value": "25 g", "u": "15 %"})
        assert re.search(r"374 MBq \(95 % interval \d+ – \d+ MBq\)", plan.summary)
        assert plan.doses[0].p_exceed == pytest.approx(0.5)
        assert {constant.status for constant in plan.constants} == {"unverified", "verified"}
        assert "constant-unverified" in {finding.code for finding in plan_findings(plan=plan)}
        assert plan.level is not None and "level" in plan.level.text

    def test_says_that_there_is_no_interval(self):
        plan = thyroid()
        assert "interval not stated" in plan.summary
        assert plan.doses[0].p_exceed is None

    def test_takes_the_middle_of_the_range_of_a_disease_and_says_so(self):
        plan = thyroid(target_dose=None, disease="autonomy")
        assert plan.doses[0].limit.value_gy == 350
        assert "target-from-range" in codes(plan)
        low, high = (row[1] for row in plan.tables[1].rows)
        assert (low, high) == ("561 ± — MBq", "748 ± — MBq")

    def test_a_target_outside_the_range_of_the_disease_is_a_finding(self):
        assert "target-outside-range" in codes(thyroid(disease="goitre"))
        assert "target-outside-range" not in codes(thyroid(disease="graves"))

    def test_constants_are_named_options(self):
        activities = {choice: thyroid(energy=choice).activity_mbq.value for choice in ("eanm", "marinelli", "olinda")}
        assert activities["marinelli"] / activities["eanm"] == pytest.approx(24.8 * 2.808 / 100 / 0.693147, rel=1e-5)
        assert activities["olinda"] / activities["eanm"] == pytest.approx(2.808 / 2.74752)

    def test_both_forms_of_the_uptake_agree_where_they_describe_the_same_curve(self):
        simple = {"uptake": None, "effective_half_life": None}
        rates = {"blood_rate": "5 1/d", "thyroid_rate": "0.126 1/d"}
        fraction = thyroid(**simple, uptake_model={"uptake": "62 %", **rates})
        transfer = thyroid(**simple, uptake_model={"transfer_rate": "3.1 1/d", **rates})
        assert fraction.activity_mbq.value == pytest.approx(transfer.activity_mbq.value)
        assert fraction.formulas[1] != transfer.formulas[1]

    def test_readings_of_an_exponential_give_its_integral_with_decay_in_either_state(self):
        half_life_h, uptake = 110.0, 0.5
        times = (24.0, 72.0, 120.0, 192.0)
        plain = [(t, uptake * 2 ** (-t / half_life_h)) for t in times]
        simple = {"uptake": None, "effective_half_life": None}
        physical_h = 192.56

        def planned(decay, correct):
            readings = [{"t": f"{t} h", "uptake": f"{u * (2 ** (t / physical_h) if correct else 1)}"} for t, u in plain]
            return thyroid(**simple, uptake_curve=readings, uptake_decay=decay)

        expected = thyroid(uptake=f"{uptake}", effective_half_life=f"{half_life_h} h").activity_mbq.value
        # 1e-4: the half-life of the test has five digits.
        assert planned("included", False).activity_mbq.value == pytest.approx(expected, rel=1e-4)
        assert planned("removed", True).activity_mbq.value == pytest.approx(expected, rel=1e-4)

    def test_one_reading_needs_a_method(self):
        one = {"uptake": None, "uptake_decay": "included", "uptake_curve": [{"t": "120 h", "uptake": "25 %"}]}
        with pytest.raises(PlanError) as refused:
            thyroid(**one)
        assert refused.value.code == "uptake-single-reading"
        plan = thyroid(**one, single_time_point="madsen")
        alike = thyroid(uptake=f"{0.25 * 2 ** (120 / 132)}")
        assert plan.activity_mbq.value == pytest.approx(alike.activity_mbq.value)
        assert "single-time-point" in codes(plan)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"effective_half_life": "8.1 d"}, "half-life-above-physical"),
            (
                {
                    "uptake": None,
                    "effective_half_life": None,
                    "uptake_model": {"transfer_rate": "6 1/d", "blood_rate": "5 1/d", "thyroid_rate": "0.126 1/d"},
                },
                "uptake-above-one",
            ),
            (
                {
                    "uptake": None,
                    "effective_half_life": None,
                    "uptake_model": {"uptake": "60 %", "blood_rate": "5 1/d", "thyroid_rate": "0.05 1/d"},
                },
                "half-life-above-physical",
            ),
            (
                {
                    "uptake": None,
                    "uptake_decay": "included",
                    "uptake_curve": [{"t": "24 h", "uptake": "60 %"}, {"t": "192 h", "uptake": "55 %"}],
                },
                "uptake-above-one",
            ),
        ],
    )
    def test_what_physics_excludes_is_refused(self, changes, code):
        with pytest.raises(PlanError) as refused:
            thyroid(**changes)
        assert refused.value.code == code

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"uptake": "110 %"}, "between 0 and 100 %"),
            ({"mass": "25"}, "has no unit"),
            ({"mass": None}, "mass"),
            ({"effective_half_life": None}, "needs 'effective_half_life'"),
            ({"target_dose": None}, "nothing to plan for"),
            ({"uptake_curve": "uptake.csv"}, "exactly one of"),
            ({"uptake": None, "uptake_curve": "uptake.csv"}, "tracer"),
            ({"uptake": None, "uptake_curve": [{"t": "24 h", "uptake": "60 %"}]}, "uptake_decay"),
            ({"uptake": None, "uptake_model": {"uptake": "1", "blood_rate": "5", "thyroid_rate": "1 1/d"}}, "no unit"),
            (
                {
                    "uptake": None,
                    "uptake_model": {
                        "uptake": "60 %",
                        "transfer_rate": "3 1/d",
                        "blood_rate": "5 1/d",
                        "thyroid_rate": "1 1/d",
                    },
                },
                "either 'uptake'",
            ),
        ],
    )
    def test_bad_input_is_refused(self, changes, words):
        with pytest.raises(ValidationError, match=re.escape(words)):
            thyroid(**changes)


class TestDtc:
    UNCERTAIN = {
        "whole_body_residence": {"value": "31 h", "u": "5 %"},
        "blood_residence": {"value": "3.2 h", "u": "8 %"},
    }

    def test_doses_have_the_limit_of_the_blood(self):
        plan = dtc()
        assert plan.activity_mbq.value == pytest.approx(19336, abs=1)
        blood, body = plan.doses
        assert blood.limit.name == "blood-radioiodine" and blood.limit.value_gy == 2
        assert body.target == "whole-body" and body.limit is None
        assert "limit-at-best-estimate" in codes(plan)

    @pytest.mark.parametrize("accepted", [0.05, 0.25])
    def test_an_accepted_probability_lowers_the_activity_to_that_probability(self, accepted):
        plan = dtc(**self.UNCERTAIN, accepted_probability=f"{accepted}")
        assert plan.doses[0].p_exceed == pytest.approx(accepted)
        assert plan.activity_mbq.value < dtc().activity_mbq.value

    def test_an_accepted_probability_needs_uncertainties(self):
        with pytest.raises(PlanError) as refused:
            dtc(accepted_probability="10 %")
        assert refused.value.code == "probability-without-u"

    def test_plasma_counts_for_its_part_of_the_blood(self):
        plasma = dtc(blood_residence="5 h", specimen="plasma", haematocrit="0.36")
        assert plasma.activity_mbq.value == pytest.approx(dtc().activity_mbq.value)
        assert "blood-from-plasma" in codes(plasma)

    def test_an_unstated_specimen_is_a_finding(self):
        assert "specimen-assumed" in codes(dtc(specimen=None))

    def test_volume_of_blood_cancels_in_nothing(self):
        assert dtc(blood_volume="4.5 L").activity_mbq.value == pytest.approx(18000, abs=1)

    def test_one_measurement_of_the_whole_body(self):
        single = {"blood_residence": None, "specimen": None, "method": "single-measurement"}
        reading = {"t": "28 h", "retained": "25 %", "decay": "included"}
        plan = dtc(**single, whole_body_residence=None, whole_body_retention=reading)
        residence_h = 28 / 1.3862944
        assert plan.activity_mbq.value == pytest.approx(
            dtc(whole_body_residence=f"{residence_h} h", blood_residence=f"{0.14 * residence_h} h").activity_mbq.value,
            rel=1e-6,
        )
        assert "blood-not-measured" in codes(plan) and "single-measurement-time" not in codes(plan)
        late = dtc(**single, whole_body_residence=None, whole_body_retention=reading | {"t": "90 h"})
        assert "single-measurement-time" in codes(late)

    def test_earlier_administrations_add_up_and_what_is_assumed_is_marked(self):
        previous = [{"activity": "3.7 GBq", "blood_dose": "0.4 Gy"}, {"activity": "7.4 GBq"}]
        plan = dtc(previous=previous, activity="3.7 GBq")
        this, course = plan.doses[0].dose_gy.value, plan.doses[-1]
        assert course.dose_gy.value == pytest.approx(0.4 + 3 * this)
        assert "assumed in 1" in course.basis
        assert [row[-1] for row in plan.tables[-1].rows] == ["", "assumed", ""]
        assert "course-dose-assumed" in codes(plan)

    def test_a_dose_far_from_the_published_ones_is_a_finding(self):
        # Published: 0.04 to 0.34 Gy/GBq. 50 mL of blood in place of 5 L make 7.
        assert "dose-outside-reference" in codes(dtc(blood_volume="50 mL"))
        assert "dose-outside-reference" not in codes(dtc())

    def test_a_limit_of_the_user_is_marked_as_stated(self):
        plan = dtc(blood_limit="1 Gy")
        assert plan.activity_mbq.value == pytest.approx(dtc().activity_mbq.value / 2)
        assert plan.doses[0].limit.status == "stated"

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"whole_body_residence": "300 h"}, "residence-above-mean-life"),
            ({"whole_body_residence": None, "whole_body_half_life": "200 h"}, "half-life-above-physical"),
            (
                {
                    "whole_body_residence": None,
                    "whole_body_retention": {"t": "48 h", "retained": "90 %", "decay": "included"},
                },
                "residence-above-mean-life",
            ),
            ({"blood_residence": "40 h"}, "blood-above-whole-body"),
        ],
    )
    def test_what_physics_excludes_is_refused(self, changes, code):
        with pytest.raises(PlanError) as refused:
            dtc(**changes)
        assert refused.value.code == code

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"weight": None}, "weight"),
            ({"weight": "70"}, "has no unit"),
            ({"blood_volume": None}, "'blood_volume' is needed"),
            ({"specimen": "plasma"}, "needs the haematocrit"),
            ({"haematocrit": "42"}, "write for example '42 %' or 0.42"),
            ({"whole_body_half_life": "20 h"}, "exactly one of"),
            ({"whole_body_residence": None}, "exactly one of"),
            ({"blood_residence": None}, "single-measurement"),
            ({"method": "single-measurement"}, "leave one of the two out"),
            ({"whole_body_residence": None, "probe": "probe.csv"}, "tracer"),
        ],
    )
    def test_bad_input_is_refused(self, changes, words):
        with pytest.raises(ValidationError, match=re.escape(words)):
            dtc(**changes)

    @pytest.mark.parametrize("haematocrit", [0, 1])
    def test_blood_of_cells_or_of_plasma_alone_is_refused(self, haematocrit):
        with pytest.raises(ValidationError, match="haematocrit"):
            dtc(specimen="plasma", haematocrit=haematocrit)

    @pytest.mark.parametrize(("haematocrit", "said"), [(0.42, False), (0.2, False), (0.7, True), (0.1, True)])
    def test_an_unusual_haematocrit_is_said(self, haematocrit, said):
        assert ("haematocrit-unusual" in codes(dtc(specimen="plasma", haematocrit=haematocrit))) == said


class TestMibg:
    def test_worked_example(self):
        plan = mibg()
        assert plan.activity_mbq.value == pytest.approx(7450, abs=1)
        assert plan.doses[0].dose_gy.value == pytest.approx(2.175, abs=5e-4)
        assert plan.details["first_activity_per_weight_mbq_kg"] == pytest.approx(444)
        assert "second-kinetics-assumed" in codes(plan)

    def test_support_chooses_the_dose(self):
        assert mibg(total_dose=None, stem_cell_support=True).activity_mbq.value == pytest.approx(7450, abs=1)
        without = mibg(total_dose=None, stem_cell_support=False)
        assert without.activity_mbq is None and "total-dose-reached" in codes(without)
        assert without.doses[-1].limit.value_gy == 2

    def test_the_whole_body_has_a_limit_and_no_target(self):
        """More than 4 Gy with stem-cell support is never silent, and 50 % above is a risk and no success."""
        for changes in ({"stem_cell_support": True}, {}):
            assert mibg(**changes).doses[-1].limit.kind == "limit"
        above = mibg(total_dose="5 Gy", stem_cell_support=True)
        assert above.doses[-1].dose_gy.value == pytest.approx(5) and above.doses[-1].limit.value_gy == 4
        (finding,) = (item for item in plan_findings(plan=above) if item.code == "dose-above-limit")
        assert finding.severity == "critical"

    def test_one_activity_meter_is_behind_both_activities(self):
        """4 Gy with a meter that is wrong by 3 % are wrong by 3 %, also by its part in the second activity."""
        plan = mibg(activity={"value": "8.88 GBq", "u": "3 %"}, total_dose="4 Gy")
        assert plan.doses[-1].dose_gy.relative_u == pytest.approx(0.03)

    def test_how_far_the_second_goes_beyond_the_first_is_said(self):
        """MBq in place of GBq makes a second activity of 1838 times the first: 4/0.002175 − 1."""
        plan = mibg(activity="8.88 MBq")
        (message,) = (item.message for item in plan.findings if item.code == "second-kinetics-assumed")
        assert "1840 times" in message

    def test_half_life_and_residence_time_are_the_same_statement(self):
        alike = mibg(whole_body_half_life=None, whole_body_residence=f"{20 / 0.69314718} h")
        assert alike.activity_mbq.value == pytest.approx(mibg().activity_mbq.value)

    def test_uncertainty_of_the_second_activity_is_that_of_the_sum_of_both(self):
        # A2 = D/(τ S) − A1: the relative uncertainty of τ acts on A1 + A2.
        plan = mibg(whole_body_half_life={"value": "20 h", "u": "5 %"})
        assert plan.activity_mbq.u == pytest.approx(0.05 * (8880 + plan.activity_mbq.value))

    def test_children_have_a_level_of_their_own(self):
        assert mibg(child=True).level.text != mibg().level.text

    def test_what_physics_excludes_is_refused(self):
        with pytest.raises(PlanError) as refused:
            mibg(whole_body_half_life="9 d")
        assert refused.value.code == "half-life-above-physical"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"weight": None}, "weight"),
            ({"activity": "8.88"}, "has no unit"),
            ({"total_dose": None}, "is not stated"),
            ({"whole_body_half_life": None}, "exactly one of"),
            ({"whole_body_residence": "20 h"}, "exactly one of"),
        ],
    )
    def test_bad_input_is_refused(self, changes, words):
        with pytest.raises(ValidationError, match=re.escape(words)):
            mibg(**changes)
