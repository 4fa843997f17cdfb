"""A new patient as a member of a population: the curve behind one to three points.

The logarithms of the parameters are normal between patients, φ = μ + L z with a standard normal z and L Lᵀ the
predictive covariance. The most probable z minimises the sum of the squared weighted residuals and of z²; that works for
a singular covariance too. Integrals and half-lives are moments and quantiles of the
posterior, by importance sampling from the normal distribution about its maximum, widened, with the same quasi-random
points for everybody, so that a result has no seed.

References
----------
[Devasia2021]_ Mixed models for one or two points.
[Hou2021]_ Log-normal half-lives.
[Puszkiel2019]_ A posterior from few blood samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.data import load_yaml
from theradose.errors import FitError
from theradose.kinetics.compartments import FORMS, CompartmentForm
from theradose.kinetics.population_forms import PopulationForm, phase_form
from theradose.model.arrays import Array, frozen
from theradose.model.population import RegionPopulation
from theradose.nuclides import Nuclide
from theradose.statistics.nonlinear_mixed.modes import Subjects, find_modes
from theradose.statistics.nonlinear_mixed.population import predictive_inflation
from theradose.statistics.nonlinear_mixed.residual import Residual

SETTINGS = "kinetics/population.yaml"
_DRAWS = 1024
# Draws are spread wider than the normal distribution about the maximum, whose tails are too short.
_WIDER = 1.5
# Directions of φ that no point tells of, relative to the best known one.
_INVISIBLE = 1e-9


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
    mean_covariance : ndarray, shape (K, K)
        How well the mean is known.
    error_scale, error_u : float
        Factor of the stated relative uncertainties, and what comes in quadrature beside them.
    infusion_h : float
        Length of the infusion after which the points of a sum of exponentials lie.
    """

    form: PopulationForm
    mean: Array
    root: Array
    mean_covariance: Array
    error_scale: float
    error_u: float
    infusion_h: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mean", "root", "mean_covariance"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    def drawn(self, z: Array) -> Array:
        """Return the parameters φ of standard normal z, shape (m, K)."""
        return np.asarray(self.mean + z @ self.root.T)

    def quantiles(self, probabilities: Sequence[float]) -> tuple[Array, Array]:
        """Return quantiles of the half-life (h) and of the integral per administered activity (h) between patients."""
        phi = self.drawn(_normal_points(len(self.mean)))
        integral = self.form.integral_h(phi, infusion_h=self.infusion_h)
        return np.quantile(self.form.half_life_h(phi), probabilities), np.quantile(integral, probabilities)


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
        elimination_ratio=stated.elimination_ratio,
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
        mean_covariance=np.array(stated.covariance_of_mean),
        error_scale=stated.error_scale,
        error_u=stated.error_u,
        infusion_h=infusion,
    )


