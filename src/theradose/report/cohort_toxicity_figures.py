"""Figures of toxicity: counts over time with grades, declines by dose, calibration, a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from theradose.biology.ctcae import grade_limits
from theradose.cohort.counts import PatientCourses
from theradose.cohort.forecast import CountForecast
from theradose.cohort.risk import RiskModel
from theradose.cohort.toxicity import ToxicityAnalysis
from theradose.cohort.toxicity_rows import toxicity_rows
from theradose.model.counts import LABELS, QUANTITIES
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
    new_figure,
    render,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
_ROW_IN = 1.95
_GRADE_TONES = {2: 0.06, 3: 0.12, 4: 0.20}
UNITS = {name: "g/dL" if name == "haemoglobin" else "10⁹/L" for name in QUANTITIES}


def draw_courses(patients: Sequence[PatientCourses]) -> Picture:
    """Draw the counts of all patients over time, with bands of the grades and the usual starts of cycles."""
    measured = _measured(patients)
    starts = _usual_starts(patients)
    with figure_style():
        figure, axes = _panels(len(measured))
        for ax, quantity in zip(axes, measured, strict=False):
            for patient in patients:
                course = patient.course(quantity)
                if course is None:
                    continue
                ax.plot(course.t_d, course.values, color=ACCENT, linewidth=0.6, alpha=0.35)
                marked = course.influenced
                ax.plot(course.t_d[marked], course.values[marked], "x", color=WARNING, markersize=3.5)
            _scale(ax, quantity, _values(patients, quantity))
            for start in starts:
                ax.axvline(start, color=MUTED, linewidth=0.5, linestyle=(0, (1.5, 2)))
            ax.set_title(f"{LABELS[quantity].capitalize()} ({UNITS[quantity]})", loc="left")
            ax.set_xlabel("Days since the first administration")
        figure.tight_layout(pad=0.4, w_pad=1.2, h_pad=1.0)
        return render(
            figure,
            name="counts",
            caption="Counts of every patient. Shaded: grades 2, 3 and 4 of CTCAE 5.0, darker as they rise. Dotted: "
            "median start of each cycle. Crosses: under a transfusion or a growth factor, left out of lowest counts.",
            alternative=f"Lines of {len(patients)} patients for {', '.join(LABELS[name] for name in measured)}.",
        )


def draw_declines(patients: Sequence[PatientCourses], analysis: ToxicityAnalysis, exposure: str) -> Picture:
    """Draw the relative decline over therapy by one dose; a line only where the adjusted relation is significant."""
    measured = _measured(patients)
    significant = {
        relation.quantity
        for relation in analysis.relations
        if relation.exposure == exposure
        and relation.response == "decline"
        and relation.span == "therapy"
        and relation.significant
    }
    with figure_style():
        figure, axes = _panels(len(measured))
        for ax, quantity in zip(axes, measured, strict=False):
            rows = [
                row
                for row in toxicity_rows(patients, quantity, "therapy", {})
                if exposure in row.dose_gy and row.counts.relative_decline is not None
            ]
            dose = np.array([row.dose_gy[exposure] for row in rows])
            decline = np.array([100 * (row.counts.relative_decline or 0.0) for row in rows])
            ax.axhline(0, color=HAIRLINE, linewidth=0.8)
            ax.plot(dose, decline, "o", markersize=3, color=ACCENT, alpha=0.7, markeredgewidth=0)
            if quantity in significant:
                slope, offset = np.polyfit(dose, decline, 1)
                ends = np.array([dose.min(), dose.max()])
                ax.plot(ends, offset + slope * ends, color=INK, linewidth=1.0)
            ax.set_xlim(left=0)
            ax.set_title(f"{LABELS[quantity].capitalize()}, decline (%)", loc="left")
            ax.set_xlabel("Dose over therapy (Gy)")
        figure.tight_layout(pad=0.4, w_pad=1.2, h_pad=1.0)
        return render(
            figure,
            name=f"declines-{exposure.replace(' ', '-')}",
            caption=f"Largest relative decline from the count before therapy, by the dose to {exposure}. A line (least "
            "squares without covariates) is drawn only where the relation is significant after adjustment for the "
            "number of relations.",
            alternative=f"Points of {len(patients)} patients, one panel for each kind of count.",
        )


def draw_calibration(models: Sequence[RiskModel]) -> Picture:
    """Draw observed shares by predicted probabilities for patients that a model did not see."""
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, 2.5)
        axes = figure.subplots(1, len(models), squeeze=False)[0]
        for ax, model in zip(axes, models, strict=True):
            ax.plot([0, 1], [0, 1], color=HAIRLINE, linewidth=0.9)
            for group in model.groups:
                ax.plot([group.predicted] * 2, [group.low, group.high], color=MUTED, linewidth=0.8)
                ax.plot(group.predicted, group.observed, "o", color=ACCENT, markersize=3.5)
            ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="Predicted")
            ax.set_title(model.name, loc="left")
        axes[0].set_ylabel("Observed share")
        figure.tight_layout(pad=0.4, w_pad=1.2)
        return render(
            figure,
            name="calibration",
            caption="Share of cycles with the grade by the predicted probability, in fifths of the predictions, with "
            "95 % intervals. Every prediction is by a model that saw no cycle of the patient.",
            alternative=f"Calibration of {len(models)} models.",
        )


def draw_forecast(forecasts: Sequence[CountForecast]) -> Picture:
    """Draw counts of a patient, the modelled course and its interval through the next cycle."""
    with figure_style():
        figure, axes = _panels(len(forecasts))
        for ax, item in zip(axes, forecasts, strict=False):
            course = item.course
            ax.fill_between(item.t_d, item.low, item.high, color=PALETTE[0], alpha=0.15, linewidth=0)
            ax.plot(item.t_d, item.curve, color=PALETTE[0])
            ax.plot(course.t_d[~course.influenced], course.values[~course.influenced], "o", color=INK, markersize=3)
            ax.plot(course.t_d[course.influenced], course.values[course.influenced], "x", color=WARNING, markersize=4)
            for span in course.cycles:
                ax.axvline(span.start_d, color=MUTED, linewidth=0.5, linestyle=(0, (1.5, 2)))
            ax.axvline(item.start_d, color=WARNING, linewidth=0.9, linestyle=(0, (4, 2)))
            _scale(ax, item.quantity, np.concatenate([item.low, item.high, course.values]))
            ax.set_title(f"{LABELS[item.quantity].capitalize()} ({UNITS[item.quantity]})", loc="left")
            ax.set_xlabel("Days since the first administration")
        figure.tight_layout(pad=0.4, w_pad=1.2, h_pad=1.0)
        return render(
            figure,
            name="forecast",
            caption="Counts and the course of the model with its 90 % interval, illustrative. Dotted: cycles given; "
            "dashed: the next one. Shaded: grades 2, 3 and 4 of CTCAE 5.0.",
            alternative=f"Forecast of {forecasts[0].patient}.",
        )


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = new_figure(PAGE_WIDTH_IN, _ROW_IN * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for ax in axes[count:]:
        ax.set_visible(False)
    return figure, axes


def _scale(ax: Axes, quantity: str, values: np.ndarray) -> None:
    limits = [constant.value for constant in grade_limits(quantity)]
    low, high = 0.0, float(values.max()) * 1.05
    edges = [*limits, low]
    for number, (upper, lower) in enumerate(zip(edges[:-1], edges[1:], strict=True), start=2):
        ax.axhspan(lower, upper, color=WARNING, alpha=_GRADE_TONES[number], linewidth=0)
    ax.set_ylim(low, high)


def _values(patients: Sequence[PatientCourses], quantity: str) -> np.ndarray:
    return np.concatenate([course.values for patient in patients if (course := patient.course(quantity)) is not None])


def _measured(patients: Sequence[PatientCourses]) -> list[str]:
    return [name for name in QUANTITIES if any(patient.course(name) for patient in patients)]


def _usual_starts(patients: Sequence[PatientCourses]) -> list[float]:
    longest = max(len(patient.clock.start_d) for patient in patients)
    return [
        float(np.median([patient.clock.start_d[k] for patient in patients if len(patient.clock.start_d) > k]))
        for k in range(longest)
    ]
