"""``theradose marrow``."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theradose.cli.output import JsonOption, print_json, print_message, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from theradose.model.finding import Finding
    from theradose.model.samples import CounterCalibration
    from theradose.nuclides import Nuclide
    from theradose.uncertainty import Uncertain
    from theradose.workflow.marrow import BloodMarrow

marrow_app = typer.Typer(help="Dose to red marrow.", no_args_is_help=True)


class SpecimenName(StrEnum):
    """What was sampled."""

    BLOOD = "blood"
    PLASMA = "plasma"
    SERUM = "serum"


class SexName(StrEnum):
    """Sex of the reference adult."""

    M = "M"
    F = "F"


class InstrumentName(StrEnum):
    """What measured the samples."""

    GAMMA_COUNTER = "gamma-counter"
    ACTIVITY_METER = "activity-meter"


class ProfileName(StrEnum):
    """An analysis beside ours."""

    AS_PUBLISHED = "as-published"


@marrow_app.callback()
def marrow_root() -> None:
    """Dose to red marrow."""


@marrow_app.command("blood")
def blood_command(
    samples: Annotated[list[Path], typer.Argument(help="Tables of blood samples (CSV).")],
    nuclide: Annotated[str, typer.Option("--nuclide", help="For example Lu-177.")],
    activity: Annotated[str | None, typer.Option("--activity", help="Administered activity, '7.4 GBq'.")] = None,
    start: Annotated[str | None, typer.Option("--start", help="Start of the administration, ISO 8601.")] = None,
    timezone: Annotated[str | None, typer.Option("--timezone", help="IANA zone of times without offset.")] = None,
    infusion: Annotated[str, typer.Option("--infusion", help="Length of the infusion, '30 min'.")] = "0 h",
    treatments: Annotated[
        Path | None, typer.Option("--treatments", help="Table with activity, start, sex … of each treatment.")
    ] = None,
    specimen: Annotated[SpecimenName | None, typer.Option("--specimen", help="Where the table is silent.")] = None,
    haematocrit: Annotated[
        str | None, typer.Option("--haematocrit", help="Where the table is silent, 0.42 or '42 %'.")
    ] = None,
    sex: Annotated[SexName | None, typer.Option("--sex", help="Of the reference adult.")] = None,
    rmblr: Annotated[
        str, typer.Option("--rmblr", help="Ratio of marrow and blood: 1, sgouros, or a number of your own.")
    ] = "1",
    method: Annotated[str, typer.Option("--method", help="One of the marrow methods of 'theradose info'.")] = "s-value",
    models: Annotated[str | None, typer.Option("--models", help="Curve models to try, 'mono,bi,tri'.")] = None,
    marrow_mass: Annotated[str | None, typer.Option("--marrow-mass", help="Of the patient, '1100 g'.")] = None,
    whole_body_tia: Annotated[
        float | None, typer.Option("--whole-body-tia", help="Time-integrated activity of the whole body, MBq h.")
    ] = None,
    probe: Annotated[
        Path | None, typer.Option("--probe", help="Whole-body probe readings (CSV), instead of --whole-body-tia.")
    ] = None,
    counter_record: Annotated[
        Path | None, typer.Option("--counter-record", help="Calibration record of the counter (YAML).")
    ] = None,
    counter: Annotated[str, typer.Option("--counter", help="Name of the counter.")] = "counter",
    efficiency: Annotated[
        str | None, typer.Option("--efficiency", help="Of the counter for this nuclide and tube, '95 cps/kBq'.")
    ] = None,
    efficiency_u: Annotated[
        str | None, typer.Option("--efficiency-u", help="Its relative standard uncertainty, '2 %'.")
    ] = None,
    dead_time: Annotated[str | None, typer.Option("--dead-time", help="Of the counter, '4 us'.")] = None,
    instrument: Annotated[
        InstrumentName, typer.Option("--instrument", help="What measured the samples.")
    ] = InstrumentName.GAMMA_COUNTER,
    measurement_u: Annotated[
        str | None, typer.Option("--measurement-u", help="Repeatability of one sample besides counting, '3 %'.")
    ] = None,
    profile: Annotated[
        ProfileName | None, typer.Option("--profile", help="Repeat a published analysis beside this one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the red marrow dose from blood samples of one treatment or of a cohort."""
    # Threads slow down the small linear algebra of curve fits; this holds if numpy is not loaded yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from theradose.nuclides import load_nuclide
    from theradose.quantify.samples import SampleOptions
    from theradose.units import parse_quantity
    from theradose.workflow.marrow import BloodMarrowOptions, blood_marrow
    from theradose.workflow.marrow_document import blood_document

    record = load_nuclide(nuclide)
    administered = _positive(activity, "MBq", "--activity")
    infusion_h = parse_quantity(infusion, "h")
    whole_body, noticed = _whole_body(
        whole_body_tia, probe, record, administered, start=_moment(start), timezone=timezone, infusion_h=infusion_h
    )
    calibration = _calibration(counter, efficiency, efficiency_u, dead_time)
    if counter_record is not None:
        calibration, checked = _recorded(counter_record, calibration, samples, nuclide)
        noticed = (*noticed, *checked)
    options = BloodMarrowOptions(
        nuclide=nuclide,
        samples=SampleOptions(
            start=_moment(start),
            timezone=timezone,
            calibration=calibration,
            instrument=instrument.value,
            repeatability_u=None if measurement_u is None else parse_quantity(measurement_u, "1"),
        ),
        activity_mbq=administered,
        infusion_h=infusion_h,
        specimen=None if specimen is None else specimen.value,
        haematocrit=_positive(haematocrit, "1", "--haematocrit"),
        sex=None if sex is None else sex.value,
        ratio=rmblr,
        method=method,
        models=None if models is None else tuple(name.strip() for name in models.split(",")),
        marrow_mass_g=_positive(marrow_mass, "g", "--marrow-mass"),
        whole_body_tia_mbq_h=whole_body,
    )
    results = blood_marrow(samples, options, treatments=treatments)
    document = blood_document(results, record, method=method, findings=noticed)
    if profile is ProfileName.AS_PUBLISHED:
        from theradose.workflow.marrow_published import published_analysis

        document["as_published"] = published_analysis(results, record, method=method)
    _print_findings([*noticed, *(finding for result in results for finding in result.findings)])
    if as_json:
        print_json(document)
        return
    _print_results(results)
    if profile is not None:
        _print_published(document["as_published"])


