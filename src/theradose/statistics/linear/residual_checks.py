"""Whether what a mixed model takes for normal looks normal: residuals within groups, and effects of the groups.

References
----------
[ShapiroWilk1965]_ Test of normality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array, frozen
from theradose.statistics.linear.mixed import LinearMixedFit
from theradose.statistics.normality import shapiro_wilk


@dataclass(frozen=True, slots=True, eq=False)
class NormalityCheck:
    """Shapiro and Wilk's test of numbers, and the points of their quantile plot.

    Attributes
    ----------
    name : str
        What the numbers are.
    w, p : float
        Statistic, and probability of a smaller one if the numbers are normal; ``nan`` for fewer than 3 numbers, more
        than 5000, or equal ones.
    expected : array, shape (n,)
        Quantiles of the standard normal distribution.
    observed : array, shape (n,)
        The numbers in ascending order.
    line : tuple of float
        Intercept and slope of the line through both quartiles.
    """

    name: str
    w: float
    p: float
    expected: Array
    observed: Array
    line: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class ResidualChecks:
    """Checks of a mixed model.

    Attributes
    ----------
    within : NormalityCheck
        Residuals given the groups' effects.
    between : tuple of NormalityCheck
        Effects of the groups, one for each random coefficient that varies at all.
    fitted, residuals : array, shape (n,)
        The points of a plot of residuals against fitted values.
    """

    within: NormalityCheck
    between: tuple[NormalityCheck, ...]
    fitted: Array
    residuals: Array


def residual_checks(fit: LinearMixedFit) -> ResidualChecks:
    """Return the checks of a fit.

    Effects of groups are drawn towards zero, those of small groups most: their test finds gross departures only.
    """
    between = tuple(
        normality(part.effects[:, k], f"{part.name}: {column}")
        for part in fit.random
        for k, column in enumerate(part.columns)
        if part.sd[k] > 0
    )
    return ResidualChecks(normality(fit.residuals, "residuals"), between, fit.fitted, fit.residuals)


def normality(values: Array, name: str) -> NormalityCheck:
    """Return the check of numbers, shape (n,)."""
    from scipy import stats

    observed = np.sort(np.asarray(values, float))
    n = len(observed)
    # Plotting positions of Blom for few numbers, of Hazen for more.
    shift = 3 / 8 if n <= 10 else 1 / 2
    expected = stats.norm.ppf((np.arange(1, n + 1) - shift) / (n + 1 - 2 * shift))
    lower, upper = np.quantile(observed, (0.25, 0.75))
    slope = float(upper - lower) / float(stats.norm.ppf(0.75) - stats.norm.ppf(0.25))
    return NormalityCheck(
        name, *shapiro_wilk(observed), frozen(expected), frozen(observed), (float(lower + upper) / 2, slope)
    )
