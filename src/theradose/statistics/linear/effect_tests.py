"""Tests of the fixed effects of linear mixed models with approximate degrees of freedom.

Variances are estimated, so estimates over their standard errors are not normal, and with the few patients of a cohort
the difference matters. Satterthwaite's degrees of freedom come from how well the variance of an estimate is known;
Kenward and Roger also enlarge the variance for not knowing the variances. At a singular fit both take derivatives where
the estimates are, on the edge.

References
----------
[KenwardRoger1997]_, [Halekoh2014]_ Adjusted covariance, degrees of freedom and scaled F statistic.
[Satterthwaite1946]_, [FaiCornelius1996]_, [Kuznetsova2017]_ Degrees of freedom of t and F statistics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.chi_squared import ChiSquaredTest, chi_squared_test
from theradose.statistics.design import INTERCEPT, centred_matrix
from theradose.statistics.linear.degrees_of_freedom import (
    KenwardRoger,
    Satterthwaite,
    joint_degrees,
    kenward_roger,
    satterthwaite,
)
from theradose.statistics.linear.mixed import LinearMixedFit
from theradose.statistics.linear.profiled_deviance import estimate
from theradose.statistics.student import t_quantile, two_sided

Method = Literal["kenward-roger", "satterthwaite", "asymptotic"]

_RANK = 1e-10


@dataclass(frozen=True, slots=True)
class Contrast:
    """A linear combination of coefficients.

    Attributes
    ----------
    estimate, se : float
        In the unit of the response over that of the coefficients.
    df : float
        Degrees of freedom of t; infinite where t is taken for normal.
    t, p : float
        Estimate over its standard error, and the two-sided probability of a larger one by chance.
    low, high : float
        Confidence interval.
    name : str
        What was estimated.
    """

    estimate: float
    se: float
    df: float
    t: float
    p: float
    low: float
    high: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class JointTest:
    """An F test of several linear combinations at once.

    Attributes
    ----------
    f : float
        The statistic, scaled where the method asks for it.
    df_numerator, df_denominator : float
        Its degrees of freedom; the denominator's are infinite where f is a chi-squared over its own.
    p : float
        Probability of a larger one by chance.
    name : str
        What was tested.
    """

    f: float
    df_numerator: int
    df_denominator: float
    p: float
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """A fit with what a method knows about it; computed once for many contrasts.

    Attributes
    ----------
    fit : LinearMixedFit
        The model.
    method : {"kenward-roger", "satterthwaite", "asymptotic"}
        Of the degrees of freedom.
    known : KenwardRoger, Satterthwaite or None
        Quantities of the method. Those of Kenward and Roger are of the restricted likelihood always.
    coefficients : array, shape (p,)
        Of the joint tests: with Kenward and Roger those of the restricted likelihood.
    """

    fit: LinearMixedFit
    method: Method
    known: KenwardRoger | Satterthwaite | None
    coefficients: Array

    def t(self, row: Array) -> tuple[float, float, float]:
        """Return estimate, standard error and degrees of freedom of a contrast, shape (p,)."""
        estimate = float(row @ self.fit.coefficients)
        inner = _in_orthonormal_columns(self.fit, row[None])[0]
        size = self.fit.problem.size
        covariance = self.fit.profile.variance * self.fit.profile.inverse
        if isinstance(self.known, KenwardRoger):
            df, _ = self.known.degrees(inner[None], covariance)
            return estimate, size * math.sqrt(float(inner @ self.known.adjusted @ inner)), df
        df = self.known.degrees(inner) if self.known else math.inf
        return estimate, size * math.sqrt(float(inner @ covariance @ inner)), df

    def f(self, matrix: Array) -> tuple[float, int, float]:
        """Return the F statistic and both degrees of freedom of contrasts, shape (q, p).

        Satterthwaite's are those of the principal axes of the contrasts as they are given: they depend on their units.
        """
        inner = _in_orthonormal_columns(self.fit, matrix)
        _, sizes, axes = np.linalg.svd(inner / np.linalg.norm(inner, axis=1)[:, None], full_matrices=False)
        q = int(np.sum(sizes > _RANK * sizes[0]))
        if isinstance(self.known, KenwardRoger):
            estimates = axes[:q] @ self.coefficients
            df, factor = self.known.degrees(axes[:q])
            wald = float(estimates @ np.linalg.solve(axes[:q] @ self.known.adjusted @ axes[:q].T, estimates))
            return factor * wald / q, q, df
        covariance = inner @ (self.fit.profile.variance * self.fit.profile.inverse) @ inner.T
        values, vectors = np.linalg.eigh(covariance)
        rows = vectors.T[-q:] @ inner
        statistic = float(np.sum((rows @ self.coefficients) ** 2 / values[-q:])) / q
        if self.known is None:
            return statistic, q, math.inf
        return statistic, q, joint_degrees(np.array([self.known.degrees(row) for row in rows]))


def inference(fit: LinearMixedFit, method: Method = "kenward-roger") -> Inference:
    """Return what a method knows about a fit.

    Of a fit by the ordinary likelihood, Kenward and Roger's adjusted covariance is that of the restricted one.

    Raises
    ------
    StatisticsError
        ``unknown-method``.
    """
    scaled = (fit.problem.least_squares / fit.problem.size) + fit.profile.coefficients
    if method == "kenward-roger":
        at = fit.profile if fit.reml else estimate(replace(fit.problem, reml=True))[1]
        restricted = (fit.problem.least_squares / fit.problem.size) + at.coefficients
        return Inference(fit, method, kenward_roger(fit.problem, at), restricted)
    if method == "satterthwaite":
        return Inference(fit, method, satterthwaite(fit.problem, fit.profile), scaled)
    if method == "asymptotic":
        return Inference(fit, method, None, scaled)
    raise StatisticsError(
        f"{method} is no method of degrees of freedom: choose kenward-roger, satterthwaite or asymptotic.",
        code="unknown-method",
    )


def contrast(
    fit: LinearMixedFit,
    matrix: Sequence[Sequence[float]] | Array,
    method: Method = "kenward-roger",
    *,
    level: float = 0.95,
    names: Sequence[str] | None = None,
) -> tuple[Contrast, ...]:
    """Return linear combinations of the coefficients with their tests against zero.

    Parameters
    ----------
    fit : LinearMixedFit
        The model.
    matrix : array_like, shape (q, p)
        One combination a row.
    method : {"kenward-roger", "satterthwaite", "asymptotic"}
        Of the degrees of freedom.
    level : float
        Of the confidence intervals.
    names : sequence of str, optional
        Of the combinations.

    Raises
    ------
    StatisticsError
        ``contrast-shape`` for rows of another length than the coefficients, or of zeros; ``unknown-method``.

    References
    ----------
    [KenwardRoger1997]_, [Kuznetsova2017]_
    """
    rows = _checked(fit, matrix)
    with_method = inference(fit, method)
    titles = names if names is not None else [""] * len(rows)
    return tuple(t_test(*with_method.t(row), level=level, name=name) for row, name in zip(rows, titles, strict=True))


def coefficient_tests(
    fit: LinearMixedFit, method: Method = "kenward-roger", *, level: float = 0.95
) -> tuple[Contrast, ...]:
    """Return every coefficient with its test against zero.

    References
    ----------
    [KenwardRoger1997]_, [Kuznetsova2017]_
    """
    return contrast(fit, np.eye(len(fit.coefficients)), method, level=level, names=fit.design.names)


def joint_test(
    fit: LinearMixedFit, matrix: Sequence[Sequence[float]] | Array, method: Method = "kenward-roger", *, name: str = ""
) -> JointTest:
    """Return the F test of linear combinations all being zero; rows that follow from others do not count.

    Raises
    ------
    StatisticsError
        As :func:`contrast`.

    References
    ----------
    [Halekoh2014]_, [FaiCornelius1996]_
    """
    return _f_test(inference(fit, method), _checked(fit, matrix), name)


def term_tests(fit: LinearMixedFit, method: Method = "kenward-roger") -> tuple[JointTest, ...]:
    """Return an F test of each term of the design but the intercept.

    A term that is part of an interaction is tested at the mean over the levels of the other factor, each with the same
    weight, and at the value zero of a number that it interacts with: centre such a number first.

    Raises
    ------
    StatisticsError
        ``term-not-tested`` for an interaction of factors without its parts; ``unknown-method``.

    References
    ----------
    [Kuznetsova2017]_ Tests of type III.
    """
    matrix, centred = fit.design.matrix, centred_matrix(fit.design)
    change = np.linalg.lstsq(centred, matrix, rcond=None)[0]
    if not np.allclose(centred @ change, matrix, atol=1e-8 * float(np.abs(matrix).max())):
        raise StatisticsError(
            "An interaction stands in the design without the terms that it is made of, so terms have no tests of their "
            "own: add these terms, or test single coefficients.",
            code="term-not-tested",
        )
    with_method = inference(fit, method)
    return tuple(
        _f_test(with_method, change[columns], name) for name, columns in fit.design.columns.items() if name != INTERCEPT
    )


def likelihood_ratio(smaller: LinearMixedFit, larger: LinearMixedFit) -> ChiSquaredTest:
    """Return the likelihood-ratio test of a model within another.

    Where the smaller model sets variances to zero the true probability is smaller than the one returned, up to half
    of it for a single variance.

    Raises
    ------
    StatisticsError
        ``likelihoods-not-comparable`` for other responses, a restricted and an ordinary likelihood, restricted ones of
        different designs, or a larger model without more parameters.

    References
    ----------
    [Bates2015]_
    """

    df = larger.parameters - smaller.parameters
    same_design = np.array_equal(smaller.design.matrix, larger.design.matrix)
    if (
        not np.array_equal(smaller.response, larger.response)
        or smaller.reml != larger.reml
        or (larger.reml and not same_design)
        or df < 1
    ):
        raise StatisticsError(
            "The two likelihoods do not compare: fit both to the same rows, without the restricted likelihood unless "
            "the fixed effects are the same, the one with fewer parameters first.",
            code="likelihoods-not-comparable",
        )
    statistic = max(2 * (larger.log_likelihood - smaller.log_likelihood), 0.0)
    return chi_squared_test(statistic, df)


def t_test(estimate: float, se: float, df: float, *, level: float, name: str) -> Contrast:
    """Return a contrast with its test and interval.

    References
    ----------
    [Kuznetsova2017]_
    """
    t = estimate / se
    reach = se * t_quantile((1 + level) / 2, df)
    return Contrast(estimate, se, df, t, two_sided(t, df), estimate - reach, estimate + reach, name)


def _f_test(with_method: Inference, matrix: Array, name: str) -> JointTest:
    from scipy import stats

    f, q, df = with_method.f(matrix)
    p = stats.chi2.sf(q * f, q) if math.isinf(df) else stats.f.sf(f, q, df)
    return JointTest(f, q, df, float(p), name)


def _checked(fit: LinearMixedFit, matrix: Sequence[Sequence[float]] | Array) -> Array:
    rows = np.atleast_2d(np.asarray(matrix, float))
    p = len(fit.coefficients)
    if rows.ndim != 2 or rows.shape[1] != p or not np.isfinite(rows).all() or not rows.any(axis=1).all():
        raise StatisticsError(
            f"A contrast needs {p} finite numbers, not all zero, one for each of {', '.join(fit.design.names)}.",
            code="contrast-shape",
        )
    return rows


def _in_orthonormal_columns(fit: LinearMixedFit, matrix: Array) -> Array:
    """Return contrasts of the coefficients as contrasts of those of the orthonormal columns."""
    return np.linalg.solve(fit.problem.triangle.T, matrix.T).T
