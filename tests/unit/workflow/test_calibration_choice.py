"""Which record a study uses, and that its doses are those of the values in it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import yaml

from dicom_images import assign, detector, write_nm
from main_job import run_without_report
from theradose.errors import CalibrationError, StudyError
from theradose.formats.calibration_record import record_text
from theradose.model.calibration import (
    CalibrationRecord,
    DeadTime,
    Factor,
    Instrument,
    Recovery,
    RecoveryPoint,
    SourceGeometry,
)
from theradose.store.steps import StepStore
from theradose.workflow.calibration_choice import choose_calibration
from theradose.workflow.case import hash_inputs, open_case
from theradose.workflow.study_file import StudyFile, read_study
from theradose.workflow.timepoints import load_timepoints
from tiny_study import SENSITIVITY, content, write_tiny_study

MEASURED = datetime(2026, 2, 16, 10, tzinfo=UTC)
STAMP = {"measured_at": MEASURED, "valid_until": date(2027, 2, 16), "made_at": MEASURED, "software": "test"}
POINT = SourceGeometry(shape="point")


def factor(value=SENSITIVITY, u=0.03 * SENSITIVITY, **changes):
    return Factor(
        **STAMP, value_cps_per_mbq=value, u_cps_per_mbq=u, budget=(), measurement="counts", geometry=POINT, **changes
    )


def dead_time(value=3.0, model="paralysable"):
    return DeadTime(**STAMP, value_us=value, u_us=0.1, model=model, method="decaying-source", readings=8,
                    highest_rate_cps=1e4, largest_loss=0.1)  # fmt: skip


def recovery():
    points = tuple(RecoveryPoint(volume_ml=v, recovery=0.5, u_recovery=0.02) for v in (0.5, 30))
    return Recovery(**STAMP, name="nema", half_volume_ml=2.0, exponent=0.5, covariance=((0.04, 0), (0, 0.0004)),
                    points=points, geometry=SourceGeometry(shape="sphere"), factor_geometry=POINT)  # fmt: skip


def write_record(path, *, name="A", nuclide="Lu-177", kind="camera", collimator=None, **sections):
    path.parent.mkdir(parents=True, exist_ok=True)
    record = CalibrationRecord(
        kind=kind,
        instrument=Instrument(name=name, model=sections.pop("model", None)),
        nuclide=nuclide,
        collimator=collimator,
        **{"factor": factor(), **sections},
    )
    path.write_text(record_text(record), encoding="utf-8")


def opened(folder, calibration=None):
    return open_case(read_study(write_tiny_study(folder, {"calibration": calibration})))


def codes(findings):
    return {finding.code for finding in findings}


def test_a_record_gives_the_doses_of_its_values(tmp_path, tiny_study_run):
    """The record holds what the other study states: 10 cps/MBq with 3 %, camera A."""
    write_record(tmp_path / "calibration" / "a.yaml")
    study = write_tiny_study(tmp_path, {"calibration": {"record": "calibration/a.yaml"}})
    run = run_without_report(study)
    for ours, stated in zip(run.result.regions, tiny_study_run.result.regions, strict=True):
        assert (ours.name, ours.dose_gy) == (stated.name, stated.dose_gy)
        assert ours.budget == stated.budget
    found = {finding.code for finding in run.result.findings}
    assert found >= {"calibration-record", "calibration-not-comparable"}
    assert "calibration-record-assumed" not in found
    evidence = [line for image in run.result.images for line in image.assumptions if line.quantity == "sensitivity"]
    assert {line.source for line in evidence} <= {"calibration record of A"}
    # The record is an input: a changed one is another run.
    write_record(tmp_path / "calibration" / "a.yaml", factor=factor(9.0))
    assert not run_without_report(study).reused


def test_record_beside_the_study_is_found(tmp_path):
    write_record(tmp_path / "calibration" / "a.yaml", dead_time=dead_time(), recovery=recovery())
    write_record(tmp_path / "calibration" / "i.yaml", nuclide="I-131")
    write_record(tmp_path / "calibration" / "w.yaml", kind="counter")
    (tmp_path / "calibration" / "notes.yaml").write_text("lunch: 12", encoding="utf-8")
    case = opened(tmp_path)
    used = case.study.calibration
    assert (used.camera, used.sensitivity, used.u, used.dead_time) == ("A", 10.0, pytest.approx(0.03), 3.0)
    assert (used.record, used.dead_time_model) == ("calibration/a.yaml", "paralysable")
    assert case.record.recovery.name == "nema"
    assert codes(case.calibration_findings) >= {"calibration-record", "calibration-record-assumed"}


def test_a_study_without_images_needs_no_camera(tmp_path):
    write_record(tmp_path / "calibration" / "a.yaml")
    study = read_study(write_tiny_study(tmp_path, {"calibration": None}))
    without = StudyFile(study.study.model_copy(update={"timepoints": ()}), study.path)
    assert choose_calibration(without, "Lu-177") == (without, None, ())


def test_several_records_are_refused_until_one_is_named(tmp_path):
    write_record(tmp_path / "calibration" / "a.yaml")
    write_record(tmp_path / "calibration" / "b.yaml", name="B")
    with pytest.raises(CalibrationError) as caught:
        opened(tmp_path)
    assert caught.value.code == "calibration-records-several"
    assert opened(tmp_path, {"camera": "B"}).study.calibration.record == "calibration/b.yaml"
    assert opened(tmp_path, {"record": "calibration/a.yaml"}).study.calibration.camera == "A"


def test_no_fitting_record_is_a_finding(tmp_path):
    write_record(tmp_path / "calibration" / "i.yaml", nuclide="I-131")
    case = opened(tmp_path, {"camera": "A", "sensitivity": "9 cps/MBq"})
    assert case.record is None and case.study.calibration.sensitivity == 9
    assert codes(case.calibration_findings) == {"calibration-record-none"}


def test_what_the_study_states_goes_first_and_says_so(tmp_path):
    write_record(tmp_path / "r.yaml", dead_time=dead_time(), recovery=recovery())
    (tmp_path / "rc.csv").write_text("volume_ml,recovery,u_recovery\n1,0.4,0.02\n20,0.8,0.02\n", encoding="utf-8")
    stated = {"record": "r.yaml", "sensitivity": "9 cps/MBq", "dead_time": "2 us", "recovery": "rc.csv", "camera": "C"}
    case = opened(tmp_path, stated)
    used = case.study.calibration
    assert (used.camera, used.sensitivity, used.u, used.dead_time) == ("C", 9.0, None, 2.0)
    assert case.record.recovery is None and case.record.sensitivity_from == "study"
    messages = [f.message for f in case.calibration_findings if f.code == "calibration-overridden"]
    assert len(messages) == 4
    assert any("9 cps/MBq" in message and "10 cps/MBq" in message for message in messages)


def test_study_may_state_the_uncertainty_alone(tmp_path):
    write_record(tmp_path / "r.yaml")
    case = opened(tmp_path, {"record": "r.yaml", "u": "5 %", "resolution": "8 mm"})
    used = case.study.calibration
    assert (used.sensitivity, used.u, used.resolution) == (10.0, 0.05, 8.0)
    assert codes(case.calibration_findings) >= {"calibration-overridden"}


@pytest.mark.parametrize(
    ("kind", "name", "code", "error"),
    [
        ("counter", "r.yaml", "record-kind", CalibrationError),
        ("camera", "none.yaml", "file-missing", StudyError),
        ("camera", "bad.yaml", "record-unreadable", CalibrationError),
        ("camera", "study.yaml", "record-schema", CalibrationError),
    ],
)
def test_named_record_that_cannot_be_used(tmp_path, kind, name, code, error):
    write_record(tmp_path / "r.yaml", kind=kind)
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(error) as caught:
        opened(tmp_path, {"record": name})
    assert caught.value.code == code


def dicom_study(tmp_path, *changes):
    """The smallest study with a DICOM image of the model NM670 with the collimator MEGP at its first time point."""
    write_nm(
        tmp_path / "dicom" / "nm.dcm",
        assign(ManufacturerModelName="NM670"),
        detector(CollimatorType="PARA", CollimatorGridName="MEGP"),
        *changes,
    )
    study = content()
    study["calibration"] = None
    study["timepoints"][0] = {"id": "tp1", "activity": "dicom/nm.dcm", "regions": "labels.nii"}
    path = write_tiny_study(tmp_path)
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    return path


def test_header_chooses_among_cameras_and_collimators(tmp_path):
    folder = tmp_path / "calibration"
    write_record(folder / "a.yaml", model="NM670", collimator="MEGP")
    write_record(folder / "b.yaml", model="NM670", collimator="LEHR")
    write_record(folder / "c.yaml", name="C", model="Symbia", collimator="MEGP")
    case = open_case(read_study(dicom_study(tmp_path)))
    assert case.study.calibration.record == "calibration/a.yaml"
    assert codes(case.calibration_findings) == {"calibration-record"}


def test_an_image_of_another_camera_is_critical(tmp_path):
    """The first image is in Bq/mL and from a camera of another model; the others do not name theirs."""
    write_record(tmp_path / "c.yaml", name="C", model="Symbia", recovery=recovery())
    study = dicom_study(tmp_path)
    study.write_text(
        yaml.safe_dump({**yaml.safe_load(study.read_text()), "calibration": {"record": "c.yaml"}}), encoding="utf-8"
    )
    case = open_case(read_study(study))
    loaded, findings = load_timepoints(case, StepStore(tmp_path / "steps"), hash_inputs(case.study_file))
    found = {(finding.code, finding.severity) for finding in findings if finding.where == "tp1"}
    assert found >= {("calibration-camera-differs", "critical"), ("calibration-factor-not-used", "info")}
    assert all(f.code != "calibration-camera-differs" for f in findings if f.where != "tp1")
    first = next(item for item in loaded if item.timepoint.id == "tp1")
    # The scanner calibrated this image: the record's uncertainty is not that of the scanner.
    assert (first.activity.calibration, first.activity.calibration_relative_u) == ("scanner", None)


def test_header_excludes_the_only_record(tmp_path):
    write_record(tmp_path / "calibration" / "c.yaml", name="C", model="Symbia")
    case = open_case(read_study(dicom_study(tmp_path)))
    assert case.record is None
    assert codes(case.calibration_findings) == {"calibration-record-none"}


WINDOWS = ((175.0, 187.6), (187.6, 229.2), (229.2, 241.8))


def planar_factor(**changes):
    values = {**STAMP, "value_cps_per_mbq": 4.6, "u_cps_per_mbq": 0.092, "budget": (), "measurement": "planar",
              "geometry": POINT, "energy_windows_kev": WINDOWS, "views": 2, **changes}  # fmt: skip
    return Factor(**{"scatter": "triple energy window", **values})


def hybrid(folder, planar=None):
    """The smallest study with a planar time point and the record that it names."""
    study = content()
    study["calibration"] = {"record": "r.yaml"}
    study["timepoints"].append({"id": "p1", "planar": "planar.dcm"})
    if planar is not None:
        study["planar"] = planar
    path = write_tiny_study(folder)
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    return open_case(read_study(path))


def test_planar_sensitivity_comes_from_the_record(tmp_path):
    """Beside the factor of the SPECT, with which it is not exchanged; other choices of the study stay."""
    write_record(tmp_path / "r.yaml", planar_factor=planar_factor())
    case = hybrid(tmp_path, {"background": "adjacent"})
    assert (case.study.planar.sensitivity, case.study.planar.u) == (4.6, pytest.approx(0.02))
    assert case.study.planar.background == "adjacent" and case.study.calibration.sensitivity == SENSITIVITY
    assert case.record.planar and "planar factor" in case.calibration_findings[-1].message
    assert codes(case.calibration_findings) == {"calibration-record"}


def test_a_planar_factor_is_no_sensitivity_of_a_spect(tmp_path):
    write_record(tmp_path / "r.yaml", factor=None, planar_factor=planar_factor(dead_time_us=4.0,
                 dead_time_model="paralysable"))  # fmt: skip
    case = hybrid(tmp_path)
    assert (case.study.calibration.sensitivity, case.study.planar.sensitivity) == (None, 4.6)
    # The factor holds beside the dead time that was corrected when it was measured.
    assert case.study.calibration.dead_time == 4.0


@pytest.mark.parametrize(
    ("stated", "used", "from_record", "overridden"),
    [
        ({"sensitivity": "5 cps/MBq", "u": "3 %"}, (5.0, 0.03), False, "'planar.sensitivity' as 5 cps/MBq"),
        ({"sensitivity": "5 cps/MBq"}, (5.0, None), False, "'planar.sensitivity' as 5 cps/MBq"),
        ({"u": "5 %"}, (4.6, 0.05), True, "'planar.u' as 5.00%"),
    ],
)
def test_a_stated_planar_sensitivity_goes_before_the_record(tmp_path, stated, used, from_record, overridden):
    write_record(tmp_path / "r.yaml", planar_factor=planar_factor())
    case = hybrid(tmp_path, stated)
    assert (case.study.planar.sensitivity, case.study.planar.u) == used
    assert case.record.planar is from_record
    (finding,) = [f for f in case.calibration_findings if f.code == "calibration-overridden"]
    assert finding.severity == "warning" and overridden in finding.message


def test_without_planar_images_or_planar_factor_nothing_changes(tmp_path):
    write_record(tmp_path / "r.yaml", planar_factor=planar_factor())
    case = opened(tmp_path, {"record": "r.yaml"})
    assert case.study.planar.sensitivity is None and not case.record.planar
    write_record(tmp_path / "r.yaml")
    case = hybrid(tmp_path)
    assert case.study.planar.sensitivity is None and not case.record.planar
