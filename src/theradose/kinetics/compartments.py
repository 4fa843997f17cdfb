"""Blood as the central one of two or three compartments, with an infusion and an elimination that changes.

Activity enters the central compartment at a constant rate during the infusion, goes to one or two peripheral
compartments and back, and is eliminated from the central one. Elimination is raised by a factor until the end of the
amino-acid infusion. Physical decay acts everywhere. The rates are constant between the ends of the two infusions, so
that the solution is a product of matrix exponentials; the matrix of a central compartment with peripheral ones around
it becomes symmetric when the peripheral contents are scaled, and its eigenvalues are real and negative.

References
----------
[Puszkiel2019]_ Three compartments and the elimination that falls when the amino-acid infusion ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from theradose.errors import FitError
from theradose.model.arrays import Array

# Central differences of the gradient: a step that balances truncation and rounding.
_STEP = 1e-5
# Eigenvalues nearer than this, relative to the largest, have the derivative for their divided difference.
_EQUAL = 1e-7
_SMALLEST = 1e-300
FORMS = {"compartments-2": 2, "compartments-3": 3}
"""Names of the forms with the number of compartments."""


@dataclass(frozen=True, slots=True)
class _Interval:
    """A time during which all rates are constant: its ends in h, input per h, and whether amino acids run."""

    start_h: float
    stop_h: float
    input_per_h: float
    raised: bool


@dataclass(frozen=True, slots=True)
class CompartmentForm:
    """Concentration in blood per administered activity, 1/L.

    Attributes
    ----------
    compartments : int
        2 or 3, the central one included.
    decay_constant_per_h : float
        Physical decay.
    infusion_h : float
        Length of the infusion of the radiopharmaceutical from t = 0; 0 for a bolus.
    amino_acids_until_h : float
        End of the amino-acid infusion after t = 0; 0 for none.
    elimination_ratio : float or None
        Elimination with amino acids over that without; ``None`` makes it a parameter.
    """

    ELIMINATION_RATIO: ClassVar[str] = "log_elimination_ratio"

    compartments: int
    decay_constant_per_h: float
    infusion_h: float
    amino_acids_until_h: float
    elimination_ratio: float | None = 1.0

    def __post_init__(self) -> None:
        if self.compartments not in FORMS.values():
            raise FitError(
                f"A model of {self.compartments} compartments is not available: take 2 or 3.", code="population-form"
            )
        if self.elimination_ratio is not None and not self.elimination_ratio > 0:
            raise FitError(
                f"An elimination that amino acids change by a factor of {self.elimination_ratio:g} is not possible: "
                "give a positive factor, 1 for none.",
                code="population-form",
            )
        if not (self.infusion_h >= 0 and self.amino_acids_until_h >= 0):
            raise FitError(
                f"An infusion of {self.infusion_h:g} h with amino acids until {self.amino_acids_until_h:g} h is not "
                "possible: both are hours after the start of the administration, 0 for none.",
                code="infusion-invalid",
            )

    @property
    def name(self) -> str:
        """Name of the form in records."""
        return f"compartments-{self.compartments}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the K parameters, in the order of φ."""
        exchange = [f"log_k{way}_per_h" for k in range(2, self.compartments + 1) for way in (f"1{k}", f"{k}1")]
        ratio = (self.ELIMINATION_RATIO,) if self.elimination_ratio is None else ()
        return ("log_volume_l", "log_k10_per_h", *exchange, *ratio)

    def value(self, phi: Array, x: Array) -> Array:
        """Return the logarithm of the concentration per administered activity (1/L), shape (...).

        References
        ----------
        [Puszkiel2019]_
        """
        rates, times = np.exp(np.asarray(phi, float)), x[..., 0]
        state = self._begin(rates.shape[:-1])
        for interval in self._intervals():
            elapsed = np.clip(times - interval.start_h, 0.0, interval.stop_h - interval.start_h)
            state = _advance(self._matrix(rates, interval), state, interval, elapsed)
        return np.asarray(np.log(np.maximum(state[..., 0] / rates[..., 0], _SMALLEST)))

    def gradient(self, phi: Array, x: Array) -> Array:
        """Return its derivatives by φ, shape (..., K).

        With K = U diag(w) Uᵀ, the derivative of exp(Kt) by a parameter is U (UᵀK′U ∘ D) Uᵀ, where D holds the divided
        differences of exp(wt).

        References
        ----------
        [Puszkiel2019]_
        """
        rates, times = np.exp(np.asarray(phi, float)), x[..., 0]
        state = self._begin(rates.shape[:-1])
        slope = np.zeros((*rates.shape[:-1], len(self.parameters) - 1, self.compartments))
        for interval in self._intervals():
            elapsed = np.clip(times - interval.start_h, 0.0, interval.stop_h - interval.start_h)
            matrix = self._matrix(rates, interval)
            slope = _advance_slope(matrix, self._by_rate(rates, interval), state, slope, interval, elapsed)
            state = _advance(matrix, state, interval, elapsed)
        content = np.maximum(state[..., :1], _SMALLEST)
        return np.concatenate([np.full_like(content, -1.0), slope[..., 0] / content], axis=-1)

    def hessian(self, phi: Array, x: Array) -> Array:
        """Return its second derivatives by central differences of the gradient, shape (..., K, K)."""
        steps = _STEP * np.eye(phi.shape[-1])
        rows = [(self.gradient(phi + h, x) - self.gradient(phi - h, x)) / (2 * _STEP) for h in steps]
        hessian = np.stack(rows, axis=-2)
        return np.asarray((hessian + np.swapaxes(hessian, -1, -2)) / 2)

    def integral_h(self, phi: Array, *, infusion_h: float | None = None, stop_h: float = math.inf) -> Array:
        """Return the integral of the concentration per administered activity up to a time, h/L, shape (...).

        Each interval gives ∫x dt = K⁻¹ (x(end) − x(start) − input), and x vanishes at the end of the last one.

        References
        ----------
        [Puszkiel2019]_
        """
        del infusion_h  # the form has its own
        rates = np.exp(np.asarray(phi, float))
        state, total = self._begin(rates.shape[:-1]), np.zeros(rates.shape[:-1])
        for interval in self._intervals():
            if interval.start_h >= stop_h:
                break
            matrix, length = self._matrix(rates, interval), np.asarray(min(interval.stop_h, stop_h) - interval.start_h)
            after = np.zeros_like(state) if np.isinf(length) else _advance(matrix, state, interval, length)
            change = after - state
            if interval.input_per_h:
                change[..., 0] -= interval.input_per_h * length
            total += np.linalg.solve(matrix, change[..., None])[..., 0, 0]
            state = after
        return np.asarray(total / rates[..., 0])

    def half_life_h(self, phi: Array) -> Array:
        """Return the effective half-life of the last phase, shape (...)."""
        matrix = self._matrix(np.exp(np.asarray(phi, float)), self._intervals()[-1])
        return np.asarray(-math.log(2) / np.linalg.eigvalsh(matrix)[..., -1])

    def _begin(self, shape: tuple[int, ...]) -> Array:
        state = np.zeros((*shape, self.compartments))
        state[..., 0] = float(self.infusion_h == 0)
        return state

    def _intervals(self) -> list[_Interval]:
        ends = sorted({end for end in (self.infusion_h, self.amino_acids_until_h) if end > 0})
        edges = [0.0, *ends, math.inf]
        return [
            _Interval(
                start,
                stop,
                1 / self.infusion_h if start < self.infusion_h else 0.0,
                start < self.amino_acids_until_h,
            )
            for start, stop in zip(edges[:-1], edges[1:], strict=True)
        ]

    def _matrix(self, rates: Array, interval: _Interval) -> Array:
        """Return the symmetric matrix of an interval, shape (..., n, n)."""
        count = self.compartments
        matrix = np.zeros((*rates.shape[:-1], count, count))
        matrix[..., 0, 0] = -rates[..., 1] * self._factor(rates, interval)
        for k in range(1, count):
            outward, back = rates[..., 2 * k], rates[..., 2 * k + 1]
            matrix[..., 0, 0] -= outward
            matrix[..., k, k] = -back
            matrix[..., 0, k] = matrix[..., k, 0] = np.sqrt(outward * back)
        return np.asarray(matrix - self.decay_constant_per_h * np.eye(count))

    def _factor(self, rates: Array, interval: _Interval) -> Array | float:
        """Return the factor of the elimination in an interval."""
        if not interval.raised:
            return 1.0
        return rates[..., -1] if self.elimination_ratio is None else self.elimination_ratio

    def _by_rate(self, rates: Array, interval: _Interval) -> Array:
        """Return the derivatives of the matrix by the logarithms of the rates, shape (..., K − 1, n, n)."""
        count = self.compartments
        slope = np.zeros((*rates.shape[:-1], len(self.parameters) - 1, count, count))
        out = rates[..., 1] * self._factor(rates, interval)
        slope[..., 0, 0, 0] = -out
        for k in range(1, count):
            outward, back = 2 * k - 1, 2 * k
            half = np.sqrt(rates[..., outward + 1] * rates[..., back + 1]) / 2
            for place in (outward, back):
                slope[..., place, 0, k] = slope[..., place, k, 0] = half
            slope[..., outward, 0, 0] = -rates[..., outward + 1]
            slope[..., back, k, k] = -rates[..., back + 1]
        if self.elimination_ratio is None and interval.raised:
            slope[..., -1, 0, 0] = -out
        return slope


