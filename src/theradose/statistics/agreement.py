"""Agreement of two methods on the same subjects: differences, limits of agreement, concordance, correlation.

Where a subject has more than one pair (a patient with several cycles), the differences within and between subjects
are told apart: pairs of one subject are not independent, and an analysis that takes them for it makes limits and
intervals too narrow.

References
----------
[BlandAltman1986]_ Mean difference and limits of agreement.
[BlandAltman1999]_ Confidence intervals of the limits; relative differences.
[BlandAltman2007]_ Several pairs per subject, where the true value varies between them.
[Lin1989]_, [Lin2000]_ Concordance correlation coefficient and its interval.
[BonettWright2000]_ Interval of Spearman's correlation.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.intervals import Interval
from theradose.statistics.limits_of_agreement import exact_reaches, first_order_reaches, spread_of_differences
from theradose.statistics.normality import shapiro_wilk

_AGREEMENT = 0.95
_FEWEST_PAIRS = 3
_FEWEST_FOR_INTERVAL = 4


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Differences of two methods, first minus second.

    Attributes
    ----------
    pairs, subjects : int
        Number of pairs and of subjects.
    relative : bool
        Whether differences are in per cent of the mean of each pair, else in the unit of the data.
    bias : Interval
        Mean difference.
    sd : float
        Standard deviation of the differences between one future pair and another, within and between subjects.
    sd_within : float
        Its part within subjects; ``nan`` with one pair per subject.
    lower, upper : Interval
        Limits of agreement: 95 % of differences lie between them if they are normally distributed.
    slope : Interval
        Of the difference by the mean of a pair: a difference that grows with the size of the value. It takes the
        pairs for independent.
    normality_p : float
        Shapiro and Wilk's test of the differences.
    limits_by : {"first order", "noncentral t", "recovered variances"}
        What the intervals of the limits rest on.
    """

    pairs: int
    subjects: int
    relative: bool
    bias: Interval
    sd: float
    sd_within: float
    lower: Interval
    upper: Interval
    slope: Interval
    normality_p: float
    limits_by: str


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation coefficient with its confidence interval and the probability of chance."""

    value: float
    low: float
    high: float
    p: float


def bland_altman(
    first: Sequence[float] | Array,
    second: Sequence[float] | Array,
    *,
    subjects: Sequence[Hashable] | None = None,
    relative: bool = False,
    level: float = 0.95,
    exact: bool = False,
) -> BlandAltman:
    """Return bias and limits of agreement with their confidence intervals.

    With one pair per subject these are d ± z s with the standard errors s/√n and s √(1/n + z²/(2(n − 1))). With
    several, a one-way analysis of variance of the differences gives the variance within subjects and that between
    them, whose sum is s²; the standard errors follow from the mean squares by first-order propagation and have the
    degrees of freedom of Satterthwaite. Intervals of limits are wider on the outer side, which these are not:
    :func:`~theradose.statistics.limits_of_agreement.exact_reaches` says how `exact` ones are found.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Values of the two methods, pair by pair.
    subjects : sequence, shape (n,), optional
        Whom each pair belongs to; all different by default.
    relative : bool
        Whether differences are taken in per cent of the mean of the pair; all values must then be positive.
    level : float
        Of the confidence intervals.
    exact : bool
        Whether the intervals of the limits are exact for normal differences with one pair per subject, and recovered
        from those of the variances with several, instead of first-order.

    Raises
    ------
    StatisticsError
        ``agreement-pairs`` for fewer than three pairs or subjects, or series of unequal length;
        ``agreement-values`` for values that are not finite, or not positive where differences are relative.

    References
    ----------
    [BlandAltman1986]_, [BlandAltman1999]_, [BlandAltman2007]_, [Carkeet2015]_, [Zou2013]_
    """
    from scipy import stats

    one, other = _pairs(first, second)
    means = (one + other) / 2
    differences = one - other
    if relative:
        if not (one > 0).all() or not (other > 0).all():
            raise StatisticsError(
                "Relative differences need positive values: compare the absolute differences, or leave out the others.",
                code="agreement-values",
            )
        differences = 100 * differences / means
    groups = _groups(subjects, len(one))
    spread = spread_of_differences(differences, groups)
    bias = float(differences.mean())
    z = float(stats.norm.ppf((1 + _AGREEMENT) / 2))
    reach = z * math.sqrt(spread.variance)
    reaches = exact_reaches if exact else first_order_reaches
    outer, inner, by = reaches(spread, z=z, level=level)
    t_bias = float(stats.t.ppf((1 + level) / 2, spread.df_mean))
    return BlandAltman(
        pairs=len(one),
        subjects=len(groups),
        relative=relative,
        bias=_around(bias, t_bias * math.sqrt(spread.variance_of_mean)),
        sd=math.sqrt(spread.variance),
        sd_within=spread.sd_within,
        lower=Interval(bias - reach, bias - reach - outer, bias - reach + inner),
        upper=Interval(bias + reach, bias + reach - inner, bias + reach + outer),
        slope=_slope(means, differences, level),
        normality_p=shapiro_wilk(differences)[1],
        limits_by=by,
    )


def concordance(first: Sequence[float] | Array, second: Sequence[float] | Array, *, level: float = 0.95) -> Interval:
    """Return Lin's concordance correlation coefficient, 2 s₁₂ / (s₁² + s₂² + (m₁ − m₂)²), with its interval.

    It is 1 for equal values only: it falls with scatter, with a bias and with another scale. The interval is that of
    its inverse hyperbolic tangent and takes the pairs for independent.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Values of the two methods, pair by pair.
    level : float
        Of the confidence interval.

    Raises
    ------
    StatisticsError
        As :func:`bland_altman`, and ``agreement-values`` if all values of both are equal.

    References
    ----------
    [Lin1989]_, [Lin2000]_
    """
    from scipy import stats

    one, other = _pairs(first, second)
    n = len(one)
    variance_1, variance_2 = float(one.var()), float(other.var())
    shift = float(one.mean() - other.mean())
    total = variance_1 + variance_2 + shift**2
    if total == 0:
        raise StatisticsError("All values are equal: there is no concordance to estimate.", code="agreement-values")
    shared = float(np.mean((one - one.mean()) * (other - other.mean())))
    c = 2 * shared / total
    if n < _FEWEST_FOR_INTERVAL or variance_1 == 0 or variance_2 == 0 or abs(c) >= 1 or shared == 0:
        return Interval(c, math.nan, math.nan)
    r = shared / math.sqrt(variance_1 * variance_2)
    u2 = shift**2 / math.sqrt(variance_1 * variance_2)
    variance = (
        (1 - r**2) * c**2 / ((1 - c**2) * r**2)
        + 2 * c**3 * (1 - c) * u2 / (r * (1 - c**2) ** 2)
        - c**4 * u2**2 / (2 * r**2 * (1 - c**2) ** 2)
    ) / (n - 2)
    reach = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(max(variance, 0.0))
    return Interval(c, math.tanh(math.atanh(c) - reach), math.tanh(math.atanh(c) + reach))


def pearson(first: Sequence[float] | Array, second: Sequence[float] | Array, *, level: float = 0.95) -> Correlation:
    """Return Pearson's correlation with Fisher's interval; ``nan`` if a series is constant.

    Raises
    ------
    StatisticsError
        As :func:`bland_altman`.

    References
    ----------
    [BlandAltman1986]_ Why a correlation is no measure of agreement.
    """
    from scipy import stats

    one, other = _pairs(first, second)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return Correlation(math.nan, math.nan, math.nan, math.nan)
    result = stats.pearsonr(one, other)
    low, high = _fisher(float(result.statistic), 1.0, len(one), level)
    return Correlation(float(result.statistic), low, high, float(result.pvalue))


def spearman(first: Sequence[float] | Array, second: Sequence[float] | Array, *, level: float = 0.95) -> Correlation:
    """Return Spearman's rank correlation with its interval; ``nan`` if a series is constant.

    Raises
    ------
    StatisticsError
        As :func:`bland_altman`.

    References
    ----------
    [BonettWright2000]_
    """
    from scipy import stats

    one, other = _pairs(first, second)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return Correlation(math.nan, math.nan, math.nan, math.nan)
    result = stats.spearmanr(one, other)
    rank = float(result.statistic)
    low, high = _fisher(rank, 1 + rank**2 / 2, len(one), level)
    return Correlation(rank, low, high, float(result.pvalue))


def _slope(means: Array, differences: Array, level: float) -> Interval:
    from scipy import stats

    if np.ptp(means) == 0:
        return Interval(math.nan, math.nan, math.nan)
    line = stats.linregress(means, differences)
    reach = float(stats.t.ppf((1 + level) / 2, len(means) - 2)) * float(line.stderr)
    return _around(float(line.slope), reach)


def _fisher(r: float, inflation: float, n: int, level: float) -> tuple[float, float]:
    """Return the interval of a correlation whose inverse hyperbolic tangent has the variance inflation/(n − 3)."""
    from scipy import stats

    if n < _FEWEST_FOR_INTERVAL or abs(r) >= 1:
        return math.nan, math.nan
    reach = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(inflation / (n - 3))
    return math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach)


def _around(value: float, reach: float) -> Interval:
    return Interval(value, value - reach, value + reach)


def _pairs(first: Sequence[float] | Array, second: Sequence[float] | Array) -> tuple[Array, Array]:
    one, other = np.asarray(first, float), np.asarray(second, float)
    if one.shape != other.shape or one.ndim != 1 or len(one) < _FEWEST_PAIRS:
        raise StatisticsError(
            f"{one.size} and {other.size} values cannot be compared pair by pair: give at least {_FEWEST_PAIRS} pairs.",
            code="agreement-pairs",
        )
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise StatisticsError("A value is not a finite number: leave out its pair.", code="agreement-values")
    return one, other


def _groups(subjects: Sequence[Hashable] | None, n: int) -> list[Array]:
    if subjects is None:
        return [np.array([k]) for k in range(n)]
    if len(subjects) != n:
        raise StatisticsError(
            f"{len(subjects)} subjects are named for {n} pairs: name one for each pair.", code="agreement-pairs"
        )
    members: dict[Hashable, list[int]] = {}
    for k, subject in enumerate(subjects):
        members.setdefault(subject, []).append(k)
    return [np.array(rows) for rows in members.values()]
