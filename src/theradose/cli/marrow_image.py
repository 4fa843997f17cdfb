"""``theradose marrow image``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theradose.cli.marrow_options import (
    ActivityOption,
    CalibrationUOption,
    DensityOption,
    ImageUOption,
    InfusionOption,
    RecoveryOption,
    SexOption,
    StartOption,
    TimezoneOption,
    TreatmentsOption,
)
from theradose.cli.marrow_vois import print_voi_table
from theradose.cli.output import JsonOption, print_findings, print_json, print_table, step_progress

if TYPE_CHECKING:
    from theradose.uncertainty import Uncertain


def image_command(
    study: Annotated[
        Path, typer.Argument(help="study.yaml, the folder that holds it, or a table of volumes of interest (.csv).")
    ],
    nuclide: Annotated[str | None, typer.Option("--nuclide", help="Of a table; a study has its own.")] = None,
    activity: ActivityOption = None,
    start: StartOption = None,
    timezone: TimezoneOption = None,
    infusion: InfusionOption = None,
    treatments: TreatmentsOption = None,
    sex: SexOption = None,
    recovery: RecoveryOption = None,
    density: DensityOption = None,
    image_u: ImageUOption = None,
    calibration_u: CalibrationUOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the red marrow dose from images: of a study, or of a table of volumes of interest.

    All options except --json are for tables.
    """
    if study.suffix.lower() == ".csv":
        print_voi_table(
            study,
            nuclide=nuclide,
            activity=activity,
            start=start,
            timezone=timezone,
            infusion=infusion,
            treatments=treatments,
            sex=None if sex is None else sex.value,
            recovery=recovery,
            density=density,
            image_u=image_u,
            calibration_u=calibration_u,
            as_json=as_json,
        )
        return
    of_tables = {
        "--nuclide": nuclide, "--activity": activity, "--start": start, "--timezone": timezone, "--infusion": infusion,
        "--treatments": treatments, "--sex": sex, "--recovery": recovery, "--density": density, "--image-u": image_u,
        "--calibration-u": calibration_u,
    }  # fmt: skip
    if unused := [name for name, value in of_tables.items() if value is not None]:
        from theradose.errors import StudyError

        raise StudyError(
            f"A study states nuclide, activity, times and recovery itself: leave out {unused[0]}, which is for tables.",
            code="marrow-option",
        )
    from theradose.spatial.marrow import MARROW_VOLUME
    from theradose.workflow.marrow_study import marrow_of_study

    with step_progress() as on_step:
        result = marrow_of_study(study, on_step=on_step)
    # Of the rest of the study only what makes numbers wrong: 'theradose run' lists it all.
    print_findings(
        finding
        for finding in result.findings
        if finding.severity == "critical" or finding.where.startswith(MARROW_VOLUME)
    )
    if as_json:
        print_json(result.to_json())
        return
    marrow, measured = result.marrow, result.marrow.measured
    print(f"{measured.volume.volume_ml:.3g} mL of spongiosa in {', '.join(measured.sites)}, {measured.settings.method}")
    names = ["model", "MBq·h/mL", "self Gy", "rest of body Gy", "mGy/GBq", "flags"]
    row = [
        marrow.tia.chosen,
        _with_u(marrow.tia.value),
        _with_u(marrow.dose.self_gy),
        "not known" if marrow.dose.cross_gy is None else _with_u(marrow.dose.cross_gy),
        _with_u(marrow.dose_per_activity_gy_gbq * 1e3),
        " ".join(marrow.flags),
    ]
    print_table(names, [row])


def _with_u(quantity: Uncertain) -> str:
    return f"{quantity.value:.4g} ± {quantity.u:.2g}"
