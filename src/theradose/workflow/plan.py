"""From the input file of a planner to its plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from theradose.model.plan import Plan
from theradose.model.study import StudyPart
from theradose.plan.checks import date_findings, plan_findings
from theradose.plan.inputs.dtc import DtcInput
from theradose.plan.inputs.level1 import Level1Input
from theradose.plan.inputs.mibg import MibgInput
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.inputs.tare import TareInput
from theradose.plan.inputs.thyroid import ThyroidInput
from theradose.plan.planners import planners
from theradose.workflow.plan_input import read_plan_input
from theradose.workflow.plan_prrt import prrt_request
from theradose.workflow.plan_radioiodine import dtc_request, mibg_request, thyroid_request
from theradose.workflow.plan_tare import tare_request


def _as_stated(inputs: Any, folder: Path) -> Any:
    """Return the input itself: the planner needs no file."""
    return inputs


@dataclass(frozen=True, slots=True)
class PlanKind:
    """How the request of a planner is made.

    Attributes
    ----------
    inputs : type of StudyPart
        Keys of its input file.
    request : callable
        Takes the input and the folder to which its paths are relative, reads the files, and returns what the planner
        takes.
    """

    inputs: type[StudyPart]
    request: Callable[[Any, Path], Any] = _as_stated


PLANS: Mapping[str, PlanKind] = MappingProxyType(
    {
        "level1": PlanKind(Level1Input),
        "prrt": PlanKind(PrrtInput, prrt_request),
        "tare": PlanKind(TareInput, tare_request),
        "thyroid": PlanKind(ThyroidInput, thyroid_request),
        "dtc": PlanKind(DtcInput, dtc_request),
        "mibg": PlanKind(MibgInput, mibg_request),
    }
)
"""The planners that have an input file, by name."""


def run_plan(name: str, path: Path) -> Plan:
    """Return the plan of an input file, with the checks that every plan gets.

    Parameters
    ----------
    name : str
        Planner.
    path : Path
        ``INPUT.yaml``, see ``docs/formats/plan.md``.

    Raises
    ------
    PlanError
        For an unknown planner, or an input that cannot be read or planned.
    """
    planner = planners.get(name)
    kind = PLANS[name]
    given = read_plan_input(path, kind.inputs)
    plan = planner(kind.request(given, path.parent))
    checked = (*plan_findings(plan=plan), *date_findings(given=given, today=date.today()))
    return replace(plan, findings=tuple(dict.fromkeys((*plan.findings, *checked))))
