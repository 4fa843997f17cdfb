"""The input of ``theradose plan prrt`` with the files that it names."""

from pathlib import Path

import pytest
import yaml

from main_job import run_without_report
from theradose.errors import PlanError
from theradose.workflow.limit_files import limits_with_files
from theradose.workflow.plan import run_plan
from tiny_study import write_tiny_study

SOURCES = {"calibration": "3 %", "fit": "6 %"}
DOSES = {"left-kidney": {"dose": "5.6 Gy", "sources": SOURCES, "effective_half_life": "52 h"}}
FIRST = {"cycle": 1, "activity": "7.4 GBq", "doses": DOSES}


def plan(folder, **content):
    path = folder / "input.yaml"
    path.write_text(yaml.safe_dump({"history": [FIRST], "cycles_left": 2, **content}), encoding="utf-8")
    return run_plan("prrt", path)


def refused(folder, **content):
    with pytest.raises(PlanError) as refusal:
        plan(folder, **content)
    assert len(str(refusal.value).splitlines()) == 1
    return refusal.value


def test_a_result_and_a_stated_cycle_make_one_history(tmp_path):
    study = write_tiny_study(tmp_path / "cycle", {"names": {"left-kidney": ["1"]}, "cycle": 2})
    run = run_without_report(study)
    limits = [{"organ": "kidneys", "value": "500 Gy", "origin": "radionuclide-therapy", "source": "test"}]
    planned = plan(tmp_path, history=[FIRST, str(run.folder)], limits=limits)
    ledger = planned.details["cycles"]
    assert [(cycle["cycle"], cycle["activity_mbq"]) for cycle in ledger["cycles"]] == [(1, 7400.0), (2, 2000.0)]
    (total,) = [one for one in ledger["cumulative"] if one["region"] == "left-kidney"]
    dose = next(region.dose_gy.value for region in run.result.regions if region.name == "left-kidney")
    assert total["dose_gy"]["value"] == pytest.approx(5.6 + dose, rel=1e-9)


def test_a_stated_dose_has_the_bed_of_its_half_life(tmp_path):
    """SCIENCE §7: 5 Gy with 52 h has a BED of 5.49130 Gy."""
    stated = {"left-kidney": {"dose": "5 Gy", "effective_half_life": "52 h"}}
    planned = plan(tmp_path, history=[{**FIRST, "doses": stated}])
    (dose,) = planned.details["cycles"]["cycles"][0]["doses"]
    assert dose["bed_gy"]["value"] == pytest.approx(5.49130, abs=5e-6)


def test_a_stated_bed_keeps_its_uncertainty(tmp_path):
    stated = {"left-kidney": {"dose": {"value": "5 Gy", "u": "6 %"}, "bed": {"value": "5.5 Gy", "u": "0.5 Gy"}}}
    planned = plan(tmp_path, history=[{**FIRST, "doses": stated}])
    (dose,) = planned.details["cycles"]["cycles"][0]["doses"]
    assert dose["bed_gy"] == {"value": 5.5, "u": pytest.approx(0.5)}


def test_names_of_regions_are_canonical(tmp_path):
    planned = plan(tmp_path, history=[{**FIRST, "doses": {"Niere li": {"dose": "5 Gy"}}}])
    assert planned.details["binding"]["region"] == "left-kidney"


def test_limits_of_the_site_in_a_file(tmp_path):
    (tmp_path / "own.yaml").write_text("own: {organ: kidneys, value: 15 Gy, origin: EBRT, source: ours}\n")
    planned = plan(tmp_path, limits=["own.yaml"])
    assert planned.details["binding"]["limit"] == "own"
    assert "limit-from-external-beam" in {finding.code for finding in planned.findings}
    assert refused(tmp_path, limits=["other.yaml"]).code == "limits-missing"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"history": [{"cycle": 1}]}, "activity"),
        ({"history": [{**FIRST, "activity": "7.4"}]}, "has no unit"),
        ({"history": [{**FIRST, "result": "x"}]}, "either a result or stated doses"),
        ({"history": ["nowhere"]}, "history[0]"),
        ({"history": []}, "No cycle of the history"),
        ({"accepted_probability": 0}, "accepted_probability"),
        ({"accepted_probability": "120 %"}, "accepted_probability"),
        ({"cycles_left": 0}, "cycles_left"),
        ({"style": "other"}, "style"),
        ({"limits": ["kidney-limit"]}, "the nearest are kidneys-"),
        ({"trend": {"kidneys": {"per_cycle": "-3"}}}, "trend"),
        ({"therapy": "lu-dotatate"}, "valid names"),
        ({"first_cycle": {"organ": "kidneys"}}, "first_cycle"),
        ({"history": [{**FIRST, "doses": {"liver": {"dose": {"value": "5 Gy", "u": "5 %"}, "sources": {"fit": 0.1}}}}]},
         "not both"),
        ({"history": [{**FIRST, "doses": {**DOSES, "Niere li": {"dose": "9 Gy"}}}]}, "two doses"),
        ({"history": [{**FIRST, "doses": {"liver": {"dose": "5 Gy", "bed": "4 Gy"}}}]}, "not below"),
        ({"history": [{**FIRST, "cycle": 2}]}, "Nothing is known of cycle 1"),
        ({"style": "iluminet", "cycles_left": 2}, "style p-prrt"),
        ({"limits": [{"organ": "kidneys", "value": "23 Gy", "range": ["28 Gy", "23 Gy"], "origin": "EBRT",
                      "source": "x"}]}, "lower to its upper"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_one_sentence(tmp_path, content, said):
    assert said in str(refused(tmp_path, **content))


def test_patient_and_therapy_are_those_of_the_results(tmp_path):
    study = write_tiny_study(
        tmp_path / "cycle",
        {"names": {"left-kidney": ["1"]}, "cycle": 1, "therapy": "lu177-dotatate", "patient": {"id": "P7"}},
    )
    run = run_without_report(study)
    limits = [{"organ": "kidneys", "value": "500 Gy", "origin": "radionuclide-therapy", "source": "test"}]
    planned = plan(tmp_path, history=[str(run.folder)], limits=limits)
    assert planned.subject == "177Lu-DOTATATE · patient P7 · cycle 2"
    assert refused(tmp_path, history=[str(run.folder)], patient={"id": "P8"}).code == "cycle-of-another-patient"


def test_names_that_are_not_recognised_are_told_of(tmp_path):
    doses = {"left-kidney": {"dose": "5 Gy"}, "links": {"dose": "4 Gy"}, "red-marrow-by-blood": {"dose": "0.3 Gy"}}
    planned = plan(tmp_path, history=[{**FIRST, "doses": doses}])
    assert [finding.where for finding in planned.findings if finding.code == "region-not-recognised"] == ["links"]


def test_a_start_without_zone_is_told_of(tmp_path):
    bare = plan(tmp_path, history=[{**FIRST, "start": "2026-03-02T10:00:00"}])
    assert "start-without-zone" in {finding.code for finding in bare.findings}
    placed = plan(tmp_path, history=[{**FIRST, "start": "2026-03-02T10:00:00+01:00"}])
    assert "start-without-zone" not in {finding.code for finding in placed.findings}
    assert any(item.label == "cycle 1, 2026-03-02" for item in placed.inputs)


def test_the_example_of_a_file_of_limits_can_be_read():
    found = limits_with_files(["limits.yaml"], Path(__file__).parents[3] / "examples")
    assert [limit.organ for limit in found] == ["kidneys", "kidneys", "liver", "parotid-glands"]
