"""The JSON document and the tables of an analysis of dose and response.

References
----------
[Warfvinge2024]_ What is repeated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from theradose.cohort.response.analysis import DoseAnalysis, ResponseAnalysis
from theradose.cohort.response.characteristics import Characteristics
from theradose.cohort.response.control import Control, ControlFit, GradeCurve
from theradose.cohort.response.discrimination import Discrimination
from theradose.cohort.response.means import GroupDifference
from theradose.cohort.response.outcome import TumourOutcome
from theradose.cohort.response.regrowth import Regrowth
from theradose.cohort.response.selection import Counts, Selection, exclusion_reason, published_selection_gap
from theradose.cohort.response.settings import ResponseSettings, constants
from theradose.cohort.response.shrinkage import Shrinkage
from theradose.model.tumours import DOSE_KINDS, TumourRow
from theradose.report.tables import Value
from theradose.statistics.binary.curve import LogitEffect
from theradose.statistics.binary.roc import Auc, OperatingPoint
from theradose.statistics.binary.roc_bootstrap import AucBootstrap
from theradose.statistics.chi_squared import ChiSquaredTest
from theradose.statistics.linear.effect_tests import Contrast
from theradose.statistics.survival import SurvivalCurve
from theradose.workflow.agreement_parts import correlation_document, interval_document
from theradose.workflow.document_parts import Origin, constant_document, finite, origin_document
from theradose.workflow.report_folder import Table

SCHEMA = "theradose/response/1"
_SUMS = tuple(kind.replace("-", "_") for kind in DOSE_KINDS)
TABLES: Mapping[str, tuple[str, ...]] = {
    "tumours": ("patient", "tumour", "grade", "primary", "excluded", "baseline_ml", "largest_ml", "smallest_ml",
                "largest_on", "best_response_on", "reduction_percent", "u_reduction_percent",
                "reduction_after_treatment_percent",
                *(f"{start}dose_{kind}_gy" for kind in _SUMS for start in ("", "u_")),
                *(f"activity_{kind}_gbq" for kind in _SUMS),
                "cycles", "cycles_until_best_response", "time_to_growth_d", "growth_seen"),
    "selection": ("step", "removed_tumours", "tumours", "patients"),
    "means": ("quantity", "grade", "group", "tumours", "mean", "low", "high", "difference", "difference_low",
              "difference_high", "method", "df", "t", "p"),
    "control": ("dose", "grade", "model", "intercept", "u_intercept", "slope_per_gy", "u_slope_per_gy", "low", "high",
                "p", "p_likelihood_ratio", "patient_sd"),
    "control_curve": ("dose", "grade", "dose_gy", "probability", "low", "high"),
    "doses_at_probability": ("dose", "grade", "probability", "dose_gy", "u_dose_gy", "low", "high", "p_slope"),
    "roc": ("dose", "grade", "threshold_gy", "sensitivity", "specificity"),
    "time_to_growth": ("comparison", "group", "t_d", "share_without_growth", "low", "high", "at_risk", "grown"),
    "looks": ("test", "p", "primary", "adjusted_p"),
}  # fmt: skip
"""Header of each table by file stem."""


def response_document(rows: Sequence[TumourRow], analysis: ResponseAnalysis, files: Origin) -> dict[str, Any]:
    """Return the document described in ``docs/formats/tumours.md``."""
    settings = analysis.settings
    return {
        "schema": SCHEMA,
        **origin_document(files),
        "settings": settings_document(settings),
        "selection": selection_document(analysis.selection),
        "characteristics": [_characteristics(item) for item in analysis.characteristics],
        "by_dose": [_dose_analysis(one, primary=k == 0) for k, one in enumerate(analysis.by_dose)],
        "baseline_volume": [means_document(means) for means in analysis.baseline],
        "time_to_growth": None if analysis.regrowth is None else _regrowth(analysis.regrowth),
        "looks": [
            {"test": look.name, "p": look.p, "primary": look.primary, "adjusted_p": look.adjusted}
            for look in analysis.looks
        ],
        "tumours": [dict(zip(TABLES["tumours"], row, strict=True)) for row in _tumour_rows(rows, analysis)],
        "constants": [constant_document(constant) for constant in constants(settings)],
        "findings": [finding.to_json() for finding in analysis.findings],
    }


def response_tables(rows: Sequence[TumourRow], analysis: ResponseAnalysis) -> dict[str, Table]:
    """Return header and rows of every table by file stem."""
    content: Mapping[str, Iterator[Sequence[Value]]] = {
        "tumours": _tumour_rows(rows, analysis),
        "selection": _selection_rows(analysis.selection),
        "means": (row for means in _all_means(analysis) for row in _means_rows(means)),
        "control": (row for one in analysis.by_dose for row in _control_rows(one)),
        "control_curve": (row for one in analysis.by_dose for row in _curve_rows(one)),
        "doses_at_probability": (row for one in analysis.by_dose for row in _dose_rows(one)),
        "roc": (row for one in analysis.by_dose for row in _roc_rows(one)),
        "time_to_growth": _regrowth_rows(analysis.regrowth),
        "looks": ((look.name, look.p, str(look.primary).lower(), look.adjusted) for look in analysis.looks),
    }
    return {name: (header, content[name]) for name, header in TABLES.items()}


def settings_document(settings: ResponseSettings) -> dict[str, Any]:
    """Return the choices made in advance."""
    return {
        "responder_reduction": settings.responder,
        "smallest_baseline_ml": settings.smallest_ml,
        "baseline_split_ml": settings.split_ml,
        "growth_since_smallest": settings.growth,
        "primary_dose": settings.primary,
        "cycles": settings.cycles,
        "grade": settings.grade,
        "doses_gy": list(settings.doses_gy),
        "probabilities": list(settings.probabilities),
        "level": settings.level,
        "quadrature_nodes": settings.nodes,
        "replicates": settings.replicates,
        "seed": settings.seed,
    }


def selection_document(selection: Selection) -> dict[str, Any]:
    """Return the selection of tumours."""
    return {
        "initial": _counts(selection.initial),
        "steps": [{"reason": s.reason, "removed": s.removed, "left": _counts(s.left)} for s in selection.steps],
        "delineated": _counts(selection.delineated),
        "analysed": _counts(selection.analysed),
        "adds_up": selection.adds_up,
        "published": published_selection_gap(),
    }


def means_document(means: GroupDifference) -> dict[str, Any]:
    """Return the means of two groups and their difference."""
    groups = zip(means.labels, means.counts, means.means or (None, None), strict=True)
    return {
        "quantity": means.quantity,
        "grade": means.grade,
        "model": means.model,
        "patients": means.patients,
        "groups": [
            {"group": label, "tumours": n, "mean": None if mean is None else _contrast(mean)}
            for label, n, mean in groups
        ],
        "difference": {method: _contrast(found) for method, found in means.difference.items()},
        "patient_sd": finite(means.patient_sd),
        "residual_sd": finite(means.residual_sd),
        "normality_p": finite(means.normality_p),
        "refused": means.refused or None,
    }


def _dose_analysis(one: DoseAnalysis, *, primary: bool) -> dict[str, Any]:
    return {
        "dose": one.kind,
        "primary": primary,
        "tumours": len(one.outcomes),
        "patients": len({outcome.patient for outcome in one.outcomes}),
        "responders": int(one.responds.sum()),
        "dose_means": [means_document(means) for means in one.dose_means],
        "activity_means": [means_document(means) for means in one.activity_means],
        "control": _control(one.control),
        "activity_control": None if one.activity_control is None else _control(one.activity_control),
        "discrimination": [_discrimination(found) for found in one.discrimination.values()],
        "shrinkage": _shrinkage(one.shrinkage),
        "correlations": [
            {"grade": grade, "pearson": correlation_document(first), "spearman": correlation_document(second)}
            for grade, (first, second) in one.correlations.items()
        ],
    }


def _control(control: Control) -> dict[str, Any]:
    return {
        "refused": control.refused or None,
        "fits": [_control_fit(fit) for fit in control.fits],
        "one_intercept": _test(control.intercepts),
        "grades": [
            {
                "grade": grade,
                "significant": control.significant(grade),
                "likelihood_ratio": _test(control.tests.get(grade)),
                **_curve(control.curves.get(grade)),
            }
            for grade in control.grades
        ],
    }


def _control_fit(fit: ControlFit) -> dict[str, Any]:
    return {
        "model": fit.name,
        "converged": fit.fit.converged,
        "log_likelihood": finite(fit.fit.log_likelihood),
        "patient_sd": None if fit.patient_sd is None else finite(fit.patient_sd),
        "intercept": _effect(fit.intercept),
        "slopes": {grade: _effect(slope) for grade, slope in fit.slopes.items()},
        "slope_differences": {grade: _effect(slope) for grade, slope in fit.slope_difference.items()},
    }


def _curve(curve: GradeCurve | None) -> dict[str, Any]:
    """Return the curve of a grade; nothing where the relation is not significant."""
    if curve is None:
        return {"curve": None, "doses": [], "odds": []}
    band = curve.band
    return {
        "curve": {
            "dose_gy": curve.dose_gy.tolist(),
            "probability": band.value.tolist(),
            "low": band.low.tolist(),
            "high": band.high.tolist(),
        },
        "doses": [
            {
                "probability": d.probability,
                "dose_gy": {"value": d.value, "u": d.u},
                "low": d.low,
                "high": finite(d.high),
            }
            for d in curve.doses
        ],
        "odds": [
            {
                "dose_gy": o.dose_gy,
                "odds": {"value": o.odds, "low": o.odds_low, "high": o.odds_high},
                "probability": dict(zip(("value", "low", "high"), o.probability, strict=True)),
            }
            for o in curve.odds
        ],
    }


def _discrimination(found: Discrimination) -> dict[str, Any]:
    return {
        "grade": found.grade,
        "refused": found.refused or None,
        "auc_delong": _auc(found.delong),
        "auc_clustered": _auc(found.clustered),
        "bootstrap": _bootstrap(found.bootstrap),
        "bootstrap_clustered": _bootstrap(found.bootstrap_clustered),
        "youden": None if found.best is None else _point(found.best),
        "at_doses": [_point(point) for point in found.points],
    }


def _shrinkage(found: Shrinkage) -> dict[str, Any]:
    return {
        "refused": found.refused or None,
        "fits": [
            {
                "method": fit.method,
                "usable": fit.usable,
                "patient_sd": finite(fit.patient_sd),
                "residual_sd": finite(fit.residual_sd),
                "log_likelihood": finite(fit.log_likelihood),
                "grades": [
                    {
                        "grade": grade,
                        "amplitude": {"value": part.amplitude, "u": finite(part.u_amplitude)},
                        "scale_gy": {"value": part.scale_gy, "u": finite(part.u_scale_gy)},
                    }
                    for grade, part in fit.parameters.items()
                ],
            }
            for fit in found.fits
        ],
        "curves": [
            {
                "grade": grade,
                "dose_gy": found.dose_gy[grade].tolist(),
                **{name: getattr(band, name).tolist() for name in ("value", "low", "high")},
            }
            for grade, band in found.bands.items()
        ],
        "tests": {grade: _test(test) for grade, test in found.tests.items()},
    }


def _test(test: ChiSquaredTest | None) -> dict[str, float | None] | None:
    return None if test is None else {"chi_squared": finite(test.chi_squared), "df": test.df, "p": finite(test.p)}


def _regrowth(grown: Regrowth) -> dict[str, Any]:
    return {
        "tumours": grown.tumours,
        "grown": grown.events,
        "patients": grown.patients,
        "left_out": grown.left_out,
        "comparisons": [
            {
                "by": item.title,
                "groups": [
                    {"group": name, "tumours": curve.n, "median_d": interval_document(curve.median)}
                    for name, curve in item.curves.items()
                ],
                "log_rank": _test(item.test),
                "refused": item.refused or None,
            }
            for item in grown.comparisons
        ],
        "hazard_ratios": [
            {
                "covariate": ratio.name,
                "value": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                "p": ratio.p,
                "u_log": ratio.u_log,
                "u_log_independent": ratio.u_log_independent,
            }
            for ratio in grown.hazard
        ],
        "refused": grown.refused or None,
    }


def _characteristics(item: Characteristics) -> dict[str, Any]:
    return {
        "group": item.group,
        "tumours": item.tumours,
        "patients": item.patients,
        "responders": item.responders,
        "quantities": {
            name: {"median": s.median, "low": s.low, "high": s.high, "n": s.n} for name, s in item.quantities.items()
        },
        "primaries": {organ: {"tumours": n, "patients": m} for organ, (n, m) in item.primaries.items()},
    }


def _counts(counts: Counts) -> dict[str, int]:
    return {"tumours": counts.tumours, "patients": counts.patients}


def _contrast(item: Contrast) -> dict[str, float | None]:
    fields = ("estimate", "se", "df", "t", "p", "low", "high")
    return {name: finite(getattr(item, name)) for name in fields}


def _effect(item: LogitEffect) -> dict[str, float | None]:
    return {name: finite(getattr(item, name)) for name in ("value", "u", "low", "high", "z", "p")}


def _auc(item: Auc | None) -> dict[str, float | None] | None:
    return None if item is None else {name: finite(getattr(item, name)) for name in ("value", "u", "low", "high", "p")}


def _bootstrap(item: AucBootstrap | None) -> dict[str, Any] | None:
    if item is None:
        return None
    fields = ("replicates", "seed", "undefined")
    return {"auc": interval_document(item.auc), **{name: getattr(item, name) for name in fields}}


def _point(item: OperatingPoint) -> dict[str, Any]:
    return {
        "dose_gy": finite(item.threshold),
        "sensitivity": interval_document(item.sensitivity),
        "specificity": interval_document(item.specificity),
    }


def _all_means(analysis: ResponseAnalysis) -> Iterator[GroupDifference]:
    for one in analysis.by_dose:
        yield from (*one.dose_means, *one.activity_means)
    yield from analysis.baseline


def _tumour_rows(rows: Sequence[TumourRow], analysis: ResponseAnalysis) -> Iterator[Sequence[Value]]:
    found = {one.row.key: one for one in analysis.delineated}
    for row in rows:
        one = found.get(row.key)
        reason = exclusion_reason(row, None if one is None else one.baseline_ml, settings=analysis.settings)
        yield (row.patient, row.tumour, row.grade, row.primary, reason, *_tumour_numbers(one))


def _tumour_numbers(one: TumourOutcome | None) -> tuple[Value, ...]:
    if one is None:
        return (None,) * (len(TABLES["tumours"]) - 5)
    course = one.course
    doses = [one.dose_gy.get(kind) for kind in DOSE_KINDS]
    return (
        one.baseline_ml,
        *((None,) * 4 if course is None else
          (course.largest_ml, course.smallest_ml, str(course.largest_on), str(course.best_on))),
        _percent(one.reduction.get("best-response")),
        _percent(one.u_reduction),
        _percent(one.reduction.get("all-cycles")),
        *(cell for dose in doses for cell in ((None, None) if dose is None else
                                              (dose.value, None if dose.not_stated else dose.u))),
        *(one.activity_gbq.get(kind) for kind in DOSE_KINDS),
        one.cycles,
        one.cycles_until_best,
        one.time_to_growth_d,
        None if one.grew is None else "yes" if one.grew else "no",
    )  # fmt: skip


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _selection_rows(selection: Selection) -> Iterator[Sequence[Value]]:
    yield "all tumours", 0, selection.initial.tumours, selection.initial.patients
    for step in selection.steps:
        yield step.reason, step.removed, step.left.tumours, step.left.patients


def _means_rows(means: GroupDifference) -> Iterator[Sequence[Value]]:
    for label, n, mean in zip(means.labels, means.counts, means.means or (None, None), strict=True):
        own = (None, None, None) if mean is None else (mean.estimate, mean.low, mean.high)
        start = (means.quantity, means.grade, label, n, *own)
        if not means.difference:
            yield (*start, *(None,) * 7)
        for method, d in means.difference.items():
            yield (*start, d.estimate, d.low, d.high, method, d.df, d.t, d.p)


def _control_rows(one: DoseAnalysis) -> Iterator[Sequence[Value]]:
    for fit in one.control.fits:
        for grade, slope in fit.slopes.items():
            ends = (slope.value, slope.u, slope.low, slope.high, slope.p)
            ratio = one.control.tests[grade].p if fit is one.control.fits[0] else None
            yield (one.kind, grade, fit.name, fit.intercept.value, fit.intercept.u, *ends, ratio, fit.patient_sd)


def _curve_rows(one: DoseAnalysis) -> Iterator[Sequence[Value]]:
    for grade, curve in one.control.curves.items():
        band = curve.band
        for row in zip(curve.dose_gy.tolist(), band.value.tolist(), band.low.tolist(), band.high.tolist(), strict=True):
            yield (one.kind, grade, *row)


def _dose_rows(one: DoseAnalysis) -> Iterator[Sequence[Value]]:
    for grade, curve in one.control.curves.items():
        for d in curve.doses:
            p = one.control.tests[grade].p
            yield (one.kind, grade, d.probability, d.value, d.u, d.low, d.high, p)


def _roc_rows(one: DoseAnalysis) -> Iterator[Sequence[Value]]:
    """Yield the empirical curve of grades whose relation is significant; its cut-offs would be read as thresholds."""
    for grade, found in one.discrimination.items():
        if found.curve is not None and one.control.significant(grade):
            curve = found.curve
            for row in zip(
                curve.thresholds.tolist(), curve.sensitivity.tolist(), curve.specificity.tolist(), strict=True
            ):
                yield (one.kind, grade, *row)


def _regrowth_rows(grown: Regrowth | None) -> Iterator[Sequence[Value]]:
    for item in () if grown is None else grown.comparisons:
        for name, curve in item.curves.items():
            for row in _survival_rows(curve):
                yield (item.title, name, *row)


def _survival_rows(curve: SurvivalCurve) -> Iterator[Sequence[Value]]:
    columns = (curve.time, curve.share, curve.low, curve.high, curve.at_risk, curve.events)
    for row in zip(*(column.tolist() for column in columns), strict=True):
        yield tuple(value if math.isfinite(value) else None for value in row)
