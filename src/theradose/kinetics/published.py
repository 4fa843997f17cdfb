"""Sums of exponentials fitted as published: unweighted, unbounded, judged by R².

This is not how :mod:`theradose.kinetics.fit` works. It repeats a published analysis, so that its results can be
compared and its properties shown: unweighted residuals are ruled by the highest points, so that late samples hardly
matter, and nothing keeps a rate positive.

References
----------
[Vallot2024]_ Mono-, bi- and tri-exponential curves of blood samples and images.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from theradose.errors import FitError
from theradose.model.arrays import Array

_GRID_RATES = 8
_STARTS = 3
# Half-lives of the fastest starting rate in the time of the first sample.
_FASTEST = 3.0


@dataclass(frozen=True, slots=True)
class UnweightedFit:
    """An unweighted, unbounded fit.

    Attributes
    ----------
    amplitudes, rates_per_h : tuple of float
        Of the exponentials, slowest first.
    area : float
        Integral from 0 to infinity; infinite if a rate is not positive.
    r_squared : float
        1 − residual over total sum of squares.
    physical : bool
        Whether all rates are positive and the area too.
    """

    amplitudes: tuple[float, ...]
    rates_per_h: tuple[float, ...]
    area: float
    r_squared: float
    physical: bool


def fit_unweighted(*, t_h: Array, values: Array, phases: int) -> UnweightedFit:
    """Fit Σ a exp(−b t) by ordinary least squares without bounds.

    Parameters
    ----------
    t_h : ndarray, shape (n,)
        Times, positive and increasing.
    values : ndarray, shape (n,)
        Activities or concentrations.
    phases : int
        Number of exponentials; 2 `phases` points are needed.

    Raises
    ------
    FitError
        ``too-few-points``.

    References
    ----------
    [Vallot2024]_
    """
    times, data = np.asarray(t_h, float), np.asarray(values, float)
    if len(times) < 2 * phases:
        raise FitError(
            f"{2 * phases} parameters cannot be fitted to {len(times)} points: use fewer exponentials.",
            code="too-few-points",
        )
    scale = float(np.max(np.abs(data)))
    solutions = [_descend(times, data / scale, start) for start in _starts(times, data / scale, phases)]
    residual, parameters = min(solutions, key=lambda solution: solution[0])
    amplitudes, rates = parameters[:phases] * scale, parameters[phases:]
    order = np.argsort(rates)
    area = float(np.sum(amplitudes / rates)) if (rates > 0).all() else math.inf
    total = float(np.sum((data / scale - np.mean(data / scale)) ** 2))
    return UnweightedFit(
        amplitudes=tuple(amplitudes[order].tolist()),
        rates_per_h=tuple(rates[order].tolist()),
        area=area,
        r_squared=1 - 2 * residual / total,
        physical=bool(0 < area < math.inf),
    )


def _starts(times: Array, data: Array, phases: int) -> list[Array]:
    """Return the best parameters on a grid of rates."""
    grid = np.geomspace(math.log(2) / times[-1], _FASTEST * math.log(2) / times[0], _GRID_RATES)
    scanned = []
    for rates in itertools.combinations(grid, phases):
        design = np.exp(-np.outer(times, rates))
        amplitudes = np.linalg.lstsq(design, data, rcond=None)[0]
        scanned.append((float(np.sum((data - design @ amplitudes) ** 2)), np.concatenate([amplitudes, rates])))
    scanned.sort(key=lambda item: item[0])
    return [parameters for _, parameters in scanned[:_STARTS]]


def _descend(times: Array, data: Array, start: Array) -> tuple[float, Array]:
    """Return half the residual sum of squares and the parameters of a local minimum."""
    from scipy.optimize import least_squares

    fit = least_squares(_residual, start, jac=_jacobian, args=(times, data), method="lm", x_scale="jac")
    return float(fit.cost), np.asarray(fit.x)


def _residual(parameters: Array, times: Array, data: Array) -> Array:
    amplitudes, rates = np.split(parameters, 2)
    return np.asarray(_exponentials(times, rates) @ amplitudes - data)


def _jacobian(parameters: Array, times: Array, data: Array) -> Array:
    amplitudes, rates = np.split(parameters, 2)
    design = _exponentials(times, rates)
    return np.concatenate([design, -times[:, None] * design * amplitudes], axis=1)


def _exponentials(times: Array, rates: Array) -> Array:
    # An unbounded rate may leave the range of floating-point numbers on the way to the minimum.
    return np.asarray(np.exp(np.clip(-np.outer(times, rates), -700.0, 700.0)))
