"""The project's own table of S values: one row for each target, source and, where they are apart, radiation."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.s_table_statement import Stated, agreed_nuclide, checked_number, unit_factor
from theradose.formats.tables import TableRow, read_table
from theradose.model.dose import RADIATIONS
from theradose.model.s_values import SValue, SValueOrigin, SValueTable
from theradose.provenance import hash_file

_GY, _MGY = "s_gy_per_mbq_h", "s_mgy_per_mbq_s"
_UNITS = {_GY: "Gy/(MBq h)", _MGY: "mGy/(MBq s)"}
S_TABLE_COLUMNS = (
    "nuclide", "phantom", "target", "source", "radiation", _GY, "u_gy_per_mbq_h", _MGY, "u_mgy_per_mbq_s",
    "target_mass_g", "reference",
)  # fmt: skip
_WRITTEN = tuple(name for name in S_TABLE_COLUMNS if not name.endswith("mgy_per_mbq_s"))
_NEEDED = ("nuclide", "target", "source")
_ALL = "all"


def is_s_table_csv(path: Path) -> bool:
    """Return whether a file has the headers of this layout."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return False
    header = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    return {"target", "source"} <= {cell.strip() for cell in header.split(",")}


def read_s_table_csv(path: Path, stated: Stated) -> SValueTable:
    """Read a table of S values.

    Raises
    ------
    StudyError
        As :func:`theradose.formats.s_table.read_s_table`.
    """
    rows = read_table(path, columns=S_TABLE_COLUMNS, needed=_NEEDED)
    column = _unit_column(path, rows[0])
    factor = unit_factor(_UNITS[column], path.name)
    found: dict[tuple[str, str], dict[str, tuple[float, float | None]]] = {}
    masses: dict[str, float] = {}
    for row in rows:
        agreed_nuclide(row.text("nuclide"), stated.nuclide or rows[0].text("nuclide"), f"{row.file}, line {row.line},")
        if row.text("phantom") != rows[0].text("phantom"):
            raise StudyError(
                f"{row.file}, line {row.line}: 'phantom' is not that of line {rows[0].line}: one file is for one body.",
                code="s-table-phantom",
            )
        target, source, radiation = _words(row)
        parts = found.setdefault((target, source), {})
        if radiation in parts or (parts and _ALL in (radiation, *parts)):
            raise StudyError(
                f"{row.file}, line {row.line}: the value from '{source}' to '{target}' occurs twice: keep one, or "
                "state 'radiation' in each of its rows.",
                code="s-table-twice",
            )
        value = checked_number(row.text(column) or "", file=path, line=row.line, column=column)
        u_column = column.replace("s_", "u_", 1)
        u = row.text(u_column)
        stated_u = None if u is None else checked_number(u, file=path, line=row.line, column=u_column) * factor
        parts[radiation] = value * factor, stated_u
        _note_mass(row, target, masses)
    return SValueTable(
        nuclide=agreed_nuclide(rows[0].text("nuclide"), stated.nuclide, path.name),
        phantom=stated.phantom or rows[0].text("phantom") or "phantom not stated",
        values={pair: _value(parts) for pair, parts in found.items()},
        mass_g=masses,
        origin=SValueOrigin(
            source=stated.reference or rows[0].text("reference") or "not stated",
            status="stated",
            file=path.name,
            sha256=hash_file(path),
            unit=_UNITS[column],
        ),
    )


def write_s_table(table: SValueTable, path: Path) -> None:
    """Write a table of S values with full precision; reading it gives the same values."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_WRITTEN)
        for (target, source), value in table.values.items():
            mass = table.mass_g.get(target)
            parts: Sequence[tuple[str, float]] = tuple(value.parts_gy_per_mbq_h.items())
            parts = parts or ((_ALL, value.gy_per_mbq_h),)
            u = value.u_gy_per_mbq_h
            for number, (radiation, part) in enumerate(parts):
                # One uncertainty of the sum stands in its first row, so that the rows add up to it.
                shown = None if number or u is None else repr(u)
                writer.writerow([
                    table.nuclide, table.phantom, target, source, radiation, repr(part), shown,
                    None if mass is None else repr(mass), table.origin.source,
                ])  # fmt: skip


def _unit_column(path: Path, row: TableRow) -> str:
    columns = [name for name in _UNITS if name in row.values]
    if len(columns) != 1:
        raise StudyError(
            f"The table {path.name} needs one column of S values, '{_GY}' or '{_MGY}': the header states the unit.",
            code="s-table-unit",
        )
    return columns[0]


def _words(row: TableRow) -> tuple[str, str, str]:
    target, source, radiation = row.text("target"), row.text("source"), row.text("radiation") or _ALL
    if target is None or source is None:
        raise StudyError(f"{row.file}, line {row.line}: 'target' or 'source' is empty: name both.",
                         code="table-cell-empty")  # fmt: skip
    if radiation not in (_ALL, *RADIATIONS):
        raise StudyError(
            f"{row.file}, line {row.line}: '{radiation}' is no radiation of the table: valid are "
            f"{', '.join((_ALL, *RADIATIONS))}.",
            code="s-table-radiation",
        )
    return target, source, radiation


def _note_mass(row: TableRow, target: str, masses: dict[str, float]) -> None:
    mass = row.optional_number("target_mass_g")
    if mass is None:
        return
    if not mass > 0 or masses.setdefault(target, mass) != mass:
        raise StudyError(
            f"{row.file}, line {row.line}: 'target_mass_g' of '{target}' is {mass:g}; it must be positive and the same "
            "in all rows of a target.",
            code="s-table-mass",
        )


def _value(parts: dict[str, tuple[float, float | None]]) -> SValue:
    uncertainties = [u for _, u in parts.values() if u is not None]
    return SValue(
        sum(value for value, _ in parts.values()),
        math.hypot(*uncertainties) if uncertainties else None,
        {name: parts[name][0] for name in RADIATIONS if name in parts},
    )
