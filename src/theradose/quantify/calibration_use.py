"""Using a calibration record: whether it fits an image or a count, and whether it still holds.

References
----------
[Gear2023]_ Regular tests of sensitivity, and monitoring with a long-lived sealed source.
[Gear2018]_ The factor and the recovery belong to one geometry and one reconstruction.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np

from theradose.data import load_yaml
from theradose.errors import CalibrationError
from theradose.model.calibration import CalibrationRecord, Dated, Factor, Instrument, Reconstruction
from theradose.model.equipment import EnergyWindows, Equipment
from theradose.model.finding import Finding
from theradose.model.samples import CounterCalibration
from theradose.quantify.recovery import RecoveryCurve
from theradose.units import conversion_factor

_H_PER_D = conversion_factor("d", "h")


def differing_instrument(instrument: Instrument, equipment: Equipment) -> str | None:
    """Return in words how an image's camera differs from that of a record; empty if it is the same.

    The serial number decides where both state it, else the station, else the model. ``None``: not comparable.
    """
    for noun, ours, theirs in (
        ("serial number", instrument.serial, equipment.serial),
        ("station", instrument.station, equipment.station),
        ("model", instrument.model, equipment.model),
    ):
        if ours and theirs:
            return "" if _same_text(ours, theirs) else f"its {noun} is '{theirs}', the record's '{ours}'"
    return None


def differing_collimator(record: CalibrationRecord, equipment: Equipment) -> str | None:
    """Return in words how an image's collimator differs from that of a record; empty if it is the same.

    ``None``: not comparable. Holes of one kind are no proof, because collimators for all energies have parallel holes.
    """
    for ours, theirs in (
        (record.collimator, equipment.collimator),
        (record.collimator_type, equipment.collimator_type),
    ):
        if ours and theirs and not _same_text(ours, theirs):
            return f"'{theirs}', the calibration with '{ours}'"
    return "" if record.collimator and equipment.collimator else None


def camera_findings(
    record: CalibrationRecord, equipment: Equipment | None, *, nuclide: str, acquired_at: datetime
) -> tuple[Finding, ...]:
    """Return how an image differs from what a camera was calibrated for, and whether the calibration held then.

    Parameters
    ----------
    record : CalibrationRecord
        Of a camera.
    equipment : Equipment or None
        What the image's header says; ``None`` if its format says nothing.
    nuclide : str
        That was administered.
    acquired_at : datetime
        Start of the acquisition.
    """
    return (
        *_nuclide_findings(record, nuclide),
        *_equipment_findings(record, equipment),
        *holding_findings(record, acquired_at),
    )


def planar_findings(
    record: CalibrationRecord, equipment: Equipment | None, *, nuclide: str, acquired_at: datetime, scatter: str
) -> tuple[Finding, ...]:
    """Return how a planar image differs from what the planar factor of a record was measured with.

    Parameters
    ----------
    record : CalibrationRecord
        Of a camera, with a planar factor.
    equipment, nuclide, acquired_at
        As for :func:`camera_findings`.
    scatter : str
        How scattered photons were taken off the image, in words that begin with the method.
    """
    factor = record.planar_factor
    if factor is None:
        return ()
    # Planar images have their own energy windows; recovery is that of the SPECT.
    of_planar = record.model_copy(
        update={"factor": factor, "recovery": None, "energy_windows_kev": factor.energy_windows_kev}
    )
    findings = camera_findings(of_planar, equipment, nuclide=nuclide, acquired_at=acquired_at)
    ours, theirs = (None if words is None else words.partition(" (")[0] for words in (factor.scatter, scatter))
    if ours is None or ours == theirs:
        return findings
    message = (
        f"Scattered photons were taken off the image by '{theirs}', but by '{ours}' when the planar factor of "
        f"'{record.instrument.name}' was measured: correct both alike."
    )
    return (*findings, Finding("calibration-scatter-differs", "warning", message))


def set_findings(record: CalibrationRecord) -> tuple[Finding, ...]:
    """Return whether factor, dead time and recovery of a record belong together.

    A factor from a cylinder holds no partial volume, one from a sphere does: a recovery counts only beside the kind of
    factor, and the reconstruction, with which it was measured. A factor holds beside the dead time that was corrected
    when it was measured.
    """
    return (*_dead_time_findings(record), *_recovery_findings(record))


def holding_findings(record: CalibrationRecord, used_at: datetime) -> tuple[Finding, ...]:
    """Return whether a calibration was valid and constant when it was used."""
    return (*_expiry_findings(record, used_at), *_constancy_findings(record, used_at))


def record_recovery(record: CalibrationRecord) -> RecoveryCurve | None:
    """Return the recovery curve of a record."""
    recovery = record.recovery
    if recovery is None:
        return None
    volumes = [point.volume_ml for point in recovery.points]
    return RecoveryCurve(
        recovery.name,
        recovery.half_volume_ml,
        recovery.exponent,
        np.array(recovery.covariance),
        (min(volumes), max(volumes)),
    )


def counter_calibration(
    record: CalibrationRecord, nuclide: str, counted_at: datetime | None
) -> tuple[CounterCalibration, tuple[Finding, ...]]:
    """Return what turns counts of samples into activity, from the record of a counter.

    Parameters
    ----------
    record : CalibrationRecord
        Of a counter, with an efficiency.
    nuclide : str
        Of the samples, as ``Lu-177``.
    counted_at : datetime or None
        When samples were counted; ``None`` leaves expiry and constancy unjudged.

    Raises
    ------
    CalibrationError
        ``record-kind``, ``record-factor-missing``, or ``record-nuclide``: the efficiency for one nuclide says nothing
        of another.
    """
    if record.kind != "counter":
        raise CalibrationError(
            f"The record of '{record.instrument.name}' is of a {record.kind}, not of a counter: give the record of the "
            "counter that measured the samples.",
            code="record-kind",
        )
    if record.factor is None:
        raise CalibrationError(
            f"The record of '{record.instrument.name}' has no efficiency: add one with 'theradose calibrate counter'.",
            code="record-factor-missing",
        )
    if record.nuclide != nuclide:
        raise CalibrationError(
            f"The counter '{record.instrument.name}' was calibrated for {record.nuclide}, but the samples hold "
            f"{nuclide}: calibrate it with that nuclide.",
            code="record-nuclide",
        )
    dead_time = record.dead_time
    calibration = CounterCalibration(
        name=record.instrument.name,
        efficiency_cps_per_mbq=record.factor.value_cps_per_mbq,
        relative_u=record.factor.relative_u,
        dead_time_us=record.factor.dead_time_us if dead_time is None else dead_time.value_us,
        dead_time_model=(record.factor.dead_time_model or "non-paralysable") if dead_time is None else dead_time.model,
    )
    held = () if counted_at is None else holding_findings(record, counted_at)
    return calibration, (*set_findings(record), *held)


def _dead_time_findings(record: CalibrationRecord) -> Iterator[Finding]:
    dead_time = record.dead_time
    for factor in (record.factor, record.planar_factor):
        if factor is None or dead_time is None or factor.dead_time_us == dead_time.value_us:
            continue
        before = "without dead time"
        if factor.dead_time_us is not None:
            before = f"with a dead time of {factor.dead_time_us:.3g} us"
        yield Finding(
            "factor-dead-time-differs",
            "warning",
            f"The {_factor_noun(factor)} of '{record.instrument.name}' was measured {before}, but the record's dead "
            f"time is {dead_time.value_us:.3g} us: measure the factor again, so that both belong together.",
        )


def _recovery_findings(record: CalibrationRecord) -> Iterator[Finding]:
    factor, recovery = record.factor, record.recovery
    if factor is None or recovery is None:
        return
    if recovery.factor_geometry is None:
        yield Finding(
            "recovery-factor-not-stated",
            "warning",
            f"The recovery '{recovery.name}' does not say with which factor it was measured: a recovery holds only "
            "beside a factor of the same kind.",
        )
    elif recovery.factor_geometry != factor.geometry:
        yield Finding(
            "calibration-geometry-differs",
            "warning",
            f"The factor was measured with a {factor.geometry.words()}, but the recovery '{recovery.name}' beside a "
            f"factor of a {recovery.factor_geometry.words()}: measure both with one kind of factor.",
        )
    words = _reconstruction_difference(factor.reconstruction, recovery.reconstruction)
    if words:
        yield Finding(
            "recovery-reconstruction-differs",
            "warning",
            f"Factor and recovery '{recovery.name}' were measured with different reconstructions ({words}).",
        )


def _nuclide_findings(record: CalibrationRecord, nuclide: str) -> Iterator[Finding]:
    if record.nuclide != nuclide:
        yield Finding(
            "calibration-nuclide-differs",
            "critical",
            f"The camera '{record.instrument.name}' was calibrated for {record.nuclide}, but {nuclide} was given: its "
            "sensitivity differs by emission and window.",
        )


def _equipment_findings(record: CalibrationRecord, equipment: Equipment | None) -> Iterator[Finding]:
    name = record.instrument.name
    if equipment is None:
        yield Finding(
            "calibration-not-comparable",
            "info",
            f"The file does not say on which equipment it was acquired, so that nothing shows whether the calibration "
            f"of '{name}' is meant for it.",
        )
        return
    camera = differing_instrument(record.instrument, equipment)
    if camera:
        yield Finding(
            "calibration-camera-differs",
            "critical",
            f"The image was not acquired on the calibrated camera '{name}': {camera}.",
        )
    collimator = differing_collimator(record, equipment)
    if collimator:
        yield Finding(
            "calibration-collimator-differs",
            "critical",
            f"The image was acquired with the collimator {collimator}.",
        )
    if _windows_differ(record.energy_windows_kev, equipment.energy_windows_kev):
        yield Finding(
            "calibration-windows-differ",
            "critical",
            f"The energy windows of the image ({_window_words(equipment.energy_windows_kev)}) are not those of the "
            f"calibration of '{name}' ({_window_words(record.energy_windows_kev)}).",
        )
    image = Reconstruction.of(equipment.reconstruction) if equipment.reconstruction else None
    for noun, section in (("factor", record.factor), ("recovery", record.recovery)):
        words = None if section is None else _reconstruction_difference(section.reconstruction, image)
        if words:
            yield Finding(
                "calibration-reconstruction-differs",
                "warning",
                f"The image was reconstructed otherwise than the {noun} of '{name}' was measured ({words}).",
            )
    unknown = [
        noun
        for noun, known in (
            ("camera", camera is not None),
            ("collimator", collimator is not None),
            ("energy windows", bool(record.energy_windows_kev and equipment.energy_windows_kev)),
        )
        if not known
    ]
    if unknown:
        yield Finding(
            "calibration-not-comparable",
            "info",
            f"Image and calibration of '{name}' cannot be compared in {', '.join(unknown)}: one of them does not state "
            "it.",
        )


def _expiry_findings(record: CalibrationRecord, used_at: datetime) -> Iterator[Finding]:
    sections: tuple[tuple[str, Dated | None], ...] = (
        (_factor_noun(record.factor), record.factor), ("dead time", record.dead_time), ("recovery", record.recovery),
    )  # fmt: skip
    for noun, section in sections:
        if section is None:
            continue
        if _day(used_at) > section.valid_until:
            yield Finding(
                "calibration-expired",
                "warning",
                f"The {noun} of '{record.instrument.name}' was valid until {section.valid_until.isoformat()}, but was "
                f"used on {_day(used_at).isoformat()}: calibrate again.",
            )
        elif _day(used_at) < _day(section.measured_at):
            yield Finding(
                "calibration-after-use",
                "info",
                f"The {noun} of '{record.instrument.name}' was measured on {_day(section.measured_at).isoformat()}, "
                f"after its use on {_day(used_at).isoformat()}.",
            )


def _constancy_findings(record: CalibrationRecord, used_at: datetime) -> Iterator[Finding]:
    name, factor = record.instrument.name, record.factor
    if factor is None:
        return
    # Readings before the factor was measured belong to the factor that it replaced.
    checks = [check for check in record.constancy if _utc(check.measured_at) >= _utc(factor.measured_at) - _DAY]
    before = [check for check in checks if _utc(check.measured_at) <= _utc(used_at)]
    after = [check for check in checks if _utc(check.measured_at) > _utc(used_at)]
    if before and before[-1].passed is False:
        yield Finding(
            "calibration-constancy-failed",
            "critical",
            f"The last constancy check of '{name}' before its use, on {_day(before[-1].measured_at).isoformat()}, "
            f"failed (ratio {before[-1].ratio:.3f}).",
        )
    elif after and after[0].passed is False:
        yield Finding(
            "calibration-constancy-failed",
            "warning",
            f"The first constancy check of '{name}' after its use, on {_day(after[0].measured_at).isoformat()}, failed "
            f"(ratio {after[0].ratio:.3f}): when it changed is not known.",
        )
    interval_d = load_yaml("calibration.yaml")["constancy_interval"][record.kind]["value"]
    known = max([_utc(factor.measured_at), *(_utc(check.measured_at) for check in before)])
    waited_d = (_utc(used_at) - known).total_seconds() / 3600 / _H_PER_D
    if waited_d > interval_d:
        yield Finding(
            "calibration-constancy-missing",
            "warning",
            f"For {waited_d:.0f} days before its use nobody checked the constancy of '{name}' (at most {interval_d} "
            "days): count the sealed source and add it with 'theradose calibrate check'.",
        )


_DAY = timedelta(days=1)


def _factor_noun(factor: Factor | None) -> str:
    return "planar factor" if factor is not None and factor.measurement == "planar" else "factor"


def _reconstruction_difference(first: Reconstruction | None, second: Reconstruction | None) -> str:
    """Return in words which parameters differ; empty if none does or one side is not known."""
    if first is None or second is None or first.sha256 == second.sha256:
        return ""
    names = sorted(first.parameters.keys() | second.parameters.keys())
    return "; ".join(
        f"{name} {first.parameters.get(name, 'not stated')} against {second.parameters.get(name, 'not stated')}"
        for name in names
        if first.parameters.get(name) != second.parameters.get(name)
    )


def _windows_differ(first: EnergyWindows, second: EnergyWindows) -> bool:
    if not first or not second:
        return False
    tolerance = load_yaml("calibration.yaml")["window_tolerance"]["value"]
    if len(first) != len(second):
        return True
    return any(
        abs(a - b) > tolerance
        for one, other in zip(sorted(first), sorted(second), strict=True)
        for a, b in zip(one, other, strict=True)
    )


def _window_words(windows: EnergyWindows) -> str:
    return ", ".join(f"{low:g} to {high:g} keV" for low, high in windows)


def _same_text(first: str, second: str) -> bool:
    return first.strip().casefold() == second.strip().casefold()


def _day(moment: datetime) -> date:
    return moment.date()


def _utc(moment: datetime) -> datetime:
    # Where no offset is stated the times differ by hours, which does not matter to calibrations that hold for months.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
