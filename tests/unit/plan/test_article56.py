"""Levels of Article 56, and the tolerances of the position paper."""

import pytest

from theradose.plan.article56 import activity_deviation, label_deviation, required_level
from theradose.plan.therapies import load_therapies, require_therapy


@pytest.mark.parametrize(("given", "within"), [(7400, True), (6660, True), (8140, True), (6659, False), (8141, False)])
def test_the_activity_lies_within_ten_per_cent(given, within):
    """Konijnenberg 2021: ±10 % of the intended activity, the ends included."""
    assert activity_deviation(given_mbq=given, intended_mbq=7400).within is within


@pytest.mark.parametrize(("given", "within"), [(9250, True), (9251, False), (1000, True)])
def test_more_than_a_quarter_above_the_label_is_not_standardised(given, within):
    assert label_deviation(given_mbq=given, label_mbq=7400).within is within


def levels(name, **changes):
    return required_level(therapy=require_therapy(name), **changes)


def test_levels_of_the_position_paper():
    """Konijnenberg 2021, Table 1."""
    assert levels("lu177-dotatate").levels == (1,)
    assert levels("lu177-dotatate", off_label=True).levels == (2, 3)
    assert levels("lu177-psma").levels == (1,)
    assert levels("lu177-psma", off_label=True).levels == (2,)
    assert levels("i131-mibg", child=True).levels == (2, 3)
    assert levels("i131-dtc").levels == levels("i131-benign-thyroid").levels == (1, 3)
    assert levels("ho166-tare").levels == (2, 3)


def test_far_above_the_label_asks_for_level_two():
    level = levels("lu177-dotatate", above_label=True)
    assert level.levels == (2,) and not level.standardised
    assert "above the label" in level.statement.text


def test_a_contradicting_classification_is_kept_with_its_source():
    """De Wit-van der Veen 2023 has radioembolisation at level 2 or 3, the position paper at 1 by body surface area."""
    text = levels("y90-tare").general.text
    assert "level 1 by body surface area" in text and "another classification: level 2 or 3" in text
    assert "deWit2023" in text


@pytest.mark.parametrize("name", load_therapies())
def test_nothing_not_standardised_is_level_one(name):
    for changes in ({"off_label": True}, {"above_label": True}, {"off_label": True, "child": True}):
        level = levels(name, **changes)
        assert 1 not in level.levels and not level.standardised and level.reasons


@pytest.mark.parametrize(
    ("name", "prescribed", "expected"),
    [
        ("i131-dtc", "absorbed-dose", "level 3, prescribed by absorbed dose."),
        ("i131-benign-thyroid", "activity", "level 1, prescribed by activity."),
        ("y90-tare", "absorbed-dose", "level 2 or 3, prescribed by absorbed dose."),
        ("y90-tare", "activity", "level 1, prescribed by activity."),
        ("ho166-tare", "absorbed-dose", "level 2 or 3."),
        ("lu177-psma", "activity", "level 1."),
    ],
)
def test_a_plan_has_one_conclusion(name, prescribed, expected):
    """Konijnenberg 2021, Table 1: what differs between the ways to prescribe is decided by what the plan does."""
    level = levels(name, prescribed=prescribed)
    assert level.statement.text == expected
    assert level.general.text.startswith("Article 56 on ")
