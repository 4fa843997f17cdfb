"""Straight lines between the points and physical decay after the last one.

What happens before the first point is not measured; the rule is part of the model's name:

* ``trapezoid`` rises from zero at the administration to the first point, the smallest of the three;
* ``trapezoid-constant`` has the first point's activity from the administration on;
* ``trapezoid-decay`` extrapolates the first point back with physical decay, the largest of the three: the
  whole activity of the first point was there from the beginning.

After the last point the activity leaves by physical decay only, which no clearance can undercut: the tail is an
upper limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.kinetics.models import RateBounds, curve_models
from theradose.model.arrays import Array, frozen

Start = Literal["linear-from-zero", "constant", "physical-decay"]


@dataclass(frozen=True, slots=True, eq=False)
class TrapezoidForm:
    """Interpolation of the activities at the sample times, which are its linear parameters.

    Attributes
    ----------
    t_h : ndarray, shape (n,)
        Sample times.
    decay_constant_per_h : float
        Rate of the tail.
    start : {"linear-from-zero", "constant", "physical-decay"}
        Rule before the first point.
    """

    t_h: Array
    decay_constant_per_h: float
    start: Start
    nonnegative: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """Activities at the sample times."""
        return tuple(f"activity_{i + 1}_mbq" for i in range(len(self.t_h)))

    @property
    def n_linear(self) -> int:
        """Number of points."""
        return len(self.t_h)

    @property
    def knots_h(self) -> Array:
        """Start and sample times."""
        return np.unique([0.0, *self.t_h])

    def basis(self, t_h: Array, nonlinear: Array) -> Array:
        """Return the weight of each point at `t_h`, shape (n, L)."""
        times = np.asarray(t_h, float)
        weights = np.stack([np.interp(times, self.t_h, unit) for unit in np.eye(self.n_linear)], axis=1)
        after = np.maximum(times - self.t_h[-1], 0.0)
        weights *= np.exp(-self.decay_constant_per_h * after)[:, None]
        early = times < self.t_h[0]
        if early.any():
            weights[early, 0] = self._early_weight(times[early])
        return weights

    def basis_at(self, t_h: Array, nonlinear: Array) -> Array:
        """Return the basis functions once for each row without parameters, shape (g, n, L)."""
        return np.repeat(self.basis(t_h, nonlinear[0])[None], len(nonlinear), axis=0)

    def basis_gradient(self, t_h: Array, nonlinear: Array) -> Array:
        """Return an empty derivative: there are no nonlinear parameters."""
        return np.zeros((len(t_h), self.n_linear, 0))

    def integral(self, start_h: float, stop_h: float, nonlinear: Array) -> Array:
        """Return the integrals of the weights, exactly, shape (L,)."""
        first, last = float(self.t_h[0]), float(self.t_h[-1])
        total = np.zeros(self.n_linear)
        total[0] += self._early_integral(min(stop_h, first)) - self._early_integral(min(start_h, first))
        inside = np.clip(np.unique([start_h, *self.t_h, min(stop_h, last)]), max(start_h, first), None)
        inside = np.unique(np.clip(inside, None, max(min(stop_h, last), float(inside[0]))))
        nodes = self.basis(inside, nonlinear)
        total += np.sum((nodes[1:] + nodes[:-1]) / 2 * np.diff(inside)[:, None], axis=0)
        total[-1] += self._late_integral(max(stop_h, last)) - self._late_integral(max(start_h, last))
        return total

    def integral_gradient(self, start_h: float, stop_h: float, nonlinear: Array) -> Array:
        """Return an empty derivative: there are no nonlinear parameters."""
        return np.zeros((self.n_linear, 0))

    def from_unit(self, unit: Array, bounds: RateBounds) -> tuple[Array, Array]:
        """Return no parameters."""
        return np.zeros(0), np.zeros((0, 0))

    def to_unit(self, nonlinear: Array, bounds: RateBounds) -> Array:
        """Return no coordinates."""
        return np.zeros(0)

    def late_phases(self, nonlinear: Array) -> tuple[Array, Array]:
        """Return the last point with physical decay."""
        return np.eye(self.n_linear)[-1:], np.array([self.decay_constant_per_h])

    def terminal_rate(self, linear: Array, nonlinear: Array) -> tuple[float, int | None]:
        """Return physical decay."""
        return self.decay_constant_per_h, None

    def _early_weight(self, times: Array) -> Array:
        first = self.t_h[0]
        if self.start == "linear-from-zero":
            return np.asarray(times / first)
        if self.start == "constant":
            return np.ones_like(times)
        return np.asarray(np.exp(self.decay_constant_per_h * (first - times)))

    def _early_integral(self, stop_h: float) -> float:
        """Return ∫ of the first point's weight from 0 to `stop_h`, which is at most the first time."""
        first, rate = float(self.t_h[0]), self.decay_constant_per_h
        if first == 0.0:
            return 0.0
        if self.start == "linear-from-zero":
            return stop_h**2 / (2 * first)
        if self.start == "constant":
            return stop_h
        return (math.exp(rate * first) - math.exp(rate * (first - stop_h))) / rate

    def _late_integral(self, stop_h: float) -> float:
        """Return ∫ of the last point's weight from the last time to `stop_h`."""
        return -math.expm1(-self.decay_constant_per_h * (stop_h - self.t_h[-1])) / self.decay_constant_per_h


@dataclass(frozen=True, slots=True)
class TrapezoidModel:
    """The trapezoid rule with physical decay after the last point."""

    name: str
    start: Start
    averaged: bool = False

    def bind(self, *, t_h: Array, decay_constant_per_h: float, infusion_h: float = 0.0) -> TrapezoidForm:
        """Return the interpolation of these sample times; its rule before the first one covers an infusion."""
        return TrapezoidForm(frozen(t_h, float), decay_constant_per_h, self.start)


curve_models.register(
    "trapezoid",
    summary="straight lines from zero through the points, then physical decay",
    citation="SjogreenGleisner2022",
)(TrapezoidModel("trapezoid", "linear-from-zero"))

curve_models.register(
    "trapezoid-constant",
    summary="as trapezoid, but constant before the first point",
    citation="SjogreenGleisner2022",
)(TrapezoidModel("trapezoid-constant", "constant"))

curve_models.register(
    "trapezoid-decay",
    summary="as trapezoid, but physical decay before the first point",
    citation="SjogreenGleisner2022",
)(TrapezoidModel("trapezoid-decay", "physical-decay"))
