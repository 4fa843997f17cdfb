"""Visual predictive check: quantiles of the points beside those that the population would give at the same times.

References
----------
[PinheiroBates2000]_ The model that is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.kinetics.population_fit import FittedPopulation
from theradose.model.arrays import Array, frozen
from theradose.statistics.nonlinear_mixed.diagnostics import simulate

QUANTILES = (0.1, 0.5, 0.9)
"""Quantiles of the points that are compared."""
_BAND = (0.025, 0.5, 0.975)
_REPLICATES = 500
# Times farther apart than this factor belong to different visits.
_VISITS_APART = 1.15
_FEWEST_IN_BIN = 10
_BINS = 6


@dataclass(frozen=True, slots=True, eq=False)
class PredictiveCheck:
    """Points by bins of time, B in number.

    Attributes
    ----------
    t_h : ndarray, shape (B,)
        Median time of each bin.
    points : ndarray of int, shape (B,)
        Number of points.
    observed : ndarray, shape (B, 3)
        Quantiles 10 %, 50 % and 90 % of the activity fractions.
    expected : ndarray, shape (B, 3, 3)
        Median and 95 % interval (low, median, high) of each of them in simulated cohorts.
    """

    t_h: Array
    points: Array
    observed: Array
    expected: Array

    def __post_init__(self) -> None:
        for name in ("t_h", "points", "observed", "expected"):
            object.__setattr__(self, name, frozen(getattr(self, name)))


def predictive_check(fitted: FittedPopulation, *, seed: int) -> PredictiveCheck:
    """Simulate the cohort many times and compare its quantiles with those of the points.

    Parameters
    ----------
    fitted : FittedPopulation
        The population with its data.
    seed : int
        Of the simulated patients.

    References
    ----------
    [PinheiroBates2000]_
    """
    data = fitted.fit.data
    times, logs = data.in_order(data.x)[:, 0], data.in_order(data.y)
    drawn = simulate(fitted.fit.population, data, size=_REPLICATES, rng=np.random.default_rng(seed))
    bins = _bins(times)
    return PredictiveCheck(
        t_h=np.array([np.median(times[own]) for own in bins]),
        points=np.array([len(own) for own in bins]),
        observed=np.exp([np.quantile(logs[own], QUANTILES) for own in bins]),
        expected=np.exp([np.quantile(np.quantile(drawn[:, own], QUANTILES, axis=1), _BAND, axis=1).T for own in bins]),
    )


def _bins(times: Array) -> list[Array]:
    """Return the points of each visit, or of equally many points where visits cannot be told apart."""
    order = np.argsort(times)
    gaps = np.flatnonzero(np.diff(np.log(times[order])) > np.log(_VISITS_APART))
    visits = np.split(order, gaps + 1)
    if len(visits) < 2 or max(len(visit) for visit in visits) > len(times) / 2:
        return np.array_split(order, max(1, min(_BINS, len(times) // _FEWEST_IN_BIN)))
    return visits
