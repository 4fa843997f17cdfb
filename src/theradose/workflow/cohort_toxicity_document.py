"""The document, the tables and the files of an analysis of toxicity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from theradose.biology.ctcae import grade_limits
from theradose.cohort.counts import CountCourse, SpanCounts
from theradose.cohort.forecast import FORECAST_LEVEL, CountForecast
from theradose.cohort.relations import Effect, Relation
from theradose.cohort.risk import RiskAnalysis
from theradose.cohort.toxicity import DoseCorrelation
from theradose.data import load_yaml
from theradose.model.counts import QUANTITIES
from theradose.nuclides import Constant
from theradose.report.cohort_toxicity import toxicity_pages
from theradose.report.tables import Value
from theradose.workflow.agreement_parts import correlation_document, interval_document
from theradose.workflow.cohort_toxicity import ToxicityReport
from theradose.workflow.document_parts import constant_document, finite, origin_document
from theradose.workflow.report_folder import Table, write_report_folder

_SPAN = (
    "cycle", "start_d", "baseline", "nadir", "nadir_d", "relative_decline", "last_share", "recovery_d",
    "baseline_grade", "grade", "counts", "influenced",
)  # fmt: skip
SPAN_COLUMNS = ("patient", "quantity", *_SPAN)
RELATION_COLUMNS = (
    "response", "span", "quantity", "exposure", "method", "patients", "rows", "events", "slope_per_gy", "low", "high",
    "p", "p_adjusted", "sd_dose_gy", "dose_at_half_gy", "dose_at_half_low_gy", "dose_at_half_high_gy", "reason",
    "notes",
)  # fmt: skip
CORRELATION_COLUMNS = (
    "quantity", "exposure", "patients", "pearson", "pearson_low", "pearson_high", "pearson_p", "spearman",
    "spearman_low", "spearman_high", "spearman_p", "spearman_p_adjusted",
)  # fmt: skip


def toxicity_document(report: ToxicityReport) -> dict[str, Any]:
    """Return the document described in ``docs/formats/counts.md``."""
    analysis = report.analysis
    return {
        "schema": "theradose/toxicity/1",
        **origin_document(report.files),
        "grade": analysis.grade,
        "exposures": list(analysis.exposures),
        "covariates": list(analysis.covariates),
        "seed": report.options.seed,
        "patients": [
            {
                "patient": patient.patient,
                "cycles": [
                    {"cycle": cycle, "start_d": start}
                    for cycle, start in zip(patient.clock.cycles, patient.clock.start_d, strict=True)
                ],
                "counts": {course.quantity: _course(course) for course in patient.courses},
            }
            for patient in report.patients
        ],
        "correlations": [_correlation(item) for item in analysis.correlations],
        "relations": [_relation(item) for item in analysis.relations],
        "relations_tested": len(analysis.tested),
        "risk": None if report.risk is None else _risk(report.risk),
        "forecasts": [_forecast(item) for item in report.forecasts],
        "published": [
            {"name": name, **{key: item[key] for key in ("value", "source", "status")}}
            for name, item in load_yaml("haematology.yaml")["published"].items()
        ],
        "constants": [constant_document(constant) for constant in constants_used(report)],
        "findings": [finding.to_json() for finding in report.findings],
    }


def constants_used(report: ToxicityReport) -> tuple[Constant, ...]:
    """Return the limits of grades, and the medians of the priors of forecasts."""
    measured = [name for name in QUANTITIES if any(patient.course(name) for patient in report.patients)]
    used = [constant for name in measured for constant in grade_limits(name)]
    return (*used, *(constant for item in report.forecasts for constant in item.fit.prior.constants))


def write_toxicity(report: ToxicityReport, document: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """Write ``report.pdf``, ``report.json`` and the tables into a folder, and return the files."""
    pages = toxicity_pages(
        report.patients,
        report.analysis,
        report.risk,
        report.forecasts,
        constants=constants_used(report),
        findings=report.findings,
        source=report.options.counts.name,
    )
    return write_report_folder(
        folder, pages=pages, document=document, tables=_tables(report), created=datetime.now(UTC)
    )


def _tables(report: ToxicityReport) -> dict[str, Table]:
    courses = [course for patient in report.patients for course in patient.courses]
    spans: list[Sequence[Value]] = [
        (course.patient, course.quantity, *_cells(span))
        for course in courses
        for span in (*course.cycles, course.therapy)
    ]
    return {
        "courses": (SPAN_COLUMNS, spans),
        "relations": (RELATION_COLUMNS, [_relation_row(item) for item in report.analysis.relations]),
        "correlations": (CORRELATION_COLUMNS, [_correlation_row(item) for item in report.analysis.correlations]),
    }


def _cells(span: SpanCounts) -> tuple[Value, ...]:
    cells = [getattr(span, name) for name in _SPAN]
    return ("therapy" if span.cycle is None else span.cycle, *cells[1:])


def _course(course: CountCourse) -> dict[str, Any]:
    return {
        "t_d": course.t_d.tolist(),
        "values": course.values.tolist(),
        "influenced": course.influenced.tolist(),
        "lower_limit": course.lower_limit,
        "cycles": [asdict(span) for span in course.cycles],
        "therapy": asdict(course.therapy),
    }


def _effect(effect: Effect | None) -> dict[str, float | None] | None:
    if effect is None:
        return None
    return {"value": effect.value, "low": finite(effect.low), "high": finite(effect.high), "p": effect.p}


def _relation(item: Relation) -> dict[str, Any]:
    half = item.dose_at_half
    return {
        "response": item.response,
        "span": item.span,
        "quantity": item.quantity,
        "exposure": item.exposure,
        "method": item.method,
        "patients": item.patients,
        "rows": item.rows,
        "events": item.events,
        "sd_dose_gy": item.sd_dose_gy,
        "slope_per_gy": _effect(item.slope_per_gy),
        "p_adjusted": item.p_adjusted,
        "significant": item.significant,
        "covariates": {name: _effect(effect) for name, effect in (item.covariates or {}).items()},
        "normality_p": item.normality_p,
        "dose_at_half_gy": None if half is None else {"value": half.value, "low": half.low, "high": half.high},
        "reason": item.reason,
        "notes": list(item.notes),
    }


def _relation_row(item: Relation) -> tuple[Value, ...]:
    slope, half = item.slope_per_gy, item.dose_at_half
    return (
        item.response, item.span, item.quantity, item.exposure, item.method, item.patients, item.rows, item.events,
        *((slope.value, slope.low, slope.high, slope.p) if slope else (None,) * 4), item.p_adjusted, item.sd_dose_gy,
        *((half.value, half.low, half.high) if half else (None,) * 3), item.reason, "; ".join(item.notes),
    )  # fmt: skip


def _correlation_row(item: DoseCorrelation) -> tuple[Value, ...]:
    both = [(one.value, one.low, one.high, one.p) for one in (item.pearson, item.spearman)]
    return (item.quantity, item.exposure, item.patients, *both[0], *both[1], item.p_adjusted)


def _correlation(item: DoseCorrelation) -> dict[str, Any]:
    return {
        "quantity": item.quantity,
        "exposure": item.exposure,
        "patients": item.patients,
        "pearson": correlation_document(item.pearson),
        "spearman": {**correlation_document(item.spearman), "p_adjusted": item.p_adjusted},
    }


def _risk(risk: RiskAnalysis) -> dict[str, Any]:
    return {
        "quantity": risk.quantity,
        "grade": risk.grade,
        "patients": risk.patients,
        "rows": risk.rows,
        "events": risk.events,
        "patients_with_event": risk.patients_with_event,
        "folds": risk.folds,
        "repeats": risk.repeats,
        "models": [
            {
                "name": model.name,
                "coefficients_per_sd": dict(zip(model.predictors, model.coefficients.tolist(), strict=True)),
                "penalty": model.penalty,
                "brier": model.brier,
                "scaled_brier": model.scaled_brier,
                "auc": model.auc,
                "calibration": {name: finite(value) for name, value in asdict(model.calibration).items()},
                "groups": [asdict(group) for group in model.groups],
                "brier_gain": None if model.better is None
                else dict(zip(("value", "low", "high"), model.better, strict=True)),
            }
            for model in risk.models
        ],
    }  # fmt: skip


def _forecast(item: CountForecast) -> dict[str, Any]:
    return {
        "patient": item.patient,
        "quantity": item.quantity,
        "exposure": item.exposure,
        "prior": {"status": item.fit.prior.status, "source": item.fit.prior.source},
        "effect": item.fit.effect,
        "level": FORECAST_LEVEL,
        "parameters": {name: interval_document(value) for name, value in item.parameters.items()},
        "effective_draws": item.fit.effective_draws,
        "next_cycle": {"start_d": item.start_d, "dose_gy": item.dose_gy},
        "nadir": interval_document(item.nadir.count),
        "relative_decline": interval_document(item.nadir.relative_decline),
        "nadir_after_h": interval_document(item.nadir.after_h),
        "curve": {"t_d": item.t_d.tolist(), "value": item.curve.tolist(), "low": item.low.tolist(),
                  "high": item.high.tolist()},
    }  # fmt: skip
