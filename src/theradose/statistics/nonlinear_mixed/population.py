"""What a fit says of further subjects: a distribution of parameters, and how well it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.nonlinear_mixed.covariance import Structure
from theradose.statistics.nonlinear_mixed.curve import MixedCurve
from theradose.statistics.nonlinear_mixed.modes import Subjects, find_modes
from theradose.statistics.nonlinear_mixed.residual import Residual, ResidualKind


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Parameters of a population.

    Attributes
    ----------
    curve : MixedCurve
        The curve.
    random : tuple of str, length q
        Parameters that vary between subjects.
    structure : {"diagonal", "full"}
        Of Ω.
    beta : ndarray, shape (P,)
        Fixed effects.
    omega : ndarray, shape (q, q)
        Covariance between subjects.
    sigma : float
        Residual standard deviation, in the meaning of `residual`; 1 where uncertainties are stated.
    residual : str
        Scatter of the observations.
    covariance : ndarray, shape (P, P)
        Of the estimated fixed effects; zeros where they are known.
    subjects : int or None
        How many subjects Ω was estimated from; ``None`` where it is known.
    """

    curve: MixedCurve
    random: tuple[str, ...]
    structure: Structure
    beta: Array
    omega: Array
    sigma: float
    residual: ResidualKind
    covariance: Array
    subjects: int | None = None

    @property
    def varying(self) -> Array:
        """Which parameters have a random effect, shape (K, q)."""
        return varying_matrix(self.curve.parameters, self.random)

    def predictive_covariance(self, design: Array) -> Array:
        """Return the covariance of new subjects about the estimated centre, shape (m, K, K).

        Parameters
        ----------
        design : ndarray, shape (m, K, P)
            Fixed effects of each subject.

        Raises
        ------
        StatisticsError
            ``mixed-few-subjects`` where Ω comes from too few to say how a further one varies.

        References
        ----------
        [Gelman2013]_, section 3.6.
        """
        together = len(self.random) if self.structure == "full" else 1
        inflation = 1.0 if self.subjects is None else predictive_inflation(self.subjects, together)
        if not math.isfinite(inflation):
            raise StatisticsError(
                f"{self.subjects} subjects are too few to say how a further one varies in {together} parameters "
                "together: add subjects, or let fewer parameters vary.",
                code="mixed-few-subjects",
            )
        between = inflation * self.varying @ self.omega @ self.varying.T
        return np.asarray(between + design @ self.covariance @ np.swapaxes(design, -1, -2))


def predictive_inflation(subjects: int, together: int) -> float:
    """Return by how much the covariance of a further subject exceeds that of n subjects by maximum likelihood.

    A further draw from a normal distribution in q dimensions whose covariance is estimated from n follows a
    distribution of Student, with a covariance n/(n − q − 2) times as large; infinite where n is too small.

    References
    ----------
    [Gelman2013]_, section 3.6.
    """
    degrees = subjects - together - 2
    return subjects / degrees if degrees > 0 else math.inf


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Parameters of m subjects after their observations.

    Attributes
    ----------
    phi : ndarray, shape (m, K)
        Most probable parameters.
    covariance : ndarray, shape (m, K, K)
        Laplace's, from the predictive covariance of the population: it holds what is uncertain about the population.
    misfit : ndarray, shape (m,)
        Σ (y − f)²/v + ẑᵀẑ: chi-squared with as many degrees of freedom as observations if the subject belongs to the
        population, exactly so for a linear curve.
    p : ndarray, shape (m,)
        Probability of a misfit at least as large.
    converged : ndarray of bool, shape (m,)
        Whether the most probable parameters were found.
    """

    phi: Array
    covariance: Array
    misfit: Array
    p: Array
    converged: Array

    def draws(self, size: int, rng: np.random.Generator) -> Array:
        """Return parameters drawn from the normal distribution with `covariance`, shape (size, m, K)."""
        values, axes = np.linalg.eigh(self.covariance)
        root = axes * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        normal = rng.standard_normal((size, *self.phi.shape))
        return np.asarray(self.phi + np.einsum("mkl,sml->smk", root, normal))


def posterior(
    population: Population,
    *,
    x: Array,
    y: Array,
    u: Array | None = None,
    counts: Array | None = None,
    design: Array | None = None,
) -> Posterior:
    """Return what the observations of new subjects say of their parameters.

    Parameters
    ----------
    population : Population
        Whom they are taken to belong to.
    x : ndarray, shape (m, n, d)
        Where each subject was observed.
    y, u : ndarray, shape (m, n)
        Observations and their stated standard uncertainties (1 if left out).
    counts : ndarray, shape (m, n), optional
        1 for an observation, 0 for a point that only fills up; all count by default.
    design : ndarray, shape (m, K, P), optional
        Fixed effects of each subject; the identity by default.

    Raises
    ------
    StatisticsError
        ``mixed-data`` for numbers that are not finite or an uncertainty that is not positive, and
        ``mixed-few-subjects``.

    References
    ----------
    [PinheiroBates1995]_ Laplace's approximation.
    """
    from scipy.special import gammaincc

    x, y = np.asarray(x, float), np.asarray(y, float)
    u = np.ones_like(y) if u is None else np.asarray(u, float)
    counts = np.ones_like(y) if counts is None else np.asarray(counts, float)
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(u).all() and (u > 0).all()):
        raise StatisticsError(
            "An observation is not finite, or its uncertainty is not positive: correct it or leave it out.",
            code="mixed-data",
        )
    parameters = len(population.curve.parameters)
    if design is None:
        design = np.broadcast_to(np.eye(parameters), (len(y), parameters, parameters))
    values, axes = np.linalg.eigh(population.predictive_covariance(np.asarray(design, float)))
    spread = axes * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    centre = design @ population.beta
    subjects = Subjects(
        population.curve, x, y, counts, np.broadcast_to(centre[:, None, :], (*y.shape, parameters)), spread,
        Residual.of(population.residual, sigma=np.full(len(y), population.sigma), u=u),
    )  # fmt: skip
    modes = find_modes(subjects, np.zeros((len(y), parameters)))
    value = population.curve.value(subjects.phi(modes.z), x)
    misfit = np.sum(counts * (y - value) ** 2 / subjects.residual.variance(value), axis=1) + np.sum(modes.z**2, axis=1)
    return Posterior(
        phi=centre + (spread @ modes.z[..., None])[..., 0],
        covariance=spread @ np.linalg.inv(modes.hessian) @ np.swapaxes(spread, 1, 2),
        misfit=misfit,
        p=np.asarray(gammaincc(counts.sum(axis=1) / 2, misfit / 2)),
        converged=modes.converged,
    )


def varying_matrix(parameters: tuple[str, ...], random: tuple[str, ...]) -> Array:
    """Return which parameter each random effect belongs to, shape (K, q)."""
    return np.array([[float(name == effect) for effect in random] for name in parameters])
