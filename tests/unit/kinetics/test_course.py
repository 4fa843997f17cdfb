"""Overlap of a time course with its own past: closed form, quadrature and brute force agree."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad

from theradose.errors import FitError
from theradose.kinetics.course import course_of_fits, course_of_form, course_of_phases, course_of_tia
from theradose.kinetics.fit import fit_model
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.models import curve_models, curve_value
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide

LN2 = math.log(2)
DECAY = load_nuclide("Lu-177").decay_constant_per_h
RATES = st.floats(0.003, 40.0)


def double_sum(amplitudes, rates, repair):
    """The closed form of the specification, term by term."""
    return sum(
        a * b / ((repair + k) * (k + m)) for a, k in zip(amplitudes, rates, strict=True)
        for b, m in zip(amplitudes, rates, strict=True)
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.floats(-5, 5), RATES), min_size=1, max_size=4), st.floats(1e-3, 1e3)
)  # fmt: skip
def test_exponentials_of_any_sign_have_the_double_sum(phases, repair):
    amplitudes, rates = zip(*phases, strict=True)
    found = course_of_phases(amplitudes, rates).overlap(rate_per_h=repair)[0, 0]
    size = sum(abs(a) for a in amplitudes) ** 2 / (repair + min(rates)) / min(rates)
    assert found == pytest.approx(double_sum(amplitudes, rates, repair), rel=1e-12, abs=1e-13 * size)


@settings(max_examples=40)
@given(st.floats(0.02, 6.0), RATES, RATES, st.floats(1e-3, 1e4))
def test_quadrature_equals_the_closed_form(split_h, slow, fast, repair):
    """The same exponentials, of which the part before a knot is integrated numerically."""
    amplitudes, rates = np.array([1.0, 0.7]), np.array([slow, fast])
    whole = course_of_phases(amplitudes, rates)
    late = (amplitudes * np.exp(-rates * split_h))[:, None]
    split = type(whole)(
        np.array([0.0, split_h]), late, rates, lambda t: (np.exp(-np.outer(t, rates)) @ amplitudes)[:, None]
    )
    assert split.integral()[0] == pytest.approx(whole.integral()[0], rel=1e-13)
    assert split.overlap(rate_per_h=repair)[0, 0] == pytest.approx(whole.overlap(rate_per_h=repair)[0, 0], rel=1e-12)


def brute_force(value, repair, stop_h, knots):
    """The double integral by adaptive quadrature between the knots."""
    total = 0.0
    edges = [*knots, stop_h]
    for i, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        for c, d in zip(edges[: i + 1], edges[1 : i + 2], strict=True):
            total += dblquad(
                lambda w, t: value(t) * value(w) * math.exp(-repair * (t - w)), a, b, c,
                (lambda t: t) if c == a else d, epsabs=1e-11, epsrel=1e-9,
            )[0]  # fmt: skip
    return total


@pytest.mark.parametrize("name", ["trapezoid", "trapezoid-constant", "trapezoid-decay"])
def test_a_trapezoid_has_its_double_integral(name):
    times, values = np.array([3.0, 24.0, 80.0]), np.array([2.0, 3.0, 0.8])
    form = curve_models.get(name).bind(t_h=times, decay_constant_per_h=LN2 / 20)
    course = course_of_form(form, np.zeros(0))
    repair = LN2 / 2.8
    found = values @ course.overlap(rate_per_h=repair) @ values
    expected = brute_force(lambda t: float(curve_value(form, values, np.array([t]))[0]), repair, 500.0, [0.0, *times])
    assert found == pytest.approx(expected, rel=1e-7)
    assert values @ course.integral() == pytest.approx(float(form.integral(0, math.inf, np.zeros(0)) @ values))


def test_an_infused_curve_has_its_double_integral():
    form = curve_models.get("bi").bind(t_h=np.array([1.0, 24.0]), decay_constant_per_h=DECAY, infusion_h=0.5)
    rates, values = np.array([LN2 / 50, LN2 / 3]), np.array([2.0, 5.0])
    course = course_of_form(form, rates)
    repair = LN2 / 2.8
    parameters = np.concatenate([values, rates])
    expected = brute_force(
        lambda t: float(curve_value(form, parameters, np.array([t]))[0]), repair, 40.0, [0.0, 0.5, 5.0]
    )
    # What follows 40 h is added in closed form: the memory of the curve until then, and the tail with itself.
    after = np.array([values[0] * math.exp(-rates[0] * 40.0), values[1] * math.exp(-rates[1] * 40.0)])
    remembered = brute_memory(form, parameters, repair)
    tail = sum(a * remembered / (repair + k) for a, k in zip(after, rates, strict=True))
    expected += tail + double_sum(after, rates, repair)
    assert values @ course.overlap(rate_per_h=repair) @ values == pytest.approx(expected, rel=1e-8)


def brute_memory(form, parameters, repair):
    """What of the first 40 h is remembered then."""
    edges = np.concatenate([np.linspace(0, 0.5, 2001), np.linspace(0.5, 40.0, 40001)[1:]])
    middle = (edges[1:] + edges[:-1]) / 2
    value = curve_value(form, parameters, middle) * np.exp(-repair * (40.0 - middle))
    return float(value @ np.diff(edges))


def test_fast_repair_behind_a_knot_is_not_missed():
    """With instant repair G D²/2 tends to ∫ f²/μ, also for a curve that jumps at its knots."""
    form = curve_models.get("trapezoid-constant").bind(t_h=np.array([10.0, 30.0]), decay_constant_per_h=DECAY)
    course = course_of_form(form, np.zeros(0))
    values, repair = np.array([1.0, 1.0]), 1e6
    squared = 30.0 + 1 / (2 * DECAY)
    assert values @ course.overlap(rate_per_h=repair) @ values * repair == pytest.approx(squared, rel=1e-6)


def measured():
    times = np.array([4.0, 24.0, 48.0, 96.0, 168.0])
    activity = np.array([3.05, 2.60, 1.75, 0.78, 0.26])
    return TimeActivityCurve("kidney", times, activity, 0.05 * activity, {}, "table")


def test_the_course_of_an_average_is_the_mean_of_its_curves():
    tia, _ = integrate_curve(measured(), nuclide=load_nuclide("Lu-177"))
    course = course_of_tia(tia)
    expected = sum(fit.weight * fit.tia_mbq_h for fit in tia.fits)
    assert course.integral()[0] == pytest.approx(expected, rel=1e-12)


def test_curves_with_different_knots_can_be_averaged():
    from dataclasses import replace

    fits = [
        replace(fit_model(measured(), name, decay_constant_per_h=DECAY, infusion_h=infusion), weight=0.5)
        for name, infusion in (("mono", 0.0), ("f4", 0.5), ("trapezoid", 0.0))
    ]  # fmt: skip
    course = course_of_fits(fits)
    assert course.integral()[0] == pytest.approx(0.5 * sum(fit.tia_mbq_h for fit in fits), rel=1e-12)


def test_what_is_no_course_is_refused():
    with pytest.raises(FitError, match="positive"):
        course_of_phases([1.0], [0.0])
    with pytest.raises(FitError, match="none was used"):
        course_of_fits([])
