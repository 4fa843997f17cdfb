"""Does the response of tumours depend on their dose? A linear mixed model, tumours within patients.

The cohort is simulated: 69 tumours of 32 patients, some with one tumour and some with many. Change is the decrease of
the volume in per cent.
"""

import numpy as np

from theradose.statistics.design import Factor, Interaction, Numeric, build_design
from theradose.statistics.linear.effect_tests import coefficient_tests, likelihood_ratio, term_tests
from theradose.statistics.linear.marginal_means import marginal_means, marginal_slopes
from theradose.statistics.linear.mixed import RandomEffect, fit_linear_mixed
from theradose.statistics.linear.residual_checks import residual_checks

rng = np.random.default_rng(2020)
patients = np.concatenate([np.arange(32), rng.integers(0, 32, 37)])
grades = np.where(rng.random(32) < 0.6, "G1", "G2")[patients]
doses_gy = rng.lognormal(np.log(120), 0.5, 69)
changes = 25 + 0.1 * doses_gy + 10 * rng.standard_normal(32)[patients] + 15 * rng.standard_normal(69)

dose = Numeric("dose_gy", doses_gy)
grade = Factor("grade", grades, reference="G1")
design = build_design([dose, grade, Interaction(dose, grade)])
patient = RandomEffect("patient", [f"P{k:02d}" for k in patients])

fit = fit_linear_mixed(response=changes, design=design, random=[patient])
print(f"between patients {fit.random[0].sd[0]:.1f} %, within {fit.residual_sd:.1f} %, singular: {fit.singular}")
for finding in fit.findings:
    print(finding.severity, finding.message)

# Every coefficient, and every term of the model, with the degrees of freedom of Kenward and Roger.
for test in coefficient_tests(fit):
    print(f"{test.name:18} {test.estimate:7.3f} ± {test.se:.3f}  df {test.df:.1f}  p {test.p:.3f}")
for test in term_tests(fit, method="satterthwaite"):
    print(f"{test.name:18} F({test.df_numerator}, {test.df_denominator:.1f}) = {test.f:.2f}, p {test.p:.3f}")

# What the model expects of each grade at the mean dose, the difference, and the slope of each grade.
grades_compared = marginal_means(fit, "grade")
for one in grades_compared.means:
    print(f"{one.levels[0]}: {one.mean.estimate:.1f} % ({one.mean.low:.1f} to {one.mean.high:.1f})")
for pair in grades_compared.differences:
    print(f"{pair.difference.name}: {pair.difference.estimate:.1f} %, p {pair.difference.p:.3f}")
for one in marginal_slopes(fit, "dose_gy", "grade").means:
    print(f"{one.levels[0]}: {one.mean.estimate:.3f} % per Gy ({one.mean.low:.3f} to {one.mean.high:.3f})")

# Models with other fixed effects compare by the ordinary likelihood.
larger = fit_linear_mixed(response=changes, design=design, random=[patient], reml=False)
smaller = fit_linear_mixed(response=changes, design=build_design([dose]), random=[patient], reml=False)
print(f"grade: p {likelihood_ratio(smaller, larger).p:.3f} by the likelihood ratio")

checks = residual_checks(fit)
print(f"residuals: Shapiro-Wilk p {checks.within.p:.3f}")
