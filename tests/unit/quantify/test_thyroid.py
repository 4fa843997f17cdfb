from __future__ import annotations

import math
from dataclasses import replace

import pytest

from theradose.errors import StudyError
from theradose.quantify.thyroid import UptakeCounts, thyroid_uptake
from theradose.uncertainty import Uncertain

RATE = math.log(2) / 192.56
COUNTS = UptakeCounts(neck=42_000, thigh=2_000, phantom=201_000, room=1_000, patient_s=100, phantom_s=100)


def uptake(counts=COUNTS, *, standard=None, delay_h=24.0, standard_delay_h=24.0):
    return thyroid_uptake(
        counts,
        standard_mbq=standard or Uncertain(2.0),
        administered_mbq=Uncertain(1.0),
        delay_h=delay_h,
        standard_delay_h=standard_delay_h,
        decay_constant_per_h=RATE,
    )


def test_ratio_of_net_rates_and_activities():
    # 400 cps against 2000 cps of a standard of twice the activity, both decayed alike.
    assert uptake().value == pytest.approx(0.4)


def test_decay_of_patient_and_standard():
    assert uptake(standard_delay_h=0.0).value == pytest.approx(0.4 * math.exp(RATE * 24))


def test_counting_and_activity_uncertainty():
    result = uptake(standard=Uncertain(2.0, {"calibrator": 0.06}))
    assert result.contributions["counting:thyroid"] / result.value == pytest.approx(math.sqrt(44_000) / 40_000)
    assert abs(result.contributions["counting:standard"]) / result.value == pytest.approx(math.sqrt(202_000) / 200_000)
    assert result.contributions["calibrator"] / result.value == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"thigh": 50_000.0}, "uptake-below-background"),
        ({"room": 300_000.0}, "uptake-below-background"),
        ({"patient_s": 0.0}, "uptake-counting-time"),
    ],
)
def test_refusals(change, code):
    with pytest.raises(StudyError) as caught:
        uptake(replace(COUNTS, **change))
    assert caught.value.code == code
