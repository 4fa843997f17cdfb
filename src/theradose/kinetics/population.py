"""A new patient as a member of a population: the curve behind one to three points.

The logarithms of the parameters are normal between patients, φ = μ + L z with a standard normal z and L Lᵀ the predictive
covariance. The most probable z minimises the sum of the squared weighted residuals and of z², for any number of
patients at once; that works for a singular covariance too. Integrals and half-lives are moments and quantiles of the
posterior, by importance sampling from the normal distribution about its maximum with the same quasi-random points
for everybody, so that a result has no seed.

References
----------
[Devasia2021]_ Mixed models for one or two points.
[Hou2021]_ Log-normal half-lives.
[Puszkiel2019]_ A posterior from few blood samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.data import load_yaml
from theradose.errors import FitError
from theradose.kinetics.compartments import CompartmentForm
from theradose.kinetics.population_forms import PopulationForm, phase_form
from theradose.model.arrays import Array, frozen
from theradose.model.population import RegionPopulation
from theradose.nuclides import Nuclide

SETTINGS = "kinetics/population.yaml"
_COMPARTMENTS = {"compartments-2": 2, "compartments-3": 3}
_ITERATIONS = 100
_TOLERANCE = 1e-10
_DRAWS = 512
_SMALLEST_DAMPING, _LARGEST_DAMPING = 1e-10, 1e10


def population_setting(name: str) -> float:
    """Return a level of ``data/kinetics/population.yaml``."""
    return float(load_yaml(SETTINGS)[name]["value"])


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """The distribution of a region's curve, ready for use.

    Attributes
    ----------
    form : PopulationForm
        Curve per administered activity.
    mean : ndarray, shape (K,)
        Mean of the logarithmic parameters.
    root : ndarray, shape (K, K)
        L with L Lᵀ the covariance that a new patient has about the mean.
    error_scale, error_u : float
        Factor of the stated relative uncertainties, and what comes in quadrature beside them.
    infusion_h : float
        Length of the infusion after which the points of a sum of exponentials lie.
    """

    form: PopulationForm
    mean: Array
    root: Array
    error_scale: float
    error_u: float
    infusion_h: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mean", "root"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    def drawn(self, z: Array) -> Array:
        """Return the parameters φ of standard normal z, shape (m, K)."""
        return np.asarray(self.mean + z @ self.root.T)

    def half_life_range_h(self, probability: float) -> tuple[float, float]:
        """Return the half-lives below and above which patients lie with half of `probability` each."""
        half_lives = self.form.half_life_h(self.drawn(_normal_points(len(self.mean))))
        low, high = np.quantile(half_lives, [probability / 2, 1 - probability / 2])
        return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class PopulationPoints:
    """The few points of one patient.

    Attributes
    ----------
    t_h : ndarray, shape (n,)
        After the start of the administration.
    fraction : ndarray, shape (n,)
        Activity per administered activity, positive; per litre for blood.
    relative_u : ndarray, shape (n,)
        Relative standard uncertainty of each point, independent between points.
    """

    t_h: Array
    fraction: Array
    relative_u: Array

    def __post_init__(self) -> None:
        for name in ("t_h", "fraction", "relative_u"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What points tell about patients of a population; m patients, K parameters.

    Attributes
    ----------
    phi : ndarray, shape (m, K)
        Most probable parameters.
    covariance : ndarray, shape (m, K, K)
        Their covariance, of the normal distribution about the maximum.
    noise : ndarray, shape (m, K, K)
        The part of the covariance that the uncertainty of the points causes; the rest is the population's.
    integral_h, half_life_h : ndarray, shape (m, 4)
        Mean, standard deviation, and the ends of the interval of the posterior.
    shared_h2 : ndarray, shape (m,)
        Covariance of integral and half-life.
    chi_squared : ndarray, shape (m,)
        Weighted squares of the residuals plus z²: distributed as chi-squared with one degree per point, for points of
        a patient of the population.
    probability : ndarray, shape (m,)
        Probability of a larger value.
    """

    phi: Array
    covariance: Array
    noise: Array
    integral_h: Array
    half_life_h: Array
    shared_h2: Array
    chi_squared: Array
    probability: Array


