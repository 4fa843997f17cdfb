"""Deciding what an image means, and asking by name for what nobody states."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pydicom
import pytest
import yaml

from dicom_images import (
    assign,
    detector,
    pharmaceutical,
    remove,
    stored_values,
    write_ct,
    write_nm,
    write_pt,
    write_structures,
)
from theradose.acquire.load import image_reference, load_ct, load_emission, load_map, patient_id, series_files
from theradose.acquire.sources import Content
from theradose.errors import StudyError
from theradose.formats.nifti import write_nifti
from theradose.model.activity import DecayKind, ImageUnit
from theradose.model.grid import Grid, Volume
from theradose.model.study import Declaration
from theradose.nuclides import load_nuclide
from theradose.quantify.decay import correct_decay

ADMINISTERED = datetime(2026, 3, 2, 10)
STATED = Declaration(
    unit="Bq/mL", decay_reference="acquisition", acquired_at=datetime(2026, 3, 3, 10), nuclide="Lu-177"
)


def refusal(path, **arguments):
    with pytest.raises(StudyError) as caught:
        load_emission(path, **arguments)
    return caught.value


@pytest.mark.parametrize(
    ("changes", "code", "advice"),
    [
        ((remove("Units"),), "missing-unit", "declare: {unit: Bq/mL}"),
        ((remove("AcquisitionTime"),), "missing-time", "declare: {acquired_at: "),
        ((assign(CorrectedImage=["DECY"]),), "missing-decay-reference", "declare: {decay_reference: acquisition}"),
        ((remove("SpacingBetweenSlices"),), "missing-geometry", "spacing_mm: [z, y, x]"),
        ((detector(ImageOrientationPatient=None),), "missing-geometry", "orientation: [1, 0, 0, 0, 1, 0]"),
        ((remove("RadiopharmaceuticalInformationSequence"),), "missing-nuclide", "declare: {nuclide: Lu-177}"),
    ],
)
def test_missing_values_are_asked_for_by_name(tmp_path, changes, code, advice):
    error = refusal(write_nm(tmp_path / "nm.dcm", *changes))
    assert error.code == code
    assert advice in str(error)
    assert str(error).count("\n") == 0


def test_all_missing_values_are_named_at_once(tmp_path):
    error = refusal(write_nm(tmp_path / "nm.dcm", remove("Units", "AcquisitionDate", "SpacingBetweenSlices")))
    assert error.code == "missing-geometry"
    for word in ("spacing_mm", "unit: Bq/mL", "acquired_at"):
        assert word in str(error)


@pytest.mark.parametrize(
    ("change", "declaration"),
    [
        (remove("Units"), Declaration(unit="Bq/mL")),
        (remove("AcquisitionTime"), Declaration(acquired_at=datetime(2026, 3, 3, 10))),
        (assign(CorrectedImage=["DECY"]), Declaration(decay_reference="acquisition")),
        (remove("SpacingBetweenSlices"), Declaration(spacing_mm=(4, 2, 3))),
        (detector(ImageOrientationPatient=None), Declaration(orientation=(1, 0, 0, 0, 1, 0))),
        (remove("RadiopharmaceuticalInformationSequence"), Declaration(nuclide="177Lu")),
    ],
)
def test_declaration_answers(tmp_path, change, declaration):
    complete, _ = load_emission(write_nm(tmp_path / "a.dcm"))
    image, _ = load_emission(write_nm(tmp_path / "b.dcm", change), declaration=declaration)
    assert image.volume.grid.matches(complete.volume.grid)
    assert np.array_equal(image.volume.data, complete.volume.data)
    assert (image.unit, image.decay_reference.kind, image.acquired_at, image.nuclide) == (
        ImageUnit.BQ_PER_ML,
        DecayKind.ACQUISITION,
        datetime(2026, 3, 3, 10),
        "Lu-177",
    )


def test_values_that_are_no_activity_are_refused(tmp_path):
    error = refusal(write_pt(tmp_path, assign(Units="GML")))
    assert error.code == "unit-not-activity"
    assert "'GML'" in str(error)


def test_a_map_needs_a_place_and_values_but_no_unit_and_no_time(tmp_path):
    """Standardised uptake values are no activity, and a map of which only the ratios count may hold them."""
    volume = load_map(write_pt(tmp_path / "pet", assign(Units="GML")))
    assert volume.data.any()
    emission, _ = load_emission(write_nm(tmp_path / "a.dcm"))
    bare = load_map(write_nm(tmp_path / "b.dcm", remove("Units", "AcquisitionTime")))
    assert bare.grid.matches(emission.volume.grid)
    assert np.array_equal(bare.data, emission.volume.data)


def test_a_map_without_geometry_is_refused(tmp_path):
    with pytest.raises(StudyError) as caught:
        load_map(write_nm(tmp_path / "nm.dcm", remove("SpacingBetweenSlices")))
    assert caught.value.code == "missing-geometry"


def test_user_wins_over_the_file_and_a_finding_says_so(tmp_path):
    path = write_pt(tmp_path, assign(Units="PROPCPS"))
    declaration = Declaration(unit="Bq/mL", decay_reference="acquisition", acquired_at=datetime(2026, 3, 3, 11))
    image, findings = load_emission(path, declaration=declaration)
    assert image.unit is ImageUnit.BQ_PER_ML
    assert image.decay_reference.kind is DecayKind.ACQUISITION
    assert image.acquired_at == datetime(2026, 3, 3, 11)
    warned = {finding.code for finding in findings if finding.severity == "warning"}
    assert warned == {"unit-overridden", "decay-reference-overridden", "acquisition-start-overridden"}


def test_explicit_decay_moment(tmp_path):
    declaration = Declaration(decay_reference="2026-03-02T12:00:00")
    image, _ = load_emission(write_nm(tmp_path / "nm.dcm"), declaration=declaration)
    assert image.decay_reference.kind is DecayKind.EXPLICIT
    assert image.decay_reference.moment == datetime(2026, 3, 2, 12)
    error = refusal(write_nm(tmp_path / "b.dcm"), declaration=Declaration(decay_reference="yesterday"))
    assert error.code == "decay-reference-invalid"


def test_decay_moment_may_be_written_unquoted():
    """YAML reads an unquoted date and time as such; the study takes it like text."""
    written = yaml.safe_load("decay_reference: 2026-03-02T12:00:00")
    assert Declaration(**written).decay_reference == "2026-03-02T12:00:00"


def test_undated_administration_is_taken_from_the_study(tmp_path):
    undated = pharmaceutical(RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime="100000")
    path = write_pt(tmp_path, undated)
    assert refusal(path).code == "missing-administration"
    image, _ = load_emission(path, administration_start=datetime(2026, 3, 2, 10))
    assert image.decay_reference.moment == datetime(2026, 3, 2, 10)


def test_other_administration_time_in_the_study_is_a_finding(tmp_path):
    path = write_pt(tmp_path)
    image, findings = load_emission(path, administration_start=datetime(2026, 3, 2, 13))
    assert image.decay_reference.moment == datetime(2026, 3, 2, 10)
    (differs,) = findings
    assert (differs.code, differs.severity) == ("administration-time-differs", "critical")
    _, findings = load_emission(path, administration_start=datetime(2026, 3, 2, 10, 2))
    assert findings == ()


@pytest.mark.parametrize("declared", ["2026-03-03T11:30:00", "2026-03-03T11:30:00+01:00"])
@pytest.mark.parametrize(("correction", "elapsed_h"), [("START", 0.0), ("ADMIN", 24.0)])
def test_declared_acquisition_time_does_not_change_the_undoing(tmp_path, correction, elapsed_h, declared):
    """The scanner corrected from 10:00 on the day before, or from the frame's own start, by its own clock."""
    path = write_pt(tmp_path, assign(DecayCorrection=correction))
    moment = datetime.fromisoformat(declared)
    image, _ = load_emission(path, declaration=Declaration(acquired_at=moment))
    assert image.acquired_at == moment
    nuclide = load_nuclide("Lu-177")
    rate = np.log(2) / nuclide.half_life_h.value
    undone, _ = correct_decay(image, administered_at=ADMINISTERED, timezone="Asia/Tokyo", nuclide=nuclide)
    assert undone.slice_factor == pytest.approx(np.exp(-rate * elapsed_h), rel=1e-12)


