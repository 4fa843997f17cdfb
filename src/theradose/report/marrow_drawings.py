"""Drawings of a comparison of marrow doses, each into axes that it is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from theradose.numbers import format_number
from theradose.report.agreement_drawings import (
    draw_differences,
    draw_identity,
    draw_limits,
    linear_limits,
    logarithmic_limits,
    plain_logarithm,
)
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
_FEWEST_FOR_BOX = 4


def draw_doses(axes: Axes, doses: Sequence[ModelDoses], *, title: str) -> None:
    """Draw every dose and their quartiles by method and model, on a logarithmic scale."""
    filled = [item for item in doses if len(item.mgy_per_gbq)]
    everything = np.concatenate([item.mgy_per_gbq for item in filled])
    low, high = logarithmic_limits(everything)
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
    plain_logarithm(axes, "y")
    axes.set_title(title, loc="left", pad=14)


def draw_agreement(axes: Axes, pair: PairAgreement, *, title: str, relative: bool = False) -> None:
    """Draw differences by means with bias, limits of agreement and their intervals."""
    means, differences = pair.values.mean(axis=0), pair.values[0] - pair.values[1]
    if relative:
        draw_differences(axes, means, 100 * differences / means, unit="% of mean", mean_unit="mGy/GBq", title=title)
    else:
        draw_differences(axes, means, differences, unit="mGy/GBq", mean_unit="mGy/GBq", title=title)
    draw_limits(axes, pair.relative if relative else pair.absolute)


def draw_late(axes: Axes, influences: Sequence[tuple[str, LateInfluence]], *, title: str) -> None:
    """Draw the changes without late points for every model, each way of fitting beside the other."""
    shown = [item.percent for _, item in influences if len(item.percent)]
    limits = [linear_limits(values, changes=True) for values in shown]
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
        plain_logarithm(axes, "y")
    else:
        axes.set_ylim(0, float(example.concentration_mbq_l.max()) * 1.15)
        axes.legend(loc="upper right")


def draw_cycles(axes: Axes, cycles: CycleComparison, *, title: str) -> None:
    """Draw first and last cycle of every patient as a line."""
    values = np.stack([cycles.first, cycles.last])
    low, high = logarithmic_limits(values.ravel())
    axes.plot([0, 1], np.clip(values, low, high), color=MUTED, linewidth=0.6, alpha=0.7)
    axes.plot([0, 1], np.median(values, axis=1), color=ACCENT, linewidth=2.0, marker="o", markersize=4)
    axes.set_yscale("log")
    axes.set(xlim=(-0.25, 1.25), ylim=(low, high), ylabel="Self dose (mGy/GBq)")
    axes.set_xticks([0, 1], ["first cycle", "last cycle"])
    plain_logarithm(axes, "y")
    axes.set_title(title, loc="left")


def draw_scatter(axes: Axes, pair: PairAgreement, *, title: str) -> None:
    """Draw one method by the other with the line of equality."""
    draw_identity(axes, pair.values, labels=(pair.first, pair.second), unit="mGy/GBq", title=title)
