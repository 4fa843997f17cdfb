"""What stored pixel values mean: real world value mapping, then rescale slope and units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.errors import DicomError
from theradose.formats.dicom.files import MEMORY_LIMIT_BYTES, claimed_bytes, read_frames, read_header
from theradose.formats.dicom.geometry import SliceStack, resample_slices
from theradose.formats.dicom.series import Series
from theradose.formats.dicom.values import read_items, read_number, read_text, tag_label
from theradose.model.activity import Evidence, ImageUnit
from theradose.model.arrays import Array

_UCUM = {
    "bq/ml": (ImageUnit.BQ_PER_ML, 1.0),
    "kbq/ml": (ImageUnit.BQ_PER_ML, 1e3),
    "mbq/ml": (ImageUnit.BQ_PER_ML, 1e6),
    "{counts}": (ImageUnit.COUNTS, 1.0),
    "{counts}/s": (ImageUnit.COUNTS_PER_SECOND, 1.0),
}
_UNITS = {
    "BQML": ImageUnit.BQ_PER_ML,
    "CNTS": ImageUnit.COUNTS,
    "CPS": ImageUnit.COUNTS_PER_SECOND,
}


@dataclass(frozen=True, slots=True)
class Scale:
    """How stored values become values in a unit.

    Attributes
    ----------
    unit : ImageUnit or None
        ``None`` if none is stated that can become activity.
    stated : str
        The unit as written.
    slope, intercept : float or None
        Of a real world value mapping; ``None`` means that each file's own rescale slope applies.
    evidence : tuple of Evidence
        Where it came from.
    """

    unit: ImageUnit | None
    stated: str
    slope: float | None = None
    intercept: float | None = None
    evidence: tuple[Evidence, ...] = ()


def read_scale(series: Series) -> Scale:
    """Find unit and scale of a series by the order of precedence.

    A real world value mapping to a concentration comes first, because a rescale slope may serve display only;
    then the rescale slope with the unit that ``Units`` states. Without either the unit stays unknown.
    """
    mapping = _mapping(series.dataset)
    if mapping is not None:
        return mapping
    stated = read_text(series.dataset, "Units")
    unit = _UNITS.get(stated)
    slopes = {instance.slope for instance in series.instances} - {None}
    evidence = []
    if stated:
        evidence.append(Evidence("unit", f"{unit.value if unit else stated}", tag_label("Units")))
    if slopes:
        text = f"{slopes.pop():g}" if len(slopes) == 1 else f"{len(slopes)} different slopes, one per slice"
        evidence.append(Evidence("scale", text, tag_label("RescaleSlope")))
    return Scale(unit, stated, evidence=tuple(evidence))


def read_values(series: Series, stack: SliceStack, scale: Scale | None) -> Array:
    """Decode, rescale and order the pixels of a series.

    Parameters
    ----------
    series : Series
        One slice per file, or one file with all frames.
    stack : SliceStack
        Order of the slices and their resampling.
    scale : Scale or None
        Scale of an emission image; ``None`` applies each file's rescale slope.

    Returns
    -------
    ndarray of float32, shape (slices, rows, columns)

    Raises
    ------
    DicomError
        What :func:`~theradose.formats.dicom.files.check_pixels` refuses.
    """
    shape = series.shape
    if int(np.prod(shape, dtype=np.int64)) * 4 > MEMORY_LIMIT_BYTES:
        raise DicomError(
            f"The series has {shape[0]} slices of {shape[1]} × {shape[2]} pixels, more than the memory cap of "
            f"{MEMORY_LIMIT_BYTES / 2**30:.0f} GiB: split it.",
            code="memory-cap",
        )
    stored = np.empty(shape, np.float32)
    position = np.empty(shape[0], np.int64)
    position[list(stack.order)] = np.arange(shape[0])
    start = 0
    for instance in series.instances:
        header = read_header(instance.path)
        if claimed_bytes(header.dataset) != claimed_bytes(series.dataset):
            raise DicomError("The files of the series have different sizes: export it again.", code="mixed-sizes")
        frames = read_frames(header)
        slope, intercept = _slope(scale, instance.slope, instance.intercept)
        for frame in frames:
            stored[position[start]] = frame.astype(np.float32) * np.float32(slope) + np.float32(intercept)
            start += 1
    return resample_slices(stored, stack)


def _slope(scale: Scale | None, slope: float | None, intercept: float) -> tuple[float, float]:
    if scale is not None and scale.slope is not None:
        return scale.slope, scale.intercept or 0.0
    return 1.0 if slope is None else slope, intercept


def _mapping(dataset: Any) -> Scale | None:
    """Return the first real world value mapping to a unit that is known here."""
    items = list(read_items(dataset, "RealWorldValueMappingSequence"))
    for group in read_items(dataset, "SharedFunctionalGroupsSequence"):
        items += read_items(group, "RealWorldValueMappingSequence")
    for item in items:
        slope = read_number(item, "RealWorldValueSlope")
        for code in read_items(item, "MeasurementUnitsCodeSequence"):
            text = read_text(code, "CodeValue")
            known = _UCUM.get(text.lower())
            if known is None or slope is None:
                continue
            unit, factor = known
            intercept = (read_number(item, "RealWorldValueIntercept") or 0.0) * factor
            source = tag_label("RealWorldValueMappingSequence")
            evidence = (
                Evidence("unit", f"{unit.value} ('{text}')", source),
                Evidence("scale", f"{slope * factor:g}", source),
            )
            return Scale(unit, text, slope * factor, intercept, evidence)
    return None
