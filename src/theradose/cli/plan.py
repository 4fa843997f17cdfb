"""``theradose plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theradose.cli.output import JsonOption, print_findings, print_json, print_message, print_table

if TYPE_CHECKING:
    from theradose.model.plan import Plan

plan_app = typer.Typer(
    help="Treatment planning; every plan states its sources, limits and interval.", no_args_is_help=True
)

InputArgument = Annotated[Path, typer.Argument(help="YAML file of the planner.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Page to write, PAGE.pdf; its folder is made if needed.")]


@plan_app.callback()
def plan_root() -> None:
    """Treatment planning; every plan states its sources, limits and interval."""


@plan_app.command("level1")
def level1_command(input: InputArgument, out: OutOption = None, as_json: JsonOption = False) -> None:
    """State expected organ doses from the activity and published doses, without images."""
    _plan("level1", input, out, as_json=as_json)


@plan_app.command("tare")
def tare_command(input: InputArgument, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Plan a radioembolisation."""
    _plan("tare", input, out, as_json=as_json)


@plan_app.command("thyroid")
def thyroid_command(input: InputArgument, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Plan radioiodine for benign thyroid disease."""
    _plan("thyroid", input, out, as_json=as_json)


@plan_app.command("dtc")
def dtc_command(input: InputArgument, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Plan radioiodine for differentiated thyroid cancer by the dose to the blood."""
    _plan("dtc", input, out, as_json=as_json)


@plan_app.command("mibg")
def mibg_command(input: InputArgument, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Plan the second administration of mIBG by the dose to the whole body."""
    _plan("mibg", input, out, as_json=as_json)


@plan_app.command("prrt")
def prrt_command(input: InputArgument, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Plan the next cycle of a radioligand therapy from the cycles before."""
    _plan("prrt", input, out, as_json=as_json)


def _plan(name: str, path: Path, out: Path | None, *, as_json: bool) -> None:
    from theradose.errors import PlanError
    from theradose.workflow.plan import run_plan

    if out is not None and out.suffix.lower() != ".pdf":
        raise PlanError(f"The page is a PDF, but '{out.name}' was asked for: write 'page.pdf'.", code="plan-out")
    plan = run_plan(name, path)
    if out is not None:
        from datetime import UTC, datetime

        from theradose.report.plan_page import write_plan_page

        out.parent.mkdir(parents=True, exist_ok=True)
        write_plan_page(plan, out, created=datetime.now(UTC))
        print_message(f"wrote {out}")
    if as_json:
        from theradose.workflow.plan_document import plan_document

        print_json(plan_document(plan))
    else:
        _print_plan(plan)
    print_findings(plan.findings)
    critical = sum(finding.severity == "critical" for finding in plan.findings)
    if critical:
        print_message(f"{critical} critical: read these before anything else of this plan")


def _print_plan(plan: Plan) -> None:
    from theradose.report.plan_page import page_content

    content = page_content(plan)
    print(plan.title)
    print(plan.summary)
    if plan.level is not None:
        print(f"Article 56: {plan.level.text}")
    print_table(
        ["target", "counts", "dose Gy", f"{content['coverage']} interval Gy", "limit Gy", "probability above"],
        [[row[key] for key in ("target", "basis", "dose", "interval", "limit", "p")] for row in content["doses"]],
    )
    for formula in plan.formulas:
        print(f"{formula.text} [{formula.source}, {formula.status}]")
    print(content["statement"])
