"""One to three points of a region as those of a member of a population.

References
----------
[Devasia2021]_ Mixed models for one or two points.
[Hou2021]_ Log-normal distribution between patients.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theradose.errors import FitError
from theradose.kinetics.compartments import CompartmentForm
from theradose.kinetics.models import curve_integral, curve_integral_gradient, curve_models
from theradose.kinetics.population import Population, population_setting
from theradose.kinetics.population_forms import PhaseForm, PopulationForm
from theradose.kinetics.population_posterior import PopulationPoints, Posterior, posterior
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
    return member_integral(curve, population, nuclide=nuclide, administered_mbq=given.administered_mbq)


def member_integral(
    curve: TimeActivityCurve, population: Population, *, nuclide: Nuclide, administered_mbq: float
) -> PointIntegral:
    """Return mean and standard deviation of the posterior of any number of points, of a region or of blood.

    Parameters
    ----------
    curve : TimeActivityCurve
        Points of the patient; MBq, or MBq/L for blood.
    population : Population
        To which the patient belongs.
    nuclide : Nuclide
        Gives physical decay.
    administered_mbq : float
        What the patient was given.

    Raises
    ------
    FitError
        ``population-point`` for a point without positive activity.

    References
    ----------
    [Devasia2021]_, [Puszkiel2019]_
    """
    region, form = curve.region, population.form
    found = posterior(population, (population_points(curve, administered_mbq=administered_mbq),))
    if isinstance(form, PhaseForm):
        fit = _fit(curve, form, found, nuclide=nuclide, population=population, administered_mbq=administered_mbq)
    else:
        fit = _fit_of_blood(curve, form, found, nuclide=nuclide, administered_mbq=administered_mbq)
    mean, sd, low, high = administered_mbq * found.integral_h[0]
    noise = _noise_share(population, found)
    half_life = _half_life(found, region)
    level = population_setting("interval_level")
    unit = "MBq·h" if isinstance(form, PhaseForm) else "MBq·h/L"
    message = (
        f"The posterior of the integral is {mean:.4g} {unit} with a {level:.0%} interval from "
        f"{low:.4g} to {high:.4g}, that of the effective half-life {half_life.value:.4g} h from "
        f"{found.half_life_h[0, 2]:.4g} to {found.half_life_h[0, 3]:.4g}; in the population, points less likely than "
        f"these have a probability of {found.probability[0]:.2g}."
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
    """Say where points or their half-life are implausible for a member of the population, or could not show it.

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
    (low, high), _ = population.quantiles((level / 2, 1 - level / 2))
    half_life = float(found.half_life_h[row, 0])
    if not low <= half_life <= high:
        message = (
            f"The effective half-life of '{region}', {half_life:.4g} h, is outside the {low:.4g} to {high:.4g} h that "
            f"all but {level:.0%} of the population have: measure another time point."
        )
        findings.append(Finding("population-half-life", "warning", message, region))
    ends, level = found.half_life_h[row, 2:], population_setting("interval_level")
    (least, most), _ = population.quantiles(((1 - level) / 2, (1 + level) / 2))
    if math.log(ends[1] / ends[0]) >= population_setting("unseen_half_life") * math.log(most / least):
        message = (
            f"The points of '{region}' tell hardly anything of its half-life, which is that of the population: "
            "patients who clear otherwise are neither noticed nor covered by the interval; measure a later time point."
        )
        findings.append(Finding("population-half-life-unseen", "warning", message, region))
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
    curve: TimeActivityCurve,
    form: PhaseForm,
    found: Posterior,
    *,
    nuclide: Nuclide,
    population: Population,
    administered_mbq: float,
) -> CurveFit:
    """Return the most probable curve as a fit of its model, with the covariance of its parameters."""
    parameters = form.fit_parameters(found.phi, administered_mbq=administered_mbq)[0]
    jacobian = _parameter_gradient(form, found.phi[0], administered_mbq)
    covariance = jacobian @ found.covariance[0] @ jacobian.T
    bound = curve_models.get(form.model.name).bind(
        t_h=curve.t_h, decay_constant_per_h=nuclide.decay_constant_per_h, infusion_h=population.infusion_h
    )
    gradient, before, to_last, total = (
        curve_integral_gradient(bound, parameters),
        *(curve_integral(bound, parameters, stop_h=stop) for stop in _stops(curve)),
    )
    return CurveFit(
        model=form.model.name,
        parameters=dict(zip(bound.parameters, parameters.tolist(), strict=True)),
        covariance=covariance,
        u_tia_mbq_h=math.sqrt(gradient @ covariance @ gradient),
        infusion_h=population.infusion_h,
        **_common_fields(curve, form, found, nuclide, before, to_last, total),
    )


def _fit_of_blood(
    curve: TimeActivityCurve, form: PopulationForm, found: Posterior, *, nuclide: Nuclide, administered_mbq: float
) -> CurveFit:
    """Return the most probable parameters of compartments; their curve is no sum of phases of a curve model."""
    assert isinstance(form, CompartmentForm)
    numbers = np.exp(found.phi[0])
    before, to_last, total = (
        administered_mbq * float(form.integral_h(found.phi, stop_h=stop)[0]) for stop in _stops(curve)
    )
    mean, sd = found.integral_h[0, :2]
    return CurveFit(
        model=form.name,
        parameters={
            name.removeprefix("log_"): float(number) for name, number in zip(form.parameters, numbers, strict=True)
        },
        covariance=found.covariance[0] * np.outer(numbers, numbers),
        u_tia_mbq_h=total * float(sd / mean),
        infusion_h=form.infusion_h,
        **_common_fields(curve, form, found, nuclide, before, to_last, total),
    )


def _stops(curve: TimeActivityCurve) -> tuple[float, float, float]:
    """Return the ends of the integrals before the first point, to the last one, and to infinity."""
    return float(curve.t_h[0]), float(curve.t_h[-1]), math.inf


def _common_fields(
    curve: TimeActivityCurve,
    form: PopulationForm,
    found: Posterior,
    nuclide: Nuclide,
    before: float,
    to_last: float,
    total: float,
) -> dict[str, Any]:
    return {
        "tia_mbq_h": total,
        "extrapolated_fraction": 1 - to_last / total,
        "before_first_fraction": before / total,
        "effective_half_life_h": float(form.half_life_h(found.phi)[0]),
        "chi_squared": float(found.chi_squared[0]),
        "aicc": math.inf,
        "weight": 1.0,
        "flags": ("population",),
        "sample_t_h": curve.t_h,
        "decay_constant_per_h": nuclide.decay_constant_per_h,
    }


def _parameter_gradient(form: PhaseForm, phi: Array, administered_mbq: float) -> Array:
    """Return the derivatives of the model's parameters by φ, shape (K, K)."""
    steps = _STEP * np.eye(len(phi))
    ahead, behind = (form.fit_parameters(phi + sign * steps, administered_mbq=administered_mbq) for sign in (1, -1))
    return np.asarray((ahead - behind).T / (2 * _STEP))
