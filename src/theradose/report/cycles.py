"""The patient's cycles in the report: dose by cycle, cumulative dose beside limits, and both as a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from theradose.model.document import Estimate
from theradose.model.result import Result
from theradose.model.result_cycles import CumulativeResult, CycleDoseResult, CyclesResult, LimitResult
from theradose.numbers import (
    UNKNOWN,
    format_estimate,
    format_given,
    format_number,
    format_probability,
    words,
)
from theradose.report.blocks import Block, Cell, Column, Illustration, Paragraph, Row, Table, present, row
from theradose.report.style import (
    ACCENT,
    HAIRLINE,
    MUTED,
    PAGE_WIDTH_IN,
    WARNING,
    Picture,
    figure_style,
    new_figure,
    render,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ASSUMED = "assumed"
_MARK, _INCOMPLETE = " *", " †"
_STEPS = ("between-cycles", "side-of-pair", "trend")
_ROW_IN, _AXIS_IN, _LABEL_IN = 0.24, 0.55, 1.5
_NAME_LENGTH = 24


def cycles_section(result: Result, pictures: Sequence[Illustration]) -> tuple[Block, ...]:
    """Return what the report says of several cycles, nothing for a first cycle."""
    ledger = result.cycles
    if ledger is None or len(ledger.cycles) < 2:
        return ()
    return present((_cycle_table(ledger), *pictures, _cumulative_table(ledger), Paragraph(f"Rule: {ledger.rule}.")))


def limit_tables(result: Result) -> tuple[Table, Table]:
    """Return the limits beside the cumulative doses of the regions that they hold for, and where each comes from."""
    compared = Table(
        "Limits",
        (Column("Region"), Column("Limit"), Column("Quantity"), Column("Limit", "Gy", "right"),
         Column("Cumulated", "Gy", "estimate"), Column("Margin", "Gy", "right"),
         Column("Probability\nabove", "", "right"), Column("Cycles in the sum", stretch=1.0)),
        tuple(_limit_row(limit) for limit in result.limits),
    )  # fmt: skip
    known = {limit.name or limit.organ: limit for limit in result.limits}
    origin = Table(
        "Where the limits come from",
        (Column("Limit"), Column("For whom", stretch=1.0), Column("Source", stretch=1.0), Column("Status")),
        tuple(_origin_row(name, limit) for name, limit in known.items()),
        ("Origin EBRT: the experience behind the limit is from external beams.",)
        if any(limit.origin == "EBRT" for limit in result.limits) else (),
    )  # fmt: skip
    return compared, origin


def draw_cycles(result: Result) -> Picture | None:
    """Draw the cumulative dose of organs under limits, cycle by cycle, beside the limits; nothing for a first cycle."""
    ledger = result.cycles
    if ledger is None or len(ledger.cycles) < 2:
        return None
    limits = [limit for limit in result.limits if limit.quantity == "absorbed-dose"]
    regions = list(dict.fromkeys(limit.region for limit in limits))
    if not regions:
        return None
    height_in = _AXIS_IN + _ROW_IN * len(regions)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, height_in)
        left, bottom = _LABEL_IN / PAGE_WIDTH_IN, (_AXIS_IN - 0.15) / height_in
        axes = figure.add_axes((left, bottom, 0.98 - left, _ROW_IN * len(regions) / height_in))
        _draw_bars(axes, ledger, regions, limits)
        return render(
            figure,
            name="cycles",
            caption="Cumulative absorbed dose in Gy, cycle by cycle from the left; light: assumed, without dosimetry. "
            "Lines: limits.",
            alternative="Stacked bars: dose of each cycle to each organ that has a limit, with the limits as lines.",
        )


def _draw_bars(axes: Axes, ledger: CyclesResult, regions: Sequence[str], limits: Sequence[LimitResult]) -> None:
    for place, region in enumerate(regions):
        start = 0.0
        for cycle in ledger.cycles:
            dose = next((dose for dose in cycle.doses if dose.region == region), None)
            if dose is None or dose.dose_gy.value is None:
                continue
            colour = HAIRLINE if dose.basis == _ASSUMED else ACCENT
            axes.barh(place, dose.dose_gy.value, left=start, height=0.6, color=colour, edgecolor="white", linewidth=0.8)
            start += dose.dose_gy.value
        for limit in limits:
            if limit.region == region:
                axes.plot([limit.limit_gy] * 2, [place - 0.42, place + 0.42], color=WARNING)
    axes.set_yticks(range(len(regions)), [shortened(words(region), _NAME_LENGTH) for region in regions])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Gy", color=MUTED)
    axes.set_xlim(left=0)


def _cycle_table(ledger: CyclesResult) -> Table:
    numbers = [cycle.cycle for cycle in ledger.cycles]
    doses = {(dose.region, cycle.cycle): dose for cycle in ledger.cycles for dose in cycle.doses}
    absent = {total.region for total in ledger.cumulative if not total.present}
    rows = [
        row(
            Cell(words(total.region), strong=True),
            *(_dose_cell(doses.get((total.region, number)), total.region in absent) for number in numbers),
        )
        for total in ledger.cumulative
    ]
    heads = [
        Column(f"Cycle {cycle.cycle}", f"{format_given(round(cycle.activity_mbq / 1000, 3))} GBq", "estimate")
        for cycle in ledger.cycles
    ]
    notes = []
    if any(dose.basis == _ASSUMED for dose in doses.values()):
        notes.append(
            "* assumed, not measured: the dose per activity of the nearest measured cycle, with the stated trend."
        )
    if any(_is_incomplete(dose.not_stated) for dose in doses.values()):
        notes.append("† the uncertainty of what is assumed is larger: how much it varies is not stated.")
    return Table("Absorbed dose by cycle, Gy", (Column("Region"), *heads), tuple(rows), tuple(notes))


def _dose_cell(dose: CycleDoseResult | None, absent: bool) -> Cell:
    if dose is None:
        return Cell("absent" if absent else "not measured", "muted")
    assumed = dose.basis == _ASSUMED
    mark = (_MARK if assumed else "") + (_INCOMPLETE if _is_incomplete(dose.not_stated) else "")
    return Cell(format_estimate(dose.dose_gy) + mark, "muted" if assumed else "")


def _is_incomplete(not_stated: Sequence[str]) -> bool:
    """Return whether the step from another cycle or from a pair has an uncertainty that nobody states."""
    return any(source.partition(":")[0] in _STEPS for source in not_stated)


def _cumulative_table(ledger: CyclesResult) -> Table:
    return Table(
        "Cumulative dose",
        (Column("Region"), Column("Absorbed dose", "Gy", "estimate"),
         Column("u if all sources\nare shared", "Gy", "right"), Column("u if none is", "Gy", "right"),
         Column("BED", "Gy", "estimate"), Column("Assumed cycles", "", "right")),
        tuple(_cumulative_row(total) for total in ledger.cumulative),
    )  # fmt: skip


def _cumulative_row(total: CumulativeResult) -> Row:
    return row(
        Cell(words(total.region), strong=True),
        format_estimate(total.dose_gy) + (_INCOMPLETE if _is_incomplete(total.not_stated) else ""),
        format_number(total.u_all_shared_gy, digits=2),
        format_number(total.u_all_independent_gy, digits=2),
        format_estimate(total.bed_gy),
        ", ".join(map(str, total.assumed)) or UNKNOWN,
    )


def _limit_row(limit: LimitResult) -> Row:
    exceeded = (limit.margin_gy or 0.0) < 0
    ends = "" if limit.range_gy is None else f" ({' to '.join(map(format_given, limit.range_gy))})"
    return row(
        Cell(words(limit.region or limit.organ), strong=True),
        limit.name,
        limit.quantity,
        format_given(limit.limit_gy) + ends,
        format_estimate(Estimate(value=limit.cumulative_gy, u=limit.cumulative_u_gy)),
        Cell(format_number(limit.margin_gy), "critical" if exceeded else ""),
        format_probability(limit.p_exceed),
        limit.basis,
    )


def _origin_row(name: str, limit: LimitResult) -> Row:
    return row(
        Cell(name, strong=True),
        limit.condition or UNKNOWN,
        limit.source + (f" (origin {limit.origin})" if limit.origin == "EBRT" else ""),
        Cell(limit.status, "warning" if limit.status == "unverified" else "muted", strong=limit.status == "unverified"),
    )