def test_declared_reference_and_time_keep_the_clock_of_the_scanner(tmp_path):
    """'administration' declared for a file that states both times but not to which it corrected."""
    path = write_pt(tmp_path, remove("DecayCorrection"))
    declaration = Declaration(decay_reference="administration", acquired_at=datetime(2026, 3, 3, 11))
    image, _ = load_emission(path, declaration=declaration)
    assert image.decay_reference.moment == datetime(2026, 3, 2, 11)


@pytest.mark.parametrize(
    ("start", "timezone", "severity", "difference"),
    [
        ("2026-03-02T10:00:00", None, None, ""),
        ("2026-03-02T10:04:00", "Europe/Paris", None, ""),
        ("2026-03-02T10:20:00", None, "warning", "20 min earlier"),
        ("2026-03-02T09:20:00", None, "warning", "40 min later"),
        ("2026-03-02T10:00:00+01:00", "Europe/Paris", None, ""),
        ("2026-03-02T09:00:00+00:00", "Europe/Paris", None, ""),
        ("2026-03-02T10:00:00+01:00", "America/New_York", "critical", "6 h later"),
        ("2026-03-02T10:00:00+01:00", None, None, ""),
    ],
)
@pytest.mark.parametrize("correction", ["NONE", "START", "ADMIN"])
def test_administration_of_study_and_file_are_compared(tmp_path, correction, start, timezone, severity, difference):
    """The header prints 10:00 without offset: local time of the study, whatever the pixels are corrected to."""
    path = write_pt(tmp_path, assign(DecayCorrection=correction))
    _, findings = load_emission(path, administration_start=datetime.fromisoformat(start), timezone=timezone)
    found = [finding for finding in findings if finding.code == "administration-time-differs"]
    assert [finding.severity for finding in found] == [severity] * (severity is not None)
    assert all(difference in finding.message for finding in found)


