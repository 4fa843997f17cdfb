"""The part of the report about what the doses mean to the tissues."""

from __future__ import annotations

from collections.abc import Sequence

from theradose.model.result import RegionResult, ResponseResult, Result
from theradose.numbers import UNKNOWN, format_estimate, format_number, format_percent, words
from theradose.report.blocks import Block, Cell, Column, Paragraph, Table, present, row, status_cell
from theradose.report.inputs import ordered_regions
from theradose.report.summary import with_groups

_MEANING = (
    "The biologically effective dose (BED) is D (1 + G D / (α/β)): G follows from the time course of the region and "
    "the repair half-life of its tissue. EQD2 is the dose in fractions of 2 Gy with the same BED. Both are computed "
    "from the mean dose of the region as if all of it had that dose. They are numbers to compare with limits that are "
    "stated as BED or EQD2, and no prediction."
)


def biology_section(result: Result) -> tuple[Block, ...]:
    """Return the blocks about radiobiology; none where no parameters are known."""
    regions = ordered_regions(result.regions)
    effective = [region for region in regions if region.bed is not None]
    return present(
        (
            Paragraph(_MEANING) if effective else None,
            _without_bed(regions, red_marrow=result.marrow is not None) if effective else None,
            _bed_table(effective),
            _volume_table(effective),
            _weighted_table([region for region in regions if region.rbe_weighted is not None]),
            _response_table([region for region in regions if region.responses]),
        )
    )


def _without_bed(regions: Sequence[RegionResult], *, red_marrow: bool) -> Paragraph | None:
    """Return why regions have no BED, and neither has red marrow where there is any."""
    names = [region.name for region in regions if region.bed is None]
    if not names:
        return None
    marrow = " Red marrow has none either: its dose is compared in Gy." if red_marrow else ""
    return Paragraph(
        f"No BED of {', '.join(names)}: α/β and repair half-life of these tissues are not packaged and were not both "
        f"stated ('biology' in the study).{marrow}"
    )


def _bed_table(regions: Sequence[RegionResult]) -> Table:
    rows = []
    for region, group in with_groups(regions):
        bed = region.bed
        if bed is None:
            continue
        origin = "" if bed.origin is None else f" ({bed.origin})"
        rows.append(
            row(
                Cell(region.name, strong=True), format_estimate(region.bed_gy), format_estimate(region.eqd2_gy),
                format_estimate(bed.lea_catcheside), format_estimate(bed.alpha_beta_gy),
                format_estimate(bed.repair_half_life_h), f"{bed.source}{origin}", status_cell(bed.status), group=group,
            )
        )  # fmt: skip
    notes = ["± is the standard uncertainty of the stated sources."]
    absent = sorted({source.partition(":")[0] for region in regions if region.bed for source in region.bed.not_stated})
    if absent:
        notes.append(f"It is without that of {', '.join(map(_source_words, absent))}, which nobody stated.")
    notes += [
        f"Stated regrowth takes {format_number(region.bed.repopulation_loss_gy)} Gy of the BED of {region.name} back, "
        "which is not subtracted here."
        for region in regions
        if region.bed is not None and region.bed.repopulation_loss_gy is not None
    ]
    return Table(
        "Biologically effective dose",
        (Column("Region", stretch=0.8), Column("BED", "Gy", "estimate"), Column("EQD2", "Gy", "estimate"),
         Column("G", "", "estimate"), Column("α/β", "Gy", "estimate"), Column("Repair\nhalf-life", "h", "estimate"),
         Column("Source", stretch=1.6), Column("Status")),
        tuple(rows),
        (" ".join(notes),),
    )  # fmt: skip


def _volume_table(regions: Sequence[RegionResult]) -> Table:
    shown = [region for region in regions if region.bed is not None and region.bed.dvh is not None]
    rows = []
    for region, group in with_groups(shown):
        if region.bed is None or region.bed.dvh is None:
            continue
        dvh = region.bed.dvh
        figures = map(format_number, (dvh.mean_gy, dvh.d95_gy, dvh.d50_gy, dvh.d2_gy))
        rows.append(row(Cell(region.name, strong=True), *figures, words(region.bed.kinetics), group=group))
    return Table(
        "Dose-volume figures of the biologically effective dose",
        (Column("Region", stretch=1.0), Column("Mean", "Gy", "right"), Column("D95", "Gy", "right"),
         Column("D50", "Gy", "right"), Column("D2", "Gy", "right"), Column("Time course\nof voxels")),
        tuple(rows),
        ("These figures and the BED of the table above are not of the same dose: the map is not corrected for recovery "
         "and has lower doses. Of one and the same dose the mean over voxels would be above the BED of the mean "
         "wherever the dose is not uniform; here both act, in opposite directions.",),
    )  # fmt: skip


def _weighted_table(regions: Sequence[RegionResult]) -> Table:
    rows = [
        row(
            Cell(region.name, strong=True), format_estimate(region.dose_gy), format_estimate(region.alpha_gy),
            format_estimate(region.rbe_weighted.weighted), region.rbe_weighted.unit,
        )
        for region in regions if region.rbe_weighted is not None
    ]  # fmt: skip
    return Table(
        "Doses with alpha particles weighted",
        (Column("Region", stretch=1.0), Column("Absorbed\ndose", "Gy", "estimate"),
         Column("Of it by\nalphas", "Gy", "estimate"), Column("Weighted", "not in Gy", "estimate"), Column("Unit")),
        tuple(rows),
        ("The weight is the one that the study states. A weighted dose is no absorbed dose: limits in Gy do not hold "
         "for it.",),
    )  # fmt: skip


def _response_table(regions: Sequence[RegionResult]) -> Table:
    rows = []
    for region in regions:
        for number, response in enumerate(region.responses):
            origin = "" if response.origin is None else f" ({response.origin})"
            rows.append(
                row(
                    Cell(region.name if number == 0 else "", strong=True), response.model, response.quantity,
                    _value(response), _interval(response),
                    response.reason or f"{response.source or UNKNOWN}{origin}",
                    status_cell(response.status or ""),
                )
            )  # fmt: skip
    return Table(
        "Response models",
        (Column("Region", stretch=0.8), Column("Model"), Column("Quantity", stretch=0.8), Column("Value", "", "right"),
         Column("95 %", "", "right"), Column("Source, or why there is no value", stretch=1.6), Column("Status")),
        tuple(rows),
        ("A probability is what others found in their patients, with the interval of their parameters where they state "
         "one. It is no recommendation.",),
    )  # fmt: skip


def _source_words(source: str) -> str:
    return "α/β" if source == "alpha-beta" else words(source)


def _value(response: ResponseResult) -> str:
    if response.unit == "1":
        return format_percent(response.value)
    return UNKNOWN if response.value is None else f"{format_number(response.value)} {response.unit}"


def _interval(response: ResponseResult) -> str:
    if response.interval is None:
        return UNKNOWN
    return " to ".join(map(format_percent, response.interval))
