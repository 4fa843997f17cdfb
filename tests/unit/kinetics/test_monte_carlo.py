import numpy as np
import pytest

from theradose.errors import FitError
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.monte_carlo import integrate_draws
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide

LUTETIUM = load_nuclide("Lu-177")
TIMES = np.array([4.0, 24.0, 48.0, 96.0, 168.0])


def curve(common=None, relative_u=0.05):
    activity = 100 * np.exp(-0.015 * TIMES)
    return TimeActivityCurve("kidney", TIMES, activity, relative_u * activity, common or {}, "spect")


@pytest.mark.parametrize("common", [{}, {"calibration:camera": 0.06, "volume:kidney": None}])
def test_agrees_with_the_propagated_covariance(common):
    """The standard deviation of 400 draws has a standard error of 3.5 %; four of them are 14 %."""
    tia, _ = integrate_curve(curve(common), nuclide=LUTETIUM, force_model="mono")
    drawn = integrate_draws(curve(common), nuclide=LUTETIUM, force_model="mono", seed=1)
    assert drawn.failed == 0
    assert drawn.u_mbq_h == pytest.approx(tia.value.u, rel=0.14)
    assert drawn.mean_mbq_h == pytest.approx(tia.value.value, abs=4 * tia.value.u / 20)
    low, high = drawn.interval_mbq_h
    assert (high - low) / tia.value.u == pytest.approx(2 * 1.96, rel=0.2)


def test_same_seed_same_numbers():
    first, second, third = (integrate_draws(curve(), nuclide=LUTETIUM, draws=10, seed=s) for s in (5, 5, 6))
    assert first == second
    assert first != third


def test_a_bad_curve_is_refused_and_not_counted():
    one = TimeActivityCurve("kidney", np.array([24.0]), np.array([1.0]), np.array([0.1]), {}, "spect")
    with pytest.raises(FitError) as refusal:
        integrate_draws(one, nuclide=LUTETIUM, seed=1)
    assert refusal.value.code == "one-time-point"


def test_draws_without_activity_are_counted():
    noisy = TimeActivityCurve("kidney", np.array([24.0, 96.0]), np.array([1.0, 0.4]), np.array([2.0, 2.0]), {}, "spect")
    drawn = integrate_draws(noisy, nuclide=LUTETIUM, draws=60, seed=2)
    assert 0 < drawn.failed < 60
