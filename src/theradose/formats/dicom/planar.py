"""Reading planar nuclear medicine images: each frame with its view, energy window, time and orientation.

The view of a frame is stated in several ways, and by some cameras not at all. In this order: the view code of the
frame's detector, the text of that code, an image identifier that names the view, the start angle of the detector
(0 degrees at the patient's back). What the file does not say stays unknown.

References
----------
[DICOMPS3.3]_, sections C.8.4.8 to C.8.4.11: NM image, multi-frame, detector and energy window modules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from theradose.formats.dicom.administration import read_administration
from theradose.formats.dicom.equipment import read_equipment
from theradose.formats.dicom.files import FileHeader, read_header
from theradose.formats.dicom.pixels import read_frames
from theradose.formats.dicom.series import Series, read_acquisition_time
from theradose.formats.dicom.timing import first_acquisition
from theradose.formats.dicom.values import read_integer, read_items, read_number, read_numbers, read_text, read_texts
from theradose.formats.dicom.values import tag_label as label
from theradose.formats.facts import AdministrationFacts, Problem
from theradose.model.activity import Evidence
from theradose.model.arrays import Array
from theradose.model.planar import EnergyWindow, Technique, View

# DICOM context group 26: SNOMED CT codes of the two views, and those of SNOMED RT in older files.
_VIEW_CODES = {
    "399321004": View.ANTERIOR,
    "399001007": View.POSTERIOR,
    "G-5215": View.ANTERIOR,
    "G-5216": View.POSTERIOR,
}
_ANTERIOR_WORD = re.compile(r"(?<![A-Z])(ANT|ANTERIOR|AP)(?![A-Z])")
_POSTERIOR_WORD = re.compile(r"(?<![A-Z])(POST|POSTERIOR|PA)(?![A-Z])")
_ANGLE_TOLERANCE_DEG = 5.0
_TECHNIQUES: dict[str, Technique] = {"STATIC": "static", "WHOLE BODY": "whole-body"}


@dataclass(frozen=True, slots=True)
class PlanarFrame:
    """One planar image as the file describes it; ``None`` is not stated.

    Attributes
    ----------
    path, index : Path, int
        File and frame in it.
    technique : {"static", "whole-body"}
        From the third value of Image Type.
    detector : int
        Number of the detector, from 1.
    view : View or None
        Side of the patient.
    view_source : str
        Where the view was read.
    view_assumed : bool
        Whether that only suggests it.
    window : EnergyWindow or None
        Limits of the energy window.
    shape : tuple of int
        Rows and columns.
    spacing_mm : tuple of float or None
        Size of a pixel (row, column).
    along_row, along_column : str
        Direction of the rows and of the columns in the patient, as ``L``, ``R``, ``H``, ``F``; empty if not stated.
    acquired_at : datetime or None
        Start of the acquisition.
    duration_s : float or None
        Actual frame duration: of a whole-body scan the length of the whole scan.
    scan_velocity_mm_s, field_length_mm : float or None
        Of a whole-body scan.
    """

    path: Path
    index: int
    technique: Technique
    detector: int
    view: View | None
    view_source: str
    view_assumed: bool
    window: EnergyWindow | None
    shape: tuple[int, int]
    spacing_mm: tuple[float, float] | None
    along_row: str
    along_column: str
    acquired_at: datetime | None
    duration_s: float | None
    scan_velocity_mm_s: float | None
    field_length_mm: float | None


@dataclass(frozen=True, slots=True, eq=False)
class PlanarFacts:
    """What the files of a planar acquisition say."""

    frames: tuple[PlanarFrame, ...]
    administration: AdministrationFacts
    evidence: tuple[Evidence, ...]
    problems: tuple[Problem, ...]


def read_planar(series: Sequence[Series]) -> PlanarFacts:
    """Describe the frames of one planar acquisition, which may be spread over several files and series."""
    frames: list[PlanarFrame] = []
    problems: list[Problem] = []
    for part in series:
        for instance in part.instances:
            header = part.header if instance.path == part.header.path else read_header(instance.path)
            found, problem = _frames(header)
            frames += found
            problems += [] if problem is None else [problem]
    administration = read_administration(series[0].dataset, first_acquisition(series[0]))
    evidence = (*administration.evidence, *read_equipment(series[0]))
    return PlanarFacts(tuple(frames), administration, evidence, (*problems, *administration.problems))


def read_counts(frame: PlanarFrame) -> Array:
    """Decode the counts of a frame, shape (rows, columns), float64.

    Raises
    ------
    DicomError
        What :func:`~theradose.formats.dicom.pixels.check_pixels` refuses.
    """
    header = read_header(frame.path)
    slope = read_number(header.dataset, "RescaleSlope")
    intercept = read_number(header.dataset, "RescaleIntercept") or 0.0
    stored = np.asarray(read_frames(header)[frame.index], float)
    return stored * (1.0 if slope is None else slope) + intercept


def _frames(header: FileHeader) -> tuple[list[PlanarFrame], Problem | None]:
    dataset = header.dataset
    image_type = read_texts(dataset, "ImageType")
    technique = _TECHNIQUES.get(image_type[2]) if len(image_type) > 2 else None
    if technique is None:
        return [], Problem(
            "planar-type",
            f"'{header.path.name}' is {image_type[2] if len(image_type) > 2 else 'of no stated type'}: a planar time "
            "point needs STATIC or WHOLE BODY images.",
        )
    count = max(1, read_integer(dataset, "NumberOfFrames", 1))
    detectors = _vector(dataset, "DetectorVector", count)
    windows = _vector(dataset, "EnergyWindowVector", count)
    for keyword in ("TimeSlotVector", "PhaseVector", "TimeSliceVector"):
        if len(set(read_numbers(dataset, keyword))) > 1:
            return [], Problem("planar-type", f"'{header.path.name}' has several values of {label(keyword)}: give one.")
    if detectors is None or windows is None:
        return [], Problem(
            "planar-vectors",
            f"'{header.path.name}' has {count} frames, but {label('DetectorVector')} or {label('EnergyWindowVector')} "
            "does not say what each is: export it again.",
        )
    spacing = read_numbers(dataset, "PixelSpacing")
    found = []
    for index, (detector, window) in enumerate(zip(detectors, windows, strict=True)):
        item = _item(read_items(dataset, "DetectorInformationSequence"), detector)
        view, source, assumed = _view(dataset, item, alone=len(set(detectors)) == 1)
        along_row, along_column = _directions(dataset, item)
        found.append(
            PlanarFrame(
                path=header.path,
                index=index,
                technique=technique,
                detector=detector,
                view=view,
                view_source=source,
                view_assumed=assumed,
                window=_window(dataset, window),
                shape=(read_integer(dataset, "Rows"), read_integer(dataset, "Columns")),
                spacing_mm=(spacing[0], spacing[1]) if len(spacing) == 2 and min(spacing) > 0 else None,
                along_row=along_row,
                along_column=along_column,
                acquired_at=read_acquisition_time(dataset),
                duration_s=_seconds(read_number(dataset, "ActualFrameDuration")),
                scan_velocity_mm_s=read_number(dataset, "ScanVelocity"),
                field_length_mm=_field_length(dataset, item),
            )
        )
    return found, None


def _vector(dataset: Any, keyword: str, count: int) -> tuple[int, ...] | None:
    """Return the number that each frame has in a vector, 1 where a single frame needs none."""
    values = tuple(int(value) for value in read_numbers(dataset, keyword))
    if not values:
        return (1,) * count if count == 1 or keyword == "EnergyWindowVector" else None
    return values if len(values) == count else None


def _item(items: Sequence[Any], number: int) -> Any | None:
    """Return the item of a detector; a single one holds for all."""
    if 1 <= number <= len(items):
        return items[number - 1]
    return items[0] if len(items) == 1 else None


def _view(dataset: Any, item: Any | None, *, alone: bool) -> tuple[View | None, str, bool]:
    codes = () if item is None else read_items(item, "ViewCodeSequence")
    for code in codes:
        value, meaning = read_text(code, "CodeValue"), read_text(code, "CodeMeaning")
        view = _VIEW_CODES.get(value) or _view_named(meaning)
        if view is not None:
            return view, f"{label('ViewCodeSequence')} '{meaning or value}'", False
    if alone:
        for keyword in ("ImageID", "SeriesDescription"):
            view = _view_named(read_text(dataset, keyword))
            if view is not None:
                return view, f"{label(keyword)} '{read_text(dataset, keyword)}'", True
    angle = None if item is None else read_number(item, "StartAngle")
    if angle is not None:
        for view, at_deg in ((View.POSTERIOR, 0.0), (View.ANTERIOR, 180.0)):
            if abs((angle - at_deg + 180) % 360 - 180) <= _ANGLE_TOLERANCE_DEG:
                return view, f"{label('StartAngle')} {angle:g} degrees from the back", True
    return None, "", False


def _view_named(text: str) -> View | None:
    words = text.upper()
    front, back = _ANTERIOR_WORD.search(words), _POSTERIOR_WORD.search(words)
    if (front is None) == (back is None):
        return None
    return View.ANTERIOR if front is not None else View.POSTERIOR


def _directions(dataset: Any, item: Any | None) -> tuple[str, str]:
    """Return the directions of rows and columns in the patient, where the file states them."""
    cosines = () if item is None else read_numbers(item, "ImageOrientationPatient")
    if len(cosines) == 6:
        return _main_direction(cosines[:3]), _main_direction(cosines[3:])
    words = read_texts(dataset, "PatientOrientation")
    if len(words) == 2 and words[0] in ("L", "R") and words[1] in ("F", "H"):
        return words[0], words[1]
    return "", ""


def _main_direction(cosines: Sequence[float]) -> str:
    axis = int(np.argmax(np.abs(cosines)))
    return (("L", "R"), ("P", "A"), ("H", "F"))[axis][0 if cosines[axis] > 0 else 1]


def _window(dataset: Any, number: int) -> EnergyWindow | None:
    items = read_items(dataset, "EnergyWindowInformationSequence")
    item = items[number - 1] if 1 <= number <= len(items) else None
    ranges = read_items(item, "EnergyWindowRangeSequence") if item is not None else ()
    limits = [(read_number(part, "EnergyWindowLowerLimit"), read_number(part, "EnergyWindowUpperLimit"))
              for part in ranges]  # fmt: skip
    if len(limits) != 1:
        return None
    low, high = limits[0]
    return EnergyWindow(low, high) if low is not None and high is not None and low < high else None


def _field_length(dataset: Any, item: Any | None) -> float | None:
    """Return the length of the detector's field along the scan, the last of its stated dimensions."""
    for holder in (item, dataset):
        sizes = () if holder is None else read_numbers(holder, "FieldOfViewDimensions")
        if sizes:
            return sizes[-1]
    return None


def _seconds(milliseconds: float | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None
