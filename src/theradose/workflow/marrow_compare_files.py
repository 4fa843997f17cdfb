"""The files of a comparison of marrow doses: pages, tables and document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theradose.report.marrow_pages import write_marrow_comparison
from theradose.workflow.marrow_compare import ComparedCohort
from theradose.workflow.marrow_compare_document import write_comparison_tables


def write_comparison(
    cohort: ComparedCohort, document: Mapping[str, Any], folder: Path, *, as_published: bool
) -> tuple[Path, ...]:
    """Write ``marrow_compare.pdf``, ``marrow_compare.json`` and the tables, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    pages, data = folder / "marrow_compare.pdf", folder / "marrow_compare.json"
    write_marrow_comparison(cohort.comparison, pages, as_published=as_published)
    data.write_text(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
    return pages, data, *write_comparison_tables(cohort.comparison, folder)
