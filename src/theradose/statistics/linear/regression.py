"""Linear regression of independent rows by least squares, with the t tests of normal errors.

References
----------
[Bates2015]_ The mixed model of which this is the case without random effects.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.statistics.design import Design
from theradose.statistics.normality import shapiro_wilk


@dataclass(frozen=True, slots=True)
class LinearEffect:
    """A coefficient with its interval and test."""

    name: str
    value: float
    u: float
    low: float
    high: float
    df: float
    p: float


@dataclass(frozen=True, slots=True, eq=False)
class LinearFit:
    """A linear regression.

    Attributes
    ----------
    effects : tuple of LinearEffect
        In the order of the columns.
    residual_sd : float
        With the degrees of freedom of the residuals.
    residuals : ndarray, shape (n,)
        Response less fitted value.
    normality_p : float
        Shapiro and Wilk's test of the residuals; ``nan`` for fewer than three.
    """

    effects: tuple[LinearEffect, ...]
    residual_sd: float
    residuals: Array
    normality_p: float


def fit_linear(*, response: Sequence[float] | Array, design: Design, level: float = 0.95) -> LinearFit:
    """Return the linear regression of a response.

    Parameters
    ----------
    response : array_like, shape (n,)
        Finite numbers.
    design : Design
        Of the same rows.
    level : float
        Of the confidence intervals.

    Raises
    ------
    StatisticsError
        ``too-few-rows`` without degrees of freedom, ``missing-value``.

    References
    ----------
    [Bates2015]_
    """
    from scipy import stats

    y = np.asarray(response, float)
    n, p = design.matrix.shape
    if len(y) != n or not np.isfinite(y).all():
        raise StatisticsError(f"{len(y)} responses for {n} rows, or a number that is missing: give one for each row.",
                              code="missing-value")  # fmt: skip
    if n <= p:
        raise StatisticsError(f"{n} rows do not determine {p} coefficients and their uncertainty: add rows.",
                              code="too-few-rows")  # fmt: skip
    orthogonal, triangle = np.linalg.qr(design.matrix)
    coefficients = np.linalg.solve(triangle, orthogonal.T @ y)
    residuals = y - design.matrix @ coefficients
    df = n - p
    variance = float(residuals @ residuals) / df
    inverse = np.linalg.inv(triangle)
    u = np.sqrt(variance * np.sum(inverse**2, axis=1))
    reach = float(stats.t.ppf((1 + level) / 2, df)) * u
    t = np.divide(coefficients, u, out=np.full(p, math.inf), where=u > 0)
    tests = 2 * stats.t.sf(np.abs(t), df)
    return LinearFit(
        effects=tuple(
            LinearEffect(name, *map(float, numbers))
            for name, *numbers in zip(
                design.names, coefficients, u, coefficients - reach, coefficients + reach, np.full(p, df), tests,
                strict=True,
            )
        ),
        residual_sd=math.sqrt(variance),
        residuals=frozen(residuals),
        normality_p=shapiro_wilk(residuals)[1],
    )  # fmt: skip
