"""Percentiles of a cohort with intervals that assume no distribution, and where a value lies in it.

A percentile stands at rank p (n + 1) of the ordered values, between two of them in proportion; it is not estimated
where that rank is below 1 or above n. Values of one patient, from several cycles or both sides of a paired organ, are
not independent: their intervals come from whole patients.

References
----------
[Ialongo2019]_ Percentiles and their intervals by order statistics and by the bootstrap.
[KornGraubard1998]_ Interval of a proportion of values that are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.intervals import Interval

REPLICATES = 2000
"""Resampled cohorts of the bootstrap."""
SEED = 20260101
"""Of the bootstrap, so that the same cohort has the same intervals."""
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile; what the number of values does not determine is ``nan``.

    Attributes
    ----------
    percent : float
        0 to 100.
    estimate : Interval
        With its confidence interval.
    by : {"order statistics", "bootstrap of patients"}
        What the interval rests on.
    """

    percent: float
    estimate: Interval
    by: str


def percentiles(
    values: Sequence[float] | Array,
    percents: Sequence[float],
    *,
    patients: Sequence[Hashable],
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> tuple[Percentile, ...]:
    """Return percentiles with their intervals.

    With one value per patient the interval is that of two order statistics whose ranks follow from the binomial
    distribution, with at least the level asked for. With more, patients are drawn with all their values.

    Parameters
    ----------
    values : array_like, shape (n,)
        Of the cohort.
    percents : sequence of float
        Between 0 and 100.
    patients : sequence, shape (n,)
        Whose each value is.
    level : float
        Of the confidence intervals.
    replicates, seed : int
        Of the bootstrap.

    Raises
    ------
    StatisticsError
        ``percentile-values`` without values, with one that is not finite, or without a patient for each.

    References
    ----------
    [Ialongo2019]_
    """
    given, members = _checked(values, patients)
    order = np.argsort(given, kind="stable")
    ordered, members = given[order], members[order]
    estimates = [percentile_of_ordered(ordered, percent) for percent in percents]
    independent = members.max() + 1 == len(ordered)
    if independent:
        ends = [_order_statistics(ordered, percent / 100, level) for percent in percents]
    else:
        ends = _bootstrap(ordered, members, percents, level, replicates, seed)
    by = "order statistics" if independent else "bootstrap of patients"
    return tuple(
        Percentile(float(percent), Interval(estimate, *end), by)
        for percent, estimate, end in zip(percents, estimates, ends, strict=True)
    )


def percentile_of_ordered(ordered: Array, percent: float) -> float:
    """Return a percentile of ordered values, ``nan`` where its rank lies outside of them."""
    rank = percent / 100 * (len(ordered) + 1)
    if not 1 <= rank <= len(ordered):
        return math.nan
    below = int(rank)
    above = min(below, len(ordered) - 1)
    return float(ordered[below - 1] + (rank - below) * (ordered[above] - ordered[below - 1]))


def fewest_values(percent: float, *, level: float = 0.95) -> int:
    """Return from how many independent values on a percentile has an interval with both ends.

    Parameters
    ----------
    percent : float
        Between 0 and 100.
    level : float
        Of the interval.

    References
    ----------
    [Ialongo2019]_
    """
    farther = max(percent, 100 - percent) / 100
    return math.ceil(math.log((1 - level) / 2) / math.log(farther))


def rank_in_cohort(
    value: float, values: Sequence[float] | Array, *, patients: Sequence[Hashable], level: float = 0.95
) -> Interval:
    """Return the per cent of a cohort below a value, ties counted half, with the interval of that proportion.

    It is Clopper and Pearson's, with the number of independent values that would have the variance of the proportion
    between patients; where all values lie on one side, that number is the number of patients.

    Parameters
    ----------
    value : float
        The value to place; it is none of the cohort's.
    values : array_like, shape (n,)
        Of the cohort.
    patients : sequence, shape (n,)
        Whose each value is.
    level : float
        Of the interval.

    Raises
    ------
    StatisticsError
        As :func:`percentiles`.

    References
    ----------
    [KornGraubard1998]_
    """
    from scipy import stats

    given, members = _checked(values, patients)
    below = (given < value) + 0.5 * (given == value)
    n, k = len(given), int(members.max()) + 1
    share = float(below.mean())
    residuals = np.bincount(members, weights=below - share)
    # Relative to that of independent values, which the interval is exact for.
    variance = float(np.sum(residuals**2)) / n**2 * (k * (n - 1)) / (max(k - 1, 1) * n)
    half = (1 - level) / 2
    effective = float(k)
    if variance > 0:
        # Few patients tell less of the variance between them than their number says.
        ratio = float(stats.t.ppf(1 - half, n - 1) / stats.t.ppf(1 - half, k - 1)) if k > 1 else 0.0
        effective = min(share * (1 - share) / variance * ratio**2, n)
    counted = share * effective
    low = float(stats.beta.ppf(half, counted, effective - counted + 1)) if counted > 0 else 0.0
    high = float(stats.beta.ppf(1 - half, counted + 1, effective - counted)) if counted < effective else 1.0
    return Interval(100 * share, 100 * low, 100 * high)


def _checked(values: Sequence[float] | Array, patients: Sequence[Hashable]) -> tuple[Array, Array]:
    given = np.asarray(values, float)
    if not len(given) or len(patients) != len(given) or not np.isfinite(given).all():
        raise StatisticsError(
            f"{len(given)} values of {len(patients)} named patients have no percentiles: give finite values, each with "
            "its patient.",
            code="percentile-values",
        )
    numbers: dict[Hashable, int] = {}
    return given, np.array([numbers.setdefault(patient, len(numbers)) for patient in patients])


def _order_statistics(ordered: Array, share: float, level: float) -> tuple[float, float]:
    """Return the two order statistics whose ranks leave at most half of the rest of the level on each side."""
    from scipy import stats

    n, half = len(ordered), (1 - level) / 2
    cumulated = stats.binom.cdf(np.arange(n), n, share)
    # The lower end is above the percentile if at most rank − 1 values are below it, the upper one below if at least
    # as many as its rank are.
    lower = int(np.searchsorted(cumulated, half, side="right"))
    upper = int(np.searchsorted(cumulated, 1 - half, side="left")) + 1
    return (
        float(ordered[lower - 1]) if lower >= 1 else math.nan,
        float(ordered[upper - 1]) if upper <= n else math.nan,
    )


def _bootstrap(
    ordered: Array, members: Array, percents: Sequence[float], level: float, replicates: int, seed: int
) -> list[tuple[float, float]]:
    """Return intervals of percentiles over cohorts of patients drawn with all their values."""
    rng = np.random.default_rng(seed)
    k = int(members.max()) + 1
    found = np.empty((replicates, len(percents)))
    step = max(1, _CHUNK // len(ordered))
    for start in range(0, replicates, step):
        rows = slice(start, min(start + step, replicates))
        drawn = rng.multinomial(k, np.full(k, 1 / k), size=rows.stop - rows.start)
        cumulated = np.cumsum(drawn[:, members], axis=1)
        for column, percent in enumerate(percents):
            found[rows, column] = _weighted_percentile(ordered, cumulated, percent / 100)
    half = 100 * (1 - level) / 2
    ends = []
    for column, percent in enumerate(percents):
        if math.isnan(percentile_of_ordered(ordered, percent)):
            ends.append((math.nan, math.nan))
            continue
        low, high = np.percentile(found[:, column], [half, 100 - half])
        ends.append((float(low), float(high)))
    return ends


def _weighted_percentile(ordered: Array, cumulated: Array, share: float) -> Array:
    """Return the percentile of each cohort, in which value j stands until the cumulated count at j."""
    totals = cumulated[:, -1]
    ranks = np.clip(share * (totals + 1), 1, totals)
    below = np.floor(ranks)
    first = (cumulated < below[:, None]).sum(axis=1)
    second = (cumulated < np.minimum(below + 1, totals)[:, None]).sum(axis=1)
    return np.asarray(ordered[first] + (ranks - below) * (ordered[second] - ordered[first]))
