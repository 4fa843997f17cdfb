"""What goes where: results to standard output, messages and progress to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theradose.errors import TheradoseError

if TYPE_CHECKING:
    from theradose.dose.engines import Progress
    from theradose.model.finding import Finding
    from theradose.model.result import FindingResult

INTERRUPTED_EXIT = 130
"""Exit code after an interruption."""

ReportFolderOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for report.pdf, report.json and tables.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


class EndedEarly(Exception):
    """A command printed its results and ends with another exit code than 0, and a last message."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False, default=str))


def print_message(text: str) -> None:
    """Print a message on standard error."""
    print(text, file=sys.stderr)


def print_written(paths: Iterable[Path]) -> None:
    """Name the files that a command wrote, on standard error."""
    for path in paths:
        print_message(f"wrote {path}")


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


def progress_as_step(on_step: Callable[[str], None]) -> Callable[[Progress], None] | None:
    """Return a function that shows how far a dose engine is as the current step; ``None`` where that is no terminal."""
    return (lambda progress: on_step(f"dose, {progress_words(progress)}")) if sys.stderr.isatty() else None


@contextmanager
def engine_progress(label: str) -> Iterator[Callable[[Progress], None] | None]:
    """Yield a function that draws how far a dose engine is on standard error, ``None`` where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.fields[words]}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=1.0, words=label)
        yield lambda progress: bar.update(
            task, completed=progress.fraction, words=f"{label}, {progress_words(progress)}"
        )


def progress_words(progress: Progress) -> str:
    """Return how far a dose engine is: ``34 %, 3.4e+06 histories, ± 0.8 %``."""
    words = [f"{progress.fraction:.0%}".replace("%", " %")]
    if progress.histories:
        words.append(f"{progress.histories:.2g} histories")
    if progress.relative_u is not None:
        words.append(f"± {100 * progress.relative_u:.2g} %")
    return ", ".join(words)
