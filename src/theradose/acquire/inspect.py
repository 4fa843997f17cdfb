"""Saying what files are, what they contain, and what is missing for dosimetry."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from theradose.acquire.decide import Decision, decide, missing_geometry
from theradose.acquire.planar import plan_planar
from theradose.acquire.sources import (
    READABLE_FORMATS,
    Content,
    Source,
    describe_ct,
    describe_emission,
    find_sources,
)
from theradose.errors import StudyError, TheradoseError
from theradose.formats.decay import decay_factor, frame_start_factor
from theradose.formats.dicom.files import Quarantined
from theradose.formats.dicom.timing import first_acquisition
from theradose.formats.dicom.values import hours_between
from theradose.formats.facts import NOTHING_DECLARED, Effect, EmissionFacts, Problem, worst_effect
from theradose.model.activity import DecayKind, ImageUnit
from theradose.nuclides import load_nuclide

__all__ = ["READABLE_FORMATS", "Inspection", "SeriesRow", "inspect_path"]

_KINDS = {
    Content.PROJECTIONS: "projections",
    Content.PLANAR: "planar",
    Content.CT: "ct",
    Content.REGIONS: "regions",
    Content.DOSE: "dose",
    Content.VOLUME: "other",
    Content.OTHER: "other",
}
_COUNT_LIKE_UNITS = ("", "PROPCNTS", "PROPCPS")


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One row of ``theradose inspect``; ``None`` where the files say nothing.

    Attributes
    ----------
    id : str
        Series Instance UID or file name.
    modality, kind, status : str
        As the contract of the command lists them.
    n_files : int
        Number of files.
    shape, spacing_mm : tuple or None
        Along (z, y, x); of planar images (frame, row, column) and (row, column).
    unit, decay_reference, nuclide : str or None
        As stated by the files.
    half_life_h, injected_mbq : float or None
        As stated by the files.
    acquisition_time : datetime or None
        Start of the first frame.
    t_h : float or None
        Hours after the start of the administration that the header states.
    total_activity_mbq : float or None
        In the field of view, at the start of the first frame.
    problems : tuple of Problem
        What stands against the use, and what is worth knowing.
    path : str
        Its file, or the folder of its files, relative to what was inspected.
    patient_id : str or None
        As stated by the files.
    """

    id: str
    modality: str
    kind: str
    n_files: int
    shape: tuple[int, int, int] | None
    spacing_mm: tuple[float, ...] | None
    unit: str | None = None
    decay_reference: str | None = None
    nuclide: str | None = None
    half_life_h: float | None = None
    injected_mbq: float | None = None
    acquisition_time: datetime | None = None
    t_h: float | None = None
    total_activity_mbq: float | None = None
    problems: tuple[Problem, ...] = ()
    path: str = ""
    patient_id: str | None = None

    @property
    def status(self) -> str:
        """``ok``, ``needs-input`` or ``refused``."""
        return worst_effect(self.problems).value

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON-compatible values."""
        time = self.acquisition_time
        return {
            "id": self.id,
            "modality": self.modality or None,
            "kind": self.kind,
            "n_files": self.n_files,
            "shape": None if self.shape is None else list(self.shape),
            "spacing_mm": None if self.spacing_mm is None else list(self.spacing_mm),
            "unit": self.unit,
            "decay_reference": self.decay_reference,
            "nuclide": self.nuclide,
            "half_life_h": self.half_life_h,
            "injected_mbq": self.injected_mbq,
            "acquisition_time": None if time is None else time.isoformat(),
            "t_h": self.t_h,
            "total_activity_mbq": self.total_activity_mbq,
            "status": self.status,
            "problems": [{"code": problem.code, "message": problem.message} for problem in self.problems],
            "path": self.path,
            "patient_id": self.patient_id,
        }


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in a file or folder.

    Attributes
    ----------
    series : tuple of SeriesRow
        One row per series or file.
    quarantined : tuple of Quarantined
        Files that could not be read at all.
    warnings : tuple of Problem
        What concerns the whole, as images of several patients.
    """

    series: tuple[SeriesRow, ...]
    quarantined: tuple[Quarantined, ...]
    warnings: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``theradose inspect --json``."""
        return {
            "series": [row.to_json() for row in self.series],
            "quarantined": [
                {"file": entry.path.name, "code": entry.code, "message": entry.message} for entry in self.quarantined
            ],
            "warnings": [{"code": warning.code, "message": warning.message} for warning in self.warnings],
        }


def inspect_path(path: Path, *, progress: Callable[[int, int], None] | None = None) -> Inspection:
    """Read a file or folder and say what it holds.

    Headers are read first; the values of activity images are read one series at a time for their total. A
    damaged DICOM file gets a row with status ``refused``; a file that is no image at all is only listed.

    Parameters
    ----------
    path : Path
        File, or folder that is searched recursively.
    progress : callable, optional
        Called with the number of headers read and their total.

    Raises
    ------
    StudyError
        ``file-missing``, ``folder-empty``.
    """
    sources, quarantined = find_sources(path, progress=progress)
    if not sources and not quarantined:
        raise StudyError(
            f"There are no files in the folder '{path}': name a folder with DICOM, NIfTI or Interfile.",
            code="folder-empty",
        )
    root = path.parent if path.is_file() else path
    places = _places(sources, root)
    rows = [replace(inspect_source(source), path=place) for source, place in zip(sources, places, strict=True)]
    rows += [_quarantined_row(entry, root) for entry in quarantined if entry.code != "not-dicom" or path.is_file()]
    return Inspection(tuple(rows), quarantined, _patient_warnings(rows))


def inspect_source(source: Source) -> SeriesRow:
    """Return the row of one source."""
    try:
        if source.content is Content.EMISSION:
            return _emission_row(source)
        if source.content is Content.CT:
            return _ct_row(source)
        if source.content is Content.VOLUME:
            return _volume_row(source)
        if source.content is Content.PLANAR:
            return _planar_row(source)
    except TheradoseError as error:
        return _row(source, _KINDS.get(source.content, "other"), (Problem(error.code, str(error)),))
    return _row(source, _KINDS[source.content], ())


def _emission_row(source: Source) -> SeriesRow:
    facts = describe_emission(source)
    decision = decide(facts, declaration=NOTHING_DECLARED)
    notes = [finding for finding in decision.findings if finding.code == "spect-in-pet-object"]
    problems = [*source.problems, *decision.problems]
    problems += [Problem(note.code, note.message, Effect.NOTE) for note in notes]
    if facts.unit in (ImageUnit.COUNTS, ImageUnit.COUNTS_PER_SECOND):
        problems.append(
            Problem(
                "missing-calibration",
                f"The values are in {facts.unit.value}: add the camera's 'calibration' to the study.",
                Effect.NEEDS_INPUT,
            )
        )
    total = None
    if worst_effect(tuple(problems)) is not Effect.REFUSED:
        try:
            total = total_activity_mbq(decision)
        except TheradoseError as error:
            problems.append(Problem(error.code, str(error)))
    administration = facts.administration
    row = _row(source, emission_kind(facts), ())
    return replace(
        row,
        problems=tuple(problems),
        shape=facts.geometry.shape,
        spacing_mm=facts.geometry.grid.spacing_mm if facts.geometry.grid else None,
        unit=facts.unit.value if facts.unit else facts.unit_stated or None,
        decay_reference=facts.decay_kind.value if facts.decay_kind else None,
        nuclide=administration.nuclide,
        half_life_h=administration.half_life_h,
        injected_mbq=administration.activity_mbq,
        acquisition_time=facts.acquired_at,
        t_h=_hours(administration.start, facts.acquired_at),
        total_activity_mbq=total,
    )


def emission_kind(facts: EmissionFacts) -> str:
    """Return the kind of an emission image: activity, counts, or other for units that are neither.

    Nuclear medicine values without a unit and units proportional to counts are counts.
    """
    if facts.unit is ImageUnit.BQ_PER_ML:
        return "activity"
    return "counts" if facts.unit is not None or facts.unit_stated in _COUNT_LIKE_UNITS else "other"


def total_activity_mbq(decision: Decision) -> float | None:
    """Return the activity in the field of view at the start of the first frame, or ``None`` if not known.

    Parameters
    ----------
    decision : Decision
        Of an image in Bq/mL; other units give ``None``.

    Raises
    ------
    DicomError
        If the pixels cannot be read.
    """
    facts = decision.facts
    factor = _first_frame_factor(facts, decision.nuclide)
    if facts.unit is not ImageUnit.BQ_PER_ML or facts.geometry.grid is None or factor is None:
        return None
    per_slice = facts.values().sum(axis=(1, 2), dtype=np.float64)
    return float((per_slice * factor).sum()) * facts.geometry.grid.voxel_volume_ml / 1e6


def _first_frame_factor(facts: EmissionFacts, nuclide: str | None) -> np.ndarray[Any, Any] | float | None:
    """Return what turns stored values into values at the start of the first frame, per slice."""
    if nuclide is None:
        return None
    rate = load_nuclide(nuclide).decay_constant_per_h
    if facts.decay_kind is DecayKind.ACQUISITION:
        delay_h = 0.0 if facts.slice_delay_s is None else facts.slice_delay_s / 3600
        duration_h = (facts.frame_duration_s or 0.0) / 3600
        return frame_start_factor(decay_constant_per_h=rate, duration_h=duration_h, delay_h=delay_h)
    if facts.decay_moment is None or facts.acquired_at is None:
        return None
    return decay_factor(decay_constant_per_h=rate, elapsed_h=hours_between(facts.decay_moment, facts.acquired_at))


def _ct_row(source: Source) -> SeriesRow:
    facts = describe_ct(source)
    problems = (*source.problems, *facts.problems, *missing_geometry(facts.geometry.missing))
    spacing = facts.geometry.grid.spacing_mm if facts.geometry.grid else None
    return replace(_row(source, "ct", ()), problems=problems, spacing_mm=spacing, unit="HU")


def _volume_row(source: Source) -> SeriesRow:
    geometry = describe_ct(source).geometry
    asked = Problem(
        "missing-meaning",
        f"{source.modality} does not say what the values are: name the file in the study as 'activity' with 'declare: "
        "{unit: …, decay_reference: …, acquired_at: …}', as 'ct' or as 'regions'.",
        Effect.NEEDS_INPUT,
    )
    assumed = tuple(
        Problem("assumption", f"The {item.quantity} is assumed: {item.value} ({item.source}).", Effect.NOTE)
        for item in geometry.evidence
        if item.assumed
    )
    problems = (*source.problems, *geometry.problems, *missing_geometry(geometry.missing), asked, *assumed)
    spacing = geometry.grid.spacing_mm if geometry.grid else None
    return replace(_row(source, "other", ()), problems=problems, shape=geometry.shape, spacing_mm=spacing)


def _planar_row(source: Source) -> SeriesRow:
    if worst_effect(source.problems) is Effect.REFUSED:
        return _row(source, "planar", ())
    plan = plan_planar((source,))
    facts = plan.facts
    administration = facts.administration
    # The file itself is good; what a pair of views lacks may be in another file, or be stated in the study.
    problems = tuple(replace(problem, effect=Effect.NOTE) for problem in plan.problems)
    spacing = facts.frames[0].spacing_mm if facts.frames else None
    return replace(
        _row(source, "planar", ()),
        problems=problems,
        spacing_mm=spacing,
        unit=ImageUnit.COUNTS.value,
        decay_reference=DecayKind.ACQUISITION.value,
        nuclide=administration.nuclide,
        half_life_h=administration.half_life_h,
        injected_mbq=administration.activity_mbq,
        acquisition_time=plan.acquired_at,
        t_h=_hours(administration.start, plan.acquired_at),
    )


def _row(source: Source, kind: str, problems: tuple[Problem, ...]) -> SeriesRow:
    series = source.series
    shape = None if series is None or 0 in series.shape else series.shape
    return SeriesRow(
        id=source.id,
        modality=source.modality,
        kind=kind,
        n_files=len(source.files),
        shape=shape,
        spacing_mm=None,
        acquisition_time=None if series is None else first_acquisition(series),
        problems=(*source.problems, *problems),
        patient_id=source.patient_id or None,
    )


def _places(sources: Sequence[Source], root: Path) -> list[str]:
    """Return for each source its folder if it is alone there, else its first file, relative to `root`."""
    folders = [{file.parent for file in source.files} for source in sources]
    places = []
    for number, source in enumerate(sources):
        common = Path(os.path.commonpath(folders[number]))
        others = (folder for index, found in enumerate(folders) if index != number for folder in found)
        named = source.series is not None and len(source.files) > 1
        alone = named and not any(folder.is_relative_to(common) for folder in others)
        places.append((common if alone else source.files[0]).relative_to(root).as_posix())
    return places


def _patient_warnings(rows: Sequence[SeriesRow]) -> tuple[Problem, ...]:
    first: dict[str, str] = {}
    for row in rows:
        if row.patient_id is not None:
            first.setdefault(row.patient_id, row.path)
    if len(first) < 2:
        return ()
    named = ", ".join(f"'{patient}' in {path}" for patient, path in first.items())
    return (Problem("several-patients", f"There are series of {len(first)} patients: {named}."),)


def _hours(start: datetime | None, moment: datetime | None) -> float | None:
    return None if start is None or moment is None else hours_between(start, moment)


def _quarantined_row(entry: Quarantined, root: Path) -> SeriesRow:
    problem = Problem(entry.code, entry.message)
    path = entry.path.relative_to(root).as_posix()
    return SeriesRow(entry.path.name, "", "other", 1, None, None, problems=(problem,), path=path)
