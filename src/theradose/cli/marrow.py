"""``theradose marrow``."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theradose.cli.marrow_options import (
    ActivityOption,
    CounterOption,
    CounterRecordOption,
    DeadTimeOption,
    EfficiencyOption,
    EfficiencyUOption,
    HaematocritOption,
    InfusionOption,
    InstrumentName,
    InstrumentOption,
    MeasurementUOption,
    MethodOption,
    NuclideOption,
    ProfileName,
    ProfileOption,
    RatioOption,
    SamplesArgument,
    SexOption,
    SpecimenOption,
    StartOption,
    TimezoneOption,
    TreatmentsOption,
    parsed_counter,
    parsed_samples,
)
from theradose.cli.options import parsed_infusion, parsed_positive, parsed_start
from theradose.cli.output import JsonOption, print_findings, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from theradose.model.finding import Finding
    from theradose.nuclides import Nuclide
    from theradose.uncertainty import Uncertain
    from theradose.workflow.marrow import BloodMarrow

marrow_app = typer.Typer(help="Dose to red marrow.", no_args_is_help=True)


@marrow_app.callback()
def marrow_root() -> None:
    """Dose to red marrow."""


@marrow_app.command("blood")
def blood_command(
    samples: SamplesArgument,
    nuclide: NuclideOption,
    activity: ActivityOption = None,
    start: StartOption = None,
    timezone: TimezoneOption = None,
    infusion: InfusionOption = None,
    treatments: TreatmentsOption = None,
    specimen: SpecimenOption = None,
    haematocrit: HaematocritOption = None,
    sex: SexOption = None,
    rmblr: RatioOption = "1",
    method: MethodOption = "s-value",
    models: Annotated[str | None, typer.Option("--models", help="Curve models to try, 'mono,bi,tri'.")] = None,
    marrow_mass: Annotated[str | None, typer.Option("--marrow-mass", help="Of the patient, '1100 g'.")] = None,
    whole_body_tia: Annotated[
        float | None, typer.Option("--whole-body-tia", help="Time-integrated activity of the whole body, MBq h.")
    ] = None,
    probe: Annotated[
        Path | None, typer.Option("--probe", help="Whole-body probe readings (CSV), instead of --whole-body-tia.")
    ] = None,
    counter_record: CounterRecordOption = None,
    counter: CounterOption = None,
    efficiency: EfficiencyOption = None,
    efficiency_u: EfficiencyUOption = None,
    dead_time: DeadTimeOption = None,
    instrument: InstrumentOption = InstrumentName.GAMMA_COUNTER,
    measurement_u: MeasurementUOption = None,
    profile: ProfileOption = None,
    population: Annotated[
        Path | None, typer.Option("--population", help="Record of a population of blood, for two or three samples.")
    ] = None,
    amino_acids: Annotated[
        str | None,
        typer.Option("--amino-acids-until", help="End of the amino-acid infusion, '6 h', if not the record's."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the red marrow dose from blood samples of one treatment or of a cohort."""
    # Threads slow down the small linear algebra of curve fits; this holds if numpy is not loaded yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from theradose.nuclides import load_nuclide
    from theradose.workflow.marrow import BloodMarrowOptions, blood_marrow
    from theradose.workflow.marrow_document import blood_document

    record = load_nuclide(nuclide)
    administered = parsed_positive(activity, "MBq", "--activity")
    infusion_h = parsed_infusion(infusion)
    moment = parsed_start(start, "--start")
    whole_body, noticed = _whole_body(
        whole_body_tia,
        probe,
        record,
        administered,
        start=moment,
        timezone=timezone,
        infusion_h=infusion_h,
    )
    calibration, checked = parsed_counter(
        counter, efficiency, efficiency_u, dead_time, record=counter_record, samples=samples, nuclide=nuclide
    )
    noticed = (*noticed, *checked)
    options = BloodMarrowOptions(
        nuclide=nuclide,
        samples=parsed_samples(calibration, instrument, measurement_u, start=moment, timezone=timezone),
        activity_mbq=administered,
        infusion_h=infusion_h,
        specimen=None if specimen is None else specimen.value,
        haematocrit=parsed_positive(haematocrit, "1", "--haematocrit"),
        sex=None if sex is None else sex.value,
        ratio=rmblr,
        method=method,
        models=None if models is None else tuple(name.strip() for name in models.split(",")),
        marrow_mass_g=parsed_positive(marrow_mass, "g", "--marrow-mass"),
        whole_body_tia_mbq_h=whole_body,
        population=population,
        amino_acids_until_h=parsed_positive(amino_acids, "h", "--amino-acids-until"),
    )
    results = blood_marrow(samples, options, treatments=treatments)
    document = blood_document(results, record, method=method, findings=noticed)
    if profile is ProfileName.AS_PUBLISHED:
        from theradose.workflow.marrow_published import published_analysis

        document["as_published"] = published_analysis(results, record)
    print_marrow_findings([*noticed, *(finding for result in results for finding in result.findings)])
    if as_json:
        print_json(document)
        return
    _print_results(results)
    if profile is not None:
        _print_published(document["as_published"])


