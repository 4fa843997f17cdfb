"""The methods that integrate a single measurement.

The expected error of a method is the root mean square of estimate/truth − 1 over effective half-lives that are
log-normal around the assumed one, with the stated relative standard uncertainty, and never longer than the physical
half-life.

References
----------
[Hou2021]_ Effective half-lives are log-normal; errors of the methods of Haenscheid and Madsen.
[Willowson2018]_ The half-life of the first cycle for later ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from theradose.data import load_yaml
from theradose.errors import FitError
from theradose.kinetics.implied import implied_fit, mono_through_point
from theradose.kinetics.single_time_point import Assumptions, PointIntegral, point_method
from theradose.model.arrays import Array
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide
from theradose.uncertainty import Uncertain

_QUADRATURE_NODES = 41
# The integral per activity of a mono-exponential is least sensitive to its half-life at the mean life.
_BEST_TIME_PER_HALF_LIFE = 1 / math.log(2)


def haenscheid_ratio(t_h: float, *, half_life_h: Array) -> Array:
    """Return estimate over truth of A(t) 2t/ln 2 for a mono-exponential of the given effective half-life.

    References
    ----------
    [Hou2021]_
    """
    relative = t_h / np.asarray(half_life_h, float)
    return np.asarray(2 * relative * np.exp2(-relative))


def assumed_half_life_ratio(t_h: float, *, assumed_h: float, half_life_h: Array) -> Array:
    """Return estimate over truth of A(t) exp(kt)/k with an assumed half-life for a mono-exponential of another.

    References
    ----------
    [Hou2021]_
    """
    true = np.asarray(half_life_h, float)
    return np.asarray(assumed_h / true * np.exp2(t_h / assumed_h - t_h / true))


def expected_error(ratio: Callable[..., Array], *, half_life_h: float, relative_u: float, longest_h: float) -> float:
    """Return the root mean square of `ratio` − 1 over log-normal half-lives up to the longest possible one.

    Parameters
    ----------
    ratio : callable
        Estimate over truth; takes an array of true half-lives as ``half_life_h``.
    half_life_h, relative_u : float
        Median and relative standard uncertainty of the half-life.
    longest_h : float
        Physical half-life; longer values count as this one.

    References
    ----------
    [Hou2021]_ The log-normal distribution.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_QUADRATURE_NODES)
    spread = math.sqrt(math.log1p(relative_u**2))
    half_lives = np.minimum(half_life_h * np.exp(spread * nodes), longest_h)
    return math.sqrt(float(weights @ (ratio(half_life_h=half_lives) - 1) ** 2 / weights.sum()))


@point_method(
    "haenscheid",
    summary="A(t) 2t/ln 2: right where the half-life is the time of measurement or half of it",
    citation="Hou2021",
)
def haenscheid(curve: TimeActivityCurve, *, nuclide: Nuclide, given: Assumptions) -> PointIntegral:
    """Return the integral A(t) 2t/ln 2, which no half-life enters; a stated one gives its expected error.

    References
    ----------
    [Hou2021]_
    """
    t_h, region = float(curve.t_h[0]), curve.region
    lower, upper = load_yaml("kinetics/single_time_point.yaml")["haenscheid_window"]["value"]
    factor_h = 2 * t_h / math.log(2)
    fit = implied_fit(curve, factor_h=factor_h, decay_constant_per_h=nuclide.decay_constant_per_h)
    if given.half_life_h is None:
        message = (
            f"At {t_h:.4g} h the method is right within 10 % only for effective half-lives from {t_h / upper:.3g} to "
            f"{t_h / lower:.3g} h: state the expected half-life of '{region}' so that the error can be estimated."
        )
        unknown = Uncertain.relative(t_h, {_half_life_source(region): None})
        return PointIntegral(*_of_factor(curve, factor_h, None), unknown, fit, (_outside(message, region),))
    assumed = _half_life(region, nuclide=nuclide, given=given)
    error = None
    if given.relative_u is not None:
        error = expected_error(
            partial(haenscheid_ratio, t_h),
            half_life_h=assumed.value,
            relative_u=given.relative_u,
            longest_h=nuclide.half_life_h.value,
        )
    findings = []
    if not lower <= t_h / assumed.value <= upper:
        bias = float(haenscheid_ratio(t_h, half_life_h=np.array(assumed.value))) - 1
        message = (
            f"{t_h:.4g} h is {t_h / assumed.value:.2f} half-lives of {assumed.value:.4g} h, outside the {lower} to "
            f"{upper} where the method is right within 10 %: it is off by {bias:+.0%}; measure between "
            f"{lower * assumed.value:.3g} and {upper * assumed.value:.3g} h."
        )
        findings.append(_outside(message, region))
    return PointIntegral(*_of_factor(curve, factor_h, error), assumed, fit, tuple(findings))


@point_method(
    "madsen",
    summary="A(t) exp(kt)/k with the effective half-life of a population",
    citation="Hou2021",
)
def madsen(curve: TimeActivityCurve, *, nuclide: Nuclide, given: Assumptions) -> PointIntegral:
    """Return the integral with the mean half-life of a population, whose spread is the expected error.

    References
    ----------
    [Hou2021]_
    """
    return _assumed_half_life(curve, nuclide=nuclide, given=given)


