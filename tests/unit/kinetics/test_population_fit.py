import numpy as np
import pytest

from population_support import LUTETIUM, MEAN, SPREAD, UPTAKE, drawn_curves
from theradose.errors import FitError
from theradose.kinetics.compartments import CompartmentForm
from theradose.kinetics.population_check import predictive_check
from theradose.kinetics.population_compare import PopulationCurve
from theradose.kinetics.population_fit import fit_population
from theradose.kinetics.population_forms import phase_form
from theradose.kinetics.population_posterior import PopulationPoints
from theradose.kinetics.population_start import first_guess

TIMES = (4.0, 24.0, 96.0, 168.0)
DECAY = LUTETIUM.decay_constant_per_h


@pytest.fixture(scope="module")
def fitted():
    curves, _ = drawn_curves(40, TIMES, seed=11)
    forms = [UPTAKE, phase_form("mono", decay_constant_per_h=DECAY), phase_form("bi", decay_constant_per_h=DECAY)]
    return fit_population(curves, forms=forms)


def test_the_population_is_found(fitted):
    """40 patients: standard errors of the means are the spread / 6.3, of a spread 1/9 of it; limits are three."""
    stated = fitted.stated
    assert stated.form == "uptake" and stated.patients == 40 and stated.points == 160
    assert np.abs(np.array(stated.mean) - MEAN).max() < 3 * SPREAD.max() / 40**0.5 * 1.3
    assert np.sqrt(np.diag(stated.omega)) == pytest.approx(SPREAD, rel=0.4)
    u = np.sqrt(np.diag(stated.covariance_of_mean))
    assert u == pytest.approx(np.sqrt(np.diag(stated.omega) / 40), rel=0.3)


def test_forms_that_the_points_contradict_are_behind(fitted):
    order = [candidate.form.name for candidate in fitted.candidates]
    assert order[0] == "uptake" and order[-1] == "bi"
    assert fitted.candidates[0].aic < min(c.aic for c in fitted.candidates if c.form.name == "mono")
    assert {c.omega for c in fitted.candidates if c.form.name == "uptake"} == {"diagonal", "full"}


def test_residuals_are_standard_normal_and_the_check_holds(fitted):
    """160 residuals: the standard error of their root mean square is 6 %."""
    assert np.sqrt(np.mean(fitted.diagnostics.population**2)) == pytest.approx(1.0, abs=0.17)
    assert not fitted.findings
    check = predictive_check(fitted, seed=1)
    assert len(check.t_h) == 4 and check.points.tolist() == [40] * 4
    inside = (check.expected[..., 0] <= check.observed) & (check.observed <= check.expected[..., 2])
    # Twelve quantiles with 95 % intervals; four neighbours of a visit belong together.
    assert inside.sum() >= 9


def test_both_sides_of_a_patient_count_once():
    """The same curves as sides of half as many patients: the uncertainty of the mean grows by the root of two."""
    curves, _ = drawn_curves(20, TIMES, seed=12, regions=("left-kidney", "right-kidney"))
    alone = [PopulationCurve(f"{k}", "kidney", curve.points) for k, curve in enumerate(curves)]
    pairs, single = (fit_population(c, forms=[UPTAKE], omegas=("diagonal",)).stated for c in (curves, alone))
    assert pairs.regions == ("left-kidney", "right-kidney") and (pairs.patients, pairs.curves) == (20, 40)
    assert np.array(pairs.covariance_of_mean) == pytest.approx(2 * np.array(single.covariance_of_mean), rel=1e-4)


@pytest.mark.parametrize("error", ["scaled", "proportional", "both"])
def test_scatter_is_estimated(error):
    """Points with 5 % of noise beside stated uncertainties of 3 %: 160 points tell σ to about 10 %."""
    curves, _ = drawn_curves(40, TIMES, seed=13)
    changed = [
        PopulationCurve(c.patient, c.region, PopulationPoints(c.points.t_h, c.points.fraction, 0.03 * np.ones(4)))
        for c in curves
    ]
    stated = fit_population(changed, forms=[UPTAKE], omegas=("diagonal",), error=error).stated
    total = np.hypot(stated.error_scale * 0.03, stated.error_u)
    assert total == pytest.approx(0.05, rel=0.3)


