import math

import numpy as np
import pytest

from theradose.errors import FitError
from theradose.kinetics.evaluate import evaluate_fit
from theradose.kinetics.fit import fit_model
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.phases import phase_value
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide

LUTETIUM = load_nuclide("Lu-177")
TIMES = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 24.0, 72.0])


def infused(t_h, half_lives, amounts, infusion_h):
    """Sum of bolus responses over many small parts of the infusion (midpoint rule)."""
    parts = (np.arange(20_000) + 0.5) / 20_000 * infusion_h
    since = np.maximum(t_h[:, None] - parts, 0.0)
    given = t_h[:, None] > parts
    return sum(
        amount * np.mean(np.where(given, 0.5 ** (since / half_life), 0.0), axis=1)
        for half_life, amount in zip(half_lives, amounts, strict=True)
    )


def curve(t_h, activity):
    return TimeActivityCurve("blood", t_h, activity, 0.03 * activity, {}, "table")


@pytest.mark.parametrize("infusion_h", [0.25, 2.0])
def test_phase_is_the_sum_of_small_boluses(infusion_h):
    """20,000 parts leave an error of one part at the end of the infusion, 5e-5."""
    rates = math.log(2) / np.array([0.2, 5.0, 40.0])
    t_h = np.array([0.1, 0.2, 0.25, 1.0, 2.0, 3.0, 10.0])
    fitted = phase_value(t_h, rates, infusion_h=infusion_h)
    # What must be given in all for the fitted exp(-rate t) after the end of the infusion.
    given = rates * infusion_h / np.expm1(rates * infusion_h)
    for k, half_life in enumerate((0.2, 5.0, 40.0)):
        expected = infused(t_h, [half_life], [given[k]], infusion_h)
        np.testing.assert_allclose(fitted[:, k], expected, atol=2e-4)


def test_integral_is_that_of_the_given_activity():
    """Whatever the length of the infusion: Σ amount × half-life / ln 2."""
    half_lives, amounts, infusion_h = (1.0, 20.0), (10.0, 2.0), 0.5
    activity = infused(TIMES + 1e-9, half_lives, amounts, infusion_h)
    truth = sum(a * h for a, h in zip(amounts, half_lives, strict=True)) / math.log(2)
    tia, findings = integrate_curve(curve(TIMES, activity), nuclide=LUTETIUM, force_model="bi", infusion_h=infusion_h)
    assert tia.value.value == pytest.approx(truth, rel=1e-4)
    assert {finding.code for finding in findings} <= {"model-prescribed"}
    bolus, _ = integrate_curve(curve(TIMES, activity), nuclide=LUTETIUM, force_model="bi")
    assert bolus.value.value > 1.02 * truth


def test_share_before_the_first_sample():
    """Half of the area of the infusion itself, by quadrature of the drawn curve."""
    activity = infused(TIMES + 1e-9, [3.0], [10.0], 0.5)
    fit = fit_model(curve(TIMES, activity), "mono", decay_constant_per_h=LUTETIUM.decay_constant_per_h, infusion_h=0.5)
    t_h = np.linspace(0, 0.5, 2001)
    value, _ = evaluate_fit(fit, t_h)
    assert fit.before_first_fraction * fit.tia_mbq_h == pytest.approx(np.trapezoid(value, t_h), rel=1e-5)
    assert value[0] == 0.0


def test_samples_during_the_infusion_are_left_out_and_said():
    times = np.array([0.1, 0.25, *TIMES])
    activity = infused(times + 1e-9, [20.0], [10.0], 0.5)
    tia, findings = integrate_curve(curve(times, activity), nuclide=LUTETIUM, infusion_h=0.5)
    message = next(finding.message for finding in findings if finding.code == "sample-during-infusion")
    assert "0.1 h, 0.25 h" in message
    np.testing.assert_array_equal(tia.curve.t_h, TIMES)


def test_fit_refuses_samples_during_the_infusion():
    with pytest.raises(FitError) as refusal:
        fit_model(curve(TIMES, np.exp(-TIMES)), "mono", decay_constant_per_h=0.004, infusion_h=1.0)
    assert refusal.value.code == "sample-during-infusion"


def test_only_samples_during_the_infusion_are_refused():
    with pytest.raises(FitError) as refusal:
        integrate_curve(curve(TIMES, np.exp(-TIMES)), nuclide=LUTETIUM, infusion_h=100.0)
    assert refusal.value.code == "sample-during-infusion"


@pytest.mark.parametrize("infusion_h", [-0.5, math.nan, math.inf])
def test_impossible_infusions_are_refused(infusion_h):
    with pytest.raises(FitError) as refusal:
        integrate_curve(curve(TIMES, np.exp(-TIMES)), nuclide=LUTETIUM, infusion_h=infusion_h)
    assert refusal.value.code == "infusion-invalid"


def test_a_long_infusion_of_a_fast_phase_does_not_overflow():
    value = phase_value(np.array([0.0, 10.0, 30.0]), np.array([41.6]), infusion_h=24.0)
    assert np.isfinite(value).all()
