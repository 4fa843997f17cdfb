"""One patient's response: prior, posterior, prediction."""

import numpy as np
import pytest

from theradose.biology.haematology import MarrowResponse, dose_rate_of_cycles, myelosuppression
from theradose.biology.haematology_fit import ResponsePrior, fit_response, packaged_prior, predict_nadir
from theradose.errors import PhysicsError

STARTS = np.array([0.0, 1344.0, 2688.0])
DOSE_RATE = dose_rate_of_cycles(start_h=STARTS, dose_gy=[0.4, 0.35, 0.3], effective_half_life_h=[30.0] * 3)
TRUTH = MarrowResponse(210.0, 300.0, 0.2, 1.2)
TIMES = np.sort(np.concatenate([start + np.array([-1.0, 240, 480, 720, 960]) for start in STARTS]))
TRUE_COUNTS = myelosuppression(t_h=TIMES, parameters=TRUTH, dose_rate=DOSE_RATE)
TRUE_ROW = np.array([TRUTH.baseline, TRUTH.mtt_h, TRUTH.gamma, TRUTH.alpha_per_gy])


def sharp(sd_residual):
    """A prior around the truth that is as wide as the packaged one."""
    prior = packaged_prior("platelets")
    return ResponsePrior("platelets", prior.median, prior.sd_log, sd_residual, "test", "stated", "1")


def test_exact_counts_with_small_errors_give_the_truth():
    fit = fit_response(t_h=TIMES, counts=TRUE_COUNTS, dose_rate=DOSE_RATE, prior=sharp(1e-4))
    found = [fit.parameters.baseline, fit.parameters.mtt_h, fit.parameters.gamma, fit.parameters.alpha_per_gy]
    # The prior draws by (sd_residual/spread)², far below this.
    np.testing.assert_allclose(found, TRUE_ROW, rtol=2e-3)
    assert not fit.findings


def test_one_count_before_therapy_leaves_the_prior():
    prior = packaged_prior("platelets")
    fit = fit_response(t_h=[-24.0], counts=[prior.median[0]], dose_rate=DOSE_RATE, prior=prior)
    found = [fit.parameters.baseline, fit.parameters.mtt_h, fit.parameters.gamma, fit.parameters.alpha_per_gy]
    np.testing.assert_allclose(found, prior.median, rtol=1e-6)
    expected = prior.sd_log.copy()
    expected[0] = 1 / np.hypot(1 / prior.sd_log[0], 1 / prior.sd_residual)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance_log)), expected, rtol=1e-4)
    assert [finding.code for finding in fit.findings] == ["response-illustrative"]


def test_posterior_intervals_cover_the_truth_of_patients_drawn_from_the_prior():
    """Nominal 90 % of 30 predicted nadirs: 27 ± 1.6; 22 or more pass in 998 of 1000."""
    rng = np.random.default_rng(2)
    prior = packaged_prior("platelets")
    fourth = dose_rate_of_cycles(
        start_h=[*STARTS, 4032.0], dose_gy=[0.4, 0.35, 0.3, 0.35], effective_half_life_h=[30.0] * 4
    )
    grid = np.linspace(4032.0, 5376.0, 225)
    covered = 0
    for number in range(30):
        truth = MarrowResponse(*(prior.median * np.exp(prior.sd_log * rng.standard_normal(4))).tolist())
        counts = myelosuppression(t_h=TIMES, parameters=truth, dose_rate=DOSE_RATE, tolerance=1e-7)
        noisy = counts * np.exp(prior.sd_residual * rng.standard_normal(len(TIMES)))
        fit = fit_response(t_h=TIMES, counts=noisy, dose_rate=DOSE_RATE, prior=prior, draws=200, seed=number)
        nadir = predict_nadir(fit=fit, dose_rate=fourth, start_h=4032.0, end_h=5376.0)
        true = myelosuppression(t_h=grid, parameters=truth, dose_rate=fourth, tolerance=1e-7).min()
        covered += nadir.count.low <= true <= nadir.count.high
    assert covered >= 22


def test_the_seed_makes_the_draws():
    fits = [
        fit_response(t_h=TIMES, counts=TRUE_COUNTS, dose_rate=DOSE_RATE, prior=sharp(0.1), draws=50, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(fits[0].draws, fits[1].draws)
    assert not np.array_equal(fits[0].draws, fits[2].draws)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: packaged_prior("lymphocytes"), "haematology-quantity"),
        (lambda: fit_response(t_h=[1.0], counts=[0.0], dose_rate=DOSE_RATE, prior=sharp(0.1)), "haematology-counts"),
        (lambda: ResponsePrior("wbc", [1, 2, 3], [1, 1, 1], 0.1, "", "", ""), "haematology-prior"),
    ],
)
def test_refusals(call, code):
    with pytest.raises(PhysicsError) as refused:
        call()
    assert refused.value.code == code
