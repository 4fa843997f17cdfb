import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theradose.errors import StatisticsError
from theradose.statistics.design import Factor, Interaction, Numeric, build_design
from theradose.statistics.linear.effect_tests import (
    coefficient_tests,
    contrast,
    joint_test,
    likelihood_ratio,
    term_tests,
)
from theradose.statistics.linear.mixed import RandomEffect, fit_linear_mixed
from theradose.statistics.linear.profiled_deviance import derivatives, standardise
from theradose.statistics.linear.random_effects import random_terms
from theradose.statistics.linear.residual_checks import normality, residual_checks

METHODS = ("kenward-roger", "satterthwaite", "asymptotic")
seeds = st.integers(0, 10_000)


def cohort(seed, n=40, patients=10, between=1.0, slope=0.0):
    """Return response, dose, grade and patient of simulated tumours."""
    rng = np.random.default_rng(seed)
    patient = np.concatenate([np.arange(patients), rng.integers(0, patients, n - patients)])
    dose, grade = rng.lognormal(4, 0.5, n), np.where(np.arange(n) < 4, np.arange(n) % 2, rng.integers(0, 2, n))
    effects = rng.standard_normal((2, patients))
    y = 2 + 0.01 * dose + 0.5 * grade + between * effects[0, patient] + slope * effects[1, patient] * dose / 50
    return y + rng.standard_normal(n), dose, grade, patient


def fit(y, dose, grade, patient, *, reml=True, slope=False):
    number = Numeric("dose", dose)
    effect = RandomEffect("patient", patient, build_design([number]) if slope else None)
    design = build_design([number, Factor("grade", grade)])
    return fit_linear_mixed(response=y, design=design, random=[effect], reml=reml)


def values(tests):
    return [[test.t, test.df, test.p] for test in tests]


@pytest.mark.parametrize("reml", [True, False])
def test_likelihood_is_that_of_the_normal_distribution(reml):
    """Written out with matrices of rows by rows, which the engine never forms."""
    y, dose, grade, patient = cohort(1, slope=1.0)
    found = fit(y, dose, grade, patient, reml=reml, slope=True)
    x, (part,) = found.design.matrix, found.random
    z = x[:, :2]
    v = (patient[:, None] == patient) * (z @ part.covariance @ z.T) + found.residual_sd**2 * np.eye(len(y))
    rest = y - x @ found.coefficients
    deviance = len(y) * math.log(2 * math.pi) + np.linalg.slogdet(v)[1] + rest @ np.linalg.solve(v, rest)
    information = x.T @ np.linalg.solve(v, x)
    if reml:
        deviance += np.linalg.slogdet(information)[1] - x.shape[1] * math.log(2 * math.pi)
    assert found.log_likelihood == pytest.approx(-deviance / 2, rel=1e-12)
    assert found.covariance == pytest.approx(np.linalg.inv(information), rel=1e-9)
    modes = part.covariance @ z[patient == 3].T @ np.linalg.solve(v, rest)[patient == 3]
    assert part.effects[3] == pytest.approx(modes, rel=1e-8)


@pytest.mark.parametrize("reml", [True, False])
def test_derivatives_are_those_of_the_deviance(reml):
    y, dose, grade, patient = cohort(2, slope=1.0)
    x = np.column_stack([np.ones(len(y)), dose])
    effects = [RandomEffect("patient", patient, build_design([Numeric("dose", dose)])), RandomEffect("grade", grade)]
    terms, _ = random_terms(effects, len(y))
    problem = standardise(y, x, terms, reml)
    theta, h = np.array([0.8, -0.3, 0.5, 0.4]), 1e-5
    value, gradient, hessian = derivatives(problem, theta)
    steps = [(derivatives(problem, theta + h * e), derivatives(problem, theta - h * e)) for e in np.eye(4)]
    assert gradient == pytest.approx([(a[0] - b[0]) / (2 * h) for a, b in steps], abs=1e-7)
    assert hessian == pytest.approx(np.array([(a[1] - b[1]) / (2 * h) for a, b in steps]), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(-1e4, 1e4), st.floats(1e-4, 1e4), st.booleans())
