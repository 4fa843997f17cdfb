"""What a logistic model says: coefficients, the curve of the probability, the dose at which it has a given value.

All intervals are built on the logit scale, where the estimates are closest to normal, and then turned into
probabilities; those of a probability cannot leave 0 to 1. Models with a patient effect speak of a patient whose
effect is 0.

References
----------
[Fieller1954]_ Interval of a ratio of estimates.
[Warfvinge2024]_ Curve and interval of the response of tumours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.statistics.binary.logistic import LogisticFit, probability
from theradose.statistics.binary.mixed import LogisticMixedFit
from theradose.statistics.intervals import Band


@dataclass(frozen=True, slots=True)
class LogitEffect:
    """A coefficient, or a sum of coefficients, on the logit scale.

    Attributes
    ----------
    value, u : float
        Estimate and standard error.
    low, high : float
        Confidence interval.
    z, p : float
        Estimate in standard errors, and the two-sided probability of one as far from 0 by chance.
    """

    name: str
    value: float
    u: float
    low: float
    high: float
    z: float
    p: float


@dataclass(frozen=True, slots=True)
class DoseAtProbability:
    """Dose at which a probability is reached.

    Attributes
    ----------
    value, u : float
        Estimate and standard error to first order, in the unit of the dose.
    low, high : float
        Fieller's interval: the doses at which the interval of the curve contains the probability.
    """

    probability: float
    value: float
    u: float
    low: float
    high: float


def coefficient_table(fit: LogisticFit | LogisticMixedFit, *, level: float = 0.95) -> tuple[LogitEffect, ...]:
    """Return every coefficient with interval and p value, from estimate and standard error (Wald).

    Raises
    ------
    StatisticsError
        ``not-converged``.

    References
    ----------
    [Bates2015]_
    """
    return linear_combinations(fit, np.eye(len(fit.names)), names=fit.names, level=level)


def linear_combinations(
    fit: LogisticFit | LogisticMixedFit, rows: Array, *, names: Sequence[str], level: float = 0.95
) -> tuple[LogitEffect, ...]:
    """Return sums of coefficients, for example the slope of a grade, which is a slope and its interaction.

    Parameters
    ----------
    fit : LogisticFit or LogisticMixedFit
        The model.
    rows : ndarray, shape (m, p)
        Multiples of the coefficients.
    names : sequence of str, length m
        Of the sums.
    level : float
        Of the confidence intervals.

    Raises
    ------
    StatisticsError
        ``not-converged``.

    References
    ----------
    [Bates2015]_
    """
    from scipy import stats

    values, u = _logits(fit, rows)
    reach = float(stats.norm.ppf((1 + level) / 2)) * u
    z = values / u
    p = 2 * stats.norm.sf(np.abs(z))
    return tuple(
        LogitEffect(name, *map(float, numbers))
        for name, *numbers in zip(names, values, u, values - reach, values + reach, z, p, strict=True)
    )


def probability_curve(fit: LogisticFit | LogisticMixedFit, rows: Array, *, level: float = 0.95) -> Band:
    """Return the probabilities at rows of the design, for example ``design.at({"dose_gy": doses})``.

    Parameters
    ----------
    fit : LogisticFit or LogisticMixedFit
        The model; a patient effect is taken as 0.
    rows : ndarray, shape (m, p)
        Columns as in the design of the fit.
    level : float
        Of the pointwise confidence interval.

    Raises
    ------
    StatisticsError
        ``not-converged``.

    References
    ----------
    [Warfvinge2024]_
    """
    from scipy import stats

    logit, u = _logits(fit, rows)
    reach = float(stats.norm.ppf((1 + level) / 2)) * u
    return Band(*(frozen(probability(logit + shift)) for shift in (0.0, -reach, reach)))


def dose_at_probability(
    fit: LogisticFit | LogisticMixedFit, *, probability: float, at_zero: Array, at_one: Array, level: float = 0.95
) -> DoseAtProbability | None:
    """Return the dose at which the curve has a probability, or ``None`` if no dose has an interval.

    There is none if the slope does not differ from 0 at the level: then the interval of the curve contains the
    probability at doses without limit, and a dose would be read as a threshold that the data do not show.

    Parameters
    ----------
    fit : LogisticFit or LogisticMixedFit
        The model.
    probability : float
        Between 0 and 1.
    at_zero, at_one : ndarray, shape (p,) or (1, p)
        Rows of the design at a dose of 0 and of one unit, all else as wanted; the logit must be linear in the dose.
    level : float
        Of the interval and of the test of the slope.

    Raises
    ------
    StatisticsError
        ``probability-invalid``, ``not-converged``.

    References
    ----------
    [Fieller1954]_
    """
    from scipy import stats

    if not 0 < probability < 1:
        raise StatisticsError(
            f"No dose reaches a probability of {probability:g}: state one between 0 and 1.", code="probability-invalid"
        )
    _refuse_unfinished(fit)
    start = np.ravel(at_zero)
    pair = np.array([start, np.ravel(at_one) - start])
    offset, slope = map(float, pair @ fit.coefficients)
    offset -= math.log(probability / (1 - probability))
    (v_offset, v_both), (_, v_slope) = (pair @ fit.covariance @ pair.T).tolist()
    z2 = float(stats.norm.ppf((1 + level) / 2)) ** 2
    # Doses at which (offset + slope D)² = z² variance: the zeros of a D² + 2 b D + c.
    a, b, c = slope**2 - z2 * v_slope, offset * slope - z2 * v_both, offset**2 - z2 * v_offset
    if not a > 0:
        return None
    dose = -offset / slope
    variance = (v_offset + 2 * dose * v_both + dose**2 * v_slope) / slope**2
    root = math.sqrt(max(b**2 - a * c, 0.0))
    return DoseAtProbability(probability, dose, math.sqrt(variance), (-b - root) / a, (-b + root) / a)


def _logits(fit: LogisticFit | LogisticMixedFit, rows: Array) -> tuple[Array, Array]:
    """Return logits at rows of the design and their standard errors."""
    _refuse_unfinished(fit)
    rows = np.atleast_2d(rows)
    variance = np.einsum("ij,jk,ik->i", rows, fit.covariance, rows)
    return rows @ fit.coefficients, np.sqrt(variance)


def _refuse_unfinished(fit: LogisticFit | LogisticMixedFit) -> None:
    if not fit.converged:
        raise StatisticsError(
            "The logistic model has no estimates, because its fit did not converge: leave out terms or add rows.",
            code="not-converged",
        )
