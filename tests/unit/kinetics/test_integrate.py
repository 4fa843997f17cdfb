import math

import numpy as np
import pytest

from theradose.errors import FitError
from theradose.kinetics.evaluate import evaluate_fit, evaluate_tia
from theradose.kinetics.integrate import integrate_curve
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide

LUTETIUM = load_nuclide("Lu-177")
COMMON = {"calibration:camera": 0.03, "recovery:kidney": -0.04, "volume:kidney": None}


def curve(t_h, activity, relative_u=0.05, common=None):
    activity = np.asarray(activity, float)
    return TimeActivityCurve(
        "kidney", np.asarray(t_h, float), activity, relative_u * np.abs(activity), common or {}, "spect"
    )


def codes(findings):
    return {finding.code for finding in findings}


TIMES = np.array([1.0, 4.0, 24.0, 48.0, 96.0, 168.0])
TWO_PHASES = 60 * np.exp(-0.2 * TIMES) + 40 * np.exp(-0.01 * TIMES)


def test_common_sources_act_once_and_signed():
    noise = 1 + 0.05 * np.random.default_rng(1).standard_normal(5)
    times = np.array([4.0, 24.0, 48.0, 96.0, 168.0])
    tia, _ = integrate_curve(curve(times, 100 * np.exp(-0.015 * times) * noise, common=COMMON), nuclide=LUTETIUM)
    value = tia.value
    assert value.contributions["calibration:camera"] == pytest.approx(0.03 * value.value)
    assert value.contributions["recovery:kidney"] == pytest.approx(-0.04 * value.value)
    assert value.not_stated == {"volume:kidney"}
    assert not {"calibration:camera", "recovery:kidney"} & set(tia.effective_half_life_h.contributions)


def test_counting_statistics_are_a_part_of_the_fit():
    """For the line through two points the integral answers to each point in closed form."""
    times, activity = np.array([24.0, 96.0]), np.array([100.0, 30.0])
    counting = np.array([2.0, 0.3])
    u = np.hypot(0.05 * activity, counting)
    seen = TimeActivityCurve("kidney", times, activity, u, {}, "image", (counting / u) ** 2)
    tia, _ = integrate_curve(seen, nuclide=LUTETIUM)
    rate = math.log(100 / 30) / 72
    by_logarithm = tia.value.value * np.array([1 + 24 / 72 - 1 / (72 * rate), -24 / 72 + 1 / (72 * rate)])
    parts = {name: tia.value.contributions[f"{name}:kidney"] for name in ("fit", "counting")}
    assert parts["counting"] == pytest.approx(np.linalg.norm(by_logarithm * counting / activity), rel=1e-6)
    assert parts["fit"] == pytest.approx(0.05 * np.linalg.norm(by_logarithm), rel=1e-6)


@pytest.mark.parametrize("model", ["trapezoid", "uptake", "bi"])
def test_counting_alone_is_all_of_the_fit(model):
    activity = np.array([20.0, 60.0, 40.0, 15.0, 5.0])
    u = 0.05 * activity
    seen = TimeActivityCurve("kidney", np.array([1.0, 4.0, 24.0, 96.0, 168.0]), activity, u, {}, "image", np.ones(5))
    tia, _ = integrate_curve(seen, nuclide=LUTETIUM, force_model=model)
    assert "fit:kidney" not in tia.value.contributions
    assert tia.value.contributions["counting:kidney"] == pytest.approx(tia.value.u)


def test_average_is_within_plus_between_models():
    """A fast phase of a sixth that twelve points can neither prove nor exclude."""
    times = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 36.0, 48.0, 72.0, 96.0, 120.0, 168.0])
    activity = 17 * np.exp(-0.2 * times) + 83 * np.exp(-0.015 * times)
    tia, _ = integrate_curve(curve(times, activity), nuclide=LUTETIUM)
    used = [fit for fit in tia.fits if fit.weight > 0.1]
    assert tia.chosen == "average"
    assert len(used) > 1
    assert sum(fit.weight for fit in tia.fits) == pytest.approx(1.0)
    mean = sum(fit.weight * fit.tia_mbq_h for fit in tia.fits)
    # The variance is weighted by the support of the points, exp(-(chi-squared + 2K)/2): no small-sample term.
    tried = [fit for fit in tia.fits if fit.weight > 0]
    support = np.exp([-(fit.chi_squared + 2 * len(fit.parameters)) / 2 for fit in tried])
    variance = support @ [fit.u_tia_mbq_h**2 + (fit.tia_mbq_h - mean) ** 2 for fit in tried] / support.sum()
    assert tia.value.value == pytest.approx(mean, rel=1e-12)
    assert tia.value.u == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert tia.value.contributions["model:kidney"] > 0
    half_life = sum(fit.weight * fit.effective_half_life_h for fit in tia.fits)
    assert tia.effective_half_life_h.value == pytest.approx(half_life, rel=1e-12)


