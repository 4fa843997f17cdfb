"""Table of time-integrated activities by organ: ``region,tia_mbq_h,u_tia_mbq_h,mass_g,u_mass_g``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.tables import TableRow, read_table
from theradose.uncertainty import Uncertain

ORGAN_COLUMNS = ("region", "tia_mbq_h", "u_tia_mbq_h", "mass_g", "u_mass_g")
_NEEDED = ("region", "tia_mbq_h")


@dataclass(frozen=True, slots=True, eq=False)
class OrganActivities:
    """What a patient's organs hold, and their masses, by the names of the table."""

    tia_mbq_h: dict[str, Uncertain]
    mass_g: dict[str, Uncertain]


def read_organ_activities(path: Path) -> OrganActivities:
    """Read a table of time-integrated activities.

    Raises
    ------
    StudyError
        With file and line: an empty name, one that occurs twice, an activity or mass that is not positive, a negative
        uncertainty, and the refusals of :func:`theradose.formats.tables.read_table`.
    """
    found = OrganActivities({}, {})
    for row in read_table(path, columns=ORGAN_COLUMNS, needed=_NEEDED):
        region = row.text("region")
        if region is None or region in found.tia_mbq_h:
            raise StudyError(
                f"{row.file}, line {row.line}: 'region' is empty or occurs twice: name each organ once.",
                code="organ-table-region",
            )
        found.tia_mbq_h[region] = _pair(row, "tia_mbq_h", f"tia:{region}")
        if row.text("mass_g") is not None:
            found.mass_g[region] = _pair(row, "mass_g", f"mass:{region}")
    return found


def _pair(row: TableRow, column: str, source: str) -> Uncertain:
    value, u = row.number(column), row.optional_number(f"u_{column}")
    if not value > 0 or (u is not None and u < 0):
        raise StudyError(
            f"{row.file}, line {row.line}: '{column}' must be positive and its uncertainty not negative: correct them, "
            "or leave out the row.",
            code="organ-table-value",
        )
    return Uncertain(value, not_stated=frozenset({source})) if u is None else Uncertain(value, {source: u})
