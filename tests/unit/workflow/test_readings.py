"""Probe, blood and uptake in the main job, with and without images."""

import json
import math
import shutil
from pathlib import Path

import pytest
import yaml

from main_job import run_without_report
from theradose.errors import StudyError, TheradoseError
from theradose.workflow.case import open_case
from theradose.workflow.readings import evaluate_readings
from theradose.workflow.run import run_study
from theradose.workflow.study_file import read_study
from tiny_study import START, content, write_tiny_study

EXAMPLES = Path(__file__).parents[3] / "docs/formats/examples"
COUNTER = {"name": "WIZARD", "efficiency": "500 cps/kBq", "u": "2 %", "dead_time": "4 us"}
LUTETIUM = [{"nuclide": "Lu-177", "activity": "7.4 GBq", "residual": "0 MBq", "start": START, "duration": "30 min"}]
IODINE = [{"nuclide": "I-131", "activity": "500 MBq", "residual": "0 MBq", "start": START}]


def write_study(folder: Path, *, tables: dict[str, str], **keys) -> Path:
    """A study of tables alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in tables.values():
        shutil.copy(EXAMPLES / name, folder / Path(name).name)
    study = {"schema_version": 1, **keys, **{key: Path(name).name for key, name in tables.items()}}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def lutetium(tmp_path_factory):
    """Probe and blood of one infusion, no image."""
    path = write_study(
        tmp_path_factory.mktemp("lutetium"),
        tables={"probe": "blood/probe.csv", "blood": "blood/counts.csv"},
        administrations=LUTETIUM,
        counter=COUNTER,
        patient={"id": "P001", "sex": "M"},
    )
    return run_study(path)


@pytest.fixture(scope="module")
def iodine(tmp_path_factory):
    """Uptake of the thyroid, no image."""
    path = write_study(
        tmp_path_factory.mktemp("iodine"),
        tables={"uptake": "uptake/uptake.csv"},
        administrations=IODINE,
        thyroid={"mass": "25 g", "u": "15 %"},
    )
    return run_without_report(path)


def test_the_whole_body_is_that_of_the_probe(lutetium):
    body = lutetium.result.whole_body
    assert body.scope == "whole body by probe"
    assert lutetium.result.field_of_view is None
    assert body.excreted_fraction[0] == pytest.approx(0, abs=1e-9)
    assert list(body.excreted_fraction) == sorted(body.excreted_fraction)
    assert {model.model for model in body.models} >= {"mono", "bi"}


def test_blood_gives_red_marrow_with_the_dose_from_the_rest_of_the_body(lutetium):
    marrow = lutetium.result.marrow["blood"]
    assert marrow["specimen"] == "plasma"
    assert marrow["haematocrit"] == pytest.approx(0.42)
    assert set(marrow["components_gy"]) == {"red-marrow", "remainder"}
    total = sum(component["value"] for component in marrow["components_gy"].values())
    assert marrow["dose_gy"]["value"] == pytest.approx(total)
    assert marrow["dose_per_activity_gy_gbq"]["value"] == pytest.approx(total / 7.4)
    sources = {line["source"] for line in marrow["budget"]}
    assert {"fit:blood", "counter:WIZARD", "fit:whole-body"} <= sources
    assert any(constant.name.startswith("dose to red marrow") or "marrow" in constant.name
               for constant in lutetium.result.constants)  # fmt: skip


def test_a_study_without_images_has_no_maps_but_a_report(lutetium):
    files = {file.path for file in lutetium.result.files}
    assert {"report.pdf", "report.html"} <= files
    assert not any(path.endswith(".nii.gz") or path.startswith("dicom") for path in files)
    assert lutetium.result.images == ()
    text = (lutetium.folder / "report.html").read_text(encoding="utf-8")
    assert "red marrow by blood" in text
    assert "Whole body and thyroid" in text


def test_the_dose_to_the_thyroid_follows_from_integral_and_mass(iodine):
    thyroid = iodine.result.thyroid
    electron_kev = next(c.value for c in iodine.result.constants if "electron" in c.name)
    expected = electron_kev * 1e3 * 1.602176634e-19 * 3.6e9 * 1e3 * thyroid.tia_mbq_h.value / 25
    assert thyroid.dose_gy.value == pytest.approx(expected, rel=1e-6)
    assert thyroid.dose_gy.u / thyroid.dose_gy.value > 0.15
    assert "mass:thyroid" in {line.source for line in thyroid.budget}
    assert thyroid.uptake_fraction[1] == pytest.approx(0.56, abs=0.15)
    # Uptake and clearance, never slower than the decay of 131I.
    assert thyroid.effective_half_life_h.value < 192.56


def test_without_a_mass_there_is_no_dose(tmp_path):
    path = write_study(tmp_path, tables={"uptake": "uptake/uptake.csv"}, administrations=IODINE)
    result = run_without_report(path).result
    assert result.thyroid.dose_gy.value is None
    assert "thyroid-mass-missing" in {finding.code for finding in result.findings}


def test_an_unchanged_study_is_not_run_again_but_a_changed_table_is(tmp_path):
    path = write_study(tmp_path, tables={"uptake": "uptake/uptake.csv"}, administrations=IODINE)
    first = run_without_report(path)
    assert run_without_report(path).reused
    table = tmp_path / "uptake.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("345200", "345201"), encoding="utf-8")
    assert run_without_report(path).folder != first.folder


def test_images_and_probe_stand_side_by_side(tmp_path):
    """The blocks of the tiny study hold 450 MBq of 2 GBq at time 0; the probe sees all of it."""
    rows = "".join(f"{t},{1000 * 0.5 ** (t / 40):.4f},no\n" for t in (20, 60, 100))
    path = write_tiny_study(tmp_path, {"probe": "probe.csv"})
    (tmp_path / "probe.csv").write_text("t_h,anterior_cps,before_void\n0,1000,yes\n" + rows, encoding="utf-8")
    result = run_without_report(path).result
    assert result.whole_body.scope == "whole body by probe"
    assert result.whole_body.tia_mbq_h.value == pytest.approx(2000 * 40 / math.log(2), rel=0.02)
    assert result.field_of_view.tia_mbq_h.value < result.whole_body.tia_mbq_h.value
    assert "field-exceeds-whole-body" not in {finding.code for finding in result.findings}


def test_images_above_the_probe_are_a_finding(tiny_case, tmp_path):
    case = tiny_case(probe="probe.csv")
    rows = "".join(f"{t},{10 * 0.5 ** (t / 40):.4f},no\n" for t in (20, 60, 100))
    table = case.study_file.folder / "probe.csv"
    table.write_text("t_h,anterior_cps,before_void\n0,1000,yes\n" + rows, encoding="utf-8")
    result = run_without_report(case.study_file.path).result
    assert "field-exceeds-whole-body" in {finding.code for finding in result.findings}


def test_organs_of_the_images_are_sources_of_their_own(tmp_path):
    study = write_tiny_study(tmp_path, {"blood": "blood.csv", "probe": "probe.csv", "patient": {"sex": "M"}})
    shutil.copy(EXAMPLES / "blood/probe.csv", tmp_path / "probe.csv")
    blood = "t_h,concentration_mbq_l,specimen\n0.5,60,blood\n2,30,blood\n8,8,blood\n24,4,blood\n"
    (tmp_path / "blood.csv").write_text(blood, encoding="utf-8")
    components = run_without_report(study).result.marrow["blood"]["components_gy"]
    assert set(components) == {"red-marrow", "liver", "remainder"}


def several(tiny_case, rows):
    case = tiny_case(blood="blood.csv", patient={"id": "P1"}, cycle=2)
    path = case.study_file.folder / "blood.csv"
    path.write_text("subject,cycle,t_h,concentration_mbq_l,specimen\n" + rows, encoding="utf-8")
    return evaluate_readings(case, tias={}, field_of_view=None)


def test_a_table_of_several_treatments_must_name_that_of_the_study(tiny_case):
    rows = "P1,{0},1,60,blood\nP1,{0},4,30,blood\nP1,{0},24,6,blood\n"
    readings = several(tiny_case, rows.format(1) + rows.format(2))
    assert readings.blood.curve.series.cycle == "2"
    with pytest.raises(StudyError, match="P1 cycle 3") as refusal:
        several(tiny_case, rows.format(1) + rows.format(3))
    assert refusal.value.code == "blood-several-treatments"


def test_too_little_in_the_body_leaves_out_the_cross_dose(tiny_case):
    case = tiny_case(blood="blood.csv", probe="probe.csv")
    folder = case.study_file.folder
    (folder / "blood.csv").write_text(
        "t_h,concentration_mbq_l,specimen\n1,900,blood\n4,800,blood\n24,600,blood\n48,400,blood\n", encoding="utf-8"
    )
    (folder / "probe.csv").write_text("t_h,anterior_cps,before_void\n0,1000,yes\n2,100,no\n4,10,no\n", encoding="utf-8")
    readings = evaluate_readings(case, tias={}, field_of_view=None)
    assert readings.blood.dose.cross_gy is None
    assert "marrow-remainder-negative" in {finding.code for finding in readings.findings}


@pytest.mark.parametrize(
    ("changes", "table", "code"),
    [
        ({"blood": "blood.csv"}, "t_h,concentration_mbq_l,specimen\n1,60,plasma\n2,30,plasma\n", "haematocrit-missing"),
        ({"blood": "blood.csv"}, "t_h,concentration_mbq_l\n1,60\n1,30\n", "sample-duplicate"),
        ({"blood": "blood.csv"}, "t_h,concentration_mbq_l\n1,60\n600,30\n", "sample-two-cycles"),
        ({"blood": "blood.csv", "marrow": {"rmblr": "two"}}, "t_h,concentration_mbq_l\n1,60\n4,30\n", "marrow-ratio"),
    ],
)
def test_bad_tables_stop_the_run_with_their_place(tiny_case, changes, table, code):
    case = tiny_case(**changes)
    (case.study_file.folder / "blood.csv").write_text(table, encoding="utf-8")
    with pytest.raises(TheradoseError) as refusal:
        evaluate_readings(case, tias={}, field_of_view=None)
    assert refusal.value.code == code


def test_a_study_with_neither_images_nor_tables_is_incomplete(tmp_path):
    study = {key: value for key, value in content().items() if key != "timepoints"}
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    with pytest.raises(StudyError, match="'probe', 'blood' or 'uptake'"):
        run_study(path)


def test_a_missing_table_is_named(tmp_path):
    path = write_tiny_study(tmp_path, {"probe": "absent.csv"})
    with pytest.raises(TheradoseError, match=r"absent\.csv"):
        run_study(path)


def test_result_json_holds_the_readings(lutetium):
    document = json.loads((lutetium.folder / "result.json").read_text(encoding="utf-8"))
    assert document["whole_body"]["scope"] == "whole body by probe"
    assert document["marrow"]["blood"]["dose_gy"]["value"] > 0


def blood_of_record(folder, **counter):
    path = write_study(
        folder, tables={"blood": "blood/counts.csv"}, administrations=LUTETIUM, counter=counter, patient={"sex": "M"}
    )
    shutil.copy(EXAMPLES / "calibration/well.yaml", folder / "well.yaml")
    return evaluate_readings(open_case(read_study(path)), tias={}, field_of_view=None)


@pytest.mark.parametrize(
    ("counter", "key"),
    [
        ({"record": "well.yaml", "dead_time": "4 us"}, "counter.dead_time"),
        ({"record": "well.yaml", "u": "2 %"}, "counter.u"),
        ({"record": "well.yaml", "name": "WIZARD"}, "counter.name"),
        ({"dead_time": "4 us"}, "counter.dead_time"),
        ({"u": "2 %"}, "counter.u"),
    ],
)
def test_keys_of_a_counter_that_mean_nothing(tmp_path, counter, key):
    with pytest.raises(StudyError, match=f"'{key}'") as refused:
        blood_of_record(tmp_path, **counter)
    assert refused.value.code == "counter-option"


def test_the_counter_may_be_a_calibration_record(tmp_path):
    readings = blood_of_record(tmp_path, record="well.yaml")
    record = yaml.safe_load((tmp_path / "well.yaml").read_text(encoding="utf-8"))
    (source,) = readings.blood.curve.curve.common
    assert source == f"counter:{record['instrument']['name']}"
    with pytest.raises(StudyError, match="keep one of the two"):
        blood_of_record(tmp_path, record="well.yaml", efficiency="500 cps/kBq")


def test_the_thyroid_dose_says_that_photons_are_left_out(iodine):
    codes = {finding.code for finding in iodine.result.findings if finding.where == "thyroid"}
    assert "photon-dose-neglected" in codes
    assert "local-outside-mass-range" not in codes


def test_the_given_activity_acts_where_it_enters_and_cancels_where_it_does(tmp_path):
    """The probe measures fractions of it, blood does not; per activity it is the other way round."""
    stated = [{**LUTETIUM[0], "u": "20 %"}]
    tables = {"probe": "blood/probe.csv", "blood": "blood/counts.csv"}
    path = write_study(tmp_path, tables=tables, administrations=stated, counter=COUNTER, patient={"sex": "M"})
    result = run_study(path).result
    body, marrow = result.whole_body, result.marrow["blood"]
    assert body.tia_mbq_h.u / body.tia_mbq_h.value > 0.2
    assert body.tiac_h.u / body.tiac_h.value < 0.1
    assert marrow["self_gy"]["u"] / marrow["self_gy"]["value"] < 0.1
    assert marrow["cross_gy"]["u"] / marrow["cross_gy"]["value"] > 0.2
    # Per activity the part from the rest of the body is free of it, and the self dose carries it.
    share = marrow["self_gy"]["value"] / marrow["dose_gy"]["value"]
    per_activity = marrow["dose_per_activity_gy_gbq"]
    assert 0.2 * share < per_activity["u"] / per_activity["value"] < 0.1
