"""Open, end-to-end clinical dosimetry for radiopharmaceutical therapy.

The names below are what a script needs. They are imported when they are first used, so that ``import theradose``
loads no numerical or imaging library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theradose.acquire.inspect import inspect_path
    from theradose.acquire.study_import import import_study
    from theradose.dose.engines import DoseRequest, dose_engines
    from theradose.dose.local import local_dose, region_dose
    from theradose.errors import TheradoseError
    from theradose.kinetics.fit import fit_model
    from theradose.kinetics.integrate import integrate_curve
    from theradose.kinetics.models import curve_models
    from theradose.model.activity import ActivityMap
    from theradose.model.curve import TimeActivityCurve
    from theradose.model.grid import DensityMap, Grid, Volume
    from theradose.model.region import Region, Segmentation
    from theradose.model.result import Result
    from theradose.nuclides import load_nuclide
    from theradose.report.document import read_result
    from theradose.simulate.write import simulate_study
    from theradose.uncertainty import Uncertain, budget
    from theradose.units import parse_quantity
    from theradose.workflow.compare import compare_results
    from theradose.workflow.protocols import load_protocol
    from theradose.workflow.run import run_study
    from theradose.workflow.study_file import read_study

__all__ = [
    "ActivityMap",
    "DensityMap",
    "DoseRequest",
    "Grid",
    "Region",
    "Result",
    "Segmentation",
    "TheradoseError",
    "TimeActivityCurve",
    "Uncertain",
    "Volume",
    "budget",
    "compare_results",
    "curve_models",
    "dose_engines",
    "fit_model",
    "import_study",
    "inspect_path",
    "integrate_curve",
    "load_nuclide",
    "load_protocol",
    "local_dose",
    "parse_quantity",
    "read_result",
    "read_study",
    "region_dose",
    "run_study",
    "simulate_study",
]

_HOME = {
    "ActivityMap": "theradose.model.activity",
    "DensityMap": "theradose.model.grid",
    "DoseRequest": "theradose.dose.engines",
    "Grid": "theradose.model.grid",
    "Region": "theradose.model.region",
    "Result": "theradose.model.result",
    "Segmentation": "theradose.model.region",
    "TheradoseError": "theradose.errors",
    "TimeActivityCurve": "theradose.model.curve",
    "Uncertain": "theradose.uncertainty",
    "Volume": "theradose.model.grid",
    "budget": "theradose.uncertainty",
    "compare_results": "theradose.workflow.compare",
    "curve_models": "theradose.kinetics.models",
    "dose_engines": "theradose.dose.engines",
    "fit_model": "theradose.kinetics.fit",
    "import_study": "theradose.acquire.study_import",
    "inspect_path": "theradose.acquire.inspect",
    "integrate_curve": "theradose.kinetics.integrate",
    "load_nuclide": "theradose.nuclides",
    "load_protocol": "theradose.workflow.protocols",
    "local_dose": "theradose.dose.local",
    "parse_quantity": "theradose.units",
    "read_result": "theradose.report.document",
    "read_study": "theradose.workflow.study_file",
    "region_dose": "theradose.dose.local",
    "run_study": "theradose.workflow.run",
    "simulate_study": "theradose.simulate.write",
}
"""Module of each public name."""


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'theradose' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names beside what is loaded already."""
    return sorted({*globals(), *__all__})
