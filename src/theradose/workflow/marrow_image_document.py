"""The part ``marrow.image`` of a result document."""

from __future__ import annotations

import math
from typing import Any

from theradose.model.curve import CurveFit
from theradose.model.transform import Registration
from theradose.uncertainty import Uncertain, budget
from theradose.workflow.document_parts import constant_document, estimate
from theradose.workflow.marrow_image import ImageMarrow


def image_marrow_document(result: ImageMarrow) -> dict[str, Any]:
    """Return the document described in ``docs/formats/marrow.md``."""
    measured, dose, split = result.measured, result.dose, result.split
    volume, curve = measured.volume, measured.tia.curve
    composition = result.concentration.composition
    options = measured.settings.options
    return {
        "method": measured.settings.method,
        "sites": list(measured.sites),
        "volume_ml": volume.volume_ml,
        "outlined_ml": volume.outlined_ml,
        "excluded_ml": dict(volume.excluded_ml),
        "density_g_per_ml": _pair(measured.density_g_per_ml),
        "distribution": options.distribution,
        "recovery": _pair(options.recovery),
        "cellularity": None if composition is None else _pair(composition.cellularity),
        "trabecular_fraction": None if composition is None else _pair(composition.trabecular_fraction),
        "site_fraction": None if options.site_fraction is None else _pair(options.site_fraction),
        "weighted_by": measured.weighted_by,
        "registrations": [_registration(name, one) for name, one in measured.registrations.items()],
        "curve": {
            "t_h": curve.t_h.tolist(),
            "concentration_mbq_per_ml": curve.activity_mbq.tolist(),
            "u_mbq_per_ml": curve.u_independent_mbq.tolist(),
        },
        "model": result.tia.chosen,
        "tia_mbq_h_per_ml": _pair(result.tia.value),
        "spongiosa_tia_mbq_h_per_kg": _pair(result.concentration.spongiosa),
        "marrow_tia_mbq_h_per_kg": _pair(result.concentration.marrow),
        "specific_tia_mbq_h_per_kg": None if split is None else _pair(split.specific),
        "non_specific_tia_mbq_h_per_kg": None if split is None else _pair(split.non_specific),
        "marrow_tia_mbq_h": _pair(dose.tia_mbq_h),
        "self_gy": _pair(dose.self_gy),
        "cross_gy": _pair(dose.cross_gy),
        "components_gy": {organ: _pair(value) for organ, value in dose.components.items()},
        "dose_gy": _pair(dose.dose_gy),
        "dose_per_activity_gy_gbq": _pair(result.dose_per_activity_gy_gbq),
        "effective_half_life_h": _pair(result.tia.effective_half_life_h),
        "before_first_fraction": result.tia.before_first_fraction,
        "extrapolated_fraction": result.tia.extrapolated_fraction,
        "models": [_model(result, fit) for fit in result.tia.fits],
        "budget": [
            {"source": line.source, "relative_u": line.relative_u, "share": line.share} for line in budget(dose.dose_gy)
        ],
        "constants": [constant_document(constant) for constant in result.constants],
        "flags": list(result.flags),
    }


def _registration(timepoint: str, registration: Registration) -> dict[str, Any]:
    return {
        "timepoint": timepoint,
        "method": registration.method,
        "shift_mm": registration.quality["shift_mm"],
        "rotation_deg": registration.quality["rotation_deg"],
    }


def _model(result: ImageMarrow, fit: CurveFit) -> dict[str, Any]:
    return {
        "name": fit.model,
        "parameters": dict(fit.parameters),
        "tia_mbq_h_per_ml": {"value": fit.tia_mbq_h, "u": _finite(fit.u_tia_mbq_h)},
        "self_gy": result.self_gy_of(fit),
        "aicc": _finite(fit.aicc),
        "chi_squared": fit.chi_squared,
        "weight": fit.weight,
        "flags": list(fit.flags),
    }


def _pair(quantity: Uncertain | None) -> dict[str, float | None]:
    if quantity is None:
        return {"value": None, "u": None}
    result: dict[str, float | None] = estimate(quantity).model_dump()
    return result


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
