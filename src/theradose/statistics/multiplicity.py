"""Several comparisons at once: probabilities and intervals that hold for all of them together.

References
----------
[Kramer1956]_ Tukey's studentized range for means of unequal precision.
[Holm1979]_ Bonferroni's correction, one comparison after the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.student import t_quantile, two_sided

Adjustment = Literal["tukey", "holm", "bonferroni", "none"]
_INNER_NODES = 240
_OUTER_NODES = 160
_NEGLIGIBLE = 45.0


def adjusted_p(t: Sequence[float], df: Sequence[float], means: int, adjust: Adjustment) -> list[float]:
    """Return the two-sided probabilities of all pairwise differences of `means` means, adjusted for their number.

    Raises
    ------
    StatisticsError
        ``unknown-adjustment``.

    References
    ----------
    [Kramer1956]_, [Holm1979]_
    """
    single = [two_sided(one, d) for one, d in zip(t, df, strict=True)]
    if len(single) == 1 or adjust == "none":
        return single
    if adjust == "bonferroni":
        return [min(1.0, len(single) * p) for p in single]
    if adjust == "holm":
        return [float(p) for p in holm(single)]
    if adjust == "tukey":
        return [studentized_range_p(math.sqrt(2) * abs(one), means, d) for one, d in zip(t, df, strict=True)]
    raise StatisticsError(
        f"{adjust} is no adjustment: choose tukey, holm, bonferroni or none.", code="unknown-adjustment"
    )


def holm(p: Sequence[float]) -> Array:
    """Return probabilities adjusted for their number, however the tests depend on each other, shape (n,).

    References
    ----------
    [Holm1979]_
    """
    single = np.asarray(p, float)
    order = np.argsort(single, kind="stable")
    adjusted = np.empty(len(single))
    adjusted[order] = np.maximum.accumulate(np.minimum(1, np.arange(len(single), 0, -1) * single[order]))
    return adjusted


def critical_value(level: float, df: float, comparisons: int, means: int, adjust: Adjustment) -> float:
    """Return how many standard errors the interval of a difference reaches; Holm's are those of Bonferroni."""
    if comparisons == 1 or adjust == "none":
        return t_quantile((1 + level) / 2, df)
    if adjust == "tukey":
        return studentized_range_quantile(level, means, df) / math.sqrt(2)
    return t_quantile(1 - (1 - level) / (2 * comparisons), df)


def studentized_range_p(q: float, means: int, df: float) -> float:
    """Return the probability that the range of `means` normal numbers over an independent estimate of their standard
    deviation exceeds `q`.

    References
    ----------
    [Kramer1956]_
    """
    if not (q >= 0 and df > 0):
        return math.nan
    if q == 0:
        return 1.0
    if math.isinf(df):
        return float(_range_exceeds(np.array([q]), means)[0])
    low, high = _support(q, means, df)
    nodes, weights = _legendre(_OUTER_NODES)
    x = low + (high - low) * (nodes + 1) / 2
    values = np.exp(_log_density(x, df)) * _range_exceeds(q * np.exp(x), means)
    return min(1.0, float(values @ weights) * (high - low) / 2)


def studentized_range_quantile(level: float, means: int, df: float) -> float:
    """Return the value that the studentized range exceeds with the probability 1 − `level`.

    References
    ----------
    [Kramer1956]_
    """
    from scipy import optimize

    if not df > 0:
        return math.nan
    single = math.sqrt(2) * t_quantile((1 + level) / 2, df)
    all_pairs = math.sqrt(2) * t_quantile(1 - (1 - level) / (means * (means - 1)), df)
    if means == 2:
        return single
    target = math.log(1 - level)
    root = optimize.brentq(
        lambda q: math.log(studentized_range_p(q, means, df)) - target, single, all_pairs, xtol=1e-12, rtol=1e-13
    )
    return float(root)


@cache
def _legendre(nodes: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(nodes)


def _range_exceeds(w: Array, means: int) -> Array:
    """Return the probability that the range of normal numbers exceeds each of `w`.

    It is means ∫ φ(z) {Φ̄(z)^m − [Φ̄(z) − Φ̄(z + w)]^m} dz, z the least of them and m the number of the others.
    """
    from scipy import special

    nodes, weights = _legendre(_INNER_NODES)
    low, high = -9.0 - w[:, None] / 1.4, 9.0
    z = low + (high - low) * (nodes + 1) / 2
    above = special.ndtr(-z)
    share = np.minimum(special.ndtr(-z - w[:, None]) / above, 1 - 1e-16)
    m = means - 1
    inside = np.exp(-(z**2) / 2 + m * np.log(above)) * -np.expm1(m * np.log1p(-share))
    total = (inside @ weights) * ((high - low) / 2)[:, 0] * means / math.sqrt(2 * math.pi)
    return np.asarray(total)


def _log_density(x: Array, df: float) -> Array:
    """Return the log density of the logarithm of an estimated over the true standard deviation."""
    from scipy import special

    constant = math.log(2) + df / 2 * math.log(df / 2) - float(special.gammaln(df / 2))
    return np.asarray(constant + df * (x - np.exp(2 * x) / 2))


def _support(q: float, means: int, df: float) -> tuple[float, float]:
    """Return between which logarithms of the estimate the probability lies, by the bound of Bonferroni."""
    from scipy import special

    x = np.linspace(-_NEGLIGIBLE / min(df, 1.0) - 5, 6, 6000)
    bound = special.log_ndtr(-q * np.exp(x) / math.sqrt(2)) + math.log(means * (means - 1))
    height = _log_density(x, df) + np.minimum(bound, 0)
    inside = np.flatnonzero(height > height.max() - _NEGLIGIBLE)
    return float(x[max(inside[0] - 1, 0)]), float(x[min(inside[-1] + 1, len(x) - 1)])
