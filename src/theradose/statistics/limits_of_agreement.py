"""How well limits of agreement are known: variance of a difference, and intervals of its limits.

References
----------
[BlandAltman1999]_ First-order standard error of a limit.
[BlandAltman2007]_ Analysis of variance of differences with several pairs per subject.
[Carkeet2015]_, [Shieh2018]_ Exact interval of a limit, one pair per subject.
[Zou2013]_ Intervals recovered from those of the variances, several pairs per subject.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array

_FEWEST_SUBJECTS = 3


@dataclass(frozen=True, slots=True)
class Spread:
    """Variance of a difference and how well it and the mean are known.

    Attributes
    ----------
    terms : tuple of (float, int)
        Mean squares times their share in the variance of a difference, with their degrees of freedom.
    variance_of_mean, df_mean : float
        Of the mean difference.
    sd_within : float
        Standard deviation within subjects; ``nan`` with one pair per subject.
    pairs : int
        Number of pairs.
    """

    terms: tuple[tuple[float, int], ...]
    variance_of_mean: float
    df_mean: float
    sd_within: float
    pairs: int

    @property
    def variance(self) -> float:
        """Of the difference of one future pair."""
        return sum(term for term, _ in self.terms)

    @property
    def variance_of_variance(self) -> float:
        """Of its estimate."""
        return sum(2 * term**2 / df for term, df in self.terms)


def spread_of_differences(differences: Array, groups: Sequence[Array]) -> Spread:
    """Return the spread of differences.

    Parameters
    ----------
    differences : ndarray, shape (n,)
        Of the pairs.
    groups : sequence of ndarray
        Indices of the pairs of each subject.

    Raises
    ------
    StatisticsError
        ``agreement-pairs`` for fewer than three subjects.
    """
    n, k = len(differences), len(groups)
    if k < _FEWEST_SUBJECTS:
        raise StatisticsError(
            f"There are {k} subjects, but limits of agreement need at least {_FEWEST_SUBJECTS}: add subjects.",
            code="agreement-pairs",
        )
    if n == k:
        variance = float(differences.var(ddof=1))
        return Spread(((variance, n - 1),), variance / n, n - 1, math.nan, n)
    sizes = np.array([len(group) for group in groups], float)
    centres = np.array([differences[group].mean() for group in groups])
    between = float(np.sum(sizes * (centres - differences.mean()) ** 2)) / (k - 1)
    rest = sum(float(np.sum((differences[group] - centre) ** 2)) for group, centre in zip(groups, centres, strict=True))
    within = rest / (n - k)
    divisor = (n**2 - float(np.sum(sizes**2))) / ((k - 1) * n)
    of_subjects = max((between - within) / divisor, 0.0)
    # The share of each mean square in the variance of a difference; none of the one between where it is smaller.
    share = 1 / divisor if of_subjects > 0 else 0.0
    of_mean = of_subjects * float(np.sum(sizes**2)) / n**2 + within / n
    return Spread(((share * between, k - 1), ((1 - share) * within, n - k)), of_mean, k - 1, math.sqrt(within), n)


def first_order_reaches(spread: Spread, *, z: float, level: float) -> tuple[float, float, str]:
    """Return how far the interval of a limit reaches away from the bias and towards it, which is the same here.

    Parameters
    ----------
    spread : Spread
        Of the differences.
    z : float
        Standard deviations from bias to limit.
    level : float
        Of the confidence interval.
    """
    from scipy import stats

    of_variance = spread.variance_of_variance
    df = 2 * spread.variance**2 / of_variance if of_variance > 0 else spread.df_mean
    error = math.sqrt(spread.variance_of_mean + z**2 * of_variance / (4 * spread.variance or 1.0))
    reach = float(stats.t.ppf((1 + level) / 2, df)) * error
    return reach, reach, "first order"


def exact_reaches(spread: Spread, *, z: float, level: float) -> tuple[float, float, str]:
    """Return how far the interval of a limit reaches away from the bias, and towards it.

    With one pair per subject (d − (μ + zσ))√n/s has a noncentral t distribution with n − 1 degrees of freedom and
    noncentrality −z√n, from which the interval of one limit follows exactly. With several pairs the interval of the
    variance comes from those of its mean squares, and is joined with that of the mean.

    Parameters
    ----------
    spread : Spread
        Of the differences.
    z : float
        Standard deviations from bias to limit.
    level : float
        Of the confidence interval.

    References
    ----------
    [Carkeet2015]_, [Shieh2018]_, [Zou2013]_
    """
    from scipy import stats

    sd = math.sqrt(spread.variance)
    if math.isnan(spread.sd_within):
        root = math.sqrt(spread.pairs)
        low, high = stats.nct.ppf([(1 - level) / 2, (1 + level) / 2], spread.df_mean, z * root) * sd / root
        return float(high) - z * sd, z * sd - float(low), "noncentral t"
    ends = []
    for probability in ((1 - level) / 2, (1 + level) / 2):
        off = [term * (df / float(stats.chi2.ppf(probability, df)) - 1) for term, df in spread.terms]
        sign = math.copysign(1.0, 0.5 - probability)
        ends.append(math.sqrt(max(spread.variance + sign * math.hypot(*off), 0.0)))
    of_mean = float(stats.t.ppf((1 + level) / 2, spread.df_mean)) * math.sqrt(spread.variance_of_mean)
    outer, inner = (math.hypot(of_mean, z * (end - sd)) for end in ends)
    return outer, inner, "recovered variances"
