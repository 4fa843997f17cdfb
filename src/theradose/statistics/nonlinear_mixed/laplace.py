"""Laplace's approximation of the marginal likelihood, with the exact second derivatives of each subject's objective.

−log p(yᵢ) ≈ oᵢ(ẑᵢ) + ½ log |oᵢ″(ẑᵢ)| + nᵢ/2 log 2π, where oᵢ is the objective of :mod:`.modes` and ẑᵢ its minimum.
For a curve that is linear in its random effects and a residual variance that does not depend on it, this is exact.

The gradient comes from central differences in which ẑᵢ follows its own derivative: what it is off by beyond the first
order is the same on both sides and drops out, so that nothing has to be searched anew. The quasi-Newton ascent begins
with the sum of the squared scores of the subjects as its Hessian; Newton's method ends it.

References
----------
[PinheiroBates1995]_ The approximation for nonlinear mixed models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.statistics.nonlinear_mixed.covariance import Covariance
from theradose.statistics.nonlinear_mixed.curve import MixedCurve
from theradose.statistics.nonlinear_mixed.data import Observations
from theradose.statistics.nonlinear_mixed.modes import Modes, Subjects, find_modes
from theradose.statistics.nonlinear_mixed.residual import Residual, ResidualKind

_SLOPE_STEP = 1e-3
_CURVATURE_STEP = 1e-2
_MOST_ASCENT_STEPS, _MOST_STEPS = 200, 60
# Twice the promised gain at which Newton's method takes over, and after which nothing is left.
_NEAR, _CLOSE = 1e-3, 1e-7
_UNSEEN = 1e-6
_RIDGE = 1e-6
_LONGEST_STEP = 3.0
_MOST_HALVINGS = 12
# Points of the parameters that are computed at once times subjects and observations.
_MOST_ROWS = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Where the approximated likelihood is largest.

    Attributes
    ----------
    theta : ndarray, shape (T,)
        Fixed effects, numbers of Λ, and log σ where it is estimated.
    covariance : ndarray, shape (T, T)
        Inverse of the observed information; what the data do not determine has a huge variance. Not a
        number where the search ended at the edge of what can be computed.
    log_likelihood : float
        There.
    modes : Modes
        Of the subjects.
    converged : bool
        Whether a further step would change nothing, and the likelihood falls in every direction.
    """

    theta: Array
    covariance: Array
    log_likelihood: float
    modes: Modes
    converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Parameters, minus the logarithm of the likelihood there, and the modes of the subjects."""

    theta: Array
    level: float
    modes: Modes


@dataclass(frozen=True, slots=True, eq=False)
class MarginalLikelihood:
    """The approximated likelihood as a function of all parameters of the population.

    Attributes
    ----------
    curve, data
        Curve and observations.
    varying : ndarray, shape (K, q)
        Which parameters have a random effect.
    covariance : Covariance
        Of the random effects.
    residual : str
        Scatter of the observations.
    """

    curve: MixedCurve
    data: Observations
    varying: Array
    covariance: Covariance
    residual: ResidualKind

    @property
    def estimates_sigma(self) -> bool:
        """Whether σ is one of the parameters."""
        return self.residual != "stated"

    def split(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return fixed effects, Λ and σ of parameters of shape (..., T)."""
        p = len(self.data.effects)
        numbers = theta[..., p : p + self.covariance.size]
        sigma = np.exp(theta[..., -1]) if self.estimates_sigma else np.ones(theta.shape[:-1])
        return theta[..., :p], self.covariance.factor(numbers), sigma

    def subjects(self, theta: Array) -> Subjects:
        """Return all subjects for each of S parameter vectors, shape (S, T), one after another."""
        beta, factor, sigma = self.split(theta)
        sets, (m, n) = len(theta), self.data.y.shape

        def repeated(values: Array) -> Array:
            return np.broadcast_to(values, (sets, *values.shape)).reshape(sets * len(values), *values.shape[1:])

        centre = np.einsum("mnkp,sp->smnk", self.data.design, beta).reshape(sets * m, n, -1)
        spread = np.repeat(np.einsum("kq,sqr->skr", self.varying, factor), m, axis=0)
        u = repeated(self.data.u)
        return Subjects(
            self.curve, repeated(self.data.x), repeated(self.data.y), repeated(self.data.counts), centre, spread,
            Residual.of(self.residual, sigma=np.repeat(sigma, m), u=u),
        )  # fmt: skip

    def minus_log(self, theta: Array, start: Array) -> tuple[Array, Modes]:
        """Return minus the logarithm of the likelihood for S parameter vectors, shape (S,), and all modes."""
        sets, m = len(theta), len(self.data.y)
        modes = find_modes(self.subjects(theta), np.tile(start, (sets, 1)))
        sign, log_determinant = np.linalg.slogdet(modes.hessian)
        each = np.where(modes.converged & (sign > 0), modes.objective + log_determinant / 2, np.inf)
        return each.reshape(sets, m).sum(axis=1) + self.data.size * math.log(2 * math.pi) / 2, modes

    def scores(self, point: Point, scale: Array) -> Array:
        """Return the derivative of each subject's part of minus log likelihood in units of `scale`, shape (m, T)."""
        steps = _SLOPE_STEP * np.diag(scale)
        moved = np.concatenate([point.theta + steps, point.theta - steps])
        at_once = max(1, _MOST_ROWS // max(1, self.data.y.size * len(self.curve.parameters)))
        blocks = [self._parts(moved[k : k + at_once], point.modes) for k in range(0, len(moved), at_once)]
        up, down = np.split(np.concatenate(blocks), 2)
        return np.asarray((up - down).T / (2 * _SLOPE_STEP))

    def _parts(self, theta: Array, modes: Modes) -> Array:
        """Return the subjects' parts near parameters of known modes, which move to first order, shape (S, m)."""
        subjects, z = self.subjects(theta), np.tile(modes.z, (len(theta), 1))
        gradient = subjects.derivatives(z)[0]
        z = z - np.linalg.solve(np.tile(modes.hessian, (len(theta), 1, 1)), gradient[..., None])[..., 0]
        log_determinant = np.linalg.slogdet(subjects.derivatives(z)[1])[1]
        return np.asarray((subjects.objective(z) + log_determinant / 2).reshape(len(theta), -1))

    def slope(self, point: Point, scale: Array) -> Array:
        """Return the gradient of minus log likelihood in units of `scale`."""
        return np.asarray(self.scores(point, scale).sum(axis=0))

    def curvature(self, point: Point, scale: Array) -> Array:
        """Return the matrix of second derivatives of minus log likelihood in units of `scale`."""
        columns = []
        for step in _CURVATURE_STEP * np.diag(scale):
            up, down = (self.slope(self._point(point.theta + side * step, point.modes.z), scale) for side in (1, -1))
            columns.append((up - down) / (2 * _CURVATURE_STEP))
        hessian = np.array(columns)
        return (hessian + hessian.T) / 2

    def _point(self, theta: Array, start: Array) -> Point:
        (level,), modes = self.minus_log(theta[None], start)
        return Point(theta, float(level), modes)

    def maximise(self, theta: Array, scale: Array) -> Optimum:
        """Return the maximum uphill of `theta`; `scale` is how far each parameter may be off."""
        scale = np.array(scale, float)
        none = np.zeros((len(self.data.y), self.covariance.order))
        point, bend = self._ascend(self._point(np.array(theta, float), none), scale)
        # Differences over more than a standard error would see higher derivatives.
        scale *= np.clip(1 / np.sqrt(np.diagonal(bend)), 0.1, 1.0)
        covariance, converged = np.full((len(scale), len(scale)), np.nan), False
        for _ in range(_MOST_STEPS):
            slope, hessian = self.slope(point, scale), self.curvature(point, scale)
            if not (np.isfinite(slope).all() and np.isfinite(hessian).all()):
                break
            curvature, axes = np.linalg.eigh(hessian)
            size = np.maximum(np.abs(curvature), 1e-6 * max(float(np.abs(curvature).max()), 1e-6))
            step = -axes @ ((axes.T @ slope) / size)
            promised = float(-slope @ step)
            # A direction that the data do not determine gets a huge variance, never none.
            kept = np.maximum(curvature, 1e-9 * max(float(curvature.max()), 1e-9))
            covariance = np.asarray((axes / kept) @ axes.T * np.outer(scale, scale))
            moved = self._line_search(point, scale, step)
            at_maximum = bool((curvature > 0).all())
            if moved is None:
                converged = promised <= _UNSEEN and at_maximum
                break
            point = moved
            if promised <= _CLOSE:
                converged = at_maximum
                break
            spread = np.sqrt(np.diagonal((axes / size) @ axes.T))
            scale = scale * np.clip(spread, 0.1, 10.0)
        return Optimum(point.theta, covariance, -point.level, point.modes, converged)

    def _ascend(self, point: Point, scale: Array) -> tuple[Point, Array]:
        """Return a point near the maximum, by quasi-Newton steps, and the Hessian that these have learnt.

        They are those of BFGS, damped so that the Hessian stays positive.
        """
        scores = self.scores(point, scale)
        if not np.isfinite(scores).all():
            return point, np.eye(len(scale))
        slope, bend = scores.sum(axis=0), scores.T @ scores
        bend = bend + _RIDGE * max(float(np.trace(bend)), 1.0) * np.eye(len(bend))
        for _ in range(_MOST_ASCENT_STEPS):
            step = -np.linalg.solve(bend, slope)
            moved = self._line_search(point, scale, step)
            if float(-slope @ step) < _NEAR or moved is None:
                break
            change, distance = self.slope(moved, scale) - slope, (moved.theta - point.theta) / scale
            if not np.isfinite(change).all():
                break
            point, slope = moved, slope + change
            pushed = bend @ distance
            along, found = float(distance @ pushed), float(distance @ change)
            if found < 0.2 * along:
                share = 0.8 * along / (along - found)
                change = share * change + (1 - share) * pushed
                found = float(distance @ change)
            bend = bend - np.outer(pushed, pushed) / along + np.outer(change, change) / found
        return point, bend

    def _line_search(self, point: Point, scale: Array, step: Array) -> Point | None:
        """Return the point after the step, bounded and halved until the likelihood rises."""
        step = step * min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        for halving in range(_MOST_HALVINGS):
            moved = self._point(point.theta + scale * step / 2**halving, point.modes.z)
            if moved.level < point.level:
                return moved
        return None
