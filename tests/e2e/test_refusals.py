"""Bad input is refused in one sentence, wrong input is caught, and nothing is lost."""

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from main_job import theradose
from theradose.simulate.write import simulate_study
from tiny_study import SENSITIVITY, content, write_tiny_study


def refused(path, *words, code):
    done = theradose("run", path)
    message = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2, done.stderr
    assert message.startswith("theradose: ") and message.endswith(f"[{code}]")
    assert all(word in message for word in words), message
    assert "Traceback" not in done.stderr
    assert list(path.parent.glob("results/*")) == []


def administration(study, **changes):
    return [{**study.content["administrations"][0], **changes}]


@pytest.mark.parametrize(
    ("changes", "word", "code"),
    [
        ({"nuclide": None}, "nuclide: Lu-177", "missing-nuclide"),
        ({"activity": None}, "activity: 7.4 GBq", "missing-administration"),
        ({"start": None}, "start:", "missing-administration"),
        ({"activity": "7,4 GBq"}, "decimal point", "study-invalid"),
        ({"nuclide": "Lu-176"}, "Lu-177", "nuclide-unknown"),
    ],
)
def test_a_wrong_administration_is_refused_by_name(editable_study, changes, word, code):
    refused(editable_study(administrations=administration(editable_study, **changes)), word, code=code)


def test_counts_without_sensitivity_are_refused(editable_study):
    refused(editable_study(calibration=None), "sensitivity", code="missing-sensitivity")


def test_no_regions_are_refused(editable_study):
    timepoints = [{**timepoint, "regions": None} for timepoint in editable_study.content["timepoints"]]
    refused(editable_study(timepoints=timepoints), "RTSTRUCT", code="missing-regions")


def test_one_time_point_names_the_method_that_it_needs(editable_study):
    timepoints = [timepoint for timepoint in editable_study.content["timepoints"] if timepoint["id"] == "tp24"]
    refused(editable_study(timepoints=timepoints), "single-time-point", "Haenscheid", code="one-time-point")


def test_an_image_before_the_administration_is_refused(editable_study):
    late = administration(editable_study, start="2026-03-02T18:00:00+01:00")
    refused(editable_study(administrations=late), "before the start", code="acquired-before-administration")


def test_an_unknown_engine_lists_the_valid_ones(editable_study):
    refused(editable_study(dose={"engine": "magic"}), "local", code="unknown-dose-engine")


def test_a_missing_image_names_the_path(editable_study):
    timepoints = [{**editable_study.content["timepoints"][0], "activity": "dicom/nowhere"}]
    timepoints += editable_study.content["timepoints"][1:]
    refused(editable_study(timepoints=timepoints), "dicom/nowhere", code="file-missing")


def test_a_ct_with_a_gap_is_refused_by_its_place(tmp_path):
    """The simulation leaves out one slice of the last CT, 3.3 mm thick: the gap is 6.6 mm."""
    simulate_study(tmp_path, variant="missing-slice")
    refused(tmp_path / "study.yaml", "tp168", "gap", "missing slices", code="missing-slices")


def critical_codes(path):
    done = theradose("run", path, "--json")
    assert done.returncode == 0, done.stderr
    return {finding["code"] for finding in json.loads(done.stdout)["findings"] if finding["severity"] == "critical"}


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": {"camera": "A", "sensitivity": f"{SENSITIVITY / 10:g} cps/MBq", "u": "3 %"}},
        # February for March: after four weeks hardly anything would be left.
        {"administrations": [{**content()["administrations"][0], "start": "2026-02-02T10:00:00+01:00"}]},
    ],
    ids=["units", "time"],
)
def test_units_wrong_by_ten_and_a_wrong_month_are_caught(tmp_path, changes):
    """More than twice the administered activity, decayed, in view at the first time point."""
    assert "activity-units-or-time" in critical_codes(write_tiny_study(tmp_path, changes))


def test_disk_full_leaves_no_half_written_result(editable_study, tmp_path):
    path = editable_study(cycle=3)
    limit = 200_000  # the report alone is larger
    done = subprocess.run(
        [sys.executable, "-m", "theradose", "run", path],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "nothing half-written" in done.stderr
    assert list((tmp_path / "results").iterdir()) == []


def test_a_killed_run_leaves_no_result_and_resumes(editable_study, tmp_path):
    path = editable_study(cycle=4)
    process = subprocess.Popen(
        [sys.executable, "-m", "theradose", "run", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stderr:
            if "write" in line:
                break
        time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finished = [folder for folder in (tmp_path / "results").iterdir() if not folder.name.startswith(".")]
    assert finished == []
    done = theradose("run", path)
    assert done.returncode == 0, done.stderr
    record = json.loads((Path(done.stdout.strip()) / "run.json").read_text())
    assert all(step["reused"] for step in record["steps"])