def predictive_covariance(stated: RegionPopulation) -> Array:
    """Return the covariance of a new patient about the estimated mean, shape (K, K).

    That of the sample by maximum likelihood times :func:`predictive_inflation`, plus that of the mean. Parameters vary
    together, or each by itself.

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
    inflation = predictive_inflation(stated.patients, together)
    if not math.isfinite(inflation):
        raise FitError(
            f"The population of '{', '.join(stated.regions)}' has {stated.patients} patients, too few to say how a "
            f"further one varies in {together} parameters: add patients, or fit it with '--omega diagonal'.",
            code="population-few-patients",
        )
    return np.asarray(inflation * omega + np.array(stated.covariance_of_mean))


def form_named(
    name: str,
    *,
    nuclide: Nuclide,
    measured_with: Nuclide,
    infusion_h: float = 0.0,
    amino_acids_until_h: float = 0.0,
    elimination_ratio: float | None = 1.0,
) -> PopulationForm:
    """Return the form of a record by name: compartments, or phases.

    References
    ----------
    [Puszkiel2019]_, [Hardiansyah2021]_
    """
    if name in FORMS:
        return CompartmentForm(
            FORMS[name], nuclide.decay_constant_per_h, infusion_h, amino_acids_until_h, elimination_ratio
        )
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

    subjects = _subjects(population, patients)
    z, counts = find_modes(subjects, np.zeros((len(patients), len(population.mean)))).z, subjects.counts
    phi = population.drawn(z)
    repeated = np.broadcast_to(phi[:, None], (*counts.shape, phi.shape[-1]))
    weight = np.sqrt(counts / subjects.residual.base)
    residual = weight * (subjects.y - population.form.value(repeated, subjects.x))
    slope = weight[..., None] * (population.form.gradient(repeated, subjects.x) @ population.root)
    information = np.einsum("mpk,mpl->mkl", slope, slope)
    spread = np.linalg.inv(information + np.eye(z.shape[1]))
    root = population.root
    chi_squared = np.sum(residual**2, axis=1) + np.sum(z**2, axis=1)
    integral, half_life, shared = _moments(population, subjects, z, spread, chi_squared)
    points = counts.sum(axis=1)
    return Posterior(
        phi=phi,
        covariance=root @ spread @ root.T,
        noise=root @ (spread @ information @ spread) @ root.T,
        integral_h=integral,
        half_life_h=half_life,
        shared_h2=shared,
        chi_squared=chi_squared,
        probability=np.where(points > 0, gammaincc(np.maximum(points, 1) / 2, chi_squared / 2), 1.0),
    )


def shift_probability(population: Population, patients: Sequence[PopulationPoints]) -> float:
    """Return how probable it is that a group of its patients lies as far from the mean of a population as these do.

    A few points of one patient seldom tell that the population is another one; those of many do. With r the deviations
    of all points from the mean curve, C their covariance and J the derivatives by φ, the score s = Σ Jᵀ C⁻¹ r has the
    covariance I + I V I, where I = Σ Jᵀ C⁻¹ J and V is that of the mean; sᵀ (I + I V I)⁻¹ s is distributed as
    chi-squared.

    References
    ----------
    [PinheiroBates2000]_ The linearised mixed model.
    """
    from scipy.special import gammaincc

    subjects = _subjects(population, patients)
    phi = np.broadcast_to(population.mean, (*subjects.y.shape, len(population.mean)))
    known = subjects.counts[..., None]
    deviation = subjects.counts * (subjects.y - population.form.value(phi, subjects.x))
    slope = known * population.form.gradient(phi, subjects.x)
    spread = slope @ population.root
    covariance = spread @ np.swapaxes(spread, 1, 2) + subjects.residual.base[..., None] * np.eye(subjects.y.shape[1])
    solved = np.linalg.solve(covariance, np.concatenate([deviation[..., None], slope], axis=2))
    across = np.sum(np.swapaxes(slope, 1, 2) @ solved, axis=0)
    score, information = across[:, 0], across[:, 1:]
    variance = information + information @ population.mean_covariance @ information
    values, vectors = np.linalg.eigh((variance + variance.T) / 2)
    seen = values > _INVISIBLE * values.max(initial=0.0)
    chi_squared = float(np.sum((vectors[:, seen].T @ score) ** 2 / values[seen]))
    return float(gammaincc(int(seen.sum()) / 2, chi_squared / 2))


def _subjects(population: Population, patients: Sequence[PopulationPoints]) -> Subjects:
    """Return the points of all patients in arrays of shape (m, n); what fills up does not count."""
    shape = (len(patients), max((len(patient.t_h) for patient in patients), default=0) or 1)
    t_h, logs, variance, counts = np.ones(shape), np.zeros(shape), np.ones(shape), np.zeros(shape)
    for row, patient in enumerate(patients):
        kept = slice(0, len(patient.t_h))
        t_h[row, kept], logs[row, kept], counts[row, kept] = patient.t_h, np.log(patient.fraction), 1.0
        variance[row, kept] = (population.error_scale * patient.relative_u) ** 2 + population.error_u**2
    size = len(population.mean)
    return Subjects(
        population.form,
        t_h[..., None],
        logs,
        counts,
        np.broadcast_to(population.mean, (*shape, size)),
        np.broadcast_to(population.root, (len(patients), size, size)),
        Residual(variance, np.zeros(shape)),
    )


def _moments(
    population: Population, subjects: Subjects, z: Array, spread: Array, chi_squared: Array
) -> tuple[Array, Array, Array]:
    """Return mean, standard deviation and interval of integral and half-life, and their covariance."""
    normal = _normal_points(z.shape[1])
    drawn = z[:, None, :] + _WIDER * normal @ np.swapaxes(np.linalg.cholesky(spread), 1, 2)
    phi = population.drawn(drawn)
    value = population.form.value(phi[:, :, None], subjects.x[:, None])
    squares = (subjects.counts / subjects.residual.base)[:, None] * (subjects.y[:, None] - value) ** 2
    excess = squares.sum(axis=2) + np.sum(drawn**2, axis=2) - chi_squared[:, None] - np.sum(normal**2, axis=1)
    weights = np.exp(-(excess - excess.min(axis=1, keepdims=True)) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    integral = population.form.integral_h(phi, infusion_h=population.infusion_h)
    half_life = population.form.half_life_h(phi)
    described = [_described(values, weights) for values in (integral, half_life)]
    deviations = [values - summary[:, :1] for values, summary in zip((integral, half_life), described, strict=True)]
    return described[0], described[1], np.sum(weights * deviations[0] * deviations[1], axis=1)


def _described(values: Array, weights: Array) -> Array:
    """Return mean, standard deviation and the ends of the interval of weighted values, shape (m, 4)."""
    level = population_setting("interval_level")
    mean = np.sum(weights * values, axis=1)
    sd = np.sqrt(np.sum(weights * (values - mean[:, None]) ** 2, axis=1))
    order = np.argsort(values, axis=1)
    ordered, sorted_weights = (np.take_along_axis(item, order, axis=1) for item in (values, weights))
    below = np.cumsum(sorted_weights, axis=1) - sorted_weights / 2
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
