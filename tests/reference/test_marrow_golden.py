"""What is no printed number in the worked example of red marrow; its numbers are cases of ``theradose validate``."""

import math

import pytest

from theradose.dose.marrow import MarrowRequest, marrow_from_specimen, marrow_methods, marrow_ratio
from theradose.nuclides import load_nuclide
from theradose.uncertainty import Uncertain

# 10 % of the administered activity per litre with 1 h, and 2 % with 20 h, of effective half-life; 1 GBq.
TIA_MBQ_H_PER_L = 1000 * (0.10 * 1 + 0.02 * 20) / math.log(2)


def dose(*, method="s-value", mass_g=None):
    chosen, _ = marrow_ratio(choice="1", haematocrit=None)
    concentration = marrow_from_specimen(
        specimen_tia_mbq_h_per_l=Uncertain(TIA_MBQ_H_PER_L), specimen="blood", haematocrit=None, ratio=chosen.value
    )
    request = MarrowRequest(concentration.marrow, load_nuclide("Lu-177"), "M", marrow_mass_g=mass_g)
    return marrow_methods.get(method)(request)


def test_integral_of_the_worked_example():
    """0.72135 h/L of 1 GBq."""
    assert pytest.approx(721.35, rel=1e-4) == TIA_MBQ_H_PER_L


def test_local_deposition_says_by_how_much_it_overestimates():
    _, findings = dose(method="local-deposition")
    assert "1.76" in findings[0].message


def test_marrow_mass_cancels_in_the_self_dose():
    reference, _ = dose()
    small, _ = dose(mass_g=900.0)
    assert small.self_gy.value == reference.self_gy.value
    assert small.tia_mbq_h.value == pytest.approx(reference.tia_mbq_h.value * 900 / 1170)
