"""Plots of curves, histograms and uncertainty budgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from theradose.model.curve import TimeIntegratedActivity
from theradose.model.region import RegionKind
from theradose.model.result import (
    BudgetResult,
    CurveResult,
    Estimate,
    RegionResult,
    Result,
    ThyroidResult,
    WholeBodyResult,
)
from theradose.numbers import format_estimate, format_percent
from theradose.report.inputs import ReportCurves, ordered_regions
from theradose.report.style import (
    ACCENT,
    HAIRLINE,
    INK,
    MUTED,
    PAGE_WIDTH_IN,
    PALETTE,
    WARNING,
    Picture,
    figure_style,
    line_style,
    new_figure,
    render,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.lines import Line2D

_CURVE_COLUMNS = 3
_CURVE_ROW_IN, _CURVE_IN = 1.62, 1.02
_HISTOGRAM_IN, _LEGEND_ROW_IN = 1.75, 0.155
_SAMPLES = 240
_TIME_BEYOND_LAST = 1.6
_TITLE_LENGTH, _LEGEND_LENGTH, _ROW_LENGTH, _REMARK_LENGTH = 27, 23, 27, 44
_BUDGETS_PER_SHEET = 40

_Measured = RegionResult | WholeBodyResult | ThyroidResult


@dataclass(frozen=True, slots=True)
class _Curve:
    """A curve to draw; without `tia` only its points."""

    title: str
    points: CurveResult
    chosen_model: str
    half_life_h: Estimate
    extrapolated_fraction: float
    tia: TimeIntegratedActivity | None
    unit: str = "Activity (MBq)"

    @classmethod
    def of(cls, title: str, part: _Measured, tia: TimeIntegratedActivity | None) -> _Curve:
        """Return the curve of a part of the result."""
        return cls(title, part.curve, part.chosen_model, part.effective_half_life_h, part.extrapolated_fraction, tia)

    @classmethod
    def of_concentration(cls, title: str, tia: TimeIntegratedActivity, unit: str) -> _Curve:
        """Return the curve of a concentration."""
        points = CurveResult(
            t_h=tuple(tia.curve.t_h.tolist()),
            activity_mbq=tuple(tia.curve.activity_mbq.tolist()),
            u_mbq=tuple(tia.curve.u_independent_mbq.tolist()),
        )
        half_life = Estimate(value=tia.effective_half_life_h.value, u=tia.effective_half_life_h.u)
        return cls(title, points, tia.chosen, half_life, tia.extrapolated_fraction, tia, unit)


class Budgeted(Protocol):
    """A dose with its budget: a region, or red marrow."""

    @property
    def name(self) -> str:
        """What it is the dose of."""

    @property
    def dose_gy(self) -> Estimate:
        """The dose."""

    @property
    def budget(self) -> tuple[BudgetResult, ...]:
        """Its sources of uncertainty."""


_GROUP_COLOURS = dict(
    zip(
        ("calibration", "recovery", "volume", "fit", "choice of model", "mass", "other", "counting",
         "single time point", "dose constant", "transport"),
        (*PALETTE, "#9a9a9a", "#5b3a8c", "#c9b458", "#8fbf6a"), strict=True,
    )
)  # fmt: skip


def draw_curves(result: Result, curves: ReportCurves) -> tuple[Picture, ...]:
    """Draw the time-activity curve of each region and reading, three to a picture, so that pages fill."""
    drawn = [
        _Curve.of(region.name, region, curves.regions.get(region.name)) for region in ordered_regions(result.regions)
    ]
    if result.field_of_view is not None:
        drawn.append(_Curve.of(result.field_of_view.scope, result.field_of_view, curves.field_of_view))
    if curves.whole_body is not None and result.whole_body is not None:
        drawn.append(_Curve.of(result.whole_body.scope, result.whole_body, curves.whole_body))
    if result.thyroid is not None:
        drawn.append(_Curve.of("thyroid", result.thyroid, curves.thyroid))
    if curves.blood is not None:
        drawn.append(_Curve.of_concentration("blood samples", curves.blood, "MBq/L"))
    if curves.marrow is not None:
        drawn.append(_Curve.of_concentration("vertebral spongiosa", curves.marrow, "MBq/mL"))
    rows = [drawn[start : start + _CURVE_COLUMNS] for start in range(0, len(drawn), _CURVE_COLUMNS)]
    return tuple(
        _draw_curve_row(row, f"curves-{number}", last=number == len(rows)) for number, row in enumerate(rows, 1)
    )


def draw_measured_curves(curves: Sequence[tuple[str, str, TimeIntegratedActivity]], *, name: str) -> Picture:
    """Draw one row of curves, each with its heading and the unit of its points; the row is as wide as they need."""
    return _draw_curve_row(
        [_Curve.of_concentration(title, tia, unit) for title, unit, tia in curves], name, last=True, columns=len(curves)
    )


def draw_histograms(result: Result) -> Picture | None:
    """Draw cumulative dose-volume histograms, lesions and other regions on separate scales."""
    regions = [region for region in ordered_regions(result.regions) if region.dvh is not None]
    groups = [
        ("Lesions", [region for region in regions if region.kind == RegionKind.LESION]),
        ("Organs and other regions", [region for region in regions if region.kind != RegionKind.LESION]),
    ]
    groups = [(title, members) for title, members in groups if members]
    if not groups:
        return None
    longest = max(len(members) for _, members in groups)
    below_in = 0.5 + _LEGEND_ROW_IN * math.ceil(longest / 2)
    height_in = _HISTOGRAM_IN + below_in + 0.25
    width = 0.42 if len(groups) > 1 else 0.93
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, height_in)
        for column, (title, members) in enumerate(groups):
            axes = figure.add_axes((0.065 + column * 0.51, below_in / height_in, width, _HISTOGRAM_IN / height_in))
            axes.set_title(title, loc="left", fontweight="bold")
            _draw_histograms(axes, members)
            axes.set_ylabel("Volume (%)" if column == 0 else "")
        return render(
            figure,
            name="histograms",
            caption=(
                "Cumulative dose-volume histograms of the dose map; the axis ends at 1.25 × the highest D2. The map is "
                "not corrected for recovery: small regions look colder and less uniform than they are."
            ),
            alternative="Dose-volume histograms; D95, D50 and D2 are in the table beside.",
        )


def draw_budgets(result: Result) -> tuple[Picture, ...]:
    """Draw for each region how its dose uncertainty is shared among the sources."""
    regions = [region for region in ordered_regions(result.regions) if region.budget]
    sheets = [regions[start : start + _BUDGETS_PER_SHEET] for start in range(0, len(regions), _BUDGETS_PER_SHEET)]
    return tuple(draw_budget_sheet(sheet, f"budget-{number}") for number, sheet in enumerate(sheets, 1))


def draw_budget_sheet(regions: Sequence[Budgeted], name: str) -> Picture:
    """Draw how the dose uncertainty of each row is shared among the sources."""
    height_in = 0.5 + 0.2 * len(regions)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, height_in)
        axes = figure.add_axes((0.22, 0.04 / height_in, 0.42, 1 - 0.46 / height_in))
        seen: dict[str, BarContainer] = {}
        for row, region in enumerate(regions):
            left = 0.0
            for group, share in _shares(region):
                bar = axes.barh(row, 100 * share, left=left, height=0.62, color=_GROUP_COLOURS[group], linewidth=0)
                seen.setdefault(group, bar)
                left += 100 * share
            _budget_remark(axes, row, region)
        axes.set_yticks(range(len(regions)), [shortened(region.name, _ROW_LENGTH) for region in regions])
        axes.set(xlim=(0, 100), ylim=(len(regions) - 0.5, -0.5))
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 % of variance"])
        axes.xaxis.tick_top()
        ordered = [group for group in _GROUP_COLOURS if group in seen]
        figure.legend(
            [seen[group].patches[0] for group in ordered], ordered, loc="upper left", bbox_to_anchor=(0.21, 1.0),
            ncols=max(len(ordered), 1), handlelength=0.9, handleheight=0.9, columnspacing=1.2, borderaxespad=0,
        )  # fmt: skip
        return render(
            figure,
            name=name,
            caption=(
                "Uncertainty budget of the mean absorbed dose: share of the variance by source. On the right the "
                "relative standard uncertainty (k = 1) and the sources whose size nobody stated."
            ),
            alternative="Uncertainty budget by region; the numbers are in budget.csv.",
        )


def _draw_histograms(axes: Axes, regions: Sequence[RegionResult]) -> None:
    lines, ends = [], []
    for index, region in enumerate(regions):
        if region.dvh is None:
            continue
        colour, dashes = line_style(index)
        volume = 100 * np.asarray(region.dvh.curve.cumulative_fraction)
        lines += axes.plot(region.dvh.curve.dose_gy, volume, color=colour, linestyle=dashes)
        ends.append(region.dvh.d2_gy)
    # A few voxels of a hot neighbour would otherwise stretch the scale of all organs.
    axes.set(xlim=(0, 1.25 * max(ends) or 1.0), ylim=(0, 101), xlabel="Absorbed dose (Gy)")
    axes.grid(color=HAIRLINE, linewidth=0.4)
    _legend(axes, lines, [region.name for region in regions])


def _draw_curve_row(curves: Sequence[_Curve], name: str, *, last: bool, columns: int = _CURVE_COLUMNS) -> Picture:
    share = columns / _CURVE_COLUMNS
    with figure_style():
        figure = new_figure(share * PAGE_WIDTH_IN, _CURVE_ROW_IN)
        for column, curve in enumerate(curves):
            left, width = (0.065 + column * 0.34) / share, 0.25 / share
            axes = figure.add_axes((left, 0.3 / _CURVE_ROW_IN, width, _CURVE_IN / _CURVE_ROW_IN))
            axes.set_title(shortened(curve.title, _TITLE_LENGTH), loc="left", fontweight="bold", pad=13)
            _draw_curve(axes, curve)
            axes.set_ylabel(curve.unit if column == 0 or curve.unit != curves[0].unit else "")
            axes.set_xlabel("Time (h)", labelpad=1)
        return render(
            figure,
            name=name,
            caption=(
                "Time-activity curves. Points ± u; line and band: the curve that was integrated, ± u (k = 1), without "
                "sources common to all points; thin lines: the single models; shaded: after the last point."
            )
            if last
            else "",
            alternative="Time-activity curves of " + ", ".join(curve.title for curve in curves) + ".",
        )


def _draw_curve(axes: Axes, curve: _Curve) -> None:
    t_h = np.asarray(curve.points.t_h)
    activity = np.asarray(curve.points.activity_mbq)
    u = np.array([math.nan if value is None else value for value in curve.points.u_mbq])
    axes.text(
        0, 1.035, f"{curve.chosen_model},  T½ {format_estimate(curve.half_life_h)} h",
        transform=axes.transAxes, fontsize=6.8, color=MUTED, va="bottom",
    )  # fmt: skip
    if curve.tia is not None:
        draw_fits(axes, curve.tia, t_end_h=float(t_h[-1]) * _TIME_BEYOND_LAST)
        axes.text(
            0.98, 0.95, f"{format_percent(curve.extrapolated_fraction)} after last point",
            transform=axes.transAxes, ha="right", va="top", fontsize=6.8, color=ACCENT,
        )  # fmt: skip
    axes.errorbar(
        t_h, activity, yerr=u, fmt="o", markersize=2.6, color=INK, elinewidth=0.8, zorder=5,
    )  # fmt: skip
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.locator_params(axis="both", nbins=5)


def draw_fits(axes: Axes, tia: TimeIntegratedActivity, *, t_end_h: float) -> None:
    """Draw the curve that was integrated with its band, and the single models."""
    from theradose.kinetics.evaluate import evaluate_fit, evaluate_tia

    t_h = np.linspace(0.0, t_end_h, _SAMPLES)
    for fit in tia.fits:
        if fit.model != tia.chosen:
            axes.plot(t_h, evaluate_fit(fit, t_h)[0], color=MUTED, linewidth=0.4)
    activity, u = evaluate_tia(tia, t_h)
    after = t_h >= tia.curve.t_h[-1]
    axes.fill_between(t_h[after], activity[after], color=ACCENT, alpha=0.13, linewidth=0)
    axes.fill_between(t_h, np.maximum(activity - u, 0), activity + u, color=ACCENT, alpha=0.22, linewidth=0)
    axes.plot(t_h, activity, color=ACCENT)


def _shares(region: Budgeted) -> list[tuple[str, float]]:
    """Return the share of the variance of each group, in the order of the legend."""
    totals = dict.fromkeys(_GROUP_COLOURS, 0.0)
    for line in region.budget:
        totals[line.group if line.group in totals else "other"] += line.share or 0.0
    return [(group, share) for group, share in totals.items() if share > 0]


def _budget_remark(axes: Axes, row: int, region: Budgeted) -> None:
    dose = region.dose_gy
    relative = None if dose.value in (None, 0.0) or dose.u is None else abs(dose.u / dose.value)
    axes.text(101.5, row, f"± {format_percent(relative)}", va="center", fontsize=7.5)
    unknown = dict.fromkeys(
        line.group if line.group != "other" else line.source.partition(":")[0]
        for line in region.budget
        if line.share is None
    )
    if unknown:
        remark = shortened("not stated: " + ", ".join(unknown), _REMARK_LENGTH)
        axes.text(118, row, remark, va="center", fontsize=6.8, color=WARNING)


def _legend(axes: Axes, lines: Sequence[Line2D], names: Sequence[str]) -> None:
    """Draw a legend below `axes`; names that start with an underscore are labels like any other."""
    legend = axes.legend(
        lines, [str(number) for number in range(len(names))], loc="upper left",
        bbox_to_anchor=(0, -0.36 / _HISTOGRAM_IN), ncols=2, handlelength=2.2, columnspacing=1.0, borderaxespad=0,
    )  # fmt: skip
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(shortened(name, _LEGEND_LENGTH))
