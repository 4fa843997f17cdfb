"""Recovery of a gamma camera from measured points or from the SPECT of hot spheres."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.errors import CalibrationError
from theradose.formats.decay import decay_factor, frame_start_factor
from theradose.formats.tables import read_recovery
from theradose.formats.tables_calibration import read_spheres
from theradose.model.arrays import Array
from theradose.model.calibration import (
    CalibrationRecord,
    Factor,
    Reconstruction,
    Recovery,
    RecoveryPoint,
    SourceGeometry,
)
from theradose.model.counted_source import PhantomSphere
from theradose.model.equipment import Equipment
from theradose.model.finding import Finding
from theradose.model.recovery import RecoveryPoints
from theradose.nuclides import Nuclide, canonical_nuclide, load_nuclide
from theradose.quantify.recovery import fit_recovery
from theradose.quantify.source_factor import KnownDeadTime
from theradose.quantify.times import hours_since
from theradose.quantify.volume import equivalent_diameter_mm
from theradose.spatial.source_region import centre_of_source, counts_in, sphere_region
from theradose.workflow.calibration_record import (
    Calibrated,
    RecordTarget,
    dated,
    existing_record,
    open_record,
    refuse_options,
    store_sections,
)
from theradose.workflow.camera_factor import described_reconstruction, known_dead_time, with_set_findings
from theradose.workflow.source_images import SourceImage, counting_u, load_counts, refuse_planar

_TABLES = (".csv",)
_TURNS = 2
_S_PER_H = 3600.0
# A centre that lies anywhere within half a voxel: half-width over the root of three.
_RECTANGULAR = math.sqrt(3)


@dataclass(frozen=True, slots=True)
class RecoveryOptions:
    """How a recovery set is measured.

    Attributes
    ----------
    spheres : Path or None
        Table of the spheres of a phantom; needed beside an image.
    concentration_mbq_ml, activity_at : float or None, datetime or None
        Of all spheres, where the table is silent.
    relative_u_activity : float or None
        Relative standard uncertainty of the filling of one sphere.
    measured_at : datetime or None
        Of a table of points.
    name : str or None
        Of the set; the name of the table by default.
    reconstruction : str or None
        Description where the header says nothing.
    dead_time : KnownDeadTime or None
        Instead of the record's.
    timezone : str or None
        IANA zone of times without offset.
    """

    spheres: Path | None = None
    concentration_mbq_ml: float | None = None
    activity_at: datetime | None = None
    relative_u_activity: float | None = None
    measured_at: datetime | None = None
    name: str | None = None
    reconstruction: str | None = None
    dead_time: KnownDeadTime | None = None
    timezone: str | None = None


def calibrate_recovery(path: Path, target: RecordTarget, options: RecoveryOptions) -> Calibrated:
    """Fit a recovery curve and put it into the record of a camera.

    Parameters
    ----------
    path : Path
        Table ``volume_ml,recovery,u_recovery``, or the SPECT of spheres in counts.
    target : RecordTarget
        Where it goes. For spheres the record needs the camera's factor.
    options : RecoveryOptions
        What the files do not say.

    Raises
    ------
    TheradoseError
        One sentence for what cannot be used.
    """
    if path.suffix.lower() in _TABLES:
        refuse_options(
            {"--spheres": options.spheres, "--concentration": options.concentration_mbq_ml,
             "--at": options.activity_at, "--u": options.relative_u_activity, "--dead-time": options.dead_time},
            reason="A table of recovery points needs nothing about spheres",
        )  # fmt: skip
        return _from_points(path, target, options)
    if options.spheres is None:
        raise CalibrationError(
            f"'{path.name}' is an image, whose spheres must be known: give their table with --spheres.",
            code="recovery-spheres",
        )
    refuse_options({"--measured-at": options.measured_at}, reason=f"The image '{path.name}' says when it was acquired")
    refuse_planar(path)
    return _from_spheres(path, options.spheres, target, options)


def _from_points(path: Path, target: RecordTarget, options: RecoveryOptions) -> Calibrated:
    measured_at = options.measured_at
    if measured_at is None:
        raise CalibrationError(
            "A table of recovery points does not say when they were measured: give the date with --measured-at.",
            code="recovery-date",
        )
    opened = open_record(target)
    points = read_recovery(path)
    if options.name is not None:
        points = replace(points, name=options.name)
    reconstruction = described_reconstruction(Equipment(), options.reconstruction)
    if reconstruction is None and opened.record.factor is not None:
        reconstruction = opened.record.factor.reconstruction
    content, findings = _fitted(
        points,
        opened.record,
        lambda found: dated(target, measured_at, [path], found),
        reconstruction,
    )
    return with_set_findings(store_sections(opened, target.path, {"recovery": content}, findings))


def _from_spheres(path: Path, table: Path, target: RecordTarget, options: RecoveryOptions) -> Calibrated:
    nuclide = load_nuclide(canonical_nuclide(target.nuclide))
    existing = existing_record(target.path)
    factor = _record_factor(existing, target)
    dead_time = known_dead_time(existing, options.dead_time)
    spheres = read_spheres(
        table,
        concentration_mbq_ml=options.concentration_mbq_ml,
        activity_at=options.activity_at,
        relative_u_activity=options.relative_u_activity,
    )
    source, findings = load_counts(path, nuclide, dead_time, options.timezone, spheres[0].activity_at)
    target = replace(target, equipment=source.equipment)
    opened = open_record(target)
    shift_mm = phantom_shift(source, spheres)
    measured = [_sphere_recovery(source, sphere, shift_mm, factor, nuclide, options.timezone) for sphere in spheres]
    points = RecoveryPoints(
        options.name or table.stem,
        np.array([sphere.volume_ml for sphere in spheres]),
        np.array([value for value, _, _ in measured]),
        np.array([u for _, u, _ in measured]),
    )
    told = [finding for _, _, noticed in measured for finding in noticed]
    placed = Finding(
        "recovery-phantom-shift",
        "info",
        f"The phantom lies ({', '.join(f'{part:.1f}' for part in shift_mm)}) mm beside the stated positions.",
    )
    before = (*findings, *dict.fromkeys(told), placed)
    content, fitted = _fitted(
        points,
        opened.record,
        lambda found: dated(target, source.image.acquired_at, [*source.files, table], (*before, *found)),
        described_reconstruction(source.equipment, options.reconstruction),
    )
    return with_set_findings(store_sections(opened, target.path, {"recovery": content}, (*before, *fitted)))


def phantom_shift(source: SourceImage, spheres: Sequence[PhantomSphere]) -> Array:
    """Return by how much all spheres together lie beside their stated positions (x, y, z), in mm.

    The mean over the spheres, weighted by their activity: single small spheres are never moved to their brightest
    voxel, which would raise their recovery.
    """
    reach_mm = load_number("calibration.yaml", "sphere_search")
    shift = np.zeros(3)
    weights = np.array([sphere.activity_mbq for sphere in spheres])
    for _ in range(_TURNS):
        steps = []
        for sphere in spheres:
            expected = np.array(sphere.position_mm) + shift
            within = equivalent_diameter_mm(sphere.volume_ml) / 2 + reach_mm
            steps.append(centre_of_source(source.counts, around_mm=expected, within_mm=within) - expected)
        shift = shift + (weights[:, None] * np.array(steps)).sum(axis=0) / weights.sum()
    if float(np.linalg.norm(shift)) > reach_mm:
        raise CalibrationError(
            f"The spheres lie {float(np.linalg.norm(shift)):.0f} mm beside their stated positions (at most "
            f"{reach_mm:g} mm are looked for): correct x_mm, y_mm and z_mm.",
            code="spheres-not-found",
        )
    return np.asarray(shift)


def _sphere_recovery(
    source: SourceImage,
    sphere: PhantomSphere,
    shift_mm: Array,
    factor: Factor,
    nuclide: Nuclide,
    timezone: str | None,
) -> tuple[float, float, tuple[Finding, ...]]:
    """Return recovery and standard uncertainty of one sphere: the counts inside its true surface over those expected.

    The factor's own uncertainty is not part of it: activity is divided by factor and recovery, where it cancels.
    """
    elapsed_h, noticed = hours_since(sphere.activity_at, source.image.acquired_at, timezone=timezone)
    rate = nuclide.decay_constant_per_h
    activity = sphere.activity_mbq * decay_factor(decay_constant_per_h=rate, elapsed_h=elapsed_h)
    activity /= float(frame_start_factor(decay_constant_per_h=rate, duration_h=source.counting_s / _S_PER_H))
    expected = factor.value_cps_per_mbq * activity * source.counting_s
    grid, centre = source.counts.grid, np.array(sphere.position_mm) + shift_mm
    radius = equivalent_diameter_mm(sphere.volume_ml) / 2

    def counted(offset: Array) -> float:
        return counts_in(source.counts, sphere_region(grid, centre_mm=centre + offset, radius_mm=radius))

    counts = counted(np.zeros(3))
    inside_ml = sphere_region(grid, centre_mm=centre, radius_mm=radius).voxel_count * grid.voxel_volume_ml
    if not counts > 0 or inside_ml < load_yaml("calibration.yaml")["whole_sphere"]["value"] * sphere.volume_ml:
        raise CalibrationError(
            f"{sphere.origin.file}, line {sphere.origin.line}, column 'x_mm': the sphere '{sphere.name}' has no counts "
            "or lies outside the image: correct its position.",
            code="sphere-outside",
        )
    half = min(grid.spacing_mm) / 2
    moved = [counted(sign * half * axis) / counts - 1 for axis in np.eye(3) for sign in (-1, 1)]
    relative = [
        counting_u(source, counts) / counts,
        sphere.relative_u_activity or 0.0,
        sphere.relative_u_volume or 0.0,
        math.sqrt(math.fsum(change**2 for change in moved) / len(moved)) / _RECTANGULAR,
    ]
    findings = [*noticed, *_background(source, sphere, centre, counts)]
    if sphere.relative_u_activity is None:
        message = "The uncertainty of the filling of the spheres is not stated and not part of the recovery: give --u."
        findings.append(Finding("activity-u-not-stated", "warning", message))
    value = counts / expected
    return value, value * math.sqrt(math.fsum(part**2 for part in relative)), tuple(findings)


def _background(source: SourceImage, sphere: PhantomSphere, centre_mm: Array, counts: float) -> tuple[Finding, ...]:
    """Return a finding if there is activity around a sphere."""
    limits = load_yaml("calibration.yaml")
    grid, radius = source.counts.grid, equivalent_diameter_mm(sphere.volume_ml) / 2
    near, far = (
        sphere_region(grid, centre_mm=centre_mm, radius_mm=radius + float(limits[name]["value"]))
        for name in ("sphere_shell_inner", "sphere_shell_outer")
    )
    shell_ml = (far.voxel_count - near.voxel_count) * grid.voxel_volume_ml
    around = (counts_in(source.counts, far) - counts_in(source.counts, near)) / shell_ml
    ratio = around / (counts / sphere.volume_ml)
    if ratio <= limits["sphere_background"]["value"]:
        return ()
    message = (
        f"The concentration around the sphere '{sphere.name}' is {ratio:.1%} of that inside: its recovery holds "
        "spill-in and is not that of a cold background."
    )
    return (Finding("recovery-warm-background", "warning", message, sphere.name),)


def _fitted(
    points: RecoveryPoints,
    record: CalibrationRecord,
    stamp: Callable[[Sequence[Finding]], dict[str, Any]],
    reconstruction: Reconstruction | None,
) -> tuple[Recovery, tuple[Finding, ...]]:
    curve, findings = fit_recovery(points)
    (aa, ab), (ba, bb) = curve.covariance.tolist()
    factor = record.factor
    content = Recovery(
        **stamp(findings),
        reconstruction=reconstruction,
        name=points.name,
        half_volume_ml=curve.half_volume_ml,
        exponent=curve.exponent,
        covariance=((aa, ab), (ba, bb)),
        points=tuple(
            RecoveryPoint(volume_ml=volume, recovery=value, u_recovery=u)
            for volume, value, u in zip(
                points.volume_ml.tolist(), points.recovery.tolist(), points.u_recovery.tolist(), strict=True
            )
        ),
        geometry=SourceGeometry(shape="sphere"),
        factor_geometry=None if factor is None else factor.geometry,
        factor_cps_per_mbq=None if factor is None else factor.value_cps_per_mbq,
    )
    return content, findings


def _record_factor(record: CalibrationRecord | None, target: RecordTarget) -> Factor:
    if record is None or record.factor is None:
        raise CalibrationError(
            f"'{target.path.name}' has no factor, without which counts of spheres are no recovery: measure it first "
            "with 'theradose calibrate camera'.",
            code="record-factor-missing",
        )
    return record.factor
