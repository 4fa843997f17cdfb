"""How quantities of a region are called on paper."""

from __future__ import annotations

from theradose.model.agreement_mapping import UNITS_OF_QUANTITIES
from theradose.numbers import words
from theradose.plan.reference_ranges import LESION

_NAMES = {
    "dose_gy": "Absorbed dose",
    "dose_per_activity_gy_gbq": "Dose per activity",
    "tia_mbq_h": "Time-integrated activity",
    "tiac_h": "Time-integrated activity coefficient",
    "effective_half_life_h": "Effective half-life",
    "volume_ml": "Volume",
    "mass_g": "Mass",
    "bed_gy": "BED",
    "eqd2_gy": "EQD2",
    "extrapolated_fraction": "Extrapolated fraction",
}


def quantity_name(quantity: str) -> str:
    """Return the name of a quantity, with which a sentence begins."""
    return _NAMES[quantity]


def quantity_unit(quantity: str) -> str:
    """Return its unit as it is printed; a fraction has none."""
    return UNITS_OF_QUANTITIES[quantity].replace(" ", "·").removeprefix("1")


def organ_name(organ: str) -> str:
    """Return the name of an organ or region, with which a sentence begins."""
    text = "lesions" if organ == LESION else words(organ)
    return text[:1].upper() + text[1:]
