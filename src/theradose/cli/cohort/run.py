"""``theradose cohort run``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theradose.cli.cohort.database import ReplaceOption, SecretOption
from theradose.cli.options import parsed_positive
from theradose.cli.output import (
    INTERRUPTED_EXIT,
    EndedEarly,
    JsonOption,
    print_findings,
    print_json,
    print_message,
    print_table,
)

if TYPE_CHECKING:
    from theradose.workflow.batch import Batch
    from theradose.workflow.batch_studies import BatchStudy
    from theradose.workflow.batch_task import StudyOutcome
    from theradose.workflow.cohort_database import AddedResult

_FAILURE, _BAD_INPUT = 1, 2
_S_PER_H = 3600.0


def run_cohort_command(
    studies: Annotated[
        list[Path], typer.Argument(help="Study files, and folders that are searched for study.yaml with all below.")
    ],
    scheduler: Annotated[
        str,
        typer.Option(
            "--scheduler", help="local: workers on this machine; none: this process alone; tcp://HOST:PORT: of dask."
        ),
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Workers to start here; as many as cores and memory allow by default."),
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", help="How often a study is begun again after its worker was lost.")
    ] = 2,
    timeout: Annotated[
        str | None, typer.Option("--timeout", help="Longest time of one study, looked at between its steps: '1 h'.")
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option("--results", help="Folder of all run folders; 'results' beside each study by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.pdf, report.json and tables of studies and doses.")
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", help="Site's database, as of 'cohort add', to which results are added.")
    ] = None,
    secret: SecretOption = None,
    replace: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run many studies, one task for each cycle of a patient; what is finished is not run again."""
    from theradose.workflow.batch import run_batch
    from theradose.workflow.batch_document import batch_document, batch_results, write_batch
    from theradose.workflow.cohort_database import DatabaseChoice, add_results

    choice = None if database is None else DatabaseChoice(database, secret)
    if choice is not None:
        # A database that cannot be used is better known before hours of work than after them.
        add_results((), choice)
    limit_h = parsed_positive(timeout, "h", "--timeout")
    batch = run_batch(
        studies,
        scheduler=scheduler,
        workers=workers,
        retries=retries,
        results=results,
        time_limit_s=None if limit_h is None else limit_h * _S_PER_H,
        on_outcome=_print_outcome,
        tell=print_message,
    )
    found = batch_results(batch)
    folders = [outcome.folder for outcome in batch.outcomes if outcome.folder is not None]
    added = () if choice is None else add_results(folders, choice, replace=replace)
    document = batch_document(batch, found, added)
    print_findings(batch.findings)
    if as_json:
        print_json(document)
    else:
        _print_studies(batch)
    if out is not None:
        write_batch(batch, document, found, out)
        print_message(f"wrote {out}")
    _end(batch, added)


def _print_outcome(study: BatchStudy, outcome: StudyOutcome, number: int, total: int) -> None:
    words = "" if outcome.reason is None else f": {outcome.reason.message} [{outcome.reason.code}]"
    print_message(
        f"[{number}/{total}] {study.name} {outcome.status} in {outcome.seconds:.1f} s, {outcome.worker}{words}"
    )


def _print_studies(batch: Batch) -> None:
    rows = [
        [
            study.patient or "-",
            "-" if study.cycle is None else str(study.cycle),
            outcome.status,
            str(study.path if outcome.folder is None else outcome.folder),
        ]
        for study, outcome in zip(batch.studies, batch.outcomes, strict=True)
    ]
    print_table(["patient", "cycle", "status", "folder"], rows)


def _end(batch: Batch, added: Sequence[AddedResult]) -> None:
    """End with the exit code that the studies and their results in the database deserve."""
    from theradose.workflow.batch_task import Status

    done, total = len(batch.with_status(Status.COMPUTED, Status.REUSED)), len(batch.outcomes)
    counted = f"{done} of {total} studies have a result"
    if batch.ended_by is not None:
        code = INTERRUPTED_EXIT if batch.ended_by.code == "interrupted" else _FAILURE
        raise EndedEarly(f"{batch.ended_by.message} {counted}. [{batch.ended_by.code}]", code)
    failed, refused = batch.with_status(Status.FAILED), batch.with_status(Status.REFUSED)
    left_out = [item for item in added if item.status == "refused"]
    for item in left_out:
        print_message(f"{item.file}: {item.reason} [{item.code}]")
    ends = [f"{len(refused)} were refused"] * bool(refused) + [f"{len(failed)} failed"] * bool(failed)
    ends += [f"{len(left_out)} results were not added to the database"] * bool(left_out)
    if ends:
        message = f"{counted}, {', '.join(ends)}: the document has the reasons."
        raise EndedEarly(message, _FAILURE if failed else _BAD_INPUT)