def test_the_uncertainty_covers_a_model_that_the_small_sample_term_rejects():
    """Five points, so that AICc adds 12 to mono and has no value for bi; uptake pays 24 more than its chi-squared."""
    times = np.array([1.0, 4.0, 24.0, 72.0, 168.0])
    truth = 100 * (np.exp(-0.014 * times) - 0.4 * np.exp(-0.8 * times))
    tia, _ = integrate_curve(curve(times, truth, 0.12), nuclide=LUTETIUM, models=("mono", "uptake"))
    mono, uptake = tia.fits
    assert mono.weight > 0.99
    assert abs(uptake.chi_squared + 6 - mono.chi_squared - 4) < 4
    shares = np.exp(-0.5 * np.array([mono.chi_squared + 4, uptake.chi_squared + 6]))
    expected = shares[1] / shares.sum() * (uptake.tia_mbq_h - mono.tia_mbq_h) ** 2
    assert tia.value.contributions["model:kidney"] ** 2 > 0.9 * expected


def test_a_single_phase_without_clearance_keeps_its_integral():
    """Pure physical decay: A0/λ, whatever the rounding; the uncertainty covers faster clearance."""
    times = np.array([4.0, 24.0, 96.0, 168.0])
    decay = LUTETIUM.decay_constant_per_h
    for rate in (decay, decay * (1 - 1e-9), decay * (1 + 1e-9)):
        tia, _ = integrate_curve(curve(times, 100 * np.exp(-rate * times)), nuclide=LUTETIUM)
        assert tia.value.value == pytest.approx(100 / decay, rel=1e-6)
        assert 0.03 < tia.value.relative_u < 0.08


def test_a_rate_of_several_on_the_bound_is_taken_in_the_middle_of_what_the_points_allow():
    """Half-normal in the root of the rise of chi-squared: mean 0.798 and standard deviation 0.603 of the distance."""
    times = np.array([1.0, 4.0, 24.0, 72.0, 120.0])
    decay = LUTETIUM.decay_constant_per_h
    activity = 100 * np.exp(-0.3 * times) + 20 * np.exp(-decay * times) * np.array([1.0, 1.0, 0.97, 1.01, 1.01])
    tia, findings = integrate_curve(curve(times, activity), nuclide=LUTETIUM, force_model="bi")
    fit = tia.fits[0]
    assert "rate-at-physical-decay" in codes(findings)
    first, second, slow, fast = fit.faster
    distance = first / slow + second / fast - fit.tia_mbq_h
    assert distance < 0
    assert tia.value.value == pytest.approx(fit.tia_mbq_h + math.sqrt(2 / math.pi) * distance, rel=1e-9)
    own = fit.u_tia_mbq_h**2 - distance**2
    assert tia.value.u**2 == pytest.approx(own + (1 - 2 / math.pi) * distance**2, rel=1e-6)
    model = first * np.exp(-slow * times) + second * np.exp(-fast * times)
    chi = np.sum(((model - activity) / (0.05 * activity)) ** 2)
    assert chi - fit.chi_squared == pytest.approx(1.0, abs=0.02)


def test_half_life_and_integral_keep_their_correlation():
    """For the line through two points: T = ln2/k, and both depend on the same two noises (closed form)."""
    from theradose.uncertainty import covariance

    tia, _ = integrate_curve(curve([24, 96], [100, 30]), nuclide=LUTETIUM)
    rate = math.log(100 / 30) / 72
    half_life = math.log(2) / rate
    integral_by = np.array([1 + 24 / 72 - 1 / (72 * rate), -24 / 72 + 1 / (72 * rate)]) * 0.05 * tia.value.value
    half_life_by = np.array([-1, 1]) / (72 * rate) * 0.05 * half_life
    assert tia.effective_half_life_h.value == pytest.approx(half_life, rel=1e-9)
    assert tia.effective_half_life_h.u == pytest.approx(np.linalg.norm(half_life_by), rel=1e-6)
    assert covariance(tia.value, tia.effective_half_life_h) == pytest.approx(integral_by @ half_life_by, rel=1e-6)


def test_one_point_names_the_methods_that_would_be_needed():
    with pytest.raises(FitError, match=r"second time point.*Haenscheid, Madsen.*single_time_point") as refusal:
        integrate_curve(curve([96], [30]), nuclide=LUTETIUM)
    assert refusal.value.code == "one-time-point"


def test_two_points_say_what_they_cannot_know():
    tia, findings = integrate_curve(curve([24, 96], [100, 30]), nuclide=LUTETIUM)
    assert tia.chosen == "mono"
    assert {"model-not-compared", "no-degrees-of-freedom"} <= codes(findings)
    assert [fit.model for fit in tia.fits] == ["mono", "trapezoid"]


@pytest.mark.parametrize("times", [[4, 24, 96], [4, 24, 96, 168]])
def test_a_rise_between_the_first_points_is_uptake(times):
    times = np.array(times, float)
    truth = 100 * (np.exp(-0.014 * times) - np.exp(-0.1 * times))
    tia, findings = integrate_curve(curve(times, truth, 0.03), nuclide=LUTETIUM)
    assert tia.chosen == "uptake"
    assert tia.value.value == pytest.approx(100 * (1 / 0.014 - 1 / 0.1), rel=1e-5)
    assert "model-outside-average" in codes(findings)


