"""Points of a curve that was measured during and after a constant infusion.

The sums of exponentials describe what is measured after the end of the infusion; the correction of their areas is in
:mod:`theradose.kinetics.phases`.

References
----------
[Theradose]_, derived in the documentation, methods, kinetics.
"""

from __future__ import annotations

import math

from theradose.errors import FitError
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding


def check_after_infusion(curve: TimeActivityCurve, *, infusion_h: float) -> None:
    """Refuse a negative infusion, or a curve with points during it.

    Raises
    ------
    FitError
        ``infusion-invalid``, ``sample-during-infusion``.
    """
    if not (math.isfinite(infusion_h) and infusion_h >= 0):
        raise FitError(
            f"An infusion of {infusion_h:g} h is not possible: give its length in hours from the start of the "
            "administration, 0 for a bolus.",
            code="infusion-invalid",
        )
    if curve.t_h[0] < infusion_h:
        raise FitError(
            f"The curve of '{curve.region}' has a point at {curve.t_h[0]:.4g} h, during the infusion of "
            f"{infusion_h:.4g} h: leave it out, only points after the end of the infusion can be fitted.",
            code="sample-during-infusion",
        )


def points_after_infusion(
    curve: TimeActivityCurve, *, infusion_h: float
) -> tuple[TimeActivityCurve, tuple[Finding, ...]]:
    """Return the points after the end of the infusion; a finding names those left out.

    Raises
    ------
    FitError
        ``sample-during-infusion`` if no point lies after it; ``infusion-invalid``.
    """
    kept = curve.t_h >= infusion_h
    if kept.all() or not kept.any():
        check_after_infusion(curve, infusion_h=infusion_h)
        return curve, ()
    left_out = ", ".join(f"{t:.4g} h" for t in curve.t_h[~kept])
    message = f"The points at {left_out} lie within the infusion of {infusion_h:.4g} h and were left out of the fit."
    return curve.at(kept), (Finding("sample-during-infusion", "warning", message, curve.region),)
