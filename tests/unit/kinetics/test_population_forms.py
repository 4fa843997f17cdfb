import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import FitError
from theradose.kinetics.models import curve_integral, curve_models, curve_value
from theradose.kinetics.population_forms import phase_form
from theradose.nuclides import load_nuclide

LUTETIUM, TERBIUM = load_nuclide("Lu-177"), load_nuclide("Tb-161")
DECAY = LUTETIUM.decay_constant_per_h
FORMS = ("mono", "bi", "uptake", "f4", "f4d", "f5", "tri", "f6")
TIMES = np.array([0.5, 4.0, 24.0, 96.0, 168.0])


def drawn(form, seed, count=5):
    return np.random.default_rng(seed).normal(-1.0, 0.7, (count, len(form.parameters)))


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_its_curve_model_with_physical_decay(name):
    form = phase_form(name, decay_constant_per_h=DECAY)
    phi = drawn(form, 1)
    bound = curve_models.get(form.model.name).bind(t_h=TIMES, decay_constant_per_h=DECAY)
    for own, parameters in zip(phi, form.fit_parameters(phi, administered_mbq=7400.0), strict=True):
        curve = np.exp(form.value(np.broadcast_to(own, (5, len(own))), TIMES[:, None]))
        assert 7400 * curve == pytest.approx(curve_value(bound, parameters, TIMES), rel=1e-9)
        assert 7400 * form.integral_h(own[None])[0] == pytest.approx(curve_integral(bound, parameters), rel=1e-9)


@pytest.mark.parametrize("name", FORMS)
def test_derivatives_are_those_of_the_value(name):
    form = phase_form(name, decay_constant_per_h=DECAY)
    phi, x, step = drawn(form, 2), TIMES[:, None], 1e-5
    steps = step * np.eye(phi.shape[1])
    slope = np.stack([(form.value(phi + h, x) - form.value(phi - h, x)) / (2 * step) for h in steps], axis=-1)
    assert form.gradient(phi, x) == pytest.approx(slope, abs=1e-7)
    bend = np.stack([(form.gradient(phi + h, x) - form.gradient(phi - h, x)) / (2 * step) for h in steps], axis=-2)
    assert form.hessian(phi, x) == pytest.approx(bend, abs=1e-7)


@given(st.sampled_from(FORMS), st.integers(0, 10_000))
def test_every_draw_is_a_possible_curve(name, seed):
    """No draw is negative (it has a logarithm), and none has a last phase slower than physical decay."""
    form = phase_form(name, decay_constant_per_h=DECAY)
    phi = drawn(form, seed, count=1)
    times = np.geomspace(0.05, 400.0, 40)
    logs = form.value(np.broadcast_to(phi, (40, phi.shape[1])), times[:, None])
    assert np.isfinite(logs).all() and form.integral_h(phi)[0] > 0
    assert form.half_life_h(phi)[0] <= LUTETIUM.half_life_h.value


def test_the_first_parameter_of_f4d_is_the_integral():
    form = phase_form("f4d", decay_constant_per_h=DECAY)
    phi = drawn(form, 3)
    assert np.log(form.integral_h(phi)) == pytest.approx(phi[:, 0], abs=1e-12)


@pytest.mark.parametrize("name", ["uptake", "f4d"])
def test_another_nuclide_has_the_same_biology(name):
    """Without their physical decay the curves are equal."""
    own = phase_form(name, decay_constant_per_h=DECAY)
    other = phase_form(name, decay_constant_per_h=TERBIUM.decay_constant_per_h, reference_decay_per_h=DECAY)
    phi, x = drawn(own, 4), TIMES[:, None]
    difference = (TERBIUM.decay_constant_per_h - DECAY) * TIMES
    assert other.value(phi, x) + difference == pytest.approx(own.value(phi, x), abs=1e-10)


def test_an_infusion_shortens_the_area_before_its_end():
    """The factor of SCIENCE paragraph 2: area of a phase times lT/(exp(lT) - 1)."""
    form = phase_form("mono", decay_constant_per_h=DECAY)
    phi = np.log([[0.03, 0.35]])
    product = (0.35 + DECAY) * 0.5
    assert form.integral_h(phi, infusion_h=0.5) / form.integral_h(phi) == pytest.approx(product / math.expm1(product))


@pytest.mark.parametrize("name", ["trapezoid", "nothing"])
def test_other_models_are_refused(name):
    with pytest.raises(FitError):
        phase_form(name, decay_constant_per_h=DECAY)
