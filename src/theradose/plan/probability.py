"""Probability that a dose exceeds a limit, and the interval in which it lies.

Doses are positive and their uncertainties are mostly of factors, so that the logarithm is taken as normal: the best
estimate is the median, and the relative standard uncertainty c gives σ² = ln(1 + c²). Where the number is the mean of
published patients and its uncertainty their standard deviation, the median lies below it by √(1 + c²).

References
----------
[JCGM101]_ Distribution of a quantity that is a product of factors.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from theradose.data import load_number
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


def probability_above(quantity: Uncertain, limit: float, *, of_mean: bool = False) -> float | None:
    """Return the probability that the true value is above `limit`; ``None`` where no uncertainty is stated.

    Parameters
    ----------
    quantity : Uncertain
        Best estimate with its sources.
    limit : float
        In the same unit, positive.
    of_mean : bool
        Whether the estimate is a mean of patients, not the median.

    References
    ----------
    [JCGM101]_
    """
    if not quantity.contributions or quantity.value <= 0:
        return None
    return NormalDist().cdf(math.log(_median(quantity, of_mean) / limit) / log_sigma(quantity.relative_u))


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
    return load_number("plan.yaml", "interval_coverage")


def interval(quantity: Uncertain, *, of_mean: bool = False) -> tuple[float, float] | None:
    """Return the central interval of a positive quantity, by convention of 95 %; ``None`` where none can be stated.

    Parameters
    ----------
    quantity : Uncertain
        Best estimate with its sources.
    of_mean : bool
        Whether the estimate is a mean of patients, not the median.

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
    median = _median(quantity, of_mean)
    return median / factor, median * factor


def dose_interval(dose: PlannedDose) -> tuple[float, float] | None:
    """Return the interval of a planned dose, Gy.

    References
    ----------
    [JCGM101]_
    """
    return interval(dose.dose_gy, of_mean=dose.of_mean)


def compare_with_limit(
    *,
    target: str,
    dose_gy: Uncertain,
    limit: Limit | None,
    basis: str,
    quantity: DoseQuantity = "absorbed-dose",
    of_mean: bool = False,
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
    of_mean : bool
        Whether it is a mean of patients, not the median.

    References
    ----------
    [JCGM101]_
    """
    exceeded = None if limit is None else probability_above(dose_gy, limit.value_gy, of_mean=of_mean)
    return PlannedDose(target, dose_gy, quantity, limit, exceeded, basis, of_mean)


def _median(quantity: Uncertain, of_mean: bool) -> float:
    return quantity.value / math.hypot(1.0, quantity.relative_u) if of_mean else quantity.value
