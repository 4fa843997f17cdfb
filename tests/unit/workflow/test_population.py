"""A record in use: for curves, for the main job, for blood."""

import numpy as np
import pytest

from population_support import LUTETIUM, MEAN, UPTAKE, curves_table, drawn_curves, write_record
from theradose.errors import FitError, StudyError
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide
from theradose.workflow.fit import PopulationChoice, fit_table
from theradose.workflow.population import administered_activities, integrate_in_population, open_population

TERBIUM = load_nuclide("Tb-161")


@pytest.fixture
def record(tmp_path):
    return write_record(tmp_path / "population.json")


def curve(*points, region="left-kidney"):
    times, activities = (np.array(values, float) for values in zip(*points, strict=True))
    return TimeActivityCurve(region, times, activities, 0.05 * activities, {"calibration:camera": 0.03}, "spect")


def integrate(record, *points, nuclide=LUTETIUM, region="left-kidney", activity=7400.0, **opening):
    source = open_population(record, nuclide=nuclide, **opening)
    return integrate_in_population(
        curve(*points, region=region), source, nuclide=nuclide, administered_mbq=activity, infusion_h=0.0
    )


def codes(findings):
    return [finding.code for finding in findings]


def test_a_point_becomes_an_integral_with_its_sources(record):
    tia, findings = integrate(record, (96.0, 67.0))
    assert tia.chosen == "population"
    assert set(tia.value.contributions) == {"population:left-kidney", "fit:left-kidney", "calibration:camera"}
    assert tia.value.contributions["calibration:camera"] == pytest.approx(0.03 * tia.value.value)
    # With the point at its best the population leaves less than 10 %.
    assert 0.03 < tia.value.contributions["population:left-kidney"] / tia.value.value < 0.1
    assert codes(findings) == ["population-used", "single-time-point", "population-posterior"]
    assert tia.before_first_fraction + tia.extrapolated_fraction == pytest.approx(1.0, abs=1e-9)
    assert tia.fits[0].tia_mbq_h == pytest.approx(tia.value.value, rel=0.03)


def test_more_points_leave_less_to_the_population(record):
    shares = []
    for points in ([(96.0, 67.0)], [(24.0, 200.0), (96.0, 67.0)], [(24.0, 200.0), (96.0, 67.0), (168.0, 24.0)]):
        tia, _ = integrate(record, *points)
        shares.append(tia.value.contributions["population:left-kidney"] / tia.value.value)
    assert shares[0] > shares[1] > shares[2]


def test_an_early_point_says_that_it_does_not_tell_the_half_life(record):
    _, early = integrate(record, (24.0, 200.0))
    _, late = integrate(record, (96.0, 67.0))
    assert "population-half-life-unseen" in codes(early)
    assert "population-half-life-unseen" not in codes(late)


def test_activity_and_administered_activity_scale_together(record):
    first, _ = integrate(record, (96.0, 67.0))
    second, _ = integrate(record, (96.0, 134.0), activity=14_800.0)
    assert second.value.value == pytest.approx(2 * first.value.value, rel=1e-9)


def test_points_that_no_member_has_are_critical(record):
    _, findings = integrate(record, (4.0, 180.0), (24.0, 20.0), (96.0, 67.0))
    mismatch = next(finding for finding in findings if finding.code == "population-mismatch")
    assert mismatch.severity == "critical"
    _, findings = integrate(record, (24.0, 120.0), (96.0, 100.0))
    assert "population-half-life" in codes(findings)


def test_points_outside_the_times_of_the_population_are_noted(record):
    _, findings = integrate(record, (250.0, 7.0))
    assert "population-time" in codes(findings)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"nuclide": TERBIUM}, "population-nuclide"),
        ({"measured_with": "Y-90"}, "population-nuclide"),
        ({"therapy": "lu177-psma"}, "population-therapy"),
        ({"points": 4}, "population-points-range"),
    ],
)
def test_another_therapy_or_nuclide_is_refused(record, arguments, code):
    with pytest.raises(StudyError) as refusal:
        open_population(record, **{"nuclide": LUTETIUM, **arguments})
    assert refusal.value.code == code


def test_another_nuclide_with_the_same_biology_is_stated(record):
    tia, findings = integrate(record, (96.0, 67.0), nuclide=TERBIUM, measured_with="Lu-177", therapy="lu177-psma")
    assert "population-other-nuclide" in codes(findings)
    assert tia.effective_half_life_h.value < integrate(record, (96.0, 67.0))[0].effective_half_life_h.value + 10


@pytest.mark.parametrize(
    ("arguments", "code"),
    [({"region": "liver"}, "population-region"), ({"activity": None}, "activity-missing")],
)
def test_what_the_population_needs_is_asked_for(record, arguments, code):
    with pytest.raises(FitError) as refusal:
        integrate(record, (96.0, 67.0), **arguments)
    assert refusal.value.code == code


def test_four_points_and_regions_without_a_population_are_fitted(record):
    source = open_population(record, nuclide=LUTETIUM)
    three, four = ([(t_h, 100.0) for t_h in times] for times in ((4.0, 24.0, 96.0), (4.0, 24.0, 96.0, 168.0)))
    assert source.takes(curve(*three)) and not source.takes(curve(*four))
    assert not source.takes(curve(*three, region="liver")) and source.takes(curve(*three[:1], region="liver"))
    assert not open_population(record, nuclide=LUTETIUM, points=1).takes(curve(*three))


def table(tmp_path, **drawing):
    curves, parameters = drawn_curves(30, (4.0, 96.0), seed=21, **drawing)
    return curves_table(tmp_path / "new.csv", curves), parameters


def test_a_table_of_members(record, tmp_path):
    """Of 30 intervals of 90 % fewer than 22 hold the truth with a probability below 0.5 % (binomial)."""
    path, parameters = table(tmp_path)
    fitted = fit_table(path, nuclide="Lu-177", population=PopulationChoice(record, activity_mbq=7400.0))
    truths = 7400 * UPTAKE.integral_h(parameters)
    pairs = [(page.tia.value.value, page.tia.value.u) for page in fitted.fits]
    inside = [abs(value - truth) < 1.645 * u for (value, u), truth in zip(pairs, truths, strict=True)]
    assert sum(inside) >= 22
    assert fitted.findings == () and fitted.to_json()["findings"] == []


def test_members_of_another_population_are_noticed_together(record, tmp_path):
    path, _ = table(tmp_path, mean=MEAN - [0.0, 0.4, 0.0])
    fitted = fit_table(path, nuclide="Lu-177", population=PopulationChoice(record, activity_mbq=7400.0))
    assert codes(fitted.findings) == ["population-shift"]


def test_activities_come_from_the_table_of_treatments(record, tmp_path):
    path, _ = table(tmp_path)
    treatments = tmp_path / "treatments.csv"
    treatments.write_text("subject,activity_mbq\nP0,3700\n", encoding="utf-8")
    assert administered_activities(treatments) == {"P0": 3700.0}
    fitted = fit_table(path, nuclide="Lu-177", population=PopulationChoice(record, treatments=treatments))
    assert len(fitted.fits) == 1 and {item.error.code for item in fitted.refused} == {"activity-missing"}
    treatments.write_text("subject,cycle,activity_mbq\nP0,1,3700\nP0,2,7400\n", encoding="utf-8")
    with pytest.raises(StudyError) as refusal:
        administered_activities(treatments)
    assert refusal.value.code == "activity-two-cycles" and "line 3" in str(refusal.value)
