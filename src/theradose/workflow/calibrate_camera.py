"""Sensitivity of a gamma camera from a source of known activity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from theradose.errors import CalibrationError
from theradose.formats.tables_calibration import read_known_sources
from theradose.model.calibration import (
    BudgetEntry,
    CalibrationRecord,
    Factor,
    Reconstruction,
)
from theradose.model.counted_source import Counting, KnownSource
from theradose.model.equipment import Equipment
from theradose.model.finding import Finding
from theradose.model.samples import CellOrigin
from theradose.nuclides import Nuclide, canonical_nuclide, load_nuclide
from theradose.quantify.calibration_use import set_findings
from theradose.quantify.source_factor import (
    ACTIVITY_METER,
    DEAD_TIME,
    KnownDeadTime,
    MeanFactor,
    mean_factor,
    source_factor,
)
from theradose.uncertainty import budget
from theradose.workflow.calibration_record import (
    Calibrated,
    RecordTarget,
    dated,
    existing_record,
    open_record,
    refuse_options,
    store_sections,
)
from theradose.workflow.source_images import (
    CountedRegion,
    RegionChoice,
    SourceImage,
    count_region,
    counting_u,
    load_counts,
    no_dead_time,
    refuse_planar,
)

VOLUME_OF_INTEREST = "volume-of-interest"
_TABLES = (".csv",)


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
    """

    region: RegionChoice
    activity_mbq: float | None = None
    activity_at: datetime | None = None
    relative_u_activity: float | None = None
    background: Path | None = None
    dead_time: KnownDeadTime | None = None
    reconstruction: str | None = None
    timezone: str | None = None


def calibrate_camera(path: Path, target: RecordTarget, options: CameraOptions) -> Calibrated:
    """Measure the sensitivity of a camera and put it into a record.

    Parameters
    ----------
    path : Path
        SPECT of the source in counts (DICOM), or a table of counts.
    target : RecordTarget
        Where it goes.
    options : CameraOptions
        Activity, geometry and region.

    Raises
    ------
    TheradoseError
        One sentence for what cannot be used.
    """
    nuclide = load_nuclide(canonical_nuclide(target.nuclide))
    if path.suffix.lower() in _TABLES:
        return _from_table(path, target, options, nuclide)
    refuse_planar(path)
    activity_mbq, activity_at = _known_activity(options)
    dead_time = known_dead_time(existing_record(target.path), options.dead_time)
    source, findings = load_counts(path, nuclide, dead_time, options.timezone, activity_at)
    target = replace(target, equipment=source.equipment)
    opened = open_record(target)
    region, noticed = count_region(source.counts, options.region)
    counting, files = _counting(path, source, region, options, nuclide)
    known = KnownSource(
        counting=counting,
        activity_mbq=activity_mbq,
        activity_at=activity_at,
        relative_u_activity=options.relative_u_activity,
        counted_share=region.share,
        other_relative_u={
            VOLUME_OF_INTEREST: region.u_counts_by_surface / region.counts,
            DEAD_TIME: source.relative_u_dead_time,
        },
    )
    # Dead time is out of the counts already: it acts on all counts of the detectors, not on those of the region.
    factor, told = source_factor(known, nuclide=nuclide, timezone=options.timezone)
    mean, single = mean_factor([factor])
    findings = (*findings, *noticed, *told, *single, *activity_findings(counting, mean))
    content = Factor(
        **dated(target, source.image.acquired_at, files, findings),
        **measured_factor(mean),
        measurement="spect",
        geometry=options.region.geometry,
        volume_of_interest=region.words,
        reconstruction=described_reconstruction(source.equipment, options.reconstruction),
        **dead_time_fields(dead_time),
        highest_rate_cps=source.detected_counts / source.counting_s,
    )
    return with_set_findings(store_sections(opened, target.path, {"factor": content}, findings))


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


def _from_table(path: Path, target: RecordTarget, options: CameraOptions, nuclide: Nuclide) -> Calibrated:
    opened = open_record(target)
    choice = options.region
    refuse_options(
        {"--region": choice.file, "--region-name": choice.name, "--threshold": choice.threshold,
         "--margin": choice.margin_mm, "--axis": choice.stated_axis, "--background": options.background},
        reason="A table of counts has no voxels",
    )  # fmt: skip
    dead_time = known_dead_time(opened.record, options.dead_time)
    sources = read_known_sources(
        path,
        nuclide=nuclide.name,
        activity_mbq=options.activity_mbq,
        activity_at=options.activity_at,
        relative_u_activity=options.relative_u_activity,
    )
    results = [
        source_factor(source, nuclide=nuclide, timezone=options.timezone, dead_time=dead_time) for source in sources
    ]
    mean, scattered = mean_factor([result for result, _ in results])
    findings = tuple(dict.fromkeys([*(finding for _, found in results for finding in found), *scattered]))
    highest = max(result.rate.gross_cps for result, _ in results)
    if dead_time is None:
        findings = (*findings, no_dead_time(highest))
    findings = (*findings, *activity_findings(sources[0].counting, mean))
    content = Factor(
        **dated(target, sources[0].counting.measured_at, [path], findings),
        **measured_factor(mean),
        measurement="counts",
        geometry=choice.geometry,
        reconstruction=described_reconstruction(Equipment(), options.reconstruction),
        **dead_time_fields(dead_time),
        readings=len(sources),
        highest_rate_cps=highest,
        largest_deviation=mean.largest_deviation,
    )
    return with_set_findings(store_sections(opened, target.path, {"factor": content}, findings))


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


def _known_activity(options: CameraOptions) -> tuple[float, datetime]:
    if options.activity_mbq is None or options.activity_at is None:
        raise CalibrationError(
            "The activity of the source is needed: give the reading of the activity meter with --activity and its "
            "moment with --at.",
            code="source-activity",
        )
    return options.activity_mbq, options.activity_at


def _counting(
    path: Path, source: SourceImage, region: CountedRegion, options: CameraOptions, nuclide: Nuclide
) -> tuple[Counting, tuple[Path, ...]]:
    background_counts, background_s, files = None, None, source.files
    if options.background is not None:
        empty, _ = load_counts(options.background, nuclide, None, options.timezone, options.activity_at)
        if not empty.counts.grid.matches(source.counts.grid):
            raise CalibrationError(
                f"The background '{options.background.name}' is not on the voxels of '{path.name}': reconstruct both "
                "alike.",
                code="grid-mismatch",
            )
        background_counts = region.sum_of(empty.counts)
        background_s, files = empty.counting_s, (*files, *empty.files)
    counting = Counting(
        origin=CellOrigin(path.name, 0),
        measured_at=source.image.acquired_at,
        counts=region.counts,
        counting_s=source.counting_s,
        background_counts=background_counts,
        background_s=background_s,
        u_counts=counting_u(source, region.counts),
    )
    return counting, files


def activity_findings(counting: Counting, mean: MeanFactor) -> tuple[Finding, ...]:
    """Return what a factor lacks: a background, and the uncertainty of the activity meter."""
    findings = []
    if counting.background_counts is None:
        message = "No background was measured, and none was subtracted."
        findings.append(Finding("calibration-without-background", "info", message))
    if ACTIVITY_METER in mean.factor.not_stated:
        message = (
            "The uncertainty of the activity meter is not stated, so that the uncertainty of the factor is not either: "
            "give it with --u."
        )
        findings.append(Finding("activity-u-not-stated", "warning", message))
    return tuple(findings)
