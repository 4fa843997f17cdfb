"""Fit of one model to one time-activity curve.

The weights are the stated independent uncertainties of the points, and the covariance follows from them: it is
not rescaled by chi-squared, so that a fit with few or no degrees of freedom has an uncertainty too. Common
uncertainties (calibration, recovery) play no part here; :mod:`theradose.kinetics.integrate` adds them once.

References
----------
[Kletting2013]_ Fit, choice and uncertainty of time-integrated activities.
[BurnhamAnderson2002]_ The corrected Akaike criterion.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from theradose.errors import FitError
from theradose.kinetics.flags import fit_flags
from theradose.kinetics.infusion import check_after_infusion
from theradose.kinetics.models import (
    CurveModel,
    ModelForm,
    RateBounds,
    curve_integral,
    curve_integral_gradient,
    curve_models,
)
from theradose.kinetics.projection import Problem, Solution, curve_jacobian, solve, solve_towards
from theradose.kinetics.settings import KineticsSettings, default_settings
from theradose.model.arrays import Array
from theradose.model.curve import CurveFit, TimeActivityCurve

_SINGULAR = 1e-13


def fit_model(
    curve: TimeActivityCurve,
    model: str | CurveModel,
    *,
    decay_constant_per_h: float,
    infusion_h: float = 0.0,
    settings: KineticsSettings | None = None,
) -> CurveFit:
    """Fit a model by weighted least squares with every rate at least that of physical decay.

    Parameters
    ----------
    curve : TimeActivityCurve
        At least as many points as the model has parameters, all with a positive independent uncertainty.
    model : str or CurveModel
        Name in the registry ``curve_models``, or a model.
    decay_constant_per_h : float
        Physical decay constant of the nuclide.
    infusion_h : float
        Length of a constant infusion that began at t = 0; every point must lie after it.
    settings : KineticsSettings, optional
        Bounds and levels; the packaged ones by default.

    Returns
    -------
    CurveFit
        Parameters in MBq and 1/h, their covariance from the stated uncertainties (a rate on the bound of physical
        decay may be faster, one on the upper bound is taken as exact), integral, chi-squared, AICc, flags. The
        weight is 0 until models are compared.

    Raises
    ------
    FitError
        ``too-few-points``, ``uncertainty-missing``, ``curve-invalid``, ``no-activity``, ``sample-during-infusion``.

    References
    ----------
    [Kletting2013]_, [BurnhamAnderson2002]_
    """
    settings = settings or default_settings()
    chosen = curve_models.get(model) if isinstance(model, str) else model
    check_curve(curve)
    check_after_infusion(curve, infusion_h=infusion_h)
    form = chosen.bind(t_h=curve.t_h, decay_constant_per_h=decay_constant_per_h, infusion_h=infusion_h)
    _check_points(curve, chosen.name, form)
    n_rates = len(form.parameters) - form.n_linear
    bounds = rate_bounds(curve, decay_constant_per_h=decay_constant_per_h, settings=settings, n_rates=n_rates)
    problem = Problem(form, curve.t_h, curve.activity_mbq, curve.u_independent_mbq, bounds)
    solution = solve(problem, len(form.parameters) - form.n_linear)
    parameters = np.concatenate([solution.linear, solution.nonlinear])
    tia = curve_integral(form, parameters)
    if not tia > 0:
        raise FitError(
            f"The curve of '{curve.region}' has no positive activity that the model '{chosen.name}' could describe: "
            "check the region and the background, or leave the region out.",
            code="no-activity",
        )
    gradient = curve_integral_gradient(form, parameters)
    covariance = _covariance(problem, solution)
    faster = _beside_physical_decay(problem, solution) if settings.physical_decay_bound else np.zeros(0)
    if len(faster):
        freedom = faster_clearance(form, parameters, faster)
        covariance = covariance + np.outer(freedom, freedom)
    first, last = float(curve.t_h[0]), float(curve.t_h[-1])
    fit = CurveFit(
        model=chosen.name,
        parameters=dict(zip(form.parameters, parameters.tolist(), strict=True)),
        covariance=covariance,
        tia_mbq_h=tia,
        u_tia_mbq_h=math.sqrt(gradient @ covariance @ gradient),
        extrapolated_fraction=curve_integral(form, parameters, start_h=last) / tia,
        before_first_fraction=curve_integral(form, parameters, stop_h=first) / tia,
        effective_half_life_h=math.log(2) / form.terminal_rate(solution.linear, solution.nonlinear)[0],
        chi_squared=solution.chi_squared,
        aicc=corrected_akaike(solution.chi_squared, n_parameters=len(parameters), n_points=len(curve.t_h)),
        sample_t_h=curve.t_h,
        decay_constant_per_h=decay_constant_per_h,
        infusion_h=infusion_h,
        faster=faster,
    )
    return replace(fit, flags=fit_flags(fit, problem, solution, settings=settings))


def corrected_akaike(chi_squared: float, *, n_parameters: int, n_points: int) -> float:
    """Return AICc for known standard deviations: χ² + 2K + 2K(K+1)/(N−K−1), infinite for N ≤ K + 1.

    References
    ----------
    [BurnhamAnderson2002]_
    """
    spare = n_points - n_parameters - 1
    if spare <= 0:
        return math.inf
    return chi_squared + 2 * n_parameters + 2 * n_parameters * (n_parameters + 1) / spare


def rate_bounds(
    curve: TimeActivityCurve, *, decay_constant_per_h: float, settings: KineticsSettings, n_rates: int
) -> RateBounds:
    """Return the range of the rates: physical decay, and what the samples could still see.

    Of several phases the fast ones are over before the first sample unless that comes early. A single phase is seen
    between the samples themselves, however late the first one is.
    """
    first = float(curve.t_h[curve.t_h > 0][0])
    fastest_biological = settings.half_lives_in_first_sample_time * math.log(2) / first
    if n_rates == 1 and len(curve.t_h) > 1:
        between = settings.half_lives_in_sampling_gap * math.log(2) / float(np.diff(curve.t_h).min())
        fastest_biological = max(fastest_biological, between)
    # Without the physical bound a rate may still not be so slow that the samples cannot tell it from zero.
    unseen = 1e-3 / float(curve.t_h[-1])
    slowest = decay_constant_per_h if settings.physical_decay_bound else unseen
    return RateBounds(slowest, slowest + fastest_biological, settings.minimum_rate_ratio)


def check_curve(curve: TimeActivityCurve) -> None:
    """Refuse a curve whose numbers cannot be fitted.

    Raises
    ------
    FitError
        ``curve-invalid`` for values that are not finite or a time before the administration,
        ``uncertainty-missing`` unless every point has a positive independent uncertainty, ``no-activity`` if no
        point has activity, ``no-points`` for an empty curve.
    """
    region = curve.region
    if len(curve.t_h) == 0:
        raise FitError(f"The curve of '{region}' has no points: give at least two images or samples.", code="no-points")
    if not (np.isfinite(curve.t_h).all() and np.isfinite(curve.activity_mbq).all()):
        raise FitError(
            f"The curve of '{region}' has a time or an activity that is not a finite number: correct or "
            "remove that point.",
            code="curve-invalid",
        )
    if curve.t_h[0] < 0:
        raise FitError(
            f"The curve of '{region}' has a point at {curve.t_h[0]:.4g} h, before the administration: check the "
            "administration time, times are hours after its start.",
            code="curve-invalid",
        )
    u = curve.u_independent_mbq
    if not (np.isfinite(u).all() and (u > 0).all()):
        raise FitError(
            f"The curve of '{region}' has points without a positive independent uncertainty, which the weights "
            "of the fit need: state the uncertainty of each point.",
            code="uncertainty-missing",
        )
    if not (curve.activity_mbq > 0).any():
        raise FitError(
            f"The curve of '{region}' has no point with positive activity: check the region and the background.",
            code="no-activity",
        )


def _check_points(curve: TimeActivityCurve, name: str, form: ModelForm) -> None:
    n_parameters, n_points = len(form.parameters), len(curve.t_h)
    if n_points == 1:
        raise FitError(
            f"The curve of '{curve.region}' has a single point, from which no curve can be fitted: measure a "
            "second time point, or name a single-time-point method (Haenscheid, Madsen, dose factor, half-life of an "
            "earlier cycle) under 'single_time_point' in the study or by --single-time-point of 'theradose fit'.",
            code="one-time-point",
        )
    if n_parameters > n_points:
        raise FitError(
            f"The model '{name}' has {n_parameters} parameters but the curve of '{curve.region}' only "
            f"{n_points} points: choose a model with at most {n_points} parameters.",
            code="too-few-points",
        )


def faster_clearance(form: ModelForm, here: Array, there: Array) -> Array:
    """Return by how much the parameters may differ where physical decay holds the slowest rate, shape (K,).

    A rate on the bound is not known to be there: the points allow faster ones too. The difference is that from the fit
    to the best one whose chi-squared is higher by one, on the side that physics allows. It is scaled so that it carries
    the difference of the two integrals, which is far from linear in the rate.

    Parameters
    ----------
    form : ModelForm
        The model.
    here, there : ndarray, shape (K,)
        Parameters of the fit, and of the one with faster clearance.

    References
    ----------
    [JCGM100]_, clause 5.1: a contribution is the change of the result by one standard uncertainty of an input.
    """
    expected = curve_integral_gradient(form, here) @ (there - here)
    if expected == 0:
        return np.zeros(len(here))
    difference = curve_integral(form, there) - curve_integral(form, here)
    return np.asarray((there - here) * (difference / expected))


def _beside_physical_decay(problem: Problem, solution: Solution) -> Array:
    """Return the parameters of the best fit with a faster slowest rate and a chi-squared higher by one.

    Empty unless physical decay holds a rate that matters for the curve.
    """
    held = len(solution.nonlinear) > 0 and solution.nonlinear[0] == problem.bounds.slowest_per_h
    if not held or not np.any(curve_jacobian(problem, solution)[:, 0]):
        return np.zeros(0)
    faster = solve_towards(problem, solution, position=0, rise=1.0)
    return np.concatenate([faster.linear, faster.nonlinear])


def _covariance(problem: Problem, solution: Solution) -> Array:
    """Return the covariance of all parameters; what a bound holds does not vary.

    The nonlinear parameters vary along the free directions of the unit cube only, which also covers two rates
    that a bound ties together. A rate whose amplitude is zero has no influence and no variance.
    """
    n_linear = problem.form.n_linear
    n_parameters = n_linear + len(solution.nonlinear)
    by_linear = problem.form.basis(problem.t_h, solution.nonlinear) / problem.u_mbq[:, None]
    by_nonlinear = curve_jacobian(problem, solution)
    directions = np.zeros((n_parameters, 0))
    if len(solution.nonlinear):
        free = (solution.unit > 0) & (solution.unit < 1)
        seen = np.linalg.norm(by_nonlinear, axis=0) > 0
        logarithmic = solution.unit_jacobian[:, free] / solution.nonlinear[:, None] * seen[:, None]
        left, singular, _ = np.linalg.svd(logarithmic, full_matrices=False)
        left = left[:, singular > _SINGULAR * max(singular.max(initial=0.0), 1.0)]
        directions = np.zeros((n_parameters, left.shape[1]))
        directions[n_linear:] = solution.nonlinear[:, None] * left
    active = np.eye(n_parameters)[:, :n_linear][:, solution.active]
    directions = np.concatenate([active, directions], axis=1)
    design = np.concatenate([by_linear, by_nonlinear], axis=1) @ directions
    norms = np.linalg.norm(design, axis=0)
    _, singular, right = np.linalg.svd(design / norms, full_matrices=False)
    # A direction that the data do not determine gets a huge variance, never none.
    singular = np.maximum(singular, _SINGULAR * singular[0])
    root = (directions / norms) @ (right.T / singular)
    return np.asarray(root @ root.T)
