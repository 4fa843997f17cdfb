"""What the measurements of a camera's sensitivity share: options, dead time, and the parts of a factor's record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from theradose.errors import CalibrationError
from theradose.model.calibration import BudgetEntry, CalibrationRecord, Reconstruction
from theradose.model.equipment import Equipment
from theradose.model.finding import Finding
from theradose.quantify.calibration_use import set_findings
from theradose.quantify.planar_images import ScatterMethod
from theradose.quantify.source_factor import ACTIVITY_METER, KnownDeadTime, MeanFactor
from theradose.uncertainty import budget
from theradose.workflow.calibration_record import Calibrated
from theradose.workflow.source_images import RegionChoice

VOLUME_OF_INTEREST = "volume-of-interest"


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """How the sensitivity of a camera is measured.

    Attributes
    ----------
    activity_mbq, activity_at : float or None, datetime or None
        Reading of the activity meter and its moment; a table may state them in every row.
    relative_u_activity : float or None
        Relative standard uncertainty of the reading; ``None`` is not stated.
    region : RegionChoice
        Geometry of the source, and where its counts are summed.
    background : Path or None
        Image of the same acquisition without source.
    dead_time : KnownDeadTime or None
        Instead of the record's.
    reconstruction : str or None
        Description where the header says nothing.
    timezone : str or None
        IANA zone of times without offset.
    planar : bool
        The table holds counts of one planar view; images say it themselves.
    scatter : {"automatic", "tew", "dew", "none"} or None
        How scattered photons are taken off planar images; ``None`` is ``automatic``.
    dew_factor : float or None
        For the dual energy window.
    """

    region: RegionChoice
    activity_mbq: float | None = None
    activity_at: datetime | None = None
    relative_u_activity: float | None = None
    background: Path | None = None
    dead_time: KnownDeadTime | None = None
    reconstruction: str | None = None
    timezone: str | None = None
    planar: bool = False
    scatter: ScatterMethod | None = None
    dew_factor: float | None = None


def known_dead_time(record: CalibrationRecord | None, stated: KnownDeadTime | None) -> KnownDeadTime | None:
    """Return the dead time to correct: as stated, else the record's."""
    if stated is not None or record is None or record.dead_time is None:
        return stated
    return KnownDeadTime(record.dead_time.value_us, record.dead_time.u_us, record.dead_time.model)


def dead_time_fields(dead_time: KnownDeadTime | None) -> dict[str, Any]:
    """Return the dead time for a factor's record."""
    if dead_time is None:
        return {}
    return {"dead_time_us": dead_time.value_us, "dead_time_model": dead_time.model}


def described_reconstruction(equipment: Equipment, stated: str | None) -> Reconstruction | None:
    """Return the reconstruction by the header, or as stated where the header says nothing."""
    if equipment.reconstruction:
        return Reconstruction.of(equipment.reconstruction, description=stated)
    return None if stated is None else Reconstruction.of({"stated": stated}, description=stated)


def measured_factor(mean: MeanFactor) -> dict[str, Any]:
    """Return value, uncertainty and budget of a factor for its record; an incomplete uncertainty stays stated."""
    factor = mean.factor
    return {
        "value_cps_per_mbq": factor.value,
        "u_cps_per_mbq": factor.u if factor.contributions and not factor.not_stated else None,
        "budget": tuple(BudgetEntry(source=line.source, relative_u=line.relative_u) for line in budget(factor)),
    }


def with_set_findings(done: Calibrated) -> Calibrated:
    """Add whether the factor and the recovery of a record belong together."""
    return replace(done, findings=(*done.findings, *set_findings(done.record)))


def known_activity(options: CameraOptions) -> tuple[float, datetime]:
    """Return the stated activity of the source of an image and its moment.

    Raises
    ------
    CalibrationError
        ``source-activity`` if one is not stated.
    """
    if options.activity_mbq is None or options.activity_at is None:
        raise CalibrationError(
            "The activity of the source is needed: give the reading of the activity meter with --activity and its "
            "moment with --at.",
            code="source-activity",
        )
    return options.activity_mbq, options.activity_at


def activity_findings(mean: MeanFactor, *, with_background: bool) -> tuple[Finding, ...]:
    """Return what a factor lacks: a background, and the uncertainty of the activity meter."""
    findings = []
    if not with_background:
        message = "No background was measured, and none was subtracted."
        findings.append(Finding("calibration-without-background", "info", message))
    if ACTIVITY_METER in mean.factor.not_stated:
        message = (
            "The uncertainty of the activity meter is not stated, so that the uncertainty of the factor is not either: "
            "give it with --u."
        )
        findings.append(Finding("activity-u-not-stated", "warning", message))
    return tuple(findings)
