"""A department's phantom in DICOM with known truth: the right factor passes, one that is 5 % off does not."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from main_job import theradose
from theradose.report.exporters import exporters
from theradose.simulate.calibration import simulate_spheres
from theradose.simulate.site_phantom import simulate_site_phantom
from theradose.validation.site import validate_site

# The simulated camera counts 9.3 cps/MBq; what it records is exactly this without noise and dead time.
SENSITIVITY = 9.3
CALIBRATION = {"camera": "SIM-SPECT-1", "u": "1.4 %", "dead_time": "4 us", "resolution": "7.4 mm"}


@pytest.fixture(scope="module")
def department(tmp_path_factory):
    """Phantom and camera record with a recovery set, by the commands that a department gives."""
    folder = tmp_path_factory.mktemp("department")
    simulate_site_phantom(folder)
    spheres = simulate_spheres(folder)
    record = folder / "calibration" / "sim.yaml"
    common = ("--record", record, "--nuclide", "Lu-177", "--dead-time", "4 us")
    done = theradose(
        "calibrate", "camera", spheres.image, *common, "--name", "SIM-SPECT-1", "--geometry", "large-field",
        "--activity", f"{spheres.activity_mbq} MBq", "--at", spheres.activity_at.isoformat(), "--u", "1 %",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    done = theradose(
        "calibrate", "recovery", spheres.image, "--spheres", spheres.table, *common, "--concentration", "1.5 MBq/mL",
        "--at", spheres.activity_at.isoformat(), "--u", "1.5 %",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def phantom_file(department, tmp_path, monkeypatch):
    """A phantom file that a test changes; its run writes no report, which nothing here reads."""
    (tmp_path / "dicom").symlink_to(department / "dicom")
    content = yaml.safe_load((department / "phantom.yaml").read_text())
    kept = tuple(entry for entry in exporters if entry.name not in ("pdf", "html"))
    monkeypatch.setattr("theradose.workflow.run.exporters", kept)

    def write(**changes):
        path = tmp_path / "phantom.yaml"
        path.write_text(yaml.safe_dump({**content, **changes}))
        return path

    write.content = content
    return write


def checks(done):
    return {(check.insert, check.quantity): check for check in done.checks}


def test_the_command_with_the_calibration_record(department, tmp_path):
    for name in ("dicom", "calibration"):
        (tmp_path / name).symlink_to(department / name)
    content = yaml.safe_load((department / "phantom.yaml").read_text())
    content |= {
        "performed_by": "A. Physicist", "calibration": {"record": "calibration/sim.yaml", "resolution": "7.4 mm"},
    }  # fmt: skip
    (tmp_path / "phantom.yaml").write_text(yaml.safe_dump(content))
    answer = theradose("validate", "--site", tmp_path / "phantom.yaml", "--out", tmp_path / "binder", "--json")
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout)
    assert document["schema"] == "theradose/site-validation/1" and document["passed"] is True
    used = document["calibration"]
    assert used["source"] == "calibration/sim.yaml" and used["valid_until"] == "2027-02-16"
    assert used["factor_cps_per_mbq"]["value"] == pytest.approx(SENSITIVITY, rel=0.01)
    assert [item["path"] for item in document["inputs"]] == [
        "phantom.yaml", "dicom/spect", "dicom/ct", "calibration/sim.yaml",
    ]  # fmt: skip
    assert len(document["software"]["source_sha256"]) == 64
    # The image was acquired two hours after the reference time.
    assert document["acquired_at"].startswith("2026-02-16T10:00:0")
    certificate = tmp_path / "binder" / document["certificate"]
    assert certificate.read_bytes().startswith(b"%PDF")
    assert json.loads(certificate.with_suffix(".json").read_text()) == document
    assert (tmp_path / "binder" / document["run_id"] / "report.pdf").is_file()


def test_truth_comes_back(phantom_file):
    """The file states the activity 40 min before the reference time, and the image is two hours after it.

    Everything in view follows from the sensitivity alone: counting of 4e5 counts and blur out of view are below 0.5 %.
    The threshold's volume of the ellipsoid is known to a fraction of a voxel all around (about 4 %), spheres have the
    stated one. Water is 1.00 to 1.02 g/mL by the CT.
    """
    done = validate_site(phantom_file(calibration={"sensitivity": f"{SENSITIVITY} cps/MBq", **CALIBRATION}))
    found = checks(done)
    total = found["whole phantom", "total_activity"]
    true = sum(
        float(item["activity"].split()[0]) * 0.5 ** (40 / 60 / (24 * 6.647)) for item in phantom_file.content["inserts"]
    )
    assert total.true.value == pytest.approx(true, rel=1e-4)
    assert total.deviation == pytest.approx(0, abs=0.005)
    assert found["kidney", "volume"].deviation == pytest.approx(0, abs=0.04)
    assert found["sphere-60", "volume"].tolerance is None
    assert found["sphere-60", "volume"].deviation == pytest.approx(0, abs=0.002)
    for insert in ("kidney", "sphere-60"):
        dose, activity = found[insert, "dose"], found[insert, "activity"]
        mass = found[insert, "volume"].ratio.value * dose.ratio.value / activity.ratio.value
        assert 1 / mass == pytest.approx(1.01, abs=0.015)
        assert dose.ratio.u > 0
    assert done.calibration.source == "phantom file" and done.calibration.valid_until is None


def test_a_factor_that_is_5_percent_off_fails(phantom_file):
    """5 % too high a factor makes everything in view 4.8 % too low, beyond the 3 % of the whole phantom."""
    wrong = {"sensitivity": f"{1.05 * SENSITIVITY:.5g} cps/MBq", **CALIBRATION}
    done = validate_site(phantom_file(calibration=wrong))
    total = checks(done)["whole phantom", "total_activity"]
    assert total.deviation == pytest.approx(1 / 1.05 - 1, abs=0.005)
    assert total.passed is False and not done.passed
    assert total in done.failed
    document = json.loads(done.document.read_text())
    assert document["passed"] is False
    assert done.certificate.is_file()


def test_the_command_ends_with_1_where_it_fails(department, tmp_path):
    shutil.copytree(department / "dicom" / "spect", tmp_path / "dicom" / "spect")
    content = yaml.safe_load((department / "phantom.yaml").read_text())
    content |= {
        "image": {"activity": "dicom/spect"}, "inserts": content["inserts"][1:2],
        "background": {"activity": "260 MBq"}, "calibration": {"sensitivity": "9.8 cps/MBq", **CALIBRATION},
    }  # fmt: skip
    (tmp_path / "phantom.yaml").write_text(yaml.safe_dump(content))
    answer = theradose("validate", "--site", tmp_path / "phantom.yaml")
    assert answer.returncode == 1, answer.stderr
    assert "FAIL" in answer.stdout
    assert answer.stdout.splitlines()[-1].endswith(".pdf")


def test_a_site_may_set_its_own_tolerances(phantom_file):
    wrong = {"sensitivity": f"{1.05 * SENSITIVITY:.5g} cps/MBq", **CALIBRATION}
    done = validate_site(phantom_file(calibration=wrong, tolerances={"total_activity": "6 %", "activity": "20 %"}))
    found = checks(done)
    assert found["whole phantom", "total_activity"].passed is True
    assert found["sphere-28", "activity"].tolerance == 0.2


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"reference_time": "2026-02-17T08:00:00+01:00"}, "phantom-reference-time", "earlier reference_time"),
        ({"image": {"activity": "dicom/nothing"}}, "file-missing", "dicom/nothing"),
        ({"calibration": None}, "missing-sensitivity", "calibration"),
    ],
)
def test_refusals_are_one_sentence(phantom_file, changes, code, words):
    from theradose.errors import TheradoseError

    with pytest.raises(TheradoseError) as refused:
        validate_site(phantom_file(**changes))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.code == code
