from __future__ import annotations

import numpy as np
import pytest

from theradose.errors import FitError
from theradose.kinetics.published import fit_unweighted

TIMES = np.array([0.5, 1, 2, 4, 8, 16, 24, 72])


def test_exact_data_are_recovered():
    values = 80 * np.exp(-0.7 * TIMES) + 20 * np.exp(-0.05 * TIMES)
    fit = fit_unweighted(t_h=TIMES, values=values, phases=2)
    assert fit.rates_per_h == pytest.approx((0.05, 0.7), rel=1e-6)
    assert fit.amplitudes == pytest.approx((20, 80), rel=1e-6)
    assert fit.area == pytest.approx(80 / 0.7 + 20 / 0.05, rel=1e-6)
    assert fit.r_squared == pytest.approx(1.0)
    assert fit.physical


def test_mono_ignores_late_points():
    """The residuals of the first hours rule an unweighted fit: late points do not move it."""
    values = 80 * np.exp(-0.7 * TIMES) + 5 * np.exp(-0.1 * TIMES)
    whole = fit_unweighted(t_h=TIMES, values=values, phases=1)
    early = fit_unweighted(t_h=TIMES[TIMES <= 24], values=values[TIMES <= 24], phases=1)
    assert early.area == pytest.approx(whole.area, rel=1e-3)
    assert whole.area < 80 / 0.7 + 5 / 0.1


def test_rising_data_have_no_area():
    fit = fit_unweighted(t_h=np.array([1.0, 2, 4, 8]), values=np.array([1.0, 1.5, 2.5, 6]), phases=1)
    assert not fit.physical and np.isinf(fit.area)


def test_too_few_points_are_refused():
    with pytest.raises(FitError) as caught:
        fit_unweighted(t_h=np.array([1.0, 2, 4]), values=np.array([3.0, 2, 1]), phases=2)
    assert caught.value.code == "too-few-points"
