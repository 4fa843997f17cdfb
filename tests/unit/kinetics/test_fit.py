import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theradose.errors import FitError
from theradose.kinetics.fit import corrected_akaike, fit_model
from theradose.model.curve import TimeActivityCurve

DECAY = math.log(2) / 159.53
TIMES = np.array([4.0, 24.0, 48.0, 96.0, 168.0])


def curve(t_h, activity, relative_u=0.05, u=None):
    activity = np.asarray(activity, float)
    spread = relative_u * np.abs(activity) if u is None else np.asarray(u, float)
    return TimeActivityCurve("kidney", np.asarray(t_h, float), activity, spread, {}, "table")


def fit(t_h, activity, model, relative_u=0.05, u=None):
    return fit_model(curve(t_h, activity, relative_u, u), model, decay_constant_per_h=DECAY)


def test_two_points_give_the_line_through_them():
    """Closed form: rate = ln(A1/A2)/(t2-t1), and its standard uncertainty from the two relative ones."""
    result = fit([24, 96], [100, 30], "mono")
    rate = math.log(100 / 30) / 72
    amplitude = 100 * math.exp(24 * rate)
    assert result.parameters["rate_1_per_h"] == pytest.approx(rate, rel=1e-9)
    assert result.parameters["amplitude_1_mbq"] == pytest.approx(amplitude, rel=1e-9)
    assert result.tia_mbq_h == pytest.approx(amplitude / rate, rel=1e-9)
    assert math.sqrt(result.covariance[1, 1]) == pytest.approx(0.05 * math.sqrt(2) / 72, rel=1e-6)
    # ln TIA = ln A1 + t1 k - ln k with k = (ln A1 - ln A2)/72
    by_first = 1 + 24 / 72 - 1 / (72 * rate)
    by_second = -24 / 72 + 1 / (72 * rate)
    relative = 0.05 * math.hypot(by_first, by_second)
    assert result.u_tia_mbq_h / result.tia_mbq_h == pytest.approx(relative, rel=1e-6)
    assert result.chi_squared == pytest.approx(0.0, abs=1e-12)
    assert "no-degrees-of-freedom" in result.flags


@pytest.mark.parametrize(
    ("model", "n_points", "outcome"),
    [
        ("mono", 1, "one-time-point"),
        ("mono", 2, "no-degrees-of-freedom"),
        ("mono", 3, "aicc-undefined"),
        ("mono", 4, None),
        ("uptake", 2, "too-few-points"),
        ("uptake", 3, "no-degrees-of-freedom"),
        ("uptake", 4, "aicc-undefined"),
        ("uptake", 5, None),
        ("bi", 3, "too-few-points"),
        ("bi", 4, "no-degrees-of-freedom"),
        ("bi", 5, "aicc-undefined"),
        ("bi", 6, None),
    ],
)
def test_rule_for_parameters_and_points(model, n_points, outcome):
    """More parameters than points is refused, as many or one less is flagged (science notes, paragraph 2)."""
    times = np.array([2.0, 6.0, 24.0, 48.0, 96.0, 168.0])[:n_points]
    activity = 60 * np.exp(-0.15 * times) + 40 * np.exp(-0.012 * times)
    if outcome in ("one-time-point", "too-few-points"):
        with pytest.raises(FitError) as refusal:
            fit(times, activity, model)
        assert refusal.value.code == outcome
        return
    flags = set(fit(times, activity, model).flags) & {"no-degrees-of-freedom", "aicc-undefined"}
    assert flags == ({outcome} if outcome else set())
    assert math.isinf(fit(times, activity, model).aicc) == (outcome is not None)


