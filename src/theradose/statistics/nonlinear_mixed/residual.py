"""How observations scatter around the curve of their subject: variance c₀ + c₁ f²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.model.arrays import Array

ResidualKind = Literal["constant", "stated", "scaled", "stated-constant", "proportional", "stated-proportional"]
"""Standard deviation of an observation: σ, its stated u, σ u, √(u² + σ²), σ f, or √(u² + σ² f²)."""


@dataclass(frozen=True, slots=True, eq=False)
class Residual:
    """Variance of each observation, as coefficients of shape (m, n)."""

    base: Array
    relative: Array

    @classmethod
    def of(cls, kind: ResidualKind, *, sigma: Array, u: Array) -> Residual:
        """Return the residual model for standard deviations σ, shape (m,), and stated ones u, shape (m, n)."""
        squared = np.broadcast_to(sigma[:, None] ** 2, u.shape)
        none = np.zeros_like(u)
        if kind == "constant":
            return cls(squared, none)
        if kind == "stated":
            return cls(u**2, none)
        if kind == "scaled":
            return cls(squared * u**2, none)
        if kind == "stated-constant":
            return cls(u**2 + squared, none)
        return cls(none if kind == "proportional" else u**2, squared)

    def take(self, chosen: Array) -> Residual:
        """Return the residual model of some subjects."""
        return Residual(self.base[chosen], self.relative[chosen])

    def variance(self, value: Array) -> Array:
        """Return the variance around the curve, shape (m, n)."""
        return np.asarray(self.base + self.relative * value**2)

    def minus_log(self, y: Array, value: Array) -> Array:
        """Return minus the logarithm of the density of each observation, without the constant ½ log 2π."""
        variance = self.variance(value)
        return np.asarray((y - value) ** 2 / (2 * variance) + np.log(variance) / 2)

    def derivatives(self, y: Array, value: Array) -> tuple[Array, Array]:
        """Return the first and second derivative of :meth:`minus_log` by the curve."""
        v, v1, v2 = self.variance(value), 2 * self.relative * value, 2 * self.relative
        r = y - value
        first = -r / v - r**2 * v1 / (2 * v**2) + v1 / (2 * v)
        second = 1 / v + 2 * r * v1 / v**2 + r**2 * (v1**2 / v**3 - v2 / (2 * v**2)) + v2 / (2 * v) - v1**2 / (2 * v**2)
        return first, second
