"""A time course and how much of it falls together with what went before.

A time course is any curve up to its last knot and a sum of exponentials after it. Damage that is repaired with the
rate μ is weighed by the double integral ∫ f(t) ∫_{w<t} f(w) exp(−μ(t−w)) dw dt, which is half of the Lea-Catcheside
factor times the square of the integral. Sums of exponentials have it in closed form, whatever the signs of their
amplitudes; before the last knot it is integrated numerically to machine precision.

References
----------
[Dale1985]_ The factor for exponential repair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from theradose.errors import FitError
from theradose.kinetics.evaluate import bound_form
from theradose.kinetics.models import ModelForm, curve_value
from theradose.model.arrays import Array, frozen
from theradose.model.curve import CurveFit, TimeIntegratedActivity

_NODES = 32
# exp(−40) is below the precision of a double, and 32 nodes integrate exp(−x) over this range to the last digit.
_FORGOTTEN = 40.0
_LONGEST_PANEL = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class TimeCourse:
    """One or more curves over the same time, L in number.

    Attributes
    ----------
    knots_h : ndarray, shape (k,)
        Times at which the curves are not smooth, from 0; what follows the last one is a sum of exponentials.
    coefficients : ndarray, shape (p, L)
        Coefficients of the exponentials at the last knot, of any sign.
    rates_per_h : ndarray, shape (p,)
        Their rates, positive.
    early : callable or None
        Times (n,) before the last knot to values (n, L); ``None`` if the only knot is 0.
    """

    knots_h: Array
    coefficients: Array
    rates_per_h: Array
    early: Callable[[Array], Array] | None = None

    def __post_init__(self) -> None:
        for name in ("knots_h", "coefficients", "rates_per_h"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))
        if not ((self.rates_per_h > 0).all() and np.isfinite(self.coefficients).all()):
            raise FitError("The rates of a time course are positive, and its coefficients finite numbers.",
                           code="course-invalid")  # fmt: skip

    def value(self, t_h: Array) -> Array:
        """Return the curves at times from 0 on, shape (n, L)."""
        times = np.asarray(t_h, float)
        late = times >= self.knots_h[-1]
        values = np.empty((len(times), self.coefficients.shape[1]))
        values[late] = np.exp(-np.outer(times[late] - self.knots_h[-1], self.rates_per_h)) @ self.coefficients
        if not late.all():
            values[~late] = self._early(times[~late])
        return values

    def integral(self) -> Array:
        """Return the integrals from 0 to infinity, shape (L,)."""
        nodes, weights = _rule()
        total = self.coefficients.T @ (1 / self.rates_per_h)
        for start, stop in self._panels(0.0):
            total += (stop - start) * weights @ self._early(start + (stop - start) * nodes)
        return np.asarray(total)

    def overlap(self, *, rate_per_h: float) -> Array:
        """Return ∫ f_i(t) ∫_{w<t} f_j(w) exp(−μ(t−w)) dw dt for the repair rate μ, shape (L, L).

        References
        ----------
        [Dale1985]_
        """
        nodes, weights = _rule()
        count = self.coefficients.shape[1]
        total, remembered = np.zeros((count, count)), np.zeros(count)
        for start, stop in self._panels(rate_per_h):
            width = stop - start
            elapsed = width * np.append(nodes, 1.0)
            recalled = self._recalled(start + elapsed, np.minimum(elapsed, _FORGOTTEN / rate_per_h), rate_per_h)
            recalled += np.exp(-rate_per_h * elapsed)[:, None] * remembered
            values = self._early(start + elapsed[:-1])
            total += (values * (width * weights)[:, None]).T @ recalled[:-1]
            remembered = recalled[-1]
        rates, coefficients = self.rates_per_h, self.coefficients
        late = remembered + (coefficients.T @ (1 / (rates[:, None] + rates))).T
        return np.asarray(total + coefficients.T @ (late / (rate_per_h + rates)[:, None]))

    def scaled(self, factor: float) -> TimeCourse:
        """Return the curves times a factor, as from activity to dose rate."""
        early = self.early
        return TimeCourse(
            self.knots_h,
            factor * self.coefficients,
            self.rates_per_h,
            None if early is None else lambda t_h: factor * early(t_h),
        )

    def remembered(self, t_h: Array, *, rate_per_h: float) -> Array:
        """Return ∫ f(w) exp(−μ(t−w)) dw over the time before each t for a rate μ, shape (n, L).

        Times before 0 remember nothing; a rate of 0 gives the integral so far.
        """
        nodes, weights = _rule()
        times, last = np.asarray(t_h, float), float(self.knots_h[-1])
        total = np.zeros((len(times), self.coefficients.shape[1]))
        for start, stop in self._panels(rate_per_h) if last else ():
            begun = np.flatnonzero(times > start)
            ends = np.minimum(times[begun], stop)
            moments = start + (ends - start)[:, None] * nodes
            weighted = (ends - start)[:, None] * weights * np.exp(-rate_per_h * (times[begun, None] - moments))
            values = self._early(moments.ravel()).reshape(*moments.shape, -1)
            total[begun] += np.einsum("nm,nml->nl", weighted, values)
        late = np.maximum(times - last, 0.0)[:, None]
        # (exp(−l t) − exp(−μ t))/(μ − l), which is t exp(−μ t) where the rates are equal.
        slower, gap = np.minimum(self.rates_per_h, rate_per_h), np.abs(self.rates_per_h - rate_per_h)
        shared = late * np.exp(-slower * late) * _mean_decay(gap * late)
        return np.asarray(total + shared @ self.coefficients)

    def _panels(self, rate_per_h: float) -> list[tuple[float, float]]:
        """Return intervals that are short for the curves, each knot followed by what forgetting the past takes."""
        edges: list[float] = [0.0]
        for start, stop in zip(self.knots_h[:-1], self.knots_h[1:], strict=True):
            if rate_per_h * (stop - start) > _FORGOTTEN:
                edges.append(float(start) + _FORGOTTEN / rate_per_h)
            count = max(1, int(np.ceil(self.rates_per_h.max() * (stop - edges[-1]) / _LONGEST_PANEL)))
            edges += np.linspace(edges[-1], stop, count + 1)[1:].tolist()
        return list(zip(edges[:-1], edges[1:], strict=True))

    def _recalled(self, times: Array, spans: Array, rate_per_h: float) -> Array:
        """Return ∫ f(t − s) exp(−μs) ds over a span before each time, shape (n, L)."""
        nodes, weights = _rule()
        back = spans[:, None] * nodes
        values = self._early((times[:, None] - back).ravel()).reshape(*back.shape, -1)
        weighted = spans[:, None] * weights * np.exp(-rate_per_h * back)
        return np.asarray(np.einsum("nm,nml->nl", weighted, values))

    def _early(self, t_h: Array) -> Array:
        assert self.early is not None
        return self.early(t_h)


def course_of_phases(amplitudes: Sequence[float] | Array, rates_per_h: Sequence[float] | Array) -> TimeCourse:
    """Return the time course Σ a_i exp(−l_i t)."""
    return TimeCourse(np.zeros(1), np.asarray(amplitudes, float)[:, None], np.asarray(rates_per_h, float))


def course_of_form(form: ModelForm, nonlinear: Array) -> TimeCourse:
    """Return the time courses of the basis functions of a curve model."""
    coefficients, rates = form.late_phases(nonlinear)
    return TimeCourse(form.knots_h, coefficients, rates, partial(form.basis, nonlinear=nonlinear))


def course_of_fits(fits: Sequence[CurveFit]) -> TimeCourse:
    """Return the weighted mean of fitted curves in MBq; the weights of the fits need not add up to one.

    Raises
    ------
    FitError
        ``no-curve`` if no fit has a weight.
    """
    used = [(fit, *bound_form(fit)) for fit in fits if fit.weight > 0]
    if not used:
        raise FitError("A time course needs a fitted curve, and none was used.", code="no-curve")
    knots = np.unique(np.concatenate([form.knots_h for _, form, _ in used]))
    coefficients, rates = [], []
    for fit, form, parameters in used:
        late, late_rates = form.late_phases(parameters[form.n_linear :])
        elapsed = knots[-1] - form.knots_h[-1]
        coefficients.append(fit.weight * np.exp(-late_rates * elapsed) * (late @ parameters[: form.n_linear]))
        rates.append(late_rates)
    curves = [(fit.weight, form, parameters) for fit, form, parameters in used]
    return TimeCourse(knots, np.concatenate(coefficients)[:, None], np.concatenate(rates), partial(_mean, curves))


def course_of_tia(tia: TimeIntegratedActivity) -> TimeCourse:
    """Return the time course of a region in MBq: the mean of its fits by their weights."""
    return course_of_fits(tia.fits)


def _mean(curves: Sequence[tuple[float, ModelForm, Array]], t_h: Array) -> Array:
    return np.asarray(sum(weight * curve_value(form, parameters, t_h) for weight, form, parameters in curves))[:, None]


def _mean_decay(x: Array) -> Array:
    """Return (1 − exp(−x))/x, 1 at 0."""
    return np.where(x > 0, -np.expm1(-x) / np.where(x > 0, x, 1.0), 1.0)


@cache
def _rule() -> tuple[Array, Array]:
    """Return nodes and weights of the Gauss-Legendre rule on the interval from 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return frozen((nodes + 1) / 2, float), frozen(weights / 2, float)
