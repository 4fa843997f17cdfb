"""Every command: one JSON document on standard output, messages on standard error, exit codes 0, 2 and 1."""

import json

import pytest
import yaml

from dicom_images import write_pt
from theradose.cli.app import app
from theradose.provenance import package_version
from theradose.workflow.demo import Demo, DemoRow
from tiny_study import KINETICS, activity_mbq, write_tiny_study

COMMANDS = [entry.name for entry in app.registered_commands]
# The commands of the main job; others may be beside them.
MAIN_JOB = {"demo", "inspect", "import", "run", "compare", "info"}
# Keys of a row of `inspect` in their order.
INSPECT_KEYS = [
    "id", "modality", "kind", "n_files", "shape", "spacing_mm", "unit", "decay_reference", "nuclide", "half_life_h",
    "injected_mbq", "acquisition_time", "t_h", "total_activity_mbq", "status", "problems",
    "path", "patient_id",
]  # fmt: skip


def test_the_commands_of_the_main_job_are_there():
    assert set(COMMANDS) >= MAIN_JOB and len(set(COMMANDS)) == len(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_the_command_does_and_takes_json(command, name):
    answer = command(name, "--help")
    assert answer.code == 0 and answer.err == ""
    assert "--json" in answer.out and "Usage: theradose" in answer.out


def test_without_a_command_the_help_is_shown(command):
    answer = command()
    assert all(name in answer.out + answer.err for name in COMMANDS)


def test_version(command):
    answer = command("--version")
    assert (answer.code, answer.out, answer.err) == (0, f"{package_version()}\n", "")


@pytest.mark.parametrize("arguments", [("nonsense",), ("run",), ("run", "--nonsense"), ("compare", "a")])
def test_wrong_usage_is_bad_input(command, arguments):
    answer = command(*arguments)
    assert answer.code == 2 and answer.out == "" and "Usage" in answer.err


def test_inspect_has_the_keys_of_the_contract(command, tmp_path):
    write_pt(tmp_path)
    answer = command("inspect", tmp_path, "--json")
    assert answer.code == 0 and answer.err == ""
    (row,) = answer.document["series"]
    # Keys may be added, in any place; those of the contract stay.
    assert [key for key in row if key in INSPECT_KEYS] == INSPECT_KEYS
    assert (row["kind"], row["status"]) == ("activity", "ok")


def test_inspect_prints_problems_as_messages(command, tmp_path):
    path = write_tiny_study(tmp_path).with_name("tp1.nii")
    answer = command("inspect", path)
    assert answer.code == 0
    assert "16×16×16" in answer.out
    assert answer.err.startswith("tp1.nii: ") and answer.err.endswith("[missing-meaning]\n")


def test_import_writes_a_study_and_asks_for_what_is_missing(command, tmp_path):
    write_pt(tmp_path / "dicom")
    answer = command("import", tmp_path / "dicom", "--out", tmp_path / "study.yaml")
    assert answer.code == 0 and answer.out == f"{tmp_path / 'study.yaml'}\n"
    assert all(line.startswith("needed: ") for line in answer.err.splitlines())
    assert "timepoints[0].regions" in answer.err
    assert yaml.safe_load((tmp_path / "study.yaml").read_text())["schema_version"] == 1
    answer = command("import", tmp_path / "dicom", "--out", tmp_path / "again.yaml", "--json")
    assert set(answer.document) >= {"study", "values", "missing", "skipped"}
    assert len(answer.document["missing"]) == len(answer.err.splitlines())


def test_import_without_images_is_refused(command, tmp_path):
    (tmp_path / "a.txt").write_text("nothing")
    answer = command("import", tmp_path, "--out", tmp_path / "study.yaml")
    assert answer.code == 2 and answer.out == "" and answer.err.endswith("[no-series]\n")
    assert not (tmp_path / "study.yaml").exists()


def test_run_prints_the_folder(command, tiny_run):
    study = tiny_run.parents[1]
    answer = command("run", study)
    assert answer.code == 0 and answer.out == f"{tiny_run}\n"
    warnings = [line for line in answer.err.splitlines() if line.startswith("warning: ")]
    assert any(line.endswith("[no-ct]") for line in warnings)
    assert not any(line.startswith("info: ") for line in answer.err.splitlines())


def test_run_prints_the_result_as_json(command, tiny_run):
    answer = command("run", tiny_run.parents[1], "--json")
    assert answer.document == json.loads((tiny_run / "result.json").read_text())


def test_run_takes_another_folder_and_engine(command, tiny_run, tmp_path):
    refused = command("run", tiny_run.parents[1], "--engine", "magic")
    assert refused.code == 2 and "local" in refused.err and refused.err.endswith("[unknown-dose-engine]\n")
    answer = command("run", tiny_run.parents[1], "--out", tmp_path / "elsewhere", "--engine", "local")
    assert answer.code == 0 and answer.out.startswith(str(tmp_path / "elsewhere"))


def test_the_smallest_study_is_right(tiny_run):
    """Exponential activity sampled without noise: A/λ, which also shows that the images are worth comparing."""
    for region in json.loads((tiny_run / "result.json").read_text())["regions"]:
        _, half_life_h = KINETICS[region["name"]]
        tia = activity_mbq(region["name"], 0) * half_life_h / 0.6931471805599453
        assert region["tia_mbq_h"]["value"] == pytest.approx(tia, rel=1e-4)


def test_refusals_are_one_sentence_on_standard_error(command, tmp_path):
    answer = command("run", tmp_path, "--json")
    assert answer.code == 2 and answer.out == ""
    (line,) = answer.err.splitlines()
    assert line.startswith("theradose: ") and line.endswith("[study-missing]")


def test_compare_names_the_cause(command, tiny_run, other_sensitivity_run):
    answer = command("compare", tiny_run, other_sensitivity_run / "result.json", "--json")
    assert answer.code == 0 and answer.err == ""
    document = answer.document
    assert (document["first"], document["second"]) == (tiny_run.name, other_sensitivity_run.name)
    assert document["reasons"] == ["study.calibration.sensitivity: 10.0 → 10.3"]
    rows = {(row["region"], row["quantity"]): row for row in document["rows"]}
    for region in KINETICS:
        assert rows[region, "dose_gy"]["relative_difference"] == pytest.approx(1 / 1.03 - 1, rel=1e-4)
        assert rows[region, "mass_g"]["relative_difference"] == 0
        assert rows[region, "effective_half_life_h"]["relative_difference"] == pytest.approx(0, abs=1e-6)
        # The stated calibration is uncertain by 3 % and everything else adds to it: less than one standard uncertainty.
        assert -1 < rows[region, "dose_gy"]["in_standard_uncertainties"] < 0


def test_compare_prints_a_table_and_the_cause(command, tiny_run, other_sensitivity_run):
    answer = command("compare", tiny_run, other_sensitivity_run)
    assert answer.code == 0
    assert "-2.91%" in answer.out
    assert answer.out.splitlines()[-1] == "why: study.calibration.sensitivity: 10.0 → 10.3"


def test_compare_refuses_what_is_no_result(command, tiny_run, tmp_path):
    answer = command("compare", tiny_run, tmp_path)
    assert answer.code == 2 and answer.err.endswith("[result-missing]\n")


def test_info_lists_versions_choices_and_sources(command):
    document = command("info", "--json").document
    assert set(document) == {
        "software", "formats", "registries", "protocols", "limits", "nuclear_data", "nuclides", "data",
    }  # fmt: skip
    limits = {row["name"]: row for row in document["limits"]}
    assert limits["kidneys-p-prrt"]["value_gy"] == 23 and all(row["source"] for row in document["limits"])
    assert document["software"]["theradose"] == package_version()
    assert all(row["source"] and row["status"] in ("verified", "unverified") for row in document["data"])
    licences = {row["name"]: row["licence"] for row in document["nuclear_data"]}
    assert licences["icrp107"] == "education, research, not-for-profit"
    chains = {row["name"]: row["chain"] for row in document["nuclides"]}
    assert chains["Pb-212"] == ["Bi-212", "Po-212", "Tl-208"] and all(row["source"] for row in document["nuclides"])
    text = command("info").out
    assert all(name in text for name in document["registries"]["dose_engines"][0]["name"].split())


def test_demo_prints_truth_beside_result_and_the_report_last(command, monkeypatch, tmp_path):
    """The table and the document; the demonstration itself is an end-to-end test."""
    demo = Demo((DemoRow("liver", 1500.0, 100.0, 103.0, 5.0, 2.0, 1.9, 0.1),), tmp_path / "report.pdf")
    monkeypatch.setattr("theradose.workflow.demo.run_demo", lambda out, *, seed, on_step: demo)
    lines = command("demo", "--out", tmp_path).out.splitlines()
    assert lines[-1] == str(demo.report)
    assert "+3.0%" in lines[1] and "-5.0%" in lines[1]
    document = command("demo", "--json").document
    assert document["report"] == str(demo.report)
    assert document["regions"][0]["tia_deviation"] == pytest.approx(0.03)


def test_a_full_disk_is_our_failure(command, monkeypatch, tmp_path):
    def fail(*_args, **_options):
        raise OSError(28, "No space left on device", "result.json")

    monkeypatch.setattr("theradose.workflow.run.run_study", fail)
    answer = command("run", tmp_path)
    assert answer.code == 1 and answer.out == ""
    assert "No space left on device ('result.json')" in answer.err and "Traceback" not in answer.err


def test_an_interrupted_run_says_that_it_resumes(command, monkeypatch, tmp_path):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("theradose.workflow.run.run_study", interrupt)
    answer = command("run", tmp_path)
    assert answer.code == 130 and answer.out == ""
    assert "same command resumes" in answer.err and "Traceback" not in answer.err


def test_what_was_finished_before_an_interruption_is_used(command, monkeypatch, tmp_path):
    study = write_tiny_study(tmp_path)

    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("theradose.workflow.measured_regions.segment_timepoints", interrupt)
        assert command("run", study).code == 130
    assert list(tmp_path.glob("results/*")) == []
    answer = command("run", study, "--json")
    assert answer.code == 0
    (record,) = (tmp_path / "results").glob("*/run.json")
    assert all(step["reused"] for step in json.loads(record.read_text())["steps"])