def test_four_points_of_one_phase_stay_mono():
    times = np.array([4.0, 24.0, 96.0, 168.0])
    tia, findings = integrate_curve(curve(times, 100 * np.exp(-0.02 * times)), nuclide=LUTETIUM)
    assert (tia.chosen, findings) == ("mono", ())
    assert tia.value.value == pytest.approx(5000, rel=1e-6)


def test_two_phases_are_found_where_the_points_allow_it():
    tia, _ = integrate_curve(curve(TIMES, TWO_PHASES, 0.03), nuclide=LUTETIUM)
    assert max(tia.fits, key=lambda fit: fit.weight).model == "bi"
    assert tia.value.value == pytest.approx(60 / 0.2 + 40 / 0.01, rel=1e-4)


def test_too_large_models_of_a_list_become_findings():
    tia, findings = integrate_curve(curve([4, 24, 96], [90, 80, 35]), nuclide=LUTETIUM, models=("mono", "bi"))
    assert tia.chosen == "mono"
    refused = [finding for finding in findings if finding.code == "model-refused"]
    assert "4 parameters" in refused[0].message


def test_a_too_large_prescribed_model_is_refused():
    with pytest.raises(FitError) as refusal:
        integrate_curve(curve([4, 24, 96], [90, 80, 35]), nuclide=LUTETIUM, force_model="bi")
    assert refusal.value.code == "too-few-points"


def test_a_prescribed_model_is_used_and_said():
    tia, findings = integrate_curve(curve([4, 24, 96], [90, 80, 35]), nuclide=LUTETIUM, force_model="trapezoid")
    assert tia.chosen == "trapezoid"
    assert "model-prescribed" in codes(findings)
    by_hand = 4 * 90 / 2 + 20 * 85 + 72 * 57.5 + 35 / LUTETIUM.decay_constant_per_h
    assert tia.value.value == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("activity", [[100, 130], [100, 101, 99, 130], [90, 60, 20, 25]])
def test_a_rise_at_the_end_is_never_silent(activity):
    times = [4.0, 24.0, 96.0, 168.0][-len(activity) :]
    _, findings = integrate_curve(curve(times, activity), nuclide=LUTETIUM)
    severity = {finding.code: finding.severity for finding in findings}
    assert severity["clearance-slower-than-decay"] == "critical"


def test_negative_points_are_used_and_said():
    tia, findings = integrate_curve(
        TimeActivityCurve("kidney", [4, 24, 96, 168], [90, 60, 10, -0.5], [4, 3, 1, 1], {}, "spect"), nuclide=LUTETIUM
    )
    assert "non-positive-activity" in codes(findings)
    assert tia.value.value > 0


def test_evaluated_curve_and_band():
    tia, _ = integrate_curve(curve([24, 96], [100, 30]), nuclide=LUTETIUM)
    value, u = evaluate_tia(tia, np.array([24.0, 96.0]))
    np.testing.assert_allclose(value, [100, 30], rtol=1e-8)
    # An exact interpolation has the uncertainty of the points.
    np.testing.assert_allclose(u, [5, 1.5], rtol=1e-6)


def test_average_curve_integrates_to_the_integral():
    tia, _ = integrate_curve(curve(TIMES, TWO_PHASES), nuclide=LUTETIUM)
    t_h = np.linspace(0, 3000, 300_001)
    value, _ = evaluate_tia(tia, t_h)
    # Trapezoid rule with 0.01 h steps: relative error (rate x step)^2/12 below 1e-6; the tail beyond is negligible.
    assert np.trapezoid(value, t_h) == pytest.approx(tia.value.value, rel=1e-5)


def test_every_fit_in_the_table_can_be_evaluated():
    tia, _ = integrate_curve(curve(TIMES, TWO_PHASES), nuclide=LUTETIUM)
    for fit in tia.fits:
        value, u = evaluate_fit(fit, np.array([0.0, 10.0, 300.0]))
        assert (value >= 0).all()
        assert (u >= 0).all()


@pytest.mark.parametrize(
    ("times", "activity"), [([24, 48], [10, 1e-6]), ([24, 48, 72], [10, 0, 0]), ([24, 96], [10, 0])]
)
def test_an_integral_before_the_first_point_that_nothing_measured_supports(times, activity):
    """A fall to background between two late points, extrapolated back to the administration."""
    points = TimeActivityCurve(
        "kidney", np.array(times, float), np.array(activity, float), np.full(len(times), 0.5), {}, "table"
    )
    tia, findings = integrate_curve(points, nuclide=LUTETIUM)
    assert tia.before_first_fraction > 0.5
    severity = {finding.code: finding.severity for finding in findings}
    assert severity["integral-unsupported"] == "critical"
    assert "before-first-point:kidney" in tia.value.not_stated
