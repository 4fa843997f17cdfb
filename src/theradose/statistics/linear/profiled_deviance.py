"""The criterion that a linear mixed model minimises, −2 log likelihood, ordinary or restricted, and its derivatives.

The coefficients and the residual variance are profiled out: what remains is a function of θ, the lower triangles of the
relative covariance factors Λ, Σ = Λ Λᵀ. It is defined for every θ, so no bound is needed: a variance of zero is an
ordinary minimum at θ = 0.

Columns are made orthonormal, the response free of them and of unit size, and the columns of random effects of unit
root mean square before anything is computed, so units and shifts of the data do not matter.

References
----------
[Bates2015]_ Profiled deviance and REML criterion, the relative covariance factor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.linear.moments import Moments, elements, moments
from theradose.statistics.linear.random_effects import Bucket, Term, build_buckets, group_sums
from theradose.statistics.newton import Derivatives, Minimum, minimise

_NOTHING_LEFT = 1e-11
_TINY = 1e-100

_ZERO = 1e-6
"""Relative standard deviation that is zero: it changes −2 log likelihood by less than the rounding of its sum."""

_STARTS = (1.0, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A linear mixed model in columns of unit size.

    Attributes
    ----------
    terms, buckets, sums : tuple
        Random effects, their independent blocks, and Zᵀ [Q y].
    columns : array, shape (n, p + 1)
        [Q y]: the design X = Q R made orthonormal, and the response without its least-squares part, over `size`.
    triangle : array, shape (p, p)
        R.
    least_squares : array, shape (p,)
        Coefficients of the response on Q.
    size : float
        Root mean square of the response without its least-squares part.
    reml : bool
        Whether the likelihood is the restricted one.
    """

    terms: tuple[Term, ...]
    buckets: tuple[Bucket, ...]
    sums: tuple[Array, ...]
    columns: Array
    triangle: Array
    least_squares: Array
    size: float
    reml: bool

    @property
    def rows(self) -> int:
        """Number of rows, n."""
        return len(self.columns)

    @property
    def degrees(self) -> int:
        """Rows that the residual variance is an average of: n, or n − p for the restricted likelihood."""
        return len(self.columns) - (self.columns.shape[1] - 1 if self.reml else 0)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The profiled model at one θ, in the columns of its problem.

    Attributes
    ----------
    theta : array, shape (m,)
        Lower triangles of the factors.
    moments : Moments
        At θ.
    coefficients : array, shape (p,)
        On Q, of the response over its size.
    inverse : array, shape (p, p)
        (Qᵀ H⁻¹ Q)⁻¹.
    variance : float
        Residual variance.
    deviance : float
        −2 log likelihood of the data as they are.
    """

    theta: Array
    moments: Moments
    coefficients: Array
    inverse: Array
    variance: float
    deviance: float


def standardise(response: Array, matrix: Array, terms: Sequence[Term], reml: bool) -> Problem:
    """Return the problem of a response of shape (n,) and a design matrix of shape (n, p).

    Raises
    ------
    StatisticsError
        ``too-few-rows`` for fewer than p + 2 rows; ``constant-response`` if the design leaves nothing of the response.
    """
    n, p = matrix.shape
    if n < p + 2:
        raise StatisticsError(
            f"{n} rows are too few for {p} coefficients and two variances: add rows or leave out terms.",
            code="too-few-rows",
        )
    norms = np.linalg.norm(matrix, axis=0)
    q, triangle = np.linalg.qr(matrix / norms)
    least_squares = q.T @ response
    rest = response - q @ least_squares
    again = q.T @ rest
    rest = rest - q @ again
    size = float(np.sqrt(np.mean(rest**2)))
    if size <= _NOTHING_LEFT * float(np.abs(response).max()):
        raise StatisticsError(
            "The response does not vary beyond what the columns of the design explain exactly: there is nothing to "
            "estimate a variance from.",
            code="constant-response",
        )
    columns = np.column_stack([q, rest / size])
    return Problem(
        terms=tuple(terms),
        buckets=build_buckets(terms),
        sums=tuple(group_sums(term, columns) for term in terms),
        columns=columns,
        triangle=triangle * norms,
        least_squares=least_squares + again,
        size=size,
        reml=reml,
    )


def factors_of(terms: Sequence[Term], theta: Array) -> tuple[Array, ...]:
    """Return the lower triangular factors Λ of θ, whose triangles stand column by column, term by term."""
    factors = []
    start = 0
    for term in terms:
        count = term.size * (term.size + 1) // 2
        factor = np.zeros((term.size, term.size))
        factor.T[np.triu_indices(term.size)] = theta[start : start + count]
        factors.append(factor)
        start += count
    return tuple(factors)


def theta_of(factors: Sequence[Array]) -> Array:
    """Return θ of lower triangular factors."""
    return np.concatenate([factor.T[np.triu_indices(len(factor))] for factor in factors])


def estimate(problem: Problem) -> tuple[Minimum, Profile]:
    """Return the lowest minimum from two starts, and the profile there with its zeros made exact."""
    minima = []
    for start in _STARTS:
        theta = theta_of([start * np.eye(term.size) for term in problem.terms])
        # Where the groups leave no residual, factors grow without end and the variance underflows on the way.
        with np.errstate(all="ignore"):
            minima.append(minimise(lambda x: _derivatives_or_none(problem, x), theta))
    best = min(minima, key=lambda minimum: minimum.value)
    at = profile(problem, theta_of([_without_noise(factor) for factor in factors_of(problem.terms, best.x)]))
    return best, at


def _derivatives_or_none(problem: Problem, theta: Array) -> Derivatives:
    """Return the derivatives, infinite where the factors are so large that rounding makes their equations singular."""
    try:
        return derivatives(problem, theta)
    except np.linalg.LinAlgError:
        size = len(theta)
        return math.inf, np.full(size, math.inf), np.full((size, size), math.inf)


def _without_noise(factor: Array) -> Array:
    """Return a factor with a diagonal that is not negative and with exact zeros for what is zero to rounding."""
    factor = factor * np.where(np.diag(factor) < 0, -1.0, 1.0)
    factor[np.linalg.norm(factor, axis=1) < _ZERO] = 0.0
    small = np.diag(np.diag(factor) < _ZERO)
    factor[small] = 0.0
    return factor


def profile(problem: Problem, theta: Array) -> Profile:
    """Return the coefficients, the residual variance and the deviance at θ."""
    factors = factors_of(problem.terms, theta)
    m = moments(problem.terms, problem.buckets, problem.sums, problem.columns, [f @ f.T for f in factors])
    p = len(m.gram) - 1
    inverse = np.linalg.inv(m.gram[:p, :p])
    inverse = (inverse + inverse.T) / 2
    coefficients = inverse @ m.gram[:p, p]
    rest = float(m.gram[p, p] - m.gram[p, :p] @ coefficients)
    # Where the groups leave no residual, rounding must not make it negative.
    variance = max(rest / problem.degrees, _TINY)
    deviance = m.log_determinant + problem.degrees * (1 + math.log(2 * math.pi * variance * problem.size**2))
    if problem.reml:
        deviance += float(np.linalg.slogdet(m.gram[:p, :p])[1])
        deviance += 2 * float(np.log(np.abs(np.diag(problem.triangle))).sum())
    return Profile(theta, m, coefficients, inverse, variance, deviance)


def derivatives(problem: Problem, theta: Array) -> Derivatives:
    """Return the profiled deviance with its gradient and Hessian by θ."""
    at = profile(problem, theta)
    trace, traces = projected_traces(at, problem.reml)
    squares, products = quadratic_forms(at)
    gradient = trace - squares / at.variance
    hessian = -traces + 2 * products / at.variance - np.outer(squares, squares) / (at.variance**2 * problem.degrees)
    return at.deviance, *by_theta(problem.terms, theta, gradient, hessian)


def projected_traces(at: Profile, reml: bool) -> tuple[Array, Array]:
    """Return tr P H_r and tr P H_r P H_s, with P = H⁻¹ for the ordinary likelihood."""
    m = at.moments
    if not reml:
        return m.trace, m.traces
    p = len(at.inverse)
    first = at.inverse @ m.first[:, :p, :p]
    trace = m.trace - np.einsum("rii->r", first)
    traces = m.traces - 2 * np.einsum("ij,rsji->rs", at.inverse, m.second[:, :, :p, :p])
    return trace, traces + np.einsum("rij,sji->rs", first, first)


def quadratic_forms(at: Profile) -> tuple[Array, Array]:
    """Return yᵀ P H_r P y and yᵀ P H_r P H_s P y, P the projection that removes the design."""
    m, p = at.moments, len(at.inverse)
    v = np.append(-at.coefficients, 1.0)
    squares = np.einsum("i,rij,j->r", v, m.first, v)
    on_design = m.first[:, :p, :] @ v
    products = np.einsum("i,rsij,j->rs", v, m.second, v) - on_design @ at.inverse @ on_design.T
    return squares, products


def by_theta(terms: Sequence[Term], theta: Array, gradient: Array, hessian: Array) -> tuple[Array, Array]:
    """Return a gradient and a Hessian by θ from those by the elements of Σ = Λ Λᵀ."""
    jacobian = covariance_jacobian(terms, theta)
    bent = np.zeros((len(theta), len(theta)))
    start = 0
    for term in terms:
        basis = elements(term.size)
        part = slice(start, start + len(basis))
        lower = np.transpose(np.triu_indices(term.size))[:, ::-1]
        # ∂²Σ/∂Λ_ij∂Λ_kl = [j = l] (e_i e_kᵀ + e_k e_iᵀ), weighted by the gradient.
        weights = np.einsum("r,rab->ab", gradient[part], basis / np.maximum(basis.sum(axis=(1, 2)), 1)[:, None, None])
        for a, (i, j) in enumerate(lower):
            for b, (k, other) in enumerate(lower):
                if j == other:
                    bent[start + a, start + b] = 2 * weights[i, k]
        start += len(basis)
    return jacobian.T @ gradient, jacobian.T @ hessian @ jacobian + bent


def covariance_jacobian(terms: Sequence[Term], theta: Array) -> Array:
    """Return ∂Σ_r/∂θ, shape (m, m)."""
    jacobian = np.zeros((len(theta), len(theta)))
    start = 0
    for term, factor in zip(terms, factors_of(terms, theta), strict=True):
        rows, columns = np.triu_indices(term.size)[::-1]
        for a, (i, j) in enumerate(zip(rows, columns, strict=True)):
            change = np.zeros((term.size, term.size))
            change[i] += factor[:, j]
            change[:, i] += factor[:, j]
            jacobian[start : start + len(rows), start + a] = change[rows, columns]
        start += len(rows)
    return jacobian
