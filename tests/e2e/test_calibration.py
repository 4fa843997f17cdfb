"""A camera is calibrated with phantoms, and the record turns a digital patient's counts into doses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from main_job import FinishedRun, run_without_report, theradose
from theradose.simulate.calibration import simulate_cylinder

EXAMPLES = Path(__file__).parents[2] / "docs" / "formats" / "examples" / "calibration"


def calibrate(*arguments):
    done = theradose("calibrate", *arguments, "--nuclide", "Lu-177", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["record"]


def test_a_record_gives_the_doses_of_the_stated_sensitivity(simulated, editable_study, tmp_path):
    """The phantom returns the factor within 1 %, and dead time acts by less than 5 %: so do the doses agree.

    The alignment is taken from the finished run, so that only the calibration differs; doses then scale by the ratio
    of the sensitivities, and by that of the dead-time factors, which differ by less than a tenth of a per cent. Red
    marrow and the report are left out: nothing here reads them.
    """
    record = tmp_path / "calibration" / "sim.yaml"
    phantom = simulate_cylinder(tmp_path / "phantom")
    calibrate("dead-time", EXAMPLES / "rates.csv", "--record", record, "--name", "SIM-SPECT-1")
    found = calibrate(
        "camera", phantom.image, "--record", record, "--geometry", "cylinder", "--diameter", "200 mm",
        "--height", "180 mm", "--margin", "30 mm", "--activity", "1000 MBq", "--u", "1 %",
        "--at", phantom.activity_at.isoformat(),
    )  # fmt: skip
    calibrate("recovery", tmp_path / "recovery.csv", "--record", record, "--measured-at", "2026-02-16")
    timepoints = [dict(timepoint) for timepoint in editable_study.content["timepoints"]]
    for timepoint, image in zip(timepoints, simulated.result["images"], strict=True):
        assert timepoint["id"] == image["timepoint"]
        if image["registration"] is not None:
            timepoint["transform"] = f"{timepoint['id']}.txt"
            np.savetxt(tmp_path / timepoint["transform"], image["registration"]["matrix"], fmt="%.17g")
    resolution = editable_study.content["calibration"]["resolution"]
    study = editable_study(
        calibration={"resolution": resolution}, timepoints=timepoints, registration={"method": "file"},
        marrow={"image": False},
    )  # fmt: skip
    run = FinishedRun(tmp_path, run_without_report(study).folder)
    ratio = 9.3 / found["factor"]["value_cps_per_mbq"]
    assert ratio == pytest.approx(1, rel=0.01)
    for region in simulated.result["regions"]:
        dose = run.regions[region["name"]]["dose_gy"]["value"]
        assert dose == pytest.approx(region["dose_gy"]["value"], rel=0.01)
        assert dose == pytest.approx(ratio * region["dose_gy"]["value"], rel=1e-3)
    assert run.result["study"]["calibration"]["record"] == "calibration/sim.yaml"
    codes = run.codes()
    assert "calibration-record" in codes
    assert not codes & {
        "calibration-camera-differs", "calibration-windows-differ", "calibration-reconstruction-differs",
        "calibration-geometry-differs", "calibration-expired", "calibration-constancy-missing",
        "calibration-record-assumed",
    }  # fmt: skip
