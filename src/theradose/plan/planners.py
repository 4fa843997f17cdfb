"""The registry ``planners``: each takes the values of its own input and returns a plan.

References
----------
[Konijnenberg2021]_ What Article 56 of Directive 2013/59/Euratom asks of planning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from theradose.errors import PlanError
from theradose.model.plan import Plan
from theradose.registry import Registry

Planner = Callable[[Any], Plan]
"""Takes the planner's own request and returns the plan; files are read before, in workflow."""

planners: Registry[Planner] = Registry("planners", error=PlanError)
