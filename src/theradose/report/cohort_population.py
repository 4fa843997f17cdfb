"""Pages of a population of time-activity curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from theradose.kinetics.population_check import QUANTILES, PredictiveCheck
from theradose.kinetics.population_compare import Candidate
from theradose.kinetics.population_fit import FittedPopulation
from theradose.model.finding import Finding
from theradose.model.population import PopulationRecord, RegionPopulation
from theradose.numbers import format_fixed, format_number, format_percent
from theradose.report.agreement_drawings import logarithmic_limits, plain_logarithm
from theradose.report.blocks import Cell, Column, Illustration, Paragraph, Section, Table, row
from theradose.report.pages import Pages
from theradose.report.style import (
    ACCENT,
    HAIRLINE,
    INK,
    MUTED,
    PAGE_WIDTH_IN,
    Picture,
    figure_style,
    new_figure,
    render,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHECK_HEIGHT_IN = 2.7
_BAND_OPACITY = {0: 0.18, 1: 0.32, 2: 0.18}


def population_pages(
    record: PopulationRecord,
    fitted: Sequence[FittedPopulation],
    checks: Sequence[PredictiveCheck],
    described: Sequence[Mapping[str, Any]],
    findings: tuple[Finding, ...],
) -> Pages:
    """Return the pages of a record; `described` are the entries of ``populations`` of the document."""
    pictures: list[Picture] = []
    sections = []
    for number, (item, check) in enumerate(zip(fitted, checks, strict=True)):
        name = ", ".join(item.stated.regions)
        drawn = (_draw_check(item, check, number), _draw_residuals(item, number))
        pictures += drawn
        sections.append(
            Section(
                f"population-{number}",
                name.capitalize(),
                (
                    _parameters(item),
                    _comparison(item),
                    *(Illustration.of(picture) for picture in drawn),
                ),
            )
        )
    summary = tuple(
        Paragraph(f"{', '.join(item.stated.regions)}: {_sentence(item.stated, entry)}")
        for item, entry in zip(fitted, described, strict=True)
    )
    return Pages(
        title="Population kinetics",
        subject=", ".join([record.nuclide, *([record.therapy] if record.therapy else []),
                           *(source.file for source in record.sources)]),
        summary=summary,
        sections=tuple(sections),
        pictures=tuple(pictures),
        findings=findings,
    )  # fmt: skip


def _sentence(stated: RegionPopulation, entry: Mapping[str, Any]) -> str:
    half_life, integral = entry["half_life_h"], entry["integral_per_activity_h"]
    unit = "h/L" if stated.form.startswith("compartments") else "h"
    return (
        f"{stated.patients} patients, {stated.curves} curves, {stated.points} points from "
        f"{format_number(stated.t_h[0])} to {format_number(stated.t_h[1])} h; form {stated.form}. Of further patients "
        f"90 % have an effective half-life from {format_number(half_life['p5'])} to "
        f"{format_number(half_life['p95'])} h (median {format_number(half_life['p50'])} h) and an integral per "
        f"administered activity from {format_number(integral['p5'])} to {format_number(integral['p95'])} {unit}."
    )


def _parameters(item: FittedPopulation) -> Table:
    stated = item.stated
    u, sd = np.sqrt(np.diag(stated.covariance_of_mean)), np.sqrt(np.diag(stated.omega))
    rows = []
    for k, name in enumerate(stated.parameters):
        shrinkage = stated.fit.shrinkage[k]
        rows.append(
            row(
                Cell(name, mono=True),
                format_number(float(np.exp(stated.mean[k]))),
                format_percent(float(u[k])),
                "none" if sd[k] == 0 else format_percent(float(sd[k])),
                "" if shrinkage is None else format_percent(shrinkage),
            )
        )
    return Table(
        f"Parameters of {', '.join(stated.regions)}",
        (Column("Parameter", stretch=1.0), Column("Median", "", "right"), Column("Uncertainty", "", "right"),
         Column("Spread between patients", "", "right"), Column("Shrinkage", "", "right")),
        tuple(rows),
        ("Parameters are logarithms: the median is their exponential, uncertainty and spread are standard deviations "
         "of the logarithm. Shrinkage near 100 %: the points of a patient say little of this parameter.",),
    )  # fmt: skip


def _comparison(item: FittedPopulation) -> Table:
    rows = []
    for candidate in item.candidates:
        chosen = (candidate.form.name, candidate.omega) == (item.stated.form, item.stated.fit.omega)
        note = "not determined by the points" if candidate.aic is None else _note(candidate, chosen=chosen)
        rows.append(
            row(
                Cell(candidate.form.name, strong=chosen),
                candidate.omega,
                str(candidate.parameters or ""),
                format_fixed(candidate.log_likelihood, 1),
                format_fixed(candidate.aic, 1),
                format_fixed(candidate.bic, 1),
                note,
            )
        )
    return Table(
        "Forms compared",
        (Column("Form"), Column("Covariance"), Column("Parameters", "", "right"), Column("Log-likelihood", "", "right"),
         Column("AIC", "", "right"), Column("BIC", "", "right"), Column("", stretch=1.0)),
        tuple(rows),
        ("By the algorithm of Lindstrom and Bates; the smallest AIC is best. The chosen form was then fitted by "
         f"{item.stated.fit.method}.",),
    )  # fmt: skip


def _note(candidate: Candidate, *, chosen: bool) -> str:
    alike = [name for name in candidate.form.parameters if name not in candidate.varying]
    parts = ["chosen"] if chosen else []
    parts += ["a spread is zero"] if candidate.singular else []
    parts += [f"alike in all patients: {', '.join(alike)}"] if alike else []
    return "; ".join(parts)


def _draw_check(item: FittedPopulation, check: PredictiveCheck, number: int) -> Picture:
    data = item.fit.data
    times, fractions = data.in_order(data.x)[:, 0], np.exp(data.in_order(data.y))
    scale, unit = _unit(item.stated)
    name = ", ".join(item.stated.regions)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, _CHECK_HEIGHT_IN)
        axes = figure.subplots()
        axes.plot(times, scale * fractions, "o", markersize=2.2, color=INK, alpha=0.35, markeredgewidth=0)
        for q in range(len(QUANTILES)):
            low, _, high = (scale * check.expected[:, q, edge] for edge in range(3))
            axes.fill_between(check.t_h, low, high, color=ACCENT, alpha=_BAND_OPACITY[q], linewidth=0)
            axes.plot(check.t_h, scale * check.observed[:, q], color=ACCENT, linestyle="-" if q == 1 else "--")
        axes.set_yscale("log")
        axes.set_ylim(*logarithmic_limits(scale * fractions))
        plain_logarithm(axes, "y")
        axes.set(xlabel="Time after the administration (h)", ylabel=f"Activity ({unit})")
        figure.tight_layout(pad=0.4)
        return render(
            figure,
            name=f"predictive-check-{number}",
            caption=f"Visual predictive check of {name}: points, their quantiles 10 %, 50 % and 90 % at each visit "
            "(lines), and the 95 % intervals of these quantiles in simulated cohorts of the population (bands). Lines "
            "outside their bands show what the population does not describe.",
            alternative=f"Points and quantiles at {len(check.t_h)} times with simulated bands.",
        )


def _draw_residuals(item: FittedPopulation, number: int) -> Picture:
    data, found = item.fit.data, item.diagnostics
    times = data.in_order(data.x)[:, 0]
    name = ", ".join(item.stated.regions)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, 0.8 * _CHECK_HEIGHT_IN)
        first, second = figure.subplots(1, 2)
        _scatter(first, times, found.population, "Time after the administration (h)", "Population residual (SD)")
        first.set_xscale("log")
        first.set_xlim(*logarithmic_limits(times))
        plain_logarithm(first, "x")
        ordered, count = np.sort(found.population), len(found.population)
        _scatter(second, _normal_scores(count), ordered, "Normal score", "Population residual (SD)")
        second.axline((0, 0), slope=1, color=MUTED, linewidth=0.6)
        figure.tight_layout(pad=0.4, w_pad=1.5)
        return render(
            figure,
            name=f"residuals-{number}",
            caption=f"Weighted residuals of {name} from the population, by time and against normal scores; standard "
            "normal if the population describes the points.",
            alternative=f"{count} residuals, root mean square {np.sqrt(np.mean(found.population**2)):.2f}.",
        )


def _scatter(axes: Axes, x: np.ndarray, y: np.ndarray, xlabel: str, ylabel: str) -> None:
    axes.axhline(0, color=HAIRLINE, linewidth=0.8, zorder=0)
    axes.plot(x, y, "o", markersize=2.2, color=INK, alpha=0.5, markeredgewidth=0)
    axes.set(xlabel=xlabel, ylabel=ylabel)


def _normal_scores(count: int) -> np.ndarray:
    from scipy.stats import norm

    return np.asarray(norm.ppf((np.arange(count) + 0.5) / count))


def _unit(stated: RegionPopulation) -> tuple[float, str]:
    return 100.0, "% of administered per L" if stated.form.startswith("compartments") else "% of administered"
