"""Linear regression against statsmodels, adjusted tests against a worked example, ridge against a general optimiser."""

import numpy as np
import pytest
from scipy.optimize import minimize

from theradose.errors import StatisticsError
from theradose.statistics.binary.ridge import (
    brier_score,
    calibration,
    cross_validate,
    fit_ridge_logistic,
)
from theradose.statistics.design import Factor, Numeric, build_design
from theradose.statistics.linear.regression import fit_linear
from theradose.statistics.multiplicity import holm

RNG = np.random.default_rng(7)


def test_linear_regression_agrees_with_statsmodels():
    import statsmodels.api as sm

    dose, group = RNG.gamma(2, 0.3, 25), RNG.choice(["no", "yes"], 25)
    y = 0.1 + 0.3 * dose + 0.05 * (group == "yes") + 0.04 * RNG.standard_normal(25)
    design = build_design([Numeric("dose_gy", dose), Factor("chemotherapy", group, reference="no")])
    fit, other = fit_linear(response=y, design=design), sm.OLS(y, design.matrix).fit()
    np.testing.assert_allclose([e.value for e in fit.effects], other.params, rtol=1e-10)
    np.testing.assert_allclose([e.u for e in fit.effects], other.bse, rtol=1e-10)
    np.testing.assert_allclose([e.p for e in fit.effects], other.pvalues, rtol=1e-8)
    np.testing.assert_allclose([(e.low, e.high) for e in fit.effects], other.conf_int(), rtol=1e-9)
    assert 0 < fit.normality_p <= 1


def test_too_few_rows_are_refused():
    design = build_design([Numeric("dose_gy", np.array([1.0, 2.0]))])
    with pytest.raises(StatisticsError, match="2 rows"):
        fit_linear(response=[1.0, 2.0], design=design)


def test_holm_on_a_worked_example():
    """Of 0.01, 0.04, 0.03 the steps are 3·0.01, then max(2·0.03, …), then max(1·0.04, …)."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])
    assert holm([]).size == 0


def risk_data(patients=60, rows=4, slope=1.2, seed=3):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(patients), rows)
    x = rng.standard_normal((patients * rows, 3))
    logit = -1.0 + slope * x[:, 0]
    return (rng.random(len(x)) < 1 / (1 + np.exp(-logit))).astype(float), x, groups


@pytest.mark.parametrize("penalty", [1e-3, 0.1, 10.0])
def test_ridge_agrees_with_a_general_optimiser(penalty):
    y, x, _ = risk_data()
    fit = fit_ridge_logistic(outcome=y, predictors=x, penalty=penalty)
    z = (x - x.mean(axis=0)) / x.std(axis=0)

    def loss(beta):
        logit = beta[0] + z @ beta[1:]
        return np.sum(np.logaddexp(0, logit) - y * logit) + penalty * len(y) / 2 * np.sum(beta[1:] ** 2)

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(np.append(fit.intercept, fit.coefficients), best, atol=2e-6)


def test_calibration_of_the_truth_and_of_predictions_twice_as_extreme():
    rng = np.random.default_rng(0)
    logit = rng.standard_normal(20_000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(-logit))).astype(float)
    right = calibration(outcome=y, predicted=1 / (1 + np.exp(-logit)))
    extreme = calibration(outcome=y, predicted=1 / (1 + np.exp(-2 * logit)))
    assert abs(right.slope - 1) < 4 * right.u_slope and abs(right.intercept) < 4 * right.u_intercept
    assert extreme.slope == pytest.approx(right.slope / 2, rel=1e-9)
    assert np.isnan(calibration(outcome=y, predicted=np.full(20_000, 0.3)).slope)


def test_cross_validation_keeps_patients_together_and_predictions_honest():
    """With one outcome for each patient, a model that saw the patient would know it."""
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(40), 5)
    y = np.repeat((rng.random(40) < 0.4).astype(float), 5)
    identity = (groups[:, None] == np.arange(40)).astype(float)
    validated = cross_validate(outcome=y, predictors=identity, groups=groups, repeats=2)
    share = brier_score(outcome=y, predicted=np.full(len(y), y.mean()))
    assert brier_score(outcome=y, predicted=validated.probability[0]) > 0.98 * share
    with pytest.raises(StatisticsError, match="splits"):
        cross_validate(outcome=(groups == 0).astype(float), predictors=identity, groups=groups)


def test_cross_validation_finds_a_predictor():
    y, x, groups = risk_data()
    validated = cross_validate(outcome=y, predictors=x, groups=groups.tolist(), repeats=2)
    share = brier_score(outcome=y, predicted=np.full(len(y), y.mean()))
    assert np.mean((y - validated.probability) ** 2) < 0.9 * share
    again = cross_validate(outcome=y, predictors=x, groups=groups.tolist(), repeats=2)
    assert np.array_equal(again.probability, validated.probability)
