"""Times to an event that not everyone reaches: curves, comparison of groups, proportional hazards with clusters.

References
----------
[KaplanMeier1958]_ The curve.
[Mantel1966]_ Comparison of groups (log-rank).
[Cox1972]_ Proportional hazards.
[LinWei1989]_ Variance that allows for clusters.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.statistics.chi_squared import ChiSquaredTest, chi_squared_test
from theradose.statistics.intervals import Interval

_FEWEST_EVENTS = 5
_BEYOND = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalCurve:
    """Share without the event by time.

    Attributes
    ----------
    time : ndarray, shape (k,)
        Times of events and censorings, rising.
    share : ndarray, shape (k,)
        From each time on.
    low, high : ndarray, shape (k,)
        Pointwise interval on the scale log(−log); ``nan`` where it is not defined.
    at_risk, events : ndarray, shape (k,)
        At each time.
    median : Interval
        Time at which half have had it; ``nan`` where the curve, or an end of its interval, does not come so far.
    n : int
        Subjects.
    """

    time: Array
    share: Array
    low: Array
    high: Array
    at_risk: Array
    events: Array
    median: Interval
    n: int


@dataclass(frozen=True, slots=True)
class HazardRatio:
    """Factor on the hazard per unit of a covariate.

    Attributes
    ----------
    name : str
        Of the covariate.
    value, low, high : float
        Ratio and interval.
    u_log : float
        Standard error of its logarithm, with clusters if there are any.
    u_log_independent : float
        The same if subjects were independent.
    p : float
        Two-sided probability of one as far from 1 by chance.
    """

    name: str
    value: float
    low: float
    high: float
    u_log: float
    u_log_independent: float
    p: float


def kaplan_meier(time: Sequence[float] | Array, event: Sequence[bool] | Array, *, level: float = 0.95) -> SurvivalCurve:
    """Return the curve of Kaplan and Meier.

    Parameters
    ----------
    time : array_like, shape (n,)
        Positive times to the event or to the end of observation.
    event : array_like of bool, shape (n,)
        Whether the event was seen.
    level : float
        Of the intervals.

    Raises
    ------
    StatisticsError
        ``survival-times`` for times that are not positive, or series of unequal length.

    References
    ----------
    [KaplanMeier1958]_
    """
    from scipy import stats

    t, seen = _checked(time, event)
    times, place = np.unique(t, return_inverse=True)
    events = np.bincount(place, seen, minlength=len(times))
    at_risk = len(t) - np.searchsorted(np.sort(t), times)
    share = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events)))
        log_share = np.log(share)
        reach = float(stats.norm.ppf((1 + level) / 2)) * np.sqrt(greenwood) / np.abs(log_share)
        low, high = (np.where(share < 1, share ** np.exp(sign * reach), np.nan) for sign in (1, -1))
    low[share == 0] = high[share == 0] = np.nan
    median = Interval(_crossing(times, share), _crossing(times, low), _crossing(times, high))
    return SurvivalCurve(
        time=frozen(times),
        share=frozen(share),
        low=frozen(low),
        high=frozen(high),
        at_risk=frozen(at_risk),
        events=frozen(events),
        median=median,
        n=len(t),
    )


def log_rank(
    time: Sequence[float] | Array, event: Sequence[bool] | Array, groups: Sequence[Hashable] | Array
) -> ChiSquaredTest:
    """Return the log-rank test of groups.

    Raises
    ------
    StatisticsError
        ``survival-times``; ``one-group`` for fewer than two groups; ``too-few-events``.

    References
    ----------
    [Mantel1966]_
    """
    from statsmodels.duration.survfunc import survdiff

    t, seen = _checked(time, event)
    if len(groups) != len(t):
        raise StatisticsError(f"{len(groups)} groups are named for {len(t)} times: name one for each.",
                              code="survival-times")  # fmt: skip
    names = np.array([str(group) for group in groups])
    count = len(set(names.tolist()))
    if count < 2:
        raise StatisticsError("There is one group, so there is nothing to compare.", code="one-group")
    if seen.sum() < 1:
        raise StatisticsError("No event was seen, so groups cannot be compared.", code="too-few-events")
    chi_squared = float(survdiff(t, seen, names)[0])
    return chi_squared_test(chi_squared, count - 1)


def cox(
    time: Sequence[float] | Array,
    event: Sequence[bool] | Array,
    covariates: Mapping[str, Sequence[float] | Array],
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> tuple[HazardRatio, ...]:
    """Return the hazard ratios of Cox's model, ties by Efron's method.

    Parameters
    ----------
    time, event : array_like, shape (n,)
        As :func:`kaplan_meier`.
    covariates : mapping of str to array_like, shape (n,)
        Numbers; the ratio is per unit of each.
    clusters : sequence, shape (n,), optional
        Patient of each row: standard errors then allow for rows of one patient being alike.
    level : float
        Of the intervals.

    Raises
    ------
    StatisticsError
        ``survival-times``; ``too-few-events`` for fewer than five, or fewer than covariates; ``collinear-columns``
        for a covariate that is constant or follows from the others; ``not-converged`` if a ratio grows without limit.

    References
    ----------
    [Cox1972]_, [LinWei1989]_
    """
    from scipy import stats
    from statsmodels.duration.hazard_regression import PHReg

    t, seen = _checked(time, event)
    columns = np.column_stack([np.asarray(values, float) for values in covariates.values()])
    if seen.sum() < max(_FEWEST_EVENTS, len(covariates)):
        raise StatisticsError(
            f"{int(seen.sum())} events do not determine {len(covariates)} hazard ratios: at least "
            f"{max(_FEWEST_EVENTS, len(covariates))} are needed.",
            code="too-few-events",
        )
    spread = columns.std(axis=0)
    scaled = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)
    if not (spread > 0).all() or np.linalg.matrix_rank(scaled, tol=1e-7 * math.sqrt(len(t))) < columns.shape[1]:
        raise StatisticsError(
            f"One of {', '.join(covariates)} is constant or follows from the others: leave it out.",
            code="collinear-columns",
        )
    model = PHReg(t, scaled, status=seen.astype(int), ties="efron")
    result = model.fit(disp=0)
    if not np.isfinite(result.bse).all() or np.abs(result.params).max() > _BEYOND:
        raise StatisticsError("A hazard ratio grows without limit, because a covariate parts all events from the rest: "
                              "leave it out.", code="not-converged")  # fmt: skip
    plain = np.asarray(result.bse) / spread
    u = plain
    if clusters is not None:
        codes = np.unique([str(cluster) for cluster in clusters], return_inverse=True)[1]
        moved = np.zeros((int(codes.max()) + 1, columns.shape[1]))
        np.add.at(moved, codes, _score_residuals(t, seen, scaled, np.asarray(result.params)))
        moved = moved @ np.asarray(result.cov_params())
        u = np.sqrt(np.einsum("ij,ij->j", moved, moved)) / spread
    log_ratio = np.asarray(result.params) / spread
    z = float(stats.norm.ppf((1 + level) / 2))
    return tuple(
        HazardRatio(
            name,
            value=math.exp(value),
            low=math.exp(value - z * se),
            high=math.exp(value + z * se),
            u_log=float(se),
            u_log_independent=float(independent),
            p=float(2 * stats.norm.sf(abs(value) / se)),
        )
        for name, value, se, independent in zip(covariates, log_ratio, u, plain, strict=True)
    )


def _score_residuals(t: Array, seen: Array, columns: Array, coefficients: Array) -> Array:
    """Return what each subject adds to the score of Efron's partial likelihood, shape (n, p).

    Of d tied events the l-th meets a risk set in which every one of them counts 1 − l/d, also in its own residual.
    """
    risk = np.exp(columns @ coefficients)
    residuals = np.zeros_like(columns)
    for moment in np.unique(t[seen]):
        at_risk, tied = t >= moment, seen & (t == moment)
        d = int(tied.sum())
        for place in range(d):
            weight = risk * (at_risk - tied * (place / d))
            mean = weight @ columns / weight.sum()
            residuals -= (weight / weight.sum())[:, None] * (columns - mean)
            residuals[tied] += (columns[tied] - mean) / d
    return residuals


def _checked(time: Sequence[float] | Array, event: Sequence[bool] | Array) -> tuple[Array, Array]:
    t, seen = np.asarray(time, float), np.asarray(event, bool)
    if t.shape != seen.shape or t.ndim != 1 or not len(t) or not (np.isfinite(t) & (t > 0)).all():
        raise StatisticsError(
            "Times to an event are positive and finite, with one event or end of observation for each.",
            code="survival-times",
        )
    return t, seen


def _crossing(times: Array, share: Array) -> float:
    """Return the first time at which a curve is at or below one half."""
    below = np.flatnonzero(share <= 0.5)
    return float(times[below[0]]) if below.size else math.nan