def test_shift_and_scale_of_the_response_change_no_test(seed, shift, scale, slope):
    data = cohort(seed, slope=0.5)
    plain = fit(*data, slope=slope)
    moved = fit(shift + scale * data[0], *data[1:], slope=slope)
    assert moved.coefficients[1:] == pytest.approx(scale * plain.coefficients[1:], rel=1e-6, abs=1e-9 * scale)
    assert moved.singular == plain.singular
    assert moved.residual_sd == pytest.approx(scale * plain.residual_sd, rel=1e-8)
    for method in METHODS:
        ours, theirs = (coefficient_tests(f, method)[1:] for f in (moved, plain))
        assert np.array(values(ours)) == pytest.approx(np.array(values(theirs)), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(1e-3, 1e3))
def test_units_of_a_random_slope_change_no_test(seed, unit):
    y, dose, grade, patient = cohort(seed, slope=0.5)
    plain, changed = fit(y, dose, grade, patient, slope=True), fit(y, unit * dose, grade, patient, slope=True)
    assert changed.singular == plain.singular
    # The restricted likelihood is that of contrasts of the data, whose size depends on the columns.
    assert changed.log_likelihood + math.log(unit) == pytest.approx(plain.log_likelihood, abs=1e-8)
    ours, theirs = (np.array(values(coefficient_tests(f))) for f in (changed, plain))
    assert ours == pytest.approx(theirs, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.randoms(use_true_random=False))
def test_names_of_groups_and_order_of_rows_do_not_matter(seed, random):
    y, dose, grade, patient = cohort(seed)
    order = list(range(len(y)))
    random.shuffle(order)
    names = [f"P{number:02d}" for number in random.sample(range(100), 10)]
    plain = fit(y, dose, grade, patient)
    moved = fit(y[order], dose[order], grade[order], [names[k] for k in patient[order]])
    assert moved.coefficients == pytest.approx(plain.coefficients, rel=1e-7)
    assert np.array(values(coefficient_tests(moved))) == pytest.approx(
        np.array(values(coefficient_tests(plain))), rel=1e-6
    )
    effect = dict(zip(moved.random[0].groups, moved.random[0].effects[:, 0], strict=True))
    assert [effect[names[k]] for k in range(10)] == pytest.approx(plain.random[0].effects[:, 0], rel=1e-6, abs=1e-9)


def test_balanced_groups_have_the_exact_degrees_of_freedom():
    """With equal groups and a covariate of groups, t of the covariate is that of the groups' means: g − 2."""
    rng = np.random.default_rng(5)
    patient = np.repeat(np.arange(8), 5)
    arm = np.repeat(rng.standard_normal(8), 5)
    y = 3 * rng.standard_normal(8)[patient] + rng.standard_normal(40)
    found = fit_linear_mixed(
        response=y, design=build_design([Numeric("arm", arm)]), random=[RandomEffect("patient", patient)]
    )
    assert not found.singular
    for method in METHODS[:2]:
        assert coefficient_tests(found, method)[1].df == pytest.approx(6, rel=1e-9)


def test_without_differences_between_groups_it_is_ordinary_regression():
    """A singular fit has the estimates and Satterthwaite's degrees of freedom of the regression without groups."""
    rng = np.random.default_rng(0)
    patient = np.tile(np.arange(10), 4)
    x = rng.standard_normal(40)
    y = 1 + x + rng.standard_normal(40)
    y -= np.array([y[patient == p].mean() for p in range(10)])[patient]
    found = fit_linear_mixed(
        response=y, design=build_design([Numeric("x", x)]), random=[RandomEffect("patient", patient)]
    )
    assert found.singular
    assert [finding.code for finding in found.findings] == ["singular-fit"]
    assert found.random[0].sd[0] == 0
    assert math.isnan(found.random[0].correlation[0, 0])
    assert found.random[0].effects.any() == np.False_
    line, rest, *_ = np.linalg.lstsq(found.design.matrix, y, rcond=None)
    assert found.coefficients == pytest.approx(line, abs=1e-12)
    assert found.residual_sd == pytest.approx(math.sqrt(rest[0] / 38), rel=1e-9)
    assert coefficient_tests(found, "satterthwaite")[1].df == pytest.approx(38, rel=1e-9)


