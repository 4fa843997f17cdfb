"""Pages of an analysis of toxicity."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from theradose.cohort.counts import PatientCourses, SpanCounts
from theradose.cohort.forecast import CountForecast
from theradose.cohort.relations import BEYOND_DOSES, CYCLES_HELD, Relation, toxicity_constant
from theradose.cohort.risk import RiskAnalysis
from theradose.cohort.toxicity import DoseCorrelation, ToxicityAnalysis
from theradose.cohort.toxicity_rows import COVARIATES
from theradose.data import load_yaml
from theradose.model.counts import LABELS, QUANTITIES
from theradose.model.finding import Finding
from theradose.nuclides import Constant
from theradose.numbers import UNKNOWN, format_fixed, format_number, format_percent
from theradose.report.blocks import Block, Cell, Column, Illustration, Paragraph, Row, Section, Table, present, row
from theradose.report.cohort_toxicity_figures import (
    UNITS,
    draw_calibration,
    draw_courses,
    draw_declines,
    draw_forecast,
)
from theradose.report.pages import Pages
from theradose.report.style import Picture
from theradose.statistics.agreement import Correlation

_MARKS = {
    "no variance between patients": "singular",
    "separated: estimates rest on Firth's penalty": "separated",
    "few events": "few",
    CYCLES_HELD: "cycles",
    BEYOND_DOSES: "beyond",
}
_PARAMETER_NAMES = {
    "baseline": "count before therapy, 10⁹/L",
    "mtt_h": "mean transit time, h",
    "gamma": "feedback",
    "alpha_per_gy": "sensitivity, 1/Gy",
}


def toxicity_pages(
    patients: Sequence[PatientCourses],
    analysis: ToxicityAnalysis,
    risk: RiskAnalysis | None,
    forecasts: Sequence[CountForecast],
    *,
    constants: Sequence[Constant],
    findings: tuple[Finding, ...],
    source: str,
) -> Pages:
    """Return the pages of an analysis of toxicity."""
    marrow = [key for key in analysis.exposures if key.startswith("red-marrow")] or list(analysis.exposures[:1])
    declines = [draw_declines(patients, analysis, key) for key in marrow[:2]]
    courses = draw_courses(patients)
    pictures = [courses, *declines]
    sections = [
        Section("counts", "Blood counts", (Illustration.of(courses), _nadirs(patients), _grades(patients))),
        Section(
            "declines",
            "Declines by dose",
            (*(Illustration.of(picture) for picture in declines), *_correlations(analysis.correlations)),
        ),
        Section("relations", "Relations with covariates", _relations(analysis)),
    ]
    if risk is not None:
        pictures.append(draw_calibration(risk.models))
        sections.append(Section("risk", f"Risk of grade {risk.grade} in a cycle", _risk(risk, pictures[-1])))
    if forecasts:
        pictures.append(draw_forecast(forecasts))
        sections.append(
            Section("forecast", f"Next cycle of {forecasts[0].patient}", _forecast(forecasts, pictures[-1]))
        )
    sections.append(Section("published", "What was reported elsewhere", (_published(),)))
    return Pages(
        title="Blood counts and dose",
        subject=source,
        summary=tuple(Paragraph(text) for text in _summary(patients, analysis)),
        sections=tuple(sections),
        pictures=tuple(pictures),
        constants=constants,
        findings=findings,
    )


def _summary(patients: Sequence[PatientCourses], analysis: ToxicityAnalysis) -> list[str]:
    cycles = sum(len(patient.clock.cycles) for patient in patients)
    kept = [relation for relation in analysis.relations if relation.significant]
    level = toxicity_constant("significance")
    texts = [f"Patients: {len(patients)}; cycles with counts and doses: {cycles}."]
    if not kept:
        texts.append(
            "No relation of counts and dose is significant after adjustment for their number. No dose is a threshold "
            "in these data."
        )
    else:
        named = "; ".join(dict.fromkeys(f"{LABELS[item.quantity]} and {item.exposure}" for item in kept))
        texts.append(
            f"{len(kept)} of {len(analysis.tested)} relations have an adjusted p below {level:g}: {named}. An "
            "association in a cohort is no cause, and no limit of dose."
        )
    return texts


def _nadirs(patients: Sequence[PatientCourses]) -> Table:
    rows = []
    for quantity in _measured(patients):
        courses = [course for patient in patients if (course := patient.course(quantity)) is not None]
        for title, spans in (
            ("by cycle", [span for course in courses for span in course.cycles]),
            ("over therapy", [course.therapy for course in courses]),
        ):
            known = [span for span in spans if span.relative_decline is not None]
            recovered = [span for span in known if span.recovery_d is not None]
            rows.append(
                row(
                    Cell(f"{LABELS[quantity]}, {title}", strong=title == "over therapy"),
                    str(len(known)),
                    _quartiles([span.baseline for span in known]),
                    _quartiles([span.nadir for span in known]),
                    _quartiles([100 * (span.relative_decline or 0.0) for span in known]),
                    _quartiles([span.nadir_d for span in known]),
                    f"{len(recovered)} of {len(known)}",
                )
            )
    share = toxicity_constant("recovered_share")
    return Table(
        "Counts before, lowest counts and declines, median [quartiles]",
        (Column("Count", stretch=1.0), Column("n", "", "right"), Column("Before", "", "right"),
         Column("Lowest", "", "right"), Column("Decline", "%", "right"), Column("After", "d", "right"),
         Column("Recovered", "", "right")),
        tuple(rows),
        (f"Haemoglobin in g/dL, cells in 10⁹/L. Recovered: a later count of the span reached {share:.0%} of that "
         "before it. The last cycle lasts until the last count.".replace("%", " %"),),
    )  # fmt: skip


def _grades(patients: Sequence[PatientCourses]) -> Table:
    rows = []
    for quantity in _measured(patients):
        spans = [course.therapy for patient in patients if (course := patient.course(quantity)) is not None]
        for title, of in (("before", "baseline_grade"), ("worst after", "grade")):
            rows.append(_grade_row(f"{LABELS[quantity]}, {title}", spans, of))
    return Table(
        "Patients by grade of CTCAE 5.0",
        (Column("Count", stretch=1.0), *(Column(text, "", "right") for text in ("0", "1", "0 or 1", "2", "3", "4"))),
        tuple(rows),
        ("0 or 1: without a lower limit of normal of the laboratory they cannot be told apart. A transfusion of red "
         "cells counts as grade 3 of haemoglobin, which has no grade 4 by its value.",),
    )  # fmt: skip


def _grade_row(title: str, spans: Sequence[SpanCounts], of: str) -> Row:
    known = [span for span in spans if (span.baseline if of == "baseline_grade" else span.nadir) is not None]
    grades = [getattr(span, of) for span in known]
    return row(Cell(title), *(str(sum(grade == wanted for grade in grades)) for wanted in (0, 1, None, 2, 3, 4)))


def _correlations(correlations: Sequence[DoseCorrelation]) -> tuple[Block, ...]:
    if not correlations:
        return (Paragraph("There are too few patients for a correlation of declines and doses."),)
    rows = [
        row(
            Cell(f"{LABELS[item.quantity]}, {item.exposure}"),
            str(item.patients),
            _coefficient(item.pearson),
            _p(item.pearson.p),
            _coefficient(item.spearman),
            _p(item.spearman.p),
            _p(item.p_adjusted),
        )
        for item in correlations
    ]
    return (
        Table(
            "Correlation of the largest relative decline over therapy and the dose over therapy",
            (Column("Count and dose", stretch=1.0), Column("n", "", "right"), Column("Pearson [95 %]", "", "right"),
             Column("p", "", "right"), Column("Spearman [95 %]", "", "right"), Column("p", "", "right"),
             Column("adjusted", "", "right")),
            tuple(rows),
            ("Without covariates; one value per patient. Adjusted: Spearman's p after Holm, for the number of rows; "
             "none where numbers of cycles differ: dose and decline then go together without any effect of the dose.",),
        ),
    )  # fmt: skip


def _relations(analysis: ToxicityAnalysis) -> tuple[Block, ...]:
    held = ", ".join(COVARIATES[name] for name in analysis.covariates) or "none"
    tested, level = len(analysis.tested), toxicity_constant("significance")
    blocks: list[Block] = [
        Paragraph(
            f"Covariates held: {held}. {tested} relations were tested; at p < {level:g} about {level * tested:.2g} of "
            "them are expected by chance alone, which the adjusted p (Holm) takes into account. A dose at which half "
            "of the patients reach a grade is stated only where the adjusted p is below that level."
        )
    ]
    for response, title in (("decline", "Relative decline, per Gy"), ("grade", f"Odds of grade {analysis.grade}")):
        found = [item for item in analysis.relations if item.response == response]
        estimated = [item for item in found if item.slope_per_gy is not None]
        if estimated:
            blocks.append(_relation_table(title, response, estimated))
        refused = [item for item in found if item.slope_per_gy is None]
        if refused:
            blocks.append(_refused(f"{title}: not estimated", refused))
    return present((*blocks, _covariates(analysis)))


def _relation_table(title: str, response: str, relations: Sequence[Relation]) -> Table:
    decline = response == "decline"
    rows = []
    for item in relations:
        slope = item.slope_per_gy
        assert slope is not None
        numbers = [slope.value, slope.low, slope.high]
        shown = [100 * number for number in numbers] if decline else [_odds(n * item.sd_dose_gy) for n in numbers]
        half = item.dose_at_half
        rows.append(
            row(
                Cell(f"{LABELS[item.quantity]}, {item.exposure}", strong=item.significant),
                "cycle" if item.span == "cycle" else "therapy",
                f"{item.patients} / {item.rows}" if decline else f"{item.patients} / {item.rows} / {item.events}",
                _interval(*shown),
                _p(slope.p),
                Cell(_p(item.p_adjusted), strong=item.significant),
                *(() if decline else (UNKNOWN if half is None else _interval(half.value, half.low, half.high),)),
                ", ".join(_MARKS[note] for note in item.notes),
            )
        )
    columns = [
        Column("Count and dose", stretch=1.0), Column("By"),
        Column("Patients / rows" if decline else "Patients / rows / events", "", "right"),
        Column("% per Gy [95 %]" if decline else "Odds ratio per SD of dose [95 %]", "", "right"),
        Column("p", "", "right"), Column("adjusted", "", "right"),
    ]  # fmt: skip
    if not decline:
        columns.append(Column("Half at [95 %]", "Gy", "right"))
    methods = "; ".join(dict.fromkeys(f"by {item.span}: {item.method}" for item in relations))
    noted = {note: _MARKS[note] for item in relations for note in item.notes}
    marks = "; ".join(f"{mark}: {note.removeprefix(mark + ': ')}" for note, mark in noted.items())
    half_note = () if decline else (
        "Half: dose at which half reach the grade, without covariates and at the mean number of cycles; by cycle, of a "
        "patient whose effect is 0.",
    )  # fmt: skip
    return Table(
        title,
        (*columns, Column("")),
        tuple(rows),
        (f"Methods: {methods}.", *((f"{marks}.",) if marks else ()), *half_note),
    )


def _covariates(analysis: ToxicityAnalysis) -> Table | None:
    """Return the effects of the covariates beside the first dose."""
    if not analysis.covariates:
        return None
    rows = [
        row(
            Cell(f"{LABELS[item.quantity]}, {COVARIATES[name]}"),
            f"{item.response}, {item.span}",
            _interval(*(100 * v for v in (effect.value, effect.low, effect.high))) if item.response == "decline"
            else UNKNOWN,
            UNKNOWN if item.response == "decline"
            else _interval(*(_odds(v) for v in (effect.value, effect.low, effect.high))),
            _p(effect.p),
        )
        for item in analysis.tested
        if item.exposure == analysis.exposures[0]
        for name, effect in (item.covariates or {}).items()
    ]  # fmt: skip
    return Table(
        f"Covariates beside the dose to {analysis.exposures[0]}",
        (Column("Count and covariate", stretch=1.0), Column("Relation"), Column("Decline [95 %]", "%", "right"),
         Column("Odds ratio [95 %]", "", "right"), Column("p", "", "right")),
        tuple(rows),
        ("p are those of single tests.",),
    )  # fmt: skip


def _refused(title: str, relations: Sequence[Relation]) -> Table:
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for item in relations:
        reasons.setdefault((item.quantity, item.span, item.reason.rstrip(".")), []).append(item.exposure)
    return Table(
        title,
        (Column("Count"), Column("By"), Column("Dose", stretch=1.0), Column("Reason", stretch=1.0)),
        tuple(
            row(LABELS[quantity], span, ", ".join(exposures), reason)
            for (quantity, span, reason), exposures in reasons.items()
        ),
    )


def _risk(risk: RiskAnalysis, picture: Picture) -> tuple[Block, ...]:
    rows = [
        row(
            Cell(model.name, strong=True),
            format_fixed(model.brier, 4),
            format_percent(model.scaled_brier),
            format_fixed(model.auc, 3),
            f"{format_fixed(model.calibration.slope, 2)} ± {format_fixed(model.calibration.u_slope, 2)}",
            f"{format_fixed(model.calibration.intercept, 2)} ± {format_fixed(model.calibration.u_intercept, 2)}",
            UNKNOWN if model.better is None else _interval(*model.better),
        )
        for model in risk.models
    ]
    known = int(toxicity_constant("indistinguishable_patients"))
    return (
        Paragraph(
            f"{LABELS[risk.quantity].capitalize()}: {risk.events} of {risk.rows} cycles of {risk.patients} patients "
            f"reached grade {risk.grade} ({risk.patients_with_event} patients). Ridge-penalised logistic regression; "
            f"the penalty is chosen inside every training set, {risk.folds} splits of the patients drawn "
            f"{risk.repeats} times (seed {risk.seed}). With {known} patients models cannot be told apart; these models "
            "are for this cohort, and no prediction is made for a patient."
        ),
        Table(
            "Predictions for patients that a model did not see",
            (Column("Model", stretch=1.0), Column("Brier", "", "right"), Column("better than the share", "", "right"),
             Column("AUC", "", "right"), Column("Calibration slope", "", "right"), Column("Intercept", "", "right"),
             Column("Brier gain [95 %]", "", "right")),
            tuple(rows),
            ("Gain: over the first model, interval over patients. A calibration slope below 1 means predictions that "
             "are too extreme.",),
        ),
        Illustration.of(picture),
    )  # fmt: skip


def _forecast(forecasts: Sequence[CountForecast], picture: Picture) -> tuple[Block, ...]:
    first = forecasts[0]
    rows = []
    for item in forecasts:
        nadir = item.nadir
        rows.append(
            row(
                Cell(f"{LABELS[item.quantity]}, {UNITS[item.quantity]}", strong=True),
                _interval(nadir.count.value, nadir.count.low, nadir.count.high),
                _interval(*(100 * v for v in (nadir.relative_decline.value, nadir.relative_decline.low,
                                              nadir.relative_decline.high))),
                _interval(*(v / 24 for v in (nadir.after_h.value, nadir.after_h.low, nadir.after_h.high))),
            )
        )  # fmt: skip
    parameters = [
        row(Cell(f"{LABELS[item.quantity]}, {_PARAMETER_NAMES[name]}"), _interval(value.value, value.low, value.high),
            format_number(float(item.fit.prior.median[k])))
        for item in forecasts
        for k, (name, value) in enumerate(item.parameters.items())
    ]  # fmt: skip
    return (
        Paragraph(
            f"Illustrative: the transit-compartment model of chemotherapy, driven by the dose rate to "
            f"{first.exposure}, with a prior that rests on no radionuclide therapy. Intervals are 90 % of the "
            "posterior; they hold no error of the dose or of a single count. This is no basis for a decision "
            "about a cycle."
        ),
        Illustration.of(picture),
        Table(
            f"Lowest count after {format_number(first.dose_gy)} Gy on day {first.start_d:g}, illustrative",
            (Column("Count", stretch=1.0), Column("Lowest [90 %]", "", "right"), Column("Decline [90 %]", "%", "right"),
             Column("After [90 %]", "d", "right")),
            tuple(rows),
        ),
        Table(
            "Response of the marrow, from prior and counts",
            (
                Column("Parameter", stretch=1.0),
                Column("Value [90 %]", "", "right"),
                Column("Prior median", "", "right"),
            ),
            tuple(parameters),
        ),
    )  # fmt: skip


def _published() -> Table:
    published = load_yaml("haematology.yaml")["published"].values()
    return Table(
        "Marrow doses and counts in the literature",
        (Column("Report", stretch=2.0), Column("Source", stretch=1.0)),
        tuple(row(item["value"], item["source"]) for item in published),
        ("Other patients, methods of dosimetry and schedules: for orientation, no comparison was made.",),
    )


def _measured(patients: Sequence[PatientCourses]) -> list[str]:
    return [name for name in QUANTITIES if any(patient.course(name) for patient in patients)]


def _quartiles(values: Sequence[float | None]) -> str:
    numbers = [value for value in values if value is not None]
    if not numbers:
        return UNKNOWN
    low, middle, high = np.quantile(numbers, [0.25, 0.5, 0.75])
    return f"{format_number(float(middle))} [{format_number(float(low))}, {format_number(float(high))}]"


def _interval(value: float, low: float, high: float) -> str:
    ends = ("−∞" if low == -math.inf else format_number(low), "∞" if high == math.inf else format_number(high))
    return f"{format_number(value)} [{ends[0]}, {ends[1]}]"


def _coefficient(item: Correlation) -> str:
    return f"{format_fixed(item.value, 2)} [{format_fixed(item.low, 2)}, {format_fixed(item.high, 2)}]"


def _odds(logit: float) -> float:
    return math.exp(logit) if logit < 700 else math.inf


def _p(p: float | None) -> str:
    if p is None or math.isnan(p):
        return UNKNOWN
    return "< 0.001" if p < 0.001 else format_fixed(p, 3)
