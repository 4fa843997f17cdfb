"""Fit of a nonlinear mixed model.

References
----------
[LindstromBates1990]_, [PinheiroBates2000]_ ``lindstrom-bates``, the algorithm of R's nlme.
[PinheiroBates1995]_ ``laplace``, the marginal likelihood by Laplace's approximation.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.statistics.design import Design
from theradose.statistics.nonlinear_mixed.covariance import Covariance, Structure
from theradose.statistics.nonlinear_mixed.curve import MixedCurve
from theradose.statistics.nonlinear_mixed.data import Observations, observations
from theradose.statistics.nonlinear_mixed.laplace import MarginalLikelihood
from theradose.statistics.nonlinear_mixed.lindstrom_bates import Alternation, Linearised
from theradose.statistics.nonlinear_mixed.population import Population, varying_matrix
from theradose.statistics.nonlinear_mixed.requirements import check_model, check_size
from theradose.statistics.nonlinear_mixed.residual import Residual, ResidualKind

Method = Literal["laplace", "lindstrom-bates"]
_RELATIVE: tuple[ResidualKind, ...] = ("proportional", "stated-proportional")
_SINGULAR = 1e-6
_SMALLEST_SHARE = 0.1
_U_LOG_SIGMA = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class NonlinearMixedFit:
    """A fitted population.

    Attributes
    ----------
    method : {"laplace", "lindstrom-bates"}
        How the likelihood was approximated.
    effects : tuple of str, length P
        Names of the fixed effects.
    coefficients, covariance : ndarray, shapes (P,) and (P, P)
        Fixed effects and their covariance.
    population : Population
        For new subjects.
    omega_u : ndarray, shape (q, q)
        Standard errors of Ω; zero for a variance of zero, of which they say nothing.
    sigma_u : float or None
        Standard error of σ; ``None`` where it is stated.
    reml : bool
        Whether the likelihood is the restricted one, which compares models of equal fixed effects only.
    log_likelihood, aic, bic : float
        Of the approximated likelihood.
    data : Observations
        What was fitted.
    random_effects : ndarray, shape (m, q)
        Of each subject.
    phi : ndarray, shape (m, n, K)
        Parameters at each point.
    singular, converged : bool
        Whether a variance, or a direction of Ω, is zero; whether the optimum was found.
    findings : tuple of Finding
        What limits the trust in the numbers.
    """

    method: Method
    effects: tuple[str, ...]
    coefficients: Array
    covariance: Array
    population: Population
    omega_u: Array
    sigma_u: float | None
    reml: bool
    log_likelihood: float
    aic: float
    bic: float
    data: Observations
    random_effects: Array
    phi: Array
    singular: bool
    converged: bool
    findings: tuple[Finding, ...]

    @property
    def u(self) -> Array:
        """Standard errors of the fixed effects, shape (P,)."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)))


