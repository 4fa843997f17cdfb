"""Sensitivity of a gamma camera from a source of known activity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from theradose.errors import CalibrationError
from theradose.formats.tables_calibration import read_known_sources
from theradose.model.calibration import Factor
from theradose.model.counted_source import Counting, KnownSource
from theradose.model.equipment import Equipment
from theradose.model.samples import CellOrigin
from theradose.nuclides import Nuclide, canonical_nuclide, load_nuclide
from theradose.quantify.source_factor import DEAD_TIME, mean_factor, source_factor
from theradose.workflow.calibrate_planar import calibrate_planar
from theradose.workflow.calibration_record import (
    Calibrated,
    RecordTarget,
    dated,
    existing_record,
    open_record,
    refuse_options,
    store_sections,
)
from theradose.workflow.camera_factor import (
    VOLUME_OF_INTEREST,
    CameraOptions,
    activity_findings,
    dead_time_fields,
    described_reconstruction,
    known_activity,
    known_dead_time,
    measured_factor,
    with_set_findings,
)
from theradose.workflow.source_images import (
    CountedRegion,
    SourceImage,
    count_region,
    counting_u,
    is_planar,
    load_counts,
    no_dead_time,
)

_TABLES = (".csv",)


def calibrate_camera(path: Path, target: RecordTarget, options: CameraOptions) -> Calibrated:
    """Measure the sensitivity of a camera and put it into a record.

    Parameters
    ----------
    path : Path
        SPECT or planar images of the source in counts (DICOM), or a table of counts.
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
    if is_planar(path):
        return calibrate_planar(path, target, options, nuclide)
    refuse_options(
        {"--planar": options.planar, "--scatter": options.scatter, "--dew-factor": options.dew_factor},
        reason=f"'{path.name}' is no planar image",
    )
    activity_mbq, activity_at = known_activity(options)
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
    findings = (
        *findings,
        *noticed,
        *told,
        *single,
        *activity_findings(mean, with_background=counting.background_counts is not None),
    )
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


def _from_table(path: Path, target: RecordTarget, options: CameraOptions, nuclide: Nuclide) -> Calibrated:
    opened = open_record(target)
    choice = options.region
    refuse_options(
        {"--region": choice.file, "--region-name": choice.name, "--threshold": choice.threshold,
         "--margin": choice.margin_mm, "--axis": choice.stated_axis, "--background": options.background,
         "--scatter": options.scatter, "--dew-factor": options.dew_factor},
        reason="A table of counts has no voxels and no windows",
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
    findings = (*findings, *activity_findings(mean, with_background=sources[0].counting.background_counts is not None))
    content = Factor(
        **dated(target, sources[0].counting.measured_at, [path], findings),
        **measured_factor(mean),
        measurement="planar" if options.planar else "counts",
        geometry=choice.geometry,
        reconstruction=described_reconstruction(Equipment(), options.reconstruction),
        **dead_time_fields(dead_time),
        readings=len(sources),
        highest_rate_cps=highest,
        largest_deviation=mean.largest_deviation,
    )
    return with_set_findings(
        store_sections(opened, target.path, {"planar_factor" if options.planar else "factor": content}, findings)
    )


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
