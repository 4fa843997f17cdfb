"""``theradose calibrate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theradose.cli.options import parsed_day, parsed_moment, parsed_positive
from theradose.cli.output import JsonOption, print_findings, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from theradose.model.calibration import ConstancyCheck, Kind
    from theradose.quantify.source_factor import KnownDeadTime
    from theradose.workflow.calibration_record import Calibrated, RecordTarget

calibrate_app = typer.Typer(help="Calibration records of cameras, counters and probes.", no_args_is_help=True)


class ShapeName(StrEnum):
    """Shape of the source of a camera."""

    CYLINDER = "cylinder"
    SPHERE = "sphere"
    POINT = "point"
    LARGE_FIELD = "large-field"


class ModelName(StrEnum):
    """How a detector loses counts."""

    PARALYSABLE = "paralysable"
    NON_PARALYSABLE = "non-paralysable"


class ScatterName(StrEnum):
    """How scattered photons are taken off planar images."""

    AUTOMATIC = "automatic"
    TEW = "tew"
    DEW = "dew"
    NONE = "none"


class AxisName(StrEnum):
    """Direction of a cylinder in LPS coordinates."""

    X = "x"
    Y = "y"
    Z = "z"


RecordOption = Annotated[Path, typer.Option("--record", help="Record to make or to extend (YAML).")]
NuclideOption = Annotated[str, typer.Option("--nuclide", help="Of the calibration, Lu-177.")]
NameOption = Annotated[str | None, typer.Option("--name", help="Your name of the instrument.")]
ActivityOption = Annotated[str | None, typer.Option("--activity", help="Reading of the activity meter, '1.02 GBq'.")]
AtOption = Annotated[str | None, typer.Option("--at", help="Moment of that reading, ISO 8601.")]
UOption = Annotated[str | None, typer.Option("--u", help="Relative standard uncertainty of the activity, '2 %'.")]
DeadTimeOption = Annotated[str | None, typer.Option("--dead-time", help="Instead of the record's, '4 us'.")]
ModelOption = Annotated[ModelName | None, typer.Option("--model", help="Dead-time model.")]
ReconstructionOption = Annotated[
    str | None, typer.Option("--reconstruction", help="In words, where the header does not say it.")
]
CollimatorOption = Annotated[str | None, typer.Option("--collimator", help="Where the header does not say it.")]
ValidOption = Annotated[str | None, typer.Option("--valid-until", help="Last day, 2027-02-28.")]
TimezoneOption = Annotated[str | None, typer.Option("--timezone", help="IANA zone of times without offset.")]


@calibrate_app.callback()
def calibrate_root() -> None:
    """Measure what turns counts into activity, and keep it in dated records."""


@calibrate_app.command("camera")
def camera_command(
    path: Annotated[
        Path, typer.Argument(help="SPECT or planar images of the source (DICOM), or a table of counts (CSV).")
    ],
    record: RecordOption,
    nuclide: NuclideOption,
    geometry: Annotated[ShapeName, typer.Option("--geometry", help="Shape of the source.")],
    activity: ActivityOption = None,
    at: AtOption = None,
    u: UOption = None,
    diameter: Annotated[str | None, typer.Option("--diameter", help="Of cylinder or sphere, '200 mm'.")] = None,
    height: Annotated[str | None, typer.Option("--height", help="Of the cylinder, '180 mm'.")] = None,
    volume: Annotated[str | None, typer.Option("--volume", help="Of the source, '5640 mL'.")] = None,
    distance: Annotated[str | None, typer.Option("--distance", help="From the collimator, '10 cm'.")] = None,
    margin: Annotated[
        str | None, typer.Option("--margin", help="Sum the counts of the geometry grown by this, '30 mm'.")
    ] = None,
    axis: Annotated[
        AxisName | None,
        typer.Option("--axis", help="Along which the cylinder lies (LPS), z by default; planar views look along y."),
    ] = None,
    threshold: Annotated[
        str | None, typer.Option("--threshold", help="Sum the counts of voxels above this part of the brightest.")
    ] = None,
    region: Annotated[
        Path | None, typer.Option("--region", help="Sum the counts of a drawn region (RTSTRUCT, SEG, label image).")
    ] = None,
    region_name: Annotated[str | None, typer.Option("--region-name", help="Which region of that file.")] = None,
    background: Annotated[Path | None, typer.Option("--background", help="The same image without source.")] = None,
    planar: Annotated[bool, typer.Option("--planar", help="The table is of one planar view, not of SPECT.")] = False,
    scatter: Annotated[ScatterName | None, typer.Option("--scatter", help="Of planar images.")] = None,
    dew_factor: Annotated[float | None, typer.Option("--dew-factor", help="Of the dual energy window.")] = None,
    dead_time: DeadTimeOption = None,
    model: ModelOption = None,
    name: NameOption = None,
    collimator: CollimatorOption = None,
    reconstruction: ReconstructionOption = None,
    valid_until: ValidOption = None,
    timezone: TimezoneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the sensitivity of a gamma camera from a source of known activity."""
    from theradose.model.calibration import SourceGeometry
    from theradose.units import parse_quantity
    from theradose.workflow.calibrate_camera import calibrate_camera
    from theradose.workflow.camera_factor import CameraOptions
    from theradose.workflow.source_images import RegionChoice

    choice = RegionChoice(
        geometry=SourceGeometry(
            shape=geometry.value,
            diameter_mm=parsed_positive(diameter, "mm", "--diameter"),
            height_mm=parsed_positive(height, "mm", "--height"),
            volume_ml=parsed_positive(volume, "mL", "--volume"),
            distance_cm=_centimetres(distance),
        ),
        file=region,
        name=region_name,
        threshold=parsed_positive(threshold, "1", "--threshold"),
        margin_mm=None if margin is None else parse_quantity(margin, "mm"),
        stated_axis=None if axis is None else axis.value,
    )
    options = CameraOptions(
        region=choice,
        activity_mbq=parsed_positive(activity, "MBq", "--activity"),
        activity_at=parsed_moment(at, "--at"),
        relative_u_activity=parsed_positive(u, "1", "--u"),
        background=background,
        dead_time=_dead_time(dead_time, model, ModelName.PARALYSABLE),
        reconstruction=reconstruction,
        timezone=timezone,
        planar=planar,
        scatter=None if scatter is None else scatter.value,
        dew_factor=dew_factor,
    )
    target = _target(record, "camera", nuclide, name, valid_until, collimator)
    _report(calibrate_camera(path, target, options), as_json)


