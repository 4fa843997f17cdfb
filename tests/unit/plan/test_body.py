"""Measures that no patient has."""

import pytest

from theradose.errors import PlanError
from theradose.plan.body import check_body


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weight_kg": 0.07}, "weight of 0.07 kg"),
        ({"weight_kg": 700.0}, "1 to 400 kg"),
        ({"height_cm": 17_500.0}, "height"),
        ({"blood_volume_ml": 5.0}, "blood volume of 5 mL"),
    ],
)
def test_a_unit_mixed_up_is_refused(given, said):
    with pytest.raises(PlanError, match=said) as refusal:
        check_body(**given)
    assert refusal.value.code == "body-impossible"


def test_small_children_and_heavy_patients_pass():
    check_body(weight_kg=2.5, height_cm=45.0, blood_volume_ml=200.0)
    check_body(weight_kg=250.0, height_cm=210.0, blood_volume_ml=9000.0)