def test_scatter_beyond_the_stated_is_said():
    curves, _ = drawn_curves(30, TIMES, seed=14, noise=0.1)
    changed = [
        PopulationCurve(c.patient, c.region, PopulationPoints(c.points.t_h, c.points.fraction, 0.03 * np.ones(4)))
        for c in curves
    ]
    for error, used in (("stated", "stated"), ("automatic", "both")):
        fitted = fit_population(changed, forms=[UPTAKE], omegas=("diagonal",), error=error)
        assert fitted.stated.fit.error == used
        assert "population-scatter" in [finding.code for finding in fitted.findings]
    with pytest.raises(FitError) as refusal:
        fit_population(changed, forms=[UPTAKE], error="both", method="lindstrom-bates")
    assert refusal.value.code == "population-error"


def test_blood_of_two_compartments():
    """Twenty patients, eight samples: means within three standard errors, elimination ratio with no spread."""
    form = CompartmentForm(2, DECAY, 0.5, 6.0, elimination_ratio=None)
    mean, spread = np.log([10.0, 0.2, 0.3, 0.08, 1.5]), np.array([0.2, 0.2, 0.25, 0.25, 0.0])
    rng = np.random.default_rng(15)
    times = np.array([0.7, 1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 48.0])
    curves = []
    for patient in range(20):
        phi = mean + spread * rng.standard_normal(5)
        logs = form.value(np.broadcast_to(phi, (8, 5)), times[:, None]) + 0.05 * rng.standard_normal(8)
        curves.append(PopulationCurve(f"{patient}", "plasma", PopulationPoints(times, np.exp(logs), np.full(8, 0.05))))
    fitted = fit_population(curves, forms=[form], omegas=("diagonal",), method="lindstrom-bates", infusion_h=0.5)
    stated = fitted.stated
    assert stated.form == "compartments-2" and (stated.infusion_h, stated.amino_acids_until_h) == (0.5, 6.0)
    assert stated.omega[4][4] == 0.0 and stated.fit.shrinkage[4] is None
    u = np.sqrt(np.diag(stated.covariance_of_mean))
    assert np.abs((np.array(stated.mean) - mean) / u).max() < 3.5


def test_few_patients_and_points_during_the_infusion_are_refused():
    curves, _ = drawn_curves(4, TIMES, seed=16)
    with pytest.raises(FitError) as refusal:
        fit_population(curves, forms=[UPTAKE])
    assert refusal.value.code == "population-few-patients"
    curves, _ = drawn_curves(6, TIMES, seed=16)
    with pytest.raises(FitError) as refusal:
        fit_population(curves, forms=[UPTAKE], infusion_h=5.0)
    assert refusal.value.code == "population-points" and "P0" in str(refusal.value)


def test_a_population_of_few_patients_says_so():
    curves, _ = drawn_curves(10, TIMES, seed=17)
    fitted = fit_population(curves, forms=[UPTAKE], omegas=("diagonal",))
    assert "population-few-patients" in [finding.code for finding in fitted.findings]


def test_forms_without_information_are_refused():
    curves, _ = drawn_curves(8, (96.0,), seed=18)
    with pytest.raises(FitError) as refusal:
        fit_population(curves, forms=[phase_form("f6", decay_constant_per_h=DECAY)])
    assert refusal.value.code == "population-not-determined"


@pytest.mark.parametrize("name", ["mono", "uptake", "bi", "f4", "f4d", "f6"])
def test_first_guess_lies_near_the_points(name):
    curves, _ = drawn_curves(20, TIMES, seed=19)
    t_h = np.concatenate([curve.points.t_h for curve in curves])
    logs = np.log(np.concatenate([curve.points.fraction for curve in curves]))
    form = phase_form(name, decay_constant_per_h=DECAY)
    phi = first_guess(form, t_h, logs, np.full(len(logs), 0.05))
    deviation = logs - form.value(np.broadcast_to(phi, (len(logs), len(phi))), t_h[:, None])
    assert np.sqrt(np.mean(deviation**2)) < 0.8
