"""Fitted time-activity curves on paper: a page per curve, and a summary table."""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from theradose.kinetics.evaluate import evaluate_fit, evaluate_tia
from theradose.model.curve import CurveFit, TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.result import Estimate
from theradose.numbers import format_estimate, format_fixed, format_number, format_percent
from theradose.report.style import (
    ACCENT,
    HAIRLINE,
    INK,
    MUTED,
    WARNING,
    figure_style,
    line_style,
    new_figure,
    shortened,
)
from theradose.report.tables import Value, cell_text
from theradose.uncertainty import Uncertain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUMMARY_COLUMNS = (
    "subject", "region", "points", "chosen", "tia_mbq_h", "u_tia_mbq_h", "effective_half_life_h",
    "u_effective_half_life_h", "extrapolated_fraction", "before_first_fraction", "flags",
)  # fmt: skip

_PAGE_IN = (8.27, 11.69)
_LEFT, _RIGHT = 0.11, 0.93
_SAMPLES = 240
_TIME_BEYOND_LAST = 1.5
_DECADES_BELOW = 3
_LINE_IN = 0.165
_TABLE_COLUMNS = (
    ("model", 0.0), ("weight", 0.17), ("MBq·h", 0.26), ("T½ (h)", 0.42), ("χ²", 0.51), ("AICc", 0.58),
    ("flags", 0.66),
)  # fmt: skip
_TITLE_LENGTH, _FLAGS_LENGTH, _FINDING_LENGTH = 60, 36, 150
_MOST_ABOVE_POINTS = 2.5
_HEADROOM = 1.25
# The figure's own fonts must serve: no reader's font steps in for a glyph that the first one lacks.
FONTS = ("STIXGeneral", "DejaVu Serif")


@dataclass(frozen=True, slots=True, eq=False)
class CurvePage:
    """A fitted curve of one subject with its findings."""

    subject: str
    tia: TimeIntegratedActivity
    findings: tuple[Finding, ...]

    @property
    def tia_estimate(self) -> Estimate:
        """Time-integrated activity in MBq·h."""
        return _estimate(self.tia.value)

    @property
    def half_life_estimate(self) -> Estimate:
        """Effective half-life of the last phase in h."""
        return _estimate(self.tia.effective_half_life_h)


def write_curve_summary(pages: Sequence[CurvePage], path: Path) -> None:
    """Write one row per curve: integral, half-life, shares before and after the points, codes of the findings."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(SUMMARY_COLUMNS)
        for page in pages:
            writer.writerow([cell_text(value) for value in _summary(page)])


def write_curve_pages(
    pages: Sequence[CurvePage], path: Path, *, nuclide: str, progress: Callable[[int, int], None]
) -> None:
    """Write a PDF with one A4 page per curve; the same curves give the same bytes."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    metadata = {"CreationDate": None, "Title": "Time-activity curves"}
    with figure_style(), rc_context({"font.family": FONTS}), PdfPages(path, metadata=metadata) as document:
        for done, page in enumerate(pages):
            progress(done, len(pages))
            document.savefig(_draw_page(page, nuclide))
    progress(len(pages), len(pages))


def _summary(page: CurvePage) -> tuple[Value, ...]:
    tia = page.tia
    return (
        page.subject,
        tia.region,
        len(tia.curve.t_h),
        tia.chosen,
        tia.value.value,
        tia.value.u,
        tia.effective_half_life_h.value,
        tia.effective_half_life_h.u,
        tia.extrapolated_fraction,
        tia.before_first_fraction,
        " ".join(dict.fromkeys(finding.code for finding in page.findings)),
    )


def _draw_page(page: CurvePage, nuclide: str) -> Figure:
    tia = page.tia
    figure = new_figure(*_PAGE_IN)
    title = f"{page.subject}  ·  {tia.region}" if page.subject else tia.region
    figure.text(_LEFT, 0.945, shortened(title, _TITLE_LENGTH), fontsize=13, fontweight="bold", va="bottom")
    figure.text(
        _LEFT,
        0.926,
        f"{nuclide}, {len(tia.curve.t_h)} points; {tia.chosen}:  {format_estimate(page.tia_estimate)} MBq·h,  "
        f"T½ {format_estimate(page.half_life_estimate)} h,  "
        f"{format_percent(tia.before_first_fraction)} of the integral before the first and "
        f"{format_percent(tia.extrapolated_fraction)} after the last point",
        color=MUTED,
        va="bottom",
    )
    linear = figure.add_axes((_LEFT, 0.645, _RIGHT - _LEFT, 0.25))
    logarithmic = figure.add_axes((_LEFT, 0.405, _RIGHT - _LEFT, 0.20), sharex=linear)
    residuals = figure.add_axes((_LEFT, 0.305, _RIGHT - _LEFT, 0.07), sharex=linear)
    _draw_curves(linear, tia, legend=True)
    # A fast phase before the first point would press everything measured to the axis.
    measured = float((tia.curve.activity_mbq + tia.curve.u_independent_mbq).max())
    drawn = float(evaluate_tia(tia, np.zeros(1))[0][0])
    highest = max(measured, min(drawn, _MOST_ABOVE_POINTS * measured)) * _HEADROOM
    linear.set(xlim=(0, float(tia.curve.t_h[-1]) * _TIME_BEYOND_LAST), ylim=(0, highest), ylabel="Activity (MBq)")
    _draw_curves(logarithmic, tia, legend=False)
    _set_logarithmic(logarithmic, tia)
    _draw_residuals(residuals, tia)
    _write_table(figure, tia.fits, top=0.245)
    _write_findings(figure, page.findings, top=0.245 - (len(tia.fits) + 2.2) * _LINE_IN / _PAGE_IN[1])
    return figure


