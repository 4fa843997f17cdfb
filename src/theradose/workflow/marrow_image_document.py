"""The part ``marrow.image`` of a result document."""

from __future__ import annotations

from typing import Any

from theradose.model.curve import CurveFit
from theradose.model.document import pair_document
from theradose.model.transform import Registration
from theradose.workflow.document_parts import budget_document, constant_document, finite
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
        "density_g_per_ml": pair_document(measured.density_g_per_ml),
        "distribution": options.distribution,
        "recovery": pair_document(options.recovery),
        "cellularity": None if composition is None else pair_document(composition.cellularity),
        "trabecular_fraction": None if composition is None else pair_document(composition.trabecular_fraction),
        "site_fraction": None if options.site_fraction is None else pair_document(options.site_fraction),
        "weighted_by": measured.weighted_by,
        "registrations": [_registration(name, one) for name, one in measured.registrations.items()],
        "curve": {
            "t_h": curve.t_h.tolist(),
            "concentration_mbq_per_ml": curve.activity_mbq.tolist(),
            "u_mbq_per_ml": curve.u_independent_mbq.tolist(),
        },
        "model": result.tia.chosen,
        "tia_mbq_h_per_ml": pair_document(result.tia.value),
        "spongiosa_tia_mbq_h_per_kg": pair_document(result.concentration.spongiosa),
        "marrow_tia_mbq_h_per_kg": pair_document(result.concentration.marrow),
        "specific_tia_mbq_h_per_kg": None if split is None else pair_document(split.specific),
        "non_specific_tia_mbq_h_per_kg": None if split is None else pair_document(split.non_specific),
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
        "tia_mbq_h_per_ml": {"value": fit.tia_mbq_h, "u": finite(fit.u_tia_mbq_h)},
        "self_gy": result.self_gy_of(fit),
        "aicc": finite(fit.aicc),
        "chi_squared": fit.chi_squared,
        "weight": fit.weight,
        "flags": list(fit.flags),
    }
