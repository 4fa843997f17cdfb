"""Linear mixed models: fixed effects of a design, random effects of groups, by (restricted) maximum likelihood.

The model is y = X β + Z b + ε with normal b and ε. Tests of its coefficients are in
:mod:`theradose.statistics.linear.effect_tests`, means of factor levels in
:mod:`theradose.statistics.linear.marginal_means`.

References
----------
[Bates2015]_ Model, profiled criterion and the meaning of a singular fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.statistics.design import Design, Factor, Numeric
from theradose.statistics.linear.profiled_deviance import Problem, Profile, estimate, factors_of, standardise
from theradose.statistics.linear.random_effects import RandomEffect, column_names, random_terms
from theradose.statistics.newton import Minimum

__all__ = ["LinearMixedFit", "RandomEffect", "RandomPart", "fit_linear_mixed"]

_SINGULAR = 1e-4
"""Relative standard deviation below which a fit is called singular."""

_NO_RESIDUAL = 1e-14
"""Share of the residual in the variance that the fixed effects leave, below which it is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class RandomPart:
    """What one random effect was estimated as; its matrices are in the unit of the response over that of the columns.

    Attributes
    ----------
    name : str
        Of the grouping.
    columns : tuple of str, length c
        Whose coefficients differ between groups.
    groups : tuple of str, length g
        Their names.
    sd : array, shape (c,)
        Standard deviation between groups.
    correlation : array, shape (c, c)
        Of the coefficients; ``nan`` where a standard deviation is zero.
    covariance : array, shape (c, c)
        Of the coefficients.
    effects : array, shape (g, c)
        Most probable coefficients of each group given the data: its deviation from the fixed effects.
    effects_sd : array, shape (g, c)
        Their standard deviations given the data, the fixed effects and the variances.
    """

    name: str
    columns: tuple[str, ...]
    groups: tuple[str, ...]
    sd: Array
    correlation: Array
    covariance: Array
    effects: Array
    effects_sd: Array


@dataclass(frozen=True, slots=True, eq=False)
class LinearMixedFit:
    """A fitted linear mixed model.

    Attributes
    ----------
    response : array, shape (n,)
        y.
    design : Design
        Of the fixed effects, p columns.
    reml : bool
        Whether the likelihood was the restricted one.
    coefficients : array, shape (p,)
        Fixed effects, in the order of ``design.names``.
    covariance : array, shape (p, p)
        Of the fixed effects given the variances; small samples need the tests of
        :func:`theradose.statistics.linear.effect_tests.contrast`.
    random : tuple of RandomPart
        One for each random effect.
    residual_sd : float
        Standard deviation within groups.
    log_likelihood, aic, bic : float
        Restricted if `reml`; comparable only between fits of the same kind (and, restricted, of the same design).
    parameters : int
        Number of fixed effects, variances and covariances.
    singular : bool
        Whether a variance is estimated as zero or a correlation as ±1.
    converged : bool
        Whether the estimates are a minimum to the precision of the computation.
    fitted, residuals : array, shape (n,)
        Given the groups' effects, and the response minus them.
    fitted_fixed : array, shape (n,)
        From the fixed effects alone.
    findings : tuple of Finding
        ``singular-fit``, ``not-converged``.
    problem : Problem
        The model in columns of unit size.
    profile : Profile
        The estimates there.
    """

    response: Array
    design: Design
    reml: bool
    coefficients: Array
    covariance: Array
    random: tuple[RandomPart, ...]
    residual_sd: float
    log_likelihood: float
    aic: float
    bic: float
    parameters: int
    singular: bool
    converged: bool
    fitted: Array
    residuals: Array
    fitted_fixed: Array
    findings: tuple[Finding, ...]
    problem: Problem
    profile: Profile

    @property
    def standard_errors(self) -> Array:
        """Of the fixed effects given the variances, shape (p,)."""
        errors: Array = np.sqrt(np.diag(self.covariance))
        return errors


