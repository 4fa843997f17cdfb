"""Writing Segmentation objects."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.tag import BaseTag, Tag

from theradose.errors import DicomError
from theradose.formats.dicom.context import RESEARCH_USE, DicomContext, ImageReference
from theradose.formats.dicom.objects import (
    coded,
    date_and_time,
    decimal,
    invented_frame,
    new_object,
    own_frame_of_reference,
    plane_orientation,
    reference,
    right_handed,
    save_object,
)
from theradose.formats.dicom.uids import SEGMENTATION, derive_uid
from theradose.model.arrays import Array
from theradose.model.contour import drawing_algorithm
from theradose.model.finding import Finding
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation

_LONG_STRING = 64
_SHORT_TEXT = 1024
_SEGMENT_NUMBER = Tag("ReferencedSegmentNumber")
_SEGMENT_GROUP = Tag("SegmentIdentificationSequence")
_POSITION = Tag("ImagePositionPatient")
_POSITION_GROUP = Tag("PlanePositionSequence")
# Segmented property categories and the type for what has no code of its own (DICOM PS3.16, CID 7150, CID 7151).
_ORGAN_CATEGORY = ("91723000", "SCT", "Anatomical Structure")
_LESION_CATEGORY = ("49755003", "SCT", "Morphologically Abnormal Structure")
_TISSUE_CATEGORY = ("85756007", "SCT", "Tissue")
_CATEGORY = {
    RegionKind.ORGAN: _ORGAN_CATEGORY,
    RegionKind.LESION: _LESION_CATEGORY,
    RegionKind.WHOLE_BODY: _ORGAN_CATEGORY,
    RegionKind.OTHER: _TISSUE_CATEGORY,
}
_DEFAULT_TYPE = {
    RegionKind.ORGAN: ("91772007", "SCT", "Organ"),
    RegionKind.LESION: ("52988006", "SCT", "Lesion"),
    RegionKind.WHOLE_BODY: ("38266002", "SCT", "Entire body"),
    RegionKind.OTHER: ("85756007", "SCT", "Tissue"),
}
# Sides, which canonical names of paired organs begin with (CID 244).
_SIDES = {"left": ("7771000", "SCT", "Left"), "right": ("24028007", "SCT", "Right")}


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """A slice of a segment that holds at least one voxel."""

    segment: int
    slice_index: int
    origin: tuple[int, int]
    mask: Array


def write_seg(
    path: Path,
    segmentation: Segmentation,
    *,
    context: DicomContext,
    image: ImageReference | None = None,
    meanings: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Write regions as a binary Segmentation; only slices with voxels become frames.

    Parameters
    ----------
    path : Path
        File to write.
    segmentation : Segmentation
        Regions on any rectangular grid; voxels inside by at least one half are written.
    context : DicomContext
        Patient and study.
    image : ImageReference, optional
        Image on which the regions lie.
    meanings : mapping of str to str, optional
        Meaning of the SNOMED CT codes of the regions; the region's name by default.

    Returns
    -------
    tuple of Finding
        Regions whose fractions were rounded, or that hold no voxel of at least one half.

    Raises
    ------
    DicomError
        If no region holds a voxel or the grid is not rectangular.
    """
    findings: list[Finding] = []
    planes: list[_Plane] = []
    written: list[Region] = []
    grid = right_handed(segmentation.grid)
    flipped = grid is not segmentation.grid
    for region, voxels in zip(segmentation.regions, segmentation.voxels, strict=True):
        found = _planes(voxels, segment=len(written) + 1, slices=grid.shape[0], flipped=flipped)
        if not found:
            findings.append(Finding(
                "region-empty", "warning",
                f"Region '{region.name}' fills no voxel by half and is not in the segmentation.",
                region.name))  # fmt: skip
            continue
        if voxels.has_fractions:
            findings.append(Finding(
                "fractions-rounded", "info",
                f"The segment '{region.name}' holds the voxels that are inside by at least one half; fractions are "
                "lost.", region.name))  # fmt: skip
        written.append(region)
        planes += found
    if not planes:
        raise DicomError("There is no voxel to write: draw a region first.", code="seg-empty")
    dataset = new_object(
        sop_class=SEGMENTATION,
        modality="SEG",
        content_uid=_digest(planes, written, grid, image),
        series_description="Regions of theradose",
        context=context,
    )
    _describe(dataset, context)
    _describe_pixels(dataset, planes, grid)
    _describe_place(dataset, grid, image, context)
    if grid.frame_of_reference is None and (image is None or image.frame_of_reference is None):
        findings.append(invented_frame(path))
    dataset.SegmentSequence = [
        _segment(number, region, meanings or {}) for number, region in enumerate(written, start=1)
    ]
    dataset.PerFrameFunctionalGroupsSequence = _frame_groups(planes, grid, image)
    dataset.PixelData = _packed(planes, grid)
    save_object(dataset, path)
    return tuple(findings)


