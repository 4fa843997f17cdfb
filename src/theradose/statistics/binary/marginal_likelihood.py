"""Likelihood of a logistic model in which each patient has a normal effect, integrated over that effect.

For patient i with logits η_j = x_j·β + σ u the likelihood is the integral over u of exp g(u), where
g = Σ_j log P(y_j | η_j) − u²/2, over √(2π). With the mode û of g and s = (−g″(û))^(−1/2) it is

    L_i = s Σ_k ω_k exp(g(û + s z_k) + z_k²/2)

with Gauss and Hermite's nodes z_k and weights ω_k of the normal density: adaptive quadrature, of which one node is
Laplace's approximation.

References
----------
[PinheiroBates1995]_ Laplace's approximation and adaptive quadrature of mixed models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.model.arrays import Array
from theradose.statistics.binary.logistic import log_probability, probability
from theradose.statistics.binary.rows import BinaryRows

_MOST_STEPS = 200
_ROUNDING = 1e-14


class MarginalLikelihood:
    """Logarithm of the likelihood of coefficients and standard deviation of the patient effect, with its gradient.

    A point is (coefficients in the coordinates of the rows, σ), shape (p + 1,). The function is even in σ.

    Parameters
    ----------
    rows : BinaryRows
        Outcome and columns.
    patients : ndarray of int, shape (n,)
        Number of the patient of each row, from 0.
    nodes : int
        Of the quadrature; 1 is Laplace's approximation.
    """

    def __init__(self, rows: BinaryRows, patients: Array, nodes: int) -> None:
        order = np.argsort(patients, kind="stable")
        self._columns, self._outcome = rows.columns[order], rows.outcome[order]
        self._patient = np.unique(patients[order], return_inverse=True)[1]
        self._first = np.flatnonzero(np.r_[True, np.diff(self._patient) > 0])
        self._nodes, weights = np.polynomial.hermite_e.hermegauss(nodes)
        self._log_weights = np.log(weights / np.sqrt(2 * np.pi)) + self._nodes**2 / 2
        self._size = np.diff(np.r_[self._first, len(order)])
        self._last_modes = np.zeros(len(self._first))

    def __call__(self, point: Array) -> float:
        """Return the log-likelihood at a real point."""
        where = self._at(point)
        return float(np.sum(where.value))

    def modes(self, point: Array) -> Array:
        """Return σ û, the most probable effect of each patient on the logit scale, shape (m,)."""
        effects: Array = point[-1] * self._modes(self._columns @ point[:-1], point[-1])
        return effects

    def gradient(self, point: Array) -> Array:
        """Return the gradient of the approximation itself, modes and scales moving with the point, shape (p + 1,)."""
        sigma = point[-1]
        at = self._at(point)
        p = probability(at.logit)
        weights = p * (1 - p)
        slopes = weights * (1 - 2 * p)
        total = self._sum(weights)
        # Derivatives of the modes and of the logarithms of the scales by (β, σ), shape (m, p + 1).
        by_beta = -sigma * self._sum(weights[:, None] * self._columns)
        by_sigma = self._sum(self._outcome - p) - sigma * at.modes * total
        of_modes = np.column_stack([by_beta, by_sigma]) * at.scales[:, None] ** 2
        rows_move = sigma * of_modes[self._patient]
        rows_move[:, :-1] += self._columns
        rows_move[:, -1] += at.modes[self._patient]
        of_curvature = sigma**2 * self._sum(slopes[:, None] * rows_move)
        of_curvature[:, -1] += 2 * sigma * total
        of_scales = -of_curvature * at.scales[:, None] ** 2 / 2
        # At the nodes, weighted with the share of each in the likelihood of its patient.
        residuals = self._outcome[:, None] - probability(at.node_logit)
        by_effect = sigma * self._sum(residuals) - at.effects
        through_modes = np.sum(at.shares * by_effect, axis=1)
        through_scales = 1 + at.scales * ((at.shares * by_effect) @ self._nodes)
        shares = at.shares[self._patient]
        result: Array = through_modes @ of_modes + through_scales @ of_scales
        result[:-1] += np.sum(shares * residuals, axis=1) @ self._columns
        result[-1] += np.sum(shares * residuals * at.effects[self._patient])
        return result

    def _at(self, point: Array) -> _Evaluated:
        fixed, sigma = self._columns @ point[:-1], point[-1]
        modes = self._modes(fixed, sigma)
        logit = fixed + sigma * modes[self._patient]
        p = probability(logit)
        scales = (1 + sigma**2 * self._sum(p * (1 - p))) ** -0.5
        effects = modes[:, None] + scales[:, None] * self._nodes
        node_logit = fixed[:, None] + sigma * effects[self._patient]
        terms = self._log_weights + self._sum(log_probability(self._outcome[:, None], node_logit)) - effects**2 / 2
        highest = terms.real.max(axis=1, keepdims=True)
        relative = np.exp(terms - highest)
        total = relative.sum(axis=1)
        return _Evaluated(
            value=highest[:, 0] + np.log(total) + np.log(scales),
            modes=modes,
            scales=scales,
            logit=logit,
            effects=effects,
            node_logit=node_logit,
            shares=relative / total[:, None],
        )

    def _modes(self, fixed: Array, sigma: Any) -> Array:
        """Return û of each patient: g′ = σ Σ (y − p) − u falls everywhere and has one zero, within ± |σ| n."""
        u = self._last_modes
        high = np.abs(sigma) * self._size
        low = -high
        for _ in range(_MOST_STEPS):
            slope, curvature = self._slope(u, fixed.real, sigma.real)
            low, high = np.where(slope > 0, u, low), np.where(slope < 0, u, high)
            step = slope / curvature
            inside = (u + step >= low) & (u + step <= high)
            step = np.where(inside, step, (low + high) / 2 - u)
            u = u + step
            if np.all(np.abs(step) <= _ROUNDING * (1 + np.abs(u))):
                break
        self._last_modes = u
        if np.iscomplexobj(fixed) or np.iscomplexobj(sigma):
            # One step of Newton's from the real mode carries the imaginary part of the point over, to first order.
            slope, curvature = self._slope(u, fixed, sigma)
            u = u + 1j * (slope / curvature).imag
        return u

    def _slope(self, u: Array, fixed: Array, sigma: Any) -> tuple[Array, Array]:
        p = probability(fixed + sigma * u[self._patient])
        return sigma * self._sum(self._outcome - p) - u, 1 + sigma**2 * self._sum(p * (1 - p))

    def _sum(self, of_rows: Array) -> Array:
        return np.add.reduceat(of_rows, self._first, axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class _Evaluated:
    """What value and gradient share: of m patients, n rows and k nodes."""

    value: Array
    modes: Array
    scales: Array
    logit: Array
    effects: Array
    node_logit: Array
    shares: Array
