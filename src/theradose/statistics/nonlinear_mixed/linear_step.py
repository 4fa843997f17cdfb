"""The linear mixed model that a nonlinear one becomes at given parameters.

With w = y − f + X β + Z b, where X and Z are the derivatives of the curve by fixed and random effects, the variance of
a subject's w is σ² (I + Z Λ Λᵀ Zᵀ). All that is needed of the observations are sums of products for each subject.

References
----------
[LindstromBates1990]_ The approximation.
[PinheiroBates2000]_ Profiled likelihood and penalised least squares.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from theradose.model.arrays import Array
from theradose.statistics.nonlinear_mixed.covariance import Covariance

_MOST_POLISHING = 20
_CLOSE = 1e-11
_DIFFERENCE = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class LinearSolution:
    """Estimates for a given Λ.

    Attributes
    ----------
    beta : ndarray, shape (P,)
        Fixed effects.
    z : ndarray, shape (m, q)
        Random effects before Λ.
    sigma2 : float
        Residual variance, estimated or stated.
    information : ndarray, shape (P, P)
        Xᵀ V⁻¹ X with V in units of the residual variance.
    deviance : float
        Minus twice the logarithm of the likelihood.
    """

    beta: Array
    z: Array
    sigma2: float
    information: Array
    deviance: float


@dataclass(frozen=True, slots=True, eq=False)
class LinearStep:
    """Sums of products of weighted derivatives X, Z and pseudo-observations w.

    Attributes
    ----------
    zz, zx, zw : ndarray, shapes (m, q, q), (m, q, P), (m, q)
        By subject.
    xx, xw, ww : ndarray, shapes (P, P), (P,) and float
        Over all.
    size : int
        Number of observations.
    sigma2 : float or None
        Residual variance where it is stated.
    reml : bool
        Whether the likelihood is the restricted one.
    """

    zz: Array
    zx: Array
    zw: Array
    xx: Array
    xw: Array
    ww: float
    size: int
    sigma2: float | None
    reml: bool = False

    @property
    def freedom(self) -> int:
        """Number of observations, for the restricted likelihood less the fixed effects."""
        return self.size - (len(self.xw) if self.reml else 0)

    @property
    def noticeable(self) -> Array:
        """Size of each random effect, in residual standard deviations, that one subject can tell from zero, (q,)."""
        return np.asarray(1 / np.sqrt(np.maximum(np.mean(np.diagonal(self.zz, axis1=1, axis2=2), axis=0), 1e-300)))

    @classmethod
    def of(cls, x: Array, z: Array, w: Array, *, size: int, sigma2: float | None, reml: bool = False) -> LinearStep:
        """Return the sums for weighted arrays of shapes (m, n, P), (m, n, q) and (m, n)."""
        return cls(
            np.einsum("mna,mnb->mab", z, z),
            np.einsum("mna,mnp->map", z, x),
            np.einsum("mna,mn->ma", z, w),
            np.einsum("mnp,mnr->pr", x, x),
            np.einsum("mnp,mn->p", x, w),
            float(np.sum(w**2)),
            size,
            sigma2,
            reml,
        )

    def _eliminated(self, factor: Array) -> tuple[Array, Array, Array, Array, Array, Array]:
        turned = np.swapaxes(factor, -1, -2)
        inner = np.eye(factor.shape[-1]) + turned @ self.zz @ factor
        ax, aw = turned @ self.zx, np.einsum("ba,mb->ma", factor, self.zw)
        solved_x, solved_w = np.linalg.solve(inner, ax), np.linalg.solve(inner, aw[..., None])[..., 0]
        information = self.xx - np.einsum("map,mar->pr", ax, solved_x)
        score = self.xw - np.einsum("map,ma->p", ax, solved_w)
        beta = np.linalg.solve(information, score)
        rest = self.ww - np.einsum("ma,ma->", aw, solved_w) - score @ beta
        return inner, solved_x, solved_w, information, beta, rest

    def deviance(self, factor: Array) -> Array:
        """Return minus twice the profiled logarithm of the likelihood."""
        inner, _, _, information, _, rest = self._eliminated(factor)
        total = np.sum(np.log(np.linalg.det(inner)))
        if self.reml:
            total = total + np.log(np.linalg.det(information))
        variance = rest / self.freedom if self.sigma2 is None else self.sigma2
        return np.asarray(total + self.freedom * np.log(2 * math.pi * variance) + rest / variance)

    def slope(self, factor: Array) -> Array:
        """Return the derivatives of the deviance by Λ, shape (q, q).

        Those of the rest follow from its being the smallest penalised sum of squares: the estimates may be held.
        """
        inner, solved_x, solved_w, information, beta, rest = self._eliminated(factor)
        z = solved_w - solved_x @ beta
        left = self.zw - self.zx @ beta - (self.zz @ (z @ factor.T)[..., None])[..., 0]
        weight = self.freedom / float(rest) if self.sigma2 is None else 1 / self.sigma2
        slope = np.sum(np.swapaxes(np.linalg.solve(inner, factor.T @ self.zz), 1, 2), axis=0) - weight * left.T @ z
        if self.reml:
            by_x = self.zx - self.zz @ factor @ solved_x
            slope = slope - np.einsum("map,pr,mbr->ab", by_x, np.linalg.inv(information), by_x) @ factor
        return np.asarray(2 * slope)

    def solve(self, factor: Array) -> LinearSolution:
        """Return the estimates for a factor Λ, shape (q, q)."""
        _, solved_x, solved_w, information, beta, rest = self._eliminated(factor)
        sigma2 = float(rest) / self.freedom if self.sigma2 is None else self.sigma2
        z = solved_w - np.einsum("map,p->ma", solved_x, beta)
        return LinearSolution(beta, z, sigma2, information, float(self.deviance(factor)))

    def variance_covariance(self, covariance: Covariance, numbers: Array) -> Array:
        """Return the covariance of the numbers of Λ, in the unit of the effects, and of log σ where it is estimated.

        It is the inverse of the observed information with the fixed effects profiled out; `numbers` are those of the
        largest likelihood, in units of σ.
        """
        sigma = math.sqrt(self.solve(covariance.factor(numbers)).sigma2)
        estimated = self.sigma2 is None
        place = np.concatenate([numbers * sigma, [math.log(sigma)] if estimated else []])
        unit = np.concatenate(
            [
                covariance.numbers(np.broadcast_to(self.noticeable[:, None] * sigma, (len(self.noticeable),) * 2)),
                [1.0] if estimated else [],
            ]
        )
        widths = _DIFFERENCE * (unit + np.abs(place))
        sides = [
            [self._slope_at(covariance, place + side * width * axis, estimated=estimated) for side in (1, -1)]
            for width, axis in zip(widths, np.eye(len(place)), strict=True)
        ]
        hessian = np.array([(up - down) / (2 * width) for (up, down), width in zip(sides, widths, strict=True)])
        curvature, axes = np.linalg.eigh((hessian + hessian.T) / 4 * np.outer(unit, unit))
        # As in Laplace's method: what is not determined gets a huge variance, never none.
        kept = np.maximum(curvature, 1e-9 * max(float(curvature.max()), 1e-9))
        return np.asarray((axes / kept) @ axes.T * np.outer(unit, unit))

    def _slope_at(self, covariance: Covariance, place: Array, *, estimated: bool) -> Array:
        """Return the derivatives of the deviance, σ not profiled out, by absolute numbers and log σ."""
        sigma = math.exp(place[-1]) if estimated else math.sqrt(self.sigma2 or 1.0)
        factor = covariance.factor(place[: covariance.size]) / sigma
        held = replace(self, sigma2=sigma**2)
        slope = held.slope(factor)
        by_numbers = covariance.numbers(slope) / sigma
        if not estimated:
            return by_numbers
        rest = float(self._eliminated(factor)[-1])
        by_log = 2 * self.freedom - 2 * rest / sigma**2 - float(np.sum(slope * factor))
        return np.concatenate([by_numbers, [by_log]])

    def best(self, covariance: Covariance, start: Array) -> Array:
        """Return the numbers of Λ with the largest likelihood, from `start`, shape (size,).

        The search runs in units that are :attr:`noticeable`, so that the units of parameters do not matter.
        """
        unit = self.noticeable
        rows = covariance.numbers(np.broadcast_to(unit[:, None], (len(unit), len(unit))))
        scaled = replace(self, zz=self.zz * np.outer(unit, unit), zx=self.zx * unit[:, None], zw=self.zw * unit)
        return np.asarray(scaled._search(covariance, start / rows) * rows)

    def _search(self, covariance: Covariance, start: Array) -> Array:
        """Return the numbers of Λ where a search downhill from `start` ends."""
        from scipy.optimize import minimize

        def value(numbers: Array) -> float:
            deviance = float(self.deviance(covariance.factor(numbers)))
            return deviance if math.isfinite(deviance) else math.inf

        def gradient(numbers: Array) -> Array:
            return covariance.numbers(self.slope(covariance.factor(numbers)))

        found = minimize(value, start, jac=gradient, method="BFGS", options={"gtol": 1e-6})
        numbers, level = np.asarray(found.x, float), float(found.fun)
        for _ in range(_MOST_POLISHING):
            step = _newton_step(gradient, numbers)
            reached = value(numbers + step)
            if not reached <= level + 1e-12 * abs(level):
                break
            numbers, level = numbers + step, reached
            if float(np.abs(step).max()) <= _CLOSE * (1 + float(np.abs(numbers).max())):
                break
        return numbers


def _newton_step(gradient: Callable[[Array], Array], numbers: Array) -> Array:
    widths = _DIFFERENCE * np.maximum(np.abs(numbers), 1.0)
    columns = [
        (gradient(numbers + width * unit) - gradient(numbers - width * unit)) / (2 * width)
        for width, unit in zip(widths, np.eye(len(numbers)), strict=True)
    ]
    hessian = (np.array(columns) + np.array(columns).T) / 2
    curvature, axes = np.linalg.eigh(hessian)
    floor = 1e-10 * float(np.abs(curvature).max())
    return np.asarray(-axes @ ((axes.T @ gradient(numbers)) / np.maximum(np.abs(curvature), max(floor, 1e-300))))
