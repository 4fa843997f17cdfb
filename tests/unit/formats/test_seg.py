"""Segmentation objects: real ones, exotic encodings, and written ones that validate and come back."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicom_support import CONTEXT, FRAME_UID, ORIENTATIONS, image_reference, oriented_grid, validation_errors
from theradose.errors import DicomError
from theradose.formats.dicom.seg import read_seg
from theradose.formats.dicom.seg_write import write_seg
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation

KIDNEY = Region("left-kidney", RegionKind.ORGAN, "64033007", drafted_by="theradose 0", method="threshold:otsu")
LESION = Region("lesion-1", RegionKind.LESION, drafted_by="Ann", method="rtstruct:manual")


def _segmentation(grid: Grid, *masks: np.ndarray) -> Segmentation:
    regions = (KIDNEY, LESION)[: len(masks)]
    return Segmentation(grid, regions, tuple(map(RegionVoxels.from_mask, masks)))


def _points_mm(segmentation: Segmentation, name: str) -> np.ndarray:
    """Voxel centres of a region in LPS, in a definite order: the same whatever grid holds the voxels."""
    points = np.round(segmentation.grid.to_lps(np.argwhere(segmentation.mask(name) > 0)), 4) + 0.0
    return points[np.lexsort(points.T)]


def _half(shape: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[1:3, 2:8, 3:7] = True
    return mask


@pytest.mark.parametrize("orientation", sorted(ORIENTATIONS))
@pytest.mark.parametrize("with_image", [True, False])
def test_written_segmentation_validates(tmp_path, orientation, with_image):
    grid = oriented_grid(orientation)
    mask = _half(grid.shape)
    path = tmp_path / "seg.dcm"
    image = image_reference(grid) if with_image else None
    assert write_seg(path, _segmentation(grid, mask, ~mask), context=CONTEXT, image=image) == ()
    assert validation_errors(path) == []


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=arrays(bool, (4, 5, 7)).filter(lambda mask: bool(mask.any())),
    second=arrays(bool, (4, 5, 7)).filter(lambda mask: bool(mask.any())),
    orientation=st.sampled_from(sorted(ORIENTATIONS)),
)
def test_overlapping_segments_survive_in_any_orientation(tmp_path, first, second, orientation):
    """Frames of 35 bits are not byte aligned; empty slices are not stored."""
    before = _segmentation(oriented_grid(orientation, shape=first.shape), first, second)
    write_seg(tmp_path / "seg.dcm", before, context=CONTEXT)
    after, findings = read_seg(tmp_path / "seg.dcm")
    stored = int(first.any(axis=(1, 2)).sum() + second.any(axis=(1, 2)).sum())
    assert int(pydicom.dcmread(tmp_path / "seg.dcm").NumberOfFrames) == stored
    assert findings == ()
    for name in ("left-kidney", "lesion-1"):
        np.testing.assert_array_equal(_points_mm(after, name), _points_mm(before, name))


def test_left_handed_grid_keeps_every_voxel_in_place(tmp_path):
    right = oriented_grid("oblique")
    affine = right.affine_mm.copy()
    affine[:3, 3] += 4 * affine[:3, 0]
    affine[:3, 0] *= -1
    before = _segmentation(Grid(right.shape, affine, FRAME_UID), _half(right.shape))
    write_seg(tmp_path / "seg.dcm", before, context=CONTEXT)
    after, _ = read_seg(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(_points_mm(after, "left-kidney"), _points_mm(before, "left-kidney"))


def test_description_comes_back(tmp_path):
    grid = oriented_grid("HFS")
    write_seg(tmp_path / "seg.dcm", _segmentation(grid, _half(grid.shape), _half(grid.shape)), context=CONTEXT)
    kidney, lesion = read_seg(tmp_path / "seg.dcm")[0].regions
    assert (kidney.kind, kidney.code, kidney.drafted_by, kidney.method) == (
        RegionKind.ORGAN, "64033007", "theradose 0", "seg:automatic")  # fmt: skip
    assert (lesion.kind, lesion.method, lesion.verified_by) == (RegionKind.LESION, "seg:manual", None)


def test_sides_are_coded(tmp_path):
    grid = oriented_grid("HFS")
    write_seg(tmp_path / "seg.dcm", _segmentation(grid, _half(grid.shape)), context=CONTEXT)
    code = pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    assert code.SegmentedPropertyTypeModifierCodeSequence[0].CodeValue == "7771000"


def test_fractions_are_rounded_at_one_half_and_said_to_be(tmp_path):
    grid = oriented_grid("HFS")
    fraction = np.zeros(grid.shape)
    fraction[2, 3, 3:6] = (0.4, 0.5, 1)
    findings = write_seg(tmp_path / "seg.dcm", _segmentation(grid, fraction), context=CONTEXT)
    assert [finding.code for finding in findings] == ["fractions-rounded"]
    assert read_seg(tmp_path / "seg.dcm")[0].voxels_of("left-kidney").voxel_count == 2


def test_region_without_voxels_is_left_out_and_said(tmp_path):
    grid = oriented_grid("HFS")
    empty = np.zeros(grid.shape)
    findings = write_seg(tmp_path / "a.dcm", _segmentation(grid, empty, _half(grid.shape)), context=CONTEXT)
    assert [(finding.code, finding.where) for finding in findings] == [("region-empty", "left-kidney")]
    assert read_seg(tmp_path / "a.dcm")[0].names == ("lesion-1",)
    with pytest.raises(DicomError) as refused:
        write_seg(tmp_path / "b.dcm", _segmentation(grid, empty), context=CONTEXT)
    assert refused.value.code == "seg-empty"


def test_grid_without_frame_of_reference_gets_one_and_says_so(tmp_path):
    grid = Grid((5, 12, 10), oriented_grid("HFS").affine_mm)
    findings = write_seg(tmp_path / "seg.dcm", _segmentation(grid, _half(grid.shape)), context=CONTEXT)
    assert [finding.code for finding in findings] == ["frame-of-reference-invented"]
    assert read_seg(tmp_path / "seg.dcm")[0].grid.frame_of_reference.startswith("2.25.")


def test_sheared_grid_is_refused(tmp_path):
    affine = oriented_grid("HFS").affine_mm.copy()
    affine[0, 0] = 0.5
    with pytest.raises(DicomError) as refused:
        write_seg(tmp_path / "a.dcm", _segmentation(Grid((5, 12, 10), affine), _half((5, 12, 10))), context=CONTEXT)
    assert refused.value.code == "grid-sheared"


def _fractional(tmp_path, kind: str = "OCCUPANCY", maximum: int = 200):
    """Turn a written binary object into a fractional one whose voxels are half full."""
    grid = oriented_grid("HFS")
    path = tmp_path / "seg.dcm"
    write_seg(path, _segmentation(grid, _half(grid.shape)), context=CONTEXT)
    dataset = pydicom.dcmread(path)
    values = (dataset.pixel_array * (maximum // 2)).astype(np.uint8)
    dataset.SegmentationType = "FRACTIONAL"
    dataset.SegmentationFractionalType = kind
    dataset.MaximumFractionalValue = maximum
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelData = values.tobytes()
    dataset.save_as(path)
    return path, grid


def test_fractional_segmentation_is_scaled_by_its_maximum(tmp_path):
    path, grid = _fractional(tmp_path)
    segmentation, findings = read_seg(path)
    assert findings == ()
    assert segmentation.volume_ml("left-kidney") == pytest.approx(
        0.5 * _half(grid.shape).sum() * grid.voxel_volume_ml, rel=1e-6
    )


def test_probabilities_are_used_with_a_warning(tmp_path):
    _, findings = read_seg(_fractional(tmp_path, "PROBABILITY")[0])
    assert [(finding.code, finding.severity) for finding in findings] == [("seg-probability", "warning")]


def _move_frame(dataset):
    dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient[0] += 1


def _far_frame(dataset):
    dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient[2] = 3e8


def _turn_frame(dataset):
    orientation = pydicom.Dataset()
    orientation.ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
    dataset.PerFrameFunctionalGroupsSequence[1].PlaneOrientationSequence = [orientation]


def _drop_group(dataset):
    del dataset.PerFrameFunctionalGroupsSequence[1]


def _drop_orientation(dataset):
    del dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence


def _as_label_map(dataset):
    dataset.SegmentationType = "LABELMAP"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_move_frame, "seg-irregular"),
        (_far_frame, "memory-cap"),
        (_turn_frame, "seg-several-grids"),
        (_drop_group, "seg-frames"),
        (_drop_orientation, "seg-geometry"),
        (_as_label_map, "seg-type"),
    ],
)
def test_what_cannot_be_placed_is_refused(tmp_path, change, code):
    path = tmp_path / "seg.dcm"
    grid = oriented_grid("HFS")
    write_seg(path, _segmentation(grid, _half(grid.shape)), context=CONTEXT)
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    with pytest.raises(DicomError) as refused:
        read_seg(path)
    assert refused.value.code == code


REAL = [
    ("dcmqi/liver.dcm", ("Liver",)),
    ("dcmqi/seg.dcm", ("Neoplasm, Primary",)),
    ("dcmqi/partial_overlaps.dcm", ("GREEN", "ORANGE", "PURPLE", "LIGHT_BLUE", "DARK_BLUE")),
    ("dicom_edge_cases/liver.dcm", ("Liver",)),
    ("dicom_edge_cases/liver_nonbyte_aligned.dcm", ("Liver",)),
    ("dicom_edge_cases/liver_expb.dcm", ("Liver",)),
    ("dicom_edge_cases/liver_j2k.dcm", ("Liver",)),
]


@pytest.mark.parametrize(("file", "names"), REAL)
def test_real_segmentations_have_the_voxels_of_their_frames(shared_data, file, names):
    path = shared_data / "images" / file
    segmentation, findings = read_seg(path)
    assert findings == ()
    assert segmentation.names == names
    dataset = pydicom.dcmread(path)
    frames = np.reshape(dataset.pixel_array, (-1, dataset.Rows, dataset.Columns))
    segments = [
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for frame in dataset.PerFrameFunctionalGroupsSequence
    ]
    for name, segment in zip(names, sorted(set(segments)), strict=True):
        counted = sum(int(frame.sum()) for frame, number in zip(frames, segments, strict=True) if number == segment)
        assert segmentation.voxels_of(name).voxel_count == counted


def test_four_encodings_hold_the_same_liver(shared_data):
    """The same segmentation as uncompressed, cropped to 510 × 510, big endian and JPEG 2000."""
    folder = shared_data / "images" / "dicom_edge_cases"
    files = ("liver.dcm", "liver_nonbyte_aligned.dcm", "liver_expb.dcm", "liver_j2k.dcm")
    volumes = [read_seg(folder / file)[0].volume_ml("Liver") for file in files]
    assert volumes == pytest.approx([volumes[0]] * 4, rel=1e-6)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("dicom_edge_cases/liver_deflate.dcm", "deflated"),
        ("dicom_edge_cases/liver_rle.dcm", "pixel-decode"),
        ("dcmqi/sr.dcm", "other-class"),
        ("dcmqi/01.dcm", "other-class"),
    ],
)
def test_other_objects_are_refused(shared_data, file, code):
    with pytest.raises(DicomError) as refused:
        read_seg(shared_data / "images" / file)
    assert refused.value.code == code
