"""The fitted curves on the page of a plan."""

from __future__ import annotations

from collections.abc import Sequence

from theradose.model.plan import PlanCurve
from theradose.report.style import Picture


def draw_plan_curves(curves: Sequence[PlanCurve]) -> Picture | None:
    """Draw what was measured and fitted, side by side; ``None`` without any."""
    if not curves:
        return None
    from theradose.report.plots import draw_measured_curves

    return draw_measured_curves([(curve.title, curve.unit, curve.tia) for curve in curves], name="measured")
