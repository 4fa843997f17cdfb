"""``theradose validate``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theradose.cli.output import (
    JsonOption,
    counted_progress,
    print_findings,
    print_json,
    print_message,
    print_table,
    step_progress,
)

if TYPE_CHECKING:
    from theradose.validation.site_document import SiteValidation
    from theradose.validation.suite import CaseResult, SuiteResult

_NOT_PASSED = 1
_COLUMNS = ("what", "published", "computed", "unit", "deviation", "tolerance", "")


def validate_command(
    site: Annotated[
        Path | None, typer.Option("--site", help="Phantom of the department (YAML), instead of published numbers.")
    ] = None,
    only: Annotated[str | None, typer.Option("--only", help="One group of them, such as kinetics.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the dated certificate.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare this installation with published numbers, or with the department's phantom; 1 if anything fails."""
    if site is not None:
        _validate_site(site, only, out, as_json)
    else:
        _validate_numbers(only, out, as_json)


def _validate_numbers(only: str | None, out: Path | None, as_json: bool) -> None:
    from theradose.validation.suite import run_suite

    with counted_progress("published numbers") as progress:
        result = run_suite(only=only, progress=progress)
    if as_json:
        print_json(result.to_json())
    else:
        _print_suite(result)
    if out is not None:
        from theradose.validation.certificate import write_suite

        certificate, _ = write_suite(result, out)
        _print_path(certificate, as_json)
    _end(result.passed)


def _print_suite(result: SuiteResult) -> None:
    for title, rows in result.by_group().items():
        print(f"{title.upper()}\n")
        # Cases of one set and one reason stand below them.
        for heading, cases in groupby(rows, key=_heading):
            print(heading)
            print_table(_COLUMNS, [_row(case) for case in cases])
            print()
    failed = [row.case.id for row in result.rows if not row.passed]
    print(f"{len(result.rows)} published numbers, {len(failed)} outside their tolerance")
    for name in failed:
        print(f"FAIL {name}")


def _heading(row: CaseResult) -> str:
    case = row.case
    return f"{case.id.partition('/')[0]}: {case.source} [{case.reference}]; tolerance: {case.because}"


def _row(row: CaseResult) -> list[str]:
    case = row.case
    return [
        case.what,
        f"{case.expected:.10g}",
        f"{row.value:.7g}",
        case.unit,
        f"{row.deviation:+.2g}",
        f"{case.tolerance.in_units(case.expected):.2g}",
        "pass" if row.passed else "FAIL",
    ]


def _validate_site(site: Path, only: str | None, out: Path | None, as_json: bool) -> None:
    from theradose.errors import StudyError
    from theradose.validation.site import validate_site

    if only is not None:
        raise StudyError(
            "--only chooses published numbers, and --site compares a phantom: give one of them.", code="option-range"
        )
    with step_progress() as on_step:
        done = validate_site(site, out=out, on_step=on_step)
    print_findings(done.findings)
    if as_json:
        print_json(done.to_json())
    else:
        _print_site(done)
        print(done.certificate)
    _end(done.passed)


def _print_site(done: SiteValidation) -> None:
    rows = []
    for check in done.checks:
        rows.append(
            [
                check.insert,
                check.quantity,
                check.unit,
                _with_u(check.true.value, check.true.u),
                _with_u(check.measured.value, check.measured.u),
                f"{check.deviation:+.1%}",
                "-" if check.tolerance is None else f"{check.tolerance:.1%}",
                check.verdict,
            ]
        )
    print_table(["insert", "quantity", "unit", "true", "measured", "deviation", "tolerance", ""], rows)


def _with_u(value: float | None, u: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if u is None else f"{value:.4g} ± {u:.2g}"


def _print_path(path: Path, as_json: bool) -> None:
    if as_json:
        print_message(str(path))
    else:
        print(path)


def _end(passed: bool) -> None:
    if not passed:
        raise typer.Exit(_NOT_PASSED)
