"""Logistic models and ROC curves against lme4, brglm2 and pROC of R.

The numbers are made by ``tests/reference/make/logistic.R``; the versions stand in the file.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from theradose.statistics.binary.logistic import fit_logistic
from theradose.statistics.binary.mixed import fit_logistic_mixed
from theradose.statistics.binary.profile import profile_effect
from theradose.statistics.binary.roc import auc_delong, roc, youden
from theradose.statistics.binary.roc_bootstrap import auc_bootstrap
from theradose.statistics.design import Factor, Interaction, Numeric, build_design

R = json.loads((Path(__file__).parent / "data" / "logistic.json").read_text(encoding="utf-8"))
MIXED = [(name, fit) for name, entry in R["mixed"].items() for fit in entry["fits"]]
# Twenty logits of spread in 14 patients: lme4's inner iterations leave the maximum undetermined to 1e-4.
UNDETERMINED = ("huge", 1)


def fitted(name, nodes):
    data = R["mixed"][name]["data"]
    dose = Numeric("dose_gy", np.array(data["dose"]))
    design = build_design([dose, Interaction(dose, Factor("grade", data["grade"], reference=1))])
    method = "laplace" if nodes == 1 else "agq"
    return fit_logistic_mixed(response=data["outcome"], design=design, groups=data["patient"], method=method)


def by_dose(data, method):
    design = build_design([Numeric("dose_gy", np.array(data["dose"]))])
    return fit_logistic(response=data["outcome"], design=design, method=method)


@pytest.mark.parametrize(("name", "expected"), MIXED, ids=[f"{name}-{fit['nodes']}" for name, fit in MIXED])
class TestAgainstLme4:
    def test_estimates(self, name, expected):
        tolerance = 2e-4 if (name, expected["nodes"]) == UNDETERMINED else 1e-6
        fit = fitted(name, expected["nodes"])
        np.testing.assert_allclose(fit.coefficients, expected["coefficients"], rtol=0, atol=tolerance)
        assert fit.random_sd == pytest.approx(expected["random_sd"], abs=tolerance)
        assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-6)
        assert fit.singular == expected["singular"]
        assert fit.converged

    def test_standard_errors(self, name, expected):
        # Richardson's derivatives of lme4's deviance, whose inner iterations are noisier for Laplace's approximation;
        # what lme4 prints is from plain differences of 1e-4.
        near, printed = (1e-5, 5e-5) if expected["nodes"] > 1 else (5e-5, 5e-5)
        if (name, expected["nodes"]) == UNDETERMINED:
            near = printed = 2e-2
        u = np.sqrt(np.diag(fitted(name, expected["nodes"]).covariance))
        np.testing.assert_allclose(u, expected["se"], rtol=near)
        np.testing.assert_allclose(u, expected["as_printed"]["se"], rtol=printed)


@pytest.mark.parametrize("name", R["firth"])
class TestAgainstBrglm2:
    def test_estimates(self, name):
        expected = R["firth"][name]
        fit = by_dose(expected["data"], "firth")
        np.testing.assert_allclose(fit.coefficients, expected["coefficients"], rtol=0, atol=1e-6)
        np.testing.assert_allclose(fit.covariance, expected["covariance"], rtol=1e-6)
        assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-6)
        assert [finding.code for finding in fit.findings] == ["separation"] * (name in ("separated", "quasi"))

    def test_profile(self, name):
        expected = R["firth"][name]["profile"]
        effect = profile_effect(by_dose(R["firth"][name]["data"], "firth"), "dose_gy")
        assert effect.low == pytest.approx(expected["low"], rel=1e-6)
        assert effect.high == pytest.approx(expected["high"], rel=1e-6)
        assert effect.p == pytest.approx(expected["p"], rel=1e-6)


@pytest.mark.parametrize("expected", R["plain"], ids=[entry["set"] for entry in R["plain"]])
def test_plain_model_against_glm(expected):
    fit = by_dose(R["mixed"][expected["set"]]["data"], "ml")
    np.testing.assert_allclose(fit.coefficients, expected["coefficients"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(fit.covariance, expected["covariance"], rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-9)


@pytest.mark.parametrize("name", R["roc"])
class TestAgainstProc:
    def test_area_and_delong(self, name):
        expected = R["roc"][name]
        area = auc_delong(expected["score"], expected["outcome"])
        assert area.value == pytest.approx(expected["auc"], abs=1e-12)
        assert area.u**2 == pytest.approx(expected["variance"], abs=1e-12)
        np.testing.assert_allclose((area.low, area.value, area.high), expected["ci"], rtol=0, atol=1e-12)

    def test_curve_and_best_cut_off(self, name):
        expected = R["roc"][name]
        curve = roc(expected["score"], expected["outcome"])
        np.testing.assert_allclose(curve.thresholds[1:-1], expected["thresholds"])
        np.testing.assert_allclose(curve.sensitivity, expected["sensitivity"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(curve.specificity, expected["specificity"], rtol=0, atol=1e-12)
        assert curve.auc == pytest.approx(expected["auc"], abs=1e-12)
        best = youden(curve)
        assert best.threshold == float(expected["best"]["threshold"])
        assert best.sensitivity.value == pytest.approx(expected["best"]["sensitivity"], abs=1e-12)

    def test_bootstrap(self, name):
        # Both draw 10,000: an end of the interval is known to about 2 % of its width, and areas of few rows are
        # multiples of 1/(cases x controls).
        expected = R["roc"][name]
        drawn = auc_bootstrap(expected["score"], expected["outcome"], seed=1)
        step = 1 / (sum(expected["outcome"]) * (len(expected["outcome"]) - sum(expected["outcome"])))
        allowed = 0.05 * (expected["bootstrap"][2] - expected["bootstrap"][0]) + 2 * step
        assert drawn.auc.low == pytest.approx(expected["bootstrap"][0], abs=allowed)
        assert drawn.auc.high == pytest.approx(expected["bootstrap"][2], abs=allowed)
