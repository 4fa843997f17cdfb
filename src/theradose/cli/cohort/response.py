"""``theradose cohort response``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theradose.cli.options import parsed_count, parsed_positive
from theradose.cli.output import (
    JsonOption,
    ReportFolderOption,
    print_findings,
    print_json,
    print_table,
    print_written,
    step_progress,
)

if TYPE_CHECKING:
    from theradose.cohort.response.analysis import ResponseAnalysis
    from theradose.cohort.response.settings import ResponseSettings


class PrimaryDose(StrEnum):
    """Sum of doses of the primary analysis."""

    ALL_CYCLES = "all-cycles"
    BEST_RESPONSE = "best-response"


class Cycles(StrEnum):
    """How uncertainties of cycles add."""

    SHARED = "shared"
    INDEPENDENT = "independent"


class Grade(StrEnum):
    """Grade of tumours."""

    G1 = "G1"
    G2 = "G2"
    G3 = "G3"


def response_command(
    tumours: Annotated[Path, typer.Argument(help="CSV, one row per tumour: patient,tumour,grade,…")],
    volumes: Annotated[
        Path | None, typer.Option("--volumes", help="CSV: patient,tumour,date,volume_ml,u_volume_ml.")
    ] = None,
    doses: Annotated[
        Path | None,
        typer.Option("--doses", help="CSV: patient,tumour,cycle,date,dose_gy,u_dose_gy,u_shared_gy,activity_gbq."),
    ] = None,
    primary: Annotated[
        PrimaryDose | None, typer.Option("--primary", help="Sum of doses of the primary analysis, chosen in advance.")
    ] = None,
    grade: Annotated[Grade | None, typer.Option("--grade", help="Analyse the tumours of one grade only.")] = None,
    at: Annotated[
        list[str] | None, typer.Option("--at", help="Dose whose odds, sensitivity and specificity are stated, '76 Gy'.")
    ] = None,
    responder: Annotated[
        str | None, typer.Option("--responder", help="Loss of volume of a responder, '66 %' by default.")
    ] = None,
    smallest: Annotated[
        str | None, typer.Option("--smallest", help="Smallest volume at baseline, '4 mL' by default.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Volume between small and large tumours, '30 mL' by default.")
    ] = None,
    growth: Annotated[
        str | None, typer.Option("--growth", help="Gain of volume that is growth, '72.8 %' by default.")
    ] = None,
    cycles: Annotated[
        Cycles, typer.Option("--cycles", help="How uncertainties of cycles add where the table does not say.")
    ] = Cycles.SHARED,
    replicates: Annotated[
        str | None, typer.Option("--replicates", help="Resamples of the area under the curve, 10000 by default.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the resamples.")] = 177,
    out: ReportFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyse how the response of tumours depends on their absorbed dose."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from theradose.cohort.response.settings import default_settings
    from theradose.workflow.cohort_response import run_response, write_response

    default = default_settings()
    settings: ResponseSettings = replace(
        default,
        responder=parsed_positive(responder, "1", "--responder") or default.responder,
        smallest_ml=parsed_positive(smallest, "mL", "--smallest") or default.smallest_ml,
        split_ml=parsed_positive(split, "mL", "--split") or default.split_ml,
        growth=parsed_positive(growth, "1", "--growth") or default.growth,
        primary=None if primary is None else primary.value,
        cycles=cycles.value,
        grade=None if grade is None else grade.value,
        doses_gy=tuple(gy for text in at or () if (gy := parsed_positive(text, "Gy", "--at"))),
        replicates=parsed_count(replicates, "--replicates") or default.replicates,
        seed=seed,
    )
    with step_progress() as step:
        run = run_response(tumours, settings=settings, volumes=volumes, doses=doses, step=step)
        written = () if out is None else write_response(run, out, created=datetime.now(UTC))
    print_findings(run.analysis.findings)
    if as_json:
        print_json(run.document)
    else:
        _print_analysis(run.analysis)
    print_written(written)


def _print_analysis(analysis: ResponseAnalysis) -> None:
    from theradose.numbers import format_number, format_p
    from theradose.report.cohort_response import answers

    for text in answers(analysis):
        print(text)
    print()
    rows = [["all tumours", "", str(analysis.selection.initial.tumours), str(analysis.selection.initial.patients)]]
    rows += [[s.reason, f"−{s.removed}", str(s.left.tumours), str(s.left.patients)] for s in analysis.selection.steps]
    print_table(["selection", "removed", "tumours", "patients"], rows)
    print()
    rows = [
        [
            means.quantity,
            means.grade,
            " / ".join(format_number(mean.estimate) for mean in means.means) or "no model, see the report",
            format_p(means.test.p) if means.test else "",
        ]
        for one in analysis.by_dose
        for means in (*one.dose_means, *one.activity_means)
    ]
    print_table(["mean of others / responders", "grade", "", ""], rows)
