"""Curves whose parameters vary between patients: sums of exponentials in logarithms of amplitudes and rates.

A curve model of :mod:`theradose.kinetics.models` becomes a form of a population. Activities are fractions of what was
administered, because that transfers between patients who are given different activities. All parameters φ are natural
logarithms: of the amplitudes, which are partial sums where the model starts from zero, and of the biological rates,
each beyond the first as its excess over the one before it. Whatever φ is drawn, amplitudes are positive, rates keep
their order, no curve is negative, and with the physical decay that is added to every biological rate nothing clears
slower than it decays.

References
----------
[Hardiansyah2021]_ The functions, biological rates with physical decay beside them.
[Hardiansyah2023]_ The function f4d, whose first parameter is the integral.
[Hou2021]_ Log-normal distribution between patients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from theradose.errors import FitError
from theradose.kinetics.exponential import ExponentialModel
from theradose.kinetics.models import curve_models
from theradose.kinetics.phases import phase_tail
from theradose.model.arrays import Array

Scale = Literal["amplitude", "integral"]
"""What the first parameter is: an amplitude, or the integral itself."""

# The integral as a parameter describes the same curves with another distribution between patients.
_BY_INTEGRAL = {"f4d": "f4"}
# Below the smallest curve of any organ; a logarithm of zero would end a fit.
_SMALLEST = 1e-300


class PopulationForm(Protocol):
    """A curve in K logarithmic parameters, for many patients at once."""

    @property
    def name(self) -> str:
        """Name of the form in records."""
        ...

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the K parameters; the unit is that of the exponential."""
        ...

    def log_curve(self, phi: Array, t_h: Array) -> tuple[Array, Array]:
        """Return the logarithm of the curve per administered activity, shape (m,), and its gradient, (m, K)."""
        ...

    def integral_h(self, phi: Array, *, infusion_h: float = 0.0) -> Array:
        """Return the integral per administered activity from 0 to infinity, shape (m,)."""
        ...

    def half_life_h(self, phi: Array) -> Array:
        """Return the effective half-life of the last phase, shape (m,)."""
        ...


