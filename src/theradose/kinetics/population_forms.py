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
from theradose.statistics.nonlinear_mixed.curve import MixedCurve

Scale = Literal["amplitude", "integral"]
"""What the first parameter is: an amplitude, or the integral itself."""

# The integral as a parameter describes the same curves with another distribution between patients.
_BY_INTEGRAL = {"f4d": "f4"}
# Below the smallest curve of any organ; a logarithm of zero would end a fit.
_SMALLEST = 1e-300
# Logarithms beyond this occur only on the way of a search that goes astray.
_LARGEST = 80.0


class PopulationForm(MixedCurve, Protocol):
    """The logarithm of a curve per administered activity, in K logarithmic parameters φ; points are times in h."""

    @property
    def name(self) -> str:
        """Name of the form in records."""
        ...

    def integral_h(self, phi: Array, *, infusion_h: float = 0.0) -> Array:
        """Return the integral per administered activity from 0 to infinity, shape (...), for φ of shape (..., K)."""
        ...

    def half_life_h(self, phi: Array) -> Array:
        """Return the effective half-life of the last phase, shape (...)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Phases:
    """Parameters as numbers: amplitudes (relative to the first one by integral), excess and all biological rates."""

    amplitudes: Array
    excess: Array
    rates: Array


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

    def value(self, phi: Array, x: Array) -> Array:
        """Return the logarithm of the curve, shape (...), for φ of shape (..., K) and times of shape (..., 1).

        References
        ----------
        [Hardiansyah2021]_, [Hardiansyah2023]_
        """
        phases = self._phases(phi)
        total = self._total(phases, self._kernel(phases, x))
        value = np.log(total) - (phases.rates[..., 0] + self.decay_constant_per_h) * x[..., 0]
        if self.scale == "integral":
            value = value + phi[..., 0] - np.log(self._total(phases, self._area(phases)))
        return np.asarray(value)

    def gradient(self, phi: Array, x: Array) -> Array:
        """Return its derivatives by φ, shape (..., K).

        References
        ----------
        [Hardiansyah2021]_, [Hardiansyah2023]_
        """
        phases = self._phases(phi)
        kernel = self._kernel(phases, x)
        gradient = self._by_logarithm(phases, kernel, -x * kernel) / self._total(phases, kernel)[..., None]
        if self.scale == "integral":
            area = self._area(phases)
            gradient = gradient - self._by_logarithm(phases, area, -(area**2)) / self._total(phases, area)[..., None]
            gradient[..., 0] = 1.0
        return gradient

    def hessian(self, phi: Array, x: Array) -> Array:
        """Return its second derivatives, shape (..., K, K).

        References
        ----------
        [Hardiansyah2021]_, [Hardiansyah2023]_
        """
        phases = self._phases(phi)
        kernel = self._kernel(phases, x)
        hessian = self._curvature(phases, kernel, -x * kernel, x**2 * kernel)
        if self.scale == "integral":
            area = self._area(phases)
            hessian = hessian - self._curvature(phases, area, -(area**2), 2 * area**3)
            hessian[..., 0, :] = hessian[..., :, 0] = 0.0
        return hessian

    def integral_h(self, phi: Array, *, infusion_h: float = 0.0) -> Array:
        """Return the integral per administered activity from 0 to infinity, shape (...).

        References
        ----------
        [Hardiansyah2021]_
        """
        rates = self._phases(phi).rates + self.decay_constant_per_h
        tails = phase_tail(0.0, rates, infusion_h=infusion_h) if infusion_h else 1 / rates
        return np.asarray(np.sum(self.amplitudes(phi) @ np.array(self.model.mixing).T * tails, axis=-1))

    def half_life_h(self, phi: Array) -> Array:
        """Return the effective half-life of the last phase, shape (...)."""
        return np.asarray(math.log(2) / (self._phases(phi).rates[..., 0] + self.decay_constant_per_h))

    def amplitudes(self, phi: Array) -> Array:
        """Return the amplitudes per administered activity, shape (..., L)."""
        phases = self._phases(phi)
        if self.scale == "amplitude":
            return phases.amplitudes
        integral = self._total(phases, self._area(phases))
        return np.asarray(phases.amplitudes * (np.exp(phi[..., 0]) / integral)[..., None])

    def fit_parameters(self, phi: Array, *, administered_mbq: float) -> Array:
        """Return amplitudes in MBq and effective rates as the curve model has them, shape (..., K)."""
        rates = self._phases(phi).rates[..., : self.n_rates] + self.decay_constant_per_h
        return np.concatenate([administered_mbq * self.amplitudes(phi), rates], axis=-1)

    def _phases(self, phi: Array) -> _Phases:
        numbers = np.exp(np.clip(phi, -_LARGEST, _LARGEST))
        amplitudes, excess = numbers[..., : self.n_amplitudes], numbers[..., self.n_amplitudes :]
        if self.scale == "integral":
            amplitudes = np.concatenate([np.ones_like(amplitudes[..., :1]), amplitudes[..., 1:]], axis=-1)
        fixed = np.array(self.model.fixed_biological_rates_per_h, float)
        fixed = np.broadcast_to(fixed, (*numbers.shape[:-1], len(fixed)))
        return _Phases(amplitudes, excess, np.concatenate([np.cumsum(excess, axis=-1), fixed], axis=-1))

    def _kernel(self, phases: _Phases, x: Array) -> Array:
        """Return the exponentials relative to the slowest one, shape (..., p)."""
        return np.asarray(np.exp(-(phases.rates - phases.rates[..., :1]) * x))

    def _area(self, phases: _Phases) -> Array:
        """Return the integrals of the exponentials for the reference decay, shape (..., p)."""
        return np.asarray(1 / (phases.rates + self.reference_decay_per_h))

    def _total(self, phases: _Phases, kernel: Array) -> Array:
        """Return Σ_k c_k kernel_k with the coefficients c of the exponentials, shape (...)."""
        coefficients = phases.amplitudes @ np.array(self.model.mixing).T
        return np.asarray(np.maximum(np.sum(coefficients * kernel, axis=-1), _SMALLEST))

    def _by_logarithm(self, phases: _Phases, kernel: Array, first: Array) -> Array:
        """Return the derivatives of Σ c_k kernel_k by the logarithms; `first` is that of the kernel by its rate.

        A rate r_k is the sum of the excess rates up to the k-th.
        """
        mixing = np.array(self.model.mixing)
        by_rate = phases.excess * self._later(phases.amplitudes @ mixing.T * first)
        return np.concatenate([phases.amplitudes * (kernel @ mixing), by_rate], axis=-1)

    def _curvature(self, phases: _Phases, kernel: Array, first: Array, second: Array) -> Array:
        """Return the second derivatives of log Σ c_k kernel_k by the logarithms, shape (..., K, K)."""
        mixing, n = np.array(self.model.mixing), self.n_amplitudes
        gradient = self._by_logarithm(phases, kernel, first)
        hessian = gradient[..., None] * np.eye(gradient.shape[-1])
        # Derivatives of c_k by an amplitude are columns of the mixing.
        mixed = self._later(np.swapaxes(mixing * first[..., None], -1, -2))
        mixed = phases.amplitudes[..., None] * mixed * phases.excess[..., None, :]
        hessian[..., :n, n:] += mixed
        hessian[..., n:, :n] += np.swapaxes(mixed, -1, -2)
        later = self._later(phases.amplitudes @ mixing.T * second)
        last = np.maximum.outer(np.arange(self.n_rates), np.arange(self.n_rates))
        hessian[..., n:, n:] += phases.excess[..., None] * phases.excess[..., None, :] * later[..., last]
        total = self._total(phases, kernel)[..., None]
        slope = gradient / total
        return np.asarray(hessian / total[..., None] - slope[..., None] * slope[..., None, :])

    def _later(self, values: Array) -> Array:
        """Return the sums over each rate that varies and those after it, along the last axis."""
        return np.asarray(np.cumsum(values[..., self.n_rates - 1 :: -1], axis=-1)[..., ::-1])


def phase_form(name: str, *, decay_constant_per_h: float, reference_decay_per_h: float | None = None) -> PhaseForm:
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
