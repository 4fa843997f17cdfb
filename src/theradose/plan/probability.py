"""Probability that a dose exceeds a limit.

Doses are positive and their uncertainties are mostly of factors, so that the logarithm is taken as normal: the best
estimate is the median, and the relative standard uncertainty c gives σ² = ln(1 + c²).

References
----------
[JCGM101]_ Distribution of a quantity that is a product of factors.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from theradose.uncertainty import Uncertain


def log_sigma(relative_u: float) -> float:
    """Return the standard deviation of the logarithm for a relative standard uncertainty.

    References
    ----------
    [JCGM101]_
    """
    return math.sqrt(math.log1p(relative_u**2))


def probability_above(quantity: Uncertain, limit: float) -> float | None:
    """Return the probability that the true value is above `limit`; ``None`` where no uncertainty is stated.

    Parameters
    ----------
    quantity : Uncertain
        Best estimate with its sources.
    limit : float
        In the same unit, positive.

    References
    ----------
    [JCGM101]_
    """
    if not quantity.contributions or quantity.value <= 0:
        return None
    return NormalDist().cdf(math.log(quantity.value / limit) / log_sigma(quantity.relative_u))


def upper_factor(relative_u: float, probability: float) -> float:
    """Return the factor above the best estimate that is exceeded with `probability`, which lies between 0 and 1.

    References
    ----------
    [JCGM101]_
    """
    return math.exp(NormalDist().inv_cdf(1 - probability) * log_sigma(relative_u))
