"""Scatter windows: exact for a straight spectrum, with the variance of Poisson counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import CalibrationError
from theradose.model.planar import EnergyWindow
from theradose.quantify.scatter_windows import dual_energy_window, triple_energy_window, without_scatter

PEAK, LOWER, UPPER = EnergyWindow(187.6, 229.2), EnergyWindow(175.0, 187.6), EnergyWindow(229.2, 241.8)


@given(st.floats(0, 50), st.floats(-0.05, 0.05), st.floats(0, 1e4))
def test_a_straight_spectrum_is_removed_exactly(level, slope, primary):
    """Scatter of `level` + `slope`·(E − centre) per keV: the trapezoid is its integral in windows around the centre."""

    def scatter(window):
        return (level + slope * (window.centre_kev - PEAK.centre_kev)) * window.width_kev

    found = triple_energy_window(
        peak_counts=primary + scatter(PEAK), lower_counts=scatter(LOWER), upper_counts=scatter(UPPER),
        peak=PEAK, lower=LOWER, upper=UPPER,
    )  # fmt: skip
    assert float(found.primary) == pytest.approx(primary, abs=1e-6 * (1 + primary + 50 * 42))


def test_variance_is_that_of_poisson_counts():
    """100,000 draws: the sample variance has a relative standard deviation of √(2/n) = 0.45 %; 4 of them allowed."""
    rng = np.random.default_rng(1)
    peak, lower, upper = 900.0, 120.0, 40.0
    found = triple_energy_window(
        peak_counts=rng.poisson(peak, 100_000), lower_counts=rng.poisson(lower, 100_000),
        upper_counts=rng.poisson(upper, 100_000), peak=PEAK, lower=LOWER, upper=UPPER,
    )  # fmt: skip
    stated = triple_energy_window(
        peak_counts=peak, lower_counts=lower, upper_counts=upper, peak=PEAK, lower=LOWER, upper=UPPER
    )
    assert found.primary.var() == pytest.approx(float(stated.variance), rel=0.018)


def test_dual_window_and_none():
    found = dual_energy_window(peak_counts=np.array([100.0, 50.0]), lower_counts=np.array([40.0, 60.0]), factor=0.5)
    assert found.primary.tolist() == [80.0, 20.0]
    assert found.variance.tolist() == [110.0, 65.0]
    assert float(without_scatter(peak_counts=7).primary) == 7.0


def test_refusals():
    with pytest.raises(CalibrationError) as swapped:
        triple_energy_window(peak_counts=1, lower_counts=1, upper_counts=1, peak=PEAK, lower=UPPER, upper=LOWER)
    assert swapped.value.code == "scatter-windows"
    with pytest.raises(CalibrationError) as factor:
        dual_energy_window(peak_counts=1, lower_counts=1, factor=0.0)
    assert factor.value.code == "scatter-factor"