def _planes(voxels: RegionVoxels, *, segment: int, slices: int, flipped: bool) -> list[_Plane]:
    """List the slices that hold voxels, numbered along the normal of the slice plane."""
    masks = voxels.mostly_inside
    origin = voxels.origin
    planes = [
        _Plane(segment, slices - 1 - index if flipped else index, (origin[1], origin[2]), mask)
        for index, mask in enumerate(masks, start=origin[0])
        if mask.any()
    ]
    return planes[::-1] if flipped else planes


def _digest(planes: list[_Plane], written: list[Region], grid: Grid, image: ImageReference | None) -> str:
    """Hash everything that is written, so that the UID changes with it."""
    digest = hashlib.sha256(grid.affine_mm.tobytes() + repr((grid.shape, written)).encode())
    digest.update((image.series_uid if image else "").encode())
    for plane in planes:
        digest.update(f"{plane.segment}\0{plane.slice_index}\0{plane.origin}\0{plane.mask.shape}".encode())
        digest.update(np.packbits(plane.mask).tobytes())
    return digest.hexdigest()


def _describe(dataset: Dataset, context: DicomContext) -> None:
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.ContentDate, dataset.ContentTime = date_and_time(context.content_at)
    dataset.ContentLabel = "REGIONS"
    dataset.ContentDescription = RESEARCH_USE
    dataset.ContentCreatorName = ""
    dataset.SeriesDate, dataset.SeriesTime = date_and_time(context.content_at)
    dataset.SegmentationType = "BINARY"
    dataset.SegmentsOverlap = "UNDEFINED"
    dataset.LossyImageCompression = "00"


def _describe_pixels(dataset: Dataset, planes: list[_Plane], grid: Grid) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames = len(planes)
    dataset.Rows, dataset.Columns = grid.shape[1:]
    dataset.BitsAllocated = 1
    dataset.BitsStored = 1
    dataset.HighBit = 0
    dataset.PixelRepresentation = 0