@dataclass(frozen=True, slots=True)
class PhaseForm:
    """A sum of exponentials.

    Attributes
    ----------
    name : str
        Of a curve model, or ``f4d``.
    model : ExponentialModel
        Gives the exponentials.
    scale : {"amplitude", "integral"}
        What the first parameter is.
    decay_constant_per_h : float
        Physical decay of the curve.
    reference_decay_per_h : float
        Physical decay for which the parameters were found; it matters where the integral is a parameter.
    """

    name: str
    model: ExponentialModel
    scale: Scale
    decay_constant_per_h: float
    reference_decay_per_h: float

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the K parameters."""
        scales = [f"log_amplitude_{k + 1}" for k in range(self.n_amplitudes)]
        if self.scale == "integral":
            scales = ["log_integral_h", *(f"log_amplitude_ratio_{k + 1}" for k in range(1, self.n_amplitudes))]
        rates = [f"log_excess_rate_{k + 1}_per_h" for k in range(1, self.n_rates)]
        return (*scales, "log_rate_1_per_h", *rates)

    @property
    def n_amplitudes(self) -> int:
        """Number of amplitudes."""
        return len(self.model.mixing[0])

    @property
    def n_rates(self) -> int:
        """Number of rates that vary between patients."""
        return len(self.model.mixing) - len(self.model.fixed_biological_rates_per_h)

    def log_curve(self, phi: Array, t_h: Array) -> tuple[Array, Array]:
        """Return the logarithm of the curve per administered activity, shape (m,), and its gradient, (m, K).

        References
        ----------
        [Hardiansyah2021]_, [Hardiansyah2023]_
        """
        amplitudes, excess, rates = self._unpacked(phi)
        mixing = np.array(self.model.mixing)
        times = np.asarray(t_h, float)
        slowest = rates[:, 0]
        relative = np.exp(-(rates - slowest[:, None]) * times[:, None])
        phases = (amplitudes @ mixing.T) * relative
        total = np.maximum(phases.sum(axis=1), _SMALLEST)
        value = np.log(total) - (slowest + self.decay_constant_per_h) * times
        by_amplitude = amplitudes * (relative @ mixing) / total[:, None]
        gradient = np.concatenate([by_amplitude, self._by_rate(phases, excess, times[:, None]) / total[:, None]], axis=1)
        if self.scale == "integral":
            integral, by_parameter = self._reference_integral(amplitudes, excess, rates)
            value = value + phi[:, 0] - np.log(integral)
            gradient = gradient - by_parameter / integral[:, None]
            gradient[:, 0] = 1.0
        return value, gradient

    def integral_h(self, phi: Array, *, infusion_h: float = 0.0) -> Array:
        """Return the integral per administered activity from 0 to infinity, shape (m,).

        References
        ----------
        [Hardiansyah2021]_
        """
        amplitudes, rates = self.amplitudes(phi), self._unpacked(phi)[2] + self.decay_constant_per_h
        tails = phase_tail(0.0, rates, infusion_h=infusion_h) if infusion_h else 1 / rates
        return np.asarray(np.sum(amplitudes @ np.array(self.model.mixing).T * tails, axis=1))

    def half_life_h(self, phi: Array) -> Array:
        """Return the effective half-life of the last phase, shape (m,)."""
        return np.asarray(math.log(2) / (self._unpacked(phi)[2][:, 0] + self.decay_constant_per_h))

    def amplitudes(self, phi: Array) -> Array:
        """Return the amplitudes per administered activity, shape (m, L)."""
        amplitudes, excess, rates = self._unpacked(phi)
        if self.scale == "integral":
            integral, _ = self._reference_integral(amplitudes, excess, rates)
            amplitudes = amplitudes * (np.exp(phi[:, 0]) / integral)[:, None]
        return amplitudes

    def fit_parameters(self, phi: Array, *, administered_mbq: float) -> Array:
        """Return amplitudes in MBq and effective rates as the curve model has them, shape (m, K)."""
        rates = self._unpacked(phi)[2][:, : self.n_rates] + self.decay_constant_per_h
        return np.concatenate([administered_mbq * self.amplitudes(phi), rates], axis=1)

    def _unpacked(self, phi: Array) -> tuple[Array, Array, Array]:
        """Return amplitudes (relative to the first one by integral), excess rates and all biological rates."""
        numbers = np.exp(np.asarray(phi, float))
        amplitudes, excess = numbers[:, : self.n_amplitudes], numbers[:, self.n_amplitudes :]
        if self.scale == "integral":
            amplitudes = np.concatenate([np.ones((len(numbers), 1)), amplitudes[:, 1:]], axis=1)
        fixed = np.broadcast_to(
            np.array(self.model.fixed_biological_rates_per_h, float),
            (len(numbers), len(self.model.fixed_biological_rates_per_h)),
        )
        return amplitudes, excess, np.concatenate([np.cumsum(excess, axis=1), fixed], axis=1)

    def _reference_integral(self, amplitudes: Array, excess: Array, rates: Array) -> tuple[Array, Array]:
        """Return the integral for the reference decay, shape (m,), and its derivatives by the logarithms, (m, K)."""
        mixing, effective = np.array(self.model.mixing), rates + self.reference_decay_per_h
        areas = (amplitudes @ mixing.T) / effective
        by_rate = self._by_rate(areas, excess, 1 / effective)
        return areas.sum(axis=1), np.concatenate([amplitudes * ((1 / effective) @ mixing), by_rate], axis=1)

    def _by_rate(self, phases: Array, excess: Array, factor: Array) -> Array:
        """Return −ρ_i Σ_{k ≥ i} factor_k phase_k over the rates that vary, shape (m, q)."""
        varied = (factor * phases)[:, : self.n_rates]
        later = np.cumsum(varied[:, ::-1], axis=1)[:, ::-1]
        return np.asarray(-excess * later)


def phase_form(
    name: str, *, decay_constant_per_h: float, reference_decay_per_h: float | None = None
) -> PhaseForm:
    """Return the form of a population by name.

    Parameters
    ----------
    name : str
        A sum of exponentials with positive amplitudes from the registry ``curve_models``, or ``f4d``.
    decay_constant_per_h : float
        Physical decay of the curves.
    reference_decay_per_h : float, optional
        Physical decay of the nuclide with which the population was measured; the same one by default.

    Raises
    ------
    FitError
        ``population-form`` for a model that is no sum of exponentials; an unknown model.

    References
    ----------
    [Hardiansyah2021]_, [Hardiansyah2023]_
    """
    model = curve_models.get(_BY_INTEGRAL.get(name, name))
    if not isinstance(model, ExponentialModel) or not model.nonnegative:
        raise FitError(
            f"The model '{name}' cannot describe a population: take a sum of exponentials such as 'mono', 'bi', "
            "'uptake', 'f4' or 'f4d'.",
            code="population-form",
        )
    return PhaseForm(
        name=name,
        model=model,
        scale="integral" if name in _BY_INTEGRAL else "amplitude",
        decay_constant_per_h=decay_constant_per_h,
        reference_decay_per_h=decay_constant_per_h if reference_decay_per_h is None else reference_decay_per_h,
    )
