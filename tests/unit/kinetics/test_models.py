import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from theradose.kinetics.models import (
    RateBounds,
    curve_gradient,
    curve_integral,
    curve_integral_gradient,
    curve_models,
    curve_value,
)

DECAY = math.log(2) / 159.53
TIMES = np.array([4.0, 24.0, 96.0, 168.0])
PARAMETERS = {
    "mono": [3.0, 0.02],
    "bi": [2.0, 1.0, 0.01, 0.2],
    "uptake": [3.0, 0.015, 0.4],
    "tri": [2.0, 1.0, 3.0, 0.01, 0.2, 1.5],
    "f3a": [2.0, 1.0, 0.05],
    "f4": [3.0, 2.0, 0.015, 0.4],
    "f5": [3.0, 2.0, 0.015, 0.1, 0.8],
    "f6": [3.0, 2.0, 1.0, 0.015, 0.1, 0.8],
    "f7": [3.0, 2.0, 1.0, 0.015, 0.1, 0.8, 3.0],
    "f8": [3.0, 2.0, 1.0, 0.5, 0.015, 0.1, 0.8, 3.0],
    "thyroid": [3.0, 0.5, 0.015, 0.4],
    "trapezoid": [1.0, 3.0, 2.0, 0.5],
    "trapezoid-constant": [1.0, 3.0, 2.0, 0.5],
    "trapezoid-decay": [1.0, 3.0, 2.0, 0.5],
}


INFUSION_H = 3.0


def bound(name, infusion_h=0.0):
    form = curve_models.get(name).bind(t_h=TIMES, decay_constant_per_h=DECAY, infusion_h=infusion_h)
    return form, np.array(PARAMETERS[name])


def test_every_model_is_covered_here():
    assert set(PARAMETERS) == set(curve_models.names())


@pytest.mark.parametrize("infusion_h", [0.0, INFUSION_H])
@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize(
    ("start", "stop"), [(0.0, 2.0), (0.0, 4.0), (0.0, 60.0), (30.0, 400.0), (2.0, math.inf), (170.0, math.inf)]
)
def test_integral_is_that_of_the_curve(name, start, stop, infusion_h):
    """Against adaptive quadrature between the kinks, whose own error estimate is far below the tolerance."""
    form, parameters = bound(name, infusion_h)
    # The circulation of the blood, half-life 1 min, is over after 0.5 h: quadrature must see it.
    kinks = sorted({0.05, 0.5, INFUSION_H, INFUSION_H + 0.5, *TIMES})
    edges = [start, *(t for t in kinks if start < t < stop), min(stop, 8000.0)]
    expected = sum(
        quad(lambda t: float(curve_value(form, parameters, np.array([t]))[0]), a, b, epsabs=1e-10, limit=200)[0]
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    )
    assert curve_integral(form, parameters, start_h=start, stop_h=stop) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("infusion_h", [0.0, INFUSION_H])
@pytest.mark.parametrize("name", PARAMETERS)
def test_parts_add_up(name, infusion_h):
    form, parameters = bound(name, infusion_h)
    cuts = [0.0, 1.0, 4.0, 50.0, 168.0, 300.0, math.inf]
    parts = [curve_integral(form, parameters, start_h=a, stop_h=b) for a, b in zip(cuts, cuts[1:], strict=False)]
    assert sum(parts) == pytest.approx(curve_integral(form, parameters), rel=1e-12)


