"""The engine, its statistics and the cross-check as parts of a result document."""

from __future__ import annotations

from typing import Any

from theradose.dose.engines import dose_engines
from theradose.dose.transported import TransportFactor
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.result import (
    CrossCheckRegionResult,
    CrossCheckResult,
    DoseEngineResult,
    EnergyResult,
    FindingResult,
    StatisticsResult,
    TransportResult,
)
from theradose.uncertainty import Uncertain
from theradose.workflow.document_parts import estimate
from theradose.workflow.outcome import Outcome

DIFFERENCE_FILE = "dose-difference.nii.gz"
_PERCENT = 100.0
_SAMPLING = "monte-carlo"


def engine_result(outcome: Outcome) -> DoseEngineResult:
    """Return the engine of the doses."""
    return DoseEngineResult(
        **engine_fields(outcome.dose),
        regions=tuple(
            _transport(item.region.name, item.transport) for item in outcome.regions if item.transport is not None
        ),
    )


def cross_check_result(outcome: Outcome) -> CrossCheckResult | None:
    """Return the second engine beside the first, ``None`` without cross-check."""
    cross = outcome.maps.cross
    if cross is None:
        return None
    return CrossCheckResult(
        **engine_fields(cross),
        file=DIFFERENCE_FILE,
        regions=tuple(
            compared_region(item.region.name, item.dose.dose_gy, item.cross.dose_gy)
            for item in outcome.regions
            if item.cross is not None
        ),
        findings=finding_results(outcome.maps.cross_findings),
    )


def engine_fields(dose: DoseMap) -> dict[str, Any]:
    """Return what both parts say of an engine."""
    entry = dose_engines.entry(dose.engine)
    sampled = dose.statistics
    return {
        "engine": entry.name,
        "summary": entry.summary,
        "citation": entry.citation,
        "parameters": dict(dose.parameters),
        "energy": tuple(
            EnergyResult(
                radiation=item.radiation,
                emitted_j=item.emitted_j,
                deposited_j=item.deposited_j,
                escaped_j=item.escaped_j,
            )
            for item in dose.energy
        ),
        "statistics": None
        if sampled is None
        else StatisticsResult(histories=sampled.histories, seed=sampled.seed, stopped_by=sampled.stopped_by),
    }


def compared_region(name: str, first: Uncertain, second: Uncertain) -> CrossCheckRegionResult:
    """Return the dose of a region by a second engine, in Gy, beside that of the first."""
    known = first.value > 0 and second.value > 0
    return CrossCheckRegionResult(
        name=name,
        dose_gy=estimate(second),
        difference_percent=_PERCENT * (second.value / first.value - 1) if first.value > 0 else None,
        u_percent=_statistical_percent(first, second) if known else None,
    )


def finding_results(findings: tuple[Finding, ...]) -> tuple[FindingResult, ...]:
    """Return findings as parts of a document."""
    return tuple(FindingResult(code=f.code, severity=f.severity, message=f.message, where=f.where) for f in findings)


def _statistical_percent(first: Uncertain, second: Uncertain) -> float | None:
    """Return u of the ratio in per cent by the statistics of both, which are independent; ``None`` if not known."""
    sources = [(dose, source) for dose in (first, second) for source in dose.contributions if _is_sampling(source)]
    if not sources or any(_is_sampling(source) for dose in (first, second) for source in dose.not_stated):
        return None
    squares = sum((dose.contributions[source] / dose.value) ** 2 for dose, source in sources)
    return float(_PERCENT * second.value / first.value * squares**0.5)


def _is_sampling(source: str) -> bool:
    return source.partition(":")[0] == _SAMPLING


def _transport(name: str, transport: TransportFactor) -> TransportResult:
    return TransportResult(
        name=name,
        map_mean_gy=estimate(transport.mean_gy),
        local_map_mean_gy=transport.local_mean_gy,
        factor=None if transport.factor is None else estimate(transport.factor),
        voxel_relative_u=transport.voxel_relative_u,
    )
