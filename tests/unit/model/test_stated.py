"""Stated quantities with and without uncertainty."""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from theradose.model.stated import Stated, StatedFraction, StatedMassG


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mass: StatedMassG
    share: StatedFraction | None = None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1.5 kg", Stated(1500.0)),
        ({"value": "25 g", "u": "10 %"}, Stated(25.0, 2.5)),
        ({"value": "1.5 kg", "u": "30 g"}, Stated(1500.0, 30.0)),
    ],
)
def test_value_and_uncertainty_in_the_unit_used_inside(given, expected):
    assert Input(mass=given).mass == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("25", "no unit"),
        ("25 mL", "unit of volume"),
        ("0 g", "above 0"),
        ({"value": "25 g", "u": "2 mL"}, "unit of volume"),
        ({"value": "25 g", "u": "-2 g"}, "not negative"),
        ({"value": "25 g", "u": 2}, "no unit"),
        ({"value": "25 g", "u": "900 %"}, "above the value"),
        ({"value": "25 g", "u": "26 g"}, "above the value"),
        ({"amount": "25 g"}, "is written"),
    ],
)
def test_what_cannot_be_read_is_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        Input(mass=given)


def test_a_fraction_lies_between_zero_and_one():
    assert Input(mass="1 g", share="6 %").share == Stated(0.06)
    with pytest.raises(ValidationError, match="between 0 and 100 %: write for example '6 %' or 0.06"):
        Input(mass="1 g", share="106 %")
    with pytest.raises(ValidationError, match="write for example '38 %' or 0.38"):
        Input(mass="1 g", share=38)


def test_a_decimal_comma_inside_braces_is_told():
    """YAML reads ``{value: 7,2 g}`` as the value 7 and a key ``2 g``."""
    with pytest.raises(ValidationError, match="decimal comma"):
        Input(mass={"value": 7, "2 g": None})


def test_the_uncertainty_of_a_number_without_dimension_says_which_it_is():
    assert Input(mass="1 g", share={"value": "60 %", "relative_u": "5 %"}).share.u == pytest.approx(0.03)
    assert Input(mass="1 g", share={"value": "60 %", "absolute_u": "5 %"}).share.u == pytest.approx(0.05)
    with pytest.raises(ValidationError, match="relative_u"):
        Input(mass="1 g", share={"value": "60 %", "u": "5 %"})


def test_a_small_fraction_may_be_less_than_its_uncertainty():
    assert Input(mass="1 g", share={"value": "0.5 %", "absolute_u": "1 %"}).share.u == pytest.approx(0.01)
    with pytest.raises(ValidationError, match="above the value"):
        Input(mass="1 g", share={"value": "5 %", "relative_u": 20})


def test_an_uncertainty_that_nobody_stated_is_not_zero():
    quantity = Stated(25.0).from_source("mass:thyroid")
    assert quantity.not_stated == {"mass:thyroid"}
    assert Stated(25.0, 2.5).from_source("mass:thyroid").relative_u == pytest.approx(0.1)
