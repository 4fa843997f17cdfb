"""Planar sensitivity of a gamma camera from one static view, or two opposite ones, of a source of known activity.

References
----------
[Siegel1999]_ Sensitivity of one view from a source in air, and the geometric mean of two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from theradose.acquire.planar_source import load_source_views
from theradose.errors import CalibrationError
from theradose.formats.decay import decay_factor
from theradose.model.calibration import Factor
from theradose.model.counted_source import Counting, KnownSource
from theradose.model.finding import Finding
from theradose.model.planar import SourceViews
from theradose.model.samples import CellOrigin
from theradose.nuclides import Nuclide
from theradose.quantify.conjugate_view import NetCounts, source_view_rate
from theradose.quantify.planar_images import WindowChoice, choose_windows
from theradose.quantify.source_factor import COUNTING, DEAD_TIME, KnownDeadTime, mean_factor, source_factor
from theradose.quantify.times import hours_since
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
    known_activity,
    known_dead_time,
    measured_factor,
    with_set_findings,
)
from theradose.workflow.planar_source import (
    CountedView,
    EmptyView,
    count_view,
    lost_in_source,
    outside_findings,
    views_alike,
)
from theradose.workflow.source_images import no_dead_time

SOURCE_ATTENUATION = "source-attenuation"


def calibrate_planar(path: Path, target: RecordTarget, options: CameraOptions, nuclide: Nuclide) -> Calibrated:
    """Measure the planar sensitivity of a camera, counts per second and MBq of one view, and put it into a record.

    Parameters
    ----------
    path : Path
        Static planar images of the source.
    target : RecordTarget
        Where it goes.
    options : CameraOptions
        Activity, geometry, threshold and scatter correction.
    nuclide : Nuclide
        Of the source.

    Raises
    ------
    TheradoseError
        One sentence for what cannot be used.

    References
    ----------
    [Siegel1999]_
    """
    choice = options.region
    refuse_options(
        {"--region": choice.file, "--region-name": choice.name, "--margin": choice.margin_mm,
         "--reconstruction": options.reconstruction},
        reason=f"'{path.name}' is a planar image, whose source is summed by --threshold or in the whole image",
    )  # fmt: skip
    activity_mbq, activity_at = known_activity(options)
    source, findings = load_source_views(path, nuclide=nuclide.name)
    # The windows of planar images may differ from those of the SPECT in the same record.
    target = replace(target, equipment=replace(source.equipment, energy_windows_kev=()))
    dead_time = known_dead_time(existing_record(target.path), options.dead_time)
    opened = open_record(target)
    windows, noticed = choose_windows(source.windows, nuclide=nuclide, method=options.scatter or "automatic")
    views, files = _count(path, source, windows, options, nuclide)
    live = _dead_time(source, windows, dead_time)
    transmission, u_transmission, lost = lost_in_source(choice.geometry, choice.axis, energy_kev=windows.energy_kev)
    nets = _at_one_moment(source, views, nuclide, options.timezone)
    rate = source_view_rate(nets=nets, exposure_s=source.exposure_s, source=COUNTING)
    counts = rate.value * source.exposure_s * live.factor / transmission
    known = KnownSource(
        counting=Counting(
            origin=CellOrigin(path.name, 0),
            measured_at=source.acquired_at,
            counts=counts,
            counting_s=source.exposure_s,
            u_counts=counts * rate.relative_u,
        ),
        activity_mbq=activity_mbq,
        activity_at=activity_at,
        relative_u_activity=options.relative_u_activity,
        other_relative_u={
            VOLUME_OF_INTEREST: sum(view.u_surface / view.counts for view in views) / len(views),
            DEAD_TIME: live.relative_u,
            SOURCE_ATTENUATION: u_transmission,
        },
    )
    factor, told = source_factor(known, nuclide=nuclide, timezone=options.timezone)
    mean, single = mean_factor([factor])
    findings = (
        *findings, *noticed, *live.findings, *lost, *outside_findings(views), *told, *single,
        *activity_findings(mean, with_background=views[0].with_background),
    )  # fmt: skip
    content = Factor(
        **dated(target, source.acquired_at, files, findings),
        **measured_factor(mean),
        measurement="planar",
        geometry=choice.geometry,
        volume_of_interest=views[0].words,
        **dead_time_fields(live.applied),
        highest_rate_cps=live.observed_cps,
        energy_windows_kev=source.equipment.energy_windows_kev,
        scatter=windows.words,
        views=2 if len(views) > 1 else 1,
    )
    return with_set_findings(store_sections(opened, target.path, {"planar_factor": content}, findings))


def _count(
    path: Path, source: SourceViews, windows: WindowChoice, options: CameraOptions, nuclide: Nuclide
) -> tuple[list[CountedView], tuple[Path, ...]]:
    empties: list[EmptyView | None] = [None] * len(source.views)
    files = source.files
    if options.background is not None:
        empty, _ = load_source_views(options.background, nuclide=nuclide.name)
        if not views_alike(source, empty):
            raise CalibrationError(
                f"The background '{options.background.name}' does not have the views, energy windows and pixels of "
                f"'{path.name}': acquire both alike.",
                code="grid-mismatch",
            )
        ratio = source.exposure_s / empty.exposure_s
        empties = [
            EmptyView(windows.primary(view.counts, dew_factor=options.dew_factor), ratio) for view in empty.views
        ]
        files = (*files, *empty.files)
    views = [
        count_view(
            windows.primary(view.counts, dew_factor=options.dew_factor),
            threshold=options.region.threshold,
            spacing_mm=source.spacing_mm,
            empty=background,
            name=path.name,
        )
        for view, background in zip(source.views, empties, strict=True)
    ]
    return views, files


def _at_one_moment(
    source: SourceViews, views: list[CountedView], nuclide: Nuclide, timezone: str | None
) -> list[NetCounts]:
    """Return net counts and variances as if all views had begun with the first."""
    nets = []
    for view, counted in zip(source.views, views, strict=True):
        elapsed_h, _ = hours_since(source.acquired_at, view.acquired_at, timezone=timezone)
        decayed = float(decay_factor(decay_constant_per_h=nuclide.decay_constant_per_h, elapsed_h=elapsed_h))
        nets.append(NetCounts(counted.counts / decayed, counted.variance / decayed**2))
    return nets


@dataclass(frozen=True, slots=True)
class _Live:
    """True over observed count rate with its relative uncertainty, the observed rate, and what was corrected."""

    factor: float
    relative_u: float
    observed_cps: float
    applied: KnownDeadTime | None
    findings: tuple[Finding, ...]


def _dead_time(source: SourceViews, windows: WindowChoice, dead_time: KnownDeadTime | None) -> _Live:
    """Return the correction for dead time, which acts on the photopeak rate of both detectors together.

    If both did not count at once, the rate of the other detector is not known: it is taken to lie between none and that
    of this one, without a correction.
    """
    rates = [windows.peak_counts(view.counts) / source.exposure_s for view in source.views]
    together = len(rates) > 1 and len({view.acquired_at for view in source.views}) == 1
    observed = sum(rates) if together else max(rates)
    if not observed > 0 or dead_time is None:
        return _Live(1.0, 0.0, max(observed, 1e-12), None, (no_dead_time(observed),))
    if together:
        factor, relative_u = dead_time.true_over_observed(observed)
        return _Live(factor, relative_u, observed, dead_time, ())
    lost = dead_time.true_over_observed(2 * observed)[0] - 1
    message = (
        f"A dead time of {dead_time.value_us:g} us is known, but not the rate of the other detector while this one "
        f"counted: no correction was made; at most {lost:.1%} of the counts are lost."
    )
    # Uniform between no loss and the most: root mean square about none.
    return _Live(1.0, lost / math.sqrt(3), observed, None, (Finding("dead-time-not-applied", "warning", message),))
