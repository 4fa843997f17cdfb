"""Foci: the model against its equations, fits against data of known truth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from theradose.biology.foci import blood_dose, foci_per_cell
from theradose.biology.foci_dose import foci_by_dose
from theradose.biology.foci_fit import fit_foci
from theradose.errors import FitError, PhysicsError
from theradose.kinetics.course import TimeCourse, course_of_phases

LN2 = math.log(2)
RATES = LN2 / np.array([1.5, 30.0])
COURSE = course_of_phases([8.0, 1.5], RATES)
TIMES = [-1.0, 0.5, 1.0, 2.0, 4.0, 5.0, 24.0, 48.0, 72.0]
TRUTH = {"induction_per_mgy": 0.015, "repair_per_h": LN2 / 3, "unrepaired": 0.05}
BACKGROUND = 0.3


def expected(course=COURSE, times=TIMES, **changes):
    return BACKGROUND + foci_per_cell(t_h=times, dose_rate=course, **{**TRUTH, **changes})


@pytest.mark.parametrize("repair", [LN2 / 3, RATES[0], RATES[0] * (1 + 1e-12), 1e-6])
def test_the_closed_form_solves_the_equations(repair):
    q, k = 0.05, 0.015

    def slope(t, n):
        rate = float(COURSE.value(np.array([t]))[0, 0])
        return [k * (1 - q) * rate - repair * n[0], q * k * rate]

    times = [1.0, 4.0, 24.0, 48.0]
    solution = solve_ivp(slope, (0, 48), [0, 0], t_eval=times, rtol=1e-11, atol=1e-14, method="DOP853")
    found = foci_per_cell(t_h=times, dose_rate=COURSE, induction_per_mgy=k, repair_per_h=repair, unrepaired=q)
    np.testing.assert_allclose(found, solution.y.sum(axis=0), rtol=1e-8)


def test_the_limit_of_equal_rates_is_continuous():
    rate = RATES[1]
    values = [
        foci_per_cell(t_h=[30.0], dose_rate=COURSE, induction_per_mgy=1.0, repair_per_h=rate * (1 + step))[0]
        for step in (-1e-7, 0.0, 1e-7)
    ]
    assert values[1] == pytest.approx((values[0] + values[2]) / 2, rel=1e-12)


def test_a_constant_infusion_before_the_phases():
    """Dose and remembered dose of a rise over 2 h, against their own numerical integrals."""
    end, rate, level = 2.0, 0.1, 5.0

    def early(t):
        return (level * t / end)[:, None]

    course = TimeCourse(np.array([0.0, end]), np.array([[level]]), np.array([rate]), early)
    after = level * end / 2 + level * -np.expm1(-rate * 3.0) / rate
    np.testing.assert_allclose(
        blood_dose(t_h=[0.0, 1.0, end, 5.0], dose_rate=course), [0, level / 4, level * end / 2, after], rtol=1e-13
    )
    mu = 0.7
    at_end = level / end * (end / mu - (1 - math.exp(-mu * end)) / mu**2)
    later = at_end * math.exp(-3 * mu) + level * (math.exp(-3 * rate) - math.exp(-3 * mu)) / (mu - rate)
    found = foci_per_cell(t_h=[end, 5.0], dose_rate=course, induction_per_mgy=1.0, repair_per_h=mu)
    np.testing.assert_allclose(found, [at_end, later], rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(1e-3, 5.0), st.floats(0.0, 200.0))
def test_foci_lie_between_repaired_at_once_and_never(share, repair, time):
    dose = blood_dose(t_h=[time], dose_rate=COURSE)[0]
    found = foci_per_cell(t_h=[time], dose_rate=COURSE, induction_per_mgy=0.01, repair_per_h=repair, unrepaired=share)[
        0
    ]
    assert share * 0.01 * dose * (1 - 1e-12) <= found <= 0.01 * dose * (1 + 1e-12)


@pytest.mark.parametrize("errors", ["poisson", "quasi-poisson"])
def test_counts_without_noise_give_the_truth_back(errors):
    cells = np.full(len(TIMES), 1e6)
    fit = fit_foci(t_h=TIMES, cells=cells, foci=np.round(expected() * cells), dose_rate=COURSE, errors=errors)
    # Rounding to whole foci in a million cells leaves 1e-5 of the parameters.
    assert fit.induction_per_mgy.value == pytest.approx(0.015, rel=1e-4)
    assert fit.repair_half_life_h.value == pytest.approx(3.0, rel=1e-4)
    assert fit.unrepaired.value == pytest.approx(0.05, rel=1e-3)
    assert fit.background.value == pytest.approx(BACKGROUND, rel=1e-5)
    assert not fit.findings


def test_the_negative_binomial_approaches_poisson_for_poisson_counts():
    rng = np.random.default_rng(3)
    cells = np.full(len(TIMES), 500)
    foci = rng.poisson(expected() * cells)
    poisson, negative = (
        fit_foci(t_h=TIMES, cells=cells, foci=foci, dose_rate=COURSE, errors=errors, unrepaired=0.05)
        for errors in ("poisson", "negative-binomial")
    )
    assert negative.dispersion < 0.02
    assert negative.induction_per_mgy.value == pytest.approx(poisson.induction_per_mgy.value, rel=0.05)


def test_over_dispersed_counts_are_noticed_and_widen_the_intervals():
    rng = np.random.default_rng(11)
    cells = np.full(len(TIMES), 2000)
    foci = rng.poisson(expected() * cells * rng.gamma(8, 1 / 8, len(TIMES)))
    poisson, quasi = (
        fit_foci(t_h=TIMES, cells=cells, foci=foci, dose_rate=COURSE, errors=errors, unrepaired=0.05)
        for errors in ("poisson", "quasi-poisson")
    )
    assert "foci-overdispersed" in {finding.code for finding in poisson.findings}
    width = [fit.background.high - fit.background.low for fit in (poisson, quasi)]
    assert width[1] > 2 * width[0]


def test_profile_intervals_cover_the_truth():
    """Of 40 simulated treatments the 95 % interval of the induction covers 38 ± 1.4; 34 or more pass in 99 of 100."""
    rng = np.random.default_rng(5)
    cells = np.full(len(TIMES), 400)
    covered = 0
    for _ in range(40):
        fit = fit_foci(t_h=TIMES, cells=cells, foci=rng.poisson(expected() * cells), dose_rate=COURSE,
                       errors="poisson", unrepaired=0.05)  # fmt: skip
        covered += fit.induction_per_mgy.low <= 0.015 <= fit.induction_per_mgy.high
    assert covered >= 34


def test_a_line_through_exact_counts():
    dose = np.array([0.0, 10.0, 20.0, 0.0, 15.0, 30.0])
    cells = np.full(6, 1000.0)
    foci = cells * (np.repeat([0.2, 0.4], 3) + 0.015 * dose)
    line = foci_by_dose(dose_mgy=dose, cells=cells, foci=foci, patients=list("aaabbb"))
    assert line.slope_per_mgy.value == pytest.approx(0.015, rel=1e-9)
    assert line.background == pytest.approx({"a": 0.2, "b": 0.4})
    assert line.p < 0.01
    np.testing.assert_allclose(line.excess, 0.015 * dose, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        (lambda: fit_foci(t_h=[0, 1, 2], cells=[9] * 3, foci=[1] * 3, dose_rate=COURSE), FitError, "foci-samples"),
        (lambda: fit_foci(t_h=TIMES, cells=[0] * 9, foci=[1] * 9, dose_rate=COURSE), FitError, "foci-counts"),
        (
            lambda: fit_foci(t_h=TIMES, cells=[9] * 9, foci=[1] * 9, dose_rate=COURSE, errors="normal"),
            FitError,
            "foci-errors",
        ),
        (
            lambda: foci_by_dose(dose_mgy=[1, 1], cells=[9, 9], foci=[1, 1], patients=["a", "a"]),
            FitError,
            "foci-samples",
        ),
        (
            lambda: foci_per_cell(t_h=[1], dose_rate=COURSE, induction_per_mgy=1, repair_per_h=-1),
            PhysicsError,
            "foci-parameters",
        ),
        (
            lambda: foci_per_cell(t_h=[1], dose_rate=COURSE, induction_per_mgy=1, repair_per_h=1, unrepaired=2),
            PhysicsError,
            "foci-parameters",
        ),
    ],
)
def test_refusals(call, error, code):
    with pytest.raises(error) as refused:
        call()
    assert refused.value.code == code
