"""From a folder of DICOM to a study file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import yaml

from dicom_images import (
    assign,
    per_slice,
    pharmaceutical,
    real_world_value,
    remove,
    write_ct,
    write_nm,
    write_pt,
    write_structures,
)
from theradose.acquire.load import load_emission
from theradose.acquire.study_import import import_study
from theradose.errors import StudyError
from theradose.formats.dicom.uids import derive_uid
from theradose.formats.nifti import write_nifti
from theradose.model.grid import Grid, Volume
from theradose.model.study import Study


def imported(folder: Path, out: Path | None = None):
    out = out or folder.parent / "study.yaml"
    report = import_study(folder, out)
    text = out.read_text(encoding="utf-8")
    return report, Study.model_validate(yaml.safe_load(text)), text


def second_visit(**values):
    """A later scan of the same patient, in another frame of reference."""
    return assign(AcquisitionDate="20260306", SeriesDate="20260306", FrameOfReferenceUID=derive_uid("second"), **values)


def test_real_patient_needs_nothing(shared_data, tmp_path):
    report, study, text = imported(shared_data / "images" / "lu177_spect", tmp_path / "study.yaml")
    assert report.missing == ()
    (administration,) = study.administrations
    assert administration.nuclide == "Lu-177"
    assert administration.activity == pytest.approx(7210.43)
    assert administration.start == datetime(2018, 11, 15, 9, 22)
    assert study.patient.weight == pytest.approx(92.987)
    assert study.patient.height == pytest.approx(175.3)
    assert [timepoint.id for timepoint in study.timepoints] == ["tp1", "tp2"]
    for timepoint, scan in zip(study.timepoints, ("SCAN_001", "SCAN_002"), strict=True):
        assert timepoint.activity.endswith(f"lu177_spect/{scan}/image")
        assert f"{scan}/mask/" in timepoint.regions
        assert (tmp_path / timepoint.activity).is_dir()
        assert (tmp_path / timepoint.regions).is_file()
        assert timepoint.ct is None
    assert "DOE" not in text
    assert "activity: 7210.43 MBq  # (0018,1074) RadionuclideTotalDose" in text
    assert "start: 2018-11-15T09:22:00  # (0018,1078) RadiopharmaceuticalStartDateTime" in text


def test_every_value_names_its_source(tmp_path):
    write_nm(tmp_path / "dicom" / "nm.dcm")
    _, _, text = imported(tmp_path / "dicom")
    for line in text.splitlines()[2:]:
        key, _, value = line.partition(":")
        if value and key.strip() not in ("schema_version", "- id"):
            assert "  # " in line, line


def test_name_and_birth_date_stay_out(tmp_path):
    write_nm(tmp_path / "dicom" / "nm.dcm")
    report, study, text = imported(tmp_path / "dicom")
    assert (study.patient.id, study.patient.name, study.patient.birth_date) == ("P001", None, None)
    for secret in ("Secret", "1950"):
        assert secret not in text
        assert secret not in str(report.to_json())


def test_scan_ct_and_regions_are_paired(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "spect1", series="s1")
    write_ct(dicom / "ct1", series="c1")
    write_structures(dicom / "rs1.dcm", "s1")
    write_pt(dicom / "spect2", second_visit(), series="s2")
    write_ct(dicom / "ct2", second_visit(), series="c2")
    write_structures(dicom / "rs2.dcm", "c2", modality="CT", frame="elsewhere")
    report, study, _ = imported(dicom)
    assert [(point.activity, point.ct, point.regions) for point in study.timepoints] == [
        ("dicom/spect1", "dicom/ct1", "dicom/rs1.dcm"),
        ("dicom/spect2", "dicom/ct2", "dicom/rs2.dcm"),
    ]
    assert report.missing == ()


def test_ct_of_another_visit_is_not_taken(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "spect1")
    write_ct(dicom / "ct2", second_visit())
    _, study, text = imported(dicom)
    assert study.timepoints[0].ct is None
    assert "ct: null  # no CT with the same frame of reference or of the same visit" in text


def test_series_in_one_folder_are_named_by_a_file(tmp_path):
    """A PACS export often puts everything into one folder: a file then stands for its series."""
    dicom = tmp_path / "dicom"
    write_pt(dicom, series="a")
    write_pt(dicom, second_visit(), series="b", start=10)
    write_structures(dicom / "rs.dcm", "a")
    _, study, _ = imported(dicom)
    assert [point.activity for point in study.timepoints] == ["dicom/000.dcm", "dicom/010.dcm"]
    image, _ = load_emission(tmp_path / study.timepoints[1].activity)
    assert image.acquired_at == datetime(2026, 3, 6, 10)


def test_study_beside_its_images_never_names_its_own_folder(tmp_path):
    write_pt(tmp_path)
    write_structures(tmp_path / "rs.dcm", "pt")
    _, study, _ = imported(tmp_path, tmp_path / "study.yaml")
    assert study.timepoints[0].activity == "000.dcm"


def test_missing_values_are_written_as_needed(tmp_path):
    dicom = tmp_path / "dicom"
    write_nm(
        dicom / "nm.dcm",
        remove("Units", "AcquisitionTime", "SpacingBetweenSlices"),
        pharmaceutical(RadionuclideTotalDose=None, RadiopharmaceuticalStartDateTime=None),
    )
    report, study, text = imported(dicom)
    keys = [missing.split(" ")[0] for missing in report.missing]
    assert keys == [
        "administrations[0].activity",
        "administrations[0].start",
        "calibration",
        "timepoints[0].declare.unit",
        "timepoints[0].declare.acquired_at",
        "timepoints[0].declare.spacing_mm",
        "timepoints[0].regions",
    ]
    assert text.count("null  # needed: ") == len(keys)
    assert study.timepoints[0].declare.unit is None


def test_contradicting_administrations_are_asked_for(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "a", series="a")
    write_pt(
        dicom / "b",
        second_visit(),
        pharmaceutical(RadiopharmaceuticalStartDateTime="20260303100000", RadionuclideTotalDose=7.1e9),
        series="b",
    )
    report, study, _ = imported(dicom)
    (administration,) = study.administrations
    assert (administration.nuclide, administration.activity, administration.start) == ("Lu-177", None, None)
    assert any("7400 MBq or 7100 MBq" in missing for missing in report.missing)
    assert any("2026-03-02T10:00:00 or 2026-03-03T10:00:00" in missing for missing in report.missing)


def test_undated_administration_is_asked_for_with_what_is_known(tmp_path):
    dicom = tmp_path / "dicom"
    write_nm(
        dicom / "nm.dcm",
        pharmaceutical(RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime="093000"),
    )
    report, _, _ = imported(dicom)
    (missing,) = [entry for entry in report.missing if entry.startswith("administrations[0].start")]
    assert "09:30" in missing


def test_two_reconstructions_of_one_scan_are_a_question(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "osem", series="a")
    write_pt(dicom / "fbp", series="b")
    report, study, _ = imported(dicom)
    assert len(study.timepoints) == 1
    assert study.timepoints[0].activity is None
    assert any("fbp" in missing and "osem" in missing for missing in report.missing)


def test_counts_beside_activity_of_one_scan_are_left_out(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "quantitative", series="a")
    write_pt(dicom / "counts", assign(Units="CNTS"), series="b")
    _, study, _ = imported(dicom)
    assert [point.activity for point in study.timepoints] == ["dicom/quantitative"]


def test_two_region_objects_are_a_question(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "spect", series="a")
    write_structures(dicom / "one.dcm", "a")
    write_structures(dicom / "two.dcm", "a")
    report, _, _ = imported(dicom)
    assert any("dicom/one.dcm or dicom/two.dcm" in missing for missing in report.missing)


def test_refused_series_are_listed(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "good", series="a")
    write_pt(dicom / "suv", assign(Units="GML"), series="b")
    report, study, text = imported(dicom)
    assert len(study.timepoints) == 1
    assert [(item.kind, item.file, item.code) for item in report.refused] == [
        ("emission", "suv/000.dcm", "unit-not-activity")
    ]
    assert not report.complete
    assert "# Not used: emission 'suv/000.dcm': The values are in 'GML'" in text


def test_series_with_incomplete_mappings_is_refused_by_name(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "good", series="a")
    write_pt(dicom / "bad", per_slice(*[real_world_value(10)] * 3, assign()), series="b")
    report, study, _ = imported(dicom)
    assert [point.activity for point in study.timepoints] == ["dicom/good"]
    assert [item.code for item in report.refused] == ["rwvm-incomplete"]


def test_refused_ct_is_the_reason_for_none(tmp_path):
    """A scan whose CT lacks slices has a CT: the study must not say that there is none."""
    dicom = tmp_path / "dicom"
    write_pt(dicom / "spect")
    far = assign(ImagePositionPatient=[-10, -20, 62])
    write_ct(dicom / "ct", per_slice(assign(), assign(), assign(), far))
    report, study, text = imported(dicom)
    assert study.timepoints[0].ct is None
    assert "ct: null  # refused: There is a gap of 24.00 mm" in text
    assert [(item.kind, item.code) for item in report.refused] == [("ct", "missing-slices")]
    assert report.complete


def test_ct_and_regions_of_another_patient_are_not_taken(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "spect")
    write_ct(dicom / "ct", assign(PatientID="P002"))
    report, study, text = imported(dicom)
    assert study.timepoints[0].ct is None
    assert [(item.file, item.code) for item in report.refused] == [("ct/ct000.dcm", "other-patient")]
    assert "patient 'P002'" in text


def test_header_text_cannot_add_a_key(tmp_path):
    """A folder name with a line break would otherwise end the comment it stands in."""
    dicom = tmp_path / "dicom"
    write_pt(dicom / "spect")
    write_pt(dicom / "x\ncycle: 7\n", assign(Units="GML"), series="b")
    _, study, _ = imported(dicom)
    assert study.cycle is None


def test_two_patients_are_refused(tmp_path):
    dicom = tmp_path / "dicom"
    write_pt(dicom / "a", series="a")
    write_pt(dicom / "b", assign(PatientID="P002"), series="b")
    with pytest.raises(StudyError) as caught:
        imported(dicom)
    assert caught.value.code == "several-patients"
    assert "P001: a/000.dcm; P002: b/000.dcm" in str(caught.value)
    assert not (tmp_path / "study.yaml").exists()


def write_nifti_only(folder):
    volume = Volume(np.ones((2, 3, 4), np.float32), Grid.axis_aligned((2, 3, 4), (3, 2, 1)))
    write_nifti(volume, folder / "a.nii")
    write_nifti(volume, folder / "b.nii")


def write_planar(folder):
    write_nm(folder / "nm.dcm", assign(ImageType=["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]))


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (lambda folder: None, ("is empty",)),
        (lambda folder: (folder / "a.txt").write_text("no image"), ("1 file that is no image", "name the folder")),
        (write_nifti_only, ("2 NIfTI files", "docs/formats/study.md", "docs/formats/images.md")),
        (write_planar, ("1 planar series", "export the reconstructed SPECT or PET")),
        (write_ct, ("1 CT series",)),
        (lambda folder: write_pt(folder, assign(Units="GML")), ("'000.dcm': the values are in 'GML'",)),
    ],
)
def test_folder_without_emission_image_says_what_it_holds(tmp_path, fill, words):
    dicom = tmp_path / "dicom"
    dicom.mkdir()
    fill(dicom)
    with pytest.raises(StudyError) as caught:
        imported(dicom)
    assert caught.value.code == "no-series"
    assert all(word in str(caught.value) for word in words)
    assert ".;" not in str(caught.value) and "\n" not in str(caught.value)


def test_existing_study_is_never_overwritten_unasked(tmp_path):
    write_nm(tmp_path / "dicom" / "nm.dcm")
    imported(tmp_path / "dicom")
    study = tmp_path / "study.yaml"
    original = study.read_text()
    study.write_text("edited")
    with pytest.raises(StudyError) as caught:
        import_study(tmp_path / "dicom", study)
    assert caught.value.code == "study-exists"
    assert "--force" in str(caught.value)
    assert study.read_text() == "edited"
    import_study(tmp_path / "dicom", study, force=True)
    assert study.read_text() == original
    assert study.with_name("study.yaml.bak").read_text() == "edited"


def test_study_cannot_be_a_folder(tmp_path):
    write_nm(tmp_path / "dicom" / "nm.dcm")
    with pytest.raises(StudyError) as caught:
        import_study(tmp_path / "dicom", tmp_path, force=True)
    assert caught.value.code == "out-is-folder"


def test_report_tells_tag_value_conclusion_and_assumption(tmp_path):
    write_nm(tmp_path / "dicom" / "nm.dcm")
    report, _, _ = imported(tmp_path / "dicom")
    values = {(item["key"], item["where"]): item for item in report.to_json()["values"]}
    assert values["administrations[0].activity", ""] == {
        "key": "administrations[0].activity",
        "value": "7400 MBq",
        "tag": "(0018,1074) RadionuclideTotalDose",
        "assumed": False,
        "where": "",
    }
    assert values["decay reference", "tp1"]["assumed"] is True
