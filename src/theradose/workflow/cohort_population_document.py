"""The document, the tables and the files of a population."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from theradose.formats.population_record import population_document
from theradose.kinetics.population import population_of
from theradose.kinetics.population_check import QUANTILES, PredictiveCheck
from theradose.kinetics.population_compare import Candidate
from theradose.kinetics.population_fit import FittedPopulation
from theradose.report.cohort_population import population_pages
from theradose.report.tables import Value
from theradose.store.runs import require_writable, write_json
from theradose.workflow.cohort_population import PopulationReport
from theradose.workflow.document_parts import finite
from theradose.workflow.report_folder import Table, write_report_folder

RECORD = "population.json"
_PROBABILITIES = (0.05, 0.5, 0.95)
CANDIDATE_COLUMNS = ("regions", "form", "omega", "parameters", "log_likelihood", "aic", "bic", "singular", "chosen")
RESIDUAL_COLUMNS = ("regions", "patient", "region", "t_h", "fraction", "fitted", "individual", "population")
CHECK_COLUMNS = (
    "regions", "t_h", "points",
    *(f"{kind}_p{round(100 * q)}{end}" for q in QUANTILES for kind, end in
      (("observed", ""), ("expected", "_low"), ("expected", ""), ("expected", "_high"))),
)  # fmt: skip


def cohort_population_document(report: PopulationReport) -> dict[str, Any]:
    """Return the document described in ``docs/formats/population.md``."""
    return {
        "schema": "theradose/population-report/1",
        "record": population_document(report.record),
        "populations": [
            _population(report, fitted, check) for fitted, check in zip(report.fitted, report.checks, strict=True)
        ],
        "seed": report.options.seed,
        "findings": [finding.to_json() for finding in report.findings],
    }


def write_population(report: PopulationReport, document: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """Write the record, the pages, the document and the tables into a folder, and return the files."""
    require_writable(folder)
    write_json(document["record"], folder / RECORD)
    written = write_report_folder(
        folder,
        pages=population_pages(report.record, report.fitted, report.checks, document["populations"], report.findings),
        document=document,
        tables=_tables(report),
        created=datetime.now(UTC),
    )
    return folder / RECORD, *written


def _population(report: PopulationReport, fitted: FittedPopulation, check: PredictiveCheck) -> dict[str, Any]:
    stated, diagnostics = fitted.stated, fitted.diagnostics
    member = population_of(stated, measured_with=report.nuclide, nuclide=report.nuclide)
    half_life, integral = member.quantiles(_PROBABILITIES)
    names = [f"p{round(100 * probability)}" for probability in _PROBABILITIES]
    return {
        "regions": list(stated.regions),
        "form": stated.form,
        "patients": stated.patients,
        "curves": stated.curves,
        "points": stated.points,
        "half_life_h": dict(zip(names, half_life.tolist(), strict=True)),
        "integral_per_activity_h": dict(zip(names, integral.tolist(), strict=True)),
        "sd": dict(zip(stated.parameters, np.sqrt(np.diag(stated.omega)).tolist(), strict=True)),
        "comparison": [
            {
                "form": candidate.form.name,
                "omega": candidate.omega,
                "parameters": candidate.parameters,
                "log_likelihood": _known(candidate.log_likelihood),
                "aic": _known(candidate.aic),
                "bic": _known(candidate.bic),
                "singular": candidate.singular,
                "varying": list(candidate.varying),
                "chosen": _is_chosen(fitted, candidate),
            }
            for candidate in fitted.candidates
        ],
        "residual_rms": {
            "individual": float(np.sqrt(np.mean(diagnostics.individual**2))),
            "population": float(np.sqrt(np.mean(diagnostics.population**2))),
        },
        "residual_shrinkage": diagnostics.residual_shrinkage,
        "predictive_check": {
            "quantiles": list(QUANTILES),
            "t_h": check.t_h.tolist(),
            "points": check.points.tolist(),
            "observed": check.observed.tolist(),
            "expected": check.expected.tolist(),
        },
    }


def _tables(report: PopulationReport) -> dict[str, Table]:
    candidates: list[Sequence[Value]] = []
    residuals: list[Sequence[Value]] = []
    checks: list[Sequence[Value]] = []
    for fitted, check in zip(report.fitted, report.checks, strict=True):
        regions = ", ".join(fitted.stated.regions)
        candidates += [
            (regions, item.form.name, item.omega, item.parameters, _known(item.log_likelihood), _known(item.aic),
             _known(item.bic), str(item.singular).lower(), str(_is_chosen(fitted, item)).lower())
            for item in fitted.candidates
        ]  # fmt: skip
        data, found = fitted.fit.data, fitted.diagnostics
        numbers = zip(
            data.in_order(data.x)[:, 0].tolist(), np.exp(data.in_order(data.y)).tolist(), np.exp(found.fitted).tolist(),
            found.individual.tolist(), found.population.tolist(), strict=True,
        )  # fmt: skip
        owners = [(curve.patient, curve.region) for curve in fitted.curves for _ in curve.points.t_h]
        residuals += [(regions, *owner, *row) for owner, row in zip(owners, numbers, strict=True)]
        for t_h, points, observed, expected in zip(
            check.t_h, check.points, check.observed, check.expected, strict=True
        ):
            pairs = [value for q, seen in enumerate(observed) for value in (seen, *expected[q])]
            checks.append((regions, float(t_h), int(points), *map(float, pairs)))
    return {
        "comparison": (CANDIDATE_COLUMNS, candidates),
        "residuals": (RESIDUAL_COLUMNS, residuals),
        "predictive_check": (CHECK_COLUMNS, checks),
    }


def _is_chosen(fitted: FittedPopulation, candidate: Candidate) -> bool:
    return (candidate.form.name, candidate.omega) == (fitted.stated.form, fitted.stated.fit.omega)


def _known(value: float | None) -> float | None:
    return None if value is None else finite(value)
