"""Activity of resin microspheres by body surface area, an empirical rule that computes no dose.

References
----------
[Grosser2015]_ Activities and reductions in 283 patients.
[Theradose]_ Constants with their status are in ``data/tare.yaml``; the text of the rule's source was not read.
"""

from __future__ import annotations

from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.dose.tare.products import SETTINGS
from theradose.errors import PhysicsError
from theradose.nuclides import Constant
from theradose.numbers import format_given_percent
from theradose.units import MBQ_PER_GBQ

_CM_PER_M = 100.0


@dataclass(frozen=True, slots=True)
class SurfaceActivity:
    """The activity of the rule.

    Attributes
    ----------
    activity_mbq : float
        After the reduction for the lung shunt, MBq.
    surface_m2 : float
        Body surface area.
    shunt_factor : float
        What the lung shunt multiplies the activity by; 0 where the rule gives nothing.
    """

    activity_mbq: float
    surface_m2: float
    shunt_factor: float


def body_surface_area_m2(*, height_cm: float, weight_kg: float) -> float:
    """Return the body surface area, 0.20247·h^0.725·w^0.425 with h in m.

    References
    ----------
    [Grosser2015]_, [Theradose]_
    """
    if not (height_cm > 0 and weight_kg > 0):
        raise PhysicsError(
            f"A height of {height_cm:g} cm and a weight of {weight_kg:g} kg give no body surface area: both are above "
            "0.",
            code="body-size-invalid",
        )
    coefficient, height_exponent, weight_exponent, _ = (constant.value for constant in bsa_constants())
    return float(coefficient * (height_cm / _CM_PER_M) ** height_exponent * weight_kg**weight_exponent)


def bsa_activity(*, height_cm: float, weight_kg: float, tumour_fraction: float, shunt: float) -> SurfaceActivity:
    """Return the activity of resin microspheres, A[GBq] = BSA − 0.2 + V_tumour/V_liver, reduced for the lung shunt.

    Parameters
    ----------
    height_cm, weight_kg : float
        Of the patient.
    tumour_fraction : float
        Volume of tumour over volume of liver with tumour, 0 to 1.
    shunt : float
        Lung shunt, 0 to 1.

    Raises
    ------
    PhysicsError
        ``body-size-invalid``; ``fraction-invalid``.

    References
    ----------
    [Grosser2015]_, [Theradose]_
    """
    for name, value in (("tumour involvement", tumour_fraction), ("lung shunt", shunt)):
        if not 0 <= value <= 1:
            raise PhysicsError(
                f"A {name} of {format_given_percent(value)} is not possible: it is from 0 to 100 %, written as 7 % or "
                "0.07.",
                code="fraction-invalid",
            )
    surface = body_surface_area_m2(height_cm=height_cm, weight_kg=weight_kg)
    reductions = load_yaml(SETTINGS)["bsa"]["shunt-reductions"]["value"]
    factor = next((kept for least, kept in reversed(reductions) if shunt >= least), 1.0)
    offset = bsa_constants()[-1].value
    activity_gbq = (surface - offset + tumour_fraction) * factor
    return SurfaceActivity(max(activity_gbq, 0.0) * MBQ_PER_GBQ, surface, factor)


def bsa_constants() -> tuple[Constant, ...]:
    """Return coefficient, exponents of height and weight, and offset of the rule, with their status."""
    record = load_yaml(SETTINGS)["bsa"]
    names = ("coefficient", "height-exponent", "weight-exponent", "offset")
    return tuple(Constant(f"body surface area rule, {name.replace('-', ' ')}", **record[name]) for name in names)
