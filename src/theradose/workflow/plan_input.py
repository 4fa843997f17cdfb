"""Reading the input of a plan."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from theradose.errors import PlanError
from theradose.model.study import StudyPart
from theradose.workflow.input_file import InputKind, read_input

Part = TypeVar("Part", bound=StudyPart)


def read_plan_input(path: Path, model: type[Part]) -> Part:
    """Read and check the input of a planner.

    Raises
    ------
    PlanError
        One sentence for the first problem (``plan-missing``, ``plan-yaml``, ``plan-invalid``).
    """
    kind = InputKind(
        "plan",
        model,
        PlanError,
        missing="begin with an example of examples/plans",
        begins=f"it must have the keys {', '.join(model.model_fields)}",
    )
    return read_input(path, kind)
