"""Table of treatments: what belongs to each treatment of a cohort besides its samples."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from theradose.errors import StudyError
from theradose.formats.tables import TableRow, read_table
from theradose.formats.tables_samples import (
    optional_haematocrit,
    optional_moment,
    optional_positive,
    refuse_cell,
    row_origin,
)
from theradose.model.samples import Treatment
from theradose.uncertainty import Uncertain

TIA_ORGANS = {
    "whole_body": "total-body",
    "kidneys": "kidneys",
    "liver": "liver",
    "spleen": "spleen",
}
"""Start of the column names of time-integrated activities, with the organ of the dose factors."""
TREATMENT_COLUMNS = (
    "subject", "cycle", "activity_mbq", "start", "infusion_h", "sex", "haematocrit", "marrow_mass_g",
    *(f"{prefix}{name}_tia_mbq_h" for name in TIA_ORGANS for prefix in ("", "u_")),
)  # fmt: skip
_SEXES: dict[str, Literal["M", "F"]] = {"M": "M", "F": "F"}


def read_treatments(path: Path) -> dict[tuple[str, str | None], Treatment]:
    """Read a table of treatments by subject and cycle.

    Raises
    ------
    StudyError
        With line and column: a cell that is not what its column holds, or a treatment that occurs twice.
    """
    treatments: dict[tuple[str, str | None], Treatment] = {}
    for row in read_table(path, columns=TREATMENT_COLUMNS, needed=("subject",)):
        origin, subject = row_origin(row), row.text("subject")
        if subject is None:
            raise refuse_cell(origin, "subject", "the treatment has no name: fill the cell.", "treatment-name")
        key = (subject, row.text("cycle"))
        if key in treatments:
            raise StudyError(
                f"{origin.file}, line {origin.line}, column 'subject': the treatment is also in line "
                f"{treatments[key].origin.line}; give each treatment once, with its own 'subject' and 'cycle'.",
                code="treatment-twice",
            )
        treatments[key] = Treatment(
            origin=origin,
            activity_mbq=optional_positive(row, "activity_mbq"),
            start=optional_moment(row, "start"),
            infusion_h=optional_positive(row, "infusion_h"),
            sex=_sex(row),
            haematocrit=optional_haematocrit(row),
            marrow_mass_g=optional_positive(row, "marrow_mass_g"),
            tia_mbq_h={
                organ: value for name, organ in TIA_ORGANS.items() if (value := _integral(row, name, organ)) is not None
            },
        )
    return treatments


def _integral(row: TableRow, name: str, organ: str) -> Uncertain | None:
    value, u = optional_positive(row, f"{name}_tia_mbq_h"), optional_positive(row, f"u_{name}_tia_mbq_h")
    if value is None:
        return None
    source = f"tia:{organ}"
    return Uncertain(value, not_stated=frozenset({source})) if u is None else Uncertain(value, {source: u})


def _sex(row: TableRow) -> Literal["M", "F"] | None:
    text = row.text("sex")
    if text is None:
        return None
    if text.upper() not in _SEXES:
        raise refuse_cell(row_origin(row), "sex", f"'{text}' is neither 'M' nor 'F'.", "sex")
    return _SEXES[text.upper()]
