"""CSV tables with literal headers.

Decimal points only; columns are separated by commas; lines that start with ``#`` and empty lines are skipped.
A column that the format does not name is refused, so that a misspelt header is never silently ignored.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from theradose.errors import StudyError
from theradose.model.recovery import RecoveryPoints

RECOVERY_COLUMNS = ("volume_ml", "recovery", "u_recovery")


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table, with the place it came from for messages.

    Attributes
    ----------
    values : dict of str to str
        Cell text by column, without surrounding blanks.
    file : str
        File name.
    line : int
        Line number in the file, from 1.
    decimal : str
        Decimal sign of its numbers, a point or a comma.
    """

    values: dict[str, str]
    file: str
    line: int
    decimal: str = "."

    def text(self, column: str) -> str | None:
        """Return the text of a cell; ``None`` if it is empty or the column is absent."""
        return self.values.get(column) or None

    def number(self, column: str) -> float:
        """Return the finite number in a cell that must be filled."""
        text = self.text(column)
        if text is None:
            raise StudyError(f"{self.file}, line {self.line}: '{column}' is empty, but a number is needed.",
                             code="table-cell-empty")  # fmt: skip
        # A point among decimal commas marks thousands, and would be read as another number.
        misplaced = self.decimal == "," and "." in text
        try:
            value = math.nan if misplaced else float(text.replace(self.decimal, "."))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            sign = "comma" if self.decimal == "," else "point"
            raise StudyError(
                f"{self.file}, line {self.line}: '{text}' in column '{column}' is not a finite number with a "
                f"decimal {sign}.",
                code="table-number",
            )
        return value

    def optional_number(self, column: str) -> float | None:
        """Return the number in a cell; ``None`` if it is empty or the column is absent."""
        return None if self.text(column) is None else self.number(column)


def read_table(
    path: Path,
    *,
    columns: Sequence[str],
    needed: Sequence[str],
    others: bool = False,
    separator: str = ",",
    decimal: str = ".",
) -> tuple[TableRow, ...]:
    """Read a CSV table.

    Parameters
    ----------
    path : Path
        The file, UTF-8 with or without byte-order mark.
    columns : sequence of str
        Every header that the format knows; they may stand in any order.
    needed : sequence of str
        The headers that must be present.
    others : bool
        Whether columns that are not in `columns` are passed over, as in a table of another program.
    separator, decimal : str
        Between columns and in numbers; a table of another program may have others.

    Raises
    ------
    StudyError
        If the file cannot be read as text, a header is unknown, doubled or missing, a row has another number
        of cells than the header, or there are no rows.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise StudyError(f"The table {path.name} cannot be read: {error.strerror}.",
                         code="table-unreadable") from None  # fmt: skip
    except UnicodeDecodeError:
        raise StudyError(f"The table {path.name} is not UTF-8 text: save it as CSV UTF-8.",
                         code="table-unreadable") from None  # fmt: skip
    try:
        numbered = [
            (number, [cell.strip() for cell in cells])
            for number, line in enumerate(lines, start=1)
            if line.strip() and not line.lstrip().startswith("#")
            for cells in csv.reader([line], delimiter=separator)
        ]
    except csv.Error as error:
        raise StudyError(f"The table {path.name} cannot be read as CSV: {error}.", code="table-unreadable") from None
    if not numbered:
        raise StudyError(f"The table {path.name} is empty: its first line must be '{','.join(columns)}'.",
                         code="table-empty")  # fmt: skip
    (_, header), *body = numbered
    _check_header(header, path.name, columns, needed, others=others)
    rows = []
    for line, cells in body:
        if len(cells) != len(header):
            advice = (
                "separate columns by commas and write numbers with a decimal point"
                if separator == ","
                else f"a '{separator}' within a cell needs quotes around it"
            )
            raise StudyError(
                f"{path.name}, line {line}: {len(cells)} cells under {len(header)} headers; {advice}.",
                code="table-row",
            )
        rows.append(TableRow(dict(zip(header, cells, strict=True)), path.name, line, decimal))
    if not rows:
        raise StudyError(f"The table {path.name} has a header but no rows.", code="table-empty")
    return tuple(rows)


def read_recovery(path: Path) -> RecoveryPoints:
    """Read recovery coefficients: ``volume_ml,recovery,u_recovery``.

    The name of the set is the file name without its suffix.
    """
    rows = read_table(path, columns=RECOVERY_COLUMNS, needed=RECOVERY_COLUMNS)
    numbers = np.array([[row.number(column) for column in RECOVERY_COLUMNS] for row in rows])
    return RecoveryPoints(path.stem, numbers[:, 0], numbers[:, 1], numbers[:, 2])


def _check_header(header: list[str], file: str, columns: Sequence[str], needed: Sequence[str], *, others: bool) -> None:
    if len(header) == 1 and ";" in header[0]:
        mapped = " or say so in the mapping with 'separator: \";\"' and 'decimal: \",\"'" if others else ""
        raise StudyError(
            f"The columns of the table {file} are separated by semicolons: use commas, and decimal points{mapped}.",
            code="table-header",
        )
    unknown = [] if others else [name for name in header if name not in columns]
    missing = [name for name in needed if name not in header]
    if unknown or missing or len(set(header)) != len(header):
        problem = (
            f"unknown column '{unknown[0]}'"
            if unknown
            else f"missing column '{missing[0]}'"
            if missing
            else "a column occurs twice"
        )
        valid = (
            f"it has {', '.join(header)}"
            if others
            else f"valid columns are {', '.join(columns)}"
            + (f", of which {', '.join(needed)} are needed" if needed else "")
        )
        raise StudyError(f"The table {file} has a wrong header ({problem}): {valid}.", code="table-header")