def test_administration_without_date_is_compared_on_the_nearest_day(tmp_path):
    undated = pharmaceutical(RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime="233000")
    path = write_pt(tmp_path, undated, assign(DecayCorrection="NONE"))
    _, same = load_emission(path, administration_start=datetime(2026, 3, 3, 0, 10))
    _, other = load_emission(path, administration_start=datetime(2026, 3, 2, 10))
    severities = [
        [finding.severity for finding in findings if finding.code == "administration-time-differs"]
        for findings in (same, other)
    ]
    assert severities == [["warning"], ["critical"]]


def test_patient_of_a_source(tmp_path):
    folder = write_pt(tmp_path / "pt")
    assert patient_id(folder, wanted=Content.EMISSION) == "P001"
    assert patient_id(write_structures(tmp_path / "rs.dcm", "pt"), wanted=Content.REGIONS) == "P001"
    assert patient_id(write_ct(tmp_path / "ct", remove("PatientID")), wanted=Content.CT) is None
    write_nifti(Volume(np.ones((2, 3, 4), np.float32), Grid.axis_aligned((2, 3, 4), (3, 2, 1))), tmp_path / "a.nii")
    assert patient_id(tmp_path / "a.nii", wanted=Content.EMISSION) is None


def test_contradicting_nuclides_are_refused(tmp_path):
    path = write_nm(tmp_path / "nm.dcm")
    assert refusal(path, nuclide="I-131").code == "nuclide-conflict"
    image, _ = load_emission(path, nuclide="I-131", declaration=Declaration(nuclide="I-131"))
    assert image.nuclide == "I-131"


