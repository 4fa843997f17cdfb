"""Planning with 131I: thyroid, blood and whole body."""

from __future__ import annotations

import math

from theradose.dose.radioiodine.blood import BloodDose, activity_for_blood_dose, blood_dose_per_activity
from theradose.dose.radioiodine.constants import NUCLIDE
from theradose.dose.radioiodine.thyroid import EnergyChoice, thyroid_activity, thyroid_energy
from theradose.dose.radioiodine.whole_body import (
    residence_of_half_life,
    second_activity,
    whole_body_dose,
    whole_body_s_value,
)
from theradose.dose.svalues import Sex, load_organ_factors
from theradose.model.s_values import TOTAL_BODY
from theradose.plan.limits import limit_named
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ, conversion_factor
from theradose.validation.evaluator import evaluator

_ML_PER_L = 1e3
_H_PER_D = conversion_factor("d", "h")


def _blood(whole_body_h: float, blood_h: float, blood_volume_l: float, weight_kg: float) -> BloodDose:
    return blood_dose_per_activity(
        blood_residence_h_per_ml=Uncertain(blood_h / (blood_volume_l * _ML_PER_L)),
        whole_body_residence_h=Uncertain(whole_body_h),
        weight_kg=Uncertain(weight_kg),
    )


@evaluator("blood-dose-per-activity")
def blood_dose_per_gbq(*, whole_body_h: float, blood_h: float, blood_volume_l: float, weight_kg: float) -> float:
    """Return the dose to blood, Gy/GBq."""
    return _blood(whole_body_h, blood_h, blood_volume_l, weight_kg).total.value


@evaluator("blood-electron-share")
def blood_electron_share(*, whole_body_h: float, blood_h: float, blood_volume_l: float, weight_kg: float) -> float:
    """Return the share of electrons in it, %."""
    return 100 * _blood(whole_body_h, blood_h, blood_volume_l, weight_kg).electron_share


@evaluator("blood-highest-activity")
def blood_highest_activity(*, whole_body_h: float, blood_h: float, blood_volume_l: float, weight_kg: float) -> float:
    """Return the activity that gives the blood its limit, GBq."""
    dose = _blood(whole_body_h, blood_h, blood_volume_l, weight_kg)
    limit = limit_named("blood-radioiodine")
    return activity_for_blood_dose(dose_gy=limit.value_gy, per_activity=dose).value / MBQ_PER_GBQ


@evaluator("thyroid-activity")
def thyroid_activity_mbq(
    *, mass_g: float, dose_gy: float, uptake_percent: float, half_life_d: float, energy: EnergyChoice
) -> float:
    """Return the activity for a target dose, MBq."""
    residence = residence_of_half_life(
        half_life_h=Uncertain(half_life_d * _H_PER_D), initial=Uncertain(uptake_percent / 100)
    )
    return thyroid_activity(
        dose_gy=dose_gy,
        residence_h=residence,
        mass_g=Uncertain(mass_g),
        energy=thyroid_energy(choice=energy, mass_g=mass_g),
    ).value


@evaluator("thyroid-energy")
def thyroid_energy_per_day(*, energy: EnergyChoice) -> float:
    """Return the energy constant of a thyroid of 20 g, Gy·g/(MBq·d)."""
    return thyroid_energy(choice=energy, mass_g=20.0).gy_g_per_mbq_d


@evaluator("marinelli-constant")
def marinelli_constant(*, energy: EnergyChoice) -> float:
    """Return the constant of the Marinelli form that belongs to an energy constant."""
    return 100 * math.log(2) / thyroid_energy_per_day(energy=energy)


@evaluator("thyroid-energy-deviation")
def thyroid_energy_deviation(*, energy: EnergyChoice, other: EnergyChoice) -> float:
    """Return by how much an energy constant differs from another, %."""
    return 100 * (thyroid_energy_per_day(energy=energy) / thyroid_energy_per_day(energy=other) - 1)


@evaluator("whole-body-s")
def whole_body_s(*, weight_kg: float) -> float:
    """Return the S value of the whole body, Gy/(MBq·h)."""
    return whole_body_s_value(weight_kg=Uncertain(weight_kg)).value


@evaluator("whole-body-s-deviation")
def whole_body_s_deviation(*, sex: Sex) -> float:
    """Return by how much the S value of the whole body differs from that of a reference adult, %."""
    table = load_organ_factors(NUCLIDE, sex)
    reference = table.value(target=TOTAL_BODY, source=TOTAL_BODY).gy_per_mbq_h
    return 100 * (whole_body_s(weight_kg=table.mass_g[TOTAL_BODY] / 1e3) / reference - 1)


@evaluator("two-administrations")
def two_administrations(
    *, number: str, weight_kg: float, activity_gbq: float, half_life_h: float, total_gy: float
) -> float:
    """Return a number of the worked example: MBq·h, Gy, or GBq."""
    activity, weight = Uncertain(activity_gbq * MBQ_PER_GBQ), Uncertain(weight_kg)
    residence = residence_of_half_life(half_life_h=Uncertain(half_life_h))
    first = whole_body_dose(activity_mbq=activity, residence_h=residence, weight_kg=weight)
    second = second_activity(first_activity_mbq=activity, first_dose_gy=first, total_dose_gy=total_gy)
    numbers = {
        "time-integrated activity": (activity * residence).value,
        "first dose": first.value,
        "second activity": second.value / MBQ_PER_GBQ,
    }
    return numbers[number]
