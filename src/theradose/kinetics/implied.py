"""Curves through a single measured point, for drawing, for maps and for the shares before and after it.

References
----------
[Theradose]_ The choice of the curve is this project's own; the integral does not depend on it.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.errors import FitError
from theradose.kinetics.models import curve_integral, curve_integral_gradient, curve_models
from theradose.model.arrays import Array
from theradose.model.curve import CurveFit, TimeActivityCurve
from theradose.uncertainty import Uncertain

_ASSUMED_SHAPE = ("single-time-point",)
_INSTANT_UPTAKE = 1e9


def mono_through_point(curve: TimeActivityCurve, *, half_life: Uncertain, decay_constant_per_h: float) -> CurveFit:
    """Return the mono-exponential of a half-life through the point, both with their uncertainties.

    References
    ----------
    [Theradose]_
    """
    t_h, activity, u_activity = _point(curve)
    rate = math.log(2) / half_life.value
    amplitude = activity * math.exp(rate * t_h)
    by_activity = np.array([amplitude / activity, 0.0]) * u_activity
    by_rate = np.array([t_h * amplitude, 1.0]) * rate * half_life.relative_u
    covariance = np.outer(by_activity, by_activity) + np.outer(by_rate, by_rate)
    return _assumed(curve, "mono", np.array([amplitude, rate]), covariance, decay_constant_per_h)


def implied_fit(curve: TimeActivityCurve, *, factor_h: float, decay_constant_per_h: float) -> CurveFit:
    """Return a curve through the point whose integral is `factor_h` times its activity.

    It is the slower of the two mono-exponentials with that integral, or the faster one where the slower one is slower
    than physical decay. None has less than e t per activity at t; below that it is an uptake curve whose clearance has
    the mean life t.

    Raises
    ------
    FitError
        ``dose-factor-invalid`` if no such curve has so small an integral.

    References
    ----------
    [Theradose]_
    """
    t_h, activity, u_activity = _point(curve)
    if factor_h >= math.e * t_h:
        name, nonlinear = "mono", np.array([_mono_rate(t_h, factor_h, decay_constant_per_h=decay_constant_per_h)])
    else:
        name, nonlinear = "uptake", np.array([1.0, _uptake_ratio(curve, factor_h / t_h)]) / t_h
    form = curve_models.get(name).bind(t_h=curve.t_h, decay_constant_per_h=decay_constant_per_h)
    amplitude = activity / float(form.basis(curve.t_h, nonlinear)[0, 0])
    parameters = np.concatenate([[amplitude], nonlinear])
    covariance = np.zeros((len(parameters),) * 2)
    covariance[0, 0] = (amplitude / activity * u_activity) ** 2
    return _assumed(curve, name, parameters, covariance, decay_constant_per_h)


def _mono_rate(t_h: float, factor_h: float, *, decay_constant_per_h: float) -> float:
    """Return a rate k with exp(kt)/k equal to the factor; exp(x)/x falls to e at x = 1 and rises again."""
    from scipy.optimize import brentq

    relative = factor_h / t_h
    slow = brentq(_mono_excess, 0.5 / relative, 1.0, args=(relative,), xtol=1e-14)
    if slow >= decay_constant_per_h * t_h:
        return float(slow / t_h)
    return float(brentq(_mono_excess, 1.0, 2 * math.log(relative) + 2, args=(relative,), xtol=1e-14) / t_h)


def _uptake_ratio(curve: TimeActivityCurve, relative: float) -> float:
    """Return the ratio of the two rates whose uptake curve has this integral per activity, in units of t."""
    from scipy.optimize import brentq, minimize_scalar

    smallest = minimize_scalar(_uptake_excess, bounds=(1.0 + 1e-6, 20.0), args=(relative,), method="bounded")
    if smallest.fun > 0:
        t_h = float(curve.t_h[0])
        raise FitError(
            f"{relative * t_h:.4g} h per activity at {t_h:.4g} h is less than any uptake and clearance gives for "
            f"'{curve.region}': check the unit of the dose factor (hours).",
            code="dose-factor-invalid",
        )
    return float(brentq(_uptake_excess, smallest.x, _INSTANT_UPTAKE, args=(relative,), xtol=1e-12))


def _mono_excess(product: float, relative: float) -> float:
    return math.exp(product) / product - relative


def _uptake_excess(ratio: float, relative: float) -> float:
    """Return integral per activity of exp(−t) − exp(−ratio t) at t = 1, less the wanted one."""
    return (1 - 1 / ratio) / (math.exp(-1) - math.exp(-ratio)) - relative


def _point(curve: TimeActivityCurve) -> tuple[float, float, float]:
    return float(curve.t_h[0]), float(curve.activity_mbq[0]), float(curve.u_independent_mbq[0])


def _assumed(
    curve: TimeActivityCurve, name: str, parameters: Array, covariance: Array, decay_constant_per_h: float
) -> CurveFit:
    form = curve_models.get(name).bind(t_h=curve.t_h, decay_constant_per_h=decay_constant_per_h)
    t_h = float(curve.t_h[0])
    gradient = curve_integral_gradient(form, parameters)
    tia = curve_integral(form, parameters)
    rate, _ = form.terminal_rate(parameters[: form.n_linear], parameters[form.n_linear :])
    return CurveFit(
        model=name,
        parameters=dict(zip(form.parameters, parameters.tolist(), strict=True)),
        covariance=covariance,
        tia_mbq_h=tia,
        u_tia_mbq_h=math.sqrt(gradient @ covariance @ gradient),
        extrapolated_fraction=curve_integral(form, parameters, start_h=t_h) / tia,
        before_first_fraction=curve_integral(form, parameters, stop_h=t_h) / tia,
        effective_half_life_h=math.log(2) / rate,
        chi_squared=0.0,
        aicc=math.inf,
        weight=1.0,
        flags=_ASSUMED_SHAPE,
        sample_t_h=curve.t_h,
        decay_constant_per_h=decay_constant_per_h,
    )
