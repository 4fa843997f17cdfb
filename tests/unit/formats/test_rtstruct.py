"""RT Structure Sets: reading real and damaged ones, and writing ones that validate and come back."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicom_support import CONTEXT, FRAME_UID, ORIENTATIONS, image_reference, oriented_grid, validation_errors
from theradose.errors import DicomError
from theradose.formats.dicom.context import ImageReference
from theradose.formats.dicom.rtstruct import check_references, read_rtstruct
from theradose.formats.dicom.rtstruct_write import write_rtstruct
from theradose.model.contour import Contour, ContourRegion, ContourSet
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.spatial.contouring import contour_segmentation
from theradose.spatial.rasterise import rasterise


def _triangles(grid, *levels: float) -> tuple[Contour, ...]:
    return tuple(Contour(grid.to_lps(np.array([(k, 1, 1), (k, 1, 8), (k, 8, 1)]))) for k in levels)


def _written(tmp_path, **changes):
    """Write a structure set of two regions and return its file."""
    grid = oriented_grid("HFS")
    regions = (
        ContourRegion("left-kidney", 1, _triangles(grid, 1, 2), FRAME_UID, "MANUAL", "ORGAN", "64033007", "Ann"),
        ContourRegion("lesion 1", 2, _triangles(grid, 3), FRAME_UID, "AUTOMATIC", "GTV", None, "theradose 0"),
    )
    contours = ContourSet(regions, FRAME_UID, **changes)
    path = tmp_path / "rs.dcm"
    reference = write_rtstruct(path, contours, context=CONTEXT, image=image_reference(grid))
    return path, contours, reference


def test_written_structure_set_validates(tmp_path):
    path, _, _ = _written(tmp_path, approval="APPROVED", reviewer="Bob^B", source="theradose")
    assert validation_errors(path) == []


def test_everything_comes_back(tmp_path):
    path, contours, reference = _written(tmp_path, approval="APPROVED", reviewer="Bob^B")
    again, findings = read_rtstruct(path)
    assert findings == ()
    assert reference.roi_numbers == {"left-kidney": 1, "lesion 1": 2}
    assert reference.instance_uid == str(pydicom.dcmread(path).SOPInstanceUID)
    assert (again.approval, again.reviewer) == ("APPROVED", "Bob^B")
    assert again.referenced_series_uid == image_reference(oriented_grid("HFS")).series_uid
    for before, after in zip(contours.regions, again.regions, strict=True):
        assert (before.name, before.number, before.algorithm, before.interpreted_type, before.code) == (
            after.name, after.number, after.algorithm, after.interpreted_type, after.code)  # fmt: skip
        assert before.drafted_by == after.drafted_by
        for drawn, read in zip(before.contours, after.contours, strict=True):
            # Coordinates are written to 0.1 µm.
            np.testing.assert_allclose(read.points_mm, drawn.points_mm, atol=5.1e-5, rtol=0)


def test_each_contour_refers_to_its_slice(tmp_path):
    path, _, _ = _written(tmp_path)
    image = image_reference(oriented_grid("HFS"))
    contours = pydicom.dcmread(path).ROIContourSequence[0].ContourSequence
    assert [contour.ContourImageSequence[0].ReferencedSOPInstanceUID for contour in contours] == list(
        image.instance_uids[1:3]
    )


def test_multi_frame_image_is_referred_to_by_frame(tmp_path):
    grid = oriented_grid("HFS")
    image = ImageReference("1.2.3", "1.2.840.10008.5.1.4.1.1.20", ("1.2.3.4",), FRAME_UID, "1.2", grid)
    contours = ContourSet((ContourRegion("a", 1, _triangles(grid, 3), FRAME_UID),), FRAME_UID)
    write_rtstruct(tmp_path / "rs.dcm", contours, context=CONTEXT, image=image)
    item = pydicom.dcmread(tmp_path / "rs.dcm").ROIContourSequence[0].ContourSequence[0].ContourImageSequence[0]
    assert (item.ReferencedSOPInstanceUID, item.ReferencedFrameNumber) == ("1.2.3.4", 4)


def test_approval_without_a_name_is_not_written(tmp_path):
    path, _, _ = _written(tmp_path, approval="APPROVED")
    assert pydicom.dcmread(path).ApprovalStatus == "UNAPPROVED"


def test_same_content_gives_the_same_file(tmp_path):
    first = _written(tmp_path / "a")[0].read_bytes()
    assert _written(tmp_path / "b")[0].read_bytes() == first
    assert _written(tmp_path / "c", approval="REJECTED", reviewer="Bob")[0].read_bytes() != first


def test_contours_of_more_than_64_kb_are_written(tmp_path):
    """A DS value in explicit VR holds 64 kB; an outline of a body along pixel edges has more."""
    angle = np.linspace(0, 2 * np.pi, 6000, endpoint=False)
    points = np.column_stack([200 * np.cos(angle), 150 * np.sin(angle), np.full(6000, -134.125)])
    contours = ContourSet((ContourRegion("body", 1, (Contour(points),), FRAME_UID),), FRAME_UID)
    write_rtstruct(tmp_path / "rs.dcm", contours, context=CONTEXT, image=image_reference(oriented_grid("HFS")))
    again, _ = read_rtstruct(tmp_path / "rs.dcm")
    np.testing.assert_allclose(again.regions[0].contours[0].points_mm, points, atol=5.1e-5, rtol=0)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mask=arrays(bool, (4, 6, 7)).filter(lambda mask: bool(mask.any())),
    orientation=st.sampled_from(sorted(ORIENTATIONS)),
)
def test_voxels_survive_writing_and_reading(tmp_path, mask, orientation):
    grid = oriented_grid(orientation, shape=mask.shape)
    segmentation = Segmentation(grid, (Region("a"),), (RegionVoxels.from_mask(mask),))
    contours, _ = contour_segmentation(segmentation)
    write_rtstruct(tmp_path / "rs.dcm", contours, context=CONTEXT, image=image_reference(grid))
    again, _ = read_rtstruct(tmp_path / "rs.dcm")
    voxels, _ = rasterise(again, grid, plane_spacing_mm=grid.spacing_mm[0])
    np.testing.assert_array_equal(voxels.mask("a"), mask)


def _damaged(tmp_path, change):
    """Write a structure set, change its data set, and read it."""
    path, _, _ = _written(tmp_path)
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return read_rtstruct(path)


def _empty_second(dataset):
    del dataset.ROIContourSequence[1].ContourSequence


def _undefine_second(dataset):
    del dataset.StructureSetROISequence[1]


def _open_first(dataset):
    dataset.ROIContourSequence[0].ContourSequence[0].ContourGeometricType = "OPEN_PLANAR"


def _cut_first(dataset):
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    contour.ContourData = list(contour.ContourData)[:-1]


def _miscount_first(dataset):
    dataset.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 17


def _same_names(dataset):
    dataset.StructureSetROISequence[1].ROIName = "left-kidney"


def _other_frame(dataset):
    dataset.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = "1.2.3"


def _unlist_images(dataset):
    study = dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    study.RTReferencedSeriesSequence[0].ContourImageSequence = []


def _unsigned_approval(dataset):
    dataset.ApprovalStatus = "APPROVED"


DAMAGES = [
    (_empty_second, "region-empty", 1),
    (_undefine_second, "roi-dangling", 1),
    (_open_first, "contour-not-closed", 2),
    (_cut_first, "contour-unreadable", 2),
    (_miscount_first, "contour-count", 2),
    (_same_names, "region-renamed", 2),
    (_other_frame, "region-other-frame", 2),
    (_unlist_images, "contour-dangling-reference", 2),
    (_unsigned_approval, "approval-unsigned", 2),
]


@pytest.mark.parametrize(("change", "code", "regions"), DAMAGES)
def test_defects_become_findings(tmp_path, change, code, regions):
    contours, findings = _damaged(tmp_path, change)
    assert [finding.code for finding in findings] == [code]
    assert len(contours.regions) == regions
    assert len(set(contours.names)) == regions


def test_structure_set_without_contours_is_refused(tmp_path):
    def empty(dataset):
        dataset.ROIContourSequence = []

    with pytest.raises(DicomError) as refused:
        _damaged(tmp_path, empty)
    assert refused.value.code == "rtstruct-empty"


def test_references_are_checked_against_the_image(tmp_path):
    path, _, _ = _written(tmp_path)
    contours, _ = read_rtstruct(path)
    image = image_reference(oriented_grid("HFS"))
    assert check_references(contours, image) == ()
    shortened = ImageReference(image.series_uid, image.sop_class_uid, image.instance_uids[:2], FRAME_UID, "1.2")
    assert [f.code for f in check_references(contours, shortened)] == ["contours-dangling-images"]
    other = ImageReference("1.2.3", image.sop_class_uid, image.instance_uids, "1.2.4", "1.2")
    assert [f.code for f in check_references(contours, other)] == ["contours-other-series", "contours-other-frame"]


# File below images, names of the regions, findings. Region names as listed by pydicom's dump of each file.
REAL = [
    ("dicom_edge_cases/rtutils_mock_data_rt.dcm", ("ROI-1",), []),
    ("dicom_edge_cases/rtutils_mock_data_invalid_reference_rt.dcm", ("ROI-1", "ROI-2", "ROI-3", "ROI-4"), []),
    (
        "dicom_edge_cases/rtutils_mock_data_non_existent_reference_rt.dcm",
        ("ROI-1", "ROI-2", "ROI-3", "ROI-4"),
        ["rtstruct-no-series", "contour-dangling-reference"],
    ),
    (
        "dicom_edge_cases/dicompyler_rtss.dcm",
        ("BODY", "Borders", "Breast", "Heart", "Lt Lung", "Nodes", "Scar", "Tumor Bed", "Tumor Bed Block"),
        ["region-empty"],
    ),
    ("ibsi_petct/STS_001/PET/mask/RS.dcm", ("GTV_Mass_PET",), []),
    ("sts_raw_pet/mask/1-1.dcm", ("GTV_Mass", "GTV_Edema"), []),
]


@pytest.mark.parametrize(("file", "names", "codes"), REAL)
def test_real_structure_sets_are_read(shared_data, file, names, codes):
    contours, findings = read_rtstruct(shared_data / "images" / file)
    assert contours.names == names
    assert [finding.code for finding in findings] == codes


def test_a_dangling_series_is_noticed_with_the_image_at_hand(shared_data):
    """The images of this structure set are not those of the CT beside it."""
    folder = shared_data / "images" / "dicom_edge_cases"
    contours, _ = read_rtstruct(folder / "rtutils_mock_data_invalid_reference_rt.dcm")
    ct = pydicom.dcmread(folder / "rtutils_mock_data_ct_1.dcm", stop_before_pixels=True)
    image = ImageReference(
        str(ct.SeriesInstanceUID), str(ct.SOPClassUID), (str(ct.SOPInstanceUID),), None, str(ct.StudyInstanceUID)
    )
    assert {finding.code for finding in check_references(contours, image)} & {
        "contours-other-series", "contours-dangling-images"}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("dicom_edge_cases/rtdose.dcm", "other-class"),
        ("dicom_edge_cases/bad_sequence.dcm", "other-class"),
        ("lu177_phantom_patient15/LICENSE", "not-dicom"),
    ],
)
def test_other_files_are_refused(shared_data, file, code):
    with pytest.raises(DicomError) as refused:
        read_rtstruct(shared_data / "images" / file)
    assert refused.value.code == code
