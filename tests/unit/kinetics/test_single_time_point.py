import math

import numpy as np
import pytest

from theradose.errors import FitError
from theradose.kinetics.evaluate import evaluate_tia
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.maps import residence_factor_h
from theradose.kinetics.single_time_point import (
    Assumptions,
    DoseFactor,
    integrate_single_point,
    single_time_point_methods,
)
from theradose.kinetics.single_time_point_methods import assumed_half_life_ratio, expected_error, haenscheid_ratio
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide

LUTETIUM = load_nuclide("Lu-177")
GIVEN = Assumptions(51.0, 0.2, (DoseFactor(48.0, 180.0, 0.1), DoseFactor(120.0, 300.0, 0.2)))
METHODS = ("haenscheid", "madsen", "earlier-half-life", "dose-factor")
# More than one point, and not linear in the point alone: tested in tests/unit/workflow/test_population.py.
OF_FEW_POINTS = ("population",)


def point(t_h=72.0, activity=100.0, u=5.0):
    common = {"calibration:camera": 0.03, "volume:kidney": None}
    return TimeActivityCurve("kidney", np.array([t_h]), np.array([activity]), np.array([u]), common, "spect")


def integrate(method, given=GIVEN, **of_point):
    return integrate_single_point(point(**of_point), nuclide=LUTETIUM, method=method, given=given)


def codes(findings):
    return [finding.code for finding in findings]


def test_every_method_is_tested_here():
    assert set(single_time_point_methods.names()) == {*METHODS, *OF_FEW_POINTS}
    assert {entry.name for entry in single_time_point_methods if entry.item.most_points > 1} == set(OF_FEW_POINTS)


@pytest.mark.parametrize("method", METHODS)
def test_what_every_method_owes(method):
    tia, findings = integrate(method)
    value = tia.value
    assert tia.chosen == method
    assert value.contributions["fit:kidney"] == pytest.approx(0.05 * value.value)
    assert value.contributions["calibration:camera"] == pytest.approx(0.03 * value.value)
    assert value.contributions["single-time-point:kidney"] > 0
    assert value.not_stated == {"volume:kidney"}
    assert codes(findings)[0] == "single-time-point"
    # The drawn curve passes through the point and has the integral.
    assert evaluate_tia(tia, np.array([72.0]))[0][0] == pytest.approx(100.0, rel=1e-9)
    assert tia.fits[0].tia_mbq_h == pytest.approx(value.value, rel=1e-9)
    assert tia.before_first_fraction + tia.extrapolated_fraction == pytest.approx(1.0, abs=1e-9)
    assert residence_factor_h(tia, t_h=72.0) == pytest.approx(value.value / 100)


@pytest.mark.parametrize("method", METHODS)
def test_integral_is_linear_in_activity(method):
    one, two = integrate(method)[0], integrate(method, activity=250.0, u=12.5)[0]
    assert two.value.value == pytest.approx(2.5 * one.value.value, rel=1e-12)
    assert two.value.u == pytest.approx(2.5 * one.value.u, rel=1e-12)


def test_right_half_life_gives_the_integral_of_the_exponential():
    truth = 30 * 51 / math.log(2)
    tia, _ = integrate("madsen", activity=30 * 0.5 ** (72 / 51))
    assert tia.value.value == pytest.approx(truth, rel=1e-12)
    assert tia.effective_half_life_h.value == 51.0
    assert tia.effective_half_life_h.relative_u == pytest.approx(0.2)


def test_band_of_the_curve_pivots_on_the_point():
    tia, _ = integrate("madsen")
    _, u = evaluate_tia(tia, np.array([72.0, 200.0]))
    assert u[0] == pytest.approx(5.0, rel=1e-9)
    assert u[1] > 0.2 * evaluate_tia(tia, np.array([200.0]))[0][0]


@pytest.mark.parametrize("ratio", [haenscheid_ratio, None])
def test_expected_error_is_that_of_drawn_half_lives(ratio):
    """200,000 draws give a root mean square right to about 0.5 %."""
    if ratio is None:

        def ratio(t_h, *, half_life_h):
            return assumed_half_life_ratio(t_h, assumed_h=51.0, half_life_h=half_life_h)

    drawn = 51 * np.exp(math.sqrt(math.log(1.04)) * np.random.default_rng(1).standard_normal(200_000))
    drawn = np.minimum(drawn, 159.53)
    from functools import partial

    error = expected_error(partial(ratio, 96.0), half_life_h=51.0, relative_u=0.2, longest_h=159.53)
    assert error == pytest.approx(math.sqrt(np.mean((ratio(96.0, half_life_h=drawn) - 1) ** 2)), rel=0.02)


