"""Nonlinear mixed models against R's nlme, whose algorithm is that of Lindstrom and Bates.

The numbers are made by ``tests/reference/make/nonlinear_mixed.R``; versions stand in the file. The tolerances are those
at which two implementations of one fixed point agree when R's inner tolerance is 1e-7: 2e-4 for fixed effects and 1e-3
for variances were asked for, and much less is found.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mixed_curves import ABSORPTION, Biexponential
from theradose.statistics.design import Factor, Numeric, build_design
from theradose.statistics.nonlinear_mixed.fit import fit_nonlinear_mixed
from theradose.statistics.nonlinear_mixed.growth_curve import fit_asymptotic_growth

R = json.loads((Path(__file__).parent / "data" / "nonlinear_mixed.json").read_text(encoding="utf-8"))
FITS = {
    "indometh_four_independent": (("A1", "lrc1", "A2", "lrc2"), "diagonal"),
    "indometh_rates_independent": (("lrc1", "lrc2"), "diagonal"),
    "indometh_three_independent": (("A1", "lrc1", "A2"), "diagonal"),
    "theoph_two_independent": (("lKa", "lCl"), "diagonal"),
    "theoph_three_independent": (("lKe", "lKa", "lCl"), "diagonal"),
    "theoph_two_dependent": (("lKa", "lCl"), "full"),
    "theoph_three_dependent": (("lKe", "lKa", "lCl"), "full"),
    "theoph_weight": (("lKa", "lCl"), "diagonal"),
    "theoph_proportional": (("lKa", "lCl"), "diagonal"),
}
SINGULAR = {
    "indometh_four_independent",
    "indometh_rates_independent",
    "theoph_three_independent",
    "theoph_three_dependent",
}


def columns(path):
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {name: [row[name] for row in rows] for name in rows[0]}


def fitted(name, folder, **changed):
    random, structure = FITS[name]
    if name.startswith("indometh"):
        table = columns(folder / "nlme" / "Indometh.csv")
        curve, x = Biexponential(), np.array(table["time"], float)
        start, designs = {"A1": 2.8, "lrc1": 0.8, "A2": 0.46, "lrc2": -1.35}, {}
    else:
        table = columns(folder / "nlme" / "Theoph.csv")
        curve, x = ABSORPTION, np.array([table["Dose"], table["Time"]], float).T
        start = {"lKe": -2.4, "lKa": 0.45, "lCl": -3.2}
        weight = build_design([Numeric("Wt", np.array(table["Wt"], float))])
        designs = {"lCl": weight} if name == "theoph_weight" else {}
    y, subjects = np.array(table["conc"], float), np.array(table["Subject"])
    if name == "theoph_proportional":
        later = x[:, 1] > 0
        x, y, subjects, changed = x[later], y[later], subjects[later], {"residual": "proportional"}
    return fit_nonlinear_mixed(
        curve, subjects=list(subjects), x=x, y=y, start=start, random=random, structure=structure, designs=designs,
        method="lindstrom-bates", **changed,
    )  # fmt: skip


def assert_equal(fit, expected):
    scale = np.sqrt(np.diagonal(expected["omega"]))
    np.testing.assert_allclose(fit.coefficients, expected["fixed"], rtol=2e-5)
    np.testing.assert_allclose(fit.covariance, expected["covariance"], rtol=1e-3, atol=1e-8)
    np.testing.assert_allclose(fit.population.omega, expected["omega"], rtol=2e-4, atol=2e-5 * scale.max() ** 2)
    assert fit.population.sigma == pytest.approx(expected["sigma"], rel=1e-6)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-5)
    order = [fit.data.subjects.index(subject) for subject in expected["subjects"]]
    effects = np.reshape(expected["random_effects"], (len(order), -1))
    np.testing.assert_allclose(fit.random_effects[order], effects, atol=1e-3 * scale.max())


@pytest.mark.parametrize("name", FITS)
def test_lindstrom_bates_is_that_of_nlme(name, shared_data):
    fit = fitted(name, shared_data)
    assert fit.converged
    assert fit.singular is (name in SINGULAR)
    assert_equal(fit, R["fits"][name])


@pytest.mark.parametrize("name", [name for name in FITS if FITS[name][1] == "diagonal" and name not in SINGULAR])
def test_standard_errors_of_variances_are_those_of_nlme(name, shared_data):
    """nlme states those of the logarithms of the standard deviations, from differences that are good to 1e-3."""
    fit, expected = fitted(name, shared_data), R["fits"][name]["log_sd_u"]
    relative = np.diagonal(fit.omega_u) / (2 * np.diagonal(fit.population.omega))
    np.testing.assert_allclose([*relative, fit.sigma_u / fit.population.sigma], expected, rtol=2e-3)


def test_nlme_restricts_sigma_alone_and_is_not_followed_there(shared_data):
    """nlme 3.1-162 keeps Ω/σ² of its maximum likelihood and divides by fewer degrees of freedom; the restricted
    likelihood, which it prints, is higher elsewhere."""
    plain, restricted = (R["fits"][f"theoph_two_{kind}"] for kind in ("independent", "restricted"))
    np.testing.assert_allclose(restricted["fixed"], plain["fixed"], rtol=1e-9)
    np.testing.assert_allclose(restricted["omega"], np.array(plain["omega"]) * 132 / 129, rtol=1e-9)
    fit = fitted("theoph_two_independent", shared_data, reml=True)
    assert fit.converged
    assert fit.log_likelihood > restricted["log_likelihood"] + 0.04


def test_growth_with_dose_is_that_of_nlme():
    table = R["growth"]
    by_grade = build_design([Factor("grade", table["grade"])])
    fit = fit_asymptotic_growth(
        dose=table["dose"], response=table["response"], patients=table["patient"], amplitude=by_grade,
        log_dose=by_grade, method="lindstrom-bates",
    )  # fmt: skip
    assert_equal(fit, R["fits"]["growth"])
