"""Compartments with an infusion, against an independent solver of the differential equations."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from theradose.data import load_yaml
from theradose.errors import FitError
from theradose.kinetics.compartments import CompartmentForm
from theradose.kinetics.population_start import published_elimination_ratio
from theradose.nuclides import load_nuclide

DECAY = load_nuclide("Lu-177").decay_constant_per_h
TIMES = np.array([0.25, 0.5, 1.0, 3.0, 5.9, 6.1, 12.0, 24.0, 72.0, 144.0])
RATES = {2: [10.0, 0.204, 0.4, 0.3], 3: [10.0, 0.204, 0.4, 0.3, 0.05, 0.02]}
CASES = [(2, 0.5, 6.0), (3, 0.5, 6.0), (3, 0.0, 6.0), (3, 0.5, 0.0), (3, 8.0, 6.0), (2, 6.0, 6.0)]


def form_of(compartments, infusion_h, amino_acids_h, *, decay=DECAY):
    return CompartmentForm(compartments, decay, infusion_h, amino_acids_h, elimination_ratio=None)


def phi_of(compartments):
    return np.log([*RATES[compartments], 0.306 / 0.204])


def solved(compartments, infusion_h, amino_acids_h):
    """Return concentrations at TIMES and the integral, by an explicit Runge-Kutta method of order 8."""
    volume, k10, *exchange = RATES[compartments]
    k10_raised = 0.306

    def slope(now, state):
        middle = now + 1e-12
        change = np.zeros_like(state)
        elimination = k10_raised if middle < amino_acids_h else k10
        change[0] = (1 / infusion_h if middle < infusion_h else 0.0) - (elimination + DECAY) * state[0]
        for k in range(1, compartments):
            out, back = exchange[2 * k - 2 : 2 * k]
            change[0] += back * state[k] - out * state[0]
            change[k] = out * state[0] - (back + DECAY) * state[k]
        change[-1] = state[0]
        return change

    state = np.zeros(compartments + 1)
    state[0] = float(infusion_h == 0)
    edges = [*sorted({0.0, infusion_h, amino_acids_h}), 6000.0]
    values = np.empty(len(TIMES))
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        # The last evaluation of a step may fall on the edge, where the next interval begins.
        found = solve_ivp(
            lambda now, y, stop=stop: slope(min(now, stop - 1e-9), y), (start, stop), state, method="DOP853",
            rtol=1e-11, atol=1e-15, dense_output=True,
        )  # fmt: skip
        inside = (start <= TIMES) & (stop >= TIMES)
        values[inside] = found.sol(TIMES[inside])[0]
        state = found.y[:, -1]
    return values / volume, state[-1] / volume


@pytest.mark.parametrize(("compartments", "infusion_h", "amino_acids_h"), CASES)
def test_agrees_with_the_differential_equations(compartments, infusion_h, amino_acids_h):
    form, phi = form_of(compartments, infusion_h, amino_acids_h), phi_of(compartments)
    values, integral = solved(compartments, infusion_h, amino_acids_h)
    found = np.exp(form.value(np.broadcast_to(phi, (len(TIMES), len(phi))), TIMES[:, None]))
    # Tolerance of the dense output of the solver.
    assert found == pytest.approx(values, rel=1e-7)
    assert form.integral_h(phi[None])[0] == pytest.approx(integral, rel=1e-8)


@pytest.mark.parametrize("compartments", [2, 3])
@pytest.mark.parametrize("infusion_h", [0.0, 0.5, 3.0])
def test_the_area_without_decay_is_that_of_the_clearance(compartments, infusion_h):
    """Everything leaves through the elimination: area = 1 / (k10 V), whatever the exchange and the infusion."""
    form = form_of(compartments, infusion_h, 0.0, decay=0.0)
    assert form.integral_h(phi_of(compartments)[None])[0] == pytest.approx(1 / (0.204 * 10.0), rel=1e-12)


@pytest.mark.parametrize(("compartments", "infusion_h", "amino_acids_h"), CASES)
def test_derivatives_are_those_of_the_value(compartments, infusion_h, amino_acids_h):
    form, step = form_of(compartments, infusion_h, amino_acids_h), 1e-5
    phi = phi_of(compartments) + np.random.default_rng(3).normal(0, 0.5, (len(TIMES), len(phi_of(compartments))))
    steps, x = step * np.eye(phi.shape[1]), TIMES[:, None]
    slope = np.stack([(form.value(phi + h, x) - form.value(phi - h, x)) / (2 * step) for h in steps], axis=-1)
    assert form.gradient(phi, x) == pytest.approx(slope, abs=2e-8)


def test_part_of_the_area_is_the_difference():
    form, phi = form_of(3, 0.5, 6.0), phi_of(3)[None]
    times = np.linspace(2.0, 30.0, 20_001)
    values = np.exp(form.value(np.broadcast_to(phi, (len(times), 7)), times[:, None]))
    area = np.trapezoid(values, times)
    assert form.integral_h(phi, stop_h=30.0) - form.integral_h(phi, stop_h=2.0) == pytest.approx([area], rel=1e-6)


def test_last_phase_is_the_late_slope():
    form, phi = form_of(3, 0.5, 6.0), phi_of(3)
    late = form.value(np.broadcast_to(phi, (2, 7)), np.array([[800.0], [900.0]]))
    assert form.half_life_h(phi[None])[0] == pytest.approx(100 * math.log(2) / (late[0] - late[1]), rel=1e-6)


def test_a_stated_ratio_is_the_parameter_of_that_value():
    free, phi = form_of(2, 0.5, 6.0), phi_of(2)
    fixed = CompartmentForm(2, DECAY, 0.5, 6.0, elimination_ratio=0.306 / 0.204)
    x = TIMES[:, None]
    assert fixed.value(phi[None, :-1], x) == pytest.approx(free.value(phi[None], x), rel=1e-12)
    assert fixed.gradient(phi[None, :-1], x) == pytest.approx(free.gradient(phi[None], x)[:, :-1], abs=1e-12)


def test_published_elimination_falls_by_a_third_at_six_hours():
    """Puszkiel 2019: 0.306 /h with amino acids, 0.204 /h without, as in SCIENCE paragraph 2."""
    assert published_elimination_ratio() == pytest.approx(1.5)
    assert load_yaml("kinetics/population.yaml")["amino_acids_until"]["value"] == 6.0


@pytest.mark.parametrize("arguments", [(4, 0.5, 6.0), (2, -1.0, 6.0), (2, 0.5, -6.0)])
def test_impossible_compartments_are_refused(arguments):
    with pytest.raises(FitError):
        form_of(*arguments)
    with pytest.raises(FitError):
        CompartmentForm(2, DECAY, 0.5, 6.0, elimination_ratio=0.0)
