"""Thyroid uptake measurements of one treatment: whether they belong together and can be used.

References
----------
[Haenscheid2013]_ Every measurement is compared with a standard in a neck phantom.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.tables_samples import refuse_cell
from theradose.formats.tables_uptake import read_uptake_rows
from theradose.model.uptake import UptakeReading

_STANDARD = ("standard_counts", "standard_counting_s", "standard_mbq")


def read_uptake(path: Path) -> tuple[UptakeReading, ...]:
    """Read a table of thyroid uptake measurements.

    Parameters
    ----------
    path : Path
        CSV with the headers of ``docs/formats/uptake.md``.

    Raises
    ------
    StudyError
        One sentence with line and column for the first row that cannot be used: a standard that is stated in part, or
        in some of the rows below the first.

    References
    ----------
    [Haenscheid2013]_
    """
    readings = read_uptake_rows(path)
    for reading in readings:
        _check_reading(reading)
    _check_standards(readings)
    return readings


def _check_reading(reading: UptakeReading) -> None:
    if reading.t_h is None and reading.measured_at is None:
        raise refuse_cell(
            reading.origin, "t_h", "there is no time: fill 't_h' or 'measured_at'.", "sample-time-missing"
        )
    stated = [column for column in _STANDARD if getattr(reading, column) is not None]
    if stated and len(stated) < len(_STANDARD):
        absent = next(column for column in _STANDARD if column not in stated)
        raise refuse_cell(
            reading.origin,
            absent,
            f"it is empty, but '{stated[0]}' is filled: a measurement of the standard needs {', '.join(_STANDARD)}.",
            "uptake-standard",
        )
    if reading.standard_at is not None and (reading.standard_counted_at or reading.measured_at) is None:
        raise refuse_cell(
            reading.origin,
            "standard_counted_at",
            "the standard's activity belongs to 'standard_at', so its decay needs the moment of counting: fill it.",
            "uptake-standard",
        )


def _check_standards(readings: Sequence[UptakeReading]) -> None:
    """Refuse a table whose standard is neither measured once, in the first row, nor in every row."""
    with_standard = [reading.has_standard for reading in readings]
    if not with_standard[0]:
        raise StudyError(
            f"The table {readings[0].origin.file} has no standard in its first row: the counts over the neck phantom "
            f"turn counts into activity, so fill {', '.join(_STANDARD)}.",
            code="uptake-standard",
        )
    if any(with_standard[1:]) and not all(with_standard):
        odd = readings[with_standard.index(False)]
        raise refuse_cell(
            odd.origin,
            "standard_counts",
            "the standard is measured in other rows but not in this one: give it in the first row only, or in every "
            "row.",
            "uptake-standard",
        )