@pytest.mark.parametrize(
    ("model", "truth"),
    [
        ("mono", [3.5, 0.015]),
        ("bi", [40.0, 60.0, 0.01, 0.2]),
        ("uptake", [100.0, 0.014, 0.3]),
    ],
)
def test_exact_data_return_their_parameters(model, truth):
    from theradose.kinetics.models import curve_integral, curve_models, curve_value

    times = np.array([1.0, 4.0, 24.0, 48.0, 96.0, 168.0])
    form = curve_models.get(model).bind(t_h=times, decay_constant_per_h=DECAY)
    result = fit(times, curve_value(form, np.array(truth), times), model)
    np.testing.assert_allclose(list(result.parameters.values()), truth, rtol=1e-6)
    assert result.tia_mbq_h == pytest.approx(curve_integral(form, np.array(truth)), rel=1e-8)
    assert result.chi_squared < 1e-10
    assert not {"rate-saturated", "rate-at-physical-decay", "parameter-uncertain", "poor-fit"} & set(result.flags)


@given(scale=st.floats(1e-3, 1e4), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_integral_is_linear_in_activity(scale, seed):
    noise = 1 + 0.05 * np.random.default_rng(seed).standard_normal(5)
    activity = 3.5 * np.exp(-0.0154 * TIMES) * noise
    one, scaled = fit(TIMES, activity, "mono"), fit(TIMES, scale * activity, "mono")
    # Chi-squared is flat at its minimum, so rates are found to about the root of double precision.
    assert scaled.tia_mbq_h == pytest.approx(scale * one.tia_mbq_h, rel=1e-7)
    assert scaled.u_tia_mbq_h == pytest.approx(scale * one.u_tia_mbq_h, rel=1e-7)
    assert scaled.effective_half_life_h == pytest.approx(one.effective_half_life_h, rel=1e-7)
    assert scaled.flags == one.flags


def test_decay_composes_with_the_rates():
    """Multiplying a curve by exp(-dt) adds d to every rate and to physical decay, and leaves the amplitudes."""
    rng = np.random.default_rng(3)
    times = np.array([1.0, 4.0, 24.0, 48.0, 96.0, 168.0])
    activity = (60 * np.exp(-0.2 * times) + 40 * np.exp(-0.01 * times)) * (1 + 0.03 * rng.standard_normal(6))
    added = 0.01
    decayed = activity * np.exp(-added * times)
    first = fit_model(curve(times, activity), "bi", decay_constant_per_h=DECAY)
    second = fit_model(curve(times, decayed), "bi", decay_constant_per_h=DECAY + added)
    np.testing.assert_allclose(
        list(second.parameters.values()), np.array(list(first.parameters.values())) + [0, 0, added, added], rtol=1e-6
    )


def test_shift_in_time_rescales_the_amplitude():
    rng = np.random.default_rng(4)
    activity = 3.5 * np.exp(-0.0154 * TIMES) * (1 + 0.05 * rng.standard_normal(5))
    first, second = fit(TIMES, activity, "mono"), fit(TIMES + 10, activity, "mono")
    rate = first.parameters["rate_1_per_h"]
    assert second.parameters["rate_1_per_h"] == pytest.approx(rate, rel=1e-7)
    assert second.parameters["amplitude_1_mbq"] == pytest.approx(
        first.parameters["amplitude_1_mbq"] * math.exp(10 * rate), rel=1e-7
    )


def test_agrees_with_an_independent_optimiser():
    from scipy.optimize import curve_fit

    rng = np.random.default_rng(5)
    times = np.array([1.0, 4.0, 12.0, 24.0, 48.0, 96.0, 168.0])
    activity = (60 * np.exp(-0.2 * times) + 40 * np.exp(-0.01 * times)) * (1 + 0.03 * rng.standard_normal(7))
    ours = fit(times, activity, "bi", 0.03)
    theirs, covariance = curve_fit(
        lambda t, a, b, k, m: a * np.exp(-k * t) + b * np.exp(-m * t),
        times, activity, p0=[40, 60, 0.01, 0.2], sigma=0.03 * activity, absolute_sigma=True, xtol=1e-14, ftol=1e-14,
    )  # fmt: skip
    np.testing.assert_allclose(list(ours.parameters.values()), theirs, rtol=1e-5)
    np.testing.assert_allclose(ours.covariance, covariance, rtol=1e-3)


def test_stated_uncertainty_covers_the_truth():
    """One standard uncertainty holds the truth in 68.3 % of 400 fits; four binomial standard deviations are 9.3 %."""
    rng = np.random.default_rng(6)
    truth = 3.5 * np.exp(-0.0154 * TIMES)
    inside = 0
    for _ in range(400):
        result = fit(TIMES, truth + 0.05 * truth * rng.standard_normal(5), "mono", u=0.05 * truth)
        inside += abs(result.tia_mbq_h - 3.5 / 0.0154) < result.u_tia_mbq_h
    assert inside / 400 == pytest.approx(0.683, abs=0.093)


def test_slow_clearance_is_held_and_flagged():
    result = fit([4, 24, 96, 168], [100, 98, 97, 99], "mono")
    assert result.parameters["rate_1_per_h"] == DECAY
    assert {"rate-at-physical-decay", "clearance-slower-than-decay", "poor-fit"} <= set(result.flags)
    assert result.effective_half_life_h == pytest.approx(159.53)
    # Data that rise pull hard on the bound: the rate is known much better than a free one would be.
    assert 0 < math.sqrt(result.covariance[1, 1]) < 0.05 * DECAY
    assert result.covariance[0, 0] > 0


def test_a_rate_on_the_bound_may_be_faster():
    """Exact physical decay: one standard uncertainty of the integral is what raises chi-squared by one."""
    times = np.array([4.0, 24.0, 96.0, 168.0])
    activity = 50 * np.exp(-DECAY * times)
    result = fit(times, activity, "mono")
    faster = result.tia_mbq_h - math.sqrt(result.u_tia_mbq_h**2 - amplitude_part(result) ** 2)
    # Chi-squared of the best amplitude for each rate whose integral is that one, by a scan of rates.
    rates = np.linspace(DECAY, 1.2 * DECAY, 4001)
    shapes = np.exp(-np.outer(rates, times)) / (0.05 * activity)
    amplitudes = shapes @ (activity / (0.05 * activity)) / np.sum(shapes**2, axis=1)
    chi_squared = np.sum((activity / (0.05 * activity) - amplitudes[:, None] * shapes) ** 2, axis=1)
    assert amplitudes[np.argmin(np.abs(chi_squared - 1))] / rates[np.argmin(np.abs(chi_squared - 1))] == pytest.approx(
        faster, rel=1e-3
    )


def amplitude_part(result):
    """Uncertainty of the integral from the amplitude alone: its variance for a fixed rate is 1/sum(shape^2/u^2)."""
    return result.tia_mbq_h * 0.05 / math.sqrt(len(result.sample_t_h))


def test_slightly_slow_clearance_is_flagged_too():
    """A half-life of 200 h is longer than physics allows."""
    times = np.array([4.0, 24.0, 96.0, 168.0])
    assert "clearance-slower-than-decay" in fit(times, np.exp(-math.log(2) / 200 * times), "mono").flags


def test_pure_physical_decay_is_no_violation():
    times = np.array([4.0, 24.0, 96.0, 168.0])
    result = fit(times, 50 * np.exp(-DECAY * times), "mono")
    assert result.tia_mbq_h == pytest.approx(50 / DECAY, rel=1e-8)
    assert "clearance-slower-than-decay" not in result.flags


def test_uptake_faster_than_the_first_sample_is_flagged():
    times = np.array([4.0, 24.0, 48.0, 96.0, 168.0])
    result = fit(times, 100 * np.exp(-0.015 * times), "uptake")
    assert "rate-saturated" in result.flags
    assert math.log(2) / result.parameters["rate_2_per_h"] == pytest.approx(4 / 3, rel=0.01)


def test_bi_exponential_collapses_on_one_phase():
    result = fit([2, 4, 24, 48, 96, 168], 10 * np.exp(-0.02 * np.array([2, 4, 24, 48, 96, 168])) + 0, "bi")
    assert result.tia_mbq_h == pytest.approx(500, rel=1e-6)


def test_extrapolation_is_flagged_by_its_share():
    assert "extrapolation" in fit([4, 24, 48], 10 * np.exp(-0.01 * np.array([4, 24, 48])), "mono").flags
    result = fit(TIMES, 10 * np.exp(-0.02 * TIMES), "mono")
    assert "extrapolation" not in result.flags
    assert result.extrapolated_fraction == pytest.approx(math.exp(-0.02 * 168), rel=1e-6)
    assert result.before_first_fraction == pytest.approx(1 - math.exp(-0.02 * 4), rel=1e-6)


def test_undetermined_parameters_are_flagged():
    result = fit([4, 24, 48, 96, 168], 10 * np.exp(-0.02 * TIMES), "mono", relative_u=0.8)
    assert "parameter-uncertain" in result.flags


@pytest.mark.parametrize(
    ("t_h", "activity", "u", "code"),
    [
        ([-1, 24], [3, 2], [0.1, 0.1], "curve-invalid"),
        ([4, 24], [3, math.nan], [0.1, 0.1], "curve-invalid"),
        ([4, 24], [3, 2], [0.1, 0.0], "uncertainty-missing"),
        ([4, 24], [3, 2], [0.1, math.nan], "uncertainty-missing"),
        ([4, 24], [0, -1], [0.1, 0.1], "no-activity"),
        ([4, 24], [-9, 0.1], [0.1, 0.1], "no-activity"),
        ([], [], [], "no-points"),
    ],
)
def test_bad_curves_are_refused(t_h, activity, u, code):
    with pytest.raises(FitError) as refusal:
        fit(t_h, activity, "mono", u=u)
    assert refusal.value.code == code
    assert "kidney" in str(refusal.value)


@pytest.mark.parametrize("times", [[24, 24], [24, 4]])
def test_duplicate_or_unsorted_times_are_refused(times):
    with pytest.raises(FitError) as refusal:
        curve(times, [3, 2])
    assert refusal.value.code == "curve-times"


def test_unknown_model_names_the_valid_ones():
    with pytest.raises(FitError, match="mono, bi, uptake"):
        fit([4, 24], [3, 2], "tetra")


def test_a_short_lived_nuclide_seen_late_still_has_a_range_of_rates():
    """99mTc at 24 h: physical decay is faster than a third of the sample time, which must not close the range."""
    decay = math.log(2) / 6.007
    times = np.array([24.0, 30.0, 48.0])
    result = fit_model(curve(times, 100 * np.exp(-0.13 * times)), "mono", decay_constant_per_h=decay)
    assert result.parameters["rate_1_per_h"] == pytest.approx(0.13, rel=1e-6)


def test_corrected_akaike():
    """Anderson's small-sample term: 2K(K+1)/(N-K-1) = 6 for K = 2, N = 5."""
    assert corrected_akaike(5.516, n_parameters=2, n_points=5) == pytest.approx(15.516)
    assert math.isinf(corrected_akaike(1.0, n_parameters=2, n_points=3))


@pytest.mark.parametrize("times", [[96, 168], [72, 144], [96, 120, 168]])
def test_a_single_fast_phase_is_seen_between_late_samples(times):
    """Exact data with a half-life of 20 h: nothing but the samples themselves may limit the rate."""
    values = 100 * 0.5 ** (np.array(times) / 20)
    result = fit(times, values, "mono")
    assert result.effective_half_life_h == pytest.approx(20, rel=1e-6)
    assert result.tia_mbq_h == pytest.approx(100 * 20 / math.log(2), rel=1e-6)
    assert "rate-saturated" not in result.flags
