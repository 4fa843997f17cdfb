"""Grouping thousands of files into series, with a compact record per file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from theradose.formats.dicom.files import FileHeader, Progress, Quarantined, scan
from theradose.formats.dicom.pixels import is_lossy
from theradose.formats.dicom.values import (
    read_date_time,
    read_integer,
    read_items,
    read_number,
    read_numbers,
    read_stamp,
    read_text,
)

_ORIENTATION_DIGITS = 3


@dataclass(frozen=True, slots=True)
class ValueMapping:
    """One item of a real world value mapping: value = stored × `slope` + `intercept`, in the UCUM unit `code`."""

    code: str
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class Instance:
    """What differs between the files of one series; a few hundred bytes each.

    Attributes
    ----------
    position_mm, orientation : tuple of float
        ImagePositionPatient and ImageOrientationPatient at the top level; empty if absent.
    acquired_at : datetime or None
        Acquisition date and time.
    frame_reference_s, frame_duration_s, decay_factor, counts : float or None
        FrameReferenceTime, ActualFrameDuration, DecayFactor, accumulated counts.
    mappings : tuple of ValueMapping
        Real world value mappings; a PET series may have another slope in each slice.
    lossy : bool
        The pixels were compressed with loss.
    """

    path: Path
    sop_uid: str
    frames: int
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    slope: float | None
    intercept: float
    acquired_at: datetime | None
    frame_reference_s: float | None
    frame_duration_s: float | None
    decay_factor: float | None
    counts: float | None
    mappings: tuple[ValueMapping, ...] = ()
    lossy: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Files that belong together: one series, split where shape or orientation differ.

    Attributes
    ----------
    id : str
        Series Instance UID, with ``#2``, ``#3`` … for further parts of a split series.
    header : FileHeader
        Of the first file.
    instances : tuple of Instance
        One per file, in the order of the files; of copies the first is kept that was not compressed with loss.
    copies : int
        Number of files left out because they repeat an instance.
    """

    id: str
    header: FileHeader
    instances: tuple[Instance, ...]
    copies: int = 0

    @property
    def dataset(self) -> Any:
        """Header attributes of the first file."""
        return self.header.dataset

    @property
    def modality(self) -> str:
        """DICOM modality."""
        return read_text(self.dataset, "Modality")

    @property
    def sop_class(self) -> str:
        """SOP Class UID."""
        return read_text(self.dataset, "SOPClassUID")

    @property
    def uid(self) -> str:
        """Series Instance UID."""
        return read_text(self.dataset, "SeriesInstanceUID")

    @property
    def study_uid(self) -> str:
        """Study Instance UID."""
        return read_text(self.dataset, "StudyInstanceUID")

    @property
    def frame_of_reference(self) -> str | None:
        """Frame of Reference UID, ``None`` if absent."""
        return read_text(self.dataset, "FrameOfReferenceUID") or None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files of the series."""
        return tuple(instance.path for instance in self.instances)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of slices or frames, rows, columns."""
        frames = sum(instance.frames for instance in self.instances)
        return frames, read_integer(self.dataset, "Rows"), read_integer(self.dataset, "Columns")


def read_series(
    files: Sequence[Path], *, progress: Progress | None = None
) -> tuple[tuple[Series, ...], tuple[Quarantined, ...]]:
    """Read the headers of files and group them.

    Parameters
    ----------
    files : sequence of Path
        Files that may be DICOM.
    progress : callable, optional
        Called with the number of files read and their total.

    Returns
    -------
    tuple of Series
        In the order of their first files.
    tuple of Quarantined
        Files that cannot be read, with the reason.
    """
    return group_headers(scan(files, progress=progress))


def group_headers(
    headers: Iterable[FileHeader | Quarantined],
) -> tuple[tuple[Series, ...], tuple[Quarantined, ...]]:
    """Group headers as they arrive; only the first header of each series is kept whole."""
    first: dict[tuple[object, ...], FileHeader] = {}
    instances: dict[tuple[object, ...], dict[str, Instance]] = {}
    copies: dict[tuple[object, ...], int] = {}
    quarantined = []
    for header in headers:
        if isinstance(header, Quarantined):
            quarantined.append(header)
            continue
        key = _series_key(header.dataset)
        first.setdefault(key, header)
        members = instances.setdefault(key, {})
        instance = _instance(header)
        kept = members.get(instance.sop_uid)
        if kept is not None:
            copies[key] = copies.get(key, 0) + 1
        if kept is None or (kept.lossy and not instance.lossy):
            members[instance.sop_uid] = instance
            if kept is not None and kept.path == first[key].path:
                first[key] = header
    series = [Series("", header, tuple(instances[key].values()), copies.get(key, 0)) for key, header in first.items()]
    return tuple(_with_ids(series)), tuple(quarantined)


