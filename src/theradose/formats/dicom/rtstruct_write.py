"""Writing RT Structure Sets."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian

from theradose.errors import DicomError
from theradose.formats.dicom.context import RESEARCH_USE, DicomContext, ImageReference, StructureSetReference
from theradose.formats.dicom.objects import coded, date_and_time, new_object, reference, save_object
from theradose.formats.dicom.uids import DETACHED_STUDY, RT_STRUCTURE_SET
from theradose.model.contour import Contour, ContourRegion, ContourSet

_LABEL = "THERADOSE"
_LONG_STRING = 64
_CONTOUR_DATA = Tag("ContourData")
# Colours in turn, chosen to stay apart also for colour-blind readers; SlicerRT shows regions in them.
_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
_APPROVAL = ("APPROVED", "UNAPPROVED", "REJECTED")


def write_rtstruct(
    path: Path, contours: ContourSet, *, context: DicomContext, image: ImageReference
) -> StructureSetReference:
    """Write contours as an RT Structure Set.

    Parameters
    ----------
    path : Path
        File to write.
    contours : ContourSet
        Contours in LPS mm. An approval is written only if a reviewer is named with it.
    context : DicomContext
        Patient and study.
    image : ImageReference
        Image on which the contours lie. With its grid, each contour refers to its own slice.

    Returns
    -------
    StructureSetReference
        UID and region numbers, for a dose that refers to the structure set.

    Raises
    ------
    DicomError
        If there is no region, or the contours are in another frame of reference than the image.
    """
    if not contours.regions:
        raise DicomError("There is no region to write: draw one first.", code="rtstruct-empty")
    frame = image.frame_of_reference or contours.frame_of_reference
    if frame is None or contours.frame_of_reference not in (None, frame):
        raise DicomError(
            "The contours and the image are not in one frame of reference: a structure set needs a common one.",
            code="contours-other-frame",
        )
    dataset = new_object(
        sop_class=RT_STRUCTURE_SET,
        modality="RTSTRUCT",
        content_uid=_digest(contours, image),
        series_description="Regions of theradose",
        context=context,
        transfer_syntax=ImplicitVRLittleEndian,
    )
    dataset.StructureSetLabel = _LABEL
    dataset.StructureSetName = contours.source[:_LONG_STRING]
    dataset.StructureSetDescription = RESEARCH_USE
    dataset.StructureSetDate, dataset.StructureSetTime = date_and_time(context.content_at)
    dataset.FrameOfReferenceUID = frame
    dataset.PositionReferenceIndicator = ""
    dataset.ReferencedFrameOfReferenceSequence = [_referenced_frame(frame, image)]
    dataset.StructureSetROISequence = [_roi(region, frame) for region in contours.regions]
    dataset.ROIContourSequence = [
        _roi_contour(region, image, colour=_COLOURS[position % len(_COLOURS)])
        for position, region in enumerate(contours.regions)
    ]
    dataset.RTROIObservationsSequence = [_observation(region) for region in contours.regions]
    _approve(dataset, contours, context)
    save_object(dataset, path)
    return StructureSetReference(
        str(dataset.SOPInstanceUID), {region.name: region.number for region in contours.regions}
    )


def _digest(contours: ContourSet, image: ImageReference) -> str:
    """Hash everything that is written, so that the UID changes with it."""
    digest = hashlib.sha256(f"{image.series_uid}\0{contours.approval}\0{contours.reviewer}".encode())
    for region in contours.regions:
        digest.update(f"{region.number}\0{region.name}\0{region.drafted_by}".encode())
        for contour in region.contours:
            digest.update(contour.geometric_type.encode())
            digest.update(np.ascontiguousarray(contour.points_mm).tobytes())
    return digest.hexdigest()


def _referenced_frame(frame: str, image: ImageReference) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = image.series_uid
    series.ContourImageSequence = [reference(image.sop_class_uid, uid) for uid in image.instance_uids]
    study = reference(DETACHED_STUDY, image.study_uid)
    study.RTReferencedSeriesSequence = [series]
    item = Dataset()
    item.FrameOfReferenceUID = frame
    item.RTReferencedStudySequence = [study]
    return item


def _roi(region: ContourRegion, frame: str) -> Dataset:
    item = Dataset()
    item.ROINumber = region.number
    item.ReferencedFrameOfReferenceUID = frame
    item.ROIName = region.name[:_LONG_STRING]
    item.ROIGenerationAlgorithm = region.algorithm
    return item


def _roi_contour(region: ContourRegion, image: ImageReference, *, colour: tuple[int, int, int]) -> Dataset:
    item = Dataset()
    item.ReferencedROINumber = region.number
    item.ROIDisplayColor = list(colour)
    item.ContourSequence = [_contour(contour, number, image) for number, contour in enumerate(region.contours, start=1)]
    return item


def _contour(contour: Contour, number: int, image: ImageReference) -> Dataset:
    item = Dataset()
    item.ContourNumber = number
    item.ContourGeometricType = contour.geometric_type
    item.NumberOfContourPoints = len(contour.points_mm)
    item[_CONTOUR_DATA] = _encoded(contour)
    slice_reference = _slice_reference(contour, image)
    if slice_reference is not None:
        item.ContourImageSequence = [slice_reference]
    return item


def _encoded(contour: Contour) -> RawDataElement:
    """Encode the points to 0.1 µm. Decimal string objects for each number would take most of the writing time."""
    text = "\\".join(f"{value:.4f}" for value in contour.points_mm.ravel().tolist()).encode()
    text += b" " * (len(text) % 2)
    return RawDataElement(_CONTOUR_DATA, "DS", len(text), text, 0, True, True)


def _slice_reference(contour: Contour, image: ImageReference) -> Dataset | None:
    """Refer to the image, or the frame of a multi-frame image, on which the contour lies."""
    if image.grid is None:
        return None
    position = round(float(image.grid.to_index(contour.points_mm)[:, 0].mean()))
    if not 0 <= position < image.grid.shape[0]:
        return None
    if len(image.instance_uids) == image.grid.shape[0]:
        return reference(image.sop_class_uid, image.instance_uids[position])
    item = reference(image.sop_class_uid, image.instance_uids[0])
    item.ReferencedFrameNumber = position + 1
    return item


def _observation(region: ContourRegion) -> Dataset:
    item = Dataset()
    item.ObservationNumber = region.number
    item.ReferencedROINumber = region.number
    item.RTROIInterpretedType = region.interpreted_type
    item.ROIInterpreter = region.drafted_by[:_LONG_STRING]
    if region.code is not None:
        item.RTROIIdentificationCodeSequence = [coded(region.code, "SCT", region.name[:_LONG_STRING])]
    return item


def _approve(dataset: Dataset, contours: ContourSet, context: DicomContext) -> None:
    """State the approval; a status other than unapproved needs a name."""
    signed = bool(contours.reviewer) and contours.approval in _APPROVAL
    dataset.ApprovalStatus = contours.approval if signed else "UNAPPROVED"
    if dataset.ApprovalStatus != "UNAPPROVED":
        dataset.ReviewDate, dataset.ReviewTime = date_and_time(context.content_at)
        dataset.ReviewerName = contours.reviewer
