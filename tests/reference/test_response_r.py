"""The whole analysis of a virtual cohort against R: lme4, pbkrtest, lmerTest, emmeans, pROC, nlme and survival.

The engines have their own comparisons; this one shows that the analysis asks them what the published one asked. Numbers
are from ``make/response.R``.
"""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from theradose.cohort.response.settings import default_settings
from theradose.cohort.response.shrinkage import shrinkage
from theradose.statistics.binary.roc import youden
from theradose.statistics.survival import cox, kaplan_meier
from theradose.workflow.cohort_response import run_response

FOLDER = Path(__file__).parent / "data" / "response"
R = json.loads((FOLDER / "r.json").read_text(encoding="utf-8"))
GRADES = ("G1", "G2")
# Where the criterion of lme4 is flat in the variance its estimates, not ours, limit the agreement.
LMM = 1e-6


@pytest.fixture(scope="module")
def analysis():
    return run_response(FOLDER / "tumours.csv", settings=replace(default_settings(), replicates=200)).analysis


def check_means(means, expected):
    kr, satterthwaite = means.difference["kenward-roger"], means.difference["satterthwaite"]
    assert [m.estimate for m in means.means] == pytest.approx(expected["means"], rel=LMM)
    assert kr.estimate == pytest.approx(expected["difference"], rel=LMM)
    assert (kr.df, kr.p) == pytest.approx((expected["kr"]["df"], expected["kr"]["p"]), rel=LMM)
    assert satterthwaite.df == pytest.approx(expected["satterthwaite"]["df"], rel=10 * LMM)
    assert satterthwaite.p == pytest.approx(expected["satterthwaite"]["p"], rel=LMM)
    assert means.patient_sd == pytest.approx(expected["patient_sd"], rel=10 * LMM)


@pytest.mark.parametrize(("k", "grade"), [*enumerate(GRADES)])
def test_doses_of_responders(analysis, k, grade):
    check_means(analysis.primary.dose_means[k], R["dose_means"][grade])


@pytest.mark.parametrize(("k", "grade"), [*enumerate(GRADES)])
def test_volume_at_baseline(analysis, k, grade):
    check_means(analysis.baseline[k], R["baseline"][grade])


@pytest.mark.parametrize(("k", "name"), [(0, "agq"), (1, "laplace")])
def test_probability_of_response(analysis, k, name):
    fit, expected = analysis.primary.control.fits[k], R[name]
    assert fit.intercept.value == pytest.approx(expected["intercept"], rel=1e-5)
    assert [fit.slopes[g].value for g in GRADES] == pytest.approx(expected["slopes"], rel=1e-5)
    assert [fit.slopes[g].u for g in GRADES] == pytest.approx(expected["u_slopes"], rel=1e-4)
    assert fit.patient_sd == pytest.approx(expected["patient_sd"], rel=1e-5)


@pytest.mark.parametrize("grade", GRADES)
def test_area_under_the_curve(analysis, grade):
    found, expected = analysis.primary.discrimination[grade].delong, R["areas"][grade]
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected["auc"], expected["low"], expected["high"]), abs=1e-8
    )


def test_best_cut_off(analysis):
    best = youden(analysis.primary.discrimination["G2"].curve)
    assert best.threshold == pytest.approx(R["areas"]["G2"]["youden"], rel=1e-9)


def test_growth_by_the_algorithm_of_nlme(analysis):
    """Grade 2 alone; nlme to 2e-4 in the fixed effects and 1e-3 in the variance."""
    one = analysis.primary
    mask = one.of_grade("G2")
    patients = [outcome.patient for outcome, inside in zip(one.outcomes, mask, strict=True) if inside]
    found = shrinkage(
        dose_gy=one.dose_gy[mask], reduction=one.reduction[mask], grades=["G2"] * len(patients), patients=patients,
        significant=["G2"], level=0.95, where="",
    )  # fmt: skip
    fit = next(fit for fit in found.fits if fit.method == "lindstrom-bates")
    expected, part = R["growth_g2_alone"], fit.parameters["G2"]
    assert (part.amplitude, part.scale_gy) == pytest.approx((expected["amplitude"], expected["scale_gy"]), rel=2e-4)
    assert fit.patient_sd**2 == pytest.approx(expected["patient_sd"] ** 2, rel=1e-3)
    exact = found.fits[0].parameters["G2"]
    assert exact.scale_gy != pytest.approx(part.scale_gy, rel=2e-4)


def test_hazard_of_growth(analysis):
    hazard, expected = analysis.regrowth.hazard, R["cox"]
    assert [math.log(h.value) for h in hazard] == pytest.approx(expected["log_ratio"], rel=1e-7)
    assert [h.u_log for h in hazard] == pytest.approx(expected["u"], rel=1e-7)
    assert [h.u_log_independent for h in hazard] == pytest.approx(expected["u_independent"], rel=1e-7)


def test_time_to_growth(analysis):
    by_grade = analysis.regrowth.comparisons[0]
    assert by_grade.test.chi_squared == pytest.approx(R["log_rank_grade"], rel=1e-9)
    median, expected = by_grade.curves["G2"].median, R["median_g2_d"]
    assert (median.value, median.low) == (expected["value"], expected["low"])
    assert math.isnan(median.high) and expected["high"] is None


@pytest.mark.parametrize("grade", GRADES)
def test_correlation(analysis, grade):
    found, expected = analysis.primary.correlations[grade][0], R["correlation"][grade]
    assert (found.value, found.p) == pytest.approx((expected["pearson"], expected["p"]), rel=1e-9)


def test_rows_that_leave_before_the_first_event_change_nothing():
    """They are in no risk set of an event, and their patients have no residuals."""
    rng = np.random.default_rng(4)
    time, event, dose = rng.exponential(100, 40) + 20, rng.random(40) < 0.6, rng.normal(size=40)
    patients = [f"P{k // 3}" for k in range(40)]
    alone = cox(time, event, {"dose": dose}, clusters=patients)[0]
    more = cox(
        np.r_[5.0, 6.0, time],
        np.r_[False, False, event],
        {"dose": np.r_[1.0, -1.0, dose]},
        clusters=["X", "Y", *patients],
    )[0]
    assert (more.value, more.u_log) == pytest.approx((alone.value, alone.u_log), rel=1e-9)
    assert kaplan_meier(time, event).n == 40