def population_of(
    stated: RegionPopulation,
    *,
    measured_with: Nuclide,
    nuclide: Nuclide,
    infusion_h: float | None = None,
    amino_acids_until_h: float | None = None,
) -> Population:
    """Return a stored population ready for use with a nuclide.

    Biology is that of the record: biological rates and amplitudes stay, and the physical decay of `nuclide` is added.
    The covariance of a new patient is that of :func:`predictive_covariance`.

    Parameters
    ----------
    stated : RegionPopulation
        From a record.
    measured_with, nuclide : Nuclide
        Of the record, and of the new patient.
    infusion_h, amino_acids_until_h : float, optional
        Of the new patient; those of the record by default.

    Raises
    ------
    FitError
        ``population-form`` for a form that this version does not have, or parameters that are not those of the form;
        ``population-few-patients``.

    References
    ----------
    [Hou2021]_
    """
    infusion = stated.infusion_h if infusion_h is None else infusion_h
    form = form_named(
        stated.form,
        nuclide=nuclide,
        measured_with=measured_with,
        infusion_h=infusion,
        amino_acids_until_h=stated.amino_acids_until_h if amino_acids_until_h is None else amino_acids_until_h,
    )
    if form.parameters != stated.parameters:
        raise FitError(
            f"The population of '{', '.join(stated.regions)}' has parameters that are not those of the form "
            f"'{stated.form}' ({', '.join(form.parameters)}): write the record with 'theradose cohort population'.",
            code="population-form",
        )
    return Population(
        form=form,
        mean=np.array(stated.mean),
        root=_root(predictive_covariance(stated)),
        error_scale=stated.error_scale,
        error_u=stated.error_u,
        infusion_h=infusion,
    )


def predictive_covariance(stated: RegionPopulation) -> Array:
    """Return the covariance of a new patient about the estimated mean, shape (K, K).

    A further draw from a normal distribution whose mean and covariance are those of n patients follows a distribution
    of Student with heavier tails. Its covariance is that of the sample by maximum likelihood times n/(n − q − 2), plus
    that of the mean, where q parameters vary together (1 if each varies by itself).

    Raises
    ------
    FitError
        ``population-few-patients`` where n is too small for that.

    References
    ----------
    [Gelman2013]_, section 3.6.
    """
    omega = np.array(stated.omega)
    together = int(np.count_nonzero(np.diag(omega))) if stated.fit.omega == "full" else 1
    degrees = stated.patients - together - 2
    if degrees < 1:
        raise FitError(
            f"The population of '{', '.join(stated.regions)}' has {stated.patients} patients, too few to say how a "
            f"further one varies in {together} parameters: add patients, or fit it with '--omega diagonal'.",
            code="population-few-patients",
        )
    return np.asarray(stated.patients / degrees * omega + np.array(stated.covariance_of_mean))


def form_named(
    name: str, *, nuclide: Nuclide, measured_with: Nuclide, infusion_h: float, amino_acids_until_h: float
) -> PopulationForm:
    """Return the form of a record by name: compartments, or phases.

    References
    ----------
    [Puszkiel2019]_, [Hardiansyah2021]_
    """
    if name in _COMPARTMENTS:
        return CompartmentForm(_COMPARTMENTS[name], nuclide.decay_constant_per_h, infusion_h, amino_acids_until_h)
    return phase_form(
        name,
        decay_constant_per_h=nuclide.decay_constant_per_h,
        reference_decay_per_h=measured_with.decay_constant_per_h,
    )


