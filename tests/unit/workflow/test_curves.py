"""Curves of a study: several points are fitted, one goes to the method that the study names."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from population_support import write_record
from theradose.errors import FitError, StudyError
from theradose.model.curve import TimeActivityCurve
from theradose.workflow.case import hash_inputs
from theradose.workflow.curves import integrate_measured


def curve(*t_h, half_life_h=50.0):
    activity = 100 * 0.5 ** (np.array(t_h) / half_life_h)
    return TimeActivityCurve("liver", np.array(t_h), activity, 0.03 * activity, {}, "spect")


def test_one_point_is_refused_without_a_method(tiny_case):
    with pytest.raises(FitError, match="single_time_point"):
        integrate_measured(tiny_case(), curve(72.0))


def test_one_point_is_integrated_by_the_method_of_the_study(tiny_case):
    case = tiny_case(single_time_point={"method": "madsen", "half_lives": {"liver": "50 h"}, "u": "20 %"})
    tia, findings = integrate_measured(case, curve(72.0))
    assert tia.chosen == "madsen"
    assert tia.value.value == pytest.approx(100 * 50 / math.log(2), rel=1e-12)
    assert tia.value.contributions["single-time-point:liver"] > 0
    assert "single-time-point" in [finding.code for finding in findings]


def test_several_points_are_fitted_all_the_same(tiny_case):
    case = tiny_case(single_time_point={"method": "madsen", "half_lives": {"liver": "10 h"}, "u": "20 %"})
    assert integrate_measured(case, curve(24.0, 96.0))[0].chosen == "mono"


def test_a_prescribed_model_is_not_replaced_by_a_method(tiny_case):
    case = tiny_case(single_time_point={"method": "haenscheid"})
    with pytest.raises(FitError) as refusal:
        integrate_measured(case, curve(72.0), force_model="mono")
    assert refusal.value.code == "one-time-point"


def test_dose_factors_of_the_study(tiny_case):
    factors = [{"region": "liver", "t": "3 d", "factor": "200 h", "u": "12 %"}]
    tia, _ = integrate_measured(
        tiny_case(single_time_point={"method": "dose-factor", "dose_factors": factors}), curve(72.0)
    )
    assert tia.value.value == pytest.approx(200 * tia.curve.activity_mbq[0])


def test_an_unknown_key_of_a_dose_factor_is_refused(tiny_case):
    factors = [{"region": "liver", "t": "3 d", "factor": "200 h", "unit": "h"}]
    with pytest.raises(StudyError, match="valid keys are region, t, factor, u"):
        tiny_case(single_time_point={"method": "dose-factor", "dose_factors": factors})


def population_study(tiny_case, tmp_path, **changes):
    """A case with a record beside the study."""
    folder = tmp_path / "study"
    folder.mkdir(exist_ok=True)
    write_record(folder / "population.json", **changes.pop("record", {}))
    return tiny_case(single_time_point={"method": "population", "population": "population.json", **changes})


def test_few_points_of_a_region_with_a_population(tiny_case, tmp_path):
    case = population_study(tiny_case, tmp_path)
    points = replace(curve(24.0, 96.0), region="left-kidney")
    tia, findings = integrate_measured(case, points)
    assert tia.chosen == "population"
    assert "population-used" in [finding.code for finding in findings]
    assert integrate_measured(case, points, force_model="mono")[0].chosen == "mono"
    assert integrate_measured(case, curve(24.0, 96.0))[0].chosen == "mono"
    assert "population.json" in hash_inputs(case.study_file)


def test_one_point_of_a_region_without_a_population_is_refused(tiny_case, tmp_path):
    with pytest.raises(FitError) as refusal:
        integrate_measured(population_study(tiny_case, tmp_path), curve(72.0))
    assert refusal.value.code == "population-region"


def test_points_of_the_study_limit_the_population(tiny_case, tmp_path):
    case = population_study(tiny_case, tmp_path, points=1)
    assert integrate_measured(case, replace(curve(24.0, 96.0), region="left-kidney"))[0].chosen == "mono"


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"record": {"nuclide": "Tb-161"}}, "population-nuclide"), ({"points": 7}, "population-points-range")],
)
def test_a_record_of_something_else_is_refused_at_once(tiny_case, tmp_path, changes, code):
    with pytest.raises(StudyError) as refusal:
        population_study(tiny_case, tmp_path, **changes)
    assert refusal.value.code == code


@pytest.mark.parametrize("stated", [{"method": "population"}, {"method": "madsen", "population": "p.json"},
                                    {"method": "madsen", "points": 2}])  # fmt: skip
def test_method_and_record_belong_together(tiny_case, stated):
    with pytest.raises(StudyError, match="population"):
        tiny_case(single_time_point=stated)


@pytest.fixture
def later_cycle(tiny_case, tmp_path):
    def open_with(estimate, **changes):
        earlier = tmp_path / "study" / "results" / "run-1"
        earlier.mkdir(parents=True, exist_ok=True)
        (earlier / "result.json").write_text(
            json.dumps({"regions": [{"name": "liver", "effective_half_life_h": estimate}]})
        )
        cycles = [{"cycle": 1, "activity": "7.4 GBq", "result": "results/run-1"}, {"cycle": 2, "activity": "7.4 GBq"}]
        method = {"method": "earlier-half-life", **changes}
        return tiny_case(previous_cycles=cycles, single_time_point=method)

    return open_with


def test_half_life_of_an_earlier_result(later_cycle):
    case = later_cycle({"value": 50.0, "u": 2.5})
    tia, findings = integrate_measured(case, curve(24.0))
    assert tia.value.value == pytest.approx(100 * 50 / math.log(2), rel=1e-12)
    assert tia.effective_half_life_h.relative_u == pytest.approx(0.05)
    assert findings[0].code == "earlier-half-life-used"
    assert "results/run-1" in hash_inputs(case.study_file)


def test_stated_half_lives_come_before_earlier_results(later_cycle):
    case = later_cycle({"value": 50.0, "u": 2.5}, half_lives={"liver": "40 h"}, u="10 %")
    tia, _ = integrate_measured(case, curve(24.0, half_life_h=40.0))
    assert tia.value.value == pytest.approx(100 * 40 / math.log(2), rel=1e-12)


def test_earlier_result_without_the_region_needs_a_half_life(later_cycle):
    with pytest.raises(FitError) as refusal:
        integrate_measured(later_cycle({"value": None, "u": None}), curve(24.0))
    assert refusal.value.code == "half-life-missing"


def test_unreadable_earlier_result_is_refused(later_cycle):
    case = later_cycle({"value": 50.0, "u": 2.5})
    (case.study_file.folder / "results" / "run-1" / "result.json").write_text("{")
    with pytest.raises(StudyError) as refusal:
        integrate_measured(case, curve(24.0))
    assert refusal.value.code == "earlier-result-unreadable"


def test_length_of_the_infusion_corrects_the_integral(tiny_case):
    case = tiny_case()
    administration = case.study.administrations[0].model_dump(mode="json")
    infused = tiny_case(
        administrations=[
            {
                "nuclide": administration["nuclide"],
                "activity": f"{administration['activity']} MBq",
                "start": administration["start"],
                "duration": "2 h",
            }
        ]
    )
    bolus, corrected = (integrate_measured(c, curve(4.0, 24.0, 96.0))[0].value.value for c in (case, infused))
    product = math.log(2) / 50 * 2
    assert bolus / corrected == pytest.approx(math.expm1(product) / product, rel=1e-6)