@calibrate_app.command("recovery")
def recovery_command(
    path: Annotated[Path, typer.Argument(help="Points (CSV), or the SPECT of spheres in counts (DICOM).")],
    record: RecordOption,
    nuclide: NuclideOption,
    spheres: Annotated[Path | None, typer.Option("--spheres", help="Table of the spheres of an image (CSV).")] = None,
    concentration: Annotated[str | None, typer.Option("--concentration", help="In all spheres, '1.5 MBq/mL'.")] = None,
    at: AtOption = None,
    u: UOption = None,
    measured_at: Annotated[
        str | None, typer.Option("--measured-at", help="When points were measured, ISO 8601.")
    ] = None,
    set_name: Annotated[str | None, typer.Option("--set", help="Name of the set in budgets.")] = None,
    dead_time: DeadTimeOption = None,
    model: ModelOption = None,
    name: NameOption = None,
    collimator: CollimatorOption = None,
    reconstruction: ReconstructionOption = None,
    valid_until: ValidOption = None,
    timezone: TimezoneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the recovery of small objects, R(v) = 1 - 1/(1 + (v/b1)^b2), with its covariance."""
    from theradose.workflow.calibrate_recovery import RecoveryOptions, calibrate_recovery

    options = RecoveryOptions(
        spheres=spheres,
        concentration_mbq_ml=parsed_positive(concentration, "MBq/mL", "--concentration"),
        activity_at=parsed_moment(at, "--at"),
        relative_u_activity=parsed_positive(u, "1", "--u"),
        measured_at=parsed_moment(measured_at, "--measured-at"),
        name=set_name,
        reconstruction=reconstruction,
        dead_time=_dead_time(dead_time, model, ModelName.PARALYSABLE),
        timezone=timezone,
    )
    target = _target(record, "camera", nuclide, name, valid_until, collimator)
    _report(calibrate_recovery(path, target, options), as_json)


class KindName(StrEnum):
    """Kind of instrument."""

    CAMERA = "camera"
    COUNTER = "counter"
    PROBE = "probe"


@calibrate_app.command("dead-time")
def dead_time_command(
    rates: Annotated[Path, typer.Argument(help="Count rates of a decaying source or of two sources (CSV).")],
    record: RecordOption,
    nuclide: NuclideOption,
    model: ModelOption = None,
    kind: Annotated[KindName, typer.Option("--kind", help="Of instrument.")] = KindName.CAMERA,
    name: NameOption = None,
    collimator: CollimatorOption = None,
    valid_until: ValidOption = None,
    timezone: TimezoneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the dead time; refused where the count rates do not resolve it."""
    from theradose.workflow.calibrate_counts import calibrate_dead_time

    target = _target(record, kind.value, nuclide, name, valid_until, collimator)
    done = calibrate_dead_time(rates, target, model=None if model is None else model.value, timezone=timezone)
    _report(done, as_json)


@calibrate_app.command("counter")
def counter_command(
    standards: Annotated[Path, typer.Argument(help="Counted standards of known activity (CSV).")],
    record: RecordOption,
    nuclide: NuclideOption,
    tube: Annotated[str | None, typer.Option("--tube", help="Filling of the tubes, '1 mL'.")] = None,
    activity: ActivityOption = None,
    at: AtOption = None,
    u: UOption = None,
    dead_time: DeadTimeOption = None,
    model: ModelOption = None,
    fit_dead_time: Annotated[
        bool, typer.Option("--fit-dead-time", help="Find the dead time from standards of different activity.")
    ] = False,
    name: NameOption = None,
    valid_until: ValidOption = None,
    timezone: TimezoneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the efficiency of a gamma counter for a nuclide and a filling of its tubes."""
    from theradose.workflow.calibrate_counts import StandardOptions, calibrate_counter

    options = StandardOptions(
        activity_mbq=parsed_positive(activity, "MBq", "--activity"),
        activity_at=parsed_moment(at, "--at"),
        relative_u_activity=parsed_positive(u, "1", "--u"),
        volume_ml=parsed_positive(tube, "mL", "--tube"),
        dead_time=_dead_time(dead_time, None if fit_dead_time else model, ModelName.NON_PARALYSABLE),
        fit_dead_time=fit_dead_time,
        dead_time_model=None if model is None else model.value,
        timezone=timezone,
    )
    target = _target(record, "counter", nuclide, name, valid_until, None)
    _report(calibrate_counter(standards, target, options), as_json)


@calibrate_app.command("probe")
def probe_command(
    readings: Annotated[Path, typer.Argument(help="Readings of sources of known activity (CSV).")],
    record: RecordOption,
    nuclide: NuclideOption,
    distance: Annotated[str | None, typer.Option("--distance", help="To which the factor refers, '200 cm'.")] = None,
    activity: ActivityOption = None,
    at: AtOption = None,
    u: UOption = None,
    dead_time: DeadTimeOption = None,
    model: ModelOption = None,
    name: NameOption = None,
    valid_until: ValidOption = None,
    timezone: TimezoneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the counts per second and MBq of a probe at a distance."""
    from theradose.workflow.calibrate_counts import StandardOptions, calibrate_probe

    options = StandardOptions(
        activity_mbq=parsed_positive(activity, "MBq", "--activity"),
        activity_at=parsed_moment(at, "--at"),
        relative_u_activity=parsed_positive(u, "1", "--u"),
        distance_cm=_centimetres(distance),
        dead_time=_dead_time(dead_time, model, ModelName.NON_PARALYSABLE),
        timezone=timezone,
    )
    target = _target(record, "probe", nuclide, name, valid_until, None)
    _report(calibrate_probe(readings, target, options), as_json)


@calibrate_app.command("check")
def check_command(
    record: Annotated[Path, typer.Argument(help="Record of the instrument (YAML).")],
    reading: Annotated[str, typer.Argument(help="Net count rate, '5230 cps', or a table of counts (CSV).")],
    source: Annotated[str | None, typer.Option("--source", help="Your name of the sealed source.")] = None,
    nuclide: Annotated[str | None, typer.Option("--nuclide", help="Of the sealed source, Cs-137.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="Moment of the reading, ISO 8601.")] = None,
    u: Annotated[str | None, typer.Option("--u", help="Relative standard uncertainty of the reading.")] = None,
    tolerance: Annotated[str | None, typer.Option("--tolerance", help="Largest deviation, '5 %'.")] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Make this reading the reference of later ones.")
    ] = False,
    timezone: TimezoneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a long-lived sealed source with its reference reading and append the check; 0 even if it fails."""
    from theradose.workflow.calibrate_check import CheckOptions, check_record

    options = CheckOptions(
        source=source,
        nuclide=nuclide,
        measured_at=parsed_moment(at, "--at"),
        relative_u=parsed_positive(u, "1", "--u"),
        tolerance=parsed_positive(tolerance, "1", "--tolerance"),
        as_reference=reference,
        timezone=timezone,
    )
    _report(check_record(record, reading, options), as_json)


def _report(done: Calibrated, as_json: bool) -> None:
    print_findings(done.findings, with_info=True)
    if as_json:
        document: dict[str, Any] = {
            "path": str(done.path),
            "record": done.record.model_dump(mode="json", by_alias=True),
            "replaced": list(done.replaced),
            "findings": [finding.to_json() for finding in done.findings],
        }
        if done.checks:
            document["checks"] = [check.model_dump(mode="json", by_alias=True) for check in done.checks]
        print_json(document)
        return
    if done.checks:
        _print_checks(done.checks)
    else:
        _print_sections(done)
    print(done.path)


def _print_sections(done: Calibrated) -> None:
    record = done.record
    rows = []
    factors = [("factor", record.factor), ("planar factor", record.planar_factor)]
    for noun, factor in factors:
        if factor is None:
            continue
        rows.append(
            [noun, _with_u(factor.value_cps_per_mbq, factor.u_cps_per_mbq, "cps/MBq"), factor.geometry.words(),
             f"{factor.measured_at:%Y-%m-%d}", factor.valid_until.isoformat()]
        )  # fmt: skip
    if record.dead_time is not None:
        dead_time = record.dead_time
        loss = f"{dead_time.model}, {dead_time.method}, up to {dead_time.largest_loss:.1%} lost"
        rows.append(
            ["dead time", _with_u(dead_time.value_us, dead_time.u_us, "us"), loss,
             f"{dead_time.measured_at:%Y-%m-%d}", dead_time.valid_until.isoformat()]
        )  # fmt: skip
    if record.recovery is not None:
        recovery = record.recovery
        (aa, _), (_, bb) = recovery.covariance
        dates = [f"{recovery.measured_at:%Y-%m-%d}", recovery.valid_until.isoformat()]
        words = f"{recovery.name}, {len(recovery.points)} objects"
        rows.append(["recovery b1", _with_u(recovery.half_volume_ml, aa**0.5, "mL"), words, *dates])
        rows.append(["recovery b2", _with_u(recovery.exponent, bb**0.5, ""), words, *dates])
    print(f"{record.kind} {record.instrument.name}, {record.nuclide}")
    print_table(["section", "value", "how", "measured", "valid until"], rows)
    for noun, factor in factors:
        if factor is None:
            continue
        print()
        print_table(
            [f"uncertainty of the {noun}", "relative u"],
            [
                [entry.source, "not stated" if entry.relative_u is None else f"{100 * entry.relative_u:.2f} %"]
                for entry in factor.budget
            ],
        )
    if done.replaced:
        print(f"\nIn the history now: the former {', '.join(done.replaced).replace('_', ' ')}.")


def _print_checks(checks: Sequence[ConstancyCheck]) -> None:
    rows = []
    for check in checks:
        verdict = "reference" if check.passed is None else "pass" if check.passed else "FAIL"
        rows.append(
            [
                f"{check.measured_at:%Y-%m-%d}",
                check.source,
                check.nuclide,
                _with_u(check.reading_cps, check.u_cps, "cps"),
                "-" if check.expected_cps is None else f"{check.expected_cps:.5g}",
                "-" if check.ratio is None else _with_u(check.ratio, check.u_ratio, ""),
                "-" if check.tolerance is None else f"{check.tolerance:.1%}",
                verdict,
            ]
        )
    print_table(["measured", "source", "nuclide", "reading", "expected", "ratio", "tolerance", "verdict"], rows)


def _with_u(value: float, u: float | None, unit: str) -> str:
    text = f"{value:.5g} ± {'not stated' if u is None else format(u, '.2g')} {unit}"
    return text.rstrip()


def _target(
    record: Path, kind: Kind, nuclide: str, name: str | None, valid_until: str | None, collimator: str | None
) -> RecordTarget:
    from theradose.workflow.calibration_record import RecordTarget

    return RecordTarget(
        path=record,
        kind=kind,
        nuclide=nuclide,
        name=name,
        collimator=collimator,
        valid_until=parsed_day(valid_until, "--valid-until"),
    )


def _dead_time(text: str | None, model: ModelName | None, usual: ModelName) -> KnownDeadTime | None:
    from theradose.quantify.source_factor import KnownDeadTime
    from theradose.workflow.calibration_record import refuse_options

    value = parsed_positive(text, "us", "--dead-time")
    if value is None:
        refuse_options({"--model": model}, reason="No dead time was stated (--dead-time)")
        return None
    return KnownDeadTime(value, None, (model or usual).value)


def _centimetres(text: str | None) -> float | None:
    from theradose.units import conversion_factor

    value = parsed_positive(text, "mm", "--distance")
    return None if value is None else value * conversion_factor("mm", "cm")
