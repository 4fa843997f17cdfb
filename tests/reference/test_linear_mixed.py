"""Linear mixed models agree with lme4, pbkrtest, lmerTest and emmeans.

The numbers and the versions stand in ``data/linear_mixed``; ``make/linear_mixed.R`` made them with the optimum of lme4
polished to about 1e-9. The tolerance of everything is 1e-6, relative. The probabilities of R's studentized range are
themselves accurate to 1e-8, absolute, only: those of two means, which are exact, differ from it by more.
"""

import numpy as np
import pytest

from linear_mixed_cases import MODELS, fit_case, reference
from theradose.statistics.linear.effect_tests import coefficient_tests, joint_test, term_tests
from theradose.statistics.linear.marginal_means import marginal_means, marginal_slopes
from theradose.statistics.linear.residual_checks import residual_checks

METHODS = ("kenward-roger", "satterthwaite", "asymptotic")
ADJUSTMENTS = ("tukey", "holm", "bonferroni", "none")
WITH_TRENDS = [name for name in MODELS if reference(name)["trends"]]


def close(value, abs=0.0):
    return pytest.approx(value, rel=1e-6, abs=abs)


@pytest.fixture(params=MODELS)
def case(request):
    return fit_case(request.param), reference(request.param)


def test_estimates_and_likelihood(case):
    fit, known = case
    assert fit.converged
    assert fit.singular is known["singular"]
    assert fit.coefficients == close(list(known["coefficients"].values()))
    assert fit.standard_errors == close(list(known["se"].values()))
    assert fit.residual_sd == close(known["sigma"])
    assert fit.log_likelihood == pytest.approx(known["log_likelihood"], abs=1e-9)
    assert (fit.aic, fit.bic) == pytest.approx((known["aic"], known["bic"]), abs=1e-9)


def test_variances_and_effects(case):
    fit, known = case
    # lme4 orders grouping factors by their number of levels; terms are compared where they are.
    sds = sorted(row["sdcor"] for row in known["varcorr"] if row["var2"] == "NA" and row["grp"] != "Residual")
    assert sorted(sd for part in fit.random for sd in part.sd) == close(sds, abs=1e-6 * fit.residual_sd)
    if len(fit.random) == 1 and not fit.singular:
        correlations = [row["sdcor"] for row in known["varcorr"] if row["var2"] != "NA"]
        (part,) = fit.random
        if len(correlations) == len(part.sd) * (len(part.sd) - 1) // 2:
            assert part.correlation.T[np.triu_indices(len(part.sd), 1)[::-1]] == close(correlations)
        theirs = known["effects"][part.name]
        order = [theirs["groups"].index(group) for group in part.groups]
        scale = np.abs(part.effects).max()
        assert part.effects / scale == pytest.approx(np.array(theirs["values"])[order] / scale, abs=1e-6)
        if theirs["sd"]:
            assert part.effects_sd.ravel() == close(np.array(theirs["sd"]).reshape(part.effects.shape)[order].ravel())
    assert fit.fitted == close(known["fitted"], abs=1e-6 * fit.residual_sd)
    assert residual_checks(fit).within.p == pytest.approx(known["shapiro"], rel=1e-5)


def test_coefficients_have_the_degrees_of_freedom_and_p_of_lmertest(case):
    fit, known = case
    ours, theirs = coefficient_tests(fit, "satterthwaite"), known["satterthwaite"]
    assert [test.df for test in ours] == close([row["df"] for row in theirs])
    assert [test.t for test in ours] == close([row["t value"] for row in theirs])
    assert [test.p for test in ours] == close([row["Pr(>|t|)"] for row in theirs])
    assert [test.low for test in ours] == close([row["lower"] for row in theirs])
    assert [test.high for test in ours] == close([row["upper"] for row in theirs])


def test_coefficients_have_the_adjusted_errors_and_degrees_of_freedom_of_pbkrtest(case):
    fit, known = case
    ours = coefficient_tests(fit)
    assert [test.se for test in ours] == close([row["se"] for row in known["kenward_roger"]])
    assert [test.df for test in ours] == close([row["df"] for row in known["kenward_roger"]])


def test_joint_tests(case):
    fit, known = case
    p = len(fit.coefficients)
    for method, theirs in (known["joint"] or {}).items():
        if theirs.get("ndf", p - 1) < p - 1:
            # lmerTest leaves out directions of small variance, which depends on the units of the columns.
            continue
        ours = joint_test(fit, np.eye(p)[1:], method.replace("_", "-"))
        assert (ours.f, ours.df_denominator, ours.p) == close((theirs["f"], theirs["df"], theirs["p"]))


def test_terms_have_the_tests_of_type_three(case):
    fit, known = case
    for method in ("kenward-roger", "satterthwaite"):
        rows = known["terms"][method.replace("-", "_")]
        # lmerTest has no Kenward-Roger of an ordinary likelihood.
        for our, theirs in zip(term_tests(fit, method), rows, strict=True) if rows else ():
            assert our.df_numerator == theirs["ndf"]
            assert (our.f, our.df_denominator, our.p) == close((theirs["f"], theirs["df"], theirs["p"]))


def numbers(row):
    """Estimate, standard error, degrees of freedom and interval in a row of emmeans, and p apart."""
    names = (("emmean", "estimate"), ("SE",), ("df",), ("lower.CL", "asymp.LCL"), ("upper.CL", "asymp.UCL"))
    values = [next(row[name] for name in either if name in row) for either in names]
    return [float(value) for value in values], row["p.value"]


def ours(contrast):
    return [contrast.estimate, contrast.se, contrast.df, contrast.low, contrast.high], contrast.p


def arguments(known):
    asked, _, by = known["specs"].lstrip("~").partition(" | ")
    extra = known["extra"] or {}
    return asked.split(" * "), {"by": [by] if by else (), **{k: extra[k] for k in ("at", "weights") if k in extra}}


@pytest.mark.parametrize("method", METHODS)
def test_marginal_means_and_differences(case, method):
    fit, known = case
    for means in known["means"]:
        factors, options = arguments(means)
        theirs = means[method.replace("-", "_")]
        for adjust in ADJUSTMENTS:
            result = marginal_means(fit, factors, method=method, adjust=adjust, **options)
            found = [one.mean for one in result.means] + [one.difference for one in result.differences]
            for contrast, row in zip(found, theirs["means"] + theirs["pairs"][adjust], strict=True):
                values, p = numbers(row)
                # R's quantile of the studentized range stops at 1e-4 of a step, by secants: 1e-7 is left at most.
                assert ours(contrast)[0] == close(values)
                assert ours(contrast)[1] == close(p, abs=1e-8 if adjust == "tukey" else 0)


@pytest.mark.parametrize("name", WITH_TRENDS)
def test_marginal_slopes(name):
    fit = fit_case(name)
    for trend in reference(name)["trends"]:
        result = marginal_slopes(fit, trend["var"], trend["specs"].lstrip("~"))
        found = [one.mean for one in result.means] + [one.difference for one in result.differences]
        for contrast, row in zip(found, trend["means"] + trend["pairs"], strict=True):
            values, p = numbers({"estimate": row.get(f"{trend['var']}.trend"), **row})
            assert ours(contrast)[0] == close(values)
            assert ours(contrast)[1] == close(p)
