from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import CalibrationError
from theradose.model.recovery import RecoveryPoints
from theradose.quantify.recovery import RecoveryCurve, fit_recovery, recovery_at
from theradose.quantify.volume import sphere_recovery
from theradose.uncertainty import covariance

VOLUMES = np.array([0.5, 1.0, 2.0, 5.0, 11.0, 26.0, 113.0])


def truth(volume_ml, b1=3.0, b2=0.9):
    return 1 - 1 / (1 + (volume_ml / b1) ** b2)


def points(noise=0.0, u=0.02, seed=1):
    generator = np.random.default_rng(seed)
    recovery = truth(VOLUMES) + noise * generator.standard_normal(len(VOLUMES))
    return RecoveryPoints("rc", VOLUMES, recovery, np.full(len(VOLUMES), u))


CURVE = RecoveryCurve("rc", 3.0, 0.9, np.array([[0.09, 0.004], [0.004, 0.0025]]), (0.5, 113.0))


def test_exact_points_give_back_the_parameters():
    curve, findings = fit_recovery(points())
    assert curve.half_volume_ml == pytest.approx(3.0, rel=1e-6)
    assert curve.exponent == pytest.approx(0.9, rel=1e-6)
    assert curve.volume_range_ml == (0.5, 113.0)
    assert findings == ()


def test_covariance_describes_the_scatter_of_fits():
    """400 fits to noisy points: sample standard deviations have a relative error of 3.5 %; 4 of these are allowed."""
    fits = [fit_recovery(points(noise=0.02, seed=seed))[0] for seed in range(400)]
    expected = np.sqrt(np.diag(fit_recovery(points())[0].covariance))
    scatter = np.std([[fit.half_volume_ml, fit.exponent] for fit in fits], axis=0, ddof=1)
    assert scatter == pytest.approx(expected, rel=0.14)


def test_points_that_scatter_more_than_stated_enlarge_the_uncertainty():
    stated, _ = fit_recovery(points())
    curve, findings = fit_recovery(points(noise=0.1))
    assert [finding.code for finding in findings] == ["recovery-fit-poor"]
    assert curve.covariance[0, 0] > stated.covariance[0, 0]


def blurred(u, fwhm_mm=7.0):
    recovery = np.array([sphere_recovery(volume_ml=v, fwhm_mm=fwhm_mm) for v in VOLUMES])
    return RecoveryPoints("rc", VOLUMES, recovery, u * recovery)


@pytest.mark.parametrize("volume_ml", [1.5, 8.0, 60.0, 150.0, 1500.0])
def test_the_form_of_the_curve_is_uncertain_by_what_a_blur_would_give(volume_ml):
    """Points of a Gaussian blur, known to 3 %: both forms pass them, so their difference is not known to be nothing."""
    curve, findings = fit_recovery(blurred(0.03))
    assert findings == ()
    assert curve.blur_fwhm_mm == pytest.approx(7.0, rel=1e-4)
    # Neither form is excluded: the blur has one parameter less and no residuals.
    assert 0.7 < curve.blur_weight < 0.95
    missing = sphere_recovery(volume_ml=volume_ml, fwhm_mm=7.0) - curve.value(volume_ml)
    form = curve.uncertain(volume_ml).contributions.get("recovery:rc:form", 0.0)
    assert form == pytest.approx(np.sqrt(curve.blur_weight) * missing, abs=1e-6)


def test_a_form_that_the_points_exclude_has_no_say():
    curve, _ = fit_recovery(points(u=0.002))
    assert curve.blur_weight < 1e-3
    assert abs(curve.uncertain(150.0).contributions["recovery:rc:form"]) < 1e-3


def test_a_curve_that_describes_its_points_badly_does_not_exclude_the_blur():
    """Noise five times the stated: the same points with their true uncertainty give about the same weight."""
    poor, findings = fit_recovery(points(noise=0.05, u=0.01, seed=3))
    assert [finding.code for finding in findings] == ["recovery-fit-poor"]
    honest, _ = fit_recovery(points(noise=0.05, u=0.05, seed=3))
    assert abs(poor.blur_weight - honest.blur_weight) < 0.2