def test_methods_agree_in_a_large_cohort():
    """With 3,000 rows of 1,000 patients all degrees of freedom are many, and p differs by less than 1 % of itself."""
    found = fit(*cohort(3, 3000, 1000))
    p = [coefficient_tests(found, method)[2].p for method in METHODS]
    assert p == pytest.approx([p[0]] * 3, rel=0.01)


def test_p_values_are_uniform_where_there_is_no_effect():
    """400 cohorts of 8 patients, an effect of patients that is none: 5 % of the tests call it one.

    t has 6 degrees of freedom, of which the normal distribution calls 9.8 %. The bounds are 4 standard errors.
    """
    rng = np.random.default_rng(9)
    patient = np.repeat(np.arange(8), 4)
    arm = np.repeat([0.0, 1.0], 16)
    hits = dict.fromkeys(METHODS, 0)
    for _ in range(400):
        y = 1.5 * rng.standard_normal(8)[patient] + rng.standard_normal(32)
        found = fit_linear_mixed(
            response=y, design=build_design([Numeric("arm", arm)]), random=[RandomEffect("patient", patient)]
        )
        for method in METHODS:
            hits[method] += coefficient_tests(found, method)[1].p < 0.05
    assert hits["kenward-roger"] / 400 == pytest.approx(0.05, abs=0.044)
    assert hits["satterthwaite"] / 400 == pytest.approx(0.05, abs=0.044)
    assert hits["asymptotic"] / 400 == pytest.approx(0.098, abs=0.06)
    assert hits["asymptotic"] > hits["kenward-roger"]


def test_a_contrast_of_one_coefficient_is_its_test():
    found = fit(*cohort(4))
    row = [[0, 1, 0]]
    assert contrast(found, row)[0] == replace(coefficient_tests(found)[1], name="")
    joint = joint_test(found, row + row)
    assert joint.df_numerator == 1
    assert joint.f == pytest.approx(coefficient_tests(found)[1].t ** 2)
    assert joint.p == pytest.approx(coefficient_tests(found)[1].p)


def test_terms_without_interaction_are_tested_as_their_coefficients():
    found = fit(*cohort(4))
    assert [test.name for test in term_tests(found)] == ["dose", "grade"]
    assert [test.p for test in term_tests(found)] == pytest.approx([test.p for test in coefficient_tests(found)[1:]])


def test_likelihood_ratio():
    data = cohort(6, 80, 12, slope=2.0)
    small, large = (fit(*data, reml=False, slope=slope) for slope in (False, True))
    ratio = likelihood_ratio(small, large)
    assert ratio.df == 2
    assert ratio.chi_squared == pytest.approx(2 * (large.log_likelihood - small.log_likelihood))
    assert 0 < ratio.p < 0.05
    for pair in ((large, small), (small, fit(*data, slope=True)), (small, fit(*cohort(7, 80, 12), reml=False))):
        with pytest.raises(StatisticsError, match="do not compare"):
            likelihood_ratio(*pair)


def test_residuals_and_effects_are_checked():
    found = fit(*cohort(8))
    checks = residual_checks(found)
    assert [check.name for check in checks.between] == ["patient: (intercept)"]
    assert (np.diff(checks.within.observed) >= 0).all()
    assert checks.within.expected == pytest.approx(-checks.within.expected[::-1])
    assert 0.01 < checks.within.p <= 1
    assert checks.fitted + checks.residuals == pytest.approx(found.response)


