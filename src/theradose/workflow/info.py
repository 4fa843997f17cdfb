"""What this installation can do, and where its numbers come from."""

from __future__ import annotations

from typing import Any

from theradose.acquire.sources import READABLE_FORMATS
from theradose.biology.responses import response_models
from theradose.dose.engines import dose_engines
from theradose.dose.marrow import marrow_methods
from theradose.kinetics.models import curve_models
from theradose.kinetics.single_time_point import single_time_point_methods
from theradose.nuclides import icrp107_available, load_chain, load_emissions, load_nuclide, nuclide_names
from theradose.nuclides.icrp107 import LICENCE, icrp107_edition, icrp107_nuclides
from theradose.plan.limits import load_limits
from theradose.plan.planners import planners
from theradose.provenance import software_versions
from theradose.registry import Registry
from theradose.report.exporters import exporters
from theradose.spatial.register import registration_methods
from theradose.spatial.segmenters import segmenters
from theradose.workflow.protocols import load_protocol, protocol_names


def all_registries() -> tuple[Registry[Any], ...]:
    """Return every registry, filled."""
    return (
        registration_methods,
        segmenters,
        curve_models,
        single_time_point_methods,
        dose_engines,
        marrow_methods,
        response_models,
        planners,
        exporters,
    )


def _evaluations() -> list[dict[str, Any]]:
    return [
        {
            "name": "ddep",
            "present": True,
            "nuclides": len(nuclide_names(daughters=True)),
            "source": "DDEP/LNHB evaluations, ENSDF where there is none; numbers retyped with their source",
            "licence": "facts; no file of others is part of this package",
        },
        {
            "name": "icrp107",
            "present": icrp107_available(),
            "nuclides": len(icrp107_nuclides()),
            "source": f"{icrp107_edition()}, by the extra 'nuclides' (icrp107-database, LGPL-3)",
            "licence": LICENCE,
        },
    ]


def _describe_nuclide(name: str) -> dict[str, Any]:
    emissions = load_emissions(name)
    return {
        "name": name,
        "half_life_h": load_nuclide(name).half_life_h.value,
        "decay_mode": load_nuclide(name).decay_mode,
        "chain": [member.nuclide for member in load_chain(name).members[1:]],
        "source": emissions.source,
        "status": emissions.status,
        "edition": emissions.edition,
        "note": emissions.note,
    }


def describe_installation() -> dict[str, Any]:
    """Return versions, registries, protocols and data sources as a JSON-compatible document."""
    return {
        "software": software_versions(),
        "formats": list(READABLE_FORMATS),
        "registries": {
            registry.name: [
                {"name": entry.name, "summary": entry.summary, "citation": entry.citation} for entry in registry
            ]
            for registry in all_registries()
        },
        "protocols": [
            {"name": name, "title": load_protocol(name).title, "eanm_level": load_protocol(name).eanm_level}
            for name in protocol_names()
        ],
        "limits": [
            {
                key: value
                for key, value in limit.model_dump(mode="json").items()
                if key in ("name", "organ", "kind", "quantity", "value_gy", "span", "condition", "source", "status")
            }
            for limit in load_limits()
        ],
        "nuclear_data": _evaluations(),
        "nuclides": [_describe_nuclide(name) for name in nuclide_names(daughters=True)],
        "data": [
            {
                "name": f"{name} {constant.name}",
                "value": constant.value,
                "unit": constant.unit,
                "source": constant.source,
                "status": constant.status,
                "edition": constant.edition,
            }
            for name in nuclide_names()
            for constant in (load_nuclide(name).half_life_h, load_nuclide(name).electron_energy_kev)
        ],
    }
