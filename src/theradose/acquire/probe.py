"""Whole-body probe readings of one treatment: whether they belong together and can be used.

References
----------
[Gear2023]_ Self-calibration by a reading after the administration and before the first void.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.tables_samples import read_probe_rows, refuse_cell
from theradose.model.samples import ProbeReading


def read_probe(path: Path) -> tuple[ProbeReading, ...]:
    """Read a table of whole-body probe readings.

    Parameters
    ----------
    path : Path
        CSV with the headers of ``docs/formats/probe.md``.

    Raises
    ------
    StudyError
        One sentence with line and column for the first row that cannot be used; or if no reading was taken before
        the first void.

    References
    ----------
    [Gear2023]_
    """
    readings = read_probe_rows(path)
    for reading in readings:
        _check_reading(reading, readings[0])
    _check_calibration(readings, path.name)
    return readings


def _check_reading(reading: ProbeReading, first: ProbeReading) -> None:
    if reading.t_h is None and reading.measured_at is None:
        raise refuse_cell(
            reading.origin, "t_h", "there is no time: fill 't_h' or 'measured_at'.", "sample-time-missing"
        )
    if (reading.posterior_cps is None) != (first.posterior_cps is None):
        raise refuse_cell(
            reading.origin,
            "posterior_cps",
            f"the view is {'missing' if reading.posterior_cps is None else 'given'} here, unlike in line "
            f"{first.origin.line}: give both views in all rows, or the anterior one alone.",
            "probe-views",
        )
    if (reading.distance_cm is None) != (first.distance_cm is None):
        raise refuse_cell(
            reading.origin,
            "distance_cm",
            f"the distance is {'missing' if reading.distance_cm is None else 'given'} here, unlike in line "
            f"{first.origin.line}: give it in all rows or in none.",
            "probe-distance",
        )


def _check_calibration(readings: Sequence[ProbeReading], file: str) -> None:
    """Refuse readings without one before the first void, or with one after readings that are not."""
    before = [reading.before_void for reading in readings]
    if not any(before):
        raise StudyError(
            f"The table {file} has no reading before the first void: mark it 'yes' in the column 'before_void', "
            "because the whole activity in the body calibrates the probe.",
            code="probe-calibration-missing",
        )
    late = next((i for i in range(1, len(before)) if before[i] and not before[i - 1]), None)
    if late is not None:
        raise refuse_cell(
            readings[late].origin,
            "before_void",
            "it is 'yes' below a reading that is 'no': readings before the first void come first.",
            "probe-before-void",
        )
