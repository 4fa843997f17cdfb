"""What stored pixel values mean: real world value mapping, then rescale slope and units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import DicomError
from theradose.formats.dicom.files import read_header
from theradose.formats.dicom.geometry import SliceStack, resample_slices
from theradose.formats.dicom.pixels import claimed_bytes, read_frames
from theradose.formats.dicom.series import Instance, Series, ValueMapping
from theradose.formats.dicom.values import read_text, tag_label
from theradose.formats.limits import MEMORY_LIMIT_BYTES
from theradose.model.activity import Evidence, ImageUnit
from theradose.model.arrays import Array

# UCUM is case-sensitive: mBq is a thousandth, MBq a million; litre is l or L.
_CONCENTRATIONS = {
    f"{prefix}Bq/{volume}": (ImageUnit.BQ_PER_ML, factor)
    for prefix, factor in (("", 1.0), ("k", 1e3), ("M", 1e6))
    for volume in ("ml", "mL", "cm3")
}
_COUNTS = {
    "{counts}": (ImageUnit.COUNTS, 1.0),
    "{counts}/s": (ImageUnit.COUNTS_PER_SECOND, 1.0),
}
_SAME_SLOPE = 1e-5
"""Relative difference of two statements of one slope that is rounding of the header."""
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
    slopes : tuple of (float, float)
        Slope and intercept of a real world value mapping for each file of the series; empty means that each
        file's own rescale slope applies.
    evidence : tuple of Evidence
        Where it came from.
    """

    unit: ImageUnit | None
    stated: str
    slopes: tuple[tuple[float, float], ...] = ()
    evidence: tuple[Evidence, ...] = ()


def read_scale(series: Series) -> Scale:
    """Find unit and scale of a series by the order of precedence.

    A real world value mapping to a concentration comes first, because a rescale slope may serve display only;
    then the rescale slope with the unit that ``Units`` states; then a mapping to counts. Without any the unit
    stays unknown. Mappings are taken per file: a PET series may have another slope in each slice.

    Raises
    ------
    DicomError
        ``rwvm-incomplete``, ``rwvm-ambiguous``.
    """
    stated = read_text(series.dataset, "Units")
    unit = _UNITS.get(stated)
    mapped = _mapped(series, _CONCENTRATIONS) or (_mapped(series, _COUNTS) if unit is None else None)
    if mapped is not None:
        return mapped
    evidence = []
    if stated:
        evidence.append(Evidence("unit", f"{unit.value if unit else stated}", tag_label("Units")))
    slopes = [instance.slope for instance in series.instances if instance.slope is not None]
    if slopes:
        evidence.append(Evidence("scale", _slopes_text(slopes), tag_label("RescaleSlope")))
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
    for number, instance in enumerate(series.instances):
        header = read_header(instance.path)
        if claimed_bytes(header.dataset) != claimed_bytes(series.dataset):
            raise DicomError("The files of the series have different sizes: export it again.", code="mixed-sizes")
        frames = read_frames(header)
        slope = 1.0 if instance.slope is None else instance.slope
        intercept = instance.intercept
        if scale is not None and scale.slopes:
            slope, intercept = scale.slopes[number]
        for frame in frames:
            stored[position[start]] = frame.astype(np.float32) * np.float32(slope) + np.float32(intercept)
            start += 1
    return resample_slices(stored, stack)


def _mapped(series: Series, units: dict[str, tuple[ImageUnit, float]]) -> Scale | None:
    """Return the scale by the mapping of each file to one of the units, ``None`` if no file has one."""
    found = [_file_mapping(instance, units) for instance in series.instances]
    present = [mapping for mapping in found if mapping is not None]
    if not present:
        return None
    stated = " or ".join(sorted({mapping.code for mapping in present}))
    source = tag_label("RealWorldValueMappingSequence")
    unit = units[present[0].code][0]
    if len(present) < len(found) or any(units[mapping.code][0] is not unit for mapping in present):
        raise DicomError(
            f"{len(present)} of {len(found)} files have a real world value mapping to {stated} ({source}), so that "
            "the slices would be in different units: export the whole series with one unit.",
            code="rwvm-incomplete",
        )
    slopes = tuple(_scaled(mapping, units) for mapping in present)
    evidence = (
        Evidence("unit", f"{unit.value} ('{stated}')", source),
        Evidence("scale", _slopes_text([slope for slope, _ in slopes]), source),
    )
    return Scale(unit, stated, slopes, evidence)


def _file_mapping(instance: Instance, units: dict[str, tuple[ImageUnit, float]]) -> ValueMapping | None:
    """Return the first mapping of a file to one of the units; others to the same unit must agree with it."""
    fitting = [mapping for mapping in instance.mappings if mapping.code in units]
    if not fitting:
        return None
    first = fitting[0]
    for other in fitting[1:]:
        same_unit = units[other.code][0] is units[first.code][0]
        if same_unit and not np.allclose(_scaled(first, units), _scaled(other, units), rtol=_SAME_SLOPE, atol=0):
            raise DicomError(
                f"'{instance.path.name}' has real world value mappings that contradict each other: "
                f"{first.slope:g} {first.code} and {other.slope:g} {other.code}: export the series with one.",
                code="rwvm-ambiguous",
            )
    return first


def _scaled(mapping: ValueMapping, units: dict[str, tuple[ImageUnit, float]]) -> tuple[float, float]:
    """Return slope and intercept in the unit that the program uses."""
    factor = units[mapping.code][1]
    return mapping.slope * factor, mapping.intercept * factor


def _slopes_text(slopes: Sequence[float]) -> str:
    different = sorted(set(slopes))
    if len(different) == 1:
        return f"{different[0]:g}"
    return f"{len(different)} different slopes from {different[0]:g} to {different[-1]:g}, one per slice"
