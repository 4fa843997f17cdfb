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

from theradose.dose.marrow import MarrowRequest, marrow_dose_by_s_value, marrow_from_specimen
from theradose.dose.svalues import DEFAULT_SEX
from theradose.kinetics.published import UnweightedFit
from theradose.nuclides import Nuclide
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ
from theradose.workflow.marrow import BLOOD_MODELS, BloodMarrow
from theradose.workflow.marrow_late import early_samples, late_sample_time_h, published_fits, weighted_change

_MGY_PER_GY = 1e3
SOURCE = "10.1186/s40658-024-00615-5"
ASSUMPTIONS = (
    "unweighted least squares without bounds",
    "no infusion correction",
    "the specimen is taken as whole blood, whatever it is",
    "marrow and blood are alike (ratio 1), dose factor of the reference adult",
    "self dose alone",
)


def published_analysis(results: Sequence[BloodMarrow], nuclide: Nuclide) -> dict[str, Any]:
    """Return the published tables for this cohort, each beside the weighted, bounded fits.

    Parameters
    ----------
    results : sequence of BloodMarrow
        The cohort.
    nuclide : Nuclide
        Of all treatments.
    """
    early = [early_samples(result.tia.curve) for result in results]
    fits = published_fits([result.tia.curve for result in results], early)
    late = [k for k, curve in enumerate(early) if curve is not None]
    weighted = {
        model: [
            weighted_change(
                results[k].tia, curve, model, nuclide=nuclide, infusion_h=results[k].treatment.infusion_h or 0.0
            ).percent
            for k in late
            if (curve := early[k]) is not None
        ]
        for model in BLOOD_MODELS
    }
    return {
        "profile": "as-published",
        "source": SOURCE,
        "assumptions": list(ASSUMPTIONS),
        "table_3_mgy_per_gbq": {
            model: distribution(
                [
                    dose
                    for result, fit in zip(results, fits.whole[model], strict=True)
                    if (dose := published_dose(result, fit, nuclide)) is not None
                ]
            )
            | {"non_physical": sum(fit is not None and not fit.physical for fit in fits.whole[model])}
            for model in BLOOD_MODELS
        },
        "ours_mgy_per_gbq": {model: distribution(_our_doses(results, model)) for model in BLOOD_MODELS},
        "r_squared": {
            model: distribution([fit.r_squared for fit in fits.whole[model] if fit is not None])
            for model in BLOOD_MODELS
        },
        "half_lives_h": half_lives(fits.whole["bi"]),
        "late_samples": {
            "later_than_h": late_sample_time_h(),
            "treatments": len(late),
            "table_5_percent": {
                model: _changes([change for k, change in enumerate(fits.change_percent(model)) if k in set(late)])
                for model in BLOOD_MODELS
            },
            "weighted_percent": {model: _changes(weighted[model]) for model in BLOOD_MODELS},
        },
    }


def published_dose(result: BloodMarrow, fit: UnweightedFit | None, nuclide: Nuclide) -> float | None:
    """Return the self dose per activity of a published fit, mGy/GBq; ``None`` without a finite positive area."""
    activity = result.treatment.activity_mbq
    if fit is None or not fit.physical or activity is None:
        return None
    concentration = marrow_from_specimen(
        specimen_tia_mbq_h_per_l=Uncertain(fit.area), specimen="blood", haematocrit=None, ratio=Uncertain(1.0)
    )
    request = MarrowRequest(concentration.marrow, nuclide, result.treatment.sex or DEFAULT_SEX)
    return marrow_dose_by_s_value(request)[0].self_gy.value * _MGY_PER_GY * MBQ_PER_GBQ / activity


def distribution(values: Sequence[float]) -> dict[str, Any]:
    """Return number, median and range."""
    if not values:
        return {"n": 0, "median": None, "min": None, "max": None}
    return {"n": len(values), "median": float(np.median(values)), "min": min(values), "max": max(values)}


def half_lives(fits: Sequence[UnweightedFit | None]) -> dict[str, Any]:
    """Return the half-lives of the two phases of the fits with positive rates and area."""
    physical = [fit for fit in fits if fit is not None and fit.physical]
    return {
        "first_phase": distribution([float(np.log(2)) / fit.rates_per_h[-1] for fit in physical]),
        "second_phase": distribution([float(np.log(2)) / fit.rates_per_h[0] for fit in physical]),
    }


def _our_doses(results: Sequence[BloodMarrow], model: str) -> list[float]:
    return [
        result.self_gy_of(fit) * _MGY_PER_GY * MBQ_PER_GBQ / result.treatment.activity_mbq
        for result in results
        for fit in result.tia.fits
        if fit.model == model and result.treatment.activity_mbq is not None
    ]


def _changes(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    mean = float(np.mean(known)) if known else None
    return {**distribution(known), "mean": mean, "non_physical_or_refused": len(values) - len(known)}
