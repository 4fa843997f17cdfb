"""The most probable parameters of each subject, all subjects at once.

Random effects are b = Λ z with Ω = Λ Λᵀ and standard normal z, so that a variance may be zero. For each subject the
objective is −log p(y | z) + ½ zᵀz; Newton's method with exact second derivatives finds its minimum, with those of
Gauss and Newton where the exact ones are not positive, and with halved steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.statistics.nonlinear_mixed.curve import MixedCurve
from theradose.statistics.nonlinear_mixed.residual import Residual

_MOST_STEPS = 100
_MOST_HALVINGS = 30
# Twice the fall of the objective that a further step promises; the objective itself is of order 1.
_CLOSE = 1e-20
_ROUNDING = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Subjects:
    """What the curves of m subjects depend on beside their random effects.

    Attributes
    ----------
    curve : MixedCurve
        The curve.
    x, y, counts : ndarray, shapes (m, n, d), (m, n), (m, n)
        Observations; see :class:`theradose.statistics.nonlinear_mixed.data.Observations`.
    centre : ndarray, shape (m, n, K)
        Parameters by the fixed effects alone.
    spread : ndarray, shape (m, K, q)
        Λ in the rows of the parameters that vary.
    residual : Residual
        Scatter of the observations.
    """

    curve: MixedCurve
    x: Array
    y: Array
    counts: Array
    centre: Array
    spread: Array
    residual: Residual

    def take(self, chosen: Array) -> Subjects:
        """Return some of the subjects."""
        return Subjects(
            self.curve, self.x[chosen], self.y[chosen], self.counts[chosen], self.centre[chosen], self.spread[chosen],
            self.residual.take(chosen),
        )  # fmt: skip

    def phi(self, z: Array) -> Array:
        """Return the parameters at each point, shape (m, n, K)."""
        return np.asarray(self.centre + np.einsum("mkq,mq->mk", self.spread, z)[:, None, :])

    def objective(self, z: Array) -> Array:
        """Return −log p(y | z) + ½ zᵀz without constants, shape (m,); infinite where the curve overflows."""
        with np.errstate(all="ignore"):
            lost = self.residual.minus_log(self.y, self.curve.value(self.phi(z), self.x))
            total = np.sum(np.where(self.counts > 0, lost, 0.0), axis=1) + np.sum(z**2, axis=1) / 2
        return np.where(np.isnan(total), np.inf, total)

    def derivatives(self, z: Array) -> tuple[Array, Array, Array]:
        """Return gradient, exact second derivatives and those without the curvature of the curve, by z."""
        with np.errstate(all="ignore"):
            phi = self.phi(z)
            value = self.curve.value(phi, self.x)
            slope = self.curve.gradient(phi, self.x) @ self.spread
            first, second = self.residual.derivatives(self.y, value)
            weight = self.counts / self.residual.variance(value)
            first, second = self.counts * first, self.counts * second
            bend = np.sum(first[..., None, None] * self.curve.hessian(phi, self.x), axis=1)
        unit, across = np.eye(z.shape[1]), np.swapaxes(slope, 1, 2)
        gradient = z + (across @ first[..., None])[..., 0]
        exact = unit + across @ (second[..., None] * slope) + np.swapaxes(self.spread, 1, 2) @ bend @ self.spread
        expected = unit + across @ (weight[..., None] * slope)
        return gradient, exact, expected


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """Minima of the objective.

    Attributes
    ----------
    z : ndarray, shape (m, q)
        Random effects in units of their standard deviations.
    objective : ndarray, shape (m,)
        Their objective.
    hessian : ndarray, shape (m, q, q)
        Exact second derivatives there.
    converged : ndarray of bool, shape (m,)
        Whether the gradient vanishes.
    """

    z: Array
    objective: Array
    hessian: Array
    converged: Array


def find_modes(subjects: Subjects, start: Array) -> Modes:
    """Return the most probable random effects of each subject.

    Parameters
    ----------
    subjects : Subjects
        Curves and observations.
    start : ndarray, shape (m, q)
        Where to begin; where the objective is infinite, zero is taken.
    """
    z = np.array(start, float)
    objective = subjects.objective(z)
    lost = np.array(~np.isfinite(objective))
    z[lost] = 0.0
    objective[lost] = subjects.take(lost).objective(z[lost])
    hessian = np.broadcast_to(np.eye(z.shape[1]), (*z.shape, z.shape[1])).copy()
    converged = np.zeros(len(z), bool)
    active = np.array(np.isfinite(objective))
    for _ in range(_MOST_STEPS):
        working = np.flatnonzero(active)
        if not len(working):
            break
        some = subjects.take(working)
        gradient, exact, expected = some.derivatives(z[working])
        positive = _is_positive(exact)
        step = -np.linalg.solve(np.where(positive[:, None, None], exact, expected), gradient[..., None])[..., 0]
        promised = -np.einsum("mq,mq->m", gradient, step)
        close = promised <= _CLOSE * (1 + np.abs(objective[working]))
        hessian[working] = exact
        converged[working[close]] = positive[close]
        # Where rounding hides the fall, the point is the minimum if the promised fall is of that size; halved steps
        # would be tried in vain there.
        tiny = promised <= 1e3 * _ROUNDING * (1 + np.abs(objective[working]))
        z[working], objective[working], moved = _descend(some, z[working], objective[working], step, once=tiny)
        converged[working[~moved & tiny]] = positive[~moved & tiny]
        active[working[close | ~moved]] = False
    return Modes(z, objective, hessian, converged)


def _is_positive(matrices: Array) -> Array:
    finite = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
    lowest = np.linalg.eigvalsh(np.where(finite[:, None, None], matrices, -np.eye(matrices.shape[-1])))[:, 0]
    return np.asarray(lowest > 0)


def _descend(subjects: Subjects, z: Array, objective: Array, step: Array, *, once: Array) -> tuple[Array, Array, Array]:
    """Return the points after full or halved steps that lower the objective, and which subjects moved.

    For those of `once` the full step alone is tried.
    """
    reached, level = z.copy(), objective.copy()
    moved = np.zeros(len(z), bool)
    length = np.ones(len(z))
    waiting = np.array(np.isfinite(step).all(axis=1))
    for _ in range(_MOST_HALVINGS):
        trying = np.flatnonzero(waiting)
        if not len(trying):
            break
        candidate = z[trying] + length[trying, None] * step[trying]
        value = subjects.take(trying).objective(candidate)
        lower = value < objective[trying]
        done = trying[lower]
        reached[done], level[done], moved[done] = candidate[lower], value[lower], True
        waiting[done] = False
        waiting &= ~once
        length[trying[~lower]] /= 2
    return reached, level, moved