def fit_linear_mixed(
    *, response: Sequence[float] | Array, design: Design, random: Sequence[RandomEffect], reml: bool = True
) -> LinearMixedFit:
    """Fit a linear mixed model.

    Parameters
    ----------
    response : array_like, shape (n,)
        What is explained.
    design : Design
        Of the fixed effects, n rows.
    random : sequence of RandomEffect
        Nested or crossed, independent of each other.
    reml : bool
        Whether variances are estimated by the restricted likelihood, which takes into account that the fixed effects
        were estimated too. Likelihoods of different designs are comparable only without it.

    Raises
    ------
    StatisticsError
        ``missing-value`` for a response that is not a number, with its row; ``unequal-lengths``; ``too-few-rows``;
        ``constant-response``; ``no-residual`` if the groups explain the response exactly; what
        :func:`theradose.statistics.linear.random_effects.random_terms` refuses.

    References
    ----------
    [Bates2015]_
    """
    y = Numeric("the response", np.atleast_1d(response)).values
    if len(y) != len(design.matrix):
        raise StatisticsError(
            f"The response has {len(y)} rows and the design {len(design.matrix)}: give one for each.",
            code="unequal-lengths",
        )
    terms, groupings = random_terms(random, len(y))
    problem = standardise(y, design.matrix, terms, reml)
    best, at = estimate(problem)
    if at.variance < _NO_RESIDUAL:
        raise StatisticsError(
            f"The groups of {', '.join(grouping.name for grouping in groupings)} explain the response exactly, so "
            "there is no residual to compare with: leave the random effect out.",
            code="no-residual",
        )
    singular = _singular_effects(problem, at, random)
    coefficients = np.linalg.solve(problem.triangle, problem.least_squares + problem.size * at.coefficients)
    inverse = np.linalg.inv(problem.triangle)
    variance = at.variance * problem.size**2
    parts, shift = _random_parts(problem, at, random, groupings)
    fixed = design.matrix @ coefficients
    count = len(coefficients) + len(at.theta) + 1
    return LinearMixedFit(
        response=frozen(y),
        design=design,
        reml=reml,
        coefficients=frozen(coefficients),
        covariance=frozen(variance * inverse @ at.inverse @ inverse.T),
        random=parts,
        residual_sd=math.sqrt(variance),
        log_likelihood=-at.deviance / 2,
        aic=at.deviance + 2 * count,
        bic=at.deviance + math.log(len(y)) * count,
        parameters=count,
        singular=bool(singular),
        converged=best.converged,
        fitted=frozen(fixed + shift),
        residuals=frozen(y - fixed - shift),
        fitted_fixed=frozen(fixed),
        findings=_findings(singular, best),
        problem=problem,
        profile=at,
    )


def _singular_effects(problem: Problem, at: Profile, random: Sequence[RandomEffect]) -> list[str]:
    """Return the names of the random effects with a factor that has a zero on its diagonal."""
    factors = factors_of(problem.terms, at.theta)
    found = [
        term.effect for term, factor in zip(problem.terms, factors, strict=True) if np.diag(factor).min() < _SINGULAR
    ]
    return [random[k].name for k in dict.fromkeys(found)]


def _random_parts(
    problem: Problem, at: Profile, random: Sequence[RandomEffect], groupings: Sequence[Factor]
) -> tuple[tuple[RandomPart, ...], Array]:
    """Return what each random effect was estimated as, and the sum of all effects in each row."""
    size, v = problem.size, np.append(-at.coefficients, 1.0)
    covariances = [np.zeros((len(column_names(effect)),) * 2) for effect in random]
    effects = [np.zeros((len(f.levels), len(c))) for f, c in zip(groupings, covariances, strict=True)]
    effects_sd = [np.zeros_like(part) for part in effects]
    shift = np.zeros(problem.rows)
    for k, (term, factor) in enumerate(zip(problem.terms, factors_of(problem.terms, at.theta), strict=True)):
        sigma, columns = factor @ factor.T, list(term.columns)
        modes = size * (at.moments.effects[k] @ v) @ sigma
        shift += np.sum(term.values * modes[term.codes], axis=1)
        known = sigma - sigma @ at.moments.spread[k] @ sigma
        scale = size * math.sqrt(at.variance) / term.scale
        covariances[term.effect][np.ix_(columns, columns)] = sigma * np.outer(scale, scale)
        effects[term.effect][:, columns] = modes / term.scale
        effects_sd[term.effect][:, columns] = scale * np.sqrt(np.maximum(np.einsum("laa->la", known), 0))
    parts = []
    for effect, grouping, covariance, mode, mode_sd in zip(
        random, groupings, covariances, effects, effects_sd, strict=True
    ):
        sd = np.sqrt(np.diag(covariance))
        known_sd = np.where(sd > 0, sd, np.nan)
        correlation = covariance / np.outer(known_sd, known_sd)
        matrices = (frozen(part) for part in (sd, correlation, covariance, mode, mode_sd))
        parts.append(RandomPart(effect.name, column_names(effect), grouping.levels, *matrices))
    return tuple(parts), shift


def _findings(singular: Sequence[str], best: Minimum) -> tuple[Finding, ...]:
    findings = [
        Finding(
            "singular-fit",
            "warning",
            f"A variance between groups of {name} is estimated as zero or a correlation as ±1: the data ask for fewer "
            "random effects, and tests and intervals are those of the fewer.",
            name,
        )
        for name in singular
    ]
    if not best.converged:
        findings.append(
            Finding(
                "not-converged",
                "critical",
                f"The likelihood could not be maximised: a further step promises {best.decrement:.2g}; simplify the "
                "random effects.",
            )
        )
    return tuple(findings)
