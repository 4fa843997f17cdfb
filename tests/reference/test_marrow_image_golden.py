"""Red marrow in images: a published table; what the program makes of it is a case of ``theradose validate``.

Hemmingsson 2023, table 3 (PMC10478826), Gy/GBq: vertebrae specific, non-specific, total, and blood alone. The printed
numbers have three decimals, so that a sum of two may differ from the printed total by one and a half of the last.
"""

import numpy as np
import pytest

from theradose.dose.marrow_image import split_marrow_uptake, voi_recovery
from theradose.uncertainty import Uncertain

EXCLUDED = 5
VERTEBRAE = {
    1: (0.068, 0.026, 0.093, 0.015),
    2: (0.025, 0.019, 0.044, 0.011),
    3: (0.016, 0.018, 0.033, 0.012),
    4: (0.022, 0.014, 0.036, 0.010),
    5: (0.496, 0.028, 0.524, 0.019),
    6: (0.018, 0.016, 0.034, 0.011),
    7: (0.020, 0.023, 0.042, 0.017),
    8: (0.029, 0.021, 0.050, 0.012),
    9: (0.038, 0.024, 0.062, 0.013),
    10: (0.047, 0.023, 0.070, 0.013),
    11: (0.065, 0.041, 0.106, 0.023),
    12: (0.052, 0.025, 0.077, 0.014),
    13: (0.052, 0.041, 0.093, 0.023),
    14: (0.056, 0.037, 0.093, 0.021),
    15: (0.114, 0.042, 0.157, 0.029),
    16: (0.026, 0.013, 0.039, 0.009),
    17: (0.043, 0.043, 0.086, 0.029),
}


def test_images_show_four_times_the_blood_based_dose():
    """Derived in the notes from 16 patients: total 0.0697 ± 0.0341, ratio 4.23 (2.5 to 6.2), correlation 0.83."""
    kept = np.array([row for patient, row in VERTEBRAE.items() if patient != EXCLUDED])
    total, blood = kept[:, 2], kept[:, 3]
    ratio = total / blood
    assert total.mean() == pytest.approx(0.0697, abs=5e-5)
    assert total.std(ddof=1) == pytest.approx(0.0341, abs=5e-5)
    assert ratio.mean() == pytest.approx(4.23, abs=5e-3)
    assert (ratio.min(), ratio.max()) == pytest.approx((2.5, 6.2), abs=0.05)
    assert np.corrcoef(total, blood)[0, 1] == pytest.approx(0.83, abs=5e-3)


def test_split_uptake_adds_up_without_findings():
    split, findings = split_marrow_uptake(
        image_tia_mbq_h_per_kg=Uncertain(1093.0), blood_tia_mbq_h_per_kg=Uncertain(305.0)
    )
    assert (split.specific + split.non_specific).value == pytest.approx(split.total.value)
    assert findings == ()


def test_phantom_recovery_of_the_vertebrae_was_read():
    _, constant = voi_recovery("santoro2018")
    assert constant.status == "verified"