@pytest.mark.parametrize("infusion_h", [0.0, INFUSION_H])
@pytest.mark.parametrize("name", PARAMETERS)
def test_gradients_equal_finite_differences(name, infusion_h):
    """Central differences with a relative step of 1e-6 are right to about 1e-9 for these smooth functions."""
    form, parameters = bound(name, infusion_h)
    times = np.array([0.0, 1.0, 4.0, 30.0, 200.0])
    values = curve_gradient(form, parameters, times)
    integrals = curve_integral_gradient(form, parameters, start_h=2.0, stop_h=300.0)
    for k, parameter in enumerate(parameters):
        step = np.zeros(len(parameters))
        step[k] = 1e-6 * parameter
        up, down = parameters + step, parameters - step
        by_value = (curve_value(form, up, times) - curve_value(form, down, times)) / (2 * step[k])
        np.testing.assert_allclose(values[:, k], by_value, rtol=1e-6, atol=1e-8)
        by_integral = (
            curve_integral(form, up, start_h=2.0, stop_h=300.0) - curve_integral(form, down, start_h=2.0, stop_h=300.0)
        ) / (2 * step[k])
        # Rounding of the two integrals, divided by the step.
        rounding = 4e-16 * curve_integral(form, parameters) / step[k]
        assert integrals[k] == pytest.approx(by_integral, rel=1e-6, abs=rounding)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("trapezoid", 0.5 * 4 * 1.0),
        ("trapezoid-constant", 4 * 1.0),
        ("trapezoid-decay", (math.exp(4 * DECAY) - 1) / DECAY),
    ],
)
def test_trapezoid_before_the_first_point(name, expected):
    form, parameters = bound(name)
    assert curve_integral(form, parameters, stop_h=4.0) == pytest.approx(expected, rel=1e-12)


def test_trapezoid_tail_is_physical_decay():
    form, parameters = bound("trapezoid")
    assert curve_integral(form, parameters, start_h=168.0) == pytest.approx(0.5 / DECAY, rel=1e-12)
    after = curve_value(form, parameters, np.array([168.0, 168.0 + 159.53]))
    assert after[1] == pytest.approx(after[0] / 2, rel=1e-12)


@given(unit=st.lists(st.floats(0, 1), min_size=2, max_size=2))
@settings(max_examples=60, deadline=None)
def test_unit_cube_maps_onto_ordered_rates_between_the_bounds(unit):
    form, _ = bound("uptake")
    bounds = RateBounds(DECAY, 0.5, 1.02)
    rates, jacobian = form.from_unit(np.array(unit), bounds)
    assert DECAY <= rates[0] < rates[1] <= 0.5
    assert rates[1] / rates[0] >= 1.02 * (1 - 1e-12)
    assert (rates[0] == DECAY) == (unit[0] < 1e-16)
    assert jacobian[0, 1] == 0.0
    assert np.isfinite(jacobian).all()


def test_unit_cube_jacobian_equals_finite_differences():
    form, _ = bound("bi")
    bounds = RateBounds(DECAY, 0.5, 1.02)
    unit = np.array([0.3, 0.6])
    jacobian = form.from_unit(unit, bounds)[1]
    for k in range(2):
        step = np.zeros(2)
        step[k] = 1e-6
        difference = form.from_unit(unit + step, bounds)[0] - form.from_unit(unit - step, bounds)[0]
        np.testing.assert_allclose(jacobian[:, k], difference / 2e-6, rtol=1e-6, atol=1e-10)


@given(unit=st.lists(st.floats(0, 1), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None)
def test_place_in_the_unit_cube_is_found_again(unit):
    """Where a rate is held by a bound its coordinate is exactly 0 or 1; next to another one it need not be the same."""
    form, _ = bound("tri")
    bounds = RateBounds(DECAY, 0.5, 1.02)
    rates, _ = form.from_unit(np.array(unit), bounds)
    again, _ = form.from_unit(form.to_unit(rates, bounds), bounds)
    np.testing.assert_allclose(again, rates, rtol=1e-9)


def test_rates_beyond_the_bounds_go_to_them():
    form, _ = bound("bi")
    bounds = RateBounds(DECAY, 0.5, 1.02)
    assert form.to_unit(np.array([DECAY / 2, 3.0]), bounds).tolist() == [0.0, 1.0]
    assert form.to_unit(np.array([0.1, 0.05]), bounds)[1] == 0.0


@pytest.mark.parametrize("name", ["mono", "bi", "uptake", "tri", "f4", "thyroid", "trapezoid"])
def test_basis_of_many_rates_is_that_of_each(name):
    form, parameters = bound(name)
    times = np.array([0.5, 4.0, 24.0, 96.0])
    nonlinear = parameters[form.n_linear :]
    many = np.stack([nonlinear, 1.5 * nonlinear])
    at_once = form.basis_at(times, many)
    for rates, basis in zip(many, at_once, strict=True):
        np.testing.assert_allclose(basis, form.basis(times, rates), rtol=1e-12)
