"""The posterior of few points, against integration and minimisation by other means."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from population_support import LUTETIUM, MEAN, SPREAD, UPTAKE, drawn_curves, member, stated
from theradose.errors import FitError
from theradose.kinetics.population import (
    PopulationPoints,
    population_of,
    posterior,
    predictive_covariance,
    shift_probability,
)
from theradose.nuclides import load_nuclide

POINTS = (
    PopulationPoints([96.0], [0.009], [0.05]),
    PopulationPoints([4.0, 96.0], [0.025, 0.0085], [0.05, 0.1]),
    PopulationPoints([4.0, 24.0, 96.0], [0.02, 0.03, 0.005], [0.05, 0.05, 0.05]),
)


def objective(phi, population, points):
    value = UPTAKE.value(np.broadcast_to(phi, (len(points.t_h), 3)), points.t_h[:, None])
    z = np.linalg.solve(population.root, phi - population.mean)
    return np.sum(((np.log(points.fraction) - value) / points.relative_u) ** 2) + z @ z


@pytest.mark.parametrize("points", POINTS)
def test_most_probable_parameters_are_those_of_another_minimiser(points):
    population = member()
    found = posterior(population, [points])
    other = minimize(objective, MEAN, args=(population, points), method="BFGS", options={"gtol": 1e-9})
    assert found.phi[0] == pytest.approx(other.x, abs=1e-5)
    assert found.chi_squared[0] == pytest.approx(other.fun, rel=1e-6)


@pytest.mark.parametrize("points", POINTS[:2])
def test_moments_are_those_of_integration_over_a_grid(points):
    """Mean, deviation and interval of the integral over 101³ points of the three parameters."""
    population = member()
    found = posterior(population, [points])
    z = np.linspace(-5, 5, 101)
    grid = np.stack(np.meshgrid(z, z, z, indexing="ij"), axis=-1).reshape(-1, 3)
    phi = population.drawn(grid)
    value = UPTAKE.value(phi[:, None], np.broadcast_to(points.t_h[:, None], (len(phi), len(points.t_h), 1)))
    squares = np.sum(((np.log(points.fraction) - value) / points.relative_u) ** 2, axis=1) + np.sum(grid**2, axis=1)
    weight = np.exp(-(squares - squares.min()) / 2)
    weight /= weight.sum()
    integral = UPTAKE.integral_h(phi)
    mean = weight @ integral
    order = np.argsort(integral)
    ends = np.interp([0.05, 0.95], np.cumsum(weight[order]), integral[order])
    # 1024 quasi-random points: about 2 % of the deviation in the mean, more in the quantiles.
    sd = math.sqrt(weight @ (integral - mean) ** 2)
    assert found.integral_h[0, 0] == pytest.approx(mean, abs=0.03 * sd)
    assert found.integral_h[0, 1] == pytest.approx(sd, rel=0.04)
    assert found.integral_h[0, 2:] == pytest.approx(ends, abs=0.08 * sd)


def test_without_points_the_answer_is_the_population():
    population = member()
    found = posterior(population, [PopulationPoints([], [], [])])
    (low, high), (first, last) = population.quantiles((0.05, 0.95))
    assert found.phi[0] == pytest.approx(MEAN)
    assert found.half_life_h[0, 2:] == pytest.approx([low, high], rel=0.03)
    assert found.integral_h[0, 2:] == pytest.approx([first, last], rel=0.03)
    assert found.probability[0] == 1.0


def test_patients_do_not_depend_on_each_other():
    together = posterior(member(), POINTS)
    for k, points in enumerate(POINTS):
        alone = posterior(member(), [points])
        assert together.integral_h[k] == pytest.approx(alone.integral_h[0], rel=1e-9)


def test_exact_points_leave_what_the_population_says_and_poor_ones_nothing():
    exact, poor = (PopulationPoints([96.0], [0.009], [u]) for u in (1e-4, 10.0))
    found = posterior(member(), [exact, poor])
    total, noise = (np.trace(values, axis1=1, axis2=2) for values in (found.covariance, found.noise))
    assert noise[0] < 1e-6 * total[0]
    assert found.covariance[1] == pytest.approx(np.diag(SPREAD**2) * 1000 / 997 + 1e-4 * np.eye(3), abs=2e-4)


def test_a_spread_of_zero_is_possible():
    omega = tuple(map(tuple, np.diag([0.1, 0.0, 0.0]).tolist()))
    zero = tuple(map(tuple, np.zeros((3, 3)).tolist()))
    found = posterior(member(omega=omega, covariance_of_mean=zero), [POINTS[0]])
    assert found.phi[0, 1:] == pytest.approx(MEAN[1:])
    assert np.isfinite(found.integral_h).all()


def test_the_misfit_of_members_is_chi_squared():
    """1000 members with two points: the share beyond the 5 % level has a standard error of 0.7 %."""
    curves, _ = drawn_curves(1000, (24.0, 96.0), seed=1)
    found = posterior(member(), [curve.points for curve in curves])
    assert np.mean(found.probability < 0.05) == pytest.approx(0.05, abs=0.02)


def test_a_group_of_members_is_no_shift_and_slower_ones_are():
    population = member()
    own, _ = drawn_curves(30, (4.0, 96.0), seed=2)
    slower, _ = drawn_curves(30, (4.0, 96.0), seed=2, mean=MEAN - [0.0, math.log(1.5), 0.0])
    assert shift_probability(population, [curve.points for curve in own]) > 0.01
    assert shift_probability(population, [curve.points for curve in slower]) < 1e-4


def test_groups_of_members_have_uniform_probabilities():
    """100 groups: the share below 10 % has a standard error of 3 %."""
    population = member()
    found = []
    for seed in range(100):
        curves, _ = drawn_curves(10, (4.0, 96.0), seed=100 + seed)
        found.append(shift_probability(population, [curve.points for curve in curves]))
    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=0.09)


def test_covariance_of_a_further_patient_is_that_of_student():
    """For a covariance of q = 3 parameters from n = 20: factor n / (n - q - 2) = 4/3; 20/17 where each varies alone."""
    alone = stated(patients=20)
    together = stated(patients=20, fit=alone.fit.model_copy(update={"omega": "full"}))
    of_mean = 1e-4 * np.eye(3)
    assert predictive_covariance(alone) == pytest.approx(20 / 17 * np.diag(SPREAD**2) + of_mean)
    assert predictive_covariance(together) == pytest.approx(20 / 15 * np.diag(SPREAD**2) + of_mean)
    with pytest.raises(FitError) as refusal:
        predictive_covariance(stated(patients=3))
    assert refusal.value.code == "population-few-patients"


def test_another_nuclide_changes_physical_decay_only():
    terbium = load_nuclide("Tb-161")
    population = population_of(stated(), measured_with=LUTETIUM, nuclide=terbium)
    own, other = (math.log(2) / item.form.half_life_h(MEAN[None])[0] for item in (member(), population))
    assert other - own == pytest.approx(terbium.decay_constant_per_h - LUTETIUM.decay_constant_per_h, rel=1e-9)


def test_parameters_of_another_form_are_refused():
    with pytest.raises(FitError) as refusal:
        member(parameters=("a", "b", "c"))
    assert refusal.value.code == "population-form"
