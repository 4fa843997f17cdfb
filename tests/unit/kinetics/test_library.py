"""The models of the library are the functions of the literature, and no amplitude can make them negative."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theradose.kinetics.fit import fit_model
from theradose.kinetics.models import curve_integral, curve_models, curve_value
from theradose.model.curve import TimeActivityCurve

DECAY = math.log(2) / 159.53
CIRCULATION = 60 * math.log(2)
"""ln 2 per minute, in 1/h."""
T_H = np.array([0.0, 0.01, 0.1, 1.0, 5.0, 30.0, 100.0, 400.0])


def bound(name):
    return curve_models.get(name).bind(t_h=T_H, decay_constant_per_h=DECAY)


def e(biological):
    return np.exp(-(biological + DECAY) * T_H)


def test_f3a_has_a_phase_of_physical_decay():
    value = curve_value(bound("f3a"), np.array([2.0, 1.0, 0.05 + DECAY]), T_H)
    np.testing.assert_allclose(value, 2 * e(0.05) + 1 * e(0.0), rtol=1e-12)


def test_f4_is_the_published_function():
    a1, a2, l1, l2 = 5.0, 2.0, 0.01, 0.5
    value = curve_value(bound("f4"), np.array([a1, a1 - a2, l1 + DECAY, l2 + DECAY]), T_H)
    np.testing.assert_allclose(value, a1 * e(l1) - a2 * e(l2) - (a1 - a2) * e(CIRCULATION), rtol=1e-12, atol=1e-14)


def test_f4d_is_the_same_curve_and_its_amplitude_the_integral():
    """The science notes, paragraph 5: in f4d the first parameter is the time-integrated activity itself."""
    tia, alpha, l1, l2 = 700.0, 0.3, 0.01, 0.5
    norm = (1 - alpha) / (l1 + DECAY) - alpha / (l2 + DECAY) - (1 - 2 * alpha) / (CIRCULATION + DECAY)
    f4d = tia / norm * ((1 - alpha) * e(l1) - alpha * e(l2) - (1 - 2 * alpha) * e(CIRCULATION))
    parameters = np.array([tia / norm * (1 - alpha), tia / norm * (1 - 2 * alpha), l1 + DECAY, l2 + DECAY])
    np.testing.assert_allclose(curve_value(bound("f4"), parameters, T_H), f4d, rtol=1e-12, atol=1e-11)
    assert curve_integral(bound("f4"), parameters) == pytest.approx(tia, rel=1e-12)


def test_f5_to_f8_are_the_published_functions():
    a1, a2, a3, a4 = 5.0, 2.0, 1.0, 0.5
    rates = np.array([0.01, 0.1, 0.8, 4.0])
    r = rates + DECAY
    f5 = a1 * e(0.01) + a2 * e(0.1) - (a1 + a2) * e(0.8)
    f6 = a1 * e(0.01) + a2 * e(0.1) - a3 * e(0.8) - (a1 + a2 - a3) * e(CIRCULATION)
    f7 = a1 * e(0.01) + a2 * e(0.1) - a3 * e(0.8) - (a1 + a2 - a3) * e(4.0)
    f8 = a1 * e(0.01) + a2 * e(0.1) + a3 * e(0.8) - a4 * e(4.0) - (a1 + a2 + a3 - a4) * e(CIRCULATION)
    sums = [a1, a1 + a2, a1 + a2 - a3]
    for name, parameters, expected in [
        ("f5", [a1, a1 + a2, *r[:3]], f5),
        ("f6", [*sums, *r[:3]], f6),
        ("f7", [*sums, *r], f7),
        ("f8", [a1, a1 + a2, a1 + a2 + a3, a1 + a2 + a3 - a4, *r], f8),
    ]:
        value = curve_value(bound(name), np.array(parameters), T_H)
        np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-12, err_msg=name)


def test_thyroid_function():
    """λ1/(λ2+λ1−λ3) (e^−(λ3+λp)t − e^−(λ1+λ2+λp)t) + a1 e^−(λ1+λ2+λp)t, the science notes, paragraph 3."""
    l1, l2, l3, a1 = 0.12, 0.03, 0.004, 0.05
    uptake = l1 / (l2 + l1 - l3)
    expected = uptake * (e(l3) - e(l1 + l2)) + a1 * e(l1 + l2)
    value = curve_value(bound("thyroid"), np.array([uptake, a1, l3 + DECAY, l1 + l2 + DECAY]), T_H)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["uptake", "f4", "f5", "f6", "f7", "f8"])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_no_amplitude_makes_a_curve_negative(name, data):
    form = bound(name)
    amplitudes = data.draw(st.lists(st.floats(0, 1e3), min_size=form.n_linear, max_size=form.n_linear))
    n_rates = len(form.parameters) - form.n_linear
    steps = data.draw(st.lists(st.floats(1.02, 6.0), min_size=n_rates, max_size=n_rates))
    rates = DECAY * np.cumprod(steps)
    value = curve_value(form, np.array([*amplitudes, *rates]), np.geomspace(1e-3, 1e3, 60))
    assert value.min() >= -1e-12 * (1 + max(amplitudes))


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("tri", [5.0, 8.0, 20.0, 0.012, 0.12, 1.2]),
        ("f3a", [5.0, 2.0, 0.06]),
        ("f4", [10.0, 6.0, 0.012, 0.3]),
        ("f5", [10.0, 14.0, 0.012, 0.1, 1.5]),
        ("f6", [10.0, 14.0, 9.0, 0.012, 0.1, 1.0]),
        ("f7", [10.0, 14.0, 9.0, 0.012, 0.1, 1.0, 5.0]),
        ("f8", [10.0, 14.0, 18.0, 9.0, 0.012, 0.07, 0.5, 4.0]),
        ("thyroid", [10.0, 1.0, 0.012, 0.2]),
    ],
)
def test_exact_data_return_the_integral(name, truth):
    """Parameters of the larger models are hardly determined, their integral is."""
    times = np.geomspace(0.2, 250.0, len(truth) + 5)
    form = curve_models.get(name).bind(t_h=times, decay_constant_per_h=DECAY)
    activity = curve_value(form, np.array(truth), times)
    curve = TimeActivityCurve("kidney", times, activity, 0.02 * activity, {}, "table")
    result = fit_model(curve, name, decay_constant_per_h=DECAY)
    assert result.tia_mbq_h == pytest.approx(curve_integral(form, np.array(truth)), rel=1e-3)
    assert result.chi_squared < 1e-2
    assert "negative-curve" not in result.flags
