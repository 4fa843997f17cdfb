"""A plan of radioembolisation as part of a document."""

from __future__ import annotations

from theradose.model.document import pair_document
from theradose.plan.tare.checks import binding_limit, exceeded_at
from theradose.plan.tare.outcome import Outcome


def plan_details(found: Outcome) -> dict[str, object]:
    """Return the values of a plan that only this planner has (``docs/formats/plan.md``)."""
    binding = binding_limit(found.checks)
    return {
        "method": found.method,
        "perfused_volumes": [
            {
                "name": planned.volume.name,
                "activity_mbq": pair_document(found.needed_mbq[planned.volume.name]),
                "compartments": [
                    {
                        "name": part.name,
                        "mass_g": pair_document(part.mass_g),
                        "concentration_ratio": pair_document(part.ratio.value),
                    }
                    for part in planned.volume.compartments
                ],
            }
            for planned in found.volumes
        ],
        "limits": [
            {
                "name": check.limit.name,
                "kind": check.limit.kind,
                "region": check.region.label,
                "limit_gy": check.limit.value_gy,
                "dose_gy": pair_document(check.region.dose_gy),
                "activity_mbq": pair_document(check.activity_mbq),
                "condition": check.limit.condition,
                "source": check.limit.source,
                "status": check.limit.status,
            }
            for check in found.checks
        ],
        "binding": None
        if binding is None
        else {
            "limit": binding.limit.name,
            "region": binding.region.label,
            "activity_mbq": pair_document(binding.activity_mbq),
        },
        "alternatives": [
            {
                "method": other.method,
                "conversion": other.conversion,
                "activity_mbq": pair_document(other.activity_mbq),
                "above_limits": [check.limit.name for check in exceeded_at(found.checks, other.activity_mbq.value)],
            }
            for other in found.alternatives
        ],
        "mean_gy": {region.label: region.dose_gy.value for region in found.regions},
        "dvh": [item.to_json() for item in found.voxels],
        "administered": None
        if found.judgement is None
        else {
            "kind": found.judgement.kind,
            "administered_mbq": pair_document(found.judgement.administered_mbq),
            "planned_mbq": found.judgement.planned_mbq,
            "deviation": found.judgement.deviation.relative,
            "within_tolerance": found.judgement.deviation.within,
        },
        "verification": [
            {
                "compartment": item.label,
                "planned_gy": pair_document(item.planned_gy),
                "delivered_gy": pair_document(item.delivered_gy),
                "dvh": None if item.voxels is None else item.voxels.to_json(),
            }
            for item in (() if found.judgement is None else found.judgement.delivered)
        ],
        "spheres_million": found.spheres.number_of_spheres_million(activity_mbq=found.total_mbq.value),
    }
