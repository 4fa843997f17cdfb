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

_AGREEMENT = 0.95
_FEWEST_PAIRS = 3
_FEWEST_FOR_INTERVAL = 4


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval; the ends are ``nan`` where the numbers do not determine them."""

    value: float
    low: float
    high: float


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
) -> BlandAltman:
    """Return bias and limits of agreement with their confidence intervals.

    With one pair per subject these are d ± z s with the standard errors s/√n and s √(1/n + z²/(2(n − 1))). With
    several, a one-way analysis of variance of the differences gives the variance within subjects and that between
    them, whose sum is s²; the standard errors follow from the mean squares by first-order propagation and have the
    degrees of freedom of Satterthwaite.

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

    Raises
    ------
    StatisticsError
        ``agreement-pairs`` for fewer than three pairs or subjects, or series of unequal length;
        ``agreement-values`` for values that are not finite, or not positive where differences are relative.

    References
    ----------
    [BlandAltman1986]_, [BlandAltman1999]_, [BlandAltman2007]_
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
    spread = _spread(differences, groups)
    bias = float(differences.mean())
    z = float(stats.norm.ppf((1 + _AGREEMENT) / 2))
    reach = z * math.sqrt(spread.variance)
    limit_se = math.sqrt(spread.variance_of_mean + z**2 * spread.variance_of_variance / (4 * spread.variance or 1.0))
    t_bias, t_limit = (float(stats.t.ppf((1 + level) / 2, df)) for df in (spread.df_mean, spread.df_variance))
    bias_se = math.sqrt(spread.variance_of_mean)
    return BlandAltman(
        pairs=len(one),
        subjects=len(groups),
        relative=relative,
        bias=_around(bias, t_bias * bias_se),
        sd=math.sqrt(spread.variance),
        sd_within=spread.sd_within,
        lower=_around(bias - reach, t_limit * limit_se),
        upper=_around(bias + reach, t_limit * limit_se),
        slope=_slope(means, differences, level),
        normality_p=float(stats.shapiro(differences).pvalue) if np.ptp(differences) > 0 else math.nan,
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


@dataclass(frozen=True, slots=True)
class _Spread:
    """Variance of a difference, how well it and the mean are known, and the part within subjects."""

    variance: float
    variance_of_variance: float
    df_variance: float
    variance_of_mean: float
    df_mean: float
    sd_within: float


def _spread(differences: Array, groups: Sequence[Array]) -> _Spread:
    n, k = len(differences), len(groups)
    if k < _FEWEST_PAIRS:
        raise StatisticsError(
            f"There are {k} subjects, but limits of agreement need at least {_FEWEST_PAIRS}: add subjects.",
            code="agreement-pairs",
        )
    if n == k:
        variance = float(differences.var(ddof=1))
        return _Spread(variance, 2 * variance**2 / (n - 1), n - 1, variance / n, n - 1, math.nan)
    sizes = np.array([len(group) for group in groups], float)
    centres = np.array([differences[group].mean() for group in groups])
    between = float(np.sum(sizes * (centres - differences.mean()) ** 2)) / (k - 1)
    rest = sum(float(np.sum((differences[group] - centre) ** 2)) for group, centre in zip(groups, centres, strict=True))
    within = rest / (n - k)
    divisor = (n**2 - float(np.sum(sizes**2))) / ((k - 1) * n)
    of_subjects = max((between - within) / divisor, 0.0)
    # The share of each mean square in the variance of a difference; none of the one between where it is smaller.
    share = 1 / divisor if of_subjects > 0 else 0.0
    terms = ((share * between, k - 1), ((1 - share) * within, n - k))
    variance = sum(term for term, _ in terms)
    variance_of_variance = sum(2 * term**2 / df for term, df in terms)
    df = 2 * variance**2 / variance_of_variance if variance_of_variance > 0 else float(k - 1)
    of_mean = of_subjects * float(np.sum(sizes**2)) / n**2 + within / n
    return _Spread(variance, variance_of_variance, df, of_mean, k - 1, math.sqrt(within))


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
