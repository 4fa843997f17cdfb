"""Forecast of a patient's next cycle: what it takes, and what it marks."""

from dataclasses import replace

import pytest

from theradose.biology.haematology_fit import packaged_prior
from theradose.cohort.forecast import NextCycle, forecast_counts
from theradose.errors import StatisticsError

IMAGE = "red-marrow by image"


def forecast(patient, **options):
    given = {"prior": packaged_prior("platelets"), "exposure": IMAGE, "following": NextCycle()} | options
    return forecast_counts(patient, **given)


def test_a_forecast_is_illustrative_and_follows_the_last_interval(related):
    patients, _, _ = related
    found = forecast(patients[0])
    assert found.start_d == 4 * 56.0
    assert found.nadir.count.low < found.nadir.count.value < found.nadir.count.high
    assert (found.low <= found.high).all() and len(found.curve) == len(found.t_d)
    assert "response-illustrative" in {finding.code for finding in found.fit.findings}


def test_more_dose_means_a_lower_count(related):
    patients, _, _ = related
    low, high = (forecast(patients[0], following=NextCycle(dose, 56.0)).nadir.count.value for dose in (0.1, 1.0))
    assert high < low


def test_a_stated_half_life_replaces_a_missing_one(related):
    patients, _, _ = related
    patient = replace(patients[0], doses=tuple(replace(dose, effective_half_life_h=None) for dose in patients[0].doses))
    assert forecast(patient, half_life_h=35.0).nadir.count.value > 0
    with pytest.raises(StatisticsError) as refused:
        forecast(patient)
    assert refused.value.code == "forecast-half-life"


def test_what_is_missing_is_named(related):
    patients, _, _ = related
    patient = patients[0]
    without = replace(patient, doses=patient.doses[1:])
    one = replace(patient, clock=replace(patient.clock, cycles=("1",), start_d=(0.0,)))
    uncounted = replace(patient, courses=())
    for given, options, code in (
        (without, {}, "forecast-dose"),
        (patient, {"exposure": "kidneys"}, "forecast-dose"),
        (one, {}, "forecast-interval"),
        (uncounted, {}, "forecast-counts"),
    ):
        with pytest.raises(StatisticsError) as refused:
            forecast(given, **options)
        assert refused.value.code == code
