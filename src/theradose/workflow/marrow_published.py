"""A published analysis of a cohort's blood samples, beside ours, and what late samples change in each.

As published: unweighted, unbounded fits judged by R², no infusion correction, the specimen taken as blood. Both ways
the self dose alone is compared, so that only the curves differ.

References
----------
[Vallot2024]_ Tables 3 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.dose.marrow import MarrowRequest, marrow_from_specimen, marrow_methods
from theradose.errors import FitError
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.published import UnweightedFit, fit_unweighted
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import Nuclide
from theradose.uncertainty import Uncertain
from theradose.workflow.marrow import BLOOD_MODELS, BloodMarrow

_MGY_PER_GY = 1e3
_MBQ_PER_GBQ = 1e3
_ASSUMPTIONS = (
    "unweighted least squares without bounds",
    "no infusion correction",
    "the specimen is taken as whole blood, whatever it is",
    "self dose alone",
)


def published_analysis(results: Sequence[BloodMarrow], nuclide: Nuclide, *, method: str) -> dict[str, Any]:
    """Return the published tables for this cohort, each beside the weighted, bounded fits.

    Parameters
    ----------
    results : sequence of BloodMarrow
        The cohort.
    nuclide : Nuclide
        Of all treatments.
    method : str
        Marrow method that turns areas into self doses.
    """
    last_early_h = float(load_yaml("marrow.yaml")["late_sample_time"]["value"])
    published = {model: [_published(result.tia.curve, phases) for result in results] for model, phases in _phases()}
    late = [result for result in results if result.tia.curve.t_h[-1] > last_early_h]
    return {
        "profile": "as-published",
        "source": "10.1186/s40658-024-00615-5",
        "assumptions": list(_ASSUMPTIONS),
        "table_3_mgy_per_gbq": {
            model: _distribution(_doses(results, fits, nuclide, method)) | _non_physical(fits)
            for model, fits in published.items()
        },
        "ours_mgy_per_gbq": {model: _distribution(_our_doses(results, model)) for model in BLOOD_MODELS},
        "r_squared": {
            model: _distribution([fit.r_squared for fit in fits if fit is not None])
            for model, fits in published.items()
        },
        "half_lives_h": _half_lives(published["bi"]),
        "late_samples": {
            "later_than_h": last_early_h,
            "treatments": len(late),
            "table_5_percent": {
                model: _changes([_published_change(result.tia.curve, phases, last_early_h) for result in late])
                for model, phases in _phases()
            },
            "weighted_percent": {
                model: _changes([_weighted_change(result, model, nuclide, last_early_h) for result in late])
                for model in BLOOD_MODELS
            },
        },
    }


def _phases() -> tuple[tuple[str, int], ...]:
    return tuple((model, phases) for phases, model in enumerate(BLOOD_MODELS, start=1))


def _published(curve: TimeActivityCurve, phases: int) -> UnweightedFit | None:
    if len(curve.t_h) < 2 * phases:
        return None
    return fit_unweighted(t_h=curve.t_h, values=curve.activity_mbq, phases=phases)


def _doses(
    results: Sequence[BloodMarrow], fits: Sequence[UnweightedFit | None], nuclide: Nuclide, method: str
) -> list[float]:
    """Return the self doses per activity of the fits with a finite positive area, mGy/GBq."""
    return [
        _self_gy(result, fit.area, nuclide, method) * _MGY_PER_GY * _MBQ_PER_GBQ / result.treatment.activity_mbq
        for result, fit in zip(results, fits, strict=True)
        if fit is not None and fit.physical and result.treatment.activity_mbq is not None
    ]


def _self_gy(result: BloodMarrow, area_mbq_h_per_l: float, nuclide: Nuclide, method: str) -> float:
    concentration = marrow_from_specimen(
        specimen_tia_mbq_h_per_l=Uncertain(area_mbq_h_per_l),
        specimen="blood",
        haematocrit=None,
        ratio=result.ratio.value,
    )
    request = MarrowRequest(concentration.marrow, nuclide, result.treatment.sex or "M")
    return marrow_methods.get(method)(request)[0].self_gy.value


def _our_doses(results: Sequence[BloodMarrow], model: str) -> list[float]:
    return [
        result.self_gy_of(fit) * _MGY_PER_GY * _MBQ_PER_GBQ / result.treatment.activity_mbq
        for result in results
        for fit in result.tia.fits
        if fit.model == model and result.treatment.activity_mbq is not None
    ]


def _published_change(curve: TimeActivityCurve, phases: int, last_h: float) -> float | None:
    """Return the relative change of the area without late samples, in per cent."""
    with_late, without = _published(curve, phases), _published(_early(curve, last_h), phases)
    if with_late is None or without is None or not (with_late.physical and without.physical):
        return None
    return 100 * (without.area / with_late.area - 1)


def _weighted_change(result: BloodMarrow, model: str, nuclide: Nuclide, last_h: float) -> float | None:
    fit = next((fit for fit in result.tia.fits if fit.model == model), None)
    if fit is None:
        return None
    early = _early(result.tia.curve, last_h)
    try:
        without, _ = integrate_curve(
            early, nuclide=nuclide, force_model=model, infusion_h=result.treatment.infusion_h or 0.0
        )
    except FitError:
        # Too few samples are left for this model.
        return None
    return 100 * (without.value.value / fit.tia_mbq_h - 1)


def _early(curve: TimeActivityCurve, last_h: float) -> TimeActivityCurve:
    kept = curve.t_h <= last_h
    return TimeActivityCurve(
        curve.region,
        curve.t_h[kept],
        curve.activity_mbq[kept],
        curve.u_independent_mbq[kept],
        curve.common,
        curve.source,
    )


def _distribution(values: Sequence[float]) -> dict[str, Any]:
    if not values:
        return {"n": 0, "median": None, "min": None, "max": None}
    return {"n": len(values), "median": float(np.median(values)), "min": min(values), "max": max(values)}


def _non_physical(fits: Sequence[UnweightedFit | None]) -> dict[str, int]:
    return {"non_physical": sum(fit is not None and not fit.physical for fit in fits)}


def _changes(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    mean = float(np.mean(known)) if known else None
    return {**_distribution(known), "mean": mean, "non_physical_or_refused": len(values) - len(known)}


def _half_lives(fits: Sequence[UnweightedFit | None]) -> dict[str, Any]:
    physical = [fit for fit in fits if fit is not None and fit.physical]
    return {
        "first_phase": _distribution([float(np.log(2)) / fit.rates_per_h[-1] for fit in physical]),
        "second_phase": _distribution([float(np.log(2)) / fit.rates_per_h[0] for fit in physical]),
    }
