"""Time-integrated activity from a single measurement, or from very few.

One point says nothing about the shape of the curve. Every method takes the shape from elsewhere, and what it may be
wrong by is a source of uncertainty of its own, ``single-time-point:<region>`` or ``population:<region>``. The numbers
that a method needs (half-lives, dose factors, a population, their uncertainties) come from the user: none are packaged.

The methods themselves are in :mod:`theradose.kinetics.single_time_point_methods`.

References
----------
[Hou2021]_, [Hardiansyah2023]_ The methods of Haenscheid and Madsen and their errors.
[Devasia2021]_ Few points as those of a member of a population.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from theradose.errors import FitError
from theradose.kinetics.fit import check_curve
from theradose.kinetics.population import Population
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
    population : Population or None
        To which the patient belongs.
    administered_mbq : float or None
        What the patient was given, where the population needs it.
    """

    half_life_h: float | None = None
    relative_u: float | None = None
    dose_factors: tuple[DoseFactor, ...] = ()
    population: Population | None = None
    administered_mbq: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PointIntegral:
    """What a method makes of one point or a few.

    Attributes
    ----------
    tia_mbq_h : float
        Time-integrated activity.
    relative_u : mapping of str to float or None
        Relative standard uncertainty of the integral by source, without what is common to all points; the first source
        is what the method adds, the expected error. ``None`` is not stated.
    half_life_h : Uncertain
        Effective half-life.
    fit : CurveFit
        A curve through or beside the points, for drawing and for maps.
    findings : tuple of Finding
        Limits of validity.
    rests_on : str
        What the method takes the shape from, for the finding; the method by default.
    """

    tia_mbq_h: float
    relative_u: Mapping[str, float | None]
    half_life_h: Uncertain
    fit: CurveFit
    findings: tuple[Finding, ...] = field(default=())
    rests_on: str = ""


class PointIntegrator(Protocol):
    """A method: a curve of few valid points and the user's assumptions become an integral."""

    def __call__(self, curve: TimeActivityCurve, *, nuclide: Nuclide, given: Assumptions) -> PointIntegral:
        """Return the integral."""
        ...


@dataclass(frozen=True, slots=True)
class SingleTimePointMethod:
    """A method with the largest number of points that it takes.

    Attributes
    ----------
    integrate : PointIntegrator
        The method.
    most_points : int
        Curves of more points are fitted.
    """

    integrate: PointIntegrator
    most_points: int = 1


single_time_point_methods: Registry[SingleTimePointMethod] = Registry("single_time_point_methods", error=FitError)
"""Every single-time-point method by name."""


def point_method(
    name: str, *, summary: str, citation: str, most_points: int = 1
) -> Callable[[PointIntegrator], PointIntegrator]:
    """Return a decorator that registers a function as a single-time-point method."""

    def add(integrate: PointIntegrator) -> PointIntegrator:
        method = SingleTimePointMethod(integrate, most_points)
        single_time_point_methods.register(name, summary=summary, citation=citation)(method)
        return integrate

    return add


def integrate_single_point(
    curve: TimeActivityCurve, *, nuclide: Nuclide, method: str, given: Assumptions
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    """Integrate a curve of one point, or as few as the method takes, from 0 to infinity.

    Parameters
    ----------
    curve : TimeActivityCurve
        Points after the administration, at least one with positive activity.
    nuclide : Nuclide
        Gives physical decay.
    method : str
        Name in the registry ``single_time_point_methods``.
    given : Assumptions
        What the user states about the region.

    Returns
    -------
    TimeIntegratedActivity
        Its sources are the points' own (``fit:<region>`` and the common ones) and that of the method,
        ``single-time-point:<region>`` or ``population:<region>``.
    findings
        That few points were used, and where the method is outside its validity.

    Raises
    ------
    FitError
        ``several-points``, ``point-before-administration``, ``half-life-missing``, ``half-life-invalid``,
        ``dose-factor-missing``, ``dose-factor-outside``, ``dose-factor-invalid``, ``population-missing``,
        ``activity-missing``, an unknown method, and the refusals of :func:`theradose.kinetics.fit.check_curve`.

    References
    ----------
    [Hou2021]_, [Hardiansyah2023]_, [Devasia2021]_
    """
    chosen = single_time_point_methods.get(method)
    check_curve(curve)
    _check_points(curve, method=method, most=chosen.most_points)
    return integral_of_points(curve, chosen.integrate(curve, nuclide=nuclide, given=given), method=method)


def integral_of_points(
    curve: TimeActivityCurve, integral: PointIntegral, *, method: str
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    """Return what a method made of points as an integral with every source, and the finding that few were used.

    References
    ----------
    [Hou2021]_
    """
    value = Uncertain.relative(integral.tia_mbq_h, {**integral.relative_u, **curve.common})
    expected = next(iter(integral.relative_u.values()))
    error = "not stated" if expected is None else f"{expected:.0%}"
    times = ", ".join(f"{t_h:.4g}" for t_h in curve.t_h)
    count = "one measurement" if len(curve.t_h) == 1 else f"{len(curve.t_h)} measurements"
    rests_on = integral.rests_on or f"the method '{method}'"
    message = (
        f"The integral rests on {count} at {times} h and {rests_on}, whose expected "
        f"error is {error}: a further time point would replace the assumption by a measurement."
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


def _check_points(curve: TimeActivityCurve, *, method: str, most: int) -> None:
    count = len(curve.t_h)
    if count > most:
        taken = "exactly one point" if most == 1 else f"at most {most} points"
        raise FitError(
            f"The single-time-point method '{method}' needs {taken}, but the curve of '{curve.region}' has {count}: "
            "fit several points.",
            code="several-points",
        )
    if curve.t_h[0] <= 0:
        raise FitError(
            f"The first point of '{curve.region}' is at {curve.t_h[0]:.4g} h: a single-time-point method needs points "
            "after the administration.",
            code="point-before-administration",
        )
