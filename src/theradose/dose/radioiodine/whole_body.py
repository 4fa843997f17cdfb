"""Dose to the whole body from 131I, and the second of two administrations.

The S value of a uniform body falls with its mass m as S = 1.34e-4 m^(−0.921), Gy/(MBq·h) and kg.

References
----------
[Gear2020]_ Whole-body dose of 131I-mIBG and the rule for two administrations; as quoted.
"""

from __future__ import annotations

import math

from theradose.dose.radioiodine.constants import radioiodine_constant, without_u
from theradose.errors import PhysicsError
from theradose.nuclides import Constant
from theradose.uncertainty import Uncertain

_CONSTANTS = ("whole-body-s-coefficient", "whole-body-s-exponent")


def whole_body_constants() -> tuple[Constant, ...]:
    """Return the constants behind the S value."""
    return tuple(radioiodine_constant(key) for key in _CONSTANTS)


def residence_of_half_life(*, half_life_h: Uncertain, initial: Uncertain | float = 1.0) -> Uncertain:
    """Return the residence time in h of mono-exponential retention that begins with the fraction `initial`.

    τ = f T/ln 2, with the effective half-life T, physical decay included.

    References
    ----------
    [Gear2020]_
    """
    return half_life_h * initial / math.log(2)


def whole_body_s_value(*, weight_kg: Uncertain) -> Uncertain:
    """Return the dose to the whole body per decay in it, Gy/(MBq·h).

    Parameters
    ----------
    weight_kg : Uncertain
        Of the patient.

    Raises
    ------
    PhysicsError
        If the weight is not positive.

    References
    ----------
    [Gear2020]_
    """
    if weight_kg.value <= 0:
        raise PhysicsError(f"A weight of {weight_kg.value:g} kg is impossible: state it.", code="weight-invalid")
    coefficient, exponent = whole_body_constants()
    return without_u(coefficient, "dose-constant:whole-body") * weight_kg**exponent.value


def whole_body_dose(*, activity_mbq: Uncertain, residence_h: Uncertain, weight_kg: Uncertain) -> Uncertain:
    """Return the dose to the whole body in Gy, D = A τ S(m).

    Parameters
    ----------
    activity_mbq : Uncertain
        Administered.
    residence_h : Uncertain
        Time-integrated activity in the whole body per administered activity.
    weight_kg : Uncertain
        Of the patient.

    References
    ----------
    [Gear2020]_
    """
    return activity_mbq * residence_h * whole_body_s_value(weight_kg=weight_kg)


def second_activity(*, first_activity_mbq: Uncertain, first_dose_gy: Uncertain, total_dose_gy: float) -> Uncertain:
    """Return the second activity in MBq for a total dose, A2 = A1 (D − D1)/D1.

    The kinetics of the second administration are taken to be those of the first.

    Parameters
    ----------
    first_activity_mbq : Uncertain
        A1.
    first_dose_gy : Uncertain
        D1, measured.
    total_dose_gy : float
        D, of both administrations.

    Raises
    ------
    PhysicsError
        ``total-dose-reached`` if the first administration gave all of it.

    References
    ----------
    [Gear2020]_
    """
    if first_dose_gy.value >= total_dose_gy:
        raise PhysicsError(
            f"The first administration gave {first_dose_gy.value:.3g} Gy, not less than the total of "
            f"{total_dose_gy:g} Gy: there is no second one within it.",
            code="total-dose-reached",
        )
    return first_activity_mbq * (total_dose_gy - first_dose_gy) / first_dose_gy
