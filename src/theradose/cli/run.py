"""``theradose run`` and ``theradose compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theradose.cli.output import (
    JsonOption,
    print_findings,
    print_json,
    print_table,
    progress_as_step,
    step_progress,
)


def run_command(
    study: Annotated[Path, typer.Argument(help="study.yaml, or the folder that holds it.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for results; 'results' beside the study by default.")
    ] = None,
    engine: Annotated[str | None, typer.Option("--engine", help="Dose engine, instead of the study's.")] = None,
    cross_check: Annotated[
        str | None, typer.Option("--cross-check", help="Second engine to compare with, instead of the study's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Do the main job: from the study's images to doses, uncertainties and a report."""
    from theradose.workflow.run import run_study

    with step_progress() as on_step:
        run = run_study(
            study,
            results=out,
            engine=engine,
            cross_check=cross_check,
            on_step=on_step,
            on_progress=progress_as_step(on_step),
        )
    print_findings(run.result.findings)
    if as_json:
        print_json(run.result.model_dump(mode="json", by_alias=True))
    else:
        print(run.folder)


def compare_command(
    first: Annotated[Path, typer.Argument(help="A run folder or its result.json.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    as_json: JsonOption = False,
) -> None:
    """Say what changed between two results, and why."""
    from theradose.workflow.compare import compare_results

    comparison = compare_results(first, second)
    if as_json:
        print_json(comparison.to_json())
        return
    rows = [
        [
            row.region,
            row.quantity,
            _with_u(row.first, row.first_u),
            _with_u(row.second, row.second_u),
            "-" if row.relative_difference is None else f"{row.relative_difference:+.2%}",
        ]
        for row in comparison.rows
    ]
    print_table(["region", "quantity", "first", "second", "difference"], rows)
    for reason in comparison.reasons:
        print(f"why: {reason}")


def _with_u(value: float | None, u: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if u is None else f"{value:.4g} ± {u:.2g}"
