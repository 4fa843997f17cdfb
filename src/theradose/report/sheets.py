"""Sheets that a department prints for a schedule and fills in by hand: acquisitions and blood tubes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from theradose.provenance import package_version
from theradose.report.typeset import typeset

_TEMPLATE = "sheet.typ"
_BANNER = (
    "RESEARCH USE ONLY until a site has validated it · planned times are not measured times: write down what was done"
)
_PAGE_ROWS_PT = 330
_TALLEST_ROW_PT, _LOWEST_ROW_PT = 46, 19


@dataclass(frozen=True, slots=True)
class SheetField:
    """A labelled box; empty to be filled in."""

    label: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A column; `width` is its share of the page, 0 as wide as its text; `printed` if its cells are not filled in."""

    label: str
    width: float
    printed: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page.

    Attributes
    ----------
    title, subtitle : str
        Heading.
    head : tuple of SheetField
        Boxes above the table.
    columns : tuple of SheetColumn
        Columns of the table.
    rows : tuple of tuple of str
        One row per measurement; empty cells are boxes.
    notes : tuple of str
        Sentences below the table.
    """

    title: str
    subtitle: str
    head: tuple[SheetField, ...]
    columns: tuple[SheetColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def write_sheet(sheet: Sheet, path: Path, *, created: datetime) -> None:
    """Write a sheet as one landscape A4 page (more only if its rows do not fit).

    Parameters
    ----------
    sheet : Sheet
        What to print.
    path : Path
        File to write.
    created : datetime
        Date of the document.
    """
    content = {
        **asdict(sheet),
        "banner": _BANNER,
        "footer": f"theradose {package_version()}",
        "head_columns": _head_columns(sheet.head),
        "row_height": min(_TALLEST_ROW_PT, max(_LOWEST_ROW_PT, _PAGE_ROWS_PT // max(len(sheet.rows), 1))),
    }
    path.write_bytes(typeset(_TEMPLATE, content, timestamp=created.astimezone(UTC)))


def _head_columns(head: Sequence[SheetField]) -> int:
    """Return how many boxes stand beside each other: at most two rows."""
    return (len(head) + 1) // 2
