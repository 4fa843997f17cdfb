"""What this installation can do, and where its numbers come from."""

from __future__ import annotations

from typing import Any

from theradose.acquire.sources import READABLE_FORMATS
from theradose.dose.engines import dose_engines
from theradose.dose.marrow import marrow_methods
from theradose.kinetics.models import curve_models
from theradose.kinetics.single_time_point import single_time_point_methods
from theradose.nuclides import load_nuclide, nuclide_names
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
        exporters,
    )


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
