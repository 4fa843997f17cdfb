"""From tables of tumours, volumes and doses to the analysis of dose and response, and its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from theradose.cohort.response.analysis import ResponseAnalysis, analyse_response
from theradose.cohort.response.assemble import assemble
from theradose.cohort.response.settings import ResponseSettings
from theradose.errors import StudyError
from theradose.formats.tables_tumours import read_doses, read_tumours, read_volumes
from theradose.model.tumours import TumourRow
from theradose.report.cohort_response import response_pages
from theradose.workflow.cohort_response_document import response_document, response_tables
from theradose.workflow.document_parts import origin_of
from theradose.workflow.report_folder import write_report_folder


@dataclass(frozen=True, slots=True, eq=False)
class ResponseRun:
    """Tables, analysis and document.

    Attributes
    ----------
    rows : tuple of TumourRow
        All tumours of the table.
    analysis : ResponseAnalysis
        What was found.
    document : dict
        The same for machines.
    """

    rows: tuple[TumourRow, ...]
    analysis: ResponseAnalysis
    document: Mapping[str, Any]


def run_response(
    tumours: Path,
    *,
    settings: ResponseSettings,
    volumes: Path | None = None,
    doses: Path | None = None,
    step: Callable[[str], None] = lambda text: None,
) -> ResponseRun:
    """Read the tables and analyse them.

    Parameters
    ----------
    tumours : Path
        ``tumours.csv``; without the other tables it states reductions and sums of doses.
    settings : ResponseSettings
        Choices made in advance.
    volumes, doses : Path, optional
        ``volumes.csv`` and ``doses.csv``, both or neither.
    step : callable
        Is told what is being computed.

    Raises
    ------
    StudyError
        ``response-tables`` for one of the two tables without the other; those of the readers and of
        :func:`theradose.cohort.response.assemble.assemble`.
    StatisticsError
        As :func:`theradose.cohort.response.analysis.analyse_response`.
    """
    if (volumes is None) != (doses is None):
        raise StudyError(
            "One of the tables --volumes and --doses is given without the other: give both, or state reductions and "
            "sums of doses in the table of tumours.",
            code="response-tables",
        )
    rows = read_tumours(tumours)
    courses = None if volumes is None or doses is None else (read_volumes(volumes), read_doses(doses))
    outcomes = assemble(rows, courses, settings=settings)
    analysis = analyse_response(rows, outcomes, settings=settings, step=step)
    return ResponseRun(rows, analysis, response_document(rows, analysis, origin_of(tumours, volumes, doses)))


def write_response(run: ResponseRun, folder: Path, *, created: datetime) -> tuple[Path, ...]:
    """Write ``report.pdf``, ``report.json`` and ``tables/*.csv``, and return the files."""
    return write_report_folder(
        folder,
        pages=response_pages(run.analysis),
        document=run.document,
        tables=response_tables(run.rows, run.analysis),
        created=created,
    )
