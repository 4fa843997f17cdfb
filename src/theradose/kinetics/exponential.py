"""Sums of exponentials, and the three that are tried by default.

One or two phases of clearance, and uptake followed by clearance; :mod:`theradose.kinetics.library` has the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.kinetics.models import RateBounds, curve_models
from theradose.kinetics.phases import phase_gradient, phase_tail, phase_tail_gradient, phase_value
from theradose.model.arrays import Array, frozen


@dataclass(frozen=True, slots=True, eq=False)
class ExponentialForm:
    """Σ_k c_k exp(−λ_k t), where the coefficients c are fixed combinations of the amplitudes.

    After an infusion the sum holds for times after its end, see :mod:`theradose.kinetics.phases`.

    Attributes
    ----------
    fixed_rates_per_h : ndarray, shape (f,)
        Rates that are not fitted, physical decay included.
    mixing : ndarray, shape (q + f, L)
        Coefficients of the exponentials per amplitude: fitted rates first, slowest first, then fixed ones.
    nonnegative : bool
        Whether the amplitudes cannot be negative.
    infusion_h : float
        Length of a constant infusion from t = 0; 0 for a bolus.
    """

    fixed_rates_per_h: Array
    mixing: Array
    nonnegative: bool
    infusion_h: float = 0.0

    @property
    def n_linear(self) -> int:
        """Number of amplitudes."""
        return int(self.mixing.shape[1])

    @property
    def n_rates(self) -> int:
        """Number of fitted rates."""
        return int(self.mixing.shape[0] - len(self.fixed_rates_per_h))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Amplitudes at t = 0 extrapolated back, then rates, physical decay included, slowest first."""
        return (
            *(f"amplitude_{i + 1}_mbq" for i in range(self.n_linear)),
            *(f"rate_{i + 1}_per_h" for i in range(self.n_rates)),
        )

    @property
    def knots_h(self) -> Array:
        """Start, and the end of the infusion where there is one."""
        return np.unique([0.0, self.infusion_h])

    def basis(self, t_h: Array, nonlinear: Array) -> Array:
        """Return the basis functions, shape (n, L)."""
        return np.asarray(phase_value(t_h, self._rates(nonlinear), infusion_h=self.infusion_h) @ self.mixing)

    def basis_at(self, t_h: Array, nonlinear: Array) -> Array:
        """Return the basis functions for many rates, shape (g, q), at once, shape (g, n, L)."""
        fixed = np.broadcast_to(self.fixed_rates_per_h, (len(nonlinear), len(self.fixed_rates_per_h)))
        rates = np.concatenate([nonlinear, fixed], axis=1)
        phases = phase_value(t_h, rates.ravel(), infusion_h=self.infusion_h).reshape(-1, *rates.shape)
        return np.asarray(np.swapaxes(phases, 0, 1) @ self.mixing)

    def basis_gradient(self, t_h: Array, nonlinear: Array) -> Array:
        """Return their derivatives by the rates, shape (n, L, q)."""
        by_rate = phase_gradient(t_h, nonlinear, infusion_h=self.infusion_h)
        return np.asarray(np.einsum("nq,ql->nlq", by_rate, self.mixing[: self.n_rates]))

    def integral(self, start_h: float, stop_h: float, nonlinear: Array) -> Array:
        """Return the integrals of the basis functions, shape (L,)."""
        rates = self._rates(nonlinear)
        before, after = (phase_tail(t_h, rates, infusion_h=self.infusion_h) for t_h in (start_h, stop_h))
        return np.asarray((before - after) @ self.mixing)

    def integral_gradient(self, start_h: float, stop_h: float, nonlinear: Array) -> Array:
        """Return the derivatives of the integrals by the rates, shape (L, q)."""
        before, after = (phase_tail_gradient(t_h, nonlinear, infusion_h=self.infusion_h) for t_h in (start_h, stop_h))
        return np.asarray(((before - after)[:, None] * self.mixing[: self.n_rates]).T)

    def from_unit(self, unit: Array, bounds: RateBounds) -> tuple[Array, Array]:
        """Map the unit cube onto ordered rates between the bounds, each in logarithmic steps.

        The first coordinate places the slowest rate in the whole range, each next one places its rate between
        the previous one and the upper bound. Order and bounds therefore hold exactly, and a rate on a bound
        is a coordinate of exactly 0 or 1.
        """
        count = self.n_rates
        gap = math.log(bounds.minimum_ratio)
        lowest, upper = 0.0, math.log(bounds.fastest_per_h / bounds.slowest_per_h)
        logarithms = np.empty(count)
        jacobian = np.zeros((count, count))
        for k in range(count):
            if k:
                lowest = logarithms[k - 1] + gap
                jacobian[k] = jacobian[k - 1] * (1.0 - unit[k])
            highest = upper - (count - 1 - k) * gap
            logarithms[k] = highest if unit[k] == 1.0 else lowest + unit[k] * (highest - lowest)
            jacobian[k, k] = highest - lowest
        rates = bounds.slowest_per_h * np.exp(logarithms)
        rates[logarithms == upper] = bounds.fastest_per_h
        return rates, rates[:, None] * jacobian

    def to_unit(self, nonlinear: Array, bounds: RateBounds) -> Array:
        """Return the coordinates of rates; one beyond a bound, or too near the rate before it, goes to the bound."""
        count = self.n_rates
        gap = math.log(bounds.minimum_ratio)
        upper = math.log(bounds.fastest_per_h / bounds.slowest_per_h)
        logarithms = np.log(np.asarray(nonlinear, float) / bounds.slowest_per_h)
        unit = np.empty(count)
        lowest = 0.0
        for k in range(count):
            highest = upper - (count - 1 - k) * gap
            placed = min(max(float(logarithms[k]), lowest), highest)
            unit[k] = (placed - lowest) / (highest - lowest) if highest > lowest else 0.0
            lowest = placed + gap
        return unit

    def late_phases(self, nonlinear: Array) -> tuple[Array, Array]:
        """Return all exponentials, from the end of the infusion on."""
        rates = self._rates(nonlinear)
        return self.mixing * np.exp(-rates * self.infusion_h)[:, None], rates

    def terminal_rate(self, linear: Array, nonlinear: Array) -> tuple[float, int | None]:
        """Return the slowest rate whose coefficient is not zero."""
        rates = self._rates(nonlinear)
        present = np.flatnonzero(self.mixing @ linear)
        position = int(present[np.argmin(rates[present])])
        return float(rates[position]), position if position < self.n_rates else None

    def _rates(self, nonlinear: Array) -> Array:
        return np.concatenate([nonlinear, self.fixed_rates_per_h])


