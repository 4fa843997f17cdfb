from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from theradose.errors import StatisticsError
from theradose.statistics.binary.curve import (
    coefficient_table,
    dose_at_probability,
    linear_combinations,
    probability_curve,
)
from theradose.statistics.binary.logistic import fit_logistic, log_probability, probability
from theradose.statistics.binary.marginal_likelihood import MarginalLikelihood
from theradose.statistics.binary.mixed import fit_logistic_mixed
from theradose.statistics.binary.profile import profile_effect
from theradose.statistics.binary.rows import binary_rows, number_patients
from theradose.statistics.binary.separation import find_separation
from theradose.statistics.design import Factor, Interaction, Numeric, build_design
from theradose.statistics.maximum import maximise, second_derivatives

SEPARATED = ([12.0, 30, 41, 55, 60, 76, 88, 110, 135, 150], [0] * 5 + [1] * 5)


def tumours(seed=3, n=90, patients=30, sd=1.0):
    rng = np.random.default_rng(seed)
    patient = rng.integers(patients, size=n)
    dose = rng.gamma(3, 35, n)
    grade = np.where(rng.random(patients) < 0.5, "G1", "G2")[patient]
    logit = -1.44 + 0.02 * dose + 0.01 * dose * (grade == "G2") + sd * rng.normal(size=patients)[patient]
    return dose, grade, patient, rng.random(n) < probability(logit)


def by_dose(dose):
    return build_design([Numeric("dose_gy", np.asarray(dose, float))])


def by_dose_and_grade(dose, grade):
    number = Numeric("dose_gy", dose)
    return build_design([number, Interaction(number, Factor("grade", grade))])


def raised(code, function, **arguments):
    with pytest.raises(StatisticsError) as error:
        function(**arguments)
    assert error.value.code == code
    return str(error.value)


class TestMaximum:
    def test_is_found_from_beyond_a_saddle(self):
        def function(x):
            return float(-((x[0] ** 2 - 1) ** 2) - (x[1] - 2) ** 2)

        def gradient(x):
            return np.array([-4 * x[0] * (x[0] ** 2 - 1), -2 * (x[1] - 2)])

        best = maximise(function, gradient, np.array([0.1, 40.0]))
        assert best.converged
        np.testing.assert_allclose(best.point, [1, 2], atol=1e-9)
        np.testing.assert_allclose(best.hessian, [[-8, 0], [0, -2]], atol=1e-9)

    def test_a_function_without_maximum_does_not_converge(self):
        best = maximise(lambda x: float(-np.exp(-x[0])), lambda x: np.exp(-x), np.array([0.0]))
        assert not best.converged

    def test_second_derivatives_have_no_rounding(self):
        found = second_derivatives(lambda x: np.exp(3 * x), np.array([0.7]))
        assert found[0, 0] == pytest.approx(3 * math.exp(2.1), rel=1e-15)


class TestMarginalLikelihood:
    dose, grade, patient, response = tumours(n=40, patients=12)
    rows = binary_rows(response, by_dose_and_grade(dose, grade))
    point = np.array([0.3, 0.5, -0.2, 1.3])

    def test_is_the_integral_over_the_patient_effect(self):
        found = MarginalLikelihood(self.rows, self.patient, 60)(self.point)
        expected = 0.0
        for number in range(12):
            mask = self.patient == number

            def density(u, mask=mask):
                logit = self.rows.columns[mask] @ self.point[:-1] + self.point[-1] * u
                return math.exp(float(np.sum(log_probability(self.rows.outcome[mask], logit)))) * stats.norm.pdf(u)

            expected += math.log(integrate.quad(density, -12, 12, epsabs=1e-13, epsrel=1e-12, limit=200)[0])
        assert found == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize("nodes", [1, 2, 7, 25])
    def test_gradient_is_that_of_the_approximation(self, nodes):
        marginal = MarginalLikelihood(self.rows, self.patient, nodes)
        step = 1e-5 * np.eye(4)
        expected = [(marginal(self.point + d) - marginal(self.point - d)) / 2e-5 for d in step]
        # Central differences of 1e-5 are good to about 1e-9 of the third derivative and of rounding.
        np.testing.assert_allclose(marginal.gradient(self.point), expected, atol=1e-8)
        slopes = [(marginal.gradient(self.point + d) - marginal.gradient(self.point - d)) / 2e-5 for d in step]
        np.testing.assert_allclose(second_derivatives(marginal.gradient, self.point), slopes, atol=1e-7)

    def test_is_even_in_the_standard_deviation(self):
        marginal = MarginalLikelihood(self.rows, self.patient, 25)
        mirrored = self.point * [1, 1, 1, -1]
        assert marginal(mirrored) == pytest.approx(marginal(self.point), abs=1e-10)

    def test_an_extreme_standard_deviation_stays_finite(self):
        point = np.array([50.0, -80.0, 30.0, 500.0])
        marginal = MarginalLikelihood(self.rows, self.patient, 25)
        assert math.isfinite(marginal(point))
        assert np.isfinite(marginal.gradient(point)).all()