def _draw_curves(axes: Axes, tia: TimeIntegratedActivity, *, legend: bool) -> None:
    stop_h = float(tia.curve.t_h[-1]) * _TIME_BEYOND_LAST
    t_h = np.unique([*np.linspace(0.0, stop_h, _SAMPLES), *np.geomspace(stop_h / 1e4, stop_h, _SAMPLES)])
    mean, u = evaluate_tia(tia, t_h)
    axes.fill_between(t_h, np.maximum(mean - u, 0), mean + u, color=ACCENT, alpha=0.18, linewidth=0)
    for index, fit in enumerate(tia.fits):
        colour, dashes = line_style(index + 1)
        axes.plot(t_h, evaluate_fit(fit, t_h)[0], color=colour, linestyle=dashes, linewidth=0.8, label=fit.model)
    axes.plot(t_h, mean, color=ACCENT, linewidth=1.6, label=f"used: {tia.chosen} ± u")
    axes.errorbar(
        tia.curve.t_h, tia.curve.activity_mbq, yerr=tia.curve.u_independent_mbq, fmt="o", markersize=3.5, color=INK,
        elinewidth=0.9, zorder=5,
    )  # fmt: skip
    axes.axvline(float(tia.curve.t_h[-1]), color=HAIRLINE, linewidth=0.8, zorder=0)
    if legend:
        axes.legend(loc="upper right", ncols=2)


def _set_logarithmic(axes: Axes, tia: TimeIntegratedActivity) -> None:
    """Show at most three decades below the highest point; what is zero or negative has no place there."""
    positive = tia.curve.activity_mbq[tia.curve.activity_mbq > 0]
    highest = float(positive.max())
    lowest = max(float(positive.min()) / 3, highest / 10**_DECADES_BELOW)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set(ylim=(lowest, highest * 2), ylabel="Activity (MBq)")


def _draw_residuals(axes: Axes, tia: TimeIntegratedActivity) -> None:
    mean, _ = evaluate_tia(tia, tia.curve.t_h)
    axes.axhspan(-2, 2, color=ACCENT, alpha=0.08, linewidth=0)
    axes.axhline(0, color=MUTED, linewidth=0.6)
    pulls = (tia.curve.activity_mbq - mean) / tia.curve.u_independent_mbq
    axes.plot(tia.curve.t_h, pulls, "o", markersize=3.5, color=INK)
    limit = max(3.0, 1.15 * float(np.abs(pulls).max()))
    axes.set(ylim=(-limit, limit), ylabel="residual / u", xlabel="Time (h)")


def _write_table(figure: Figure, fits: Sequence[CurveFit], *, top: float) -> None:
    line = _LINE_IN / _PAGE_IN[1]
    for text, x in _TABLE_COLUMNS:
        figure.text(_LEFT + x, top, text, color=MUTED, va="top")
    for row, fit in enumerate(sorted(fits, key=lambda fit: -fit.weight), start=1):
        cells = (
            fit.model,
            format_percent(fit.weight) if fit.weight else "–",
            format_estimate(Estimate(value=fit.tia_mbq_h, u=fit.u_tia_mbq_h)),
            format_number(fit.effective_half_life_h),
            format_fixed(fit.chi_squared, 2),
            format_fixed(fit.aicc, 2),
            shortened(" ".join(fit.flags), _FLAGS_LENGTH),
        )
        for text, (_, x) in zip(cells, _TABLE_COLUMNS, strict=True):
            figure.text(_LEFT + x, top - row * line, text, va="top", fontsize=6.5 if x == _TABLE_COLUMNS[-1][1] else 8)


def _write_findings(figure: Figure, findings: Sequence[Finding], *, top: float) -> None:
    line = _LINE_IN / _PAGE_IN[1]
    for finding in findings:
        for text in textwrap.wrap(f"{finding.severity}: {finding.message}", _FINDING_LENGTH):
            if top < line:
                return
            colour = MUTED if finding.severity == "info" else WARNING
            figure.text(_LEFT, top, text, va="top", fontsize=7.5, color=colour)
            top -= line


def _estimate(quantity: Uncertain) -> Estimate:
    """Return a value whose u is unknown if it has no source: what is assumed is not exact."""
    return Estimate(value=quantity.value, u=quantity.u if quantity.contributions else None)
