"""``theradose cohort foci``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from theradose.cli.options import parsed_positive
from theradose.cli.output import JsonOption, ReportFolderOption, print_findings, print_json, print_table, print_written


class ErrorsName(StrEnum):
    """Errors of counted foci."""

    POISSON = "poisson"
    QUASI_POISSON = "quasi-poisson"
    NEGATIVE_BINOMIAL = "negative-binomial"


def foci_command(
    foci: Annotated[Path, typer.Argument(help="Table of foci (CSV).")],
    blood: Annotated[
        Path | None, typer.Option("--blood", help="Blood samples of the same treatments (CSV), for the dose rate.")
    ] = None,
    treatments: Annotated[
        Path | None, typer.Option("--treatments", help="Table with infusion, haematocrit … of each treatment.")
    ] = None,
    nuclide: Annotated[str | None, typer.Option("--nuclide", help="In blood, for example Lu-177.")] = None,
    errors: Annotated[ErrorsName, typer.Option("--errors", help="Of the counts.")] = ErrorsName.QUASI_POISSON,
    unrepaired: Annotated[
        float | None, typer.Option("--unrepaired", help="Share of foci that is never repaired, held at this value.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Last sample of the line by dose, '5 h' by default.")
    ] = None,
    out: ReportFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit induction and repair of foci in blood cells, and foci by dose to blood in the first hours."""
    from theradose.errors import StudyError
    from theradose.workflow.cohort_foci import FociOptions, foci_of_cohort
    from theradose.workflow.cohort_foci_document import foci_document, write_foci

    if unrepaired is not None and not 0 <= unrepaired <= 1:
        raise StudyError(f"{unrepaired:g} of --unrepaired is no share from 0 to 1.", code="option-range")
    report = foci_of_cohort(
        FociOptions(
            foci=foci,
            blood=blood,
            treatments=treatments,
            nuclide=nuclide,
            errors=errors.value,
            unrepaired=unrepaired,
            until_h=parsed_positive(until, "h", "--until"),
        )
    )
    document = foci_document(report)
    written = () if out is None else write_foci(report, document, out)
    if as_json:
        print_json(document)
    else:
        rows = [
            [
                item.label,
                str(len(item.samples)),
                *(
                    ["-"] * 3
                    if item.fit is None
                    else [
                        f"{value.value:.3g} [{value.low:.3g}, {value.high:.3g}]"
                        for value in (item.fit.induction_per_mgy, item.fit.repair_half_life_h, item.fit.unrepaired)
                    ]
                ),
            ]
            for item in report.treatments
        ]
        print_table(["treatment", "samples", "foci/(cell mGy)", "repair half-life h", "unrepaired"], rows)
        if report.line is not None:
            slope = report.line.slope_per_mgy
            print(
                f"until {report.until_h:g} h: {slope.value:.3g} [{slope.low:.3g}, {slope.high:.3g}] foci per cell and "
                f"mGy, p {report.line.p:.2g}"
            )
    print_findings(report.findings, with_info=True)
    print_written(written)