def _describe_place(dataset: Dataset, grid: Grid, image: ImageReference | None, context: DicomContext) -> None:
    """State the frame of reference, the shared geometry, the dimensions and the source image."""
    stated = grid.frame_of_reference or (image.frame_of_reference if image else None)
    dataset.FrameOfReferenceUID = stated or own_frame_of_reference(context)
    dataset.PositionReferenceIndicator = ""
    orientation = Dataset()
    orientation.ImageOrientationPatient = plane_orientation(grid)
    measures = Dataset()
    slice_mm, row_mm, column_mm = (decimal(spacing) for spacing in grid.spacing_mm)
    measures.SliceThickness = slice_mm
    measures.SpacingBetweenSlices = slice_mm
    measures.PixelSpacing = [row_mm, column_mm]
    shared = Dataset()
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelMeasuresSequence = [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    organization = Dataset()
    organization.DimensionOrganizationUID = derive_uid(str(dataset.SOPInstanceUID), "dimensions")
    dataset.DimensionOrganizationSequence = [organization]
    dataset.DimensionIndexSequence = [
        _dimension(organization, _SEGMENT_NUMBER, _SEGMENT_GROUP, "Segment"),
        _dimension(organization, _POSITION, _POSITION_GROUP, "Slice"),
    ]
    if image is not None:
        series = Dataset()
        series.SeriesInstanceUID = image.series_uid
        series.ReferencedInstanceSequence = [reference(image.sop_class_uid, uid) for uid in image.instance_uids]
        dataset.ReferencedSeriesSequence = [series]


def _dimension(organization: Dataset, pointer: BaseTag, group: BaseTag, label: str) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID = organization.DimensionOrganizationUID
    item.DimensionIndexPointer = pointer
    item.FunctionalGroupPointer = group
    item.DimensionDescriptionLabel = label
    return item


def _segment(number: int, region: Region, meanings: Mapping[str, str]) -> Dataset:
    """Describe one segment; without a code of its own it is an organ, lesion or tissue."""
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = region.name[:_LONG_STRING]
    item.SegmentDescription = f"{region.method}; verified by {region.verified_by or 'nobody'}"[:_SHORT_TEXT]
    item.SegmentAlgorithmType = drawing_algorithm(region.method)
    if item.SegmentAlgorithmType != "MANUAL":
        item.SegmentAlgorithmName = region.drafted_by[:_LONG_STRING]
    item.SegmentedPropertyCategoryCodeSequence = [coded(*_CATEGORY[region.kind])]
    own = (region.code, "SCT", meanings.get(region.code, region.name)[:_LONG_STRING]) if region.code else None
    kind = coded(*(own or _DEFAULT_TYPE[region.kind]))
    side = _SIDES.get(region.name.split("-")[0])
    if side is not None:
        kind.SegmentedPropertyTypeModifierCodeSequence = [coded(*side)]
    item.SegmentedPropertyTypeCodeSequence = [kind]
    return item


def _frame_groups(planes: list[_Plane], grid: Grid, image: ImageReference | None) -> list[Dataset]:
    """Describe segment, position and source of each frame."""
    positions = {index: rank for rank, index in enumerate(sorted({plane.slice_index for plane in planes}), 1)}
    return [_frame_group(plane, positions[plane.slice_index], grid, image) for plane in planes]


def _frame_group(plane: _Plane, rank: int, grid: Grid, image: ImageReference | None) -> Dataset:
    content = Dataset()
    content.DimensionIndexValues = [plane.segment, rank]
    place = Dataset()
    place.ImagePositionPatient = [decimal(value) for value in grid.to_lps((plane.slice_index, 0, 0))]
    segment = Dataset()
    segment.ReferencedSegmentNumber = plane.segment
    item = Dataset()
    item.FrameContentSequence = [content]
    item.PlanePositionSequence = [place]
    item.SegmentIdentificationSequence = [segment]
    if image is not None:
        item.DerivationImageSequence = [_derivation(plane, grid, image)]
    return item


def _derivation(plane: _Plane, grid: Grid, image: ImageReference) -> Dataset:
    """Refer to the slice from which the frame was drawn, or to the image where slices do not correspond."""
    source = reference(image.sop_class_uid, image.instance_uids[0])
    if image.grid is not None:
        centre = grid.to_lps((plane.slice_index, (grid.shape[1] - 1) / 2, (grid.shape[2] - 1) / 2))
        position = int(np.clip(round(float(image.grid.to_index(centre)[0])), 0, image.grid.shape[0] - 1))
        if len(image.instance_uids) == image.grid.shape[0]:
            source = reference(image.sop_class_uid, image.instance_uids[position])
        else:
            source.ReferencedFrameNumber = position + 1
    source.PurposeOfReferenceCodeSequence = [coded("121322", "DCM", "Source image for image processing operation")]
    item = Dataset()
    item.SourceImageSequence = [source]
    item.DerivationCodeSequence = [coded("113076", "DCM", "Segmentation")]
    return item


def _packed(planes: list[_Plane], grid: Grid) -> bytes:
    """Pack the frames bit by bit, without padding between them; eight frames always end on a whole byte."""
    parts = []
    for start in range(0, len(planes), 8):
        group = planes[start : start + 8]
        frames = np.zeros((len(group), *grid.shape[1:]), bool)
        for frame, plane in zip(frames, group, strict=True):
            (row, column), (rows, columns) = plane.origin, plane.mask.shape
            frame[row : row + rows, column : column + columns] = plane.mask
        parts.append(np.packbits(frames, bitorder="little").tobytes())
    packed = b"".join(parts)
    return packed + b"\0" * (len(packed) % 2)