class TestMixed:
    dose, grade, patient, response = tumours(seed=4)

    def fit(self, **changes):
        design = by_dose_and_grade(changes.pop("dose", self.dose), self.grade)
        return fit_logistic_mixed(**{"response": self.response, "design": design, "groups": self.patient} | changes)

    @pytest.mark.parametrize("method", ["laplace", "agq"])
    def test_a_dose_in_other_units_changes_only_the_unit(self, method):
        gray, microgray = self.fit(method=method), self.fit(method=method, dose=1e6 * self.dose)
        np.testing.assert_allclose(microgray.coefficients * [1, 1e6, 1e6], gray.coefficients, rtol=1e-7)
        assert microgray.random_sd == pytest.approx(gray.random_sd, rel=1e-8)

    def test_order_labels_and_type_of_the_outcome_do_not_matter(self):
        order = np.random.default_rng(0).permutation(len(self.dose))
        design = by_dose_and_grade(self.dose[order], self.grade[order])
        other = fit_logistic_mixed(
            response=self.response[order].astype(int).tolist(),
            design=design,
            groups=[f"P{k}" for k in self.patient[order]],
        )
        first = self.fit()
        np.testing.assert_allclose(other.coefficients, first.coefficients, rtol=1e-8)
        effects = dict(zip(first.patients, first.effects, strict=True))
        for name, effect in zip(other.patients, other.effects, strict=True):
            assert effect == pytest.approx(effects[int(name[1:])], abs=1e-8)

    def test_the_opposite_outcome_has_the_opposite_logit(self):
        opposite = self.fit(response=~self.response)
        np.testing.assert_allclose(opposite.coefficients, -self.fit().coefficients, rtol=1e-8)

    def test_both_methods_are_named_and_differ(self):
        dose, _, patient, response = tumours(n=300, patients=80)
        laplace, quadrature = (
            fit_logistic_mixed(response=response, design=by_dose(dose), groups=patient, method=method)
            for method in ("laplace", "agq")
        )
        assert (laplace.method, laplace.nodes, quadrature.method, quadrature.nodes) == ("laplace", 1, "agq", 25)
        assert laplace.random_sd < quadrature.random_sd
        assert quadrature.aic == pytest.approx(6 - 2 * quadrature.log_likelihood)

    def test_without_spread_it_is_the_plain_model_and_says_so(self):
        # Every patient has both outcomes at the same dose: less alike than by chance.
        dose = np.repeat(np.linspace(20, 200, 12), 2)
        response = np.tile([0, 1], 12)
        response[-2:] = 1
        mixed = fit_logistic_mixed(response=response, design=by_dose(dose), groups=np.repeat(range(12), 2))
        plain = fit_logistic(response=response, design=by_dose(dose))
        assert mixed.singular and mixed.random_sd == 0 and mixed.converged
        assert [finding.code for finding in mixed.findings] == ["singular-fit"]
        np.testing.assert_allclose(mixed.coefficients, plain.coefficients, rtol=1e-9)
        np.testing.assert_allclose(mixed.covariance, plain.covariance, rtol=1e-9)
        np.testing.assert_array_equal(mixed.effects, 0)

    @pytest.mark.parametrize("method", ["laplace", "agq"])
    def test_patients_with_one_outcome_each_are_critical(self, method):
        patient = np.repeat(range(20), 4)
        response = (np.random.default_rng(1).random(20) < 0.5)[patient]
        dose = np.random.default_rng(2).gamma(3, 50, 80)
        fit = fit_logistic_mixed(response=response, design=by_dose(dose), groups=patient, method=method)
        assert ("patient-effect-unbounded", "critical") in [(f.code, f.severity) for f in fit.findings]

    def test_a_coarse_approximation_is_said(self):
        dose, _, patient, response = tumours(n=120, patients=60, sd=2.0)
        for method, findings in (("laplace", ["quadrature-coarse"]), ("agq", [])):
            fit = fit_logistic_mixed(response=response, design=by_dose(dose), groups=patient, method=method)
            assert [finding.code for finding in fit.findings] == findings

    def test_refusals(self):
        n = len(self.dose)
        assert "90" in raised("patients", self.fit, groups=self.patient[:-1])
        raised("patients", self.fit, groups=np.zeros(n))
        raised("patients", self.fit, groups=np.arange(n))
        raised("quadrature-nodes", self.fit, nodes=1)
        raised("outcome-rows", self.fit, response=self.response[:-1], groups=self.patient[:-1])
        assert "2 in row 1" in raised("outcome-values", self.fit, response=[2] * n)
        raised("outcome-values", self.fit, response=["yes"] * n)
        raised("outcome-values", self.fit, response=[math.nan] * n)
        assert "grade[G2]" in raised("separation", self.fit, response=self.dose * (self.grade == "G2") > 100)
        assert "All outcomes are equal" in raised("separation", self.fit, response=np.ones(n))