def _print_findings(findings: Sequence[Finding]) -> None:
    """Print each kind of finding that limits a result once, with one example."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.severity != "info":
            found.setdefault((finding.severity, finding.code), []).append(finding)
    for (severity, code), alike in found.items():
        where = alike[0].where if len(alike) == 1 else f"{len(alike)} times, for example {alike[0].where}"
        print_message(f"{severity}: {where}: {alike[0].message} [{code}]")


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


def _moment(text: str | None) -> datetime | None:
    from datetime import datetime

    from theradose.errors import StudyError

    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise StudyError(
            f"'{text}' of --start is not a date and time: write it as 2026-03-02T10:00, with an offset if known.",
            code="administration-start",
        ) from None


def _positive(text: str | None, unit: str, option: str) -> float | None:
    from theradose.errors import StudyError
    from theradose.units import parse_quantity

    if text is None:
        return None
    value = parse_quantity(text, unit)
    if value <= 0 or (unit == "1" and value >= 1):
        valid = "a fraction between 0 and 1" if unit == "1" else "a positive quantity"
        raise StudyError(f"'{text}' of {option} is not {valid}: correct it.", code="option-range")
    return value


def _calibration(
    name: str, efficiency: str | None, relative_u: str | None, dead_time: str | None
) -> CounterCalibration | None:
    from theradose.model.samples import CounterCalibration
    from theradose.units import parse_quantity

    if efficiency is None:
        return None
    return CounterCalibration(
        name=name,
        efficiency_cps_per_mbq=parse_quantity(efficiency, "cps/MBq"),
        relative_u=None if relative_u is None else parse_quantity(relative_u, "1"),
        dead_time_us=None if dead_time is None else parse_quantity(dead_time, "us"),
    )


def _recorded(
    record: Path, stated: CounterCalibration | None, samples: list[Path], nuclide: str
) -> tuple[CounterCalibration, tuple[Finding, ...]]:
    from theradose.errors import StudyError
    from theradose.workflow.counter_record import counter_of_samples

    if stated is not None:
        raise StudyError(
            "The options --counter-record and --efficiency exclude each other: keep one of them.", code="counter-option"
        )
    return counter_of_samples(record, samples, nuclide=nuclide)


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
    options = ProbeOptions(administered_mbq, start=start, timezone=timezone)
    body = whole_body_by_probe(probe, nuclide=nuclide, options=options, infusion_h=infusion_h)
    return body.tia.value, body.findings
