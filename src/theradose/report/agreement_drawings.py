"""Drawings of the agreement of two methods, each into axes that it is given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from theradose.model.arrays import Array
from theradose.report.style import ACCENT, HAIRLINE, INK, WARNING
from theradose.statistics.agreement import BlandAltman

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# An axis reaches at most so many distances of the quartiles beyond them: one wild value must not hide the rest.
_FENCE = 2.0
# Changes crowd around zero, so that their quartiles say nothing: their axis shows this range at least.
_SHOWN_CHANGES = (10.0, 90.0)
_ROOM = 0.12
_DECADES_WITH_STEPS = {"x": 2.3, "y": 3.5}


def draw_differences(
    axes: Axes,
    means: Array,
    differences: Array,
    *,
    unit: str,
    mean_unit: str,
    title: str,
    changes: bool = False,
) -> None:
    """Draw differences by means, the latter on a logarithmic scale; points beyond the axes become triangles."""
    low, high = linear_limits(differences, changes=changes)
    left, right = logarithmic_limits(means)
    beyond = (differences < low) | (differences > high) | (means < left) | (means > right)
    axes.axhline(0, color=HAIRLINE, linewidth=0.8, zorder=0)
    axes.plot(means[~beyond], differences[~beyond], "o", markersize=2.4, color=INK, alpha=0.6, markeredgewidth=0)
    axes.plot(
        np.clip(means[beyond], left, right), np.clip(differences[beyond], low, high), "^", markersize=3.4,
        color=WARNING, markeredgewidth=0, clip_on=False,
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set(xlim=(left, right), ylim=(low, high), xlabel=_label("mean", mean_unit), ylabel=_label("difference", unit))
    plain_logarithm(axes, "x")
    axes.set_title(title, loc="left")
    if beyond.any():
        axes.text(
            0.98, 0.03, f"{int(beyond.sum())} beyond the axes", transform=axes.transAxes, ha="right", color=WARNING,
            fontsize=7,
        )  # fmt: skip


def draw_limits(axes: Axes, result: BlandAltman) -> None:
    """Draw bias and limits of agreement with their intervals, as far as they lie on the axes."""
    low, high = axes.get_ylim()
    for interval, style in ((result.bias, "-"), (result.lower, (0, (4, 2))), (result.upper, (0, (4, 2)))):
        if low < interval.value < high:
            axes.axhspan(max(interval.low, low), min(interval.high, high), color=ACCENT, alpha=0.10, linewidth=0)
            axes.axhline(interval.value, color=ACCENT, linewidth=0.9, linestyle=style)
    axes.set_ylim(low, high)


def draw_identity(axes: Axes, values: Array, *, labels: tuple[str, str], unit: str, title: str) -> None:
    """Draw the first of two series by the second with the line of equality."""
    low, high = logarithmic_limits(values.ravel())
    axes.plot([low, high], [low, high], color=HAIRLINE, linewidth=1.0, zorder=0)
    first, second = np.clip(values, low, high)
    axes.plot(second, first, "o", markersize=2.6, color=INK, alpha=0.6, markeredgewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(xlim=(low, high), ylim=(low, high), xlabel=_label(labels[1], unit), ylabel=_label(labels[0], unit))
    plain_logarithm(axes, "x")
    plain_logarithm(axes, "y")
    axes.set_title(title, loc="left")


def linear_limits(values: Array, *, changes: bool = False) -> tuple[float, float]:
    """Return the ends of a linear axis that shows zero."""
    low, high = _fenced(values)
    inner = np.percentile(values, _SHOWN_CHANGES) if changes else (0.0, 0.0)
    low, high = min(low, 0.0, float(inner[0])), max(high, 0.0, float(inner[1]))
    room = max(_ROOM * (high - low), 0.01)
    return low - room, high + room


def logarithmic_limits(values: Array) -> tuple[float, float]:
    """Return the ends of a logarithmic axis."""
    low, high = _fenced(np.log(values[values > 0]))
    room = _ROOM * (high - low) + 0.1
    return math.exp(low - room), math.exp(high + room)


def _fenced(values: Array) -> tuple[float, float]:
    lower, upper = np.percentile(values, [25, 75])
    reach = _FENCE * (upper - lower)
    return max(float(values.min()), float(lower - reach)), min(float(values.max()), float(upper + reach))


def plain_logarithm(axes: Axes, which: str) -> None:
    """Label a logarithmic axis with plain numbers, at 1, 2 and 5 times the decades if these are few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    few = math.log10(high / low) < _DECADES_WITH_STEPS[which]
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _label(text: str, unit: str) -> str:
    return f"{text} ({unit})" if unit else text
