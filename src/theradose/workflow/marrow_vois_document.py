"""The JSON document of red marrow doses from a table of volumes of interest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from theradose.model.document import pair_document
from theradose.nuclides import Nuclide
from theradose.workflow.document_parts import budget_document, constant_document, finite
from theradose.workflow.marrow_vois import VoiMarrow


def voi_document(results: Sequence[VoiMarrow], nuclide: Nuclide, *, method: str) -> dict[str, Any]:
    """Return the document described in ``docs/formats/marrow_vois.md``."""
    used = [constant for result in results for constant in result.constants]
    return {
        "nuclide": nuclide.name,
        "method": method,
        "treatments": [_treatment(result) for result in results],
        "constants": [constant_document(constant) for constant in dict.fromkeys([nuclide.half_life_h, *used])],
        "findings": [finding.to_json() for result in results for finding in result.findings],
    }


def _treatment(result: VoiMarrow) -> dict[str, Any]:
    curve, dose = result.curve, result.dose
    return {
        "subject": curve.series.subject,
        "cycle": curve.series.cycle,
        "activity_mbq": result.treatment.activity_mbq,
        "images": len(result.tia.curve.t_h),
        "volume_ml": curve.volume_ml,
        "density_g_per_ml": pair_document(curve.density_g_per_ml),
        "model": result.tia.chosen,
        "tia_mbq_h_per_ml": pair_document(result.tia.value),
        "marrow_tia_mbq_h_per_kg": pair_document(result.concentration.marrow),
        "self_gy": pair_document(dose.self_gy),
        "cross_gy": pair_document(dose.cross_gy),
        "dose_gy": pair_document(dose.dose_gy),
        "dose_per_activity_gy_gbq": pair_document(result.dose_per_activity_gy_gbq),
        "effective_half_life_h": pair_document(result.tia.effective_half_life_h),
        "before_first_fraction": result.tia.before_first_fraction,
        "extrapolated_fraction": result.tia.extrapolated_fraction,
        "models": [
            {
                "name": fit.model,
                "parameters": dict(fit.parameters),
                "tia_mbq_h_per_ml": {"value": fit.tia_mbq_h, "u": finite(fit.u_tia_mbq_h)},
                "self_gy": result.self_gy_of(fit),
                "weight": fit.weight,
                "flags": list(fit.flags),
            }
            for fit in result.tia.fits
        ],
        "refused": dict(result.refused),
        "budget": budget_document(dose.dose_gy),
        "flags": list(result.flags),
    }
