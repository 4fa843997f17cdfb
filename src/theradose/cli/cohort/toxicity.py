"""``theradose cohort toxicity``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theradose.cli.options import parsed_positive
from theradose.cli.output import (
    JsonOption,
    ReportFolderOption,
    print_findings,
    print_json,
    print_table,
    print_written,
    step_progress,
)

_GRADES = (1, 4)


def toxicity_command(
    counts: Annotated[Path, typer.Argument(help="Table of blood counts (CSV).")],
    doses: Annotated[Path | None, typer.Option("--doses", help="Table of doses by patient and cycle (CSV).")] = None,
    database: Annotated[
        str | None, typer.Option("--database", help="The site's database instead: file of SQLite, or URL.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option("--secret", help="Turns ids and dates of the tables into those of the database.")
    ] = None,
    patients: Annotated[
        Path | None, typer.Option("--patients", help="Table of patients: sex, skeletal metastases, prior chemotherapy.")
    ] = None,
    lower_limit: Annotated[
        list[str] | None,
        typer.Option(
            "--lower-limit",
            help="Of normal, 'platelets=150' in 10⁹/L, 'haemoglobin:F=12.0' in g/dL; may be repeated.",
        ),
    ] = None,
    grade: Annotated[int, typer.Option("--grade", help="Grade whose odds are related to dose, 1 to 4.")] = 2,
    with_influenced: Annotated[
        bool, typer.Option("--with-influenced", help="Let counts under transfusion or growth factor be lowest counts.")
    ] = False,
    risk: Annotated[
        str | None, typer.Option("--risk", help="Count whose risk of the grade is modelled, 'platelets'.")
    ] = None,
    forecast: Annotated[
        str | None, typer.Option("--forecast", help="Patient whose next cycle is forecast; illustrative.")
    ] = None,
    exposure: Annotated[
        str | None, typer.Option("--exposure", help="Dose of the forecast, 'red-marrow by image'.")
    ] = None,
    next_dose: Annotated[
        str | None, typer.Option("--next-dose", help="Marrow dose of the next cycle, '0.3 Gy'; the mean by default.")
    ] = None,
    next_after: Annotated[
        str | None, typer.Option("--next-after", help="Time to the next cycle, '56 d'; the last interval by default.")
    ] = None,
    half_life: Annotated[
        str | None, typer.Option("--half-life", help="Effective half-life in marrow where the table has none, '40 h'.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all random draws.")] = 0,
    out: ReportFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Relate blood counts to marrow, spleen and whole-body doses; grades, declines, risk, next cycle."""
    from theradose.cohort.forecast import NextCycle
    from theradose.errors import StudyError
    from theradose.workflow.cohort_toxicity import ToxicityOptions, checked_quantity, toxicity_of_cohort
    from theradose.workflow.cohort_toxicity_document import toxicity_document, write_toxicity

    if not _GRADES[0] <= grade <= _GRADES[1]:
        raise StudyError(f"{grade} of --grade is no grade: give 1, 2, 3 or 4.", code="option-range")
    options = ToxicityOptions(
        counts=counts,
        doses=doses,
        database=database,
        secret=secret,
        patients=patients,
        lower_limits=dict(_lower_limit(text) for text in lower_limit or []),
        grade=grade,
        with_influenced=with_influenced,
        risk=None if risk is None else checked_quantity(risk, "--risk"),
        forecast=forecast,
        exposure=exposure,
        following=NextCycle(
            parsed_positive(next_dose, "Gy", "--next-dose"), parsed_positive(next_after, "d", "--next-after")
        ),
        half_life_h=parsed_positive(half_life, "h", "--half-life"),
        seed=seed,
    )
    with step_progress() as on_step:
        report = toxicity_of_cohort(options, on_step=on_step)
        document = toxicity_document(report)
        written = () if out is None else write_toxicity(report, document, out)
    if as_json:
        print_json(document)
    else:
        rows = [
            [
                item.response,
                item.span,
                item.quantity,
                item.exposure,
                f"{item.patients}",
                f"{item.slope_per_gy.value:.3g} [{item.slope_per_gy.low:.3g}, {item.slope_per_gy.high:.3g}]",
                f"{item.slope_per_gy.p:.2g}",
                f"{item.p_adjusted:.2g}",
            ]
            for item in report.analysis.relations
            if item.slope_per_gy is not None
        ]
        print_table(["response", "by", "count", "dose", "patients", "per Gy [95 %]", "p", "adjusted"], rows)
    print_findings(report.findings, with_info=True)
    print_written(written)


def _lower_limit(text: str) -> tuple[tuple[str, str | None], float]:
    from theradose.errors import StudyError
    from theradose.workflow.cohort_toxicity import checked_lower_limit, checked_quantity

    name, equals, number = (part.strip() for part in text.partition("="))
    quantity, _, sex = name.partition(":")
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if not equals or not value > 0 or sex not in ("", "M", "F"):
        raise StudyError(
            f"'{text}' of --lower-limit is not a count with its limit: write platelets=150, or haemoglobin:F=12.0.",
            code="option-range",
        )
    limit = checked_lower_limit(checked_quantity(quantity, "--lower-limit"), value, "--lower-limit")
    return (quantity, sex or None), limit