def test_calibrated_counts_need_no_declaration(tmp_path):
    path = write_nm(tmp_path / "nm.dcm", remove("Units"))
    image, findings = load_emission(path, calibrated=True)
    assert image.unit is ImageUnit.COUNTS
    assert image.count_duration_s == 1200
    assert any("unit is assumed: counts" in finding.message for finding in findings)


def test_a_file_stands_for_its_series(tmp_path):
    write_pt(tmp_path, series="a")
    write_pt(tmp_path, series="b", start=10)
    assert refusal(tmp_path).code == "several-series"
    image, _ = load_emission(tmp_path / "011.dcm")
    assert image.volume.grid.shape[0] == 4
    assert [file.name for file in series_files(tmp_path / "011.dcm")] == ["010.dcm", "011.dcm", "012.dcm", "013.dcm"]


def test_other_series_do_not_disturb(tmp_path):
    write_pt(tmp_path)
    write_ct(tmp_path)
    assert load_emission(tmp_path)[0].modality == "PT"
    ct, findings = load_ct(tmp_path)
    assert np.array_equal(ct.data, stored_values() - 1024.0)
    assert findings == ()


def test_planar_images_are_not_volumes(tmp_path):
    path = write_nm(tmp_path / "nm.dcm", assign(ImageType=["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]))
    error = refusal(path)
    assert error.code == "no-series"
    assert "planar" in str(error)


def test_nifti_needs_a_whole_declaration(tmp_path):
    volume = Volume(np.ones((2, 3, 4), np.float32), Grid.axis_aligned((2, 3, 4), (3, 2, 1)))
    write_nifti(volume, tmp_path / "a.nii.gz")
    error = refusal(tmp_path / "a.nii.gz")
    assert error.code == "missing-unit"
    image, _ = load_emission(tmp_path / "a.nii.gz", declaration=STATED)
    assert image.volume.grid.matches(volume.grid)
    assert image.modality == "NIfTI"


def test_ct_that_holds_no_air_is_a_warning(tmp_path):
    write_ct(tmp_path, assign(RescaleIntercept=0))
    assert [finding.code for finding in load_ct(tmp_path)[1]] == ["ct-without-air"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (assign(RescaleType="US"), "ct-not-hu"),
        (remove("RescaleSlope"), "ct-not-hu"),
        (assign(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "ct-localizer"),
        (remove("ImagePositionPatient"), "missing-geometry"),
    ],
)
def test_ct_refusals(tmp_path, change, code):
    write_ct(tmp_path, change)
    with pytest.raises(StudyError) as caught:
        load_ct(tmp_path)
    assert caught.value.code == code


def test_nothing_there(tmp_path):
    assert refusal(tmp_path / "absent").code == "file-missing"
    assert refusal(tmp_path).code == "no-series"


def test_reference_lists_instances_in_the_order_of_the_slices(tmp_path):
    def upside_down(dataset):
        dataset.ImagePositionPatient = [0, 0, -4 * dataset.InstanceNumber]

    write_pt(tmp_path, upside_down)
    reference = image_reference(tmp_path)
    assert reference.grid.to_lps((0, 0, 0)) == pytest.approx((0, 0, -16))
    first = pydicom.dcmread(tmp_path / "003.dcm")
    assert reference.instance_uids[0] == first.SOPInstanceUID
    assert reference.series_uid == first.SeriesInstanceUID
    assert image_reference(tmp_path, wanted=Content.EMISSION).instance_uids == reference.instance_uids


def test_public_nifti_ct_is_in_hounsfield_units(shared_data):
    """Air outside the patient is -1000 HU and below; the file's own integers are HU."""
    ct, findings = load_ct(shared_data / "images" / "totalseg_ct" / "example_ct.nii.gz")
    assert ct.grid.spacing_mm == pytest.approx((3, 3, 3))
    assert ct.data.min() <= -1000
    assert {finding.code for finding in findings} == {"assumption"}
