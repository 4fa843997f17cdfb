"""When samples were drawn and probe readings taken, in hours after the start of the administration.

References
----------
[IANATZ]_ Local times are converted with the rules of the study's time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from theradose.data import load_yaml
from theradose.formats.tables_samples import refuse_cell
from theradose.model.finding import Finding
from theradose.model.samples import CellOrigin
from theradose.quantify.times import hours_since

_MINUTE_H = 1 / 60


@dataclass(frozen=True, slots=True)
class StatedTime:
    """A row's time as the table states it; `column` is the header of its clock time."""

    origin: CellOrigin
    t_h: float | None
    moment: datetime | None
    column: str


def elapsed_times(
    rows: Sequence[StatedTime], *, start: datetime | None, timezone: str | None
) -> tuple[tuple[float, ...], tuple[Finding, ...]]:
    """Return the hours from the start of the administration to each row, increasing.

    Parameters
    ----------
    rows : sequence of StatedTime
        In the order of the file.
    start : datetime or None
        Start of the administration; needed for rows that only have a clock time.
    timezone : str or None
        IANA zone of times without offset.

    Raises
    ------
    StudyError
        With line and column: a time that is missing, before the administration, not after the one above it, stated
        twice, or so long after the one above it that it belongs to another cycle; a clock time and hours that
        contradict those of the other rows.

    References
    ----------
    [IANATZ]_
    """
    findings: list[Finding] = []
    times: list[float] = []
    for row in rows:
        hours, found = _elapsed(row, start=start, timezone=timezone)
        findings.extend(found)
        times.append(hours)
    _check_clock(rows, timezone)
    _check_order(rows, times)
    return tuple(times), tuple(dict.fromkeys(findings))


def _elapsed(row: StatedTime, *, start: datetime | None, timezone: str | None) -> tuple[float, tuple[Finding, ...]]:
    if row.moment is None or start is None:
        if row.t_h is None:
            raise refuse_cell(
                row.origin,
                row.column,
                "a clock time needs the start of the administration: state it, or fill 't_h'.",
                "administration-start-missing",
            )
        return row.t_h, ()
    hours, findings = hours_since(start, row.moment, timezone=timezone)
    if row.t_h is not None and abs(hours - row.t_h) > _MINUTE_H:
        raise refuse_cell(
            row.origin,
            "t_h",
            f"{row.t_h:g} h contradicts '{row.column}', which is {hours:.4g} h after the start of the administration: "
            "correct one of them, and keep cycles apart by the column 'cycle' or one file each.",
            "sample-time-contradiction",
        )
    if hours < 0:
        raise refuse_cell(
            row.origin,
            row.column,
            f"{row.moment.isoformat()} is {-hours:.4g} h before the administration at {start.isoformat()}: correct "
            "one of them.",
            "sample-time-negative",
        )
    return hours, findings


def _check_clock(rows: Sequence[StatedTime], timezone: str | None) -> None:
    """Refuse rows whose clock time and hours imply another start of administration than the first such row."""
    both = [(row, row.moment, row.t_h) for row in rows if row.moment is not None and row.t_h is not None]
    for row, moment, t_h in both[1:]:
        first, first_moment, first_t_h = both[0]
        between, _ = hours_since(first_moment, moment, timezone=timezone)
        if abs(between - (t_h - first_t_h)) > 2 * _MINUTE_H:
            raise refuse_cell(
                row.origin,
                row.column,
                f"together with 't_h' it implies another start of administration than line {first.origin.line}: "
                "correct the time, or keep the cycles apart by the column 'cycle' or one file each.",
                "sample-time-contradiction",
            )


def _check_order(rows: Sequence[StatedTime], times: Sequence[float]) -> None:
    largest_gap = load_yaml("samples.yaml")["largest_gap"]["value"]
    for above, row, before, t_h in zip(rows, rows[1:], times, times[1:], strict=False):
        column = row.column if row.t_h is None else "t_h"
        if t_h == before:
            raise refuse_cell(
                row.origin,
                column,
                f"{t_h:g} h is also the time of line {above.origin.line}: give one row per time, the mean of "
                "repeated measurements.",
                "sample-duplicate",
            )
        if t_h < before:
            raise refuse_cell(
                row.origin,
                column,
                f"{t_h:.4g} h stands below {before:.4g} h: sort the rows by time, and keep another cycle or patient "
                "apart by the columns 'subject' and 'cycle' or in a file of its own.",
                "sample-order",
            )
        if t_h - before > largest_gap:
            raise refuse_cell(
                row.origin,
                column,
                f"{t_h - before:.4g} h after the row above it belongs to another cycle: keep cycles apart by the "
                "column 'cycle' or in a file of their own.",
                "sample-two-cycles",
            )
