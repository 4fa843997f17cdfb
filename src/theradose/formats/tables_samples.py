"""Tables of blood samples and of probe readings: from cells to typed rows.

References
----------
The headers are described in ``docs/formats/blood.md`` and ``docs/formats/probe.md``.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.tables import TableRow, read_table
from theradose.model.samples import (
    BloodSample,
    CellOrigin,
    ProbeReading,
    Specimen,
    StatedConcentration,
    TubeCount,
)

BLOOD_COLUMNS = (
    "subject", "cycle", "drawn_at", "t_h", "counted_at", "counts", "counting_s", "background_cps", "sample_ml",
    "sample_g", "dilution", "concentration_mbq_l", "u_concentration_mbq_l", "specimen", "haematocrit",
)  # fmt: skip
PROBE_COLUMNS = (
    "measured_at", "t_h", "anterior_cps", "posterior_cps", "background_cps", "counting_s", "distance_cm",
    "before_void",
)  # fmt: skip
SPECIMENS: dict[str, Specimen] = {"blood": "blood", "plasma": "plasma", "serum": "serum"}
_YES_AND_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def read_blood_rows(path: Path) -> tuple[tuple[str | None, str | None, BloodSample], ...]:
    """Read a table of blood samples and return subject, cycle and sample of each row.

    Raises
    ------
    StudyError
        With line and column: a cell that is not what its column holds, or a number that it cannot have.
    """
    rows = read_table(path, columns=BLOOD_COLUMNS, needed=())
    return tuple((row.text("subject"), row.text("cycle"), _blood_sample(row)) for row in rows)


def read_probe_rows(path: Path) -> tuple[ProbeReading, ...]:
    """Read a table of probe readings.

    Raises
    ------
    StudyError
        With line and column, as :func:`read_blood_rows`.
    """
    rows = read_table(path, columns=PROBE_COLUMNS, needed=("anterior_cps",))
    return tuple(_probe_reading(row) for row in rows)


def refuse_cell(origin: CellOrigin, column: str, problem: str, code: str) -> StudyError:
    """Return the refusal of a cell: file, line and column, then what is wrong and what to do."""
    return StudyError(f"{origin.file}, line {origin.line}, column '{column}': {problem}", code=code)


def _blood_sample(row: TableRow) -> BloodSample:
    origin, t_h, drawn_at = row_origin(row), stated_t_h(row), optional_moment(row, "drawn_at")
    if t_h is None and drawn_at is None:
        raise refuse_cell(origin, "t_h", "there is no sampling time: fill 't_h' or 'drawn_at'.", "sample-time-missing")
    counts, concentration = optional_positive(row, "counts"), optional_positive(row, "concentration_mbq_l")
    if counts is not None and concentration is not None:
        raise refuse_cell(
            origin, "counts", "the row has 'concentration_mbq_l' too: keep one of the two values.", "sample-value"
        )
    measurement: TubeCount | StatedConcentration
    if counts is not None:
        measurement = _tube_count(row, counts)
    elif concentration is not None:
        measurement = StatedConcentration(
            concentration,
            optional_positive(row, "u_concentration_mbq_l"),
            optional_positive(row, "sample_ml"),
            optional_moment(row, "counted_at"),
        )
    else:
        raise refuse_cell(
            origin, "counts", "there is no value: fill 'counts' or 'concentration_mbq_l'.", "sample-value"
        )
    return BloodSample(origin, drawn_at, t_h, measurement, _specimen(row), optional_haematocrit(row))


def _tube_count(row: TableRow, counts: float) -> TubeCount:
    origin, counted_at = row_origin(row), optional_moment(row, "counted_at")
    counting_s = optional_positive(row, "counting_s")
    if counting_s is None:
        raise refuse_cell(origin, "counting_s", "counts need their counting time in seconds.", "sample-counting-time")
    if counted_at is None:
        raise refuse_cell(
            origin,
            "counted_at",
            "counts need the date and time of counting, to correct decay since the sample was drawn.",
            "sample-counted-at",
        )
    volume, mass = optional_positive(row, "sample_ml"), optional_positive(row, "sample_g")
    if volume is not None and mass is not None:
        raise refuse_cell(
            origin, "sample_ml", "the row has 'sample_g' too: keep the volume or the mass.", "sample-amount"
        )
    background = not_negative(row, "background_cps") or 0.0
    dilution = _dilution(row)
    if volume is not None:
        return TubeCount(counted_at, counts, counting_s, background, volume, "mL", dilution)
    if mass is not None:
        return TubeCount(counted_at, counts, counting_s, background, mass, "g", dilution)
    raise refuse_cell(
        origin,
        "sample_ml",
        "counts need the volume or the mass of the sample: fill 'sample_ml' or 'sample_g'.",
        "sample-amount",
    )


def _probe_reading(row: TableRow) -> ProbeReading:
    return ProbeReading(
        origin=row_origin(row),
        measured_at=optional_moment(row, "measured_at"),
        t_h=stated_t_h(row),
        anterior_cps=optional_positive(row, "anterior_cps") or row.number("anterior_cps"),
        posterior_cps=optional_positive(row, "posterior_cps"),
        background_cps=not_negative(row, "background_cps") or 0.0,
        counting_s=optional_positive(row, "counting_s"),
        distance_cm=optional_positive(row, "distance_cm"),
        before_void=optional_truth(row, "before_void") or False,
    )


def row_origin(row: TableRow) -> CellOrigin:
    """Return where a row stands."""
    return CellOrigin(row.file, row.line)


def stated_t_h(row: TableRow) -> float | None:
    """Return the hours after the start of the administration if they are there."""
    value = row.optional_number("t_h")
    if value is not None and value < 0:
        raise refuse_cell(
            row_origin(row),
            "t_h",
            f"{value:g} h is before the administration: give hours after its start, or correct the clock times.",
            "sample-time-negative",
        )
    return value


def optional_positive(row: TableRow, column: str) -> float | None:
    """Return a number that must be positive if it is there."""
    value = row.optional_number(column)
    if value is not None and value <= 0:
        raise refuse_cell(
            row_origin(row),
            column,
            f"{value:g} is not positive: correct the number, or remove the row if nothing was measured.",
            "sample-not-positive",
        )
    return value


def not_negative(row: TableRow, column: str) -> float | None:
    """Return a number that must not be negative if it is there."""
    value = row.optional_number(column)
    if value is not None and value < 0:
        raise refuse_cell(row_origin(row), column, f"{value:g} is negative: correct the number.", "sample-not-positive")
    return value


def _dilution(row: TableRow) -> float:
    value = row.optional_number("dilution")
    if value is not None and value < 1:
        raise refuse_cell(
            row_origin(row),
            "dilution",
            f"{value:g} is less than 1: give the volume after dilution over that before it, for example 10.",
            "sample-dilution",
        )
    return 1.0 if value is None else value


def _specimen(row: TableRow) -> Specimen | None:
    text = row.text("specimen")
    if text is None:
        return None
    if text.lower() not in SPECIMENS:
        problem = f"'{text}' is not one of {', '.join(SPECIMENS)}: write one of them."
        raise refuse_cell(row_origin(row), "specimen", problem, "specimen")
    return SPECIMENS[text.lower()]


def optional_haematocrit(row: TableRow) -> float | None:
    """Return the haematocrit, a fraction, if it is there."""
    value = row.optional_number("haematocrit")
    if value is not None and not 0 < value < 1:
        raise refuse_cell(
            row_origin(row),
            "haematocrit",
            f"{value:g} is not a fraction between 0 and 1: write 0.42 for 42 %.",
            "haematocrit-range",
        )
    return value


def optional_truth(row: TableRow, column: str) -> bool | None:
    """Return whether a cell says yes or no if it is there."""
    text = row.text(column)
    if text is None:
        return None
    if text.lower() not in _YES_AND_NO:
        raise refuse_cell(row_origin(row), column, f"'{text}' is neither 'yes' nor 'no'.", "table-truth")
    return _YES_AND_NO[text.lower()]


def optional_moment(row: TableRow, column: str) -> datetime | None:
    """Return a date and time if it is there."""
    text = row.text(column)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise refuse_cell(
            row_origin(row),
            column,
            f"'{text}' is not a date and time: write it as 2026-03-02T10:30, with an offset such as +01:00 if known.",
            "table-moment",
        ) from None
