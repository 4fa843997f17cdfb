"""RT Dose: what is written comes back at the same place with the same dose, and validates."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_support import CONTEXT, FRAME_UID, ORIENTATIONS, image_reference, oriented_grid, validation_errors
from theradose.errors import DicomError
from theradose.formats.dicom.context import StructureSetReference
from theradose.formats.dicom.rtdose import read_rtdose
from theradose.formats.dicom.rtdose_write import write_rtdose
from theradose.formats.dicom.rtstruct_write import write_rtstruct
from theradose.formats.dicom.seg_write import write_seg
from theradose.model.dose import DoseMap, DoseVolumeHistogram
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.spatial.contouring import contour_segmentation

STRUCTURES = StructureSetReference("1.2.3.4", {"left-kidney": 3})


def _dose(grid: Grid, seed: int = 0) -> DoseMap:
    values = np.random.default_rng(seed).gamma(0.5, 12, grid.shape).astype(np.float32)
    return DoseMap(values, grid, engine="local", parameters={"nuclear_data": "ddep"})


def _histogram() -> DoseVolumeHistogram:
    return DoseVolumeHistogram([0, 5, 10, 15], [1.0, 0.75, 0.25, 0.0], [5.0, 10.0, 5.0])


@pytest.mark.parametrize("orientation", sorted(ORIENTATIONS))
def test_32_bits_keep_the_dose_within_1e_6_of_its_maximum(tmp_path, orientation):
    dose = _dose(oriented_grid(orientation))
    assert write_rtdose(tmp_path / "rd.dcm", dose, context=CONTEXT) == ()
    again, findings = read_rtdose(tmp_path / "rd.dcm")
    assert findings == ()
    # Positions are written with 16 characters, of which 9 or more follow the decimal point.
    assert again.grid.matches(dose.grid, tolerance_mm=1e-6)
    assert again.grid.frame_of_reference == FRAME_UID
    assert np.abs(again.data - dose.data).max() <= 1e-6 * dose.data.max()


@pytest.mark.parametrize("orientation", sorted(ORIENTATIONS))
def test_16_bit_twin_validates(tmp_path, orientation):
    """dciodvfy stops on 32 bits, so that the twin stands for both: they differ in the pixels alone."""
    dose = _dose(oriented_grid(orientation))
    write_rtdose(
        tmp_path / "rd.dcm", dose, context=CONTEXT, bits=16, dvhs={"left-kidney": _histogram()},
        structure_set=STRUCTURES, heterogeneity="IMAGE",
    )  # fmt: skip
    assert validation_errors(tmp_path / "rd.dcm") == []
    again, _ = read_rtdose(tmp_path / "rd.dcm")
    # Half a step of 2^16 - 1 levels.
    assert np.abs(again.data - dose.data).max() <= 0.51 / 65535 * dose.data.max()


def test_the_twins_differ_in_the_pixels_alone(tmp_path):
    dose = _dose(oriented_grid("HFS"))
    headers = []
    for bits in (16, 32):
        write_rtdose(tmp_path / f"{bits}.dcm", dose, context=CONTEXT, bits=bits)
        headers.append(pydicom.dcmread(tmp_path / f"{bits}.dcm"))
    differing = {element.keyword for element in headers[0] if element.value != headers[1][element.tag].value}
    assert differing == {"SOPInstanceUID", "SeriesInstanceUID", "BitsAllocated", "BitsStored", "HighBit",
                         "DoseGridScaling", "PixelData"}  # fmt: skip


def test_objects_of_one_run_belong_together(tmp_path):
    """Structure set, segmentation and dose of one study: patient, study and frame of reference agree."""
    grid = oriented_grid("HFS")
    mask = np.zeros(grid.shape)
    mask[1:4, 3:9, 2:7] = 1
    segmentation = Segmentation(grid, (Region("left-kidney"),), (RegionVoxels.from_mask(mask),))
    files = [tmp_path / name for name in ("rs.dcm", "seg.dcm", "rd.dcm")]
    contours, _ = contour_segmentation(segmentation)
    structures = write_rtstruct(files[0], contours, context=CONTEXT, image=image_reference(grid))
    write_seg(files[1], segmentation, context=CONTEXT, image=image_reference(grid))
    write_rtdose(
        files[2], _dose(grid), context=CONTEXT, bits=16, structure_set=structures,
        dvhs={"left-kidney": _histogram()},
    )  # fmt: skip
    assert validation_errors(*files) == []
    referred = pydicom.dcmread(files[2]).ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID
    assert referred == pydicom.dcmread(files[0]).SOPInstanceUID


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(maximum_gy=st.floats(1e-9, 1e6), orientation=st.sampled_from(sorted(ORIENTATIONS)))
def test_any_magnitude_of_dose_survives(tmp_path, maximum_gy, orientation):
    """The scaling is a decimal string of 16 characters: whatever it is, the maximum must not overflow."""
    grid = oriented_grid(orientation, shape=(2, 3, 4))
    values = np.linspace(0, maximum_gy, 24).reshape(grid.shape)
    write_rtdose(tmp_path / "rd.dcm", DoseMap(values, grid, engine="local"), context=CONTEXT)
    again, _ = read_rtdose(tmp_path / "rd.dcm")
    assert np.abs(again.data - values).max() <= 1e-6 * maximum_gy


def test_left_handed_grid_keeps_every_dose_in_place(tmp_path):
    right = oriented_grid("oblique")
    affine = right.affine_mm.copy()
    affine[:3, 3] += 4 * affine[:3, 0]
    affine[:3, 0] *= -1
    dose = _dose(Grid(right.shape, affine, FRAME_UID))
    write_rtdose(tmp_path / "rd.dcm", dose, context=CONTEXT)
    again, _ = read_rtdose(tmp_path / "rd.dcm")
    assert again.grid.matches(right, tolerance_mm=1e-6)
    np.testing.assert_allclose(again.data, dose.data[::-1], atol=1e-6 * dose.data.max())


def test_header_says_what_the_dose_is(tmp_path):
    write_rtdose(
        tmp_path / "rd.dcm", _dose(oriented_grid("FFS")), context=CONTEXT, structure_set=STRUCTURES,
        heterogeneity="WATER",
    )  # fmt: skip
    dataset = pydicom.dcmread(tmp_path / "rd.dcm")
    assert (dataset.DoseUnits, dataset.DoseType, dataset.DoseSummationType) == ("GY", "PHYSICAL", "PLAN_OVERVIEW")
    assert dataset.FrameIncrementPointer == 0x3004000C
    assert [float(offset) for offset in dataset.GridFrameOffsetVector] == [0, 3, 6, 9, 12]
    assert dataset.TissueHeterogeneityCorrection == "WATER"
    assert "RESEARCH USE" in dataset.DoseComment
    assert "local" in dataset.DoseComment
    assert dataset.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    assert "ReferencedRTPlanSequence" not in dataset


def test_histogram_is_written_by_bin_width_and_volume(tmp_path):
    """20 · 5 mL in three bins of 5 Gy: cumulative volumes at the lower edges 100, 75 and 25 mL."""
    write_rtdose(
        tmp_path / "rd.dcm", _dose(oriented_grid("HFS")), context=CONTEXT, structure_set=STRUCTURES,
        dvhs={"left-kidney": _histogram()},
    )  # fmt: skip
    item = pydicom.dcmread(tmp_path / "rd.dcm").DVHSequence[0]
    assert [float(value) for value in item.DVHData] == [5, 100, 5, 75, 5, 25]
    assert (item.DVHType, item.DVHVolumeUnits, item.DVHNumberOfBins) == ("CUMULATIVE", "CM3", 3)
    assert item.DVHReferencedROISequence[0].ReferencedROINumber == 3


def test_effective_dose_is_marked_and_noticed(tmp_path):
    write_rtdose(tmp_path / "rd.dcm", _dose(oriented_grid("HFS")), context=CONTEXT, effective=True)
    again, findings = read_rtdose(tmp_path / "rd.dcm")
    assert again.parameters["dose_type"] == "EFFECTIVE"
    assert [finding.code for finding in findings] == ["dose-not-physical"]


def test_no_dose_at_all_is_written(tmp_path):
    grid = oriented_grid("HFS")
    write_rtdose(tmp_path / "rd.dcm", DoseMap(np.zeros(grid.shape), grid, engine="local"), context=CONTEXT)
    assert not read_rtdose(tmp_path / "rd.dcm")[0].data.any()


def test_negative_dose_becomes_zero_and_is_said(tmp_path):
    grid = oriented_grid("HFS")
    values = np.ones(grid.shape)
    values[0, 0, :2] = -0.5
    findings = write_rtdose(tmp_path / "rd.dcm", DoseMap(values, grid, engine="local"), context=CONTEXT)
    assert [finding.code for finding in findings] == ["dose-negative"]
    assert "2 voxels" in findings[0].message
    assert read_rtdose(tmp_path / "rd.dcm")[0].data.min() == 0


def test_dose_without_frame_of_reference_gets_one_and_says_so(tmp_path):
    grid = Grid((2, 3, 4), oriented_grid("HFS").affine_mm)
    findings = write_rtdose(tmp_path / "rd.dcm", _dose(grid), context=CONTEXT)
    assert [finding.code for finding in findings] == ["frame-of-reference-invented"]
    assert pydicom.dcmread(tmp_path / "rd.dcm").FrameOfReferenceUID.startswith("2.25.")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_dose_that_is_no_number_is_refused(tmp_path, value):
    grid = oriented_grid("HFS")
    values = np.ones(grid.shape)
    values[1, 1, 1] = value
    with pytest.raises(DicomError) as refused:
        write_rtdose(tmp_path / "rd.dcm", DoseMap(values, grid, engine="local"), context=CONTEXT)
    assert refused.value.code == "dose-not-finite"
    assert not (tmp_path / "rd.dcm").exists()


def test_histograms_without_structure_set_are_refused(tmp_path):
    for structures in (None, StructureSetReference("1.2", {"liver": 1})):
        with pytest.raises(DicomError) as refused:
            write_rtdose(
                tmp_path / "rd.dcm", _dose(oriented_grid("HFS")), context=CONTEXT, structure_set=structures,
                dvhs={"left-kidney": _histogram()},
            )  # fmt: skip
        assert refused.value.code == "dvh-without-structures"


def _changed(tmp_path, **changes):
    write_rtdose(tmp_path / "rd.dcm", _dose(oriented_grid("HFS")), context=CONTEXT)
    dataset = pydicom.dcmread(tmp_path / "rd.dcm")
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(tmp_path / "rd.dcm")
    return read_rtdose(tmp_path / "rd.dcm")


def test_absolute_offsets_are_z_coordinates(tmp_path):
    """Frames at z = -140.125 mm and up, as some planning systems write them."""
    absolute, _ = _changed(tmp_path, GridFrameOffsetVector=[-140.125 + 3 * k for k in range(5)])
    assert absolute.grid.matches(oriented_grid("HFS"), tolerance_mm=1e-6)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"GridFrameOffsetVector": [0, 3, 6, 9, 13]}, "dose-uneven"),
        ({"GridFrameOffsetVector": [0, 3, 6]}, "dose-offsets"),
        ({"DoseUnits": "RELATIVE"}, "dose-unit"),
        ({"DoseGridScaling": None}, "dose-scaling"),
        ({"ImagePositionPatient": None}, "dose-geometry"),
        ({"Rows": 4000}, "truncated"),
    ],
)
def test_what_has_no_dose_or_place_is_refused(tmp_path, changes, code):
    with pytest.raises(DicomError) as refused:
        _changed(tmp_path, **changes)
    assert refused.value.code == code


@pytest.mark.parametrize("file", ["rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm"])
def test_relative_doses_of_a_planning_system_are_refused(shared_data, file):
    with pytest.raises(DicomError) as refused:
        read_rtdose(shared_data / "images" / "dicom_edge_cases" / file)
    assert refused.value.code == "dose-unit"


@pytest.mark.parametrize("file", ["rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm"])
def test_three_encodings_of_a_planning_system_hold_the_same_dose(shared_data, tmp_path, file):
    """The same 15 frames of 10 × 10 in little endian, big endian and RLE, declared to be in Gy."""
    folder = shared_data / "images" / "dicom_edge_cases"
    doses = []
    for name in (file, "rtdose.dcm"):
        dataset = pydicom.dcmread(folder / name)
        dataset.DoseUnits = "GY"
        dataset.save_as(tmp_path / name)
        doses.append(read_rtdose(tmp_path / name)[0])
    assert doses[0].grid.spacing_mm == (5, 10, 10)
    np.testing.assert_array_equal(doses[0].data, doses[1].data)