class TestSeparation:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=3, max_size=14))
    def test_of_one_dose_is_whether_the_outcomes_overlap(self, rows):
        dose, outcome = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
        if np.ptp(dose) == 0:
            return
        found = find_separation(binary_rows(outcome, by_dose(50 + 1e-3 * dose)))
        if outcome.all() or not outcome.any():
            assert found is not None and found.constant and found.complete
            return
        low, high = dose[outcome], dose[~outcome]
        overlap = low.min() < high.max() and high.min() < low.max()
        tied = low.min() == high.max() or high.min() == low.max()
        if low.min() == high.max() == low.max() == high.min():
            overlap = True
        assert (found is None) == overlap
        if found is not None:
            assert found.complete == (not tied)
            assert "dose_gy" in found.columns

    def test_names_only_the_columns_without_estimate(self):
        # No tumour of grade 3 responded; in the others the doses overlap.
        dose = np.array([10.0, 20, 30, 40, 50, 60, 15, 25, 35])
        grade = ["1"] * 6 + ["3"] * 3
        design = build_design([Numeric("dose_gy", dose), Factor("grade", grade)])
        found = find_separation(binary_rows([0, 1, 0, 1, 0, 1, 0, 0, 0], design))
        assert found is not None and not found.complete
        assert found.columns == ("grade[3]",)