def test_haenscheid_names_its_window():
    assert codes(integrate("haenscheid")[1]) == ["single-time-point"]
    _, findings = integrate("haenscheid", t_h=24.0)
    assert codes(findings) == ["single-time-point", "single-time-point-window"]
    assert "0.47 half-lives" in findings[1].message
    assert "39 and 124 h" in findings[1].message


def test_haenscheid_without_a_half_life_does_not_know_its_error():
    tia, findings = integrate("haenscheid", given=Assumptions())
    assert "single-time-point:kidney" in tia.value.not_stated
    assert tia.effective_half_life_h.not_stated
    assert "29.5 to 94.2 h" in findings[1].message


def test_a_half_life_without_uncertainty_is_not_a_certain_one():
    tia, _ = integrate("madsen", given=Assumptions(51.0))
    assert "single-time-point:kidney" in tia.value.not_stated
    assert tia.effective_half_life_h.not_stated


def test_an_early_point_says_when_to_measure():
    _, findings = integrate("madsen", t_h=4.0)
    assert "near 73.6 h" in findings[1].message


def test_dose_factors_are_interpolated():
    tia, _ = integrate("dose-factor", t_h=84.0)
    assert tia.value.value == pytest.approx(100 * 240.0)
    assert tia.value.contributions["single-time-point:kidney"] == pytest.approx(0.15 * tia.value.value)
    assert tia.fits[0].model == "mono"


@pytest.mark.parametrize(
    ("factor", "model"),
    [(196.0, "mono"), (600.0, "mono"), (195.0, "uptake"), (170.0, "uptake")],
)
def test_drawn_curve_of_a_dose_factor(factor, model):
    """e × 72 h = 195.7 h is the least that a mono-exponential has; 600 h would need a half-life beyond 159.5 h."""
    given = Assumptions(dose_factors=(DoseFactor(71.0, factor, 0.1), DoseFactor(73.0, factor, 0.1)))
    fit = integrate("dose-factor", given=given)[0].fits[0]
    assert fit.model == model
    assert fit.tia_mbq_h == pytest.approx(100 * factor, rel=1e-9)
    assert fit.effective_half_life_h <= 159.6


@pytest.mark.parametrize(
    ("method", "given", "code", "words"),
    [
        ("madsen", Assumptions(), "half-life-missing", "kidney"),
        ("earlier-half-life", Assumptions(), "half-life-missing", "kidney"),
        ("madsen", Assumptions(170.0), "half-life-invalid", "159.5"),
        ("haenscheid", Assumptions(-3.0), "half-life-invalid", "positive"),
        ("dose-factor", Assumptions(), "dose-factor-missing", "kidney"),
        ("dose-factor", Assumptions(dose_factors=(DoseFactor(80, 200, 0.1),)), "dose-factor-outside", "72 h"),
        (
            "dose-factor",
            Assumptions(dose_factors=(DoseFactor(80, 200, 0.1), DoseFactor(60, 200, 0.1))),
            "dose-factor-invalid",
            "increasing",
        ),
        ("dose-factor", Assumptions(dose_factors=(DoseFactor(72, 2.0, 0.1),)), "dose-factor-invalid", "hours"),
        ("dose-factor", Assumptions(dose_factors=(DoseFactor(72, -2.0, 0.1),)), "dose-factor-invalid", "positive"),
        ("guess", Assumptions(), "unknown-single-time-point-method", "haenscheid, madsen"),
    ],
)
def test_refusals(method, given, code, words):
    with pytest.raises(FitError) as refusal:
        integrate(method, given=given)
    assert refusal.value.code == code
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("of_point", "code"), [({"t_h": 0.0}, "point-before-administration"), ({"activity": -1.0}, "no-activity")]
)
def test_impossible_points_are_refused(of_point, code):
    with pytest.raises(FitError) as refusal:
        integrate("madsen", **of_point)
    assert refusal.value.code == code


def test_several_points_are_fitted_and_one_is_not():
    two = TimeActivityCurve("kidney", np.array([24.0, 96.0]), np.array([9.0, 3.0]), np.array([0.5, 0.2]), {}, "spect")
    with pytest.raises(FitError) as refusal:
        integrate_single_point(two, nuclide=LUTETIUM, method="madsen", given=GIVEN)
    assert refusal.value.code == "several-points"
    with pytest.raises(FitError, match="single_time_point"):
        integrate_curve(point(), nuclide=LUTETIUM)
