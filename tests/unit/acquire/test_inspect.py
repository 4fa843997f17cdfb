"""Every real file is read, or refused for the reason that a physicist needs."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from dicom_images import assign, per_slice, pharmaceutical, remove, stored_values, write_ct, write_nm, write_pt
from theradose.acquire.inspect import inspect_path
from theradose.errors import StudyError

# File → (kind, status, code of the first problem that decides the status; None if it is read).
EDGE_CASES = {
    "20-wrong-transfer-syntax.dcm": ("ct", "refused", "pixel-syntax"),
    "54-implicit-file-meta-info.dcm": ("ct", "ok", None),
    "CT_small.dcm": ("ct", "ok", None),
    "ExplVR_BigEnd.dcm": ("other", "refused", "unsupported-object"),  # ultrasound
    "ExplVR_BigEndNoMeta.dcm": ("other", "refused", "unsupported-object"),  # RT plan
    "ExplVR_LitEndNoMeta.dcm": ("other", "refused", "unsupported-object"),  # RT plan
    "J2K_pixelrep_mismatch.dcm": ("ct", "ok", None),
    "MR_truncated.dcm": ("other", "refused", "unsupported-object"),
    "bad_sequence.dcm": ("ct", "ok", None),  # JPEG lossless
    "dicompyler_ct.0.dcm": ("ct", "ok", None),
    "dicompyler_rtss.dcm": ("regions", "ok", None),
    "eCT_Supplemental.dcm": ("ct", "refused", "ct-not-hu"),  # perfusion parameters
    "emri_small_big_endian.dcm": ("other", "refused", "unsupported-object"),
    "explicit_VR-UN.dcm": ("ct", "needs-input", "missing-geometry"),  # one slice without thickness
    "liver.dcm": ("regions", "ok", None),
    "liver_deflate.dcm": ("other", "refused", "deflated"),
    "liver_expb.dcm": ("regions", "ok", None),
    "liver_j2k.dcm": ("regions", "ok", None),
    "liver_nonbyte_aligned.dcm": ("regions", "ok", None),
    "liver_rle.dcm": ("regions", "ok", None),
    "meta_missing_tsyntax.dcm": ("other", "refused", "no-sop-class"),
    "parametric_map_float.dcm": ("other", "refused", "unsupported-object"),
    "rtdose.dcm": ("dose", "ok", None),
    "rtdose_expb.dcm": ("dose", "ok", None),
    "rtdose_rle.dcm": ("dose", "ok", None),
    "rtstruct.dcm": ("regions", "ok", None),
    "rtutils_mock_data_ct_1.dcm": ("ct", "ok", None),
    "rtutils_mock_data_ct_2.dcm": ("ct", "ok", None),
    "rtutils_mock_data_invalid_reference_rt.dcm": ("regions", "ok", None),
    "rtutils_mock_data_non_existent_reference_rt.dcm": ("regions", "ok", None),
    "rtutils_mock_data_rt.dcm": ("regions", "ok", None),
    "rtutils_oriented_data_0.dcm": ("ct", "refused", "ct-not-hu"),  # rescale type US
    "rtutils_oriented_data_1.dcm": ("ct", "refused", "ct-not-hu"),
    "rtutils_oriented_data_2.dcm": ("ct", "refused", "ct-not-hu"),
}
OTHER_FILES = {
    "dicom_wg04_nm/NM1_J2KI.dcm": ("planar", "refused", "lossy"),
    "dicom_wg04_nm/NM1_J2KR.dcm": ("planar", "ok", None),
    "dicom_wg04_nm/NM1_JLSL.dcm": ("planar", "ok", None),
    "dicom_wg04_nm/NM1_JLSN.dcm": ("planar", "refused", "lossy"),
    "dicom_wg04_nm/NM1_JPLL.dcm": ("planar", "ok", None),
    "dicom_wg04_nm/NM1_JPLY.dcm": ("planar", "refused", "lossy"),
    "dicom_wg04_nm/NM1_RLE.dcm": ("planar", "ok", None),
    "dicom_wg04_nm/NM1_UNC.dcm": ("planar", "ok", None),
    "dcmqi/01.dcm": ("ct", "ok", None),
    "dcmqi/02.dcm": ("ct", "ok", None),
    "dcmqi/03.dcm": ("ct", "ok", None),
    "dcmqi/liver.dcm": ("regions", "ok", None),
    "dcmqi/partial_overlaps.dcm": ("regions", "ok", None),
    "dcmqi/rwvm.dcm": ("other", "refused", "unsupported-object"),
    "dcmqi/seg.dcm": ("regions", "ok", None),
    "dcmqi/sr.dcm": ("other", "refused", "unsupported-object"),
    "pet_misc/fodicom_GH184.dcm": ("activity", "refused", "missing-slices"),  # JPEG lossless, one slice
    "pet_misc/fodicom_GH610.dcm": ("counts", "refused", "missing-slices"),  # PROPCPS
    "pet_misc/suyash_1.dcm": ("activity", "refused", "missing-slices"),  # slice 60 of 324
    "pet_misc/suyash_2.dcm": ("activity", "refused", "several-volumes"),  # dynamic
    "pet_misc/suyash_3.dcm": ("other", "refused", "unsupported-object"),  # MR
    "totalseg_ct/example_ct.nii.gz": ("other", "needs-input", "missing-meaning"),
    "totalseg_ct/example_ct_sm.nii.gz": ("other", "needs-input", "missing-meaning"),
    "totalseg_ct/example_seg.nii.gz": ("other", "needs-input", "missing-meaning"),
    "totalseg_ct/example_seg_fast.nii.gz": ("other", "needs-input", "missing-meaning"),
    "lu177_phantom_patient15/patient15_LuDOTATATE_attn.h33": ("other", "needs-input", "missing-meaning"),
    "lu177_phantom_patient15/patient15_LuDOTATATE_src.h33": ("other", "needs-input", "missing-meaning"),
    "lu177_phantom_patient15/hu_plus_1000_to_material.txt": ("other", "refused", "not-dicom"),
}
FILES = {**{f"dicom_edge_cases/{name}": outcome for name, outcome in EDGE_CASES.items()}, **OTHER_FILES}
# Folder → (kind, status, code) of each series, in any order.
FOLDERS = {
    "lu177_spect": [("activity", "ok", None)] * 2 + [("regions", "ok", None)] * 2,
    "sts_raw_pet": [("activity", "ok", None), ("regions", "ok", None)],
    "ibsi_petct/STS_001": [
        ("ct", "ok", None),
        ("other", "refused", "unit-not-activity"),  # SUV
        ("regions", "ok", None),
        ("regions", "ok", None),
    ],
    "ibsi_petct/STS_005": [
        ("ct", "ok", None),
        ("other", "refused", "unit-not-activity"),
        ("regions", "ok", None),
        ("regions", "ok", None),
    ],
    "dcmqi": [("ct", "ok", None)] + [("regions", "ok", None)] * 3 + [("other", "refused", "unsupported-object")] * 2,
}


def outcome(row):
    decisive = [problem.code for problem in row.problems if problem.effect.value == row.status != "ok"]
    return row.kind, row.status, decisive[0] if decisive else None


def test_table_covers_every_file(shared_data):
    """A file added to these folders must be added to the table."""
    images = shared_data / "images"
    for folder in ("dicom_edge_cases", "dicom_wg04_nm", "dcmqi", "pet_misc", "totalseg_ct"):
        present = {f"{folder}/{file.name}" for file in (images / folder).iterdir() if file.name != "LICENSE"}
        assert present == {name for name in FILES if name.startswith(f"{folder}/")}


@pytest.mark.parametrize(("name", "expected"), FILES.items(), ids=list(FILES))
def test_real_file(shared_data, name, expected):
    (row,) = inspect_path(shared_data / "images" / name).series
    assert outcome(row) == expected
    for problem in row.problems:
        assert problem.message.endswith(".")
        assert "\n" not in problem.message
        assert str(shared_data) not in problem.message


@pytest.mark.parametrize(("name", "expected"), FOLDERS.items(), ids=list(FOLDERS))
def test_real_folder(shared_data, name, expected):
    rows = inspect_path(shared_data / "images" / name).series
    assert sorted(map(repr, map(outcome, rows))) == sorted(map(repr, expected))


def test_slices_of_one_series_become_one_row(shared_data):
    (row,) = [row for row in inspect_path(shared_data / "images" / "dcmqi").series if row.kind == "ct"]
    assert (row.n_files, row.shape) == (3, (3, 512, 512))
    assert row.spacing_mm == pytest.approx((1.0, 0.810547, 0.810547), rel=1e-5)


def test_real_patient(shared_data):
    """Times and activity as the origin states them: 7210.43 MBq at 09:22, scans 3.741 h and 27.725 h later.

    The total is recomputed here from the pixels, the slope of 100 and the half-life of 574300 s in the header.
    """
    folder = shared_data / "images" / "lu177_spect"
    rows = [row for row in inspect_path(folder).series if row.kind == "activity"]
    for row, scan, t_h in zip(rows, ("SCAN_001", "SCAN_002"), (3.741, 27.725), strict=True):
        assert row.t_h == pytest.approx(t_h, abs=1e-3)
        assert row.injected_mbq == pytest.approx(7210.43, rel=1e-6)
        assert (row.nuclide, row.unit, row.decay_reference) == ("Lu-177", "Bq/mL", "administration")
        assert row.half_life_h == pytest.approx(159.5278, rel=1e-6)
        pixels = sum(
            int(pydicom.dcmread(file).pixel_array.sum(dtype=np.int64)) for file in (folder / scan / "image").iterdir()
        )
        at_administration = pixels * 100 * 1.95313**3 / 1000 / 1e6
        expected = at_administration * 0.5 ** (row.t_h * 3600 / 574300)
        assert row.total_activity_mbq == pytest.approx(expected, rel=1e-5)


def test_document_has_the_keys_of_the_contract(tmp_path):
    document = inspect_path(write_nm(tmp_path / "nm.dcm")).to_json()
    (row,) = document["series"]
    assert list(row) == [
        "id", "modality", "kind", "n_files", "shape", "spacing_mm", "unit", "decay_reference", "nuclide",
        "half_life_h", "injected_mbq", "acquisition_time", "t_h", "total_activity_mbq", "status", "problems",
        "path", "patient_id",
    ]  # fmt: skip
    assert row["shape"] == [4, 3, 5]
    assert row["spacing_mm"] == pytest.approx([4, 2, 3])
    assert row["acquisition_time"] == "2026-03-03T10:00:00"
    assert (row["t_h"], row["status"], row["problems"]) == (24, "ok", [])


def test_total_of_an_uncorrected_image_is_that_at_the_start_of_the_frame(tmp_path):
    """Mean over 1200 s times λΔ/(1 − e^(−λΔ)), with the half-life of the nuclide."""
    (row,) = inspect_path(write_nm(tmp_path / "nm.dcm")).series
    exponent = np.log(2) * 1200 / 574300
    mean = stored_values().sum() * 0.024 / 1e6
    assert row.total_activity_mbq == pytest.approx(mean * exponent / (1 - np.exp(-exponent)), rel=1e-5)


def test_total_of_late_beds_is_brought_back_to_the_first(tmp_path):
    def two_beds(dataset):
        dataset.AcquisitionTime = "100000" if dataset.InstanceNumber <= 2 else "160000"

    write_pt(tmp_path, assign(DecayCorrection="NONE", ActualFrameDuration=0), two_beds)
    (row,) = inspect_path(tmp_path).series
    slopes = np.array([10, 20, 30, 40])[:, None, None]
    factor = np.array([1, 1, 1, 1]) * 2 ** (np.array([0, 0, 6, 6]) * 3600 / 574300)
    expected = ((stored_values() * slopes).sum(axis=(1, 2)) * factor).sum() * 0.024 / 1e6
    assert row.total_activity_mbq == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        (remove("Units"), "counts", "missing-unit"),
        (assign(Units="CNTS"), "counts", "missing-calibration"),
        (remove("AcquisitionDate"), "activity", "missing-time"),
        (remove("SpacingBetweenSlices"), "activity", "missing-geometry"),
        (pharmaceutical(RadionuclideCodeSequence=None, RadionuclideHalfLife=None), "activity", "missing-nuclide"),
    ],
)
def test_what_is_missing_is_named(tmp_path, change, kind, code):
    (row,) = inspect_path(write_nm(tmp_path / "nm.dcm", change)).series
    assert outcome(row) == (kind, "needs-input", code)


@pytest.mark.parametrize(
    ("image_type", "kind"), [("TOMO", "projections"), ("STATIC", "planar"), ("WHOLE BODY", "planar")]
)
def test_projections_and_planar_images_are_recognised(tmp_path, image_type, kind):
    path = write_nm(tmp_path / "nm.dcm", assign(ImageType=["ORIGINAL", "PRIMARY", image_type, "EMISSION"]))
    (row,) = inspect_path(path).series
    assert (row.kind, row.status) == (kind, "ok")


def test_one_bad_file_does_not_stop_the_others(tmp_path):
    write_ct(tmp_path)
    write_nm(tmp_path / "nm.dcm")
    (tmp_path / "notes.txt").write_text("not an image")
    damaged = (tmp_path / "ct000.dcm").read_bytes()
    (tmp_path / "damaged.dcm").write_bytes(damaged[:200])
    calls = []
    inspection = inspect_path(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert sorted(row.kind for row in inspection.series) == ["activity", "ct", "other"]
    assert {entry.path.name for entry in inspection.quarantined} == {"damaged.dcm", "notes.txt"}
    assert calls[-1] == (7, 7)


def test_damaged_pixels_refuse_the_series(tmp_path):
    write_pt(tmp_path)
    path = tmp_path / "002.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    (row,) = inspect_path(tmp_path).series
    assert outcome(row) == ("activity", "refused", "truncated")


def test_header_values_never_become_paths(tmp_path):
    """A UID that looks like a path is text, and nothing is written anywhere."""
    hostile = assign(SeriesInstanceUID="../../1.2", PatientID="../../../etc/passwd")
    with pytest.warns(UserWarning, match="UI"):
        path = write_nm(tmp_path / "nm.dcm", hostile)
    (row,) = inspect_path(path).series
    assert row.id == "../../1.2"
    assert sorted(tmp_path.iterdir()) == [path]


def test_nothing_at_the_path(tmp_path):
    with pytest.raises(StudyError) as caught:
        inspect_path(tmp_path / "absent")
    assert caught.value.code == "file-missing"


def test_empty_folder(tmp_path):
    with pytest.raises(StudyError) as caught:
        inspect_path(tmp_path)
    assert caught.value.code == "folder-empty"


def test_text_is_said_to_be_none_of_the_formats(tmp_path):
    (tmp_path / "notes.txt").write_text("not an image")
    inspection = inspect_path(tmp_path)
    assert inspection.series == ()
    assert inspection.quarantined[0].message == "The file is neither DICOM, NIfTI nor Interfile."


def test_rows_say_where_the_series_are_and_of_whom(tmp_path):
    write_pt(tmp_path / "a")
    write_ct(tmp_path / "b")
    write_nm(tmp_path / "b" / "nm.dcm", assign(PatientID="P002"))
    inspection = inspect_path(tmp_path)
    assert {(row.path, row.patient_id) for row in inspection.series} == {
        ("a", "P001"), ("b/ct000.dcm", "P001"), ("b/nm.dcm", "P002"),
    }  # fmt: skip
    (warning,) = inspection.warnings
    assert warning.code == "several-patients"
    assert "'P001' in a" in warning.message and "'P002' in b/nm.dcm" in warning.message


def test_lossy_planar_images_do_not_condemn_the_others(shared_data):
    """Of seven encodings of one bone scan three change counts; the origin names them."""
    rows = inspect_path(shared_data / "images" / "dicom_wg04_nm").series
    assert sorted((row.n_files, row.status) for row in rows) == [(1, "ok"), (3, "refused"), (4, "ok")]
    (refused,) = [row for row in rows if row.status == "refused"]
    (problem,) = refused.problems
    assert all(name in problem.message for name in ("NM1_J2KI.dcm", "NM1_JLSN.dcm", "NM1_JPLY.dcm"))


def test_one_lossy_slice_refuses_its_volume_by_name(tmp_path):
    """A volume without one of its slices is another volume."""
    lossy = assign(LossyImageCompression="01")
    write_pt(tmp_path, per_slice(assign(), assign(), assign(), lossy), remove("NumberOfSlices"))
    (row,) = inspect_path(tmp_path).series
    assert (row.status, row.problems[0].code) == ("refused", "lossy")
    assert "1 of 4 files" in row.problems[0].message and "003.dcm" in row.problems[0].message


def test_a_lossless_copy_stands_in_for_a_lossy_one(tmp_path):
    write_nm(tmp_path / "a.dcm", assign(LossyImageCompression="01"))
    write_nm(tmp_path / "b.dcm")
    (row,) = inspect_path(tmp_path).series
    assert (row.status, row.path) == ("ok", "b.dcm")
    assert [problem.message for problem in row.problems] == ["1 file repeats another and was left out."]