def test_two_points_fit_exactly_and_say_so():
    curve, findings = fit_recovery(
        RecoveryPoints("rc", VOLUMES[[1, 5]], truth(VOLUMES[[1, 5]]), np.array([0.02, 0.02]))
    )
    assert curve.half_volume_ml == pytest.approx(3.0, rel=1e-6)
    assert [finding.code for finding in findings] == ["recovery-fit-exact"]


def test_one_volume_is_refused():
    with pytest.raises(CalibrationError) as caught:
        fit_recovery(RecoveryPoints("rc", np.array([1.0, 1.0]), np.array([0.3, 0.4]), np.array([0.1, 0.1])))
    assert caught.value.code == "recovery-too-few"


def test_recovery_that_cannot_rise_is_refused():
    with pytest.raises(CalibrationError) as caught:
        fit_recovery(RecoveryPoints("rc", VOLUMES, np.full(7, 1.1), np.full(7, 0.01)))
    assert caught.value.code == "recovery-fit-failed"


def test_not_positive_points_are_refused():
    with pytest.raises(CalibrationError) as caught:
        RecoveryPoints("rc", VOLUMES, truth(VOLUMES), np.zeros(7))
    assert caught.value.code == "recovery-not-positive"


@given(st.floats(0.05, 2000))
def test_derivative_is_the_slope(volume_ml):
    step = 1e-5 * volume_ml
    slope = (CURVE.value(volume_ml + step) - CURVE.value(volume_ml - step)) / (2 * step)
    assert CURVE.derivative_per_ml(volume_ml) == pytest.approx(slope, rel=1e-4, abs=1e-12)


@given(st.floats(0.05, 2000), st.floats(0.05, 2000))
def test_two_sources_carry_variance_and_covariance_of_the_parameters(first_ml, second_ml):
    def gradient(volume_ml):
        step = 1e-6
        by_b1 = truth(volume_ml, 3 + step) - truth(volume_ml, 3 - step)
        by_b2 = truth(volume_ml, 3, 0.9 + step) - truth(volume_ml, 3, 0.9 - step)
        return np.array([by_b1, by_b2]) / (2 * step)

    first, second = CURVE.uncertain(first_ml), CURVE.uncertain(second_ml)
    assert set(first.contributions) <= {"recovery:rc:1", "recovery:rc:2"}
    assert first.u**2 == pytest.approx(gradient(first_ml) @ CURVE.covariance @ gradient(first_ml), rel=1e-5, abs=1e-12)
    assert covariance(first, second) == pytest.approx(
        gradient(first_ml) @ CURVE.covariance @ gradient(second_ml), rel=1e-4, abs=1e-9
    )


@pytest.mark.parametrize(
    ("volume_ml", "codes"), [(0.2, ["recovery-below-range"]), (5.0, []), (500.0, ["recovery-above-range"])]
)
def test_outside_the_phantom_is_a_finding(volume_ml, codes):
    recovery, findings = recovery_at(CURVE, volume_ml, region="lesion")
    assert recovery.value == pytest.approx(truth(volume_ml))
    assert [finding.code for finding in findings] == codes
    assert all(finding.where == "lesion" for finding in findings)


def test_no_volume_has_no_recovery():
    with pytest.raises(CalibrationError):
        recovery_at(CURVE, 0.0, region="lesion")


@pytest.mark.parametrize("covariance", [np.zeros((3, 3)), np.diag([-1.0, 1.0]), np.diag([np.nan, 1.0])])
def test_meaningless_covariance_is_refused(covariance):
    with pytest.raises(CalibrationError):
        RecoveryCurve("rc", 3.0, 0.9, covariance, (1.0, 2.0))
