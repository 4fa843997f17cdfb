"""Plans of 131I from the tables that the inputs name: the known kinetics come back."""

import math
from pathlib import Path

import pytest
import yaml

from theradose.errors import TheradoseError
from theradose.nuclides import load_nuclide
from theradose.workflow.plan import run_plan

DECAY_PER_H = load_nuclide("I-131").decay_constant_per_h
TIMES_H = (2.0, 6.0, 24.0, 48.0, 72.0, 120.0)
# The tables hold noise-free values with six digits.
EXACT = 1e-4


def written(folder, name, header, rows):
    lines = [header, *(",".join(str(cell) for cell in row) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def planned(folder, planner, **inputs):
    path = folder / "input.yaml"
    path.write_text(yaml.safe_dump(inputs), encoding="utf-8")
    return run_plan(planner, path)


def codes(plan):
    return {finding.code for finding in plan.findings}


@pytest.fixture
def probe(tmp_path):
    """Whole body with an effective half-life of 20 h; the probe sees 10 cps/MBq of 100 MBq."""
    rows = [(t, f"{1000 * 2 ** (-t / 20):.6g}", f"{1000 * 2 ** (-t / 20):.6g}", "no" if t else "yes")
            for t in (0.0, *TIMES_H)]  # fmt: skip
    return written(tmp_path, "probe.csv", "t_h,anterior_cps,posterior_cps,before_void", rows)


def blood_table(folder, specimen="blood", haematocrit=""):
    """4 MBq/L with an effective half-life of 15 h."""
    rows = [(t, f"{4 * 2 ** (-t / 15):.6g}", specimen, haematocrit) for t in TIMES_H]
    return written(folder, "blood.csv", "t_h,concentration_mbq_l,specimen,haematocrit", rows)


class TestDtc:
    TRACER = {"activity": "100 MBq"}

    def test_probe_and_blood_give_the_residence_times(self, tmp_path, probe):
        inputs = {"weight": "70 kg", "probe": probe, "blood": blood_table(tmp_path), "tracer": self.TRACER}
        plan = planned(tmp_path, "dtc", **inputs)
        whole_body_h = 20 / math.log(2)
        blood_h_per_ml = 4 / 1000 * 15 / math.log(2) / 100
        expected = 108 * blood_h_per_ml + 0.0188 / 70 ** (2 / 3) * whole_body_h
        assert plan.details["dose_per_activity_gy_gbq"]["value"] == pytest.approx(expected, rel=EXACT)
        assert plan.details["blood_residence_h"] is None
        assert any("blood.csv" in item.value for item in plan.inputs)

    def test_the_activity_of_the_tracer_cancels_for_the_probe_only(self, tmp_path, probe):
        inputs = {"weight": "70 kg", "probe": probe, "blood": blood_table(tmp_path)}
        low, high = (
            planned(tmp_path, "dtc", **inputs, tracer={"activity": f"{activity} MBq", "u": "3 %"}).details
            for activity in (100, 200)
        )
        assert low["whole_body_residence_h"] == pytest.approx(high["whole_body_residence_h"])
        doses = [details["dose_per_activity_gy_gbq"]["value"] for details in (low, high)]
        assert doses[1] < doses[0]

    def test_plasma_counts_for_its_part_of_blood(self, tmp_path):
        inputs = {"weight": "70 kg", "whole_body_residence": "30 h", "tracer": self.TRACER}
        whole = planned(tmp_path, "dtc", **inputs, blood=blood_table(tmp_path))
        plasma = planned(tmp_path, "dtc", **inputs, blood=blood_table(tmp_path, "plasma", "0.4"))
        photons = 0.0188 / 70 ** (2 / 3) * 30
        electrons = [plan.details["dose_per_activity_gy_gbq"]["value"] - photons for plan in (whole, plasma)]
        assert electrons[1] / electrons[0] == pytest.approx(0.6, rel=EXACT)

    def test_plasma_without_haematocrit_is_refused(self, tmp_path):
        with pytest.raises(TheradoseError) as refused:
            planned(
                tmp_path, "dtc", weight="70 kg", whole_body_residence="30 h", tracer=self.TRACER,
                blood=blood_table(tmp_path, "plasma"),
            )  # fmt: skip
        assert refused.value.code == "haematocrit-missing"

    def test_a_haematocrit_of_the_input_serves_samples_without_one(self, tmp_path):
        plan = planned(
            tmp_path, "dtc", weight="70 kg", whole_body_residence="30 h", tracer=self.TRACER,
            blood=blood_table(tmp_path, "plasma"), haematocrit={"value": "0.4", "relative_u": "5 %"},
        )  # fmt: skip
        assert plan.details["dose_per_activity_gy_gbq"]["u"] is not None

    def test_several_treatments_in_one_table_are_refused(self, tmp_path):
        table = written(
            tmp_path,
            "blood.csv",
            "subject,t_h,concentration_mbq_l",
            [("A", 2, 4), ("A", 9, 3), ("B", 2, 4), ("B", 9, 3)],
        )
        with pytest.raises(TheradoseError) as refused:
            planned(
                tmp_path, "dtc", weight="70 kg", whole_body_residence="30 h", tracer=self.TRACER, blood=table
            )  # fmt: skip
        assert refused.value.code == "blood-several-treatments"

    def test_a_missing_table_is_refused(self, tmp_path):
        with pytest.raises(TheradoseError, match=r"none\.csv"):
            planned(
                tmp_path, "dtc", weight="70 kg", blood_volume="5 L", blood_residence="3 h", probe="none.csv",
                tracer=self.TRACER,
            )  # fmt: skip


class TestMibg:
    def test_probe_readings_stand_for_a_half_life(self, tmp_path, probe):
        inputs = {"weight": "20 kg", "activity": {"value": "8.88 GBq", "u": "3 %"}, "total_dose": "4 Gy"}
        by_probe = planned(tmp_path, "mibg", **inputs, probe=probe)
        by_half_life = planned(tmp_path, "mibg", **inputs, whole_body_half_life="20 h")
        assert by_probe.activity_mbq.value == pytest.approx(by_half_life.activity_mbq.value, rel=10 * EXACT)
        assert by_probe.doses[0].dose_gy.u > 0
        assert "measurement-u-assumed" in codes(by_probe)


class TestThyroid:
    def counts(self, uptake, t_h):
        # A standard of 5 MBq, counted when the patient is, gives 1000 cps.
        return 1000 * uptake * 500 / 5 * math.exp(-DECAY_PER_H * t_h) * 60

    def table(self, folder, uptakes):
        rows = [
            (t, f"{self.counts(uptake, t):.8g}", 0, 60, *((60_000, 0, 60, 5.0) if number == 0 else ("",) * 4))
            for number, (t, uptake) in enumerate(uptakes)
        ]
        header = "t_h,neck_counts,thigh_counts,counting_s,standard_counts,room_counts,standard_counting_s,standard_mbq"
        return written(folder, "uptake.csv", header, rows)

    def test_counts_give_the_uptake_and_its_integral(self, tmp_path):
        half_life_h = 120.0
        uptakes = [(t, 0.6 * 2 ** (-t / half_life_h) * math.exp(DECAY_PER_H * t)) for t in (24, 48, 96, 168)]
        plan = planned(
            tmp_path, "thyroid", mass="25 g", target_dose="200 Gy", uptake_curve=self.table(tmp_path, uptakes),
            tracer={"activity": "500 MBq", "u": "2 %"},
        )  # fmt: skip
        assert plan.details["residence_h"]["value"] == pytest.approx(0.6 * half_life_h / math.log(2), rel=10 * EXACT)
        assert plan.details["residence_h"]["u"] > 0.02 * plan.details["residence_h"]["value"]

    def test_more_uptake_than_was_given_is_refused(self, tmp_path):
        with pytest.raises(TheradoseError) as refused:
            planned(
                tmp_path, "thyroid", mass="25 g", target_dose="200 Gy", tracer={"activity": "500 MBq"},
                uptake_curve=self.table(tmp_path, [(24, 1.2), (48, 1.1)]),
            )  # fmt: skip
        assert refused.value.code == "uptake-above-one"


@pytest.mark.parametrize(
    ("planner", "inputs", "words"),
    [
        ("thyroid", {"target_dose": "200 Gy", "uptake": "60 %", "effective_half_life": "5.5 d"}, "mass"),
        ("dtc", {"blood_volume": "5 L", "whole_body_residence": "31 h", "blood_residence": "3 h"}, "weight"),
        ("mibg", {"weight": "20 kg", "activity": "9", "whole_body_half_life": "20 h", "total_dose": "4 Gy"}, "unit"),
    ],
)
def test_refusals_are_one_sentence(tmp_path, planner, inputs, words):
    with pytest.raises(TheradoseError) as refused:
        planned(tmp_path, planner, **inputs)
    message = str(refused.value)
    assert words in message and message.endswith(".") and "\n" not in message


def test_examples_from_tables_show_what_was_fitted():
    examples = Path(__file__).parents[3] / "examples" / "plans"
    dtc = run_plan("dtc", examples / "dtc-tables.yaml")
    assert [curve.title for curve in dtc.curves] == ["whole body", "blood"]
    inputs = {item.label: item.value for item in dtc.inputs}
    assert "h: probe.csv, 7 readings" in inputs["residence time of the whole body"]
    assert "h/L: blood.csv, 7 samples" in inputs["residence time in 1 L of blood"]
    assert inputs["activity per weight"].endswith("MBq/kg")
    per_litre, all_blood = dtc.details["blood_residence_h_per_l"], dtc.details["blood_residence_h"]
    assert all_blood["value"] == pytest.approx(4.3 * per_litre["value"])
    assert any(item.code == "other-restrictions" for item in dtc.findings)
    thyroid = run_plan("thyroid", examples / "thyroid-readings.yaml")
    labels = {item.label for item in thyroid.inputs}
    assert {"readings, with decay", "effective half-life", "highest uptake"} <= labels
    assert len(thyroid.curves) == 1


@pytest.mark.parametrize(("planner", "example"), [("dtc", "dtc.yaml"), ("mibg", "mibg.yaml")])
def test_two_weights_that_differ_are_refused(tmp_path, planner, example):
    path = Path(__file__).parents[3] / "examples" / "plans" / example
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["patient"]["weight"] = "96 kg"
    with pytest.raises(TheradoseError, match=r"patient\.weight is 96 kg: state one, or the same"):
        planned(tmp_path, planner, **content)
    content["patient"]["weight"] = content["weight"]["value"]
    assert planned(tmp_path, planner, **content).doses
