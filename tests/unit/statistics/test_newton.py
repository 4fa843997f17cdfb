import numpy as np
import pytest

from theradose.statistics.newton import minimise


def rosenbrock(x):
    a, b = x
    value = (1 - a) ** 2 + 100 * (b - a * a) ** 2
    gradient = np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])
    return value, gradient, np.array([[2 - 400 * (b - 3 * a * a), -400 * a], [-400 * a, 200.0]])


def double_well(x):
    """Two minima at ±1 in the first coordinate and a saddle point between them."""
    a, b = x
    return (a * a - 1) ** 2 + b * b, np.array([4 * a * (a * a - 1), 2 * b]), np.diag([12 * a * a - 4, 2.0])


def test_curved_valley():
    found = minimise(rosenbrock, np.array([-1.2, 1.0]))
    assert found.converged
    assert found.x == pytest.approx([1, 1], abs=1e-12)


def test_a_saddle_point_is_left_though_its_gradient_is_zero():
    found = minimise(double_well, np.zeros(2))
    assert found.converged
    assert abs(found.x[0]) == pytest.approx(1, abs=1e-12)


def test_a_function_without_minimum_does_not_converge():
    found = minimise(lambda x: (float(x[0]), np.ones(1), np.zeros((1, 1))), np.zeros(1))
    assert not found.converged
