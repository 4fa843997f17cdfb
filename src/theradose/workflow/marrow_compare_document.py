"""The JSON document and the tables of a comparison of marrow doses.

References
----------
[Vallot2024]_ What ``published`` repeats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from theradose.model.arrays import Array
from theradose.report.marrow_comparison import (
    Analysis,
    CycleComparison,
    LateInfluence,
    MarrowComparison,
    ModelDoses,
    PairAgreement,
    median_and_range,
)
from theradose.report.tables import Value, write_table
from theradose.statistics.intervals import Interval
from theradose.workflow.agreement_parts import bland_altman_document, correlation_document, interval_document
from theradose.workflow.document_parts import constant_document, finite
from theradose.workflow.marrow_compare import ComparedCohort
from theradose.workflow.marrow_published import ASSUMPTIONS, SOURCE

TABLES: Mapping[str, tuple[str, ...]] = {
    "marrow_doses": ("analysis", "subject", "cycle", "method", "model", "self_mgy_per_gbq"),
    "marrow_medians": ("analysis", "method", "model", "n", "median_mgy_per_gbq", "min_mgy_per_gbq", "max_mgy_per_gbq",
                       "left_out", "reason"),
    "marrow_late": ("analysis", "subject", "cycle", "method", "model", "whole_mgy_per_gbq", "early_mgy_per_gbq",
                    "change_percent"),
    "marrow_agreement": ("analysis", "first", "second", "pairs", "subjects", "unit", "bias", "bias_low", "bias_high",
                         "sd", "lower", "lower_low", "lower_high", "upper", "upper_low", "upper_high", "concordance",
                         "concordance_low", "concordance_high", "pearson", "pearson_p", "spearman", "spearman_p"),
    "marrow_cycles": ("analysis", "subject", "method", "model", "first_mgy_per_gbq", "last_mgy_per_gbq"),
}  # fmt: skip
"""Header of each table by file stem."""


def comparison_document(cohort: ComparedCohort, *, as_published: bool) -> dict[str, Any]:
    """Return the document described in ``docs/formats/marrow_compare.md``."""
    comparison = cohort.comparison
    document = {
        "nuclide": comparison.nuclide,
        "treatments": dict(comparison.treatments),
        "settings": dict(comparison.settings),
        "late_sample_h": comparison.late_sample_h,
        "weighted": _analysis(comparison.ours),
        "unweighted_late": [_late(item) for item in comparison.published.late],
        "gap": [
            {"name": item.name, "factor": item.factor, "text": item.text, "source": item.source}
            for item in comparison.gap
        ],
        "late_explained": list(comparison.late_explained),
        "constants": [constant_document(constant) for constant in cohort.constants],
        "findings": [finding.to_json() for finding in comparison.findings],
    }
    if as_published:
        document["as_published"] = {
            "profile": "as-published",
            "source": SOURCE,
            "assumptions": list(ASSUMPTIONS),
            "printed": dict(comparison.printed),
            **_analysis(comparison.published),
        }
    return document


def write_comparison_tables(comparison: MarrowComparison, folder: Path) -> tuple[Path, ...]:
    """Write every table into a folder and return the files."""
    analyses = (comparison.ours, comparison.published)
    rows: Mapping[str, list[Sequence[Value]]] = {
        "marrow_doses": [row for one in analyses for item in one.doses for row in _dose_rows(one, item)],
        "marrow_medians": [_median_row(one, item) for one in analyses for item in one.doses],
        "marrow_late": [row for one in analyses for item in one.late for row in _late_rows(one, item)],
        "marrow_agreement": [row for one in analyses for item in one.agreements for row in _pair_rows(one, item)],
        "marrow_cycles": [row for one in analyses for item in one.cycles for row in _cycle_rows(one, item)],
    }
    return tuple(write_table(folder / f"{name}.csv", header, rows[name]) for name, header in TABLES.items())


def _analysis(analysis: Analysis) -> dict[str, Any]:
    return {
        "doses": [_doses(item) for item in analysis.doses],
        "late": [_late(item) for item in analysis.late],
        "agreement": [_pair(item) for item in analysis.agreements],
        "cycles": [_cycles(item) for item in analysis.cycles],
    }


def _doses(item: ModelDoses) -> dict[str, Any]:
    document = {
        "method": item.method,
        "model": item.model,
        **_distribution(item.mgy_per_gbq),
        "left_out": len(item.left_out),
        "reason": item.reason or None,
        "flags": dict(item.flags),
        "treatments": [
            {"subject": name.subject, "cycle": name.cycle, "self_mgy_per_gbq": dose}
            for name, dose in item.by_treatment().items()
        ],
    }
    if len(item.r_squared):
        document["r_squared"] = _distribution(item.r_squared)
    return document


def _late(item: LateInfluence) -> dict[str, Any]:
    return {
        "method": item.method,
        "model": item.model,
        "treatments": item.considered,
        "change_percent": {
            **_distribution(item.percent),
            "mean": float(item.percent.mean()) if len(item.percent) else None,
        },
        "left_out": len(item.left_out),
        "reason": item.reason or None,
    }


def _pair(item: PairAgreement) -> dict[str, Any]:
    return {
        "first": item.first,
        "second": item.second,
        "pairs": item.absolute.pairs,
        "subjects": item.absolute.subjects,
        "absolute_mgy_per_gbq": bland_altman_document(item.absolute),
        "relative_percent": bland_altman_document(item.relative),
        "concordance": interval_document(item.concordance),
        "pearson": correlation_document(item.pearson),
        "spearman": correlation_document(item.spearman),
    }


def _cycles(item: CycleComparison) -> dict[str, Any]:
    return {
        "method": item.method,
        "model": item.model,
        "patients": [
            {"subject": subject, "first_mgy_per_gbq": first, "last_mgy_per_gbq": last}
            for subject, first, last in zip(item.subjects, item.first.tolist(), item.last.tolist(), strict=True)
        ],
        "last_minus_first_percent": None if item.agreement is None else bland_altman_document(item.agreement),
        "wilcoxon_p": finite(item.p),
    }


def _distribution(values: Array) -> dict[str, Any]:
    summary = median_and_range(values)
    median, low, high = summary or (None, None, None)
    return {"n": len(values), "median": median, "min": low, "max": high}


def _dose_rows(analysis: Analysis, item: ModelDoses) -> list[Sequence[Value]]:
    return [
        (analysis.name, name.subject, name.cycle, item.method, item.model, dose)
        for name, dose in item.by_treatment().items()
    ]


def _median_row(analysis: Analysis, item: ModelDoses) -> Sequence[Value]:
    median, low, high = median_and_range(item.mgy_per_gbq) or (None, None, None)
    counts = len(item.mgy_per_gbq), median, low, high, len(item.left_out), item.reason
    return (analysis.name, item.method, item.model, *counts)


def _late_rows(analysis: Analysis, item: LateInfluence) -> list[Sequence[Value]]:
    numbers = np.stack([item.whole, item.early, item.percent], axis=1).tolist()
    return [
        (analysis.name, name.subject, name.cycle, item.method, item.model, *row)
        for name, row in zip(item.treatments, numbers, strict=True)
    ]


def _pair_rows(analysis: Analysis, item: PairAgreement) -> list[Sequence[Value]]:
    return [
        (
            analysis.name, item.first, item.second, one.pairs, one.subjects, unit,
            *_cells(one.bias), one.sd, *_cells(one.lower), *_cells(one.upper), *_cells(item.concordance),
            item.pearson.value, item.pearson.p, item.spearman.value, item.spearman.p,
        )
        for unit, one in (("mGy/GBq", item.absolute), ("%", item.relative))
    ]  # fmt: skip


def _cells(item: Interval) -> tuple[float, float, float]:
    return item.value, item.low, item.high


def _cycle_rows(analysis: Analysis, item: CycleComparison) -> list[Sequence[Value]]:
    return [
        (analysis.name, subject, item.method, item.model, first, last)
        for subject, first, last in zip(item.subjects, item.first.tolist(), item.last.tolist(), strict=True)
    ]
