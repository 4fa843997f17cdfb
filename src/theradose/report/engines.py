"""The part of the report about the dose engine: its energy account, its statistics, and a second engine beside it."""

from __future__ import annotations

from collections.abc import Sequence

from theradose.model.dose import StoppedBy
from theradose.model.result import (
    CrossCheckResult,
    DoseEngineResult,
    EnergyResult,
    Estimate,
    RegionResult,
    Result,
    StatisticsResult,
)
from theradose.numbers import (
    format_estimate,
    format_fixed,
    format_number,
    format_percent,
    format_sampled,
)
from theradose.report.blocks import Block, Cell, Column, Fact, Facts, Illustration, Paragraph, Table, present, row
from theradose.report.inputs import ordered_regions
from theradose.report.summary import with_groups

_STOPPED: dict[StoppedBy, str] = {
    "histories": "the stated number of histories",
    "target": "the target uncertainty",
    "time": "the time limit",
    "interruption": "an interruption",
}
_MEANING = (
    "Both engines had the same map of time-integrated activity, the same densities and the same evaluation of the "
    "emissions. A difference is what their transport of radiation does differently. It is no uncertainty, and says "
    "nothing of what both share: activity, calibration, time courses, outlines and registration."
)


def engine_section(result: Result, pictures: Sequence[Illustration]) -> tuple[Block, ...]:
    """Return the blocks about the engine; none for local deposition that nothing is compared with."""
    engine, cross = result.dose_engine, result.cross_check
    if engine is None or not (engine.regions or cross):
        return ()
    return present(
        (
            Facts((Fact("Dose engine", engine.engine), *_facts(engine.statistics))),
            Paragraph(f"{engine.summary} ({engine.citation})."),
            _energy_table(f"Energy account of '{engine.engine}'", engine.energy),
            _transport_table(result, engine),
            *(() if cross is None else _cross_check(result, engine, cross, pictures)),
        )
    )


def _cross_check(
    result: Result, engine: DoseEngineResult, cross: CrossCheckResult, pictures: Sequence[Illustration]
) -> tuple[Block | None, ...]:
    return (
        Facts((Fact("Cross-check", cross.engine), *_facts(cross.statistics))),
        Paragraph(f"{cross.summary} ({cross.citation}). {_MEANING}"),
        *pictures,
        _difference_table(result, engine, cross),
        _energy_table(f"Energy account of '{cross.engine}'", cross.energy),
    )


def _facts(statistics: StatisticsResult | None) -> tuple[Fact, ...]:
    if statistics is None:
        return ()
    return (
        Fact("Histories", format_number(float(statistics.histories))),
        Fact("Ended by", _STOPPED[statistics.stopped_by], "warning" if statistics.stopped_by == "interruption" else ""),
        Fact("Seed", str(statistics.seed)),
    )


def _energy_table(caption: str, energies: Sequence[EnergyResult]) -> Table:
    rows = [
        row(
            Cell(energy.radiation, strong=True),
            format_number(energy.emitted_j), format_number(energy.deposited_j), format_number(energy.escaped_j),
            # The account has to close within a few thousandths, so that hundredths of a per cent tell something.
            format_fixed(100 * energy.deposited_j / energy.emitted_j if energy.emitted_j > 0 else None, 2),
        )
        for energy in energies
    ]  # fmt: skip
    return Table(
        caption,
        (Column("Emitted as", stretch=1.0), Column("Emitted", "J", "right"), Column("Deposited", "J", "right"),
         Column("Escaped or\nleft out", "J", "right"), Column("Deposited", "% of emitted", "right")),
        tuple(rows),
        ("In the grid of the dose map. What secondary particles deposit counts with what set them free.",),
    )  # fmt: skip


def _transport_table(result: Result, engine: DoseEngineResult) -> Table:
    by_name = {part.name: part for part in engine.regions}
    shown = [region for region in ordered_regions(result.regions) if region.name in by_name]
    rows = []
    for region, group in with_groups(shown):
        part = by_name[region.name]
        rows.append(
            row(
                Cell(region.name, strong=True), format_number(part.local_map_mean_gy),
                format_sampled(part.map_mean_gy), format_sampled(part.factor),
                format_percent(part.voxel_relative_u), format_estimate(region.dose_gy), group=group,
            )
        )  # fmt: skip
    return Table(
        "What transport changes in each region",
        (Column("Region", stretch=1.0), Column("Mean of map,\nlocal", "Gy", "right"),
         Column("Mean of map,\nthis engine", "Gy", "estimate"), Column("Ratio", "", "estimate"),
         Column("Noise of\nvoxels", "of mean", "right"), Column("Absorbed\ndose", "Gy", "estimate")),
        tuple(rows),
        ("The absorbed dose is that of local deposition from the region's own corrected activity and mass, times the "
         "ratio of both maps. ± of map and ratio is that of the statistics of sampling alone.",),
    )  # fmt: skip


def _difference_table(result: Result, engine: DoseEngineResult, cross: CrossCheckResult) -> Table:
    by_name = {part.name: part for part in cross.regions}
    shown: list[RegionResult] = [region for region in ordered_regions(result.regions) if region.name in by_name]
    rows = []
    for region, group in with_groups(shown):
        part = by_name[region.name]
        rows.append(
            row(
                Cell(region.name, strong=True), format_number(region.dose_gy.value),
                format_number(part.dose_gy.value),
                format_sampled(Estimate(value=part.difference_percent, u=part.u_percent)),
                group=group,
            )
        )  # fmt: skip
    return Table(
        "Cross-check by region",
        (Column("Region", stretch=1.0), Column(engine.engine, "Gy", "right"), Column(cross.engine, "Gy", "right"),
         Column("Difference", "%", "estimate")),
        tuple(rows),
        (f"Difference: {cross.engine} minus {engine.engine}, in per cent of {engine.engine}. ± is that of the "
         "statistics of sampling alone.",),
    )  # fmt: skip
