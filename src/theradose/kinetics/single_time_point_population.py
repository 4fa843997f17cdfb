"""One to three points of a region as those of a member of a population.

References
----------
[Devasia2021]_ Mixed models for one or two points.
[Hou2021]_ Log-normal distribution between patients.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.errors import FitError
from theradose.kinetics.models import curve_integral, curve_integral_gradient, curve_models
from theradose.kinetics.population import Population, PopulationPoints, Posterior, population_setting, posterior
from theradose.kinetics.population_forms import PhaseForm
from theradose.kinetics.single_time_point import Assumptions, PointIntegral, point_method
from theradose.model.arrays import Array
from theradose.model.curve import CurveFit, TimeActivityCurve
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide
from theradose.uncertainty import Uncertain

_STEP = 1e-6


@point_method(
    "population",
    summary="one to three points of a member of a population, as its record describes it",
    citation="Devasia2021",
    most_points=int(population_setting("most_points")),
)
def population_integral(curve: TimeActivityCurve, *, nuclide: Nuclide, given: Assumptions) -> PointIntegral:
    """Return mean and standard deviation of the posterior.

    The part of the variance that the uncertainty of the points causes is the source ``fit:<region>``, the rest
    ``population:<region>``.

    Raises
    ------
    FitError
        ``population-missing``, ``activity-missing``, ``population-point`` for a point without positive activity, and
        ``population-form`` where the population is one of blood.

    References
    ----------
    [Devasia2021]_
    """
    population, region = given.population, curve.region
    if population is None:
        raise FitError(
            f"The method 'population' has no population for '{region}': name a record that has one.",
            code="population-missing",
        )
    if given.administered_mbq is None:
        raise FitError(
            f"The method 'population' needs the activity that was administered, because that of '{region}' is a share "
            "of it: state it.",
            code="activity-missing",
        )
    if not isinstance(population.form, PhaseForm):
        raise FitError(
            f"The population of '{region}' is one of concentrations in blood: use it with 'theradose marrow blood'.",
            code="population-form",
        )
    found = posterior(population, (population_points(curve, administered_mbq=given.administered_mbq),))
    fit = _fit(curve, population.form, found, nuclide=nuclide, given=given)
    mean, sd, low, high = given.administered_mbq * found.integral_h[0]
    noise = _noise_share(population, found)
    half_life = _half_life(found, region)
    level = population_setting("interval_level")
    message = (
        f"The posterior of the integral is {mean:.4g} MBq·h with a {level:.0%} interval from {low:.4g} to {high:.4g}, "
        f"that of the effective half-life {half_life.value:.4g} h from {found.half_life_h[0, 2]:.4g} to "
        f"{found.half_life_h[0, 3]:.4g}; points as unlikely as these have a probability of "
        f"{found.probability[0]:.2g} in the population."
    )
    return PointIntegral(
        tia_mbq_h=float(mean),
        relative_u={
            f"population:{region}": float(sd / mean) * math.sqrt(1 - noise),
            f"fit:{region}": float(sd / mean) * math.sqrt(noise),
        },
        half_life_h=half_life,
        fit=fit,
        findings=(
            Finding("population-posterior", "info", message, region),
            *mismatch_findings(population, found, region=region),
        ),
        rests_on="the population",
    )


def population_points(curve: TimeActivityCurve, *, administered_mbq: float) -> PopulationPoints:
    """Return the points of a curve as fractions of what was administered.

    Raises
    ------
    FitError
        ``population-point`` for a point without positive activity, of which there is no logarithm.

    References
    ----------
    [Hou2021]_ Log-normal distribution.
    """
    low = np.flatnonzero(curve.activity_mbq <= 0)
    if len(low):
        raise FitError(
            f"The activity of '{curve.region}' at {curve.t_h[low[0]]:.4g} h is not positive: the method 'population' "
            "works with logarithms, leave the point out.",
            code="population-point",
        )
    return PopulationPoints(
        curve.t_h, curve.activity_mbq / administered_mbq, curve.u_independent_mbq / curve.activity_mbq
    )


def mismatch_findings(population: Population, found: Posterior, *, region: str, row: int = 0) -> tuple[Finding, ...]:
    """Say where points or the half-life that they imply are implausible for a member of the population.

    References
    ----------
    [Devasia2021]_
    """
    level = population_setting("mismatch_probability")
    findings = []
    if found.probability[row] < level:
        message = (
            f"The points of '{region}' do not look like those of the population: chi-squared is "
            f"{found.chi_squared[row]:.1f}, and larger values have a probability of {found.probability[row]:.1g}; the "
            "integral and its uncertainty may be wrong, measure another time point."
        )
        findings.append(Finding("population-mismatch", "critical", message, region))
    low, high = population.half_life_range_h(level)
    half_life = float(found.half_life_h[row, 0])
    if not low <= half_life <= high:
        message = (
            f"The effective half-life of '{region}', {half_life:.4g} h, is outside the {low:.4g} to {high:.4g} h that "
            f"all but {level:.0%} of the population have: measure another time point."
        )
        findings.append(Finding("population-half-life", "warning", message, region))
    return tuple(findings)


def _noise_share(population: Population, found: Posterior) -> float:
    """Return the share of the points' uncertainty in the variance of the integral, to first order."""
    phi, size = found.phi[0], len(found.phi[0])
    steps = _STEP * np.eye(size)
    ahead, behind = (
        population.form.integral_h(phi + sign * steps, infusion_h=population.infusion_h) for sign in (1, -1)
    )
    gradient = (ahead - behind) / (2 * _STEP)
    total = gradient @ found.covariance[0] @ gradient
    return float(np.clip(gradient @ found.noise[0] @ gradient / total, 0.0, 1.0)) if total > 0 else 0.0


