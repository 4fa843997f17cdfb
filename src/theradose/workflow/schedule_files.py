"""What a schedule leaves in a folder: sheets to print, tables to fill in, and a study file to begin with."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.sample_templates import (
    PlannedReading,
    write_blood_template,
    write_probe_template,
    write_uptake_template,
)
from theradose.model.protocol import Measurement, MeasurementKind
from theradose.plan.therapies import load_therapies
from theradose.report.sheets import Sheet, SheetColumn, SheetField, write_sheet
from theradose.workflow.schedule import Schedule, ScheduledVisit
from theradose.workflow.starter_study import starter_study

_CLOCK = "%a %d %b %Y %H:%M"
_WORDS = {
    MeasurementKind.SPECT_CT: "SPECT/CT",
    MeasurementKind.SPECT: "SPECT",
    MeasurementKind.PET_CT: "PET/CT",
    MeasurementKind.PLANAR: "planar views",
    MeasurementKind.BLOOD: "blood sample",
    MeasurementKind.PROBE: "probe reading",
    MeasurementKind.THYROID_UPTAKE: "thyroid uptake",
}


def write_schedule(schedule: Schedule, folder: Path) -> tuple[Path, ...]:
    """Write the files of a schedule and return their paths.

    ``schedule.json``; ``acquisition-sheet.pdf``; with blood samples ``tube-sheet.pdf`` and ``blood.csv``; with probe
    readings ``probe.csv``; with thyroid uptakes ``uptake.csv``; ``study.yaml``.

    Raises
    ------
    StudyError
        ``schedule-exists`` if one of the files is there already: it may have been filled in.
    """
    writers = _writers(schedule)
    existing = [name for name in writers if (folder / name).exists()]
    if existing:
        raise StudyError(
            f"'{folder / existing[0]}' exists and may have been filled in: choose another --out.",
            code="schedule-exists",
        )
    folder.mkdir(parents=True, exist_ok=True)
    # All or nothing: a part of the files would be refused as existing the next time.
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        for name, write in writers.items():
            write(Path(partial) / name)
        for name in writers:
            (Path(partial) / name).replace(folder / name)
    return tuple(folder / name for name in writers)


def _writers(schedule: Schedule) -> dict[str, Callable[[Path], None]]:
    def write_json(path: Path) -> None:
        path.write_text(json.dumps(schedule.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def write_study(path: Path) -> None:
        path.write_text(starter_study(schedule), encoding="utf-8")

    created = schedule.start
    writers: dict[str, Callable[[Path], None]] = {"schedule.json": write_json}
    acquisitions, tubes = acquisition_sheet(schedule), tube_sheet(schedule)
    if acquisitions.rows:
        writers["acquisition-sheet.pdf"] = lambda path: write_sheet(acquisitions, path, created=created)
    if tubes.rows:
        writers["tube-sheet.pdf"] = lambda path: write_sheet(tubes, path, created=created)
        samples = _planned(schedule, MeasurementKind.BLOOD)
        writers["blood.csv"] = lambda path: write_blood_template(samples, path)
    if readings := _planned(schedule, MeasurementKind.PROBE):
        writers["probe.csv"] = lambda path: write_probe_template(readings, path)
    if uptakes := _planned(schedule, MeasurementKind.THYROID_UPTAKE):
        writers["uptake.csv"] = lambda path: write_uptake_template(uptakes, path)
    writers["study.yaml"] = write_study
    return writers


def acquisition_sheet(schedule: Schedule) -> Sheet:
    """Return the sheet of everything but blood samples, visits before the treatment first."""
    columns = (
        SheetColumn("visit", 0, printed=True),
        SheetColumn("scheduled", 0, printed=True),
        SheetColumn("window of the protocol", 0, printed=True),
        SheetColumn("what", 2.0, printed=True),
        SheetColumn("started (date, time)", 1.3),
        SheetColumn("duration, counts or reading", 1.3),
        SheetColumn("instrument, file", 1.2),
        SheetColumn("remarks, initials", 1.3),
    )
    before = [
        (item.id, item.when, "", _what(measurement), "", "", "", "")
        for item in schedule.protocol.planning
        for measurement in item.measure
    ]
    after = [
        (visit.visit.id, _scheduled(visit), _window(visit), _what(measurement), "", "", "", "")
        for visit in schedule.visits
        for measurement in visit.visit.measure
        if measurement.kind is not MeasurementKind.BLOOD
    ]
    rows = tuple(before + after) if after else ()
    return Sheet("Acquisition sheet", _subtitle(schedule), _head(schedule), columns, rows, _notes(schedule))


def tube_sheet(schedule: Schedule) -> Sheet:
    """Return the sheet of the blood samples."""
    columns = (
        SheetColumn("tube", 0, printed=True),
        SheetColumn("scheduled", 0, printed=True),
        SheetColumn("window of the protocol", 0, printed=True),
        SheetColumn("specimen", 0, printed=True),
        SheetColumn("drawn (date, time)", 1.3),
        SheetColumn("mL or g", 0.7),
        SheetColumn("counted (date, time)", 1.3),
        SheetColumn("counts", 0.9),
        SheetColumn("counting s", 0.7),
        SheetColumn("background cps", 0.8),
        SheetColumn("remarks, initials", 1.0),
    )
    samples = [
        (visit, measurement)
        for visit in schedule.visits
        for measurement in visit.visit.measure
        if measurement.kind is MeasurementKind.BLOOD
    ]
    rows = tuple(
        (
            str(number),
            _scheduled(visit),
            _window(visit),
            f"{measurement.specimen}, {measurement.covers}",
            *[""] * 7,
        )
        for number, (visit, measurement) in enumerate(samples, start=1)
    )
    head = (
        *_head(schedule)[:-1],
        SheetField("haematocrit (as 0.42)"),
        SheetField("counter, window"),
        SheetField("efficiency, cps/kBq, and its uncertainty"),
    )
    notes = (
        "Copy the times at which the tubes were drawn and counted into blood.csv, in the place of ??:??. Plasma and "
        "serum need the haematocrit.",
        *_notes(schedule),
    )
    return Sheet("Blood tube sheet", _subtitle(schedule), head, columns, rows, notes)


def _subtitle(schedule: Schedule) -> str:
    return f"{schedule.protocol.title} · {schedule.protocol.name}"


def _head(schedule: Schedule) -> tuple[SheetField, ...]:
    protocol = schedule.protocol
    given = "test activity" if protocol.time_zero == "tracer" else "treatment"
    therapy = load_therapies()[protocol.therapy].title if protocol.therapy is not None else "any therapy"
    return (
        SheetField("patient (id)"),
        SheetField("therapy", therapy),
        SheetField(f"start of the {given}, planned", f"{schedule.start:{_CLOCK} (%z)}"),
        SheetField("start, actual (date, time)"),
        SheetField("end, actual (time)"),
        SheetField("activity measured, MBq, at (date, time)"),
        SheetField("residual, MBq, at (date, time)"),
        SheetField("cycle, responsible person"),
    )


def _notes(schedule: Schedule) -> tuple[str, ...]:
    zone = schedule.timezone or f"offset {schedule.start:%z}"
    notes = [f"Times are local ({zone}); hours count from the start of the administration."]
    notes += [
        f"{visit.visit.id}: moved by {visit.moved_h:+.1f} h ({visit.reason})"
        + ("." if visit.within_tolerance else ", outside the tolerance of the protocol.")
        for visit in schedule.visits
        if visit.reason
    ]
    notes += [
        f"{visit.visit.id}: {visit.visit.minutes.text} ({visit.visit.minutes.source})."
        for visit in schedule.visits
        if visit.visit.minutes is not None
    ]
    return tuple(notes)


def _scheduled(visit: ScheduledVisit) -> str:
    return f"{visit.scheduled:{_CLOCK}}\n{visit.t_h:.4g} h after the start"


def _window(visit: ScheduledVisit) -> str:
    return f"from {visit.earliest:%a %d %b %H:%M}\nto {visit.latest:%a %d %b %H:%M}"


def _what(measurement: Measurement) -> str:
    return f"{_WORDS[measurement.kind]}: {measurement.covers}"


def _planned(schedule: Schedule, kind: MeasurementKind) -> tuple[PlannedReading, ...]:
    return tuple(
        PlannedReading(_clock(visit.scheduled), visit.t_h, item.specimen)
        for visit in schedule.visits
        for item in visit.visit.measure
        if item.kind is kind
    )


def _clock(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
