"""Drawings of a comparison of marrow doses, each into axes that it is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from theradose.model.arrays import Array
from theradose.numbers import format_number
from theradose.report.marrow_comparison import (
    CycleComparison,
    ExampleCurve,
    LateInfluence,
    ModelDoses,
    PairAgreement,
)
from theradose.report.style import ACCENT, HAIRLINE, INK, MUTED, PALETTE, WARNING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SPREAD = 0.16
_SEED = 0
# An axis reaches at most so many distances of the quartiles beyond them: one wild value must not hide the rest.
_FENCE = 2.0
# Changes crowd around zero, so that their quartiles say nothing: their axis shows this range at least.
_SHOWN_CHANGES = (10.0, 90.0)
_ROOM = 0.12
_DECADES_WITH_STEPS = {"x": 2.3, "y": 3.5}
_FEWEST_FOR_BOX = 4


def draw_doses(axes: Axes, doses: Sequence[ModelDoses], *, title: str) -> None:
    """Draw every dose and their quartiles by method and model, on a logarithmic scale."""
    filled = [item for item in doses if len(item.mgy_per_gbq)]
    everything = np.concatenate([item.mgy_per_gbq for item in filled])
    low, high = _logarithmic_limits(everything)
    rng = np.random.default_rng(_SEED)
    for place, item in enumerate(doses):
        colour = PALETTE[0] if item.method == "blood" else PALETTE[1]
        values = item.mgy_per_gbq
        if not len(values):
            axes.text(place, math.sqrt(low * high), "refused", rotation=90, ha="center", va="center", color=WARNING)
            continue
        shown = np.clip(values, low, high)
        beyond = (values < low) | (values > high)
        across = place + _SPREAD * (rng.random(len(values)) * 2 - 1)
        axes.plot(across[~beyond], shown[~beyond], "o", markersize=1.8, color=colour, alpha=0.45, markeredgewidth=0)
        axes.plot(across[beyond], shown[beyond], "^", markersize=3, color=WARNING, markeredgewidth=0, clip_on=False)
        if len(values) >= _FEWEST_FOR_BOX:
            axes.boxplot(
                [values], positions=[place], widths=0.5, showfliers=False, whis=(5, 95), manage_ticks=False,
                medianprops={"color": INK, "linewidth": 1.4}, boxprops={"color": MUTED, "linewidth": 0.8},
                whiskerprops={"color": MUTED, "linewidth": 0.8}, capprops={"color": MUTED, "linewidth": 0.8},
            )  # fmt: skip
        axes.text(place, high * 1.06, format_number(float(np.median(values))), ha="center", va="bottom", fontsize=7.5)
    axes.set_yscale("log")
    axes.set(ylim=(low, high), xlim=(-0.6, len(doses) - 0.4), ylabel="Self dose (mGy/GBq)")
    axes.set_xticks(range(len(doses)), [f"{item.method}\n{item.model}" for item in doses])
    _plain_logarithm(axes, "y")
    axes.set_title(title, loc="left", pad=14)


def draw_agreement(axes: Axes, pair: PairAgreement, *, title: str, relative: bool = False) -> None:
    """Draw differences by means with bias, limits of agreement and their intervals."""
    means, differences = pair.values.mean(axis=0), pair.values[0] - pair.values[1]
    if relative:
        draw_differences(axes, means, 100 * differences / means, unit="% of mean", title=title)
    else:
        draw_differences(axes, means, differences, unit="mGy/GBq", title=title)
    result = pair.relative if relative else pair.absolute
    low, high = axes.get_ylim()
    for interval, style in ((result.bias, "-"), (result.lower, (0, (4, 2))), (result.upper, (0, (4, 2)))):
        if low < interval.value < high:
            axes.axhspan(max(interval.low, low), min(interval.high, high), color=ACCENT, alpha=0.10, linewidth=0)
            axes.axhline(interval.value, color=ACCENT, linewidth=0.9, linestyle=style)
    axes.set_ylim(low, high)


def draw_differences(
    axes: Axes, means: Array, differences: Array, *, unit: str, title: str, changes: bool = False
) -> None:
    """Draw differences by means, the latter on a logarithmic scale; points beyond the axes become triangles."""
    low, high = _linear_limits(differences, changes=changes)
    left, right = _logarithmic_limits(means)
    beyond = (differences < low) | (differences > high) | (means < left) | (means > right)
    axes.axhline(0, color=HAIRLINE, linewidth=0.8, zorder=0)
    axes.plot(means[~beyond], differences[~beyond], "o", markersize=2.4, color=INK, alpha=0.6, markeredgewidth=0)
    axes.plot(
        np.clip(means[beyond], left, right), np.clip(differences[beyond], low, high), "^", markersize=3.4,
        color=WARNING, markeredgewidth=0, clip_on=False,
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set(xlim=(left, right), ylim=(low, high), xlabel="mean (mGy/GBq)", ylabel=f"difference ({unit})")
    _plain_logarithm(axes, "x")
    axes.set_title(title, loc="left")
    if beyond.any():
        axes.text(
            0.98, 0.03, f"{int(beyond.sum())} beyond the axes", transform=axes.transAxes, ha="right", color=WARNING,
            fontsize=7,
        )  # fmt: skip


def draw_late(axes: Axes, influences: Sequence[tuple[str, LateInfluence]], *, title: str) -> None:
    """Draw the changes without late points for every model, each way of fitting beside the other."""
    shown = [item.percent for _, item in influences if len(item.percent)]
    limits = [_linear_limits(values, changes=True) for values in shown]
    low, high = (min(one for one, _ in limits), max(one for _, one in limits)) if limits else (-1.0, 1.0)
    rng = np.random.default_rng(_SEED)
    axes.axhline(0, color=HAIRLINE, linewidth=0.8, zorder=0)
    for place, (name, item) in enumerate(influences):
        colour = PALETTE[3] if name == "unweighted" else PALETTE[2]
        values = item.percent
        if not len(values):
            axes.text(place, 0.5 * (low + high), "refused", rotation=90, ha="center", va="center", color=WARNING)
            continue
        beyond = (values < low) | (values > high)
        across = place + _SPREAD * (rng.random(len(values)) * 2 - 1)
        axes.plot(across[~beyond], values[~beyond], "o", markersize=2, color=colour, alpha=0.6, markeredgewidth=0)
        axes.plot(
            across[beyond], np.clip(values[beyond], low, high), "^", markersize=3.2, color=WARNING, markeredgewidth=0,
            clip_on=False,
        )  # fmt: skip
        axes.hlines(float(np.median(values)), place - 0.3, place + 0.3, color=INK, linewidth=1.4)
    axes.set(ylim=(low, high), xlim=(-0.6, len(influences) - 0.4), ylabel="change of the dose (%)")
    axes.set_xticks(range(len(influences)), [f"{item.model}\n{name}" for name, item in influences])
    axes.set_title(title, loc="left")


def draw_example(axes: Axes, example: ExampleCurve, *, logarithmic: bool) -> None:
    """Draw the samples of one treatment with the curves of its fits."""
    for index, (name, values) in enumerate(example.curves.items()):
        style = (0, (3, 2)) if index == 1 else "-"
        axes.plot(example.grid_h, values, color=PALETTE[index], linestyle=style, linewidth=1.2, label=name)
    for late, marker, label in ((False, "o", "samples"), (True, "s", "late samples")):
        rows = example.late == late
        axes.errorbar(
            example.t_h[rows], example.concentration_mbq_l[rows], yerr=example.u_mbq_l[rows], fmt=marker,
            markersize=3.4, color=WARNING if late else INK, elinewidth=0.8, label=label, zorder=5,
        )  # fmt: skip
    axes.set(xlabel="Time (h)", ylabel="MBq/L")
    if logarithmic:
        lowest = float(example.concentration_mbq_l.min())
        axes.set_yscale("log")
        axes.set_ylim(lowest / 5, float(example.concentration_mbq_l.max()) * 2)
        _plain_logarithm(axes, "y")
    else:
        axes.set_ylim(0, float(example.concentration_mbq_l.max()) * 1.15)
        axes.legend(loc="upper right")


def draw_cycles(axes: Axes, cycles: CycleComparison, *, title: str) -> None:
    """Draw first and last cycle of every patient as a line."""
    values = np.stack([cycles.first, cycles.last])
    low, high = _logarithmic_limits(values.ravel())
    axes.plot([0, 1], np.clip(values, low, high), color=MUTED, linewidth=0.6, alpha=0.7)
    axes.plot([0, 1], np.median(values, axis=1), color=ACCENT, linewidth=2.0, marker="o", markersize=4)
    axes.set_yscale("log")
    axes.set(xlim=(-0.25, 1.25), ylim=(low, high), ylabel="Self dose (mGy/GBq)")
    axes.set_xticks([0, 1], ["first cycle", "last cycle"])
    _plain_logarithm(axes, "y")
    axes.set_title(title, loc="left")


def draw_scatter(axes: Axes, pair: PairAgreement, *, title: str) -> None:
    """Draw one method by the other with the line of equality."""
    image, blood = pair.values
    low, high = _logarithmic_limits(pair.values.ravel())
    axes.plot([low, high], [low, high], color=HAIRLINE, linewidth=1.0, zorder=0)
    axes.plot(np.clip(blood, low, high), np.clip(image, low, high), "o", markersize=2.6, color=INK, alpha=0.6,
              markeredgewidth=0)  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(xlim=(low, high), ylim=(low, high), xlabel=f"{pair.second} (mGy/GBq)", ylabel=f"{pair.first} (mGy/GBq)")
    _plain_logarithm(axes, "x")
    _plain_logarithm(axes, "y")
    axes.set_title(title, loc="left")


def _linear_limits(values: Array, *, changes: bool = False) -> tuple[float, float]:
    low, high = _fenced(values)
    inner = np.percentile(values, _SHOWN_CHANGES) if changes else (0.0, 0.0)
    low, high = min(low, 0.0, float(inner[0])), max(high, 0.0, float(inner[1]))
    room = max(_ROOM * (high - low), 0.01)
    return low - room, high + room


def _logarithmic_limits(values: Array) -> tuple[float, float]:
    low, high = _fenced(np.log(values[values > 0]))
    room = _ROOM * (high - low) + 0.1
    return math.exp(low - room), math.exp(high + room)


def _fenced(values: Array) -> tuple[float, float]:
    lower, upper = np.percentile(values, [25, 75])
    reach = _FENCE * (upper - lower)
    return max(float(values.min()), float(lower - reach)), min(float(values.max()), float(upper + reach))


def _plain_logarithm(axes: Axes, which: str) -> None:
    """Label a logarithmic axis with plain numbers, at 1, 2 and 5 times the decades if these are few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    few = math.log10(high / low) < _DECADES_WITH_STEPS[which]
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
