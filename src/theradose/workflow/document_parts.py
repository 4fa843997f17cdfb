"""Curves, integrals and estimates as parts of a result document."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from theradose.model.curve import CurveFit, TimeActivityCurve, TimeIntegratedActivity
from theradose.model.dose import DoseVolumeHistogram
from theradose.model.result import BudgetResult, ConstantResult, CurveResult, DvhCurve, Estimate, FitResult
from theradose.nuclides import Constant
from theradose.provenance import hash_file, software_versions
from theradose.uncertainty import Uncertain, budget
from theradose.workflow.case import Case

Origin = tuple[tuple[str, str], ...]
"""Names of files with their SHA-256."""


def origin_of(*paths: Path | None) -> Origin:
    """Return the names and hashes of the files that were given."""
    return tuple((path.name, hash_file(path)) for path in paths if path is not None)


def origin_document(files: Origin) -> dict[str, Any]:
    """Return what a document of an analysis was made with and from."""
    return {"software": software_versions(), "files": [{"path": name, "sha256": digest} for name, digest in files]}


def integral_fields(case: Case, tia: TimeIntegratedActivity) -> dict[str, Any]:
    """Return the fields that every curve of a result has.

    The uncertainty of the given activity acts on the coefficient, and cancels in it where the curve is measured as a
    fraction of that activity.
    """
    fits = tuple(_fit(fit) for fit in tia.fits)
    return {
        "curve": _curve(tia.curve),
        "fit": max(fits, key=lambda fit: fit.weight, default=None),
        "models": fits,
        "chosen_model": tia.chosen,
        "tia_mbq_h": estimate(tia.value),
        "tiac_h": estimate(tia.value / case.administered_mbq),
        "effective_half_life_h": estimate(tia.effective_half_life_h),
        "extrapolated_fraction": tia.extrapolated_fraction,
        "before_first_fraction": tia.before_first_fraction,
    }


def budget_lines(quantity: Uncertain) -> tuple[BudgetResult, ...]:
    """Return the uncertainty budget of a quantity."""
    return tuple(
        BudgetResult(source=line.source, relative_u=line.relative_u, share=line.share, group=line.group)
        for line in budget(quantity)
    )


def budget_document(quantity: Uncertain) -> list[dict[str, Any]]:
    """Return the uncertainty budget of a quantity, as a document."""
    return [line.model_dump() for line in budget_lines(quantity)]


def constant_document(constant: Constant) -> dict[str, Any]:
    """Return a constant with its origin, as a document."""
    return {
        "name": constant.name,
        "value": constant.value,
        "unit": constant.unit,
        "source": constant.source,
        "status": constant.status,
    }


def estimate(quantity: Uncertain) -> Estimate:
    """Return a value for a document with the u of its stated sources, as :meth:`Estimate.of`."""
    return Estimate.of(quantity)


def dvh_curve(histogram: DoseVolumeHistogram) -> DvhCurve:
    """Return a histogram for a document."""
    return DvhCurve(
        dose_gy=tuple(histogram.dose_gy.tolist()),
        cumulative_fraction=tuple(histogram.cumulative_fraction.tolist()),
        differential_ml_per_gy=tuple(histogram.differential_ml_per_gy.tolist()),
    )


def constant_result(constant: Constant) -> ConstantResult:
    """Return a constant for a document."""
    return ConstantResult(
        name=constant.name,
        value=constant.value,
        unit=constant.unit,
        source=constant.source,
        status=constant.status,
    )


def _curve(curve: TimeActivityCurve) -> CurveResult:
    return CurveResult(
        t_h=tuple(curve.t_h.tolist()),
        activity_mbq=tuple(curve.activity_mbq.tolist()),
        u_mbq=tuple(curve.u_independent_mbq.tolist()),
    )


def _fit(fit: CurveFit) -> FitResult:
    return FitResult(
        model=fit.model,
        parameters=dict(fit.parameters),
        covariance=tuple(tuple(finite(value) for value in row) for row in fit.covariance.tolist()),
        tia_mbq_h=Estimate(value=fit.tia_mbq_h, u=finite(fit.u_tia_mbq_h)),
        aicc=finite(fit.aicc),
        chi_squared=fit.chi_squared,
        weight=fit.weight,
        flags=fit.flags,
    )


def finite(value: float) -> float | None:
    """Return a number for a document, ``None`` for one that JSON cannot hold."""
    return value if math.isfinite(value) else None
