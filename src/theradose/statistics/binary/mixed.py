"""Logistic model of tumours in patients: logit p = x·β + u, with a normal effect u of the patient.

References
----------
[PinheiroBates1995]_ Laplace's approximation and adaptive Gauss–Hermite quadrature.
[Bates2015]_ The software whose estimates these are compared with.
[Warfvinge2024]_ Response of tumours by dose and grade with an effect of the patient.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.statistics.binary.logistic import maximum_likelihood
from theradose.statistics.binary.marginal_likelihood import MarginalLikelihood
from theradose.statistics.binary.rows import BinaryRows, binary_rows, number_patients
from theradose.statistics.binary.separation import refuse_separation
from theradose.statistics.design import Design
from theradose.statistics.maximum import Optimum, maximise

MixedMethod = Literal["agq", "laplace"]

# Standard deviations from which the maximum is sought: the likelihood may have one at zero and one elsewhere. From
# large ones the search can end where the approximation rises and the likelihood does not.
_STARTS = (0.5, 2.0)
# Below it the standard deviation is zero; the other packages' convention.
_SINGULAR = 1e-4
# A patient's odds change by 1e13 within three standard deviations: outcomes are determined by the patient.
_UNBOUNDED = 10.0
# Of the log-likelihood: a tenth of what moves an interval noticeably (its 95 % limit is at 1.92).
_COARSE = 0.1
_MOST_NODES = 100


@dataclass(frozen=True, slots=True, eq=False)
class LogisticMixedFit:
    """A logistic model with an effect of the patient.

    Attributes
    ----------
    names : tuple of str
        Of the coefficients.
    coefficients : ndarray, shape (p,)
        On the logit scale, for a patient whose effect is 0.
    covariance : ndarray, shape (p, p)
        Block of the coefficients in the inverse of the second derivatives by coefficients and standard deviation.
    random_sd : float
        Standard deviation of the patient effect on the logit scale.
    log_likelihood : float
        By the stated method.
    method, nodes
        ``laplace`` (one node) or ``agq`` with its nodes: estimates differ, so they are named with the result.
    patients : tuple
        In the order of their first rows.
    effects : ndarray, shape (m,)
        Most probable effect of each patient on the logit scale.
    singular : bool
        Whether the standard deviation is estimated as zero; the model is then one without patient effect.
    converged : bool
        Whether the maximum was reached.
    findings : tuple of Finding
        ``singular-fit``, ``not-converged``, ``patient-effect-unbounded``, ``quadrature-coarse``.
    """

    names: tuple[str, ...]
    coefficients: Array
    covariance: Array
    random_sd: float
    log_likelihood: float
    method: MixedMethod
    nodes: int
    patients: tuple[Hashable, ...]
    effects: Array
    singular: bool
    converged: bool
    findings: tuple[Finding, ...]

    @property
    def aic(self) -> float:
        """Akaike's criterion; the standard deviation counts as a parameter."""
        return 2 * (len(self.names) + 1) - 2 * self.log_likelihood


def fit_logistic_mixed(
    *,
    response: Sequence[float] | Sequence[bool] | Array,
    design: Design,
    groups: Sequence[Hashable] | Array,
    method: MixedMethod = "agq",
    nodes: int = 25,
) -> LogisticMixedFit:
    """Return the logistic model of a binary outcome with an effect of the patient.

    Parameters
    ----------
    response : array_like, shape (n,)
        Outcome, 0 or 1.
    design : Design
        Of the same rows.
    groups : sequence, shape (n,)
        Patient of each row.
    method : {"agq", "laplace"}
        Adaptive Gauss–Hermite quadrature, or Laplace's approximation, which is too small in the standard deviation
        where patients have few tumours.
    nodes : int
        Of the quadrature, 2 to 100; not used by Laplace's approximation.

    Raises
    ------
    StatisticsError
        ``outcome-rows``, ``outcome-values``, ``separation``; ``patients`` for groups of another length, a single
        patient, or one row for each; ``quadrature-nodes``.

    References
    ----------
    [PinheiroBates1995]_, [Warfvinge2024]_
    """
    if method == "agq" and not 2 <= nodes <= _MOST_NODES:
        raise StatisticsError(
            f"{nodes} nodes cannot be used: state 2 to {_MOST_NODES}, or the method laplace.", code="quadrature-nodes"
        )
    nodes = nodes if method == "agq" else 1
    rows = binary_rows(response, design)
    patients, number = number_patients(groups, len(rows.outcome))
    _refuse_patients(len(patients), len(number))
    refuse_separation(rows)
    marginal = MarginalLikelihood(rows, number, nodes)
    without = maximum_likelihood(rows)
    starts = [np.append(without.point, sigma) for sigma in _STARTS]
    best = max((maximise(marginal, marginal.gradient, start) for start in starts), key=lambda optimum: optimum.value)
    sigma = abs(float(best.point[-1]))
    singular = sigma < _SINGULAR or best.value <= without.value
    if singular:
        sigma, best = 0.0, without
    point = np.append(best.point[: len(rows.names)], sigma)
    return LogisticMixedFit(
        names=rows.names,
        coefficients=frozen(rows.back @ point[:-1]),
        covariance=_covariance(rows, best),
        random_sd=sigma,
        log_likelihood=best.value,
        method=method,
        nodes=nodes,
        patients=patients,
        effects=frozen(marginal.modes(point)),
        singular=singular,
        converged=best.converged,
        findings=_findings(MarginalLikelihood(rows, number, max(2 * nodes + 1, 51)), point, best, singular),
    )


def _covariance(rows: BinaryRows, best: Optimum) -> Array:
    """Return the covariance of the coefficients, ``nan`` where the likelihood does not fall in every direction."""
    p = len(rows.names)
    curvature = -best.hessian
    if p < len(curvature):
        # The inverse's block of the coefficients is the inverse of this complement.
        curvature = curvature[:p, :p] - np.outer(curvature[:p, p], curvature[p, :p]) / curvature[p, p]
    if np.linalg.eigvalsh(curvature)[0] <= 0:
        return frozen(np.full((p, p), np.nan))
    return rows.covariance(curvature)


def _findings(finer: MarginalLikelihood, point: Array, best: Optimum, singular: bool) -> tuple[Finding, ...]:
    findings = []
    sigma = point[-1]
    if singular:
        findings.append(
            Finding(
                "singular-fit",
                "warning",
                "The standard deviation of the patient effect is estimated as zero: "
                "estimates and intervals are those of tumours taken for independent.",
            )
        )
    if not best.converged:
        findings.append(Finding("not-converged", "critical", "The maximum of the likelihood was not reached."))
    if sigma > _UNBOUNDED:
        findings.append(
            Finding(
                "patient-effect-unbounded",
                "critical",
                f"The standard deviation of the patient effect is "
                f"{sigma:.3g} logits: within patients the outcome hardly varies, and no number of this fit "
                "can be relied on.",
            )
        )
    off = best.value - finer(point)
    if abs(off) > _COARSE:
        findings.append(
            Finding(
                "quadrature-coarse",
                "warning",
                f"The logarithm of the likelihood is off by {off:+.2g} at the "
                "estimates: use adaptive quadrature with more nodes.",
            )
        )
    return tuple(findings)


def _refuse_patients(patients: int, rows: int) -> None:
    if patients == 1:
        raise StatisticsError(
            "All rows are of one patient, so patients cannot vary: fit the model without patient effect.",
            code="patients",
        )
    if patients == rows:
        raise StatisticsError(
            f"Each of the {patients} patients has one row, so an effect of the patient cannot be "
            "told from chance: fit the model without patient effect.",
            code="patients",
        )
