"""What goes where: results to standard output, messages and progress to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theradose.errors import TheradoseError

if TYPE_CHECKING:
    from theradose.model.finding import Finding
    from theradose.model.result import FindingResult

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False, default=str))


def print_message(text: str) -> None:
    """Print a message on standard error."""
    print(text, file=sys.stderr)


def print_findings(findings: Iterable[Finding | FindingResult], *, with_info: bool = False) -> None:
    """Print what limits a result on standard error, and on request what was merely inferred."""
    for finding in findings:
        if with_info or finding.severity != "info":
            where = f"{finding.where}: " if finding.where else ""
            print_message(f"{finding.severity}: {where}{finding.message} [{finding.code}]")


def report_error(error: TheradoseError) -> None:
    """Print a refusal: its sentence and its code."""
    print(f"theradose: {error} [{error.code}]", file=sys.stderr)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print an aligned table on standard output."""
    widths = [max(len(row[i]) for row in (headers, *rows)) for i in range(len(headers))]
    for row in (headers, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@contextmanager
def counted_progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function (done, total) that draws a bar on standard error when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def step_progress() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows the current step: a spinner on a terminal, one line each elsewhere."""
    if not sys.stderr.isatty():
        yield lambda step: print_message(f"  {step}")
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update
