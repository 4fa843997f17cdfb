"""Whether numbers look normal.

References
----------
[ShapiroWilk1965]_ Test of normality.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.model.arrays import Array

_FEWEST = 3
_MOST = 5000
"""Up to which number of values the approximation of the probability is made for."""


def shapiro_wilk(values: Array) -> tuple[float, float]:
    """Return the statistic of Shapiro and Wilk, and the probability of a smaller one if the numbers are normal.

    Both are ``nan`` for fewer than 3 numbers, more than 5000, or equal ones.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The numbers.

    References
    ----------
    [ShapiroWilk1965]_
    """
    from scipy import stats

    if not _FEWEST <= len(values) <= _MOST or np.ptp(values) == 0:
        return math.nan, math.nan
    # The test does not know the unit, but its arithmetic fails for numbers that are very small.
    result = stats.shapiro(values / np.abs(values).max())
    return float(result.statistic), float(result.pvalue)