def fit_nonlinear_mixed(
    curve: MixedCurve,
    *,
    subjects: Sequence[Hashable],
    x: Array,
    y: Array,
    start: Mapping[str, float],
    random: Sequence[str],
    u: Array | None = None,
    designs: Mapping[str, Design] | None = None,
    structure: Structure = "diagonal",
    residual: ResidualKind = "constant",
    method: Method = "laplace",
    reml: bool = False,
    rough: bool = False,
) -> NonlinearMixedFit:
    """Fit the curve of a population and the spread of its parameters between subjects.

    Parameters
    ----------
    curve : MixedCurve
        The curve of one subject.
    subjects : sequence, length N
        Whom each observation is of.
    x, y, u : ndarray, length N
        Points, observations, and stated standard uncertainties, which the residual models ``stated``, ``scaled``,
        ``stated-proportional`` and ``stated-constant`` need.
    start : mapping of str to float
        First guess of every parameter of the curve; further fixed effects of a design begin at zero.
    random : sequence of str
        Parameters that vary between subjects.
    designs : mapping of str to Design, optional
        Fixed effects of parameters; an intercept alone by default.
    structure : {"diagonal", "full"}
        Whether the random effects of a subject are independent.
    residual : str
        Standard deviation of an observation: ``constant`` σ, ``stated`` u, ``scaled`` σ u, ``proportional`` σ f,
        ``stated-proportional`` √(u² + σ² f²), ``stated-constant`` √(u² + σ²).
    method : {"laplace", "lindstrom-bates"}
        Approximation of the likelihood.
    reml : bool
        Whether ``lindstrom-bates`` maximises the restricted likelihood.
    rough : bool
        Whether ``lindstrom-bates`` ends within about 1e-4 of the optimum, which suffices to compare models.

    Raises
    ------
    StatisticsError
        ``mixed-data`` for observations that cannot be used, ``mixed-model`` for a model that does not fit together,
        ``mixed-start`` if the curve is not finite at the first guess, ``too-few-observations``, and
        ``mixed-not-determined`` where the search leaves what can be computed.

    References
    ----------
    [LindstromBates1990]_, [PinheiroBates1995]_, [PinheiroBates2000]_
    """
    check_model(curve, start, random, u, residual, method, reml)
    # Uncertainties that the residual model has no use for must not become weights.
    stated = None if residual in ("constant", "proportional") else u
    data = observations(curve.parameters, subjects=subjects, x=x, y=y, u=stated, designs=designs)
    covariance = Covariance(structure, len(random))
    varying = varying_matrix(curve.parameters, tuple(random))
    check_size(data, covariance)
    first = np.array([start.get(effect, 0.0) for effect in data.effects])
    with np.errstate(all="ignore"):
        guess = curve.value(data.design @ first, data.x)
    if not np.isfinite(guess[data.counts > 0]).all():
        raise StatisticsError(
            "The curve has no finite value at the first guess of its parameters: give a better 'start'.",
            code="mixed-start",
        )
    linearised = _linearised(curve, data, varying, covariance, residual)
    if method == "lindstrom-bates":
        linearised = replace(linearised, reml=reml, proportional=residual == "proportional")
    alternation = linearised.alternate(first, rough=rough)
    if method == "lindstrom-bates" and alternation is not None:
        return _from_alternation(linearised, data, alternation, residual, tuple(random), structure)
    starts = [found for found in (alternation, linearised.begin(first)) if found is not None]
    if method == "lindstrom-bates" or not starts:
        raise StatisticsError(
            f"The observations do not determine {', '.join(data.effects)} and the spread between subjects: let fewer "
            "parameters vary, leave out effects, state the uncertainties of the observations, or give another 'start'.",
            code="mixed-not-determined",
        )
    likelihood = MarginalLikelihood(curve, data, varying, covariance, residual)
    return _from_likelihood(likelihood, starts, tuple(random), structure)


def _linearised(
    curve: MixedCurve, data: Observations, varying: Array, covariance: Covariance, residual: ResidualKind
) -> Linearised:
    """Return the model of the alternating algorithm with weights that do not depend on the curve."""
    if residual in _RELATIVE:
        # A start for the exact method only: relative to what was observed.
        size = np.abs(data.y)
        u = np.maximum(size, _SMALLEST_SHARE * np.median(size[data.counts > 0]))
        data = Observations(data.subjects, data.x, data.y, u, data.counts, data.design, data.effects, data.place)
    if residual == "stated-constant":
        data = replace(data, u=np.ones_like(data.u))
    sigma2 = 1.0 if residual == "stated" else None
    return Linearised(curve, data, varying, covariance, sigma2)


def _from_alternation(
    linearised: Linearised, data: Observations, alternation: Alternation, residual: ResidualKind,
    random: tuple[str, ...], structure: Structure,
) -> NonlinearMixedFit:  # fmt: skip
    solution, step, free = alternation.solution, alternation.step, linearised.covariance
    sigma = math.sqrt(solution.sigma2)
    # With a stated variance the factor is absolute already.
    factor = free.factor(alternation.numbers) * sigma
    of_beta = solution.sigma2 * np.linalg.inv(solution.information)
    of_numbers, upright = _upright(step.variance_covariance(free, alternation.numbers), factor, free, 0)
    population = Population(
        linearised.curve, random, structure, solution.beta, factor @ factor.T, sigma, residual, of_beta,
        len(data.y),
    )  # fmt: skip
    return _finished(
        "lindstrom-bates", data, population, of_beta, solution.z @ factor.T / sigma,
        -solution.deviance / 2 + alternation.log_weights, converged=alternation.converged, reml=linearised.reml,
        omega_u=_omega_u(of_numbers[: free.size, : free.size], upright, free),
        sigma_u=sigma * math.sqrt(of_numbers[-1, -1]) if residual != "stated" else None,
    )  # fmt: skip


def _upright(covariance: Array, factor: Array, free: Covariance, p: int) -> tuple[Array, Array]:
    """Return the covariance of p fixed effects and the numbers of Λ for a positive diagonal, and that Λ.

    The sign of a column of Λ means nothing.
    """
    signs = np.where(np.diagonal(factor) < 0, -1.0, 1.0)
    turned = np.ones(len(covariance))
    turned[p : p + free.size] = free.numbers(np.broadcast_to(signs, factor.shape))
    return covariance * np.outer(turned, turned), factor * signs