@dataclass(frozen=True, slots=True)
class ExponentialModel:
    """A model whose curve is a sum of exponentials.

    Attributes
    ----------
    name : str
        Name in the registry.
    mixing : tuple of tuple of float
        Coefficients of the exponentials (rows: fitted rates, then fixed rates) per amplitude (columns).
    fixed_biological_rates_per_h : tuple of float
        Biological rates that are not fitted; physical decay is added when the model is bound.
    nonnegative : bool
        Whether the amplitudes cannot be negative.
    averaged : bool
        Whether the model may be averaged with others.
    """

    name: str
    mixing: tuple[tuple[float, ...], ...]
    fixed_biological_rates_per_h: tuple[float, ...] = ()
    nonnegative: bool = True
    averaged: bool = True

    def bind(self, *, t_h: Array, decay_constant_per_h: float, infusion_h: float = 0.0) -> ExponentialForm:
        """Return the model for this physical decay and infusion; the sample times play no part."""
        fixed = np.array(self.fixed_biological_rates_per_h, float) + decay_constant_per_h
        return ExponentialForm(frozen(fixed), frozen(self.mixing, float), self.nonnegative, infusion_h)


curve_models.register(
    "mono",
    summary="one phase of clearance: A exp(-l1 t)",
    citation="Kletting2013",
)(ExponentialModel("mono", mixing=((1.0,),)))

curve_models.register(
    "bi",
    summary="two phases of clearance: A1 exp(-l1 t) + A2 exp(-l2 t), both amplitudes positive",
    citation="Kletting2013",
)(ExponentialModel("bi", mixing=((1.0, 0.0), (0.0, 1.0))))

curve_models.register(
    "uptake",
    summary="uptake, then clearance: A (exp(-l1 t) - exp(-l2 t))",
    citation="Kletting2013",
)(ExponentialModel("uptake", mixing=((1.0,), (-1.0,))))
