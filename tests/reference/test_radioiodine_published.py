"""Published activities of 131I that follow from published doses."""

import pytest

from theradose.dose.radioiodine.blood import BloodDose, activity_for_blood_dose
from theradose.uncertainty import Uncertain


@pytest.mark.parametrize(("printed_gy_gbq", "expected_gbq"), [(0.11, 18.2), (0.09, 22.2)])
def test_two_gray_by_the_printed_dose_is_not_the_printed_activity(printed_gy_gbq, expected_gbq):
    """A published table prints 0.11 and 0.09 Gy/GBq beside 21 and 25 GBq, which contradict 2 Gy over these doses."""
    printed = Uncertain(printed_gy_gbq)
    per_activity = BloodDose(electrons=printed, photons=Uncertain(0.0), total=printed, constants=())
    activity_mbq = activity_for_blood_dose(dose_gy=2.0, per_activity=per_activity)
    assert activity_mbq.value / 1000 == pytest.approx(expected_gbq, abs=0.05)
