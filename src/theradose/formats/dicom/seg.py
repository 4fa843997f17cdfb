"""Reading Segmentation objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset

from theradose.errors import DicomError
from theradose.formats.dicom.files import read_frames
from theradose.formats.dicom.objects import guarded, read_object, snomed_ct
from theradose.formats.dicom.uids import SEGMENTATION
from theradose.formats.dicom.values import read_integer, read_items, read_number, read_numbers, read_text
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation

# Frames may miss their place on a regular grid by this much before the object is refused.
_PLACE_TOLERANCE_MM = 0.05
_KINDS = {
    "49755003": RegionKind.LESION,
    "M-01000": RegionKind.LESION,
    "91723000": RegionKind.ORGAN,
    "T-D000A": RegionKind.ORGAN,
    "123037004": RegionKind.ORGAN,
}
# Property types that say nothing about the region: tissue, organ.
_GENERIC_TYPES = ("85756007", "91772007")


def read_seg(path: Path) -> tuple[Segmentation, tuple[Finding, ...]]:
    """Read a binary or fractional Segmentation.

    Parameters
    ----------
    path : Path
        DICOM file.

    Returns
    -------
    Segmentation
        On the grid spanned by the stored frames: slices without frames are empty, segments may overlap.
    tuple of Finding
        Empty segments, probabilities read as fractions, an unknown slice spacing.

    Raises
    ------
    DicomError
        If the file cannot be read or decoded, or if its frames do not lie on one regular grid.
    """
    with guarded(path):
        header, dataset = read_object(path, sop_class=SEGMENTATION, kind="Segmentation")
        frames = _frames(dataset)
        grid, slices, findings = _grid(dataset, frames, path.name)
        pixels, scale, noticed = _pixels(dataset, read_frames(header), path.name)
        segmentation, left_out = _regions(dataset, frames, slices, pixels, scale, grid)
        return segmentation, (*findings, *noticed, *left_out)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where one frame lies and which segment it belongs to."""

    segment: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    between: float | None
    thickness: float | None


def _frames(dataset: Dataset) -> list[_Frame]:
    """Read the functional groups; what a frame does not state itself is shared by all."""
    shared = (*read_items(dataset, "SharedFunctionalGroupsSequence"), Dataset())[0]
    frames = [_frame(item, shared) for item in read_items(dataset, "PerFrameFunctionalGroupsSequence")]
    if not frames or len(frames) != read_integer(dataset, "NumberOfFrames", default=1):
        raise DicomError("The segmentation does not describe each of its frames: export it again.", code="seg-frames")
    return frames


def _frame(own: Dataset, shared: Dataset) -> _Frame:
    measures = _group(own, shared, "PixelMeasuresSequence")
    frame = _Frame(
        segment=read_integer(_group(own, shared, "SegmentIdentificationSequence"), "ReferencedSegmentNumber"),
        position=read_numbers(_group(own, shared, "PlanePositionSequence"), "ImagePositionPatient"),
        orientation=read_numbers(_group(own, shared, "PlaneOrientationSequence"), "ImageOrientationPatient"),
        spacing=read_numbers(measures, "PixelSpacing"),
        between=read_number(measures, "SpacingBetweenSlices"),
        thickness=read_number(measures, "SliceThickness"),
    )
    if (len(frame.position), len(frame.orientation), len(frame.spacing)) != (3, 6, 2):
        raise DicomError(
            "The frames of the segmentation have no position, orientation or pixel spacing in the patient: "
            "export it with its geometry.",
            code="seg-geometry",
        )
    return frame


def _group(own: Dataset, shared: Dataset, keyword: str) -> Dataset:
    items: Iterable[Dataset] = (*read_items(own, keyword), *read_items(shared, keyword), Dataset())
    return next(iter(items))


def _grid(dataset: Dataset, frames: list[_Frame], where: str) -> tuple[Grid, Array, tuple[Finding, ...]]:
    """Return the regular grid that holds all frames, and the slice of each frame."""
    orientation = np.array([frame.orientation for frame in frames])
    pixel_spacing = np.array([frame.spacing for frame in frames])
    if np.ptp(orientation, axis=0).max() > 1e-4 or np.ptp(pixel_spacing, axis=0).max() > 1e-4:
        raise DicomError(
            "The frames of the segmentation differ in orientation or pixel size: split it into one object per "
            "orientation.",
            code="seg-several-grids",
        )
    along_row, along_column = orientation[0].reshape(2, 3)
    normal = np.cross(along_row, along_column)
    positions = np.array([frame.position for frame in frames])
    depth = positions @ normal
    spacing, findings = _slice_spacing(frames[0], depth, where)
    slices = np.round((depth - depth.min()) / spacing).astype(int)
    first = positions[int(np.argmin(depth))]
    expected = first + slices[:, None] * spacing * normal
    if np.abs(positions - expected).max() > _PLACE_TOLERANCE_MM:
        raise DicomError(
            "The frames of the segmentation do not lie on one regular grid: resample it to the image.",
            code="seg-irregular",
        )
    affine = np.eye(4)
    affine[:3, 0] = normal * spacing
    affine[:3, 1] = along_column * pixel_spacing[0, 0]
    affine[:3, 2] = along_row * pixel_spacing[0, 1]
    affine[:3, 3] = first
    shape = (int(slices.max()) + 1, read_integer(dataset, "Rows"), read_integer(dataset, "Columns"))
    return Grid(shape, affine, read_text(dataset, "FrameOfReferenceUID") or None), slices, findings


