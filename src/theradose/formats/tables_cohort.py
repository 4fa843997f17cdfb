"""The database as one CSV table: one row per patient, cycle and region, nothing lost either way.

Numbers have all their digits and unknown values are empty. Text that a spreadsheet would take for a formula, or a
reader for a comment, has an apostrophe before it, which reading takes away again.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from theradose.errors import DatabaseError
from theradose.formats.tables import TableRow, read_table
from theradose.model.cohort import (
    IDENTIFIED,
    REGION_COLUMNS,
    TREATMENT_COLUMNS,
    RegionRecord,
    TreatmentRecord,
)
from theradose.model.region import RegionKind

COHORT_COLUMNS = (
    "patient",
    "cycle",
    *REGION_COLUMNS,
    *(name for name in TREATMENT_COLUMNS if name not in ("patient", "cycle")),
)
"""Header of the table."""

_TEXTS = ("identity", "therapy", "nuclide", "administered_at", "run", "input_hash", "result_sha256", "software",
          "source_sha256", "engine", "calibration", "replaces")  # fmt: skip
_NEEDED_TEXTS = frozenset({"patient", "identity", "nuclide", "run", "result_sha256", "software", "region", "kind"})
_IDENTITY = re.compile(rf"{IDENTIFIED}|pseudonyms-[0-9a-f]+")
_MARKED = re.compile(r"'*[=+\-@#\t]")
_NUMBERS = tuple(name for name in REGION_COLUMNS if name not in ("region", "kind", "model"))


def cohort_table_text(treatments: Iterable[TreatmentRecord]) -> str:
    """Return the text of the table."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COHORT_COLUMNS)
    for treatment in treatments:
        for region in treatment.regions:
            values = [getattr(region if name in REGION_COLUMNS else treatment, name) for name in COHORT_COLUMNS]
            writer.writerow([_cell(value) for value in values])
    return stream.getvalue()


def is_cohort_table(path: Path) -> bool:
    """Return whether a file has the header of the database's table."""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        header = next((line for line in stream if line.strip() and not line.startswith("#")), "")
    return header.strip() == ",".join(COHORT_COLUMNS)


def read_cohort_table(path: Path) -> tuple[TreatmentRecord, ...]:
    """Read a table that :func:`cohort_table_text` made.

    Raises
    ------
    StudyError
        As :func:`~theradose.formats.tables.read_table`.
    DatabaseError
        ``cohort-table`` with file and line: a cell that must be filled, a cycle that is no number, a kind, identity
        or date that is none, a number that cannot be, two rows of one region, or rows of one treatment that
        contradict each other.
    """
    treatments: dict[tuple[str, int], TreatmentRecord] = {}
    regions: dict[tuple[str, int], dict[str, RegionRecord]] = {}
    for row in read_table(path, columns=COHORT_COLUMNS, needed=COHORT_COLUMNS):
        treatment = _treatment(row)
        key = treatment.patient, treatment.cycle
        if treatments.setdefault(key, treatment) != treatment:
            raise _problem(row, f"{treatment.label} has other values in its earlier rows: give it one run only")
        region = _region(row)
        if region.region in regions.setdefault(key, {}):
            raise _problem(row, f"'{region.region}' of {treatment.label} has a row already: leave one of them out")
        regions[key][region.region] = region
    return tuple(replace(treatment, regions=tuple(regions[key].values())) for key, treatment in treatments.items())


def _treatment(row: TableRow) -> TreatmentRecord:
    cycle = row.number("cycle")
    if cycle != int(cycle) or cycle < 1:
        raise _problem(row, f"'{row.text('cycle')}' is no cycle: write 1, 2, 3 …")
    activity = row.number("activity_mbq")
    if activity <= 0:
        raise _problem(row, f"the activity of {activity:g} MBq is not positive")
    texts: dict[str, Any] = {name: _text(row, name) for name in _TEXTS}
    if not _IDENTITY.fullmatch(texts["identity"]):
        raise _problem(row, f"'{texts['identity']}' is no identity: it is '{IDENTIFIED}' or 'pseudonyms-…'")
    if texts["administered_at"] is not None:
        try:
            datetime.fromisoformat(texts["administered_at"])
        except ValueError:
            raise _problem(
                row, f"'{texts['administered_at']}' is no date and time: write it as 2026-03-02T10:30+01:00"
            ) from None
    return TreatmentRecord(
        patient=str(_text(row, "patient")), cycle=int(cycle), activity_mbq=activity, regions=(), **texts
    )


def _region(row: TableRow) -> RegionRecord:
    numbers = {name: row.optional_number(name) for name in _NUMBERS}
    negative = next((name for name, value in numbers.items() if (value or 0.0) < 0), None)
    if negative is not None:
        raise _problem(row, f"'{negative}' is negative, which it cannot be")
    kind = str(_text(row, "kind"))
    if kind not in tuple(RegionKind):
        raise _problem(row, f"'{kind}' is no kind of region: write {', '.join(RegionKind)}")
    return RegionRecord(region=str(_text(row, "region")), kind=kind, model=_text(row, "model"), **numbers)


def _cell(value: str | float | int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(float(value))
    return f"'{value}" if _MARKED.match(value) else value


def _text(row: TableRow, column: str) -> str | None:
    text = row.text(column)
    if text is None:
        if column in _NEEDED_TEXTS:
            raise _problem(row, f"'{column}' is empty, but it is needed")
        return None
    return text[1:] if text.startswith("'") and _MARKED.match(text) else text


def _problem(row: TableRow, what: str) -> DatabaseError:
    return DatabaseError(f"{row.file}, line {row.line}: {what}.", code="cohort-table")
