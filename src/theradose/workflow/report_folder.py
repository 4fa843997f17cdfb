"""The folder that a command over patients leaves behind: ``report.pdf``, ``report.json`` and ``tables/*.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from theradose.report.pages import Pages, write_pages
from theradose.report.tables import Value, write_table
from theradose.store.runs import require_writable, write_json

Table = tuple[Sequence[str], Iterable[Sequence[Value]]]
"""Header and rows."""


def write_report_folder(
    folder: Path, *, pages: Pages, document: Mapping[str, Any], tables: Mapping[str, Table], created: datetime
) -> tuple[Path, ...]:
    """Write pages, document and tables into a folder, which is made if needed, and return the files.

    Parameters
    ----------
    folder : Path
        Where they go.
    pages : Pages
        Of ``report.pdf``.
    document : mapping
        Of ``report.json``.
    tables : mapping of str to Table
        By file stem.
    created : datetime
        Date of the pages.

    Raises
    ------
    StudyError
        ``out-not-writable``.
    """
    require_writable(folder)
    report, data, below = folder / "report.pdf", folder / "report.json", folder / "tables"
    write_json(document, data)
    write_pages(pages, report, created=created)
    below.mkdir(exist_ok=True)
    return report, data, *(write_table(below / f"{name}.csv", *table) for name, table in tables.items())
