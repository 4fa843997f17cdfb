"""The matrix of dose conversion factors that OLINDA 2 exports: rows are targets, columns are sources.

With its heading, which names unit, nuclide and phantom, or cut down to the matrix, as it is passed around.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.s_table_statement import Stated, agreed_nuclide, agreed_unit, checked_number, unit_factor
from theradose.model.s_values import SValue, SValueOrigin, SValueTable
from theradose.provenance import hash_file

_HEADING = re.compile(r"\[(?P<unit>[^\]]+)\].*?Nuclide:\s*(?P<nuclide>\S+)(?:.*?\bfor\s+(?P<phantom>[^,]+))?")
_CORNERS = ("", "target", "target organ")


def read_olinda(path: Path, stated: Stated) -> SValueTable:
    """Read a matrix of S values; empty cells are not known, remarks below the matrix are skipped.

    Raises
    ------
    StudyError
        As :func:`theradose.formats.s_table.read_s_table`.
    """
    rows = _rows(path)
    heading = next((found for _, cells in rows if (found := _HEADING.search(",".join(cells)))), None)
    said = heading.groupdict() if heading else dict[str, str | None]()
    nuclide = agreed_nuclide(said.get("nuclide"), stated.nuclide, path.name)
    unit = agreed_unit(said.get("unit"), stated.unit, path.name)
    factor = unit_factor(unit, path.name)
    start = next((index for index, (_, cells) in enumerate(rows) if _is_header(cells)), None)
    if start is None:
        raise StudyError(
            f"{path.name} is no table of S values that is known here: it needs a first row of sources after an empty "
            "cell or 'Target', or the headers of this program's own tables.",
            code="s-table-layout",
        )
    sources = rows[start][1][1:]
    return SValueTable(
        nuclide=nuclide,
        phantom=stated.phantom or (said.get("phantom") or "").strip() or "phantom not stated",
        values=_values(path, sources, rows[start + 1 :], factor),
        mass_g={},
        origin=SValueOrigin(
            source=stated.reference or "not stated",
            status="stated",
            file=path.name,
            sha256=hash_file(path),
            unit=unit,
        ),
    )


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows with their line numbers, without blanks and empty cells at the end."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise StudyError(f"The table {path.name} is not readable UTF-8 text: save it as CSV UTF-8.",
                         code="s-table-unreadable") from None  # fmt: skip
    rows = []
    for line, cells in enumerate(csv.reader(lines), start=1):
        stripped = [cell.strip() for cell in cells]
        while stripped and not stripped[-1]:
            stripped.pop()
        rows.append((line, stripped))
    return rows


def _is_header(cells: list[str]) -> bool:
    return len(cells) > 1 and cells[0].casefold() in _CORNERS


def _values(
    path: Path, sources: list[str], rows: list[tuple[int, list[str]]], factor: float
) -> dict[tuple[str, str], SValue]:
    values: dict[tuple[str, str], SValue] = {}
    for line, cells in rows:
        if len(cells) < 2:
            continue
        target, *numbers = cells
        if len(numbers) > len(sources):
            raise StudyError(
                f"{path.name}, line {line}: {len(numbers)} values under {len(sources)} sources; separate columns by "
                "commas and write numbers with a decimal point.",
                code="s-table-row",
            )
        for source, text in zip(sources, numbers, strict=False):
            if not text:
                continue
            if (target, source) in values:
                raise StudyError(
                    f"{path.name}, line {line}: the value from '{source}' to '{target}' occurs twice: keep one.",
                    code="s-table-twice",
                )
            values[target, source] = SValue(checked_number(text, file=path, line=line, column=source) * factor)
    if not values:
        raise StudyError(f"{path.name} has sources but no values: export it again.", code="s-table-empty")
    return values
