"""Pages of an analysis of foci."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from theradose.biology.foci import foci_per_cell
from theradose.biology.foci_dose import FociLine
from theradose.biology.foci_fit import FociFit
from theradose.kinetics.course import TimeCourse
from theradose.model.finding import Finding
from theradose.model.foci import FociSample
from theradose.nuclides import Constant
from theradose.numbers import UNKNOWN, format_number
from theradose.report.blocks import Block, Cell, Column, Illustration, Paragraph, Section, Table, row
from theradose.report.pages import Pages
from theradose.report.style import (
    ACCENT,
    HAIRLINE,
    INK,
    PAGE_WIDTH_IN,
    Picture,
    figure_style,
    line_style,
    new_figure,
    render,
)
from theradose.statistics.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEGEND = 8

FittedTreatment = tuple[str, Sequence[FociSample], TimeCourse | None, FociFit | None]
"""Name, samples, dose rate and model of a treatment."""


def foci_pages(
    treatments: Sequence[FittedTreatment],
    line: FociLine | None,
    line_samples: Sequence[tuple[str, float]],
    *,
    until_h: float,
    constants: Sequence[Constant],
    findings: tuple[Finding, ...],
    source: str,
) -> Pages:
    """Return the pages of an analysis of foci."""
    picture = _draw(treatments, line, line_samples, until_h)
    return Pages(
        title="Foci of blood cells and dose",
        subject=source,
        summary=(Paragraph(_summary(line, until_h)),),
        sections=(
            Section("foci", "Foci by time and by dose", (Illustration.of(picture), *_line_blocks(line))),
            Section("model", "Induction and repair by treatment", (_models(treatments),)),
        ),
        pictures=(picture,),
        constants=constants,
        findings=findings,
    )


def _summary(line: FociLine | None, until_h: float) -> str:
    if line is None:
        return "The samples do not determine a line of foci by dose."
    slope = line.slope_per_mgy
    said = (
        f"In the first {until_h:g} h there are {_interval(slope)} foci per cell and mGy to blood"
        if line.p < 0.05
        else f"Foci and dose to blood show no relation in the first {until_h:g} h"
    )
    return f"{said} (p {_p(line.p)}, {line.degrees_of_freedom} degrees of freedom)."


def _line_blocks(line: FociLine | None) -> tuple[Block, ...]:
    if line is None:
        return ()
    rows = [row(Cell(name), format_number(value)) for name, value in line.background.items()]
    return (
        Table(
            "Background of each treatment, foci per cell",
            (Column("Treatment", stretch=1.0), Column("Background", "", "right")),
            tuple(rows),
            (f"One slope for all. Pearson's chi-squared per degree of freedom is {format_number(line.dispersion)}; "
             "where it exceeds 1 the interval of the slope is wider by its root. The line knows no repair: its slope "
             "is below the induction of the model.",),
        ),
    )  # fmt: skip


def _models(treatments: Sequence[FittedTreatment]) -> Table:
    rows = []
    for name, samples, _, fit in treatments:
        if fit is None:
            rows.append(row(Cell(name, strong=True), str(len(samples)), *(UNKNOWN,) * 5))
            continue
        rows.append(
            row(
                Cell(name, strong=True),
                str(len(samples)),
                _interval(fit.background),
                _interval(fit.induction_per_mgy),
                _interval(fit.repair_half_life_h),
                _interval(fit.unrepaired),
                format_number(fit.dispersion),
            )
        )
    errors = next((fit.errors for *_, fit in treatments if fit is not None), "none")
    return Table(
        "Foci = background + induction · dose rate − repair, with 95 % intervals",
        (Column("Treatment", stretch=1.0), Column("Samples", "", "right"), Column("Background", "1/cell", "right"),
         Column("Induction", "1/(cell mGy)", "right"), Column("Repair half-life", "h", "right"),
         Column("Unrepaired", "", "right"), Column("Dispersion", "", "right")),
        tuple(rows),
        (f"Errors of the counts: {errors}. Intervals are those of the profile likelihood; one that reaches a bound of "
         "the parameter ends there.",),
    )  # fmt: skip


def _draw(
    treatments: Sequence[FittedTreatment],
    line: FociLine | None,
    line_samples: Sequence[tuple[str, float]],
    until_h: float,
) -> Picture:
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, 2.7)
        left, right = figure.subplots(1, 2)
        names = [name for name, *_ in treatments]
        for number, (name, samples, rate, fit) in enumerate(treatments):
            _draw_course(left, number, name, samples, rate, fit)
        left.set(xlabel="Hours since the administration", ylabel="Foci per cell")
        if len(names) <= _LEGEND:
            left.legend()
        if line is not None:
            colours = [line_style(names.index(name))[0] for name, _ in line_samples]
            doses = np.array([dose for _, dose in line_samples])
            right.axhline(0, color=HAIRLINE, linewidth=0.8)
            right.errorbar(doses, line.excess, yerr=line.u_excess, fmt="none", ecolor=HAIRLINE, linewidth=0.8, zorder=1)
            right.scatter(doses, line.excess, s=10, c=colours, linewidths=0)
            if line.p < 0.05:
                ends = np.array([0.0, float(doses.max())])
                slope = line.slope_per_mgy
                right.fill_between(ends, slope.low * ends, slope.high * ends, color=ACCENT, alpha=0.12, linewidth=0)
                right.plot(ends, slope.value * ends, color=INK, linewidth=1.0)
        right.set(xlabel=f"Dose to blood until {until_h:g} h (mGy)", ylabel="Foci per cell above background")
        figure.tight_layout(pad=0.4, w_pad=1.5)
        return render(
            figure,
            name="foci",
            caption="Left: foci per cell with the model. Right: early samples above the background of their treatment, "
            "by the dose to blood so far; a line with its 95 % interval only where the slope is significant.",
            alternative=f"Foci of {len(treatments)} treatments.",
        )


def _draw_course(
    axes: Axes, number: int, name: str, samples: Sequence[FociSample], rate: TimeCourse | None, fit: FociFit | None
) -> None:
    colour, _ = line_style(number)
    times = np.array([sample.t_h for sample in samples])
    per_cell = np.array([sample.foci / sample.cells for sample in samples])
    u = np.array([max(sample.foci, 1) ** 0.5 / sample.cells for sample in samples])
    axes.errorbar(times, per_cell, yerr=u, fmt="o", color=colour, markersize=3, linewidth=0.7, label=name)
    if fit is None or rate is None:
        return
    grid = np.linspace(0, times.max(), 200)
    induced = foci_per_cell(
        t_h=grid,
        dose_rate=rate,
        induction_per_mgy=fit.induction_per_mgy.value,
        repair_per_h=fit.repair_per_h.value,
        unrepaired=fit.unrepaired.value,
    )
    axes.plot(grid, fit.background.value + induced, color=colour, linewidth=1.0)


def _interval(item: Interval) -> str:
    return f"{format_number(item.value)} [{format_number(item.low)}, {format_number(item.high)}]"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
