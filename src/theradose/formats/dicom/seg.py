"""Reading Segmentation objects."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset

from theradose.errors import DicomError
from theradose.formats.dicom.files import FileHeader, guarded
from theradose.formats.dicom.objects import read_object, snomed_ct
from theradose.formats.dicom.pixels import check_pixels, iterate_frames, read_frames
from theradose.formats.dicom.uids import SEGMENTATION
from theradose.formats.dicom.values import read_integer, read_items, read_number, read_numbers, read_text
from theradose.formats.limits import MEMORY_LIMIT_BYTES
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
    with guarded(f"{path.name} is damaged", code="unreadable"):
        header, dataset = read_object(path, sop_class=SEGMENTATION, kind="Segmentation")
        frames = _frames(dataset)
        grid, slices, findings = _grid(dataset, frames, path.name)
        full, noticed = _full_value(dataset, path.name)
        patches = _patches(header, dataset, full)
        segmentation, left_out = _regions(dataset, frames, slices, patches, grid)
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
    shape = (int(slices.max()) + 1, read_integer(dataset, "Rows"), read_integer(dataset, "Columns"))
    if 4 * math.prod(shape) > MEMORY_LIMIT_BYTES:
        raise DicomError(
            f"The frames of the segmentation span {shape[0]} slices of {shape[1]} × {shape[2]}, more than is read: "
            "export the regions of interest alone.",
            code="memory-cap",
        )
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


def _full_value(dataset: Dataset, where: str) -> tuple[float, tuple[Finding, ...]]:
    """Return the stored value of a voxel that is wholly inside, and what to know about the values."""
    kind = read_text(dataset, "SegmentationType")
    if kind == "BINARY":
        return 1.0, ()
    if kind != "FRACTIONAL":
        raise DicomError(
            f"Segmentations of type {kind or 'unknown'} are not read: export it as BINARY or FRACTIONAL.",
            code="seg-type",
        )
    maximum = read_number(dataset, "MaximumFractionalValue")
    if not maximum:
        raise DicomError("The fractional segmentation states no maximum value: export it again.", code="seg-maximum")
    if read_text(dataset, "SegmentationFractionalType") == "OCCUPANCY":
        return maximum, ()
    finding = Finding(
        "seg-probability",
        "warning",
        "The segmentation holds probabilities; they are used as the fraction of each voxel that lies inside.",
        where,
    )
    return maximum, (finding,)


def _patches(header: FileHeader, dataset: Dataset, full: float) -> list[RegionVoxels]:
    """Decode the frames one at a time and keep of each what is not empty: unpacked bits need eight times the file."""
    check_pixels(header)
    if int(dataset.BitsAllocated) > 1 or header.encapsulated:
        frames = iterate_frames(header, dataset)
    elif dataset.original_encoding[1]:
        frames = _unpacked_frames(dataset)
    else:
        frames = iter(read_frames(header))
    return [RegionVoxels.from_mask(np.minimum(frame / np.float32(full), 1)[None]) for frame in frames]


def _unpacked_frames(dataset: Dataset) -> Iterator[Array]:
    """Unpack little endian frames of single bits. pydicom 3.0 cannot do so for one frame that starts within a byte."""
    shape = (int(dataset.Rows), int(dataset.Columns))
    size = math.prod(shape)
    packed = np.frombuffer(dataset.PixelData, np.uint8)
    for number in range(read_integer(dataset, "NumberOfFrames", default=1)):
        first = number * size
        part = packed[first // 8 : -(-(first + size) // 8)]
        yield np.unpackbits(part, bitorder="little")[first % 8 : first % 8 + size].reshape(shape)


def _regions(
    dataset: Dataset, frames: list[_Frame], slices: Array, patches: list[RegionVoxels], grid: Grid
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
        voxels = _stacked({int(slices[i]): patches[i] for i in np.flatnonzero(segment_of == number)})
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


def _stacked(patches: dict[int, RegionVoxels]) -> RegionVoxels | None:
    """Stack the frames of one segment, by slice, within the box that holds them; None if all are empty."""
    filled = {index: patch for index, patch in patches.items() if patch.fraction.size}
    if not filled:
        return None
    first = (min(filled), *(min(patch.box[axis].start for patch in filled.values()) for axis in (1, 2)))
    last = (max(filled) + 1, *(max(patch.box[axis].stop for patch in filled.values()) for axis in (1, 2)))
    stack = np.zeros([stop - start for start, stop in zip(first, last, strict=True)], np.float32)
    for index, patch in filled.items():
        rows, columns = (
            slice(part.start - start, part.stop - start) for part, start in zip(patch.box[1:], first[1:], strict=True)
        )
        stack[index - first[0], rows, columns] = patch.fraction[0]
    return RegionVoxels(first, stack)


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
