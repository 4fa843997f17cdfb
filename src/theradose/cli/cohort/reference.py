"""``theradose cohort reference``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theradose.cli.output import JsonOption, print_findings, print_json, print_table, print_written


def reference_command(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Exported tables, or folders of results; instead of a database.")
    ] = None,
    database: Annotated[str | None, typer.Option("--database", help="File of SQLite, or URL of SQLAlchemy.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for reference.json, report.pdf, report.json and tables.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """State the reference ranges of the site by therapy, organ and quantity, beside published ones."""
    from theradose.errors import DatabaseError
    from theradose.numbers import format_number
    from theradose.workflow.cohort_reference import reference_document, reference_of_sources, write_reference

    given = [*(sources or []), *([] if database is None else [database])]
    if not given:
        raise DatabaseError("No cohort is given: name a database with --database, or an exported table.",
                            code="source-missing")  # fmt: skip
    reference, findings = reference_of_sources(given)
    written = () if out is None else write_reference(reference, findings, out)
    if as_json:
        print_json(reference_document(reference, findings))
    else:
        rows = []
        for item in reference.ranges:
            shown = {one.percent: one.value for one in item.percentiles}
            known = item.published
            rows.append([
                item.therapy, item.organ, item.quantity, str(item.patients), str(item.n), format_number(item.median),
                f"{format_number(shown.get(5.0))} to {format_number(shown.get(95.0))}" if shown else "",
                "" if known is None else f"{format_number(known.low)} to {format_number(known.high)}",
            ])  # fmt: skip
        print_table(["therapy", "organ", "quantity", "patients", "values", "median", "5 to 95 %", "published"], rows)
    print_findings(findings)
    print_written(written)