def posterior(population: Population, patients: Sequence[PopulationPoints]) -> Posterior:
    """Return what few points tell about each patient.

    Parameters
    ----------
    population : Population
        To which the patients belong.
    patients : sequence of PopulationPoints
        Any number of points each, also none: then the population itself is the answer.

    References
    ----------
    [Devasia2021]_
    """
    from scipy.special import gammaincc

    points = _Padded.of(population, patients)
    z, residual, jacobian = _most_probable(population, points)
    information = np.einsum("mpk,mpl->mkl", jacobian, jacobian)
    eye = np.eye(len(population.mean))
    spread = np.linalg.inv(information + eye)
    root = population.root
    covariance = root @ spread @ root.T
    noise = root @ (spread @ information @ spread) @ root.T
    chi_squared = np.sum(residual**2, axis=1) + np.sum(z**2, axis=1)
    integral, half_life, shared = _moments(population, points, z, spread, chi_squared)
    count = points.known.sum(axis=1)
    probability = np.where(count > 0, gammaincc(np.maximum(count, 1) / 2, chi_squared / 2), 1.0)
    return Posterior(
        phi=population.drawn(z),
        covariance=covariance,
        noise=noise,
        integral_h=integral,
        half_life_h=half_life,
        shared_h2=shared,
        chi_squared=chi_squared,
        probability=probability,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Padded:
    """Points of all patients in one array, shape (m, p); those that a patient lacks have no weight."""

    t_h: Array
    log_fraction: Array
    weight: Array
    known: Array

    @classmethod
    def of(cls, population: Population, patients: Sequence[PopulationPoints]) -> _Padded:
        width = max((len(patient.t_h) for patient in patients), default=0)
        shape = (len(patients), max(width, 1))
        t_h, logs, weight, known = np.ones(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)
        for row, patient in enumerate(patients):
            count = len(patient.t_h)
            t_h[row, :count], logs[row, :count] = patient.t_h, np.log(patient.fraction)
            weight[row, :count] = 1 / np.hypot(population.error_scale * patient.relative_u, population.error_u)
            known[row, :count] = True
        return cls(t_h, logs, weight, known)

    def residual(self, population: Population, z: Array, rows: Array | slice = slice(None)) -> tuple[Array, Array]:
        """Return the weighted residuals, shape (m, p), and the derivatives of the weighted curve by z, (m, p, K)."""
        times, weight = self.t_h[rows], self.weight[rows]
        phi = np.repeat(population.drawn(z), times.shape[1], axis=0)
        value, gradient = population.form.log_curve(phi, times.ravel())
        residual = weight * (self.log_fraction[rows] - value.reshape(times.shape))
        jacobian = (gradient @ population.root).reshape(*times.shape, -1) * weight[..., None]
        return residual, jacobian


def _most_probable(population: Population, points: _Padded) -> tuple[Array, Array, Array]:
    """Minimise residuals² + z² for every patient by damped Gauss-Newton steps; also return residuals and derivatives."""
    count = len(population.mean)
    eye = np.eye(count)
    z = np.zeros((len(points.t_h), count))
    residual, jacobian = points.residual(population, z)
    cost = np.sum(residual**2, axis=1) + np.sum(z**2, axis=1)
    damping, moving = np.full(len(z), _SMALLEST_DAMPING), np.arange(len(z))
    for _ in range(_ITERATIONS):
        if not len(moving):
            break
        matrix = np.einsum("mpk,mpl->mkl", jacobian[moving], jacobian[moving]) + eye
        gradient = np.einsum("mpk,mp->mk", jacobian[moving], residual[moving]) - z[moving]
        step = np.linalg.solve(matrix + damping[moving, None, None] * eye, gradient[..., None])[..., 0]
        tried, slope = points.residual(population, z[moving] + step, moving)
        new = np.sum(tried**2, axis=1) + np.sum((z[moving] + step) ** 2, axis=1)
        better = new <= cost[moving]
        taken = moving[better]
        z[taken] += step[better]
        residual[taken], jacobian[taken] = tried[better], slope[better]
        done = better & (cost[moving] - new <= _TOLERANCE * (1 + cost[moving]))
        cost[taken] = new[better]
        damping[moving] = np.where(better, damping[moving] / 10, np.maximum(damping[moving], 1e-3) * 10)
        damping = np.clip(damping, _SMALLEST_DAMPING, _LARGEST_DAMPING)
        moving = moving[~done & (damping[moving] < _LARGEST_DAMPING)]
    return z, residual, jacobian


def _moments(
    population: Population, points: _Padded, z: Array, spread: Array, chi_squared: Array
) -> tuple[Array, Array, Array]:
    """Return mean, standard deviation and interval of integral and half-life, and their covariance."""
    normal = _normal_points(z.shape[1])
    patients, draws = len(z), len(normal)
    drawn = z[:, None, :] + normal @ np.swapaxes(np.linalg.cholesky(spread), 1, 2)
    flat = drawn.reshape(-1, z.shape[1])
    phi = population.drawn(flat)
    width = points.t_h.shape[1]
    value, _ = population.form.log_curve(
        np.repeat(phi, width, axis=0), np.repeat(points.t_h, draws, axis=0).ravel()
    )
    residual = points.weight[:, None] * (points.log_fraction[:, None] - value.reshape(patients, draws, width))
    excess = np.sum(residual**2, axis=2) + np.sum(drawn**2, axis=2) - chi_squared[:, None] - np.sum(normal**2, axis=1)
    weights = np.exp(-(excess - excess.min(axis=1, keepdims=True)) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    integral = population.form.integral_h(phi, infusion_h=population.infusion_h).reshape(patients, draws)
    half_life = population.form.half_life_h(phi).reshape(patients, draws)
    described = [_described(values, weights) for values in (integral, half_life)]
    deviations = [values - summary[:, :1] for values, summary in zip((integral, half_life), described, strict=True)]
    return described[0], described[1], np.sum(weights * deviations[0] * deviations[1], axis=1)


def _described(values: Array, weights: Array) -> Array:
    """Return mean, standard deviation and the ends of the interval of weighted values, shape (m, 4)."""
    level = population_setting("interval_level")
    mean = np.sum(weights * values, axis=1)
    sd = np.sqrt(np.sum(weights * (values - mean[:, None]) ** 2, axis=1))
    order = np.argsort(values, axis=1)
    ordered, below = np.take_along_axis(values, order, axis=1), np.cumsum(np.take_along_axis(weights, order, axis=1), 1)
    ends = []
    for probability in ((1 - level) / 2, (1 + level) / 2):
        position = np.minimum(np.sum(below < probability, axis=1), values.shape[1] - 1)
        ends.append(np.take_along_axis(ordered, position[:, None], axis=1)[:, 0])
    return np.stack([mean, sd, *ends], axis=1)


def _normal_points(dimension: int) -> Array:
    """Return quasi-random points of a standard normal distribution, shape (_DRAWS, K)."""
    from scipy.stats import norm, qmc

    unit = qmc.Sobol(dimension, scramble=True, rng=0).random(_DRAWS)
    return np.asarray(norm.ppf(unit))


def _root(covariance: Array) -> Array:
    """Return L with L Lᵀ the covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
