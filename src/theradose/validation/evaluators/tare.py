"""Radioembolisation."""

from __future__ import annotations

from collections.abc import Mapping

from theradose.dose.tare.bsa import body_surface_area_m2, bsa_activity
from theradose.dose.tare.compartments import CERTAIN_ONE, CERTAIN_ZERO, Compartment, ConcentrationRatio, PerfusedVolume
from theradose.dose.tare.mean_dose import compartment_activity_mbq, compartment_dose_gy, lung_dose_gy, mono_activity_mbq
from theradose.dose.tare.products import energy_of_complete_decay, load_product
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ
from theradose.validation.evaluator import evaluator

_TUMOUR, _NORMAL = "tumour", "normal liver"


@evaluator("tare-complete-decay")
def tare_complete_decay(*, nuclide: str) -> float:
    """Return the energy of electrons in complete decay, J/GBq."""
    return energy_of_complete_decay(nuclide).value


@evaluator("tare-one-compartment")
def tare_one_compartment(*, product: str, conversion: str, dose_gy: float, mass_g: float, shunt: float) -> float:
    """Return the activity for the mean dose to one compartment, GBq."""
    activity = mono_activity_mbq(
        dose_gy=Uncertain(dose_gy),
        mass_g=Uncertain(mass_g),
        conversion=Uncertain(load_product(product).conversion(conversion).value),
        shunt=Uncertain(shunt),
        residual=CERTAIN_ZERO,
    )
    return activity.value / MBQ_PER_GBQ


@evaluator("tare-two-compartments")
def tare_two_compartments(
    *, number: str, tumour_g: float, normal_g: float, ratio: float, shunt: float, tumour_gy: float, product: str
) -> float:
    """Return the activity for a tumour dose, GBq, or a dose that it gives, Gy."""
    volume = PerfusedVolume(
        "liver",
        (
            Compartment(_NORMAL, False, Uncertain(normal_g), ConcentrationRatio(CERTAIN_ONE)),
            Compartment(_TUMOUR, True, Uncertain(tumour_g), ConcentrationRatio(Uncertain(ratio))),
        ),
        Uncertain(shunt),
    )
    conversion = Uncertain(load_product(product).conversion("label").value)
    activity = compartment_activity_mbq(
        volume=volume, names=[_TUMOUR], dose_gy=Uncertain(tumour_gy), conversion=conversion
    )
    parts: Mapping[str, list[str]] = {"normal liver": [_NORMAL], "whole liver": [_NORMAL, _TUMOUR]}
    if number in parts:
        return compartment_dose_gy(
            volume=volume, names=parts[number], activity_mbq=activity, conversion=conversion
        ).value
    if number == "lungs":
        return lung_dose_gy(
            activity_mbq=activity,
            shunt=volume.shunt,
            residual=volume.residual,
            mass_g=Uncertain(1e3),
            conversion=conversion,
        ).value
    return activity.value / MBQ_PER_GBQ


@evaluator("tare-surface")
def tare_surface(*, number: str, height_cm: float, weight_kg: float, tumour_fraction: float) -> float:
    """Return the body surface area, m², or the activity of the rule, GBq."""
    if number == "surface":
        return body_surface_area_m2(height_cm=height_cm, weight_kg=weight_kg)
    rule = bsa_activity(height_cm=height_cm, weight_kg=weight_kg, tumour_fraction=tumour_fraction, shunt=0.0)
    return rule.activity_mbq / MBQ_PER_GBQ
