"""``theradose fit``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theradose.cli.options import parsed_infusion, parsed_positive
from theradose.cli.output import JsonOption, counted_progress, print_findings, print_json, print_table, print_written

if TYPE_CHECKING:
    from theradose.workflow.fit import PopulationChoice, SinglePointChoice


def fit_command(
    curves: Annotated[Path, typer.Argument(help="CSV: subject,region,t_h,activity_mbq,u_mbq.")],
    nuclide: Annotated[str, typer.Option("--nuclide", help="For example Lu-177.")],
    models: Annotated[
        str | None, typer.Option("--models", help="Models to average, such as 'mono,bi'; one alone is prescribed.")
    ] = None,
    relative_u: Annotated[
        str | None, typer.Option("--relative-u", help="Uncertainty of points whose u_mbq is empty, such as '5 %'.")
    ] = None,
    infusion: Annotated[
        str | None, typer.Option("--infusion", help="Length of a constant infusion from t = 0, such as '30 min'.")
    ] = None,
    single_time_point: Annotated[
        str | None,
        typer.Option("--single-time-point", help="Method for curves of one point; see 'theradose info'."),
    ] = None,
    half_life: Annotated[
        str | None, typer.Option("--half-life", help="Effective half-life assumed for them, such as '50 h'.")
    ] = None,
    half_life_u: Annotated[
        str | None, typer.Option("--half-life-u", help="Its relative standard uncertainty, such as '20 %'.")
    ] = None,
    population: Annotated[
        Path | None, typer.Option("--population", help="Record of populations, for curves of one to three points.")
    ] = None,
    population_nuclide: Annotated[
        str | None,
        typer.Option("--population-nuclide", help="Nuclide of the record, where it is another one: same biology."),
    ] = None,
    points: Annotated[
        int | None, typer.Option("--points", help="Largest number of points taken by the population, 1 to 3.")
    ] = None,
    activity: Annotated[
        str | None, typer.Option("--activity", help="Administered activity of every subject, '7.4 GBq'.")
    ] = None,
    treatments: Annotated[
        Path | None, typer.Option("--treatments", help="Table with the administered activity of each subject.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for a page per curve, curves.pdf, and fits_summary.csv.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit and integrate the time-activity curves of a table."""
    from theradose.numbers import format_estimate, format_percent
    from theradose.workflow.fit import curve_flags, fit_table

    names = None if models is None else [name.strip() for name in models.split(",")]
    with counted_progress("Fitting") as progress:
        table = fit_table(
            curves,
            nuclide=nuclide,
            models=names,
            relative_u=parsed_positive(relative_u, "1", "--relative-u"),
            infusion_h=parsed_infusion(infusion),
            single=_single_point(single_time_point, half_life, half_life_u),
            population=_population(population, population_nuclide, points, activity, treatments),
            out=out,
            progress=progress,
        )
    if not table.fits:
        table.require_complete()
    if as_json:
        print_json(table.to_json())
    else:
        rows = [
            [
                page.subject,
                page.tia.region,
                page.tia.chosen,
                format_estimate(page.tia_estimate),
                format_estimate(page.half_life_estimate),
                format_percent(page.tia.extrapolated_fraction),
                " ".join(curve_flags(page.tia, page.findings)),
            ]
            for page in table.fits
        ]
        print_table(["subject", "region", "model", "MBq·h", "T½ h", "after last", "flags"], rows)
    for page in table.fits:
        critical = [finding for finding in page.findings if finding.severity == "critical"]
        print_findings(replace(finding, where=f"{page.subject}, {finding.where}") for finding in critical)
    print_findings(table.findings)
    print_written(table.files)
    table.require_complete()


def _single_point(method: str | None, half_life: str | None, relative_u: str | None) -> SinglePointChoice | None:
    from theradose.errors import StudyError
    from theradose.kinetics.single_time_point import Assumptions
    from theradose.workflow.fit import SinglePointChoice

    if method is None:
        if half_life is not None or relative_u is not None:
            raise StudyError(
                "--half-life and --half-life-u are for curves of one point: name a method with --single-time-point.",
                code="single-time-point-option",
            )
        return None
    half_life_h = parsed_positive(half_life, "h", "--half-life")
    return SinglePointChoice(method, Assumptions(half_life_h, parsed_positive(relative_u, "1", "--half-life-u")))


def _population(
    record: Path | None, nuclide: str | None, points: int | None, activity: str | None, treatments: Path | None
) -> PopulationChoice | None:
    from theradose.errors import StudyError
    from theradose.workflow.fit import PopulationChoice

    if record is None:
        if not (nuclide is None and points is None and activity is None and treatments is None):
            raise StudyError(
                "--population-nuclide, --points, --activity and --treatments are for members of a population: name its "
                "record with --population.",
                code="population-option",
            )
        return None
    return PopulationChoice(record, nuclide, points, parsed_positive(activity, "MBq", "--activity"), treatments)