def _slice_spacing(frame: _Frame, depth: Array, where: str) -> tuple[float, tuple[Finding, ...]]:
    """Distance between slices: stated, or the smallest distance of frames, or the slice thickness."""
    steps = np.diff(np.unique(np.round(depth, 3)))
    steps = steps[steps > _PLACE_TOLERANCE_MM]
    if frame.between:
        return abs(frame.between), ()
    if len(steps):
        return float(steps.min()), ()
    if frame.thickness:
        return frame.thickness, (Finding(
            "seg-slice-spacing", "info",
            f"The segmentation has one slice and no slice spacing; its thickness of {frame.thickness:g} mm is "
            "taken.", where),)  # fmt: skip
    raise DicomError(
        "The segmentation states no slice spacing and no slice thickness: export it with its geometry.",
        code="seg-geometry",
    )


def _pixels(dataset: Dataset, stored: Array, where: str) -> tuple[Array, float, tuple[Finding, ...]]:
    """Return stored values, the value of a full voxel, and what to know about them."""
    kind = read_text(dataset, "SegmentationType")
    if kind == "BINARY":
        return stored, 1.0, ()
    if kind != "FRACTIONAL":
        raise DicomError(
            f"Segmentations of type {kind or 'unknown'} are not read: export it as BINARY or FRACTIONAL.",
            code="seg-type",
        )
    maximum = read_number(dataset, "MaximumFractionalValue")
    if not maximum:
        raise DicomError("The fractional segmentation states no maximum value: export it again.", code="seg-maximum")
    findings: tuple[Finding, ...] = ()
    if read_text(dataset, "SegmentationFractionalType") != "OCCUPANCY":
        findings = (Finding(
            "seg-probability", "warning",
            "The segmentation holds probabilities; they are used as the fraction of each voxel that lies inside.",
            where),)  # fmt: skip
    return stored, maximum, findings


def _regions(
    dataset: Dataset, frames: list[_Frame], slices: Array, pixels: Array, scale: float, grid: Grid
) -> tuple[Segmentation, tuple[Finding, ...]]:
    """Assemble the frames of each segment."""
    segment_of = np.array([frame.segment for frame in frames])
    items = read_items(dataset, "SegmentSequence")
    labels = Counter(read_text(item, "SegmentLabel") for item in items)
    pairs: list[tuple[Region, RegionVoxels]] = []
    findings: list[Finding] = []
    for item in items:
        number = read_integer(item, "SegmentNumber")
        label = read_text(item, "SegmentLabel") or f"segment {number}"
        name = label if labels[label] <= 1 else f"{label} ({number})"
        voxels = _voxels(slices[segment_of == number], pixels[segment_of == number], scale)
        if voxels is None:
            findings.append(
                Finding("region-empty", "warning", f"Segment '{name}' holds no voxel and is left out.", name)
            )
            continue
        pairs.append((_region(dataset, item, name), voxels))
    undefined = sorted(set(segment_of.tolist()) - {read_integer(item, "SegmentNumber") for item in items})
    if undefined:
        findings.append(Finding(
            "segment-dangling", "warning",
            f"Frames belong to segments {', '.join(map(str, undefined))}, which the object does not define: they "
            "are left out.", ""))  # fmt: skip
    if not pairs:
        raise DicomError("The segmentation holds no voxel: export it again.", code="seg-empty")
    return Segmentation(grid, (), ()).with_regions(pairs), tuple(findings)


def _voxels(slices: Array, frames: Array, scale: float) -> RegionVoxels | None:
    """Stack the frames of one segment between its first and last slice."""
    if not len(slices):
        return None
    lowest = int(slices.min())
    stack = np.zeros((int(slices.max()) - lowest + 1, *frames.shape[1:]), np.float32)
    stack[slices - lowest] = np.minimum(frames / np.float32(scale), 1)
    voxels = RegionVoxels.from_mask(stack)
    z, y, x = voxels.origin
    return RegionVoxels((z + lowest, y, x), voxels.fraction) if voxels.fraction.size else None


def _region(dataset: Dataset, item: Dataset, name: str) -> Region:
    """Describe a segment: its kind and code from its property codes, its origin from the algorithm."""
    algorithm = read_text(item, "SegmentAlgorithmType").lower()
    program = read_text(item, "SegmentAlgorithmName")
    author = read_text(dataset, "ContentCreatorName")
    drafted_by = (program, author) if algorithm == "automatic" else (author, program)
    category = (*read_items(item, "SegmentedPropertyCategoryCodeSequence"), Dataset())[0]
    return Region(
        name=name,
        kind=_KINDS.get(read_text(category, "CodeValue"), RegionKind.OTHER),
        code=_snomed_code(item),
        drafted_by=next(filter(None, (*drafted_by, read_text(dataset, "Manufacturer"))), "not stated"),
        method=":".join(filter(None, ("seg", algorithm))),
    )


def _snomed_code(item: Dataset) -> str | None:
    """Return the SNOMED CT code of a segment if it says what the segment is."""
    code = (*read_items(item, "SegmentedPropertyTypeCodeSequence"), Dataset())[0]
    value = snomed_ct(read_text(code, "CodeValue"), read_text(code, "CodingSchemeDesignator"))
    return None if value in _GENERIC_TYPES else value
