"""Figures of the marrow section: curves and uncertainty budgets by method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theradose.model.curve import TimeIntegratedActivity
from theradose.model.result import BudgetResult, Estimate, Result
from theradose.report.inputs import ReportImages
from theradose.report.marrow import METHODS, marrow_parts
from theradose.report.numbers import format_estimate
from theradose.report.plots import draw_budget_sheet, draw_fits
from theradose.report.style import INK, MUTED, PAGE_WIDTH_IN, Picture, figure_style, new_figure, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT_IN, _AXES_IN = 1.9, 1.25
_TIME_BEYOND_LAST = 1.6
_UNITS = {"image": "MBq/mL of spongiosa", "blood": "MBq/L"}
_TITLES = {"image": "Vertebral spongiosa", "blood": "Blood samples"}


@dataclass(frozen=True, slots=True)
class MarrowBudget:
    """What the bars of a budget need."""

    name: str
    dose_gy: Estimate
    budget: tuple[BudgetResult, ...]


def draw_marrow_pictures(result: Result, images: ReportImages) -> tuple[Picture, ...]:
    """Draw the curves and the budgets of the marrow doses that the result holds."""
    parts = marrow_parts(result)
    curves = {name: images.marrow[name] for name in METHODS if name in parts and name in images.marrow}
    pictures = [_draw_curves(curves)] if curves else []
    budgets = [_budget(name, part) for name, part in parts.items() if part.get("budget")]
    if budgets:
        pictures.append(draw_budget_sheet(budgets, "marrow-budget"))
    return tuple(pictures)


def _budget(name: str, part: Mapping[str, Any]) -> MarrowBudget:
    lines = tuple(BudgetResult(**line) for line in part["budget"])
    return MarrowBudget(f"red marrow, {name}", Estimate(**part["dose_gy"]), lines)


def _draw_curves(curves: Mapping[str, TimeIntegratedActivity]) -> Picture:
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, _HEIGHT_IN)
        for column, (name, tia) in enumerate(curves.items()):
            axes = figure.add_axes((0.08 + column * 0.5, 0.32 / _HEIGHT_IN, 0.4, _AXES_IN / _HEIGHT_IN))
            axes.set_title(_TITLES[name], loc="left", fontweight="bold", pad=13)
            _draw_curve(axes, tia)
            axes.set_ylabel(_UNITS[name])
            axes.set_xlabel("Time (h)", labelpad=1)
        return render(
            figure,
            name="marrow-curves",
            caption=(
                "Concentration over time. Points ± u; line and band: the curve that was integrated, ± u (k = 1), "
                "without sources common to all points; thin lines: the single models; shaded: after the last point."
            ),
            alternative="Time-concentration curves of " + " and ".join(_TITLES[name].lower() for name in curves) + ".",
        )


def _draw_curve(axes: Axes, tia: TimeIntegratedActivity) -> None:
    half_life = Estimate(value=tia.effective_half_life_h.value, u=tia.effective_half_life_h.u or None)
    axes.text(
        0, 1.035, f"{tia.chosen},  T½ {format_estimate(half_life)} h",
        transform=axes.transAxes, fontsize=6.8, color=MUTED, va="bottom",
    )  # fmt: skip
    draw_fits(axes, tia, t_end_h=float(tia.curve.t_h[-1]) * _TIME_BEYOND_LAST)
    axes.errorbar(
        tia.curve.t_h, tia.curve.activity_mbq, yerr=tia.curve.u_independent_mbq, fmt="o", markersize=2.6, color=INK,
        elinewidth=0.8, zorder=5,
    )  # fmt: skip
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.locator_params(axis="both", nbins=5)
