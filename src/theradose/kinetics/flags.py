"""Flags of a fit, and the findings that they become.

Flags
-----
``no-degrees-of-freedom``, ``aicc-undefined``
    As many parameters as points, or one less: the data cannot contradict the model, or AICc has no value.
``rate-at-physical-decay``
    A rate sits on its lower bound.
``clearance-slower-than-decay``
    The data pull the rate below physical decay: they fall slower than physics allows, or rise.
``rate-saturated``
    A rate sits on its upper bound: the phase is faster than the first sample can see.
``integral-unsupported``
    A rate sits on its upper bound and much of the integral lies before the first point: nothing measured supports it.
``amplitude-at-zero``
    The model collapsed to one with fewer phases.
``collinear``
    Two parameters are so strongly correlated that only their combination is known.
``parameter-uncertain``
    The relative standard uncertainty of a parameter is large.
``negative-curve``
    The fitted curve is negative somewhere.
``extrapolation``
    A large share of the integral lies after the last point.
``poor-fit``
    The residuals are larger than the stated uncertainties explain.

References
----------
[Hardiansyah2021]_ Levels of variation and correlation.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.kinetics.models import ModelForm, curve_value
from theradose.kinetics.projection import Problem, Solution, curve_jacobian
from theradose.kinetics.settings import KineticsSettings
from theradose.model.arrays import Array
from theradose.model.curve import CurveFit, TimeActivityCurve
from theradose.model.finding import Finding, Severity

SLOWER_THAN_DECAY = "clearance-slower-than-decay"
INTEGRAL_UNSUPPORTED = "integral-unsupported"
# One-sided 5 % level of the normal distribution.
_SIGNIFICANT = 1.645
_ROUNDING = 1e-9

_FINDINGS: dict[str, tuple[Severity, str]] = {
    "no-degrees-of-freedom": (
        "warning",
        "The model '{model}' has as many parameters as the curve has points ({points}), so nothing in the data "
        "could contradict it; the uncertainty follows from the stated uncertainties of the points alone.",
    ),
    "rate-at-physical-decay": (
        "info",
        "The slowest phase of '{model}' leaves by physical decay alone (half-life {half_life:.1f} h); "
        "its rate is on that bound, where the integral is the largest that physics allows for these points; "
        "of several phases the result is the mean over that bound and faster clearance; the uncertainty covers both.",
    ),
    "clearance-slower-than-decay": (
        "warning",
        "The activity falls slower than physical decay allows, or rises, so the fit '{model}' is held at the "
        "physical half-life of {half_life:.1f} h: the region still takes up activity between the points, or decay "
        "state, registration or region of the late points are wrong.",
    ),
    "rate-saturated": (
        "warning",
        "The fastest phase of '{model}' is faster than the first point at {first:.3g} h can show; {before:.0%} of "
        "the integral lies before that point.",
    ),
    INTEGRAL_UNSUPPORTED: (
        "critical",
        "{before:.0%} of the integral of '{model}' lies before the first point at {first:.3g} h, in a phase too fast "
        "for the points to show: it rests on nothing measured, and its uncertainty is not known. Measure earlier, or "
        "leave out points at background.",
    ),
    "amplitude-at-zero": ("info", "One phase of '{model}' has no amplitude: the data show fewer phases."),
    "negative-curve": ("critical", "The fitted curve of '{model}' is negative in places, which no activity can be."),
    "extrapolation": (
        "warning",
        "{after:.1%} of the integral of '{model}' lies after the last point at {last:.4g} h: a later point would "
        "reduce what rests on extrapolation.",
    ),
    "parameter-uncertain": (
        "warning",
        "A parameter of '{model}' has a relative standard uncertainty of {cv:.0%}: the points do not determine "
        "this model.",
    ),
    "poor-fit": (
        "warning",
        "The residuals of '{model}' are larger than the stated uncertainties explain (chi-squared {chi:.1f} for "
        "{points} points): the model or the uncertainties are wrong, and the stated uncertainty is too small.",
    ),
}  # fmt: skip


def fit_flags(fit: CurveFit, problem: Problem, solution: Solution, *, settings: KineticsSettings) -> tuple[str, ...]:
    """Return the flags of a fit, in the order of the list above."""
    n_parameters, n_points = len(fit.parameters), len(problem.t_h)
    flags = {
        "no-degrees-of-freedom": n_parameters == n_points,
        "aicc-undefined": n_parameters == n_points - 1,
        **_bound_flags(problem, solution, settings=settings),
        INTEGRAL_UNSUPPORTED: fit.before_first_fraction > settings.unsupported_early_fraction
        and bool(_at_fastest(problem, solution).any()),
        "amplitude-at-zero": problem.form.nonnegative and not solution.linear.all(),
        "collinear": _largest_correlation(fit.covariance) >= settings.correlation_level,
        "parameter-uncertain": largest_cv(fit) >= settings.parameter_cv_level,
        "negative-curve": _is_negative(problem.form, fit),
        "extrapolation": fit.extrapolated_fraction > settings.extrapolated_fraction_level,
        "poor-fit": is_rejected(fit, n_points=n_points, settings=settings),
    }
    return tuple(name for name, raised in flags.items() if raised)


def flag_findings(fit: CurveFit, curve: TimeActivityCurve, *, settings: KineticsSettings) -> tuple[Finding, ...]:
    """Return the findings of a fit that a result rests on."""
    values = {
        "model": fit.model,
        "points": len(curve.t_h),
        "half_life": math.log(2) / fit.decay_constant_per_h,
        "first": float(curve.t_h[0]),
        "last": float(curve.t_h[-1]),
        "before": fit.before_first_fraction,
        "after": fit.extrapolated_fraction,
        "cv": largest_cv(fit),
        "chi": fit.chi_squared,
    }
    findings = []
    for flag in fit.flags:
        # `collinear` is common and harmless for the integral, and how a model was chosen without AICc is a finding
        # of its own; both stay flags of the fit.
        if flag not in _FINDINGS or (flag == "rate-at-physical-decay" and SLOWER_THAN_DECAY in fit.flags):
            continue
        # A rate that a bound holds is no longer free: then the points can contradict the curve, and do.
        if flag == "no-degrees-of-freedom" and "poor-fit" in fit.flags:
            continue
        severity, template = _FINDINGS[flag]
        if flag == SLOWER_THAN_DECAY and is_rejected(fit, n_points=len(curve.t_h) + 1, settings=settings):
            severity = "critical"
        findings.append(Finding(flag, severity, template.format(**values), curve.region))
    return tuple(findings)


def is_rejected(fit: CurveFit, *, n_points: int, settings: KineticsSettings) -> bool:
    """Return whether chi-squared is larger than chance explains, with at least one degree of freedom."""
    from scipy.special import gammaincc

    degrees = max(n_points - len(fit.parameters), 1)
    return bool(gammaincc(degrees / 2, fit.chi_squared / 2) < settings.rejection_probability)


def largest_cv(fit: CurveFit) -> float:
    """Return the largest relative standard uncertainty of a parameter that is not zero."""
    values = np.abs(np.array(list(fit.parameters.values())))
    u = np.sqrt(np.diag(fit.covariance))
    return float(np.max(u[values > 0] / values[values > 0], initial=0.0))


def _largest_correlation(covariance: Array) -> float:
    u = np.sqrt(np.diag(covariance))
    free = u > 0
    correlation = covariance[np.ix_(free, free)] / np.outer(u[free], u[free])
    return float(np.max(np.abs(correlation - np.diag(np.diag(correlation))), initial=0.0))


def _is_negative(form: ModelForm, fit: CurveFit) -> bool:
    """Return whether the fitted curve is negative anywhere up to twenty terminal half-lives after the last point."""
    stop = float(fit.sample_t_h[-1]) + 20 * fit.effective_half_life_h
    values = curve_value(form, np.array(list(fit.parameters.values())), np.linspace(0.0, stop, 400))
    return bool(values.min() < -_ROUNDING * np.abs(values).max())


def _bound_flags(problem: Problem, solution: Solution, *, settings: KineticsSettings) -> dict[str, bool]:
    """Return which bounds hold rates that matter for the curve."""
    rates = solution.nonlinear
    matters = np.linalg.norm(curve_jacobian(problem, solution), axis=0) > 0
    at_slowest = matters & (rates == problem.bounds.slowest_per_h) & settings.physical_decay_bound
    slower = bool(at_slowest.any()) and _pulled_below_decay(problem, solution, int(np.argmax(at_slowest)))
    return {
        "rate-at-physical-decay": bool(at_slowest.any()),
        SLOWER_THAN_DECAY: slower,
        "rate-saturated": bool(_at_fastest(problem, solution).any()),
    }


def _at_fastest(problem: Problem, solution: Solution) -> Array:
    """Return which rates that matter for the curve are on their upper bound."""
    matters = np.linalg.norm(curve_jacobian(problem, solution), axis=0) > 0
    return np.asarray(matters & np.isclose(solution.nonlinear, problem.bounds.fastest_per_h, rtol=_ROUNDING))


def _pulled_below_decay(problem: Problem, solution: Solution, position: int) -> bool:
    """Return whether the data ask for a rate below the bound.

    They do if the last two points fall slower than physical decay, or if the score of the bounded rate (its
    pull in units of its standard uncertainty) is significant.
    """
    pull = _score(problem, solution, position)
    if pull <= _ROUNDING * (1.0 + math.sqrt(solution.chi_squared)):
        return False
    before, last = problem.activity_mbq[-2:]
    decayed = before * math.exp(-problem.bounds.slowest_per_h * float(np.diff(problem.t_h[-2:])[0]))
    return bool(last > decayed or pull >= _SIGNIFICANT)


def _score(problem: Problem, solution: Solution, position: int) -> float:
    """Return the pull on a rate towards smaller values, other free parameters following."""
    by_rate = curve_jacobian(problem, solution)
    inside = (solution.unit > 0) & (solution.unit < 1)
    others = np.concatenate([solution.span, by_rate @ solution.unit_jacobian[:, inside]], axis=1)
    left, singular, _ = np.linalg.svd(others, full_matrices=False)
    left = left[:, singular > _ROUNDING * singular[0]]
    own = by_rate[:, position] - left @ (left.T @ by_rate[:, position])
    norm = float(np.linalg.norm(own))
    if norm <= _ROUNDING * float(np.linalg.norm(by_rate[:, position])):
        return 0.0
    return float(-(solution.residual @ own) / norm)
