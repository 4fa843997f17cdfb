"""The JSON document of red marrow doses from blood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from theradose.model.curve import CurveFit
from theradose.model.document import pair_document
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide
from theradose.units import MBQ_PER_GBQ
from theradose.workflow.document_parts import budget_document, constant_document, finite
from theradose.workflow.marrow import BLOOD_MODELS, BloodMarrow, constants_used
from theradose.workflow.marrow_published import distribution


def blood_document(
    results: Sequence[BloodMarrow], nuclide: Nuclide, *, method: str, findings: Sequence[Finding] = ()
) -> dict[str, Any]:
    """Return the document described in ``docs/formats/blood.md``; `findings` hold for all treatments."""
    return {
        "nuclide": nuclide.name,
        "method": method,
        "treatments": [treatment_document(result) for result in results],
        "cohort": _cohort(results),
        "constants": [constant_document(constant) for constant in constants_used(results, nuclide)],
        "findings": [
            finding.to_json()
            for finding in (*findings, *(finding for result in results for finding in result.findings))
        ],
    }


def treatment_document(result: BloodMarrow) -> dict[str, Any]:
    """Return one entry of ``treatments``."""
    dose = result.dose
    return {
        "subject": result.curve.series.subject,
        "cycle": result.curve.series.cycle,
        "activity_mbq": result.treatment.activity_mbq,
        "model": result.tia.chosen,
        "tia_mbq_h_per_l": pair_document(result.tia.value),
        "specimen": result.curve.specimen,
        "haematocrit": result.curve.haematocrit,
        "rmblr": result.ratio.value.value,
        "rmblr_choice": result.ratio.choice,
        "blood_tia_mbq_h_per_kg": pair_document(result.concentration.blood),
        "marrow_tia_mbq_h": pair_document(dose.tia_mbq_h),
        "self_gy": pair_document(dose.self_gy),
        "cross_gy": pair_document(dose.cross_gy),
        "components_gy": {organ: pair_document(value) for organ, value in dose.components.items()},
        "dose_gy": pair_document(dose.dose_gy),
        "dose_per_activity_gy_gbq": pair_document(result.dose_per_activity_gy_gbq),
        "effective_half_life_h": pair_document(result.tia.effective_half_life_h),
        "before_first_fraction": result.tia.before_first_fraction,
        "extrapolated_fraction": result.tia.extrapolated_fraction,
        "models": [_model(result, fit) for fit in result.tia.fits],
        "budget": budget_document(dose.dose_gy),
        "flags": list(result.flags),
    }


def _model(result: BloodMarrow, fit: CurveFit) -> dict[str, Any]:
    return {
        "name": fit.model,
        "parameters": dict(fit.parameters),
        "tia_mbq_h_per_l": {"value": fit.tia_mbq_h, "u": finite(fit.u_tia_mbq_h)},
        "self_gy": result.self_gy_of(fit),
        "aicc": finite(fit.aicc),
        "chi_squared": fit.chi_squared,
        "weight": fit.weight,
        "flags": list(fit.flags),
    }


def _cohort(results: Sequence[BloodMarrow]) -> dict[str, Any]:
    """Return medians and ranges of the self dose per activity, by model and as chosen."""
    known = [(result, result.treatment.activity_mbq) for result in results]
    doses: dict[str, list[float]] = {name: [] for name in (*BLOOD_MODELS, "chosen")}
    for result, activity in known:
        if activity is None:
            continue
        for fit in result.tia.fits:
            doses.setdefault(fit.model, []).append(result.self_gy_of(fit) * MBQ_PER_GBQ / activity)
        doses["chosen"].append(result.dose.self_gy.value * MBQ_PER_GBQ / activity)
    return {
        "treatments": len(results),
        "self_gy_per_gbq": {name: distribution(values) for name, values in doses.items() if values},
    }
