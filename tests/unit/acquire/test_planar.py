"""Planar intake: which side is which, how long it was exposed, and what is asked for or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pydicom
import pytest
import yaml

from dicom_images import assign, write_ct, write_nm
from planar_images import AT, WINDOWS, pair_of_views, write_pair
from theradose.acquire.inspect import inspect_path
from theradose.acquire.planar import load_planar
from theradose.acquire.study_import import import_study
from theradose.errors import StudyError
from theradose.formats.dicom.planar_write import PlanarEncoding
from theradose.model.study import Declaration, Study

SILENT = PlanarEncoding(states_orientation=False)
SILENT_TURNED = PlanarEncoding(states_orientation=False, posterior_turned=True)


def codes(findings, *severities):
    return [finding.code for finding in findings if not severities or finding.severity in severities]


@pytest.mark.parametrize("turned", [False, True])
def test_the_header_says_whether_the_posterior_view_is_turned(tmp_path, turned):
    path = write_pair(tmp_path / "planar.dcm", encoding=PlanarEncoding(posterior_turned=turned))
    pair, findings = load_planar(path, nuclide="Lu-177")
    truth = pair_of_views()
    assert np.array_equal(pair.anterior, truth.anterior) and np.array_equal(pair.posterior, truth.posterior)
    assert codes(findings, "warning", "critical") == []
    assert (pair.windows, pair.acquired_at, pair.exposure_s, pair.nuclide) == (WINDOWS, AT, 600.0, "Lu-177")


@pytest.mark.parametrize("encoding", [SILENT, SILENT_TURNED])
def test_without_orientation_the_images_decide_with_a_finding(tmp_path, encoding):
    pair, findings = load_planar(write_pair(tmp_path / "planar.dcm", encoding=encoding))
    assert np.array_equal(pair.posterior, pair_of_views().posterior)
    assert codes(findings, "warning") == ["posterior-mirror-assumed"]


def test_the_study_states_the_mirror_and_is_contradicted_by_the_images(tmp_path):
    path = write_pair(tmp_path / "planar.dcm", encoding=SILENT)
    right, quiet = load_planar(path, declaration=Declaration(posterior="from-behind"))
    assert np.array_equal(right.posterior, pair_of_views().posterior) and codes(quiet, "warning", "critical") == []
    wrong, findings = load_planar(path, declaration=Declaration(posterior="as-anterior"))
    assert np.array_equal(wrong.posterior, pair_of_views().posterior[..., ::-1])
    assert codes(findings, "critical") == ["posterior-mirror-contradicted"]


def test_a_symmetric_patient_is_asked_about(tmp_path):
    path = write_pair(tmp_path / "planar.dcm", pair=pair_of_views(symmetric=True), encoding=SILENT)
    with pytest.raises(StudyError) as refusal:
        load_planar(path)
    assert refusal.value.code == "posterior-mirror" and "posterior: from-behind" in str(refusal.value)


def test_views_may_be_declared(tmp_path):
    path = write_pair(tmp_path / "planar.dcm", encoding=replace(SILENT, states_views=False))
    with pytest.raises(StudyError) as refusal:
        load_planar(path)
    assert refusal.value.code == "planar-view" and "views: [anterior, posterior]" in str(refusal.value)
    pair, _ = load_planar(path, declaration=Declaration(views=("anterior", "posterior"), posterior="from-behind"))
    assert np.array_equal(pair.anterior, pair_of_views().anterior)


def _whole_body(dataset):
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]
    dataset.ScanVelocity, dataset.ActualFrameDuration = "2", 900_000


def test_the_exposure_of_a_whole_body_scan(tmp_path):
    """400 mm of detector at 2 mm/s: 200 s for each pixel, 900 s for the scan."""
    path = write_pair(tmp_path / "planar.dcm", _whole_body)
    with pytest.raises(StudyError) as refusal:
        load_planar(path)
    assert refusal.value.code == "missing-exposure" and "scan velocity" in str(refusal.value)
    stated, _ = load_planar(path, declaration=Declaration(frame_duration="200 s"))
    read, _ = load_planar(write_pair(tmp_path / "b.dcm", _whole_body, assign(FieldOfViewDimensions=[540, 400])))
    for pair in (stated, read):
        assert (pair.exposure_s, pair.elapsed_s, pair.technique) == (pytest.approx(200.0), 900.0, "whole-body")


def _only_first_detector(dataset):
    pixels = dataset.pixel_array[:3]
    dataset.NumberOfFrames, dataset.PixelData = 3, pixels.tobytes()
    dataset.EnergyWindowVector, dataset.DetectorVector = [1, 2, 3], [1, 1, 1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_only_first_detector, "planar-single-view"),
        (assign(DetectorVector=[1, 1, 1]), "planar-vectors"),
        (assign(ImageType=["ORIGINAL", "PRIMARY", "DYNAMIC", "EMISSION"]), "planar-type"),
        (lambda dataset: delattr(dataset, "AcquisitionTime"), "missing-time"),
        (lambda dataset: delattr(dataset, "ActualFrameDuration"), "missing-exposure"),
        (lambda dataset: delattr(dataset, "PixelSpacing"), "missing-geometry"),
        (assign(EnergyWindowVector=[1, 2, 2, 1, 2, 3]), "planar-repeated"),
    ],
)
def test_what_is_missing_or_wrong_is_one_sentence(tmp_path, change, code):
    path = write_pair(tmp_path / "planar.dcm", change)
    with pytest.raises(StudyError) as refusal:
        load_planar(path)
    assert refusal.value.code == code and "\n" not in str(refusal.value)


def test_another_nuclide_and_another_file(tmp_path):
    path = write_pair(tmp_path / "planar.dcm")
    with pytest.raises(StudyError) as nuclide:
        load_planar(path, nuclide="I-131")
    assert nuclide.value.code == "nuclide-conflict"
    with pytest.raises(StudyError) as volume:
        load_planar(write_nm(tmp_path / "spect" / "nm.dcm") if (tmp_path / "spect").mkdir() is None else path)
    assert volume.value.code == "no-series"


def test_inspect_shows_planar_series(tmp_path):
    write_pair(tmp_path / "planar.dcm")
    (row,) = inspect_path(tmp_path).series
    document = row.to_json()
    assert (document["kind"], document["status"], document["unit"]) == ("planar", "ok", "counts")
    assert (document["shape"], document["spacing_mm"], document["t_h"]) == ([6, 16, 24], [4.0, 5.0], 4.0)
    assert document["nuclide"] == "Lu-177" and document["problems"] == []


def test_inspect_notes_what_a_study_must_state(tmp_path):
    write_pair(tmp_path / "planar.dcm", encoding=replace(SILENT, states_views=False))
    (row,) = inspect_path(tmp_path).series
    assert row.status == "ok" and [problem.code for problem in row.problems] == ["planar-view"]


def _at(moment):
    return assign(
        AcquisitionDate=moment.strftime("%Y%m%d"), AcquisitionTime=moment.strftime("%H%M%S"),
        SOPInstanceUID=f"2.25.1{moment:%d%H%M}", SeriesInstanceUID=f"2.25.9{moment:%d%H%M}",
    )  # fmt: skip


def test_import_puts_planar_images_into_the_study(tmp_path):
    dicom = tmp_path / "dicom"
    (dicom / "spect").mkdir(parents=True)
    write_nm(dicom / "spect" / "nm.dcm")
    write_ct(dicom / "ct")
    write_pair(dicom / "late" / "planar.dcm", _at(AT + timedelta(days=3)), assign(PatientID="P001"))
    write_pair(dicom / "early" / "planar.dcm", _at(AT), assign(PatientID="P001"))
    silent = replace(SILENT, states_views=False)
    write_pair(dicom / "silent" / "planar.dcm", _at(AT + timedelta(days=6)), assign(PatientID="P001"), encoding=silent)
    report = import_study(dicom, tmp_path / "study.yaml")
    study = Study.model_validate(yaml.safe_load((tmp_path / "study.yaml").read_text()))
    assert [timepoint.planar for timepoint in study.timepoints] == [
        None, "dicom/early/planar.dcm", "dicom/late/planar.dcm", "dicom/silent/planar.dcm",
    ]  # fmt: skip
    assert [entry for entry in report.missing if "views" in entry]
    assert not [item for item in report.skipped if item.kind == "planar"]


def test_import_joins_the_views_of_one_pair(tmp_path):
    dicom = tmp_path / "dicom"
    (dicom / "spect").mkdir(parents=True)
    write_nm(dicom / "spect" / "nm.dcm")
    whole = pydicom.dcmread(write_pair(tmp_path / "whole.dcm"))
    for number, name in enumerate(("ANT", "POST")):
        part = pydicom.dcmread(tmp_path / "whole.dcm")
        part.SOPInstanceUID = part.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
        part.SeriesInstanceUID, part.ImageID, part.NumberOfFrames = f"2.25.7{number}", name, 1
        part.PatientID, part.EnergyWindowVector, part.DetectorVector = "P001", 2, 1
        del part.DetectorInformationSequence
        part.PixelData = whole.pixel_array[3 * number + 1].tobytes()
        (dicom / "planar").mkdir(exist_ok=True)
        part.save_as(dicom / "planar" / f"{name}.dcm")
    import_study(dicom, tmp_path / "study.yaml")
    study = Study.model_validate(yaml.safe_load((tmp_path / "study.yaml").read_text()))
    assert [timepoint.planar for timepoint in study.timepoints] == [None, "dicom/planar"]
    pair, findings = load_planar(dicom / "planar", declaration=Declaration(posterior="from-behind"))
    assert np.array_equal(pair.posterior[0], pair_of_views().posterior[1])
    assert "assumption" in codes(findings)
