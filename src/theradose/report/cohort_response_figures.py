"""Figures of an analysis of dose and response: selection, boxes, curves, growth, residuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from theradose.cohort.response.analysis import ALL_GRADES, DoseAnalysis
from theradose.cohort.response.characteristics import DAYS_PER_YEAR
from theradose.cohort.response.means import GroupDifference
from theradose.cohort.response.regrowth import Regrowth
from theradose.cohort.response.selection import Selection
from theradose.model.tumours import KIND_WORDS
from theradose.numbers import format_p
from theradose.report.style import (
    ACCENT,
    HAIRLINE,
    INK,
    MUTED,
    PAGE_WIDTH_IN,
    PALETTE,
    Picture,
    figure_style,
    line_style,
    new_figure,
    render,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SPREAD = 0.17
_SEED = 0
_JITTER = 0.035
_FEWEST_FOR_BOX = 4
_ROW_IN = 0.36


def grade_words(grade: str) -> str:
    """Return a grade for a title."""
    return "all tumours" if grade == ALL_GRADES else grade


def draw_selection(selection: Selection) -> Picture:
    """Draw how the analysed tumours were selected, one box for each step that removed any."""
    steps = [step for step in selection.steps if step.removed]
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, _ROW_IN * (2 * len(steps) + 1) / 1.35 + 0.1)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 1), ylim=(-(2 * len(steps) + 0.6), 0.6))
        axes.axis("off")
        first = selection.initial
        _box(axes, 0.3, 0, f"{first.tumours} tumours of {first.patients} patients", strong=True)
        for k, step in enumerate(steps):
            y = -2.0 * (k + 1)
            axes.annotate(
                "", (0.3, y + 0.42), (0.3, y + 1.58), arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 0.8}
            )
            axes.annotate(
                "", (0.53, y + 1.0), (0.3, y + 1.0), arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 0.8}
            )
            _box(axes, 0.545, y + 1.0, f"{step.removed} {step.reason}", align="left")
            last = k == len(steps) - 1
            _box(axes, 0.3, y, f"{step.left.tumours} tumours of {step.left.patients} patients", strong=last)
        return render(
            figure,
            name="selection",
            caption=(
                f"Selection of tumours: {first.tumours} − "
                + " − ".join(str(step.removed) for step in steps)
                + f" = {selection.analysed.tumours}."
            ),
            alternative=f"From {first.tumours} tumours {selection.analysed.tumours} are analysed.",
        )


def draw_boxes(
    items: Sequence[GroupDifference], *, name: str, label: str, caption: str, factor: float = 1.0
) -> Picture:
    """Draw every tumour and the quartiles of two groups, by grade."""
    with figure_style():
        figure = new_figure(min(PAGE_WIDTH_IN, 1.2 + 2.3 * len(items)), 2.5)
        panels = figure.subplots(1, len(items), sharey=True, squeeze=False)[0]
        rng = np.random.default_rng(_SEED)
        for axes, means in zip(panels, items, strict=True):
            for place, values in enumerate(means.values):
                shown = factor * values
                across = place + _SPREAD * (2 * rng.random(len(shown)) - 1)
                axes.plot(across, shown, "o", markersize=2.4, alpha=0.6, markeredgewidth=0, color=PALETTE[place])
                if len(shown) >= _FEWEST_FOR_BOX:
                    _quartiles(axes, place, shown)
            names = [f"{text}\nn = {n}" for text, n in zip(means.labels, means.counts, strict=True)]
            axes.set_xticks((0, 1), names)
            axes.set_xlim(-0.6, 1.6)
            test = "no test" if means.test is None else format_p(means.test.p)
            axes.set_title(f"{grade_words(means.grade)}: {test}", loc="left")
        panels[0].set_ylabel(label)
        figure.tight_layout()
        return render(figure, name=name, caption=caption, alternative=caption)


def draw_control(one: DoseAnalysis) -> Picture:
    """Draw the response of every tumour by its dose, and the curve where the relation is significant."""
    with figure_style():
        figure, panels = _panels(one)
        rng = np.random.default_rng(_SEED)
        for axes, grade in zip(panels, one.control.grades, strict=True):
            mask = one.of_grade(grade)
            up = one.responds[mask] + _JITTER * (2 * rng.random(int(mask.sum())) - 1)
            _patients(axes, one, mask, one.dose_gy[mask], up)
            curve = one.control.curves.get(grade)
            if curve is not None:
                band = curve.band
                axes.fill_between(curve.dose_gy, band.low, band.high, color=ACCENT, alpha=0.14, linewidth=0)
                axes.plot(curve.dose_gy, band.value, color=INK)
            axes.set_title(f"{grade_words(grade)}: {_slope_words(one, grade)}", loc="left")
            axes.set_ylim(-0.06, 1.06)
        panels[0].set_ylabel("Probability of response")
        figure.tight_layout()
        return render(
            figure,
            name=f"control-{one.kind}",
            caption=(
                f"Response by dose {KIND_WORDS[one.kind]}; points are tumours (responders above), one colour for each "
                "patient. Curves, at patient effect 0 with the interval of the logit scale, only where the slope is "
                "significant."
            ),
            alternative="Response of tumours by dose.",
        )


def draw_shrinkage(one: DoseAnalysis) -> Picture:
    """Draw the loss of volume of every tumour by its dose, and the fitted growth where there is one."""
    with figure_style():
        figure, panels = _panels(one)
        for axes, grade in zip(panels, one.control.grades, strict=True):
            mask = one.of_grade(grade)
            chosen = [outcome for outcome, inside in zip(one.outcomes, mask, strict=True) if inside]
            errors = [0.0 if o.dose_gy[one.kind].not_stated else o.dose_gy[one.kind].u for o in chosen]
            axes.errorbar(one.dose_gy[mask], 100 * one.reduction[mask], xerr=errors, fmt="none", ecolor=HAIRLINE,
                          elinewidth=0.7, zorder=1)  # fmt: skip
            _patients(axes, one, mask, one.dose_gy[mask], 100 * one.reduction[mask])
            band = one.shrinkage.bands.get(grade)
            if band is not None:
                axes.fill_between(
                    one.shrinkage.dose_gy[grade], 100 * band.low, 100 * band.high, color=ACCENT, alpha=0.14, linewidth=0
                )
                axes.plot(one.shrinkage.dose_gy[grade], 100 * band.value, color=INK)
            axes.axhline(0, color=HAIRLINE, linewidth=0.6, zorder=0)
            axes.set_title(grade_words(grade), loc="left")
            axes.set_ylim(top=104)
        panels[0].set_ylabel("Loss of volume (%)")
        figure.tight_layout()
        return render(
            figure,
            name=f"shrinkage-{one.kind}",
            caption=(
                f"Loss of volume by dose {KIND_WORDS[one.kind]} with the standard uncertainty of the dose, one colour "
                "for each patient; negative for growth. Curves of asymptotic growth with their interval only where the "
                "response depends significantly on the dose."
            ),
            alternative="Loss of volume of tumours by dose.",
        )


def draw_roc(one: DoseAnalysis) -> Picture | None:
    """Draw the receiver operating characteristic of each grade that has one."""
    shown = {grade: found for grade, found in one.discrimination.items() if found.curve is not None}
    if not shown:
        return None
    with figure_style():
        figure = new_figure(2.9, 2.6)
        axes = figure.subplots()
        axes.plot((0, 1), (0, 1), color=HAIRLINE, linewidth=0.8)
        for k, (grade, found) in enumerate(shown.items()):
            assert found.curve is not None
            colour, dashes = line_style(k)
            label = f"{grade_words(grade)}, area {found.curve.auc:.2f}"
            axes.plot(1 - found.curve.specificity, found.curve.sensitivity, color=colour, linestyle=dashes, label=label)
        axes.set(xlabel="1 − specificity", ylabel="Sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(loc="lower right")
        figure.tight_layout()
        return render(
            figure,
            name=f"roc-{one.kind}",
            caption=f"Receiver operating characteristic of the dose {KIND_WORDS[one.kind]}.",
            alternative="Sensitivity by one minus specificity.",
        )


def draw_regrowth(grown: Regrowth) -> Picture:
    """Draw the share of tumours without growth by time after the last cycle."""
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, 2.5)
        panels = figure.subplots(1, len(grown.comparisons), sharey=True, squeeze=False)[0]
        for axes, item in zip(panels, grown.comparisons, strict=True):
            for k, (name, curve) in enumerate(item.curves.items()):
                colour, dashes = line_style(k)
                years = np.r_[0, curve.time] / DAYS_PER_YEAR
                style = {"color": colour, "where": "post"}
                axes.step(
                    years, np.r_[1, curve.share], linestyle=dashes, label=f"{grade_words(name)}, n = {curve.n}", **style
                )
                axes.fill_between(years, np.r_[1, curve.low], np.r_[1, curve.high], step="post", color=colour,
                                  alpha=0.1, linewidth=0)  # fmt: skip
                censored = curve.time[curve.events == 0] / DAYS_PER_YEAR
                axes.plot(censored, curve.share[curve.events == 0], "|", markersize=4, color=colour)
            test = item.refused or f"log-rank {format_p(item.test.p) if item.test else ''}"
            axes.set_title(f"By {item.title}", loc="left")
            axes.text(0.02, 0.04, test if item.test else "no comparison", transform=axes.transAxes, color=MUTED)
            axes.set(xlabel="Years after the last cycle", ylim=(0, 1.03), xlim=(0, None))
            axes.legend(loc="upper right")
        panels[0].set_ylabel("Share without growth")
        figure.tight_layout()
        return render(
            figure,
            name="regrowth",
            caption="Time to growth (Kaplan and Meier) with pointwise intervals; ticks are ends of observation.",
            alternative="Share of tumours without growth by time.",
        )


def draw_residuals(items: Sequence[GroupDifference]) -> Picture | None:
    """Draw the residuals of models by the quantiles of a normal distribution."""
    from scipy import stats

    shown = [means for means in items if len(means.residuals) > 2]
    if not shown:
        return None
    columns = 3
    rows = -(-len(shown) // columns)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, 2.0 * rows)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in panels[len(shown) :]:
            axes.axis("off")
        for axes, means in zip(panels, shown, strict=False):
            (quantiles, ordered), (slope, intercept, _) = stats.probplot(means.residuals)
            axes.plot(quantiles, intercept + slope * quantiles, color=MUTED, linewidth=0.8)
            axes.plot(quantiles, ordered, "o", markersize=2.2, color=PALETTE[0], markeredgewidth=0)
            axes.set_title(f"{means.quantity}\n{grade_words(means.grade)}, {format_p(means.normality_p)}",
                           loc="left", fontsize=7.5)  # fmt: skip
        figure.supxlabel("Quantile of the normal distribution", fontsize=8)
        figure.supylabel("Residual", fontsize=8)
        figure.tight_layout()
        return render(
            figure,
            name="residuals",
            caption="Q–Q plots of the residuals of the linear models, with p of Shapiro and Wilk's test of normality.",
            alternative="Residuals by quantiles of the normal distribution.",
        )


def _panels(one: DoseAnalysis) -> tuple[Figure, Sequence[Axes]]:
    n = len(one.control.grades)
    figure = new_figure(min(PAGE_WIDTH_IN, 1.6 + 2.7 * n), 2.6)
    panels = figure.subplots(1, n, sharey=True, squeeze=False)[0]
    for axes in panels:
        axes.set_xlim(0, 1.06 * float(one.dose_gy.max()))
        axes.set_xlabel(f"Dose {KIND_WORDS[one.kind]} (Gy)")
    return figure, panels


def _patients(axes: Axes, one: DoseAnalysis, mask: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    names = [outcome.patient for outcome, inside in zip(one.outcomes, mask, strict=True) if inside]
    order = {name: k for k, name in enumerate(dict.fromkeys(names))}
    colours = [PALETTE[order[name] % len(PALETTE)] for name in names]
    axes.scatter(x, y, s=9, c=colours, linewidths=0, alpha=0.85, zorder=2)


def _slope_words(one: DoseAnalysis, grade: str) -> str:
    if not one.control.fits:
        return "no model"
    return f"slope {format_p(one.control.tests[grade].p)}"


def _quartiles(axes: Axes, place: int, values: np.ndarray) -> None:
    axes.boxplot(
        [values], positions=[place], widths=0.5, showfliers=False, whis=1.5, manage_ticks=False,
        medianprops={"color": INK, "linewidth": 1.4}, boxprops={"color": MUTED, "linewidth": 0.8},
        whiskerprops={"color": MUTED, "linewidth": 0.8}, capprops={"color": MUTED, "linewidth": 0.8},
    )  # fmt: skip


def _box(axes: Axes, x: float, y: float, text: str, *, strong: bool = False, align: str = "center") -> None:
    axes.text(
        x, y, text, ha=align, va="center", fontweight="bold" if strong else "normal",
        bbox={"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": ACCENT if strong else HAIRLINE,
              "lw": 0.9},
    )  # fmt: skip
