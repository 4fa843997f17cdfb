"""How well the variances of a linear mixed model are known, and what that means for its fixed effects.

Everything is in the orthonormal columns of a :class:`~theradose.statistics.linear.profiled_deviance.Problem`, contrasts
included.

References
----------
[KenwardRoger1997]_ Adjusted covariance and degrees of freedom.
[Halekoh2014]_ Their computation, and the limits of the formulas where a denominator vanishes.
[Satterthwaite1946]_, [FaiCornelius1996]_, [Kuznetsova2017]_ Degrees of freedom from the variance of a variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.statistics.linear.profiled_deviance import (
    Problem,
    Profile,
    by_theta,
    covariance_jacobian,
    projected_traces,
    quadratic_forms,
)

_FLAT = 1e-10
_EQUAL = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class KenwardRoger:
    """Kenward and Roger's quantities of a fit.

    Attributes
    ----------
    covariance, adjusted : array, shape (p, p)
        Of the coefficients, unadjusted and adjusted.
    sensitivities : array, shape (m, p, p)
        Xᵀ V⁻¹ V_r V⁻¹ X for the parameters r of the covariance V.
    uncertainty : array, shape (m, m)
        Covariance of the parameters of V.
    """

    covariance: Array
    adjusted: Array
    sensitivities: Array
    uncertainty: Array

    def degrees(self, contrasts: Array, covariance: Array | None = None) -> tuple[float, float]:
        """Return the denominator degrees of freedom of contrasts and the factor of their F statistic.

        Parameters
        ----------
        contrasts : array, shape (q, p)
            Linearly independent rows.
        covariance : array, shape (p, p), optional
            Unadjusted covariance in place of that of the fit.
        """
        phi = self.covariance if covariance is None else covariance
        q = len(contrasts)
        theta = contrasts.T @ np.linalg.solve(contrasts @ phi @ contrasts.T, contrasts)
        parts = theta @ phi @ self.sensitivities @ phi
        traces = np.einsum("rii->r", parts)
        a1 = float(traces @ self.uncertainty @ traces)
        a2 = float(np.einsum("rs,rij,sji->", self.uncertainty, parts, parts))
        return _denominator(a1, a2, q)


@dataclass(frozen=True, slots=True, eq=False)
class Satterthwaite:
    """The covariance of the coefficients and how it varies with the parameters of the model.

    Attributes
    ----------
    covariance : array, shape (p, p)
        Of the coefficients.
    gradient : array, shape (m, p, p)
        Its derivatives by θ and the residual standard deviation.
    uncertainty : array, shape (m, m)
        Covariance of these.
    """

    covariance: Array
    gradient: Array
    uncertainty: Array

    def degrees(self, contrast: Array) -> float:
        """Return the degrees of freedom of one contrast, shape (p,)."""
        variance = float(contrast @ self.covariance @ contrast)
        gradient = np.einsum("i,rij,j->r", contrast, self.gradient, contrast)
        return 2 * variance**2 / float(gradient @ self.uncertainty @ gradient)


def kenward_roger(problem: Problem, at: Profile) -> KenwardRoger:
    """Return the quantities of a restricted fit.

    The parameters are the elements of Σ and the size of V as a whole, in which V is as linear as in the residual
    variance, without differences of large numbers.
    """
    p, n = len(at.inverse), problem.rows
    m = at.moments
    gram = m.gram[:p, :p]
    first = np.concatenate([gram[None], m.first[:, :p, :p]])
    count = len(first)
    second = np.empty((count, count, p, p))
    second[0], second[:, 0] = first, first
    second[1:, 1:] = m.second[:, :, :p, :p]
    traces = np.empty((count, count))
    traces[0] = traces[:, 0] = np.append(n, m.trace)
    traces[1:, 1:] = m.traces
    phi = at.inverse
    products = phi @ first
    information = traces - 2 * np.einsum("ij,rsji->rs", phi, second) + np.einsum("rij,sji->rs", products, products)
    uncertainty = 2 * _inverse(information)
    inner = np.einsum("rs,rsij->ij", uncertainty, second - np.einsum("rij,sjk->rsik", first @ phi, first))
    adjusted = phi + 2 * phi @ inner @ phi
    variance = at.variance
    return KenwardRoger(
        covariance=variance * phi,
        adjusted=variance * (adjusted + adjusted.T) / 2,
        sensitivities=first / variance,
        uncertainty=uncertainty,
    )


def satterthwaite(problem: Problem, at: Profile) -> Satterthwaite:
    """Return the quantities of a fit, restricted or not."""
    p, sd = len(at.inverse), at.variance**0.5
    trace, traces = projected_traces(at, problem.reml)
    squares, products = quadratic_forms(at)
    terms, theta = problem.terms, at.theta
    _, of_theta = by_theta(terms, theta, trace - squares / at.variance, -traces + 2 * products / at.variance)
    jacobian = covariance_jacobian(terms, theta)
    hessian = np.empty((len(theta) + 1,) * 2)
    hessian[:-1, :-1] = of_theta
    hessian[-1, :-1] = hessian[:-1, -1] = 2 * jacobian.T @ squares / (at.variance * sd)
    hessian[-1, -1] = 4 * problem.degrees / at.variance
    by_element = at.variance * at.inverse @ at.moments.first[:, :p, :p] @ at.inverse
    gradient = np.concatenate([np.einsum("rt,rij->tij", jacobian, by_element), [2 * sd * at.inverse]])
    return Satterthwaite(at.variance * at.inverse, gradient, 2 * _inverse(hessian))


def joint_degrees(each: Array) -> float:
    """Return the denominator degrees of freedom of an F statistic from those of its independent contrasts."""
    if np.ptp(each) < _EQUAL:
        return float(each.mean())
    if (each <= 2).any():
        return 2.0
    expected = float(np.sum(each / (each - 2)))
    return 2 * expected / (expected - len(each))


def _inverse(matrix: Array) -> Array:
    """Return the inverse of a symmetric matrix, without the directions in which it is flat or bends down."""
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    kept = values > _FLAT * values[-1]
    inverse: Array = (vectors[:, kept] / values[kept] @ vectors[:, kept].T) / np.outer(scale, scale)
    return inverse


def _denominator(a1: float, a2: float, q: int) -> tuple[float, float]:
    """Return degrees of freedom and factor of the F statistic; it is F's own where the moments are those of F."""
    b = (a1 + 6 * a2) / (2 * q)
    g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
    below = 3 * q + 2 * (1 - g)
    v0 = 1 + g / below * b
    v1 = 1 - (q - g) / below * b
    v2 = 1 - (q + 2 - g) / below * b
    v0 = 0.0 if abs(v0) < 1e-10 else v0
    expectation = 1 - a2 / q
    ratio = 1.0 if abs(expectation) < 1e-14 and abs(v1) < 1e-14 else expectation / v1
    rho = ratio**2 * v0 / (q * v2)
    df = 4 + (q + 2) / (q * rho - 1)
    return df, 1.0 if abs(df - 2) < 1e-2 else df * expectation / (df - 2)