@point_method(
    "earlier-half-life",
    summary="A(t) exp(kt)/k with the patient's effective half-life of an earlier cycle",
    citation="Willowson2018",
)
def earlier_half_life(curve: TimeActivityCurve, *, nuclide: Nuclide, given: Assumptions) -> PointIntegral:
    """Return the integral with the patient's own half-life, whose change between cycles is the expected error.

    References
    ----------
    [Willowson2018]_
    """
    return _assumed_half_life(curve, nuclide=nuclide, given=given)


@point_method(
    "dose-factor",
    summary="A(t) F(t) with the user's table of time-integrated activity per activity",
    citation="Theradose",
)
def dose_factor(curve: TimeActivityCurve, *, nuclide: Nuclide, given: Assumptions) -> PointIntegral:
    """Return the integral with a factor that is interpolated between the times of the user's table.

    References
    ----------
    [Theradose]_ The table is the user's own.
    """
    t_h, region = float(curve.t_h[0]), curve.region
    table = given.dose_factors
    if not table:
        raise FitError(
            f"The method 'dose-factor' has no factors for '{region}': state time, factor in hours and uncertainty.",
            code="dose-factor-missing",
        )
    times = [entry.t_h for entry in table]
    if times != sorted(set(times)) or min(entry.factor_h for entry in table) <= 0:
        raise FitError(
            f"The dose factors of '{region}' must be positive and their times increasing.", code="dose-factor-invalid"
        )
    if not times[0] <= t_h <= times[-1]:
        raise FitError(
            f"The dose factors of '{region}' cover {times[0]:.4g} to {times[-1]:.4g} h, but the measurement is at "
            f"{t_h:.4g} h: factors are not extrapolated.",
            code="dose-factor-outside",
        )
    factor_h = float(np.interp(t_h, times, [entry.factor_h for entry in table]))
    stated = [entry.relative_u for entry in table if entry.relative_u is not None]
    error = float(np.interp(t_h, times, stated)) if len(stated) == len(table) else None
    fit = implied_fit(curve, factor_h=factor_h, decay_constant_per_h=nuclide.decay_constant_per_h)
    half_life = Uncertain.relative(fit.effective_half_life_h, {_half_life_source(region): None})
    if given.half_life_h is not None:
        half_life = _half_life(region, nuclide=nuclide, given=given)
    return PointIntegral(*_of_factor(curve, factor_h, error), half_life, fit, _large_error(error, region, None))


def _assumed_half_life(curve: TimeActivityCurve, *, nuclide: Nuclide, given: Assumptions) -> PointIntegral:
    t_h, region = float(curve.t_h[0]), curve.region
    assumed = _half_life(region, nuclide=nuclide, given=given)
    fit = mono_through_point(curve, half_life=assumed, decay_constant_per_h=nuclide.decay_constant_per_h)
    error = better = None
    if given.relative_u is not None:
        error, better = (
            expected_error(
                partial(assumed_half_life_ratio, at, assumed_h=assumed.value),
                half_life_h=assumed.value,
                relative_u=given.relative_u,
                longest_h=nuclide.half_life_h.value,
            )
            for at in (t_h, _BEST_TIME_PER_HALF_LIFE * assumed.value)
        )
    advice = None
    if better is not None:
        best = _BEST_TIME_PER_HALF_LIFE * assumed.value
        advice = f"a measurement near {best:.3g} h would have an expected error of {better:.0%}"
    factor_h = fit.tia_mbq_h / float(curve.activity_mbq[0])
    return PointIntegral(*_of_factor(curve, factor_h, error), assumed, fit, _large_error(error, region, advice))


def _of_factor(
    curve: TimeActivityCurve, factor_h: float, relative_error: float | None
) -> tuple[float, dict[str, float | None]]:
    """Return the integral of one point by a factor, and its relative uncertainties: of the method and of the point."""
    activity, u = float(curve.activity_mbq[0]), float(curve.u_independent_mbq[0])
    sources = {f"single-time-point:{curve.region}": relative_error, f"fit:{curve.region}": u / activity}
    return factor_h * activity, sources


def _half_life(region: str, *, nuclide: Nuclide, given: Assumptions) -> Uncertain:
    value = given.half_life_h
    if value is None:
        raise FitError(
            f"The method needs the effective half-life of '{region}' and none is stated: add it, with its relative "
            "uncertainty.",
            code="half-life-missing",
        )
    if not 0 < value <= nuclide.half_life_h.value:
        raise FitError(
            f"An effective half-life of {value:.4g} h of '{region}' is not possible: it is positive and at most the "
            f"physical one of {nuclide.name}, {nuclide.half_life_h.value:.4g} h.",
            code="half-life-invalid",
        )
    return Uncertain.relative(value, {_half_life_source(region): given.relative_u})


def _half_life_source(region: str) -> str:
    return f"single-time-point-half-life:{region}"


def _large_error(error: float | None, region: str, advice: str | None) -> tuple[Finding, ...]:
    level = load_yaml("kinetics/single_time_point.yaml")["error_level"]["value"]
    if error is None or error <= level:
        return ()
    message = f"The expected error of the method is {error:.0%}, above {level:.0%}" + (
        f": {advice}." if advice else "."
    )
    return (_outside(message, region),)


def _outside(message: str, region: str) -> Finding:
    return Finding("single-time-point-window", "warning", message, region)
