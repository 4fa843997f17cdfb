"""Whether a fitted population describes its subjects: weighted residuals, shrinkage, simulated observations.

References
----------
[Hooker2007]_ Conditional weighted residuals.
[SavicKarlsson2009]_ Shrinkage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.statistics.nonlinear_mixed.data import Observations
from theradose.statistics.nonlinear_mixed.fit import NonlinearMixedFit
from theradose.statistics.nonlinear_mixed.population import Population
from theradose.statistics.nonlinear_mixed.residual import Residual


@dataclass(frozen=True, slots=True, eq=False)
class Diagnostics:
    """How a population fits its subjects.

    Attributes
    ----------
    fitted : ndarray, shape (N,)
        Curve of the subject at each observation.
    individual : ndarray, shape (N,)
        Residuals from the curve of the subject, in standard deviations.
    population : ndarray, shape (N,)
        Conditional weighted residuals: those from the population, linearised at the subject and made independent;
        standard normal if the model holds.
    effect_shrinkage : ndarray, shape (q,)
        1 − SD of the random effects / their standard deviation in the population. Near 1 the observations say little
        of the parameter of a subject, and a plot of the effects is misleading.
    residual_shrinkage : float
        1 − SD of the individual residuals.
    """

    fitted: Array
    individual: Array
    population: Array
    effect_shrinkage: Array
    residual_shrinkage: float


def diagnose(fit: NonlinearMixedFit) -> Diagnostics:
    """Return residuals and shrinkage of a fit.

    References
    ----------
    [Hooker2007]_, [SavicKarlsson2009]_
    """
    data, population = fit.data, fit.population
    value = population.curve.value(fit.phi, data.x)
    residual = Residual.of(population.residual, sigma=np.full(len(data.y), population.sigma), u=data.u)
    variance = residual.variance(value)
    individual = data.in_order((data.y - value) / np.sqrt(variance))
    slope = (population.curve.gradient(fit.phi, data.x) @ population.varying) * data.counts[..., None]
    deviation = (data.y - value + np.einsum("mnq,mq->mn", slope, fit.random_effects)) * data.counts
    marginal = slope @ population.omega @ np.swapaxes(slope, 1, 2)
    marginal = marginal + np.eye(data.y.shape[1]) * np.where(data.counts > 0, variance, 1.0)[:, None, :]
    whitened = np.linalg.solve(np.linalg.cholesky(marginal), deviation[..., None])[..., 0]
    spread = np.sqrt(np.diagonal(population.omega))
    observed = fit.random_effects.std(axis=0, ddof=1)
    shrinkage = 1 - np.divide(observed, spread, out=np.zeros_like(spread), where=spread > 0)
    return Diagnostics(
        fitted=data.in_order(value),
        individual=individual,
        population=data.in_order(whitened),
        effect_shrinkage=shrinkage,
        residual_shrinkage=float(1 - individual.std()),
    )


def simulate(population: Population, data: Observations, *, size: int, rng: np.random.Generator) -> Array:
    """Return observations of further subjects of the population, at the points of given ones.

    Parameters
    ----------
    population : Population
        Whose subjects are drawn.
    data : Observations
        Points, stated uncertainties and fixed effects.
    size : int
        How many times all subjects are drawn.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (size, N)
        In the order of the observations.
    """
    order = len(population.random)
    values, axes = np.linalg.eigh(population.omega)
    root = axes * np.sqrt(np.maximum(values, 0.0))
    b = rng.standard_normal((size, len(data.y), order)) @ root.T
    phi = data.design @ population.beta + (b @ population.varying.T)[:, :, None, :]
    value = population.curve.value(phi, data.x)
    residual = Residual.of(population.residual, sigma=np.full(len(data.y), population.sigma), u=data.u)
    drawn = value + np.sqrt(residual.variance(value)) * rng.standard_normal(value.shape)
    return np.asarray(drawn[:, data.place[:, 0], data.place[:, 1]])
