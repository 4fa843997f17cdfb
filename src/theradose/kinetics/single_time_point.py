"""Time-integrated activity from a single measurement.

One point says nothing about the shape of the curve. Every method takes the shape from elsewhere, and what it may be
wrong by is a source of uncertainty of its own, ``single-time-point:<region>``. The numbers that a method needs
(half-lives, dose factors, their uncertainties) come from the user: none are packaged.

The methods themselves are in :mod:`theradose.kinetics.single_time_point_methods`.

References
----------
[Hou2021]_, [Hardiansyah2023]_ The methods of Haenscheid and Madsen and their errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from theradose.errors import FitError
from theradose.kinetics.fit import check_curve
from theradose.model.curve import CurveFit, TimeActivityCurve, TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide
from theradose.registry import Registry
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True)
class DoseFactor:
    """Time-integrated activity per activity at a time (h), with its relative standard uncertainty."""

    t_h: float
    factor_h: float
    relative_u: float | None


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the user states about one region.

    Attributes
    ----------
    half_life_h : float or None
        Effective half-life, of a population or of an earlier cycle of the patient.
    relative_u : float or None
        Its relative standard uncertainty; for a population the spread between patients.
    dose_factors : tuple of DoseFactor
        Factors at increasing times.
    """

    half_life_h: float | None = None
    relative_u: float | None = None
    dose_factors: tuple[DoseFactor, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PointIntegral:
    """What a method makes of one point.

    Attributes
    ----------
    factor_h : float
        Time-integrated activity per measured activity.
    relative_error : float or None
        Expected relative error of the factor; ``None`` is not stated.
    half_life_h : Uncertain
        Effective half-life.
    fit : CurveFit
        A curve through the point with this integral, for drawing and for maps.
    findings : tuple of Finding
        Limits of validity.
    """

    factor_h: float
    relative_error: float | None
    half_life_h: Uncertain
    fit: CurveFit
    findings: tuple[Finding, ...]


class SingleTimePointMethod(Protocol):
    """A method: a curve of one valid point and the user's assumptions become an integral."""

    def __call__(self, curve: TimeActivityCurve, *, nuclide: Nuclide, given: Assumptions) -> PointIntegral:
        """Return the integral."""
        ...


single_time_point_methods: Registry[SingleTimePointMethod] = Registry("single_time_point_methods", error=FitError)
"""Every single-time-point method by name."""


def integrate_single_point(
    curve: TimeActivityCurve, *, nuclide: Nuclide, method: str, given: Assumptions
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    """Integrate a curve of one point from 0 to infinity.

    Parameters
    ----------
    curve : TimeActivityCurve
        One point with positive activity after the administration.
    nuclide : Nuclide
        Gives physical decay.
    method : str
        Name in the registry ``single_time_point_methods``.
    given : Assumptions
        What the user states about the region.

    Returns
    -------
    TimeIntegratedActivity
        Its sources are the point's own (``fit:<region>`` and the common ones) and ``single-time-point:<region>``.
    findings
        That one point was used, and where the method is outside its validity.

    Raises
    ------
    FitError
        ``several-points``, ``point-before-administration``, ``half-life-missing``, ``half-life-invalid``,
        ``dose-factor-missing``, ``dose-factor-outside``, ``dose-factor-invalid``, an unknown method, and the refusals
        of :func:`theradose.kinetics.fit.check_curve`.

    References
    ----------
    [Hou2021]_, [Hardiansyah2023]_
    """
    chosen = single_time_point_methods.get(method)
    check_curve(curve)
    if len(curve.t_h) != 1:
        raise FitError(
            f"A single-time-point method needs exactly one point, but the curve of '{curve.region}' has "
            f"{len(curve.t_h)}: fit several points.",
            code="several-points",
        )
    if curve.t_h[0] <= 0:
        raise FitError(
            f"The only point of '{curve.region}' is at {curve.t_h[0]:.4g} h: a single-time-point method needs one "
            "after the administration.",
            code="point-before-administration",
        )
    integral = chosen(curve, nuclide=nuclide, given=given)
    t_h, activity, u = (float(values[0]) for values in (curve.t_h, curve.activity_mbq, curve.u_independent_mbq))
    value = Uncertain.relative(
        integral.factor_h * activity,
        {
            f"fit:{curve.region}": u / activity,
            f"single-time-point:{curve.region}": integral.relative_error,
            **curve.common,
        },
    )
    error = "not stated" if integral.relative_error is None else f"{integral.relative_error:.0%}"
    message = (
        f"The integral rests on one measurement at {t_h:.4g} h and the method '{method}', whose expected error is "
        f"{error}: a second time point would replace the assumption by a measurement."
    )
    tia = TimeIntegratedActivity(
        region=curve.region,
        value=value,
        effective_half_life_h=integral.half_life_h,
        extrapolated_fraction=integral.fit.extrapolated_fraction,
        before_first_fraction=integral.fit.before_first_fraction,
        chosen=method,
        fits=(integral.fit,),
        curve=curve,
    )
    return tia, (Finding("single-time-point", "warning", message, curve.region), *integral.findings)
