"""Models of risk: what they refuse, and that they say how little they know."""

import numpy as np
import pytest

from theradose.cohort.risk import risk_models
from theradose.errors import StatisticsError


@pytest.fixture(scope="module")
def risk(many):
    patients, doses, facts = many
    return risk_models(patients, quantity="lymphocytes", doses=doses, facts=facts, grade=2)


def test_three_models_are_judged_on_the_same_rows(risk):
    assert [model.name for model in risk.models] == [
        "without dosimetry", "with red-marrow by image", "with all doses",
    ]  # fmt: skip
    assert [len(model.predictors) for model in risk.models] == [4, 6, 12]
    for model in risk.models:
        assert 0 < model.brier < 0.25
        assert 0.5 < model.auc < 1
        assert sum(group.rows for group in model.groups) == risk.rows
        assert all(group.low <= group.observed <= group.high for group in model.groups)
    assert risk.models[0].better is None
    assert risk.models[1].better[1] <= risk.models[1].better[0] <= risk.models[1].better[2]


def test_the_analysis_says_that_models_cannot_be_told_apart(risk):
    (finding,) = [finding for finding in risk.findings if finding.code == "risk-models-alike"]
    assert "200 patients" in finding.message and "0.67" in finding.message


def test_the_seed_makes_the_result(many, risk):
    patients, doses, facts = many
    again = risk_models(patients, quantity="lymphocytes", doses=doses, facts=facts, grade=2)
    assert [model.brier for model in again.models] == [model.brier for model in risk.models]


def test_chance_outcomes_gain_nothing(many):
    """Doses that are permuted between patients do not lower the Brier score beyond its interval."""
    patients, doses, facts = many
    rng = np.random.default_rng(1)
    names = [patient.patient for patient in patients]
    other = dict(zip(names, rng.permutation(names), strict=True))
    by_name = {patient.patient: patient.doses for patient in patients}
    from dataclasses import replace

    shuffled = [
        replace(patient, doses=tuple(replace(d, patient=patient.patient) for d in by_name[other[patient.patient]]))
        for patient in patients
    ]
    found = risk_models(shuffled, quantity="lymphocytes", doses=doses, facts=facts, grade=2)
    assert found.models[1].better[1] < 0


def test_fewer_than_fifty_patients_or_ten_events_are_refused(many):
    patients, doses, facts = many
    with pytest.raises(StatisticsError, match="needs 50 patients") as few:
        risk_models(patients[:49], quantity="lymphocytes", doses=doses, facts=facts)
    with pytest.raises(StatisticsError, match="10 of them with") as events:
        risk_models(patients, quantity="neutrophils", doses=doses, facts=facts, grade=4)
    assert few.value.code == events.value.code == "risk-too-few"
