"""What a fit says of further subjects: a distribution of parameters, and how well it is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.nonlinear_mixed.covariance import Covariance, Structure
from theradose.statistics.nonlinear_mixed.curve import MixedCurve
from theradose.statistics.nonlinear_mixed.modes import Modes, Subjects, find_modes
from theradose.statistics.nonlinear_mixed.residual import Residual, ResidualKind

_STEP = 1e-2


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
    covariance : ndarray, shape (T, T)
        Of the estimates: fixed effects, numbers of Λ, and log σ where it was estimated; zeros where the population is
        taken as known.
    """

    curve: MixedCurve
    random: tuple[str, ...]
    structure: Structure
    beta: Array
    omega: Array
    sigma: float
    residual: ResidualKind
    covariance: Array

    @property
    def varying(self) -> Array:
        """Which parameters have a random effect, shape (K, q)."""
        return varying_matrix(self.curve.parameters, self.random)

    @property
    def theta(self) -> Array:
        """All parameters in the order of `covariance`."""
        free = Covariance(self.structure, len(self.random))
        root = np.sqrt(self.omega) if self.structure == "diagonal" else _root(self.omega)
        sigma = () if self.residual == "stated" else (np.log(self.sigma),)
        return np.concatenate([self.beta, free.numbers(root), sigma])


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Parameters of m subjects after their observations.

    Attributes
    ----------
    phi : ndarray, shape (m, K)
        Most probable parameters.
    within : ndarray, shape (m, K, K)
        Their covariance where the population is taken as known (Laplace's).
    covariance : ndarray, shape (m, K, K)
        With what is uncertain about the population.
    misfit : ndarray, shape (m,)
        Σ (y − f)²/v + ẑᵀẑ: chi-squared with as many degrees of freedom as observations if the subject belongs to the
        population, exactly so for a linear curve.
    p : ndarray, shape (m,)
        Probability of a misfit at least as large.
    converged : ndarray of bool, shape (m,)
        Whether the most probable parameters were found.
    """

    phi: Array
    within: Array
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


@dataclass(frozen=True, slots=True, eq=False)
class _NewSubjects:
    """Observations of m new subjects of a population."""

    population: Population
    x: Array
    y: Array
    u: Array
    counts: Array
    design: Array

    def at(self, theta: Array) -> tuple[Array, Array, Subjects]:
        """Return parameters by the fixed effects, shape (m, K), what multiplies z in them, and the subjects."""
        population, p = self.population, len(self.population.beta)
        free = Covariance(population.structure, len(population.random))
        factor = population.varying @ free.factor(theta[p : p + free.size])
        sigma = 1.0 if population.residual == "stated" else float(np.exp(theta[-1]))
        centre = self.design @ theta[:p]
        subjects = Subjects(
            population.curve, self.x, self.y, self.counts,
            np.broadcast_to(centre[:, None, :], (*self.y.shape, centre.shape[-1])),
            np.broadcast_to(factor, (len(self.y), *factor.shape)),
            Residual.of(population.residual, sigma=np.full(len(self.y), sigma), u=self.u),
        )  # fmt: skip
        return centre, factor, subjects

    def movement(self, modes: Modes) -> Array:
        """Return by how much the most probable parameters move with those of the population, shape (T, m, K).

        The gradient of a subject's objective stays zero: its derivative by the population's parameters says how z
        moves.
        """
        theta, scale = self.population.theta, np.sqrt(np.diagonal(self.population.covariance))
        moved = np.zeros((len(theta), *self.design.shape[:2]))
        for k in np.flatnonzero(scale > 0):
            step = _STEP * scale[k] * np.eye(len(theta))[k]
            ends = [self.at(theta + side * step) for side in (1, -1)]
            phi = [centre + modes.z @ factor.T for centre, factor, _ in ends]
            slope = [subjects.derivatives(modes.z)[0] for _, _, subjects in ends]
            by_z = -np.linalg.solve(modes.hessian, (slope[0] - slope[1])[..., None])[..., 0]
            moved[k] = (phi[0] - phi[1] + by_z @ self.at(theta)[1].T) / (2 * step[k])
        return moved


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
        ``mixed-data`` for numbers that are not finite or an uncertainty that is not positive.

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
    new = _NewSubjects(population, x, y, u, counts, design)
    centre, factor, subjects = new.at(population.theta)
    modes = find_modes(subjects, np.zeros((len(y), len(population.random))))
    within = factor @ np.linalg.inv(modes.hessian) @ factor.T
    movement = new.movement(modes)
    value = population.curve.value(subjects.phi(modes.z), x)
    misfit = np.sum(counts * (y - value) ** 2 / subjects.residual.variance(value), axis=1) + np.sum(modes.z**2, axis=1)
    return Posterior(
        phi=centre + modes.z @ factor.T,
        within=within,
        covariance=within + np.einsum("tmk,tu,uml->mkl", movement, population.covariance, movement),
        misfit=misfit,
        p=np.asarray(gammaincc(counts.sum(axis=1) / 2, misfit / 2)),
        converged=modes.converged,
    )


def varying_matrix(parameters: tuple[str, ...], random: tuple[str, ...]) -> Array:
    """Return which parameter each random effect belongs to, shape (K, q)."""
    return np.array([[float(name == effect) for effect in random] for name in parameters])


def _root(omega: Array) -> Array:
    """Return the lower triangular factor of a covariance that may be singular."""
    values, axes = np.linalg.eigh(omega)
    _, upper = np.linalg.qr((axes * np.sqrt(np.maximum(values, 0.0))).T)
    return np.asarray(upper.T * np.sign(np.where(np.diagonal(upper) == 0, 1.0, np.diagonal(upper))))
