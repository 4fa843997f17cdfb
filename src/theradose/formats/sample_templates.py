"""Empty tables of blood samples, probe readings and thyroid uptakes, to be filled in for a schedule.

The day of each reading is filled in and its time is not: ``??:??`` is refused by the readers, so that a planned time
is never taken for a measured one.

References
----------
The headers are described in ``docs/formats/blood.md``, ``docs/formats/probe.md`` and
``docs/formats/uptake.md``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from theradose.formats.tables_samples import BLOOD_COLUMNS, PROBE_COLUMNS
from theradose.formats.tables_uptake import UPTAKE_COLUMNS
from theradose.model.samples import Specimen

_OF_COHORTS = ("subject", "cycle", "dilution")
BLOOD_TEMPLATE = tuple(column for column in BLOOD_COLUMNS if column not in _OF_COHORTS)
"""Columns of the table of one treatment."""


@dataclass(frozen=True, slots=True)
class PlannedReading:
    """A reading that is still to be made.

    Attributes
    ----------
    planned : datetime
        Local time with offset.
    t_h : float
        The same in hours after the start of the administration.
    specimen : {"blood", "plasma", "serum"} or None
        Of a blood sample.
    """

    planned: datetime
    t_h: float
    specimen: Specimen | None = None


def write_blood_template(readings: Sequence[PlannedReading], path: Path) -> None:
    """Write an empty table of blood samples, one row for each planned sample."""
    rows = [{"drawn_at": _unfinished(reading.planned), "specimen": reading.specimen or ""} for reading in readings]
    _write(BLOOD_TEMPLATE, rows, readings, path)


def write_probe_template(readings: Sequence[PlannedReading], path: Path) -> None:
    """Write an empty table of whole-body probe readings; the first one is before the first void."""
    rows = [
        {"measured_at": _unfinished(reading.planned), "before_void": "no" if number else "yes"}
        for number, reading in enumerate(readings)
    ]
    _write(PROBE_COLUMNS, rows, readings, path)


def write_uptake_template(readings: Sequence[PlannedReading], path: Path) -> None:
    """Write an empty table of thyroid uptake measurements; the first row takes the standard."""
    rows = [{"measured_at": _unfinished(reading.planned)} for reading in readings]
    _write(UPTAKE_COLUMNS, rows, readings, path)


def _unfinished(planned: datetime) -> str:
    return f"{planned:%Y-%m-%d}T??:??{planned.isoformat()[-6:]}"


def _write(
    columns: Sequence[str], rows: Sequence[dict[str, str]], readings: Sequence[PlannedReading], path: Path
) -> None:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row, reading in zip(rows, readings, strict=True):
        stream.write(
            f"# planned {reading.planned:%Y-%m-%d %H:%M}, {reading.t_h:.4g} h: replace ??:?? by the actual time\n"
        )
        writer.writerow(row)
    path.write_text(stream.getvalue(), encoding="utf-8", newline="\n")
