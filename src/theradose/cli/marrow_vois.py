"""``theradose marrow image`` on a table of volumes of interest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from theradose.cli.marrow import print_marrow_findings
from theradose.cli.marrow_options import parsed_recovery, parsed_vois
from theradose.cli.options import parsed_infusion, parsed_positive, parsed_start
from theradose.cli.output import print_json, print_table

if TYPE_CHECKING:
    from theradose.dose.svalues import Sex


def print_voi_table(
    table: Path,
    *,
    nuclide: str | None,
    activity: str | None,
    start: str | None,
    timezone: str | None,
    infusion: str | None,
    treatments: Path | None,
    sex: Sex | None,
    recovery: str | None,
    density: str | None,
    image_u: str | None,
    calibration_u: str | None,
    as_json: bool,
) -> None:
    """Compute and print the red marrow dose of every treatment of a table."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from theradose.errors import StudyError
    from theradose.nuclides import load_nuclide
    from theradose.workflow.marrow_vois import VoiMarrowOptions, image_marrow_table
    from theradose.workflow.marrow_vois_document import voi_document
    from theradose.workflow.treatments import TreatmentDefaults

    if nuclide is None:
        raise StudyError(
            "A table of volumes of interest does not name the nuclide: add --nuclide, for example Lu-177.",
            code="marrow-option",
        )
    moment = parsed_start(start, "--start")
    options = VoiMarrowOptions(
        nuclide,
        vois=parsed_vois(image_u, calibration_u, density, start=moment, timezone=timezone),
        treatment=TreatmentDefaults(
            activity_mbq=parsed_positive(activity, "MBq", "--activity"),
            start=moment,
            infusion_h=parsed_infusion(infusion),
            sex=sex,
        ),
        image=parsed_recovery(recovery),
    )
    results = image_marrow_table([table], options, treatments=treatments)
    print_marrow_findings([finding for result in results for finding in result.findings])
    if as_json:
        print_json(voi_document(results, load_nuclide(nuclide), method=options.method))
        return
    rows = []
    for result in results:
        per_activity = result.dose_per_activity_gy_gbq
        rows.append(
            [
                result.curve.series.label,
                str(len(result.tia.curve.t_h)),
                result.tia.chosen,
                f"{result.tia.value.value:.4g} ± {result.tia.value.u:.2g}",
                f"{result.dose.self_gy.value:.4g} ± {result.dose.self_gy.u:.2g}",
                "-" if per_activity is None else f"{1e3 * per_activity.value:.4g} ± {1e3 * per_activity.u:.2g}",
                ", ".join(result.refused),
                " ".join(result.flags),
            ]
        )
    print_table(["treatment", "images", "model", "MBq·h/mL", "self Gy", "mGy/GBq", "refused", "flags"], rows)