def _advance_slope(
    matrix: Array, by_rate: Array, state: Array, slope: Array, interval: _Interval, elapsed: Array
) -> Array:
    """Return the derivatives of the state after each elapsed time, shape (..., K − 1, n)."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    across = np.swapaxes(vectors, -1, -2)
    exponent = eigenvalues * elapsed[..., None]
    decayed = np.exp(exponent)
    gap = eigenvalues[..., :, None] - eigenvalues[..., None, :]
    equal = np.abs(gap) <= _EQUAL * np.abs(eigenvalues[..., :1, None])
    safe = np.where(equal, 1.0, gap)
    time = elapsed[..., None, None]
    of_state = np.where(equal, time * decayed[..., None], decayed[..., None, :] * np.expm1(gap * time) / safe)
    turned = across[..., None, :, :] @ by_rate @ vectors[..., None, :, :]
    modes = decayed[..., None, :] * (slope @ vectors)
    modes += ((turned * of_state[..., None, :, :]) @ (across @ state[..., None])[..., None, :, :])[..., 0]
    if interval.input_per_h:
        risen = np.expm1(exponent) / eigenvalues
        by_value = (elapsed[..., None] * decayed - risen) / eigenvalues
        of_input = np.where(equal, by_value[..., None], (risen[..., :, None] - risen[..., None, :]) / safe)
        first = vectors[..., 0, :, None]
        modes += interval.input_per_h * ((turned * of_input[..., None, :, :]) @ first[..., None, :, :])[..., 0]
    return np.asarray(modes @ across)


def _advance(matrix: Array, state: Array, interval: _Interval, elapsed: Array) -> Array:
    """Return the state after each elapsed time, shape (..., n), with the input into the first compartment."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    exponent = eigenvalues * elapsed[..., None]
    modes = np.exp(exponent) * np.einsum("...ij,...i->...j", vectors, state)
    if interval.input_per_h:
        modes += interval.input_per_h * vectors[..., 0, :] * np.expm1(exponent) / eigenvalues
    return np.asarray(np.einsum("...ij,...j->...i", vectors, modes))
