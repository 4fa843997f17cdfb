"""Curves whose shape comes from planar images and whose size comes from SPECT.

The activity at the time of the SPECT is the SPECT's. The planar images give the activity at other times relative to it,
so that what attenuation, scatter and the calibration of planar images would add cancels.

References
----------
[Roth2018]_, [Warfvinge2024]_ Planar images at several times, scaled by one SPECT/CT.
[Gear2018]_ Common and independent contributions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import FitError
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding


@dataclass(frozen=True, slots=True)
class PlanarRate:
    """Net count rate of a region on one planar pair.

    Attributes
    ----------
    timepoint : str
        Id in the study.
    t_h : float
        Hours after the start of the administration.
    rate_cps : float
        Proportional to the activity.
    relative_u : float
        Relative standard uncertainty, independent between time points.
    """

    timepoint: str
    t_h: float
    rate_cps: float
    relative_u: float


def hybrid_curve(
    spect: TimeActivityCurve, rates: Sequence[PlanarRate], *, scale_t_h: float, same_session_h: float
) -> tuple[TimeActivityCurve, tuple[Finding, ...]]:
    """Return SPECT points and planar points on the scale of one SPECT point.

    The planar rate at the time of the SPECT lies on the straight line, in the logarithm, between the planar images
    before and after it. Planar images of the session of a SPECT only serve the scale there: that point is the SPECT's.

    The uncertainty of the SPECT point is common to all points, and so is that of the planar rate at its time
    (``planar-scale:<region>``); the other planar points have their own. The point of the SPECT keeps that of the
    planar rate as its own too, which is on the safe side.

    Parameters
    ----------
    spect : TimeActivityCurve
        With a point at `scale_t_h`.
    rates : sequence of PlanarRate
        In any order.
    scale_t_h : float
        Time of the SPECT that gives the scale.
    same_session_h : float
        SPECT and planar images at most this far apart are of one session.

    Raises
    ------
    FitError
        ``hybrid-scale`` if no planar image lies near the SPECT or on both sides of it and fewer than two are there,
        or the SPECT shows no activity.

    References
    ----------
    [Roth2018]_
    """
    ordered = sorted(rates, key=lambda rate: rate.t_h)
    at = int(np.argmin(np.abs(spect.t_h - scale_t_h)))
    activity = float(spect.activity_mbq[at])
    if not activity > 0:
        raise FitError(
            f"The SPECT shows {activity:.3g} MBq in '{spect.region}', which scales no planar curve.",
            code="hybrid-scale",
        )
    expected, relative_u, findings = _rate_at(ordered, scale_t_h, same_session_h, spect.region)
    scale = activity / expected
    kept = [rate for rate in ordered if np.abs(spect.t_h - rate.t_h).min() > same_session_h]
    own_u = spect.u_independent_mbq.copy()
    common = dict(spect.common)
    # Every scaled point carries the uncertainty of the SPECT that scales it; other SPECT points then have it too, which
    # is on the safe side.
    common[f"spect:{spect.region}"] = float(own_u[at]) / activity
    own_u[at] = relative_u * activity
    common[f"planar-scale:{spect.region}"] = relative_u
    times = np.concatenate([spect.t_h, [rate.t_h for rate in kept]])
    values = np.concatenate([spect.activity_mbq, [scale * rate.rate_cps for rate in kept]])
    errors = np.concatenate([own_u, [scale * rate.rate_cps * rate.relative_u for rate in kept]])
    order = np.argsort(times)
    curve = TimeActivityCurve(
        region=spect.region,
        t_h=times[order],
        activity_mbq=values[order],
        u_independent_mbq=errors[order],
        common=common,
        source="hybrid",
    )
    return curve, findings


def _rate_at(
    ordered: Sequence[PlanarRate], t_h: float, same_session_h: float, region: str
) -> tuple[float, float, tuple[Finding, ...]]:
    """Return the planar rate at a time, its relative uncertainty, and what was assumed."""
    near = [rate for rate in ordered if abs(rate.t_h - t_h) <= same_session_h]
    if len(ordered) == 1 and near:
        return near[0].rate_cps, near[0].relative_u, ()
    if len(ordered) < 2:
        raise FitError(
            f"'{region}' has too few usable planar points ({len(ordered)}, none of the SPECT's session): its planar "
            "curve has no scale.",
            code="hybrid-scale",
        )
    later = next((number for number, rate in enumerate(ordered) if rate.t_h >= t_h), len(ordered) - 1)
    second = min(max(later, 1), len(ordered) - 1)
    before, after = ordered[second - 1], ordered[second]
    share = (t_h - before.t_h) / (after.t_h - before.t_h)
    value = math.exp((1 - share) * math.log(before.rate_cps) + share * math.log(after.rate_cps))
    relative_u = math.hypot((1 - share) * before.relative_u, share * after.relative_u)
    if near or 0 <= share <= 1:
        return value, relative_u, ()
    message = (
        f"The SPECT at {t_h:.4g} h lies outside the planar images of '{region}' ({ordered[0].t_h:.4g} to "
        f"{ordered[-1].t_h:.4g} h): the planar curve was extrapolated to scale it."
    )
    return value, relative_u, (Finding("hybrid-scale-extrapolated", "warning", message, region),)
