"""Red marrow from blood: the worked example and constants of the project's science notes, paragraphs 0, 2 and 10.

The numbers there were computed independently of this code and are printed to the digits asserted here; 0.1 % is the
rounding of the printed numbers.
"""

import math

import pytest

from theradose.dose.marrow import MarrowRequest, marrow_from_specimen, marrow_methods, marrow_ratio
from theradose.dose.svalues import load_organ_factors, remainder_factor
from theradose.model.samples import CounterCalibration
from theradose.nuclides import load_nuclide
from theradose.quantify.counter import count_sample
from theradose.quantify.whole_body import net_rate
from theradose.uncertainty import Uncertain

LUTETIUM = load_nuclide("Lu-177")
GY_PER_MBQ_H_PER_MGY_PER_MBQ_S = 3.6
# 10 % of the administered activity per litre with 1 h, and 2 % with 20 h, of effective half-life; 1 GBq.
TIA_MBQ_H_PER_L = 1000 * (0.10 * 1 + 0.02 * 20) / math.log(2)


def dose(*, ratio, haematocrit=None, method="s-value", specimen="blood", mass_g=None, tia=TIA_MBQ_H_PER_L):
    chosen, _ = marrow_ratio(choice=ratio, haematocrit=haematocrit)
    concentration = marrow_from_specimen(
        specimen_tia_mbq_h_per_l=Uncertain(tia), specimen=specimen, haematocrit=haematocrit, ratio=chosen.value
    )
    request = MarrowRequest(concentration.marrow, LUTETIUM, "M", marrow_mass_g=mass_g)
    return concentration, marrow_methods.get(method)(request)


def test_worked_example():
    concentration, (result, _) = dose(ratio="1")
    assert pytest.approx(721.35, rel=1e-4) == TIA_MBQ_H_PER_L
    assert concentration.blood.value == pytest.approx(680.5, rel=1e-3)
    assert result.tia_mbq_h.value == pytest.approx(796.2, rel=1e-3)
    assert 1e3 * result.self_gy.value == pytest.approx(32.96, rel=1e-3)


@pytest.mark.parametrize(("haematocrit", "ratio", "mgy"), [(0.47, 0.3585, 11.82), (0.42, 0.3276, 10.80)])
def test_worked_example_with_extracellular_fraction(haematocrit, ratio, mgy):
    chosen, _ = marrow_ratio(choice="sgouros", haematocrit=haematocrit)
    _, (result, _) = dose(ratio="sgouros", haematocrit=haematocrit)
    assert chosen.value.value == pytest.approx(ratio, abs=5e-5)
    assert 1e3 * result.self_gy.value == pytest.approx(mgy, rel=1e-3)


def test_plasma_taken_as_blood_overestimates():
    _, (as_plasma, _) = dose(ratio="1", specimen="plasma", haematocrit=0.42)
    _, (as_blood, _) = dose(ratio="1")
    assert as_blood.self_gy.value / as_plasma.self_gy.value == pytest.approx(1.72, abs=5e-3)


def test_local_deposition_overestimates_by_what_escapes():
    """1.76 is the inverse of the absorbed fraction 0.569 of the S value."""
    _, (local, findings) = dose(ratio="1", method="local-deposition")
    _, (by_factor, _) = dose(ratio="1")
    assert local.self_gy.value / by_factor.self_gy.value == pytest.approx(1.76, abs=5e-3)
    assert "1.76" in findings[0].message


def test_marrow_mass_cancels_in_the_self_dose():
    _, (reference, _) = dose(ratio="1")
    _, (small, _) = dose(ratio="1", mass_g=900.0)
    assert small.self_gy.value == reference.self_gy.value
    assert small.tia_mbq_h.value == pytest.approx(reference.tia_mbq_h.value * 900 / 1170)


@pytest.mark.parametrize(("removed", "expected"), [((), 9.115e-8), (("kidneys", "liver", "spleen"), 9.308e-8)])
def test_remainder_factor(removed, expected):
    factor = remainder_factor(load_organ_factors("Lu-177", "M"), target="red-marrow", apart=("red-marrow", *removed))
    assert factor / GY_PER_MBQ_H_PER_MGY_PER_MBQ_S == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("organ", "expected"),
    [
        ("kidneys", 0.0866),
        ("spleen", 0.0864),
        ("salivary-glands", 0.0851),
        ("thyroid", 0.0850),
        ("liver", 0.0888),
        ("red-marrow", 0.0484),
    ],
)
def test_factors_times_mass(organ, expected):
    """S m of 177Lu in the reference man, Gy g/(MBq h), to the printed digits."""
    factors = load_organ_factors("Lu-177", "M")
    own = factors.value(target=organ, source=organ).gy_per_mbq_h
    assert own * factors.mass_g[organ] == pytest.approx(expected, abs=6e-5)


def test_decay_correction_has_the_sign_of_its_definition():
    """48 h of 177Lu: 1.2319; the printed form of Vallot 2024 would give 0.8118 (paragraph 10)."""
    counter = CounterCalibration("counter", 1e6)
    at_once, later = (
        count_sample(
            counts=1e5,
            counting_s=60,
            background_cps=0,
            calibration=counter,
            amount_ml=1,
            dilution=1,
            delay_h=delay_h,
            decay_constant_per_h=math.log(2) / (6.647 * 24),
        )
        for delay_h in (0.0, 48.0)
    )
    assert later.concentration_mbq_l / at_once.concentration_mbq_l == pytest.approx(1.2319, abs=5e-5)


def test_whole_body_probe():
    """(1000, 640) then (300, 220) cps with a background of 20 cps: 0.303588 of the activity (paragraph 10)."""
    first, _ = net_rate(anterior_cps=1000, posterior_cps=640, background_cps=20, counting_s=60)
    later, _ = net_rate(anterior_cps=300, posterior_cps=220, background_cps=20, counting_s=60)
    assert later / first == pytest.approx(0.303588, abs=5e-7)
