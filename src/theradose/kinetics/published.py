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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import FitError
from theradose.model.arrays import Array

_GRID_RATES = 8
_STARTS = 6
# Half-lives of the fastest starting rate in the time of the first sample.
_FASTEST = 3.0
_ITERATIONS = 2000
_FIRST_DAMPING, _LEAST_DAMPING, _LARGEST_DAMPING = 1e-3, 1e-14, 1e12
_AFTER_GAIN, _AFTER_LOSS = 0.3, 3.0
# Relative change of the residuals, and of every parameter, below which a descent has ended.
_UNSEEN_GAIN, _UNSEEN_STEP = 1e-12, 1e-9
_LARGEST_EXPONENT = 700.0


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


def fit_unweighted_curves(*, curves: Sequence[tuple[Array, Array]], phases: int) -> tuple[UnweightedFit, ...]:
    """Fit Σ a exp(−b t) to every curve by ordinary least squares without bounds.

    Parameters
    ----------
    curves : sequence of (ndarray, ndarray), each of shape (n,)
        Times, positive and increasing, and activities or concentrations; n may differ between curves.
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
    if not curves:
        return ()
    points = min(len(times) for times, _ in curves)
    if points < 2 * phases:
        raise FitError(
            f"{2 * phases} parameters cannot be fitted to {points} points: use fewer exponentials.",
            code="too-few-points",
        )
    scales = [float(np.max(np.abs(values))) for _, values in curves]
    scaled = [
        (np.asarray(times, float), np.asarray(values, float) / scale)
        for (times, values), scale in zip(curves, scales, strict=True)
    ]
    starts = [_starts(times, data, phases) for times, data in scaled]
    owners = np.repeat(np.arange(len(curves)), [len(own) for own in starts])
    padded = _Padded.of(scaled).taken(owners)
    residuals, parameters = _descend_all(padded, np.concatenate(starts))
    best = [int(np.flatnonzero(owners == k)[np.argmin(residuals[owners == k])]) for k in range(len(curves))]
    return tuple(
        _described(data, scale, parameters[place], float(residuals[place]))
        for (_, data), scale, place in zip(scaled, scales, best, strict=True)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Padded:
    """Curves of different length as arrays of shape (curves, points); what is filled up does not count."""

    t_h: Array
    data: Array
    counts: Array

    @classmethod
    def of(cls, curves: Sequence[tuple[Array, Array]]) -> _Padded:
        shape = len(curves), max(len(times) for times, _ in curves)
        padded = cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))
        for k, (times, data) in enumerate(curves):
            padded.t_h[k, : len(times)], padded.data[k, : len(times)] = times, data
            padded.counts[k, : len(times)] = 1.0
        return padded

    def taken(self, rows: Array) -> _Padded:
        return _Padded(self.t_h[rows], self.data[rows], self.counts[rows])


def _described(data: Array, scale: float, parameters: Array, residual: float) -> UnweightedFit:
    amplitudes, rates = np.split(parameters, 2)
    order = np.argsort(rates)
    area = float(np.sum(scale * amplitudes / rates)) if (rates > 0).all() else math.inf
    total = float(np.sum((data - np.mean(data)) ** 2))
    return UnweightedFit(
        amplitudes=tuple((scale * amplitudes[order]).tolist()),
        rates_per_h=tuple(rates[order].tolist()),
        area=area,
        # Equal values leave nothing that a curve could explain.
        r_squared=1 - residual / total if total > 0 else 0.0,
        physical=bool(0 < area < math.inf),
    )


def _starts(times: Array, data: Array, phases: int) -> Array:
    """Return the best parameters on a grid of rates, shape (starts, 2 phases)."""
    grid = np.geomspace(math.log(2) / times[-1], _FASTEST * math.log(2) / times[0], _GRID_RATES)
    scanned = []
    for rates in itertools.combinations(grid, phases):
        design = np.exp(-np.outer(times, rates))
        amplitudes = np.linalg.lstsq(design, data, rcond=None)[0]
        scanned.append((float(np.sum((data - design @ amplitudes) ** 2)), np.concatenate([amplitudes, rates])))
    scanned.sort(key=lambda item: item[0])
    return np.array([parameters for _, parameters in scanned[:_STARTS]])


def _descend_all(curves: _Padded, starts: Array) -> tuple[Array, Array]:
    """Return the residual sums of squares and parameters of the local minima below each start, all at once.

    The damping of Levenberg and Marquardt, for each descent by itself.
    """
    current = starts.copy()
    residual, jacobian = _linearised(curves, current)
    squares = np.sum(residual**2, axis=1)
    scale = np.linalg.norm(jacobian, axis=1)
    damping = np.full(len(starts), _FIRST_DAMPING)
    running = np.ones(len(starts), bool)
    diagonal = np.arange(starts.shape[1])
    for _ in range(_ITERATIONS):
        rows = np.flatnonzero(running)
        if not len(rows):
            break
        scale[rows] = np.maximum(scale[rows], np.linalg.norm(jacobian[rows], axis=1))
        scaling = np.maximum(scale[rows], np.finfo(float).tiny)
        design = jacobian[rows] / scaling[:, None, :]
        normal = np.swapaxes(design, 1, 2) @ design
        normal[:, diagonal, diagonal] += damping[rows, None]
        pull = np.einsum("bnk,bn->bk", design, residual[rows])
        step = np.linalg.solve(normal, pull[:, :, None])[:, :, 0] / scaling
        trial = current[rows] + step
        trial_residual, trial_jacobian = _linearised(curves.taken(rows), trial)
        trial_squares = np.sum(trial_residual**2, axis=1)
        better = trial_squares < squares[rows]
        gained = better & (squares[rows] - trial_squares > _UNSEEN_GAIN * trial_squares)
        moved = (np.abs(step) > _UNSEEN_STEP * np.abs(current[rows])).any(axis=1)
        taken = rows[better]
        current[taken], residual[taken], jacobian[taken] = trial[better], trial_residual[better], trial_jacobian[better]
        squares[taken] = trial_squares[better]
        damping[rows] *= np.where(better, _AFTER_GAIN, _AFTER_LOSS)
        damping[rows] = np.maximum(damping[rows], _LEAST_DAMPING)
        running[rows] = moved & (gained | ~better) & (damping[rows] < _LARGEST_DAMPING)
    return squares, current


def _linearised(curves: _Padded, parameters: Array) -> tuple[Array, Array]:
    """Return the residuals, shape (b, n), and the derivatives of the curves by the parameters, shape (b, n, k)."""
    amplitudes, rates = np.split(parameters, 2, axis=1)
    # An unbounded rate may leave the range of floating-point numbers on the way to the minimum, and its square too.
    exponents = np.clip(-curves.t_h[:, :, None] * rates[:, None, :], -_LARGEST_EXPONENT, _LARGEST_EXPONENT / 4)
    phases = np.exp(exponents) * curves.counts[:, :, None]
    residual = curves.data - np.einsum("bnp,bp->bn", phases, amplitudes)
    by_rate = -curves.t_h[:, :, None] * phases * amplitudes[:, None, :]
    return residual, np.concatenate([phases, by_rate], axis=2)
