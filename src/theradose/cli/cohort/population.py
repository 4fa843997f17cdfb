"""``theradose cohort population``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from theradose.cli.options import parsed_positive
from theradose.cli.output import JsonOption, print_findings, print_json, print_table, print_written, step_progress


class OmegaName(StrEnum):
    """Covariance between patients."""

    AUTOMATIC = "automatic"
    DIAGONAL = "diagonal"
    FULL = "full"


_OMEGAS: dict[OmegaName, tuple[Literal["diagonal", "full"], ...]] = {
    OmegaName.AUTOMATIC: ("diagonal", "full"),
    OmegaName.DIAGONAL: ("diagonal",),
    OmegaName.FULL: ("full",),
}


class ErrorName(StrEnum):
    """Scatter of the points."""

    AUTOMATIC = "automatic"
    STATED = "stated"
    SCALED = "scaled"
    PROPORTIONAL = "proportional"
    BOTH = "both"


class FitName(StrEnum):
    """Approximation of the likelihood."""

    LAPLACE = "laplace"
    LINDSTROM_BATES = "lindstrom-bates"


class SidesName(StrEnum):
    """What becomes of left and right."""

    EACH = "each"
    SUM = "sum"
    SEPARATE = "separate"


def population_command(
    tables: Annotated[list[Path], typer.Argument(help="Tables of curves, or of blood samples with --blood (CSV).")],
    nuclide: Annotated[str, typer.Option("--nuclide", help="Of all patients, Lu-177.")],
    activity: Annotated[
        str | None, typer.Option("--activity", help="Administered to every subject, '7.4 GBq'.")
    ] = None,
    treatments: Annotated[
        Path | None, typer.Option("--treatments", help="Table with the administered activity of each subject (CSV).")
    ] = None,
    therapy: Annotated[str | None, typer.Option("--therapy", help="For the record, lu177-dotatate.")] = None,
    models: Annotated[
        str | None, typer.Option("--models", help="Forms to choose from, 'uptake,f4d'; all usual ones by default.")
    ] = None,
    omega: Annotated[OmegaName, typer.Option("--omega", help="Covariance between patients.")] = OmegaName.AUTOMATIC,
    error: Annotated[ErrorName, typer.Option("--error", help="Scatter of the points.")] = ErrorName.AUTOMATIC,
    method: Annotated[FitName, typer.Option("--method", help="Of the final fit.")] = FitName.LAPLACE,
    sides: Annotated[
        SidesName, typer.Option("--sides", help="Left and right: a curve each in one population, their sum, or two.")
    ] = SidesName.EACH,
    blood: Annotated[
        bool, typer.Option("--blood", help="The tables are blood samples: two or three compartments.")
    ] = False,
    infusion: Annotated[str | None, typer.Option("--infusion", help="Length of the infusion, '30 min'.")] = None,
    amino_acids: Annotated[
        str | None, typer.Option("--amino-acids-until", help="End of the amino-acid infusion after t = 0, '6 h'.")
    ] = None,
    elimination_ratio: Annotated[
        float | None,
        typer.Option(
            "--elimination-ratio", help="Elimination with amino acids over that without; estimated if left out."
        ),
    ] = None,
    relative_u: Annotated[
        str | None, typer.Option("--relative-u", help="Uncertainty of points whose u_mbq is empty, '5 %'.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the visual predictive check.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for population.json, report.pdf, report.json and tables.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate how curves vary between patients, and write the record that later patients are measured with."""
    from theradose.workflow.cohort_population import PopulationOptions, population_of_cohort
    from theradose.workflow.cohort_population_document import cohort_population_document, write_population

    options = PopulationOptions(
        tables=tuple(tables),
        nuclide=nuclide,
        activity_mbq=parsed_positive(activity, "MBq", "--activity"),
        treatments=treatments,
        therapy=therapy,
        blood=blood,
        forms=() if models is None else tuple(name.strip() for name in models.split(",")),
        omegas=_OMEGAS[omega],
        error=error.value,
        method=method.value,
        sides=sides.value,
        infusion_h=parsed_positive(infusion, "h", "--infusion") or 0.0,
        amino_acids_until_h=parsed_positive(amino_acids, "h", "--amino-acids-until") or 0.0,
        elimination_ratio=elimination_ratio,
        relative_u=parsed_positive(relative_u, "1", "--relative-u"),
        seed=seed,
    )
    with step_progress() as on_step:
        report = population_of_cohort(options, on_step=on_step)
        document = cohort_population_document(report)
        written = () if out is None else write_population(report, document, out)
    if as_json:
        print_json(document)
    else:
        rows = [_row(entry) for entry in document["populations"]]
        print_table(["regions", "form", "patients", "curves", "T½ h [90 %]", "integral per activity h [90 %]"], rows)
    print_findings(report.findings)
    print_written(written)


def _row(entry: dict[str, object]) -> list[str]:
    from theradose.numbers import format_number

    ranges = []
    for key in ("half_life_h", "integral_per_activity_h"):
        found = entry[key]
        assert isinstance(found, dict)
        low, middle, high = (format_number(found[name]) for name in ("p5", "p50", "p95"))
        ranges.append(f"{middle} [{low}, {high}]")
    regions = entry["regions"]
    assert isinstance(regions, list)
    return [", ".join(regions), str(entry["form"]), str(entry["patients"]), str(entry["curves"]), *ranges]
