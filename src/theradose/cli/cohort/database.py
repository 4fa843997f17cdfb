"""``theradose cohort add``, ``export`` and ``import``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from theradose.cli.output import EndedEarly, JsonOption, counted_progress, print_json, print_message, print_table

REFUSED_EXIT = 2

DatabaseOption = Annotated[
    str, typer.Option("--database", help="File of SQLite, or URL of SQLAlchemy, 'postgresql+psycopg://user@host/name'.")
]
SecretOption = Annotated[
    Path | None,
    typer.Option("--secret", help="Secret behind the pseudonyms; FILE.secret beside a database FILE by default."),
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Put a run in the place of another one of the same patient and cycle.")
]


def add_command(
    results: Annotated[list[Path], typer.Argument(help="Run folders, result.json, or folders with any below.")],
    database: DatabaseOption,
    secret: SecretOption = None,
    identified: Annotated[
        bool, typer.Option("--identified", help="Make the database with ids of patients and true dates.")
    ] = False,
    replace: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add results of runs to the site's database, with pseudonyms and moved dates."""
    from theradose.workflow.cohort_database import DatabaseChoice, add_results

    with counted_progress("adding") as progress:
        added = add_results(
            results, DatabaseChoice(database, secret, identified), replace=replace, on_progress=progress
        )
    counts = Counter(item.status for item in added)
    if as_json:
        print_json({"counts": dict(counts), "results": [item.to_json() for item in added]})
    else:
        print_table(
            ["result", "status", "treatment", "regions"],
            [[str(item.file), item.status, item.label, str(item.regions or "")] for item in added],
        )
    for item in added:
        if item.status == "refused":
            print_message(f"{item.file}: {item.reason} [{item.code}]")
    if counts["refused"]:
        raise EndedEarly(f"{counts['refused']} of {len(added)} results were refused.", REFUSED_EXIT)


def export_command(
    database: DatabaseOption,
    out: Annotated[Path, typer.Option("--out", help="CSV table to write.")],
    as_json: JsonOption = False,
) -> None:
    """Write the site's database as one CSV table: one row per patient, cycle and region."""
    from theradose.workflow.cohort_database import export_database

    treatments = export_database(database, out)
    document = {
        "table": str(out),
        "patients": len({treatment.patient for treatment in treatments}),
        "treatments": len(treatments),
        "rows": sum(len(treatment.regions) for treatment in treatments),
    }
    _print_counts(document, as_json=as_json)


def import_command(
    table: Annotated[Path, typer.Argument(help="CSV table that 'theradose cohort export' wrote.")],
    database: DatabaseOption,
    replace: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add the treatments of an exported table to a database."""
    from theradose.workflow.cohort_database import import_database

    counts = import_database(table, database, replace=replace)
    _print_counts({"table": str(table), **dict(counts.items())}, as_json=as_json)


def _print_counts(document: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_table(list(document), [[str(value) for value in document.values()]])