def referenced_series(series: Series) -> frozenset[str]:
    """Return the Series Instance UIDs that a structure set or segmentation refers to."""
    dataset = series.dataset
    items = list(read_items(dataset, "ReferencedSeriesSequence"))
    for frame in read_items(dataset, "ReferencedFrameOfReferenceSequence"):
        for study in read_items(frame, "RTReferencedStudySequence"):
            items += read_items(study, "RTReferencedSeriesSequence")
    return frozenset(filter(None, (read_text(item, "SeriesInstanceUID") for item in items)))


def referenced_frames(series: Series) -> frozenset[str]:
    """Return the Frame of Reference UIDs in which a structure set or segmentation is drawn."""
    dataset = series.dataset
    items = [dataset, *read_items(dataset, "ReferencedFrameOfReferenceSequence")]
    return frozenset(filter(None, (read_text(item, "FrameOfReferenceUID") for item in items)))


def _series_key(dataset: Any) -> tuple[object, ...]:
    orientation = read_numbers(dataset, "ImageOrientationPatient")
    multi_frame = read_integer(dataset, "NumberOfFrames", 1) > 1
    alone = multi_frame or not read_integer(dataset, "Rows")
    return (
        read_text(dataset, "SeriesInstanceUID"),
        read_text(dataset, "SOPClassUID"),
        read_integer(dataset, "Rows"),
        read_integer(dataset, "Columns"),
        tuple(round(cosine, _ORIENTATION_DIGITS) + 0.0 for cosine in orientation),
        read_numbers(dataset, "PixelSpacing"),
        read_text(dataset, "SOPInstanceUID") if alone else "",
    )


def _instance(header: FileHeader) -> Instance:
    dataset = header.dataset
    reference_ms = read_number(dataset, "FrameReferenceTime")
    duration_ms = read_number(dataset, "ActualFrameDuration")
    counts = read_number(dataset, "CountsAccumulated")
    if counts is None:
        counts = read_number(dataset, "PrimaryPromptsCountsAccumulated")
    return Instance(
        path=header.path,
        sop_uid=read_text(dataset, "SOPInstanceUID") or str(header.path),
        frames=max(1, read_integer(dataset, "NumberOfFrames", 1)),
        position_mm=read_numbers(dataset, "ImagePositionPatient"),
        orientation=read_numbers(dataset, "ImageOrientationPatient"),
        slope=read_number(dataset, "RescaleSlope"),
        intercept=read_number(dataset, "RescaleIntercept") or 0.0,
        acquired_at=read_acquisition_time(dataset),
        frame_reference_s=None if reference_ms is None else reference_ms / 1000,
        frame_duration_s=None if duration_ms is None else duration_ms / 1000,
        decay_factor=read_number(dataset, "DecayFactor"),
        counts=counts,
        mappings=_value_mappings(dataset),
        lossy=is_lossy(header),
    )


def _value_mappings(dataset: Any) -> tuple[ValueMapping, ...]:
    items = list(read_items(dataset, "RealWorldValueMappingSequence"))
    for group in read_items(dataset, "SharedFunctionalGroupsSequence"):
        items += read_items(group, "RealWorldValueMappingSequence")
    mappings = []
    for item in items:
        slope = read_number(item, "RealWorldValueSlope")
        intercept = read_number(item, "RealWorldValueIntercept") or 0.0
        if slope is not None:
            codes = read_items(item, "MeasurementUnitsCodeSequence")
            mappings += [ValueMapping(read_text(code, "CodeValue"), slope, intercept) for code in codes]
    return tuple(mappings)


def read_acquisition_time(dataset: Any) -> datetime | None:
    """Return the start of the acquisition; never another time that merely is near."""
    return read_date_time(dataset, "AcquisitionDate", "AcquisitionTime") or read_stamp(dataset, "AcquisitionDateTime")


def _with_ids(series: Sequence[Series]) -> list[Series]:
    seen: dict[str, int] = {}
    result = []
    for part in series:
        base = part.uid or read_text(part.dataset, "SOPInstanceUID") or part.header.path.name
        seen[base] = seen.get(base, 0) + 1
        result.append(replace(part, id=base if seen[base] == 1 else f"{base}#{seen[base]}"))
    return result