def _half_life(found: Posterior, region: str) -> Uncertain:
    """Return the half-life with what it shares with the integral."""
    mean, sd = (float(value) for value in found.half_life_h[0, :2])
    u_integral = float(found.integral_h[0, 1])
    shared = float(found.shared_h2[0]) / u_integral if u_integral > 0 else 0.0
    own = math.sqrt(max(sd**2 - shared**2, 0.0))
    return Uncertain(mean, {f"population:{region}": shared, f"population-half-life:{region}": own})


def _fit(
    curve: TimeActivityCurve, form: PhaseForm, found: Posterior, *, nuclide: Nuclide, given: Assumptions
) -> CurveFit:
    """Return the most probable curve as a fit of its model, with the covariance of its parameters."""
    administered = given.administered_mbq or 0.0
    infusion = 0.0 if given.population is None else given.population.infusion_h
    parameters = form.fit_parameters(found.phi, administered_mbq=administered)[0]
    jacobian = _parameter_gradient(form, found.phi[0], administered)
    covariance = jacobian @ found.covariance[0] @ jacobian.T
    bound = curve_models.get(form.model.name).bind(
        t_h=curve.t_h, decay_constant_per_h=nuclide.decay_constant_per_h, infusion_h=infusion
    )
    tia, gradient = curve_integral(bound, parameters), curve_integral_gradient(bound, parameters)
    first, last = float(curve.t_h[0]), float(curve.t_h[-1])
    return CurveFit(
        model=form.model.name,
        parameters=dict(zip(bound.parameters, parameters.tolist(), strict=True)),
        covariance=covariance,
        tia_mbq_h=tia,
        u_tia_mbq_h=math.sqrt(gradient @ covariance @ gradient),
        extrapolated_fraction=curve_integral(bound, parameters, start_h=last) / tia,
        before_first_fraction=curve_integral(bound, parameters, stop_h=first) / tia,
        effective_half_life_h=float(form.half_life_h(found.phi)[0]),
        chi_squared=float(found.chi_squared[0]),
        aicc=math.inf,
        weight=1.0,
        flags=("population",),
        sample_t_h=curve.t_h,
        decay_constant_per_h=nuclide.decay_constant_per_h,
        infusion_h=infusion,
    )


def _parameter_gradient(form: PhaseForm, phi: Array, administered_mbq: float) -> Array:
    """Return the derivatives of the model's parameters by φ, shape (K, K)."""
    steps = _STEP * np.eye(len(phi))
    ahead, behind = (form.fit_parameters(phi + sign * steps, administered_mbq=administered_mbq) for sign in (1, -1))
    return np.asarray((ahead - behind).T / (2 * _STEP))
