"""Planar time points and planar-only regions in the result document."""

from __future__ import annotations

from theradose.model.planar import PlanarRegion, PlanarTimepoint
from theradose.model.result import Estimate, EvidenceLine, PlanarRegionResult, PlanarResult
from theradose.quantify.regions import WHOLE_FIELD
from theradose.quantify.remainder import REMAINDER


def planar_results(timepoints: tuple[PlanarTimepoint, ...]) -> tuple[PlanarResult, ...]:
    """Return what the result document says about the planar time points."""
    return tuple(_timepoint(timepoint) for timepoint in timepoints)


def _timepoint(item: PlanarTimepoint) -> PlanarResult:
    pair = item.pair
    return PlanarResult(
        timepoint=item.id,
        t_h=item.t_h,
        technique=pair.technique,
        shape=pair.shape,
        spacing_mm=pair.spacing_mm,
        exposure_s=pair.exposure_s,
        windows_kev=tuple((window.low_kev, window.high_kev) for window in pair.windows)
        if all(window.high_kev < float("inf") for window in pair.windows)
        else (),
        scatter=item.scatter,
        dead_time_factor=item.dead_time_factor,
        shift_mm=None if item.alignment is None else item.alignment.shift_mm,
        correlation=None if item.alignment is None else item.alignment.correlation,
        regions=tuple(_region(region) for name, region in item.regions.items() if name not in (WHOLE_FIELD, REMAINDER)),
        assumptions=tuple(
            EvidenceLine(quantity=e.quantity, value=e.value, source=e.source, assumed=e.assumed) for e in pair.evidence
        ),
    )


def _region(region: PlanarRegion) -> PlanarRegionResult:
    activity = region.activity_mbq
    return PlanarRegionResult(
        region=region.region,
        net_cps=Estimate(value=region.rate.value, u=region.rate.u),
        gross_cps=region.gross_cps,
        background_cps=region.background_cps,
        background=region.method,
        overlap=region.overlap,
        covered_share=region.covered_share,
        area_share=region.area_share,
        activity_mbq=None if activity is None else Estimate(value=activity.value, u=activity.u),
    )
