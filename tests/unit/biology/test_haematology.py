"""The response of marrow, against a solver that shares nothing with the one in use."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theradose.biology.haematology import (
    CycleDoseRate,
    MarrowResponse,
    ResponseRates,
    dose_rate_of_cycles,
    log_relative_counts,
    myelosuppression,
)
from theradose.errors import PhysicsError
from theradose.kinetics.course import TimeCourse, course_of_phases

# The bound of the contract for an independent solver.
AGREEMENT = 2e-10
# Terms of the series and step: (k h)^order / order! is far below the precision of a double for all rates here.
ORDER, STEP_H = 30, 8.0


def taylor(times, response, cycles, effect):
    """Return the counts by Taylor series of the compartments themselves, in extended precision.

    The power (C₀/C)^γ has its own equation, F' = −γ F C'/C, so that all series follow from products and quotients.
    `cycles` are (start, amplitude, rate) of the dose rate of each.
    """
    real = np.longdouble
    k, gamma, alpha = real(4) / real(response.mtt_h), real(response.gamma), real(response.alpha_per_gy)
    state = [real(1)] * 5
    starts = [start for start, _, _ in cycles]
    stops = sorted({*times, *starts[1:]})
    now, found = real(starts[0]), {}
    for stop in stops:
        steps = max(1, math.ceil((stop - float(now)) / STEP_H))
        width = (real(stop) - now) / steps
        for number in range(steps):
            begin = now + number * width
            state = step(state, begin, width, k, gamma, alpha, cycles, effect)
        now = real(stop)
        found[stop] = state[4]
    return np.array([float(response.baseline * found[t]) for t in times])


def step(state, begin, width, k, gamma, alpha, cycles, effect):
    rows = [[value] for value in state]
    feedback = [state[4] ** -gamma]
    log_slope = []
    dose = [
        sum(
            np.longdouble(a) * np.exp(-np.longdouble(rate) * (begin - start)) * (-np.longdouble(rate)) ** n
            for start, a, rate in cycles
            if begin >= start
        )
        / math.factorial(n)
        for n in range(ORDER + 1)
    ]
    for n in range(ORDER):
        amplified = [sum(feedback[i] * rows[0][m - i] for i in range(m + 1)) for m in range(n + 1)]
        acted = amplified if effect == "proliferation" else rows[0]
        killed = alpha * sum(dose[i] * acted[n - i] for i in range(n + 1))
        slopes = [k * amplified[n] - k * rows[0][n] - killed]
        slopes += [k * (rows[j - 1][n] - rows[j][n]) for j in range(1, 5)]
        # u = C'/C, from u C = C'.
        log_slope.append((slopes[4] - sum(log_slope[i] * rows[4][n - i] for i in range(n))) / rows[4][0])
        feedback_slope = -gamma * sum(feedback[i] * log_slope[n - i] for i in range(n + 1))
        for row, slope in zip(rows, slopes, strict=True):
            row.append(slope / (n + 1))
        feedback.append(feedback_slope / (n + 1))
    return [sum(c * width**n for n, c in enumerate(row)) for row in rows]


RESPONSES = {
    "as illustrated": MarrowResponse(250.0, 200.0, 0.239, 0.5),
    "sensitive": MarrowResponse(180.0, 300.0, 0.17, 2.0),
    "fast": MarrowResponse(7.2, 90.0, 0.4, 1.0),
    "no feedback": MarrowResponse(4.5, 124.0, 0.0, 0.7),
}
STARTS, DOSES, HALF_LIVES = (0.0, 1344.0, 2688.0), (0.4, 0.5, 0.3), (30.0, 20.0, 45.0)
TIMES = [12.0, 100.0, 336.0, 672.0, 1340.0, 1344.0, 1400.0, 1800.0, 2700.0, 3360.0, 4000.0]


@pytest.mark.parametrize("effect", ["proliferation", "loss"])
@pytest.mark.parametrize("name", RESPONSES)
def test_an_independent_solver_agrees(name, effect):
    response = RESPONSES[name]
    dose_rate = dose_rate_of_cycles(start_h=STARTS, dose_gy=DOSES, effective_half_life_h=HALF_LIVES)
    cycles = [(s, d * math.log(2) / h, math.log(2) / h) for s, d, h in zip(STARTS, DOSES, HALF_LIVES, strict=True)]
    expected = taylor(TIMES, response, cycles, effect)
    found = myelosuppression(t_h=TIMES, parameters=response, dose_rate=dose_rate, effect=effect)
    np.testing.assert_allclose(found, expected, rtol=AGREEMENT, atol=0)


def test_many_sets_are_solved_like_each_alone():
    dose_rate = dose_rate_of_cycles(start_h=STARTS, dose_gy=DOSES, effective_half_life_h=HALF_LIVES)
    responses = list(RESPONSES.values())
    together = log_relative_counts(t_h=TIMES, rates=ResponseRates.of(responses), dose_rate=dose_rate)
    for column, response in zip(together.T, responses, strict=True):
        alone = myelosuppression(t_h=TIMES, parameters=response, dose_rate=dose_rate)
        np.testing.assert_allclose(response.baseline * np.exp(column), alone, rtol=AGREEMENT)


def test_without_feedback_the_loss_of_cells_is_exponential_in_the_dose():
    """ln P = −α D(t), and what is lost arrives in blood after all transits: after years with γ = 0 it is α D."""
    dose_rate = dose_rate_of_cycles(start_h=[0.0], dose_gy=[0.8], effective_half_life_h=[25.0])
    response = MarrowResponse(100.0, 120.0, 0.0, 0.6)
    late = myelosuppression(t_h=[3000.0], parameters=response, dose_rate=dose_rate, effect="loss")
    assert late[0] == pytest.approx(100 * math.exp(-0.6 * 0.8), rel=1e-9)


def test_before_and_without_therapy_the_count_is_that_before_therapy():
    dose_rate = dose_rate_of_cycles(start_h=[100.0], dose_gy=[0.5], effective_half_life_h=[30.0])
    response = RESPONSES["as illustrated"]
    counts = myelosuppression(t_h=[-50.0, 0.0, 100.0, 400.0], parameters=response, dose_rate=dose_rate)
    assert counts[:3].tolist() == [250.0] * 3
    assert counts[3] < 240
    none = CycleDoseRate(np.zeros(0), ())
    assert myelosuppression(t_h=[1.0, 9.0], parameters=response, dose_rate=none).tolist() == [250.0] * 2


def test_a_curve_with_an_early_part_drives_the_counts():
    """A constant dose rate for 10 h has the early part of a curve; two exponentials of nearly the same dose do not."""
    flat = TimeCourse(np.array([0.0, 10.0]), np.array([[1e-9]]), np.array([1.0]), lambda t: np.full((len(t), 1), 0.02))
    short = course_of_phases([0.2 * 0.2], [0.2])
    response = RESPONSES["sensitive"]
    first, second = (
        myelosuppression(t_h=[500.0], parameters=response, dose_rate=CycleDoseRate(np.zeros(1), (course,)))[0]
        for course in (flat, short)
    )
    assert first == pytest.approx(second, rel=1e-3)


@settings(max_examples=15, deadline=None)
@given(dose=st.floats(0.05, 2.0), factor=st.floats(1.1, 3.0), alpha=st.floats(0.1, 2.0), mtt=st.floats(60.0, 500.0))
def test_more_dose_lowers_the_nadir(dose, factor, alpha, mtt):
    response = MarrowResponse(1.0, mtt, 0.2, alpha)
    grid = np.linspace(0, 6 * mtt, 60)
    low, high = (
        myelosuppression(
            t_h=grid,
            parameters=response,
            dose_rate=dose_rate_of_cycles(start_h=[0.0], dose_gy=[d], effective_half_life_h=[40.0]),
            tolerance=1e-8,
        ).min()
        for d in (dose, factor * dose)
    )
    assert 0 < high < low < 1


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: MarrowResponse(0.0, 100.0, 0.2, 1.0), "haematology-parameters"),
        (lambda: dose_rate_of_cycles(start_h=[0], dose_gy=[-1], effective_half_life_h=[30]), "cycles-dose"),
        (
            lambda: dose_rate_of_cycles(start_h=[5, 0], dose_gy=[1, 1], effective_half_life_h=[30, 30]),
            "cycles-order",
        ),
        (
            lambda: myelosuppression(
                t_h=[5, 1], parameters=RESPONSES["fast"], dose_rate=CycleDoseRate(np.zeros(0), ())
            ),
            "haematology-times",
        ),
    ],
)
def test_refusals(call, code):
    with pytest.raises(PhysicsError) as refused:
        call()
    assert refused.value.code == code
