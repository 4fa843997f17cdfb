from __future__ import annotations

import numpy as np
import pytest

from theradose.errors import FitError
from theradose.kinetics.published import UnweightedFit, fit_unweighted_curves

TIMES = np.array([0.5, 1, 2, 4, 8, 16, 24, 72])


def fitted(*, t_h, values, phases) -> UnweightedFit:
    """One curve."""
    (fit,) = fit_unweighted_curves(curves=[(t_h, values)], phases=phases)
    return fit


def test_exact_data_are_recovered():
    values = 80 * np.exp(-0.7 * TIMES) + 20 * np.exp(-0.05 * TIMES)
    fit = fitted(t_h=TIMES, values=values, phases=2)
    assert fit.rates_per_h == pytest.approx((0.05, 0.7), rel=1e-6)
    assert fit.amplitudes == pytest.approx((20, 80), rel=1e-6)
    assert fit.area == pytest.approx(80 / 0.7 + 20 / 0.05, rel=1e-6)
    assert fit.r_squared == pytest.approx(1.0)
    assert fit.physical


def test_mono_ignores_late_points():
    """The residuals of the first hours rule an unweighted fit: late points do not move it."""
    values = 80 * np.exp(-0.7 * TIMES) + 5 * np.exp(-0.1 * TIMES)
    whole = fitted(t_h=TIMES, values=values, phases=1)
    early = fitted(t_h=TIMES[TIMES <= 24], values=values[TIMES <= 24], phases=1)
    assert early.area == pytest.approx(whole.area, rel=1e-3)
    assert whole.area < 80 / 0.7 + 5 / 0.1


def test_rising_data_have_no_area():
    fit = fitted(t_h=np.array([1.0, 2, 4, 8]), values=np.array([1.0, 1.5, 2.5, 6]), phases=1)
    assert not fit.physical and np.isinf(fit.area)


def test_too_few_points_are_refused():
    with pytest.raises(FitError) as caught:
        fitted(t_h=np.array([1.0, 2, 4]), values=np.array([3.0, 2, 1]), phases=2)
    assert caught.value.code == "too-few-points"


def test_many_curves_at_once_are_each_alone():
    """Curves of different length share the arrays of the descent, not their results."""
    generator = np.random.default_rng(5)
    curves = []
    for count in (8, 6, 7):
        exact = 80 * np.exp(-0.7 * TIMES[:count]) + 20 * np.exp(-0.05 * TIMES[:count])
        curves.append((TIMES[:count], exact * (1 + 0.05 * generator.standard_normal(count))))
    together = fit_unweighted_curves(curves=curves, phases=2)
    for fit, (times, values) in zip(together, curves, strict=True):
        alone = fitted(t_h=times, values=values, phases=2)
        assert fit.rates_per_h == pytest.approx(alone.rates_per_h, rel=1e-9)
        assert fit.r_squared == pytest.approx(alone.r_squared, abs=1e-12)
    assert fit_unweighted_curves(curves=[], phases=2) == ()


def test_least_squares_are_those_of_an_independent_minimiser():
    """scipy's trust region from the fitted point finds nothing lower."""
    from scipy.optimize import least_squares

    generator = np.random.default_rng(7)
    for _ in range(5):
        exact = 60 * np.exp(-1.1 * TIMES) + 15 * np.exp(-0.09 * TIMES)
        values = exact * (1 + 0.05 * generator.standard_normal(len(TIMES)))
        fit = fitted(t_h=TIMES, values=values, phases=2)

        def residual(p, values=values):
            return p[0] * np.exp(-p[2] * TIMES) + p[1] * np.exp(-p[3] * TIMES) - values

        start = np.array([*fit.amplitudes, *fit.rates_per_h])
        again = least_squares(residual, start * 1.05, x_scale=np.abs(start), xtol=1e-15, ftol=1e-15, gtol=1e-15)
        assert np.sum(residual(start) ** 2) <= 2 * again.cost * (1 + 1e-6)


def test_equal_values_have_nothing_to_explain():
    assert fitted(t_h=np.array([1.0, 2, 4]), values=np.full(3, 5.0), phases=1).r_squared == 0.0
