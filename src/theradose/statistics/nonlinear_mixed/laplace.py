"""Laplace's approximation of the marginal likelihood, with the exact second derivatives of each subject's objective.

−log p(yᵢ) ≈ oᵢ(ẑᵢ) + ½ log |oᵢ″(ẑᵢ)| + nᵢ/2 log 2π, where oᵢ is the objective of :mod:`.modes` and ẑᵢ its minimum.
For a curve that is linear in its random effects and a residual variance that does not depend on it, this is exact.

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
_MOST_STEPS = 60
_CLOSE = 1e-6
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
        Inverse of the observed information; what the data do not determine has a huge variance.
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

    def _at(self, points: Array, start: Array) -> Array:
        """Return the values at many points, a bounded number of them at once."""
        at_once = max(1, _MOST_ROWS // max(1, self.data.y.size * len(self.curve.parameters)))
        blocks = [points[k : k + at_once] for k in range(0, len(points), at_once)]
        return np.concatenate([self.minus_log(block, start)[0] for block in blocks])

    def slope(self, theta: Array, scale: Array, start: Array) -> Array:
        """Return the gradient in units of `scale`, by central differences."""
        steps = _SLOPE_STEP * np.diag(scale)
        values = self._at(np.concatenate([theta + steps, theta - steps]), start)
        return np.asarray((values[: len(theta)] - values[len(theta) :]) / (2 * _SLOPE_STEP))

    def curvature(self, theta: Array, scale: Array, start: Array, *, here: float) -> Array:
        """Return the matrix of second derivatives in units of `scale`, by central differences."""
        size = len(theta)
        units = _CURVATURE_STEP * np.diag(scale)
        rows, columns = np.tril_indices(size, -1)
        pairs = units[rows] + units[columns]
        values = self._at(np.concatenate([theta + units, theta - units, theta + pairs, theta - pairs]), start)
        up, down, both, neither = np.split(values, [size, 2 * size, 2 * size + len(rows)])
        hessian = np.diag(up + down - 2 * here)
        mixed = (both + neither - up[rows] - down[rows] - up[columns] - down[columns] + 2 * here) / 2
        hessian[rows, columns] = hessian[columns, rows] = mixed
        return np.asarray(hessian / _CURVATURE_STEP**2)

    def maximise(self, theta: Array, scale: Array) -> Optimum:
        """Return the maximum uphill of `theta`; `scale` is how far each parameter may be off.

        Newton's method with the absolute values of the curvatures, steps of bounded length.
        """
        theta, scale = np.array(theta, float), np.array(scale, float)
        start = np.zeros((len(self.data.y), self.covariance.order))
        (level,), modes = self.minus_log(theta[None], start)
        converged = False
        for _ in range(_MOST_STEPS):
            slope = self.slope(theta, scale, modes.z)
            curvature, axes = np.linalg.eigh(self.curvature(theta, scale, modes.z, here=float(level)))
            size = np.maximum(np.abs(curvature), 1e-6 * max(float(np.abs(curvature).max()), 1e-6))
            step = -axes @ ((axes.T @ slope) / size)
            promised = float(-slope @ step)
            if promised <= _CLOSE**2:
                converged = bool((curvature > 0).all())
                break
            step *= min(1.0, _LONGEST_STEP / float(np.abs(step).max()))
            moved = self._line_search(theta, scale * step, float(level), modes)
            if moved is None:
                converged = promised <= _CLOSE and bool((curvature > 0).all())
                break
            theta, level, modes = moved
            spread = np.sqrt(np.diagonal((axes / size) @ axes.T))
            scale = scale * np.clip(spread, 0.1, 10.0)
        return Optimum(theta, self._covariance(theta, scale, modes, float(level)), -float(level), modes, converged)

    def _line_search(self, theta: Array, step: Array, level: float, modes: Modes) -> tuple[Array, Array, Modes] | None:
        for halving in range(_MOST_HALVINGS):
            candidate = theta + step / 2**halving
            (reached,), found = self.minus_log(candidate[None], modes.z)
            if reached < level:
                return candidate, reached, found
        return None

    def _covariance(self, theta: Array, scale: Array, modes: Modes, level: float) -> Array:
        curvature, axes = np.linalg.eigh(self.curvature(theta, scale, modes.z, here=level))
        # A direction that the data do not determine gets a huge variance, never none.
        kept = np.maximum(curvature, 1e-9 * max(float(curvature.max()), 1e-9))
        return np.asarray((axes / kept) @ axes.T * np.outer(scale, scale))