def print_marrow_findings(findings: Sequence[Finding]) -> None:
    """Print each kind of finding that limits a result once, with one example."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        found.setdefault((finding.severity, finding.code), []).append(finding)
    for alike in found.values():
        where = alike[0].where if len(alike) == 1 else f"{len(alike)} times, for example {alike[0].where}"
        print_findings([replace(alike[0], where=where)])


def _print_results(results: tuple[BloodMarrow, ...]) -> None:
    rows = []
    for result in results:
        per_activity, cross = result.dose_per_activity_gy_gbq, result.dose.cross_gy
        rows.append(
            [
                result.curve.series.label,
                result.tia.chosen,
                result.curve.specimen,
                f"{result.ratio.value.value:.3g}",
                f"{result.tia.value.value:.4g} ± {result.tia.value.u:.2g}",
                f"{result.dose.self_gy.value:.4g} ± {result.dose.self_gy.u:.2g}",
                "not known" if cross is None else f"{cross.value:.3g} ± {cross.u:.2g}",
                "-" if per_activity is None else f"{1e3 * per_activity.value:.4g} ± {1e3 * per_activity.u:.2g}",
                " ".join(result.flags),
            ]
        )
    print_table(["treatment", "model", "specimen", "RMBLR", "MBq·h/L", "self Gy", "cross Gy", "mGy/GBq", "flags"], rows)


def _print_published(analysis: dict[str, Any]) -> None:
    print("\nAs published (unweighted, unbounded) beside ours (weighted, bounded): self dose, mGy/GBq, median [range]")
    rows = [
        [model, _range(analysis["table_3_mgy_per_gbq"][model]), _range(analysis["ours_mgy_per_gbq"][model])]
        for model in analysis["table_3_mgy_per_gbq"]
    ]
    print_table(["model", "as published", "ours"], rows)
    late = analysis["late_samples"]
    cut = f"{late['later_than_h']:g} h ({late['treatments']} treatments)"
    print(f"\nWithout samples after {cut}: change in per cent, median [range]")
    rows = [
        [model, _range(late["table_5_percent"][model]), _range(late["weighted_percent"][model])]
        for model in late["table_5_percent"]
    ]
    print_table(["model", "as published", "ours"], rows)


def _range(summary: dict[str, Any]) -> str:
    if not summary["n"]:
        return "-"
    return f"{summary['median']:.3g} [{summary['min']:.3g}, {summary['max']:.3g}], n = {summary['n']}"


def _whole_body(
    tia_mbq_h: float | None,
    probe: Path | None,
    nuclide: Nuclide,
    administered_mbq: float | None,
    *,
    start: datetime | None,
    timezone: str | None,
    infusion_h: float,
) -> tuple[Uncertain | None, tuple[Finding, ...]]:
    """Return the time-integrated activity of the whole body, stated or from probe readings."""
    from theradose.errors import StudyError
    from theradose.quantify.whole_body import ProbeOptions
    from theradose.uncertainty import Uncertain
    from theradose.workflow.whole_body import whole_body_by_probe

    if probe is None:
        if tia_mbq_h is None:
            return None, ()
        return Uncertain(tia_mbq_h, not_stated=frozenset({"tia:total-body"})), ()
    if tia_mbq_h is not None or administered_mbq is None:
        problem = "excludes --whole-body-tia" if tia_mbq_h is not None else "needs --activity to calibrate the probe"
        raise StudyError(f"The option --probe {problem}: change the options.", code="probe-option")
    options = ProbeOptions(administered_mbq, start=start, timezone=timezone, infusion_h=infusion_h)
    body = whole_body_by_probe(probe, nuclide=nuclide, options=options)
    return body.tia.value, body.findings
