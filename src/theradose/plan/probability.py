"""Probability that a dose exceeds a limit, and the interval in which it lies.

Doses are positive and their uncertainties are mostly of factors, so that the logarithm is taken as normal: the best
estimate is the median, and the relative standard uncertainty c gives σ² = ln(1 + c²).

References
----------
[JCGM101]_ Distribution of a quantity that is a product of factors.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from theradose.data import load_yaml
from theradose.model.limit import DoseQuantity, Limit
from theradose.model.plan import PlannedDose
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


def interval_coverage() -> float:
    """Return the probability with which the interval of a plan holds the true value, a convention (``plan.yaml``).

    References
    ----------
    [Theradose]_
    """
    return float(load_yaml("plan.yaml")["interval_coverage"]["value"])


def interval(quantity: Uncertain) -> tuple[float, float] | None:
    """Return the central interval of a positive quantity, by convention of 95 %; ``None`` where none can be stated.

    Parameters
    ----------
    quantity : Uncertain
        Best estimate with its sources.

    Returns
    -------
    tuple of float or None
        Lower and upper end in the unit of the quantity.

    References
    ----------
    [JCGM101]_
    """
    if not quantity.contributions or quantity.value <= 0:
        return None
    factor = upper_factor(quantity.relative_u, (1 - interval_coverage()) / 2)
    return quantity.value / factor, quantity.value * factor


def compare_with_limit(
    *, target: str, dose_gy: Uncertain, limit: Limit | None, basis: str, quantity: DoseQuantity = "absorbed-dose"
) -> PlannedDose:
    """Return a dose beside a limit with the probability of exceeding it.

    Parameters
    ----------
    target : str
        Region, compartment or lesion.
    dose_gy : Uncertain
        In the quantity that the limit is stated in.
    limit : Limit or None
        What it is compared with.
    basis : str
        What the dose counts.
    quantity : {"absorbed-dose", "BED", "EQD2"}
        What the dose is.

    References
    ----------
    [JCGM101]_
    """
    exceeded = None if limit is None else probability_above(dose_gy, limit.value_gy)
    return PlannedDose(target, dose_gy, quantity, limit, exceeded, basis)
