"""What a curve model is, and the registry of them.

A model is a sum of linear amplitudes times basis functions of time that depend on a few nonlinear
parameters, nearly always rates. Value, integral and their gradients follow from the basis alone, and the fit
eliminates the amplitudes (variable projection). A model is bound to sample times and to physical decay
before it is used, so that a fixed physical rate or an interpolation between samples is a model like any other.
A new family is one new file that registers its models and is imported by ``kinetics/__init__.py``.

References
----------
[Kletting2013]_, sums of exponentials and the propagation of their covariance to the integral.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from theradose.errors import FitError
from theradose.model.arrays import Array
from theradose.registry import Registry


@dataclass(frozen=True, slots=True)
class RateBounds:
    """Range of the rates during a fit, physical decay included.

    Attributes
    ----------
    slowest_per_h, fastest_per_h : float
        Limits of every rate.
    minimum_ratio : float
        Smallest ratio of two successive rates.
    """

    slowest_per_h: float
    fastest_per_h: float
    minimum_ratio: float


class ModelForm(Protocol):
    """A curve model bound to sample times and physical decay; L linear and q nonlinear parameters."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names with units: the linear parameters, then the nonlinear ones."""
        ...

    @property
    def n_linear(self) -> int:
        """Number of linear parameters."""
        ...

    @property
    def nonnegative(self) -> bool:
        """Whether the linear parameters cannot be negative."""
        ...

    def basis(self, t_h: Array, nonlinear: Array) -> Array:
        """Return the basis functions, shape (n, L)."""
        ...

    def basis_at(self, t_h: Array, nonlinear: Array) -> Array:
        """Return the basis functions for many nonlinear parameters, shape (g, q), at once, shape (g, n, L)."""
        ...

    def basis_gradient(self, t_h: Array, nonlinear: Array) -> Array:
        """Return their derivatives by the nonlinear parameters, shape (n, L, q)."""
        ...

    def integral(self, start_h: float, stop_h: float, nonlinear: Array) -> Array:
        """Return the integrals of the basis functions, h, shape (L,); `stop_h` may be infinite."""
        ...

    def integral_gradient(self, start_h: float, stop_h: float, nonlinear: Array) -> Array:
        """Return the derivatives of the integrals by the nonlinear parameters, shape (L, q)."""
        ...

    def from_unit(self, unit: Array, bounds: RateBounds) -> tuple[Array, Array]:
        """Map the unit cube onto the allowed nonlinear parameters; also return the Jacobian, shape (q, q)."""
        ...

    def to_unit(self, nonlinear: Array, bounds: RateBounds) -> Array:
        """Return the place in the unit cube of nonlinear parameters; what is not allowed goes to the next bound."""
        ...

    @property
    def knots_h(self) -> Array:
        """Times from 0 at which the basis is not smooth, shape (k,); exponentials alone follow the last one."""
        ...

    def late_phases(self, nonlinear: Array) -> tuple[Array, Array]:
        """Return those exponentials: coefficients at the last knot, shape (p, L), and rates, shape (p,)."""
        ...

    def terminal_rate(self, linear: Array, nonlinear: Array) -> tuple[float, int | None]:
        """Return the rate of the last phase and its position among the nonlinear parameters, if it is one."""
        ...


class CurveModel(Protocol):
    """A named family member.

    Attributes
    ----------
    name : str
        Name in the registry.
    averaged : bool
        Whether the model may be averaged with others; False for mere interpolation.
    """

    @property
    def name(self) -> str:
        """Name in the registry."""
        ...

    @property
    def averaged(self) -> bool:
        """Whether the model may be averaged with others."""
        ...

    def bind(self, *, t_h: Array, decay_constant_per_h: float, infusion_h: float = 0.0) -> ModelForm:
        """Return the model for these sample times, this physical decay and an infusion from t = 0."""
        ...


curve_models: Registry[CurveModel] = Registry("curve_models", error=FitError)
"""Every time-activity curve model by name."""


def curve_value(form: ModelForm, parameters: Array, t_h: Array) -> Array:
    """Return the activity at `t_h` in MBq, shape (n,)."""
    linear, nonlinear = parameters[: form.n_linear], parameters[form.n_linear :]
    return np.asarray(form.basis(t_h, nonlinear) @ linear)


def curve_gradient(form: ModelForm, parameters: Array, t_h: Array) -> Array:
    """Return the derivative of the activity at `t_h` by every parameter, shape (n, K)."""
    linear, nonlinear = parameters[: form.n_linear], parameters[form.n_linear :]
    by_nonlinear = np.einsum("nlq,l->nq", form.basis_gradient(t_h, nonlinear), linear)
    return np.concatenate([form.basis(t_h, nonlinear), by_nonlinear], axis=1)


def curve_integral(form: ModelForm, parameters: Array, *, start_h: float = 0.0, stop_h: float = math.inf) -> float:
    """Return the integral of the activity from `start_h` to `stop_h` in MBq·h."""
    linear, nonlinear = parameters[: form.n_linear], parameters[form.n_linear :]
    return float(form.integral(start_h, stop_h, nonlinear) @ linear)


def curve_integral_gradient(
    form: ModelForm, parameters: Array, *, start_h: float = 0.0, stop_h: float = math.inf
) -> Array:
    """Return the derivative of the integral by every parameter, shape (K,)."""
    linear, nonlinear = parameters[: form.n_linear], parameters[form.n_linear :]
    by_nonlinear = linear @ form.integral_gradient(start_h, stop_h, nonlinear)
    return np.concatenate([form.integral(start_h, stop_h, nonlinear), by_nonlinear])