def _from_likelihood(
    likelihood: MarginalLikelihood, starts: Sequence[Alternation], random: tuple[str, ...], structure: Structure
) -> NonlinearMixedFit:
    p, free, estimated = len(likelihood.data.effects), likelihood.covariance, likelihood.estimates_sigma
    ends = []
    for start in starts:
        ends.append(likelihood.maximise(*_first(start, free, estimated=estimated)))
        if ends[-1].converged:
            break
    best = max(ends, key=lambda end: (end.converged, end.log_likelihood))
    beta, factor, fitted_sigma = likelihood.split(best.theta)
    covariance, upright = _upright(best.covariance, factor, free, p)
    population = Population(
        likelihood.curve, random, structure, beta, factor @ factor.T, float(fitted_sigma), likelihood.residual,
        best.covariance[:p, :p], len(likelihood.data.y),
    )  # fmt: skip
    return _finished(
        "laplace", likelihood.data, population, best.covariance[:p, :p], best.modes.z @ factor.T, best.log_likelihood,
        converged=best.converged,
        omega_u=_omega_u(covariance[p : p + free.size, p : p + free.size], upright, free),
        sigma_u=float(fitted_sigma) * math.sqrt(covariance[-1, -1]) if estimated else None,
    )  # fmt: skip


def _first(start: Alternation, free: Covariance, *, estimated: bool) -> tuple[Array, Array]:
    """Return where a search of the likelihood begins and how far each parameter may be off."""
    solution, noticeable = start.solution, start.step.noticeable
    sigma = math.sqrt(solution.sigma2)
    numbers = free.raised(start.numbers, noticeable) * sigma
    unit = free.numbers(np.broadcast_to(noticeable[:, None], (len(noticeable), len(noticeable)))) * sigma
    u_beta = np.sqrt(solution.sigma2 * np.diagonal(np.linalg.inv(solution.information)))
    u_numbers = np.maximum(np.abs(numbers), unit) / 3
    return (
        np.concatenate([solution.beta, numbers, [math.log(sigma)] if estimated else []]),
        np.concatenate([u_beta, u_numbers, [_U_LOG_SIGMA] if estimated else []]),
    )


def _omega_u(covariance: Array, factor: Array, free: Covariance) -> Array:
    """Return the standard errors of Ω = Λ Λᵀ from the covariance of the numbers of Λ."""
    moved = [free.factor(unit) @ factor.T for unit in np.eye(free.size)]
    by_number = np.array([change + change.T for change in moved])
    return np.asarray(np.sqrt(np.einsum("aij,ab,bij->ij", by_number, covariance, by_number)))


def _finished(
    method: Method, data: Observations, population: Population, covariance: Array, b: Array, log_likelihood: float,
    *, converged: bool, omega_u: Array, sigma_u: float | None, reml: bool = False,
) -> NonlinearMixedFit:  # fmt: skip
    phi = data.design @ population.beta + (b @ population.varying.T)[:, None, :]
    singular = _is_singular(data, population, phi)
    size = len(population.beta) + Covariance(population.structure, len(population.random)).size
    size += population.residual != "stated"
    return NonlinearMixedFit(
        method=method,
        effects=data.effects,
        coefficients=population.beta,
        covariance=covariance,
        population=population,
        omega_u=omega_u,
        sigma_u=sigma_u,
        log_likelihood=log_likelihood,
        reml=reml,
        aic=2 * size - 2 * log_likelihood,
        bic=size * math.log(data.size - reml * len(population.beta)) - 2 * log_likelihood,
        data=data,
        random_effects=b,
        phi=phi,
        singular=singular,
        converged=converged,
        findings=_findings(population, singular=singular, converged=converged),
    )


def _is_singular(data: Observations, population: Population, phi: Array) -> bool:
    """Return whether a direction of Ω is too small for the observations of a subject to be seen in them."""
    value = population.curve.value(phi, data.x)
    variance = Residual.of(population.residual, sigma=np.full(len(data.y), population.sigma), u=data.u).variance(value)
    slope = population.curve.gradient(phi, data.x) @ population.varying
    seen = np.sqrt(np.einsum("mn,mnq->q", data.counts / variance, slope**2) / len(data.y))
    spread = np.linalg.eigvalsh(population.omega * np.outer(seen, seen))
    return bool(spread[0] < _SINGULAR * max(float(spread[-1]), 1.0))


def _findings(population: Population, *, singular: bool, converged: bool) -> tuple[Finding, ...]:
    found = []
    if not converged:
        message = "The optimum was not found: the estimates are where the search ended and may not be used."
        found.append(Finding("not-converged", "critical", message, "population"))
    if singular:
        message = (
            f"A variance between subjects is zero, or random effects ({', '.join(population.random)}) depend on each "
            "other: the observations do not support so many; let fewer parameters vary."
        )
        found.append(Finding("singular-fit", "warning", message, "population"))
    return tuple(found)