def test_few_many_or_equal_numbers_have_no_test_of_normality():
    for numbers in (np.array([1.0, 2.0]), np.ones(9), np.arange(5001.0)):
        assert math.isnan(normality(numbers, "").p)
    skewed = np.exp(np.random.default_rng(1).standard_normal(60))
    assert normality(skewed, "").p < 1e-4


def refused(code, **changes):
    y, dose, grade, patient = cohort(1)
    given = {
        "response": y,
        "design": build_design([Numeric("dose", dose)]),
        "random": [RandomEffect("patient", patient)],
    }
    with pytest.raises(StatisticsError) as error:
        fit_linear_mixed(**{**given, **changes})
    assert error.value.code == code
    return str(error.value)


def test_refusals():
    y, dose, _, patient = cohort(1)
    assert "row 3" in refused("missing-value", response=[1.0, 2.0, math.nan, *y[3:]])
    assert "39 rows" in refused("unequal-lengths", response=y[:-1])
    assert "All rows belong to one patient, A" in refused(
        "too-few-groups", random=[RandomEffect("patient", ["A"] * 40)]
    )
    assert "Every patient has one row" in refused("single-rows", random=[RandomEffect("patient", range(40))])
    assert "patient is missing in row 40" in refused(
        "missing-value", random=[RandomEffect("patient", [*patient[:-1].astype(str), ""])]
    )
    assert "40" in refused("unequal-lengths", random=[RandomEffect("patient", patient[:-1])])
    number = build_design([Numeric("dose", dose)])
    twenty = [RandomEffect("patient", np.arange(40) // 2, number)]
    assert "20 of patient with 2 coefficients" in refused("single-rows", random=twenty)
    same = [RandomEffect("patient", patient), RandomEffect("person", patient + 1)]
    assert "patient and person have the same groups" in refused("confounded-groups", random=same)
    assert "random effect" in refused("no-random-effect", random=[])
    assert "does not vary" in refused("constant-response", response=2 + 3 * dose)
    assert "explain the response exactly" in refused("no-residual", response=patient.astype(float))


@pytest.mark.parametrize("reml", [True, False])
def test_response_of_the_patients_leaves_no_residual(reml):
    """One patient is 1 and all others 0: the factor grows until its equations are singular to rounding."""
    rng = np.random.default_rng(2)
    for patients in range(3, 25):
        group = np.repeat(np.arange(patients), rng.integers(1, 9, patients))
        with pytest.raises(StatisticsError) as caught:
            fit_linear_mixed(
                response=(group == 0).astype(float), design=build_design([], rows=len(group)),
                random=[RandomEffect("patient", group)], reml=reml,
            )  # fmt: skip
        assert caught.value.code == "no-residual"


def test_too_few_rows():
    with pytest.raises(StatisticsError, match="3 rows are too few"):
        fit_linear_mixed(
            response=[1.0, 2.0, 4.0],
            design=build_design([Numeric("x", [1.0, 2.0, 5.0])]),
            random=[RandomEffect("patient", "aab")],
        )


def test_contrasts_of_the_wrong_shape_and_unknown_methods_are_refused():
    found = fit(*cohort(1))
    for rows in ([[1, 0]], [[0, 0, 0]], [[math.nan, 0, 0]]):
        with pytest.raises(StatisticsError, match="A contrast needs 3 finite numbers"):
            contrast(found, rows)
    with pytest.raises(StatisticsError, match="choose kenward-roger"):
        contrast(found, [[0, 1, 0]], "between-within")


def test_terms_of_an_interaction_without_its_parts_have_no_tests():
    y, _, grade, patient = cohort(1, 60)
    sex = np.arange(60) % 2
    both = Interaction(Factor("grade", grade), Factor("sex", sex))
    assert build_design([both], intercept=False).matrix.shape == (60, 4)
    found = fit_linear_mixed(
        response=y, design=build_design([both], intercept=False), random=[RandomEffect("patient", patient)]
    )
    assert [test.df_numerator for test in term_tests(found)] == [4]