class TestFirth:
    @settings(max_examples=40, deadline=None)
    @given(*[st.integers(0, 9)] * 4)
    def test_of_a_table_adds_half_to_each_cell(self, a, b, c, d):
        # The closed form of Firth 1993 for a saturated model.
        if not (a + b and c + d):
            return
        labels = ["x"] * (a + b) + ["y"] * (c + d)
        outcome = [1] * a + [0] * b + [1] * c + [0] * d
        fit = fit_logistic(response=outcome, design=build_design([Factor("group", labels)]), method="firth")
        first = math.log((a + 0.5) / (b + 0.5))
        np.testing.assert_allclose(
            fit.coefficients, [first, math.log((c + 0.5) / (d + 0.5)) - first], rtol=0, atol=1e-7
        )

    def test_states_the_separation(self):
        dose, response = SEPARATED
        fit = fit_logistic(response=response, design=by_dose(dose), method="firth")
        assert [(finding.code, finding.severity) for finding in fit.findings] == [("separation", "warning")]
        assert "dose_gy" in fit.findings[0].message
        assert fit.converged
        raised("separation", fit_logistic, response=response, design=by_dose(dose))

    def test_profile_sees_a_separation_that_the_standard_error_hides(self):
        dose, response = SEPARATED
        fit = fit_logistic(response=response, design=by_dose(dose), method="firth")
        wald, profile = coefficient_table(fit)[1], profile_effect(fit, "dose_gy")
        assert wald.p > 0.05 > profile.p
        assert profile.low > 0 > wald.low
        assert profile.value == wald.value

    def test_profile_needs_firth_and_a_name(self):
        dose, _, _, response = tumours()
        raised("profile", lambda: profile_effect(fit_logistic(response=response, design=by_dose(dose)), "dose_gy"))
        firth = fit_logistic(response=response, design=by_dose(dose), method="firth")
        raised("profile", lambda: profile_effect(firth, "activity"))


class TestCurve:
    dose, grade, patient, response = tumours(n=300, patients=80)
    design = by_dose_and_grade(dose, grade)
    fit = fit_logistic_mixed(response=response, design=design, groups=patient)

    def rows(self, dose, grade="G2"):
        return self.design.at({"dose_gy": dose, "grade": grade})

    def test_is_built_on_the_logit_scale(self):
        band = probability_curve(self.fit, self.rows([0.0, 50, 100, 300]))
        assert ((band.low > 0) & (band.low < band.value) & (band.value < band.high) & (band.high < 1)).all()
        logit = [np.log(p / (1 - p)) for p in (band.low[:3], band.value[:3], band.high[:3])]
        np.testing.assert_allclose(logit[1] - logit[0], logit[2] - logit[1], rtol=1e-9)

    def test_dose_is_where_curve_and_band_reach_the_probability(self):
        dose = dose_at_probability(self.fit, probability=0.7, at_zero=self.rows(0.0), at_one=self.rows(1.0))
        assert dose is not None and dose.low < dose.value < dose.high
        band = probability_curve(self.fit, self.rows([dose.low, dose.value, dose.high]))
        assert (band.high[0], band.value[1], band.low[2]) == pytest.approx((0.7, 0.7, 0.7), abs=1e-9)

    def test_no_dose_without_a_slope(self):
        rng = np.random.default_rng(5)
        plain = fit_logistic(response=rng.random(300) < 0.4, design=by_dose(self.dose))
        at_zero, at_one = np.array([1.0, 0]), np.array([1.0, 1])
        for level in (0.5, 0.8, 0.95, 0.99):
            significant = coefficient_table(plain)[1].p < 1 - level
            dose = dose_at_probability(plain, probability=0.5, at_zero=at_zero, at_one=at_one, level=level)
            assert (dose is not None) == significant
        assert coefficient_table(plain)[1].p > 0.05

    def test_sum_of_coefficients_is_the_slope_of_a_grade(self):
        (slope,) = linear_combinations(self.fit, self.rows(1.0) - self.rows(0.0), names=["G2"])
        flipped = by_dose_and_grade(self.dose, np.where(self.grade == "G2", "A", "B"))
        other = fit_logistic_mixed(response=self.response, design=flipped, groups=self.patient)
        direct = coefficient_table(other)[1]
        assert (slope.value, slope.u, slope.p) == pytest.approx((direct.value, direct.u, direct.p), rel=1e-7)

    def test_an_impossible_probability_is_refused(self):
        raised("probability-invalid", lambda: dose_at_probability(
            self.fit, probability=1.0, at_zero=self.rows(0.0), at_one=self.rows(1.0)))  # fmt: skip


def test_patients_are_numbered_in_order():
    names, numbers = number_patients(["b", "a", "b", "c"], 4)
    assert names == ("b", "a", "c")
    np.testing.assert_array_equal(numbers, [0, 1, 0, 2])
