from __future__ import annotations

import pytest

from theradose.errors import CalibrationError
from theradose.quantify.sensitivity import concentration_per_count


def test_concentration_of_one_count():
    """9.3 cps/MBq for 1000 s: 9300 counts per MBq; in 0.1 mL one count is 1/930 MBq/mL."""
    value = concentration_per_count(sensitivity_cps_per_mbq=9.3, duration_s=1000, voxel_volume_ml=0.1)
    assert value == pytest.approx(1 / 930)


@pytest.mark.parametrize("changes", [{"sensitivity_cps_per_mbq": 0}, {"duration_s": 0}, {"voxel_volume_ml": -1}])
def test_not_positive_is_refused(changes):
    arguments = {"sensitivity_cps_per_mbq": 9.3, "duration_s": 1.0, "voxel_volume_ml": 0.1} | changes
    with pytest.raises(CalibrationError) as caught:
        concentration_per_count(**arguments)
    assert caught.value.code == "sensitivity-invalid"
