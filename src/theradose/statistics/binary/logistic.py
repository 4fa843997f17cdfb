"""Logistic models of a binary outcome, by maximum likelihood and with Firth's penalty.

References
----------
[AlbertAnderson1984]_ Existence of maximum likelihood estimates.
[Firth1993]_ Penalty that removes the first-order bias and keeps estimates finite.
[HeinzeSchemper2002]_ Firth's penalty as the answer to separation; intervals by the profile of the penalised likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.statistics.binary.rows import BinaryRows, binary_rows
from theradose.statistics.binary.separation import find_separation, refuse_separation
from theradose.statistics.design import Design
from theradose.statistics.maximum import Optimum, maximise

LogisticMethod = Literal["ml", "firth"]


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit:
    """A logistic model without patient effects.

    Attributes
    ----------
    names : tuple of str
        Of the coefficients.
    coefficients : ndarray, shape (p,)
        On the logit scale, per unit of their columns.
    covariance : ndarray, shape (p, p)
        Inverse of the information of the likelihood at the estimates.
    log_likelihood : float
        Without the penalty.
    penalised_log_likelihood : float
        With it; equal to the former for maximum likelihood.
    method : {"ml", "firth"}
        How it was fitted.
    rows : BinaryRows
        What it was fitted to.
    converged : bool
        Whether the maximum was reached.
    findings : tuple of Finding
        ``separation``, ``not-converged``.
    """

    names: tuple[str, ...]
    coefficients: Array
    covariance: Array
    log_likelihood: float
    penalised_log_likelihood: float
    method: LogisticMethod
    rows: BinaryRows
    converged: bool
    findings: tuple[Finding, ...]

    @property
    def aic(self) -> float:
        """Akaike's criterion of the likelihood without penalty."""
        return 2 * len(self.names) - 2 * self.log_likelihood


def fit_logistic(
    *, response: Sequence[float] | Sequence[bool] | Array, design: Design, method: LogisticMethod = "ml"
) -> LogisticFit:
    """Return the logistic model of a binary outcome.

    Rows are taken for independent; tumours of one patient are not (:func:`.logistic_mixed.fit_logistic_mixed`).

    Parameters
    ----------
    response : array_like, shape (n,)
        Outcome, 0 or 1.
    design : Design
        Of the same rows.
    method : {"ml", "firth"}
        Maximum likelihood, which needs an outcome that is not separated; or Firth's penalised likelihood, whose
        estimates are finite always and which states a separation as a finding.

    Raises
    ------
    StatisticsError
        ``outcome-rows``, ``outcome-values``; ``separation`` with maximum likelihood.

    References
    ----------
    [AlbertAnderson1984]_, [Firth1993]_, [HeinzeSchemper2002]_
    """
    rows = binary_rows(response, design)
    findings = []
    if method == "ml":
        refuse_separation(rows)
        optimum = maximum_likelihood(rows)
    else:
        separation = find_separation(rows)
        if separation is not None:
            findings.append(Finding("separation", "warning", f"{separation.sentence} without Firth's penalty."))
        optimum = maximum_penalised(rows, np.eye(rows.columns.shape[1]), np.zeros(rows.columns.shape[1]))
    if not optimum.converged:
        findings.append(Finding("not-converged", "critical", "The maximum of the likelihood was not reached."))
    return LogisticFit(
        names=rows.names,
        coefficients=frozen(rows.back @ optimum.point),
        covariance=rows.covariance(information(rows, optimum.point)),
        log_likelihood=log_likelihood(rows, optimum.point),
        penalised_log_likelihood=optimum.value,
        method=method,
        rows=rows,
        converged=optimum.converged,
        findings=tuple(findings),
    )


def maximum_likelihood(rows: BinaryRows) -> Optimum:
    """Return the maximum of the likelihood in the coordinates of `rows`, which must not be separated."""

    def gradient(point: Array) -> Array:
        slope: Array = rows.columns.T @ (rows.outcome - probability(rows.columns @ point))
        return slope

    return maximise(lambda point: log_likelihood(rows, point), gradient, np.zeros(rows.columns.shape[1]))


def maximum_penalised(rows: BinaryRows, directions: Array, origin: Array) -> Optimum:
    """Return the maximum of Firth's penalised likelihood on the plane ``origin + directions @ free``.

    Parameters
    ----------
    rows : BinaryRows
        Outcome and columns.
    directions : ndarray, shape (p, q)
        Orthonormal directions in which the coordinates may move.
    origin : ndarray, shape (p,)
        A point of the plane.
    """

    def function(free: Array) -> float:
        point = origin + directions @ free
        return log_likelihood(rows, point) + float(np.linalg.slogdet(information(rows, point))[1]) / 2

    def gradient(free: Array) -> Array:
        point = origin + directions @ free
        p = probability(rows.columns @ point)
        weights = p * (1 - p)
        inverse = np.linalg.inv(information(rows, point))
        leverages = weights * np.einsum("ij,jk,ik->i", rows.columns, inverse, rows.columns)
        slope: Array = directions.T @ (rows.columns.T @ (rows.outcome - p + leverages * (0.5 - p)))
        return slope

    return maximise(function, gradient, np.zeros(directions.shape[1]))


def log_likelihood(rows: BinaryRows, point: Array) -> float:
    """Return the log-likelihood at a point in the coordinates of `rows`."""
    return float(np.sum(log_probability(rows.outcome, rows.columns @ point)))


def information(rows: BinaryRows, point: Array) -> Array:
    """Return Fisher's information at a point in the coordinates of `rows`, shape (p, p)."""
    p = probability(rows.columns @ point)
    result: Array = (rows.columns * (p * (1 - p))[:, None]).T @ rows.columns
    return result


def probability(logit: Array) -> Array:
    """Return 1 / (1 + exp(−logit)) without overflow, of real or complex logits."""
    positive = logit.real > 0
    small = np.exp(np.where(positive, -logit, logit))
    result: Array = np.where(positive, 1, small) / (1 + small)
    return result


def log_probability(outcome: Array, logit: Array) -> Array:
    """Return the logarithm of the probability of an outcome, y·logit − log(1 + exp(logit)), without overflow."""
    positive = logit.real > 0
    small = np.exp(np.where(positive, -logit, logit))
    result: Array = outcome * logit - np.where(positive, logit, 0) - np.log1p(small)
    return result
