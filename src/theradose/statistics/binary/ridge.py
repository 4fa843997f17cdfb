"""Ridge-penalised logistic regression, and its predictions for rows that it did not see.

Predictors are standardised within the rows that a model is fitted to; the intercept is not penalised. The penalty is
chosen by cross-validation inside the training rows alone, and all rows of a patient are on one side of every split.

References
----------
[leCessie1992]_ The estimator.
[Brier1950]_ Score of probabilities.
[Cox1958]_ Calibration: regression of the outcome on the logit of its prediction.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.statistics.binary.logistic import log_probability, probability

PENALTIES = tuple(float(value) for value in np.logspace(-3, 2, 11))
"""Penalties per row that are tried."""
_ITERATIONS = 50
_CONVERGED = 1e-10
_CLIP = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class RidgeLogistic:
    """A penalised logistic model.

    Attributes
    ----------
    intercept : float
        At the means of the predictors.
    coefficients : ndarray, shape (p,)
        Logits per standard deviation of each predictor.
    means, sds : ndarray, shape (p,)
        Of the rows it was fitted to.
    penalty : float
        λ per row, of λ n/2 Σ β².
    """

    intercept: float
    coefficients: Array
    means: Array
    sds: Array
    penalty: float

    def predict(self, predictors: Array) -> Array:
        """Return the probabilities of rows, shape (n,)."""
        logit = self.intercept + ((predictors - self.means) / self.sds) @ self.coefficients
        return np.asarray(probability(logit))


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidated:
    """Predictions of every row by models that did not see its patient.

    Attributes
    ----------
    probability : ndarray, shape (r, n)
        By repeat of the splits.
    penalty : ndarray, shape (r, k)
        That was chosen in each split.
    """

    probability: Array
    penalty: Array


@dataclass(frozen=True, slots=True)
class Calibration:
    """Regression of the outcome on the logit of its prediction; 0 and 1 for predictions that are right."""

    intercept: float
    u_intercept: float
    slope: float
    u_slope: float


def fit_ridge_logistic(*, outcome: Array, predictors: Array, penalty: float) -> RidgeLogistic:
    """Return the penalised model by Newton's method.

    Parameters
    ----------
    outcome : ndarray, shape (n,)
        0 or 1.
    predictors : ndarray, shape (n, p)
        Columns; one that is constant in these rows has no coefficient.
    penalty : float
        λ per row, positive.

    References
    ----------
    [leCessie1992]_
    """
    y, x = np.asarray(outcome, float), np.asarray(predictors, float)
    means, sds = x.mean(axis=0), x.std(axis=0)
    sds = np.where(sds > 0, sds, 1.0)
    design = np.column_stack([np.ones(len(y)), (x - means) / sds])
    ridge = penalty * len(y) * np.diag([0.0, *np.ones(x.shape[1])])
    share = float(np.clip(y.mean(), 0.5 / len(y), 1 - 0.5 / len(y)))
    beta = np.append(math.log(share / (1 - share)), np.zeros(x.shape[1]))
    for _ in range(_ITERATIONS):
        p = probability(design @ beta)
        gradient = design.T @ (y - p) - ridge @ beta
        # A training set without events has no finite intercept; the small term holds it.
        curvature = (design * (p * (1 - p))[:, None]).T @ design + ridge + 1e-9 * np.eye(len(beta))
        step = np.linalg.solve(curvature, gradient)
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < _CONVERGED:
            break
    return RidgeLogistic(float(beta[0]), frozen(beta[1:].copy()), frozen(means), frozen(sds), penalty)


def cross_validate(
    *,
    outcome: Array,
    predictors: Array,
    groups: Sequence[Hashable],
    folds: int = 5,
    repeats: int = 5,
    seed: int = 0,
) -> CrossValidated:
    """Return predictions by nested cross-validation: the penalty is chosen inside every training set.

    Parameters
    ----------
    outcome, predictors
        As of :func:`fit_ridge_logistic`.
    groups : sequence, length n
        Patient of each row.
    folds, repeats : int
        Splits of the patients, inside and outside, and how often they are drawn anew.
    seed : int
        Of the splits.

    Raises
    ------
    StatisticsError
        ``folds`` for fewer patients with, or without, an event than folds.

    References
    ----------
    [leCessie1992]_
    """
    y, x = np.asarray(outcome, float), np.asarray(predictors, float)
    rng = np.random.default_rng(seed)
    predicted, penalties = np.empty((repeats, len(y))), np.empty((repeats, folds))
    for repeat in range(repeats):
        fold = _folds(y, groups, folds, rng)
        for number in range(folds):
            train, test = fold != number, fold == number
            penalty = _best_penalty(y[train], x[train], fold[train])
            model = fit_ridge_logistic(outcome=y[train], predictors=x[train], penalty=penalty)
            predicted[repeat, test] = model.predict(x[test])
            penalties[repeat, number] = penalty
    return CrossValidated(frozen(predicted), frozen(penalties))


def choose_penalty(
    *, outcome: Array, predictors: Array, groups: Sequence[Hashable], folds: int = 5, seed: int = 0
) -> float:
    """Return the penalty with the best cross-validated likelihood over all rows.

    References
    ----------
    [leCessie1992]_
    """
    y = np.asarray(outcome, float)
    return _best_penalty(y, np.asarray(predictors, float), _folds(y, groups, folds, np.random.default_rng(seed)))


def brier_score(*, outcome: Array, predicted: Array) -> float:
    """Return the mean squared difference of outcome and probability.

    References
    ----------
    [Brier1950]_
    """
    return float(np.mean((np.asarray(outcome, float) - predicted) ** 2))


def calibration(*, outcome: Array, predicted: Array) -> Calibration:
    """Return the regression of the outcome on the logit of the prediction; ``nan`` if all predictions are equal.

    References
    ----------
    [Cox1958]_
    """
    p = np.clip(predicted, _CLIP, 1 - _CLIP)
    logit = np.log(p / (1 - p))
    if np.ptp(logit) == 0:
        return Calibration(math.nan, math.nan, math.nan, math.nan)
    y, design, beta = np.asarray(outcome, float), np.column_stack([np.ones(len(logit)), logit]), np.array([0.0, 1.0])
    for _ in range(_ITERATIONS):
        q = probability(design @ beta)
        information = (design * (q * (1 - q))[:, None]).T @ design
        step = np.linalg.solve(information, design.T @ (y - q))
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < _CONVERGED:
            break
    u = np.sqrt(np.diag(np.linalg.inv(information)))
    return Calibration(float(beta[0]), float(u[0]), float(beta[1]), float(u[1]))


def _best_penalty(y: Array, x: Array, fold: Array) -> float:
    scores = []
    for penalty in PENALTIES:
        score = 0.0
        for number in np.unique(fold):
            train, test = fold != number, fold == number
            model = fit_ridge_logistic(outcome=y[train], predictors=x[train], penalty=penalty)
            p = np.clip(model.predict(x[test]), _CLIP, 1 - _CLIP)
            score += float(np.sum(log_probability(y[test], np.log(p / (1 - p)))))
        scores.append(score)
    # The largest of equals: the flatter model.
    return PENALTIES[len(scores) - 1 - int(np.argmax(scores[::-1]))]


def _folds(y: Array, groups: Sequence[Hashable], folds: int, rng: np.random.Generator) -> Array:
    """Return the fold of every row: patients with and without an event are dealt out in turn."""
    names = list(dict.fromkeys(groups))
    number = {name: k for k, name in enumerate(names)}
    row_of = np.array([number[name] for name in groups])
    with_event = np.zeros(len(names), bool)
    with_event[row_of[y == 1]] = True
    if min(with_event.sum(), (~with_event).sum()) < folds:
        raise StatisticsError(
            f"{with_event.sum()} of {len(names)} patients have the event: {folds} splits need {folds} with it and "
            f"{folds} without it.",
            code="folds",
        )
    fold = np.empty(len(names), int)
    for members in (np.flatnonzero(with_event), np.flatnonzero(~with_event)):
        fold[rng.permutation(members)] = np.arange(len(members)) % folds
    return np.asarray(fold[row_of])
