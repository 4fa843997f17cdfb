"""Red marrow from blood and from images, gamma counter and whole-body probe."""

from __future__ import annotations

import math

from theradose.dose.local import local_dose_constant
from theradose.dose.marrow import MarrowRequest, marrow_from_specimen, marrow_methods, marrow_ratio
from theradose.dose.marrow_image import (
    ImageMarrowOptions,
    image_marrow_request,
    marrow_from_image,
    split_marrow_uptake,
    voi_recovery,
)
from theradose.dose.svalues import load_organ_factors, remainder_factor
from theradose.model.s_values import RED_MARROW
from theradose.model.samples import CounterCalibration, Specimen
from theradose.nuclides import load_nuclide
from theradose.quantify.counter import count_sample
from theradose.quantify.whole_body import net_rate
from theradose.uncertainty import Uncertain
from theradose.validation.evaluator import evaluator

_LUTETIUM = "Lu-177"
_GY_PER_MBQ_H_PER_MGY_PER_MBQ_S = 3.6
_MGY_PER_GY = 1e3
# 10 % of the administered activity per litre with 1 h, and 2 % with 20 h, of effective half-life; 1 GBq.
_TIA_MBQ_H_PER_L = 1000 * (0.10 * 1 + 0.02 * 20) / math.log(2)


@evaluator("marrow-from-blood")
def marrow_from_blood(
    *,
    number: str,
    ratio: str,
    haematocrit: float | None = None,
    method: str = "s-value",
    specimen: Specimen = "blood",
    mass_g: float | None = None,
) -> float:
    """Return a number of the worked example: MBq·h/kg, MBq·h, mGy, or the ratio."""
    chosen, _ = marrow_ratio(choice=ratio, haematocrit=haematocrit)
    concentration = marrow_from_specimen(
        specimen_tia_mbq_h_per_l=Uncertain(_TIA_MBQ_H_PER_L),
        specimen=specimen,
        haematocrit=haematocrit,
        ratio=chosen.value,
    )
    request = MarrowRequest(concentration.marrow, load_nuclide(_LUTETIUM), "M", marrow_mass_g=mass_g)
    result, _ = marrow_methods.get(method)(request)
    numbers = {
        "ratio": chosen.value.value,
        "blood": concentration.blood.value,
        "marrow": result.tia_mbq_h.value,
        "self dose": _MGY_PER_GY * result.self_gy.value,
    }
    return numbers[number]


@evaluator("plasma-as-blood")
def plasma_as_blood(*, haematocrit: float) -> float:
    """Return by how much the dose of a concentration taken for that of blood exceeds that of plasma."""
    blood = marrow_from_blood(number="self dose", ratio="1")
    return blood / marrow_from_blood(number="self dose", ratio="1", specimen="plasma", haematocrit=haematocrit)


@evaluator("local-over-s-value")
def local_over_s_value() -> float:
    """Return the self dose by local deposition over that of the S value."""
    local = marrow_from_blood(number="self dose", ratio="1", method="local-deposition")
    return local / marrow_from_blood(number="self dose", ratio="1")


@evaluator("remainder-factor")
def remainder(*, removed: list[str]) -> float:
    """Return S of the remainder of the body to red marrow, mGy/(MBq·s)."""
    factors = load_organ_factors(_LUTETIUM, "M")
    factor = remainder_factor(factors, target=RED_MARROW, apart=(RED_MARROW, *removed))
    return factor / _GY_PER_MBQ_H_PER_MGY_PER_MBQ_S


@evaluator("organ-factor-times-mass")
def organ_factor_times_mass(*, organ: str) -> float:
    """Return S times mass of an organ of the reference man, Gy·g/(MBq·h)."""
    factors = load_organ_factors(_LUTETIUM, "M")
    return factors.value(target=organ, source=organ).gy_per_mbq_h * factors.mass_g[organ]


@evaluator("decay-of-a-sample")
def decay_of_a_sample(*, delay_h: float, half_life_d: float) -> float:
    """Return the concentration of a sample counted after a delay over that counted at once."""
    early, late = (
        count_sample(
            counts=1e5,
            counting_s=60,
            background_cps=0,
            calibration=CounterCalibration("counter", 1e6),
            amount_ml=1,
            dilution=1,
            delay_h=waited,
            decay_constant_per_h=math.log(2) / (24 * half_life_d),
        )
        for waited in (0.0, delay_h)
    )
    return late.concentration_mbq_l / early.concentration_mbq_l


@evaluator("whole-body-probe")
def whole_body_probe(*, first: list[float], later: list[float], background_cps: float) -> float:
    """Return the part of the activity that is left, from readings (anterior, posterior)."""
    rates = [
        net_rate(anterior_cps=front, posterior_cps=back, background_cps=background_cps, counting_s=60)[0]
        for front, back in (first, later)
    ]
    return float(rates[1] / rates[0])


@evaluator("specific-uptake")
def specific_uptake(*, patient: int, total: float, non_specific: float) -> float:
    """Return the specific part of a marrow dose in Gy/GBq; `patient` names the row of the table."""
    constant = local_dose_constant(electron_energy_kev=load_nuclide(_LUTETIUM).electron_energy_kev.value)
    split, _ = split_marrow_uptake(
        image_tia_mbq_h_per_kg=Uncertain(1000 * total / constant),
        blood_tia_mbq_h_per_kg=Uncertain(1000 * non_specific / constant),
    )
    return split.specific.value * constant / 1000


@evaluator("image-marrow")
def image_marrow(*, number: str, density_g_per_ml: float) -> float:
    """Return the local dose per concentration (Gy per MBq·h/mL), or the S value's dose over it."""
    found, _ = marrow_from_image(
        voi_tia_mbq_h_per_ml=Uncertain(1.0),
        density_g_per_ml=Uncertain(density_g_per_ml),
        options=ImageMarrowOptions(),
    )
    request = image_marrow_request(found, nuclide=load_nuclide(_LUTETIUM), sex="M")
    local, by_factor = (marrow_methods.get(name)(request)[0].self_gy.value for name in ("local-deposition", "s-value"))
    return {"local dose": local, "absorbed fraction": by_factor / local}[number]


@evaluator("vertebral-recovery")
def vertebral_recovery(*, name: str) -> float:
    """Return the packaged recovery of the vertebrae."""
    recovery, _ = voi_recovery(name)
    return math.nan if recovery is None else recovery.value
