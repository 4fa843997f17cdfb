"""``theradose demo``."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from theradose.cli.output import JsonOption, print_json, print_table, step_progress


def demo_command(
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")] = Path("theradose-demo"),
    open_report: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Another seed makes another patient.")] = 177,
    as_json: JsonOption = False,
) -> None:
    """Make a digital 177Lu-DOTATATE patient, run the main job on its DICOM, print truth beside result."""
    from theradose.workflow.demo import run_demo

    with step_progress() as on_step:
        demo = run_demo(out, seed=seed, on_step=on_step)
    if as_json:
        print_json(demo.to_json())
    else:
        rows = [
            [
                row.region,
                _number(row.volume_ml, ".1f"),
                _number(row.true_tia_mbq_h, ".0f"),
                _number(row.tia_mbq_h, ".0f", row.u_tia_mbq_h),
                _number(row.tia_deviation, "+.1%"),
                _number(row.true_dose_gy, ".3f"),
                _number(row.dose_gy, ".3f", row.u_dose_gy),
                _number(row.dose_deviation, "+.1%"),
            ]
            for row in demo.rows
        ]
        headers = ["region", "mL", "true MBq·h", "MBq·h", "", "true Gy", "Gy", ""]
        print_table(headers, rows)
        print(demo.report)
    if open_report:
        webbrowser.open(demo.report.with_suffix(".html").resolve().as_uri())


def _number(value: float | None, form: str, u: float | None = None) -> str:
    if value is None:
        return "-"
    return f"{value:{form}}" if u is None else f"{value:{form}} ± {u:{form}}"
