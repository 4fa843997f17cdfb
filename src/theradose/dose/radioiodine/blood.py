"""Dose to blood in radioiodine therapy of differentiated thyroid cancer.

D/A = 108 τ_mL + 0.0188 τ_wb/w^(2/3): electrons of the activity in the blood, with its residence time per millilitre in
h/mL, and photons of the whole body, with its residence time in h and the weight in kg; Gy/GBq.

References
----------
[Lassmann2008]_ The equation, as quoted, and the limit of 2 Gy.
[Haenscheid2009]_ The part of the whole body that counts for the blood, and what a single measurement is worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from theradose.dose.radioiodine.constants import radioiodine_constant, without_u
from theradose.errors import PhysicsError
from theradose.nuclides import Constant
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ

_WEIGHT_EXPONENT = 2 / 3
SINGLE_MEASUREMENT = "single-measurement:blood"
"""Source of what the method with one measurement of the whole body may be wrong by."""


@dataclass(frozen=True, slots=True, eq=False)
class BloodDose:
    """Dose to blood per administered activity, Gy/GBq.

    Attributes
    ----------
    electrons, photons : Uncertain
        Its two parts.
    total : Uncertain
        Their sum, with what the method may be wrong by.
    constants : tuple of Constant
        What it rests on.
    """

    electrons: Uncertain
    photons: Uncertain
    total: Uncertain
    constants: tuple[Constant, ...]

    @property
    def electron_share(self) -> float:
        """Share of electrons."""
        return self.electrons.value / self.total.value


def blood_dose_per_activity(
    *, blood_residence_h_per_ml: Uncertain, whole_body_residence_h: Uncertain, weight_kg: Uncertain
) -> BloodDose:
    """Return the dose to blood per administered activity.

    Parameters
    ----------
    blood_residence_h_per_ml : Uncertain
        Time-integrated activity in a millilitre of blood per administered activity.
    whole_body_residence_h : Uncertain
        The same of the whole body.
    weight_kg : Uncertain
        Of the patient.

    Raises
    ------
    PhysicsError
        If the weight is not positive.

    References
    ----------
    [Lassmann2008]_
    """
    if weight_kg.value <= 0:
        raise PhysicsError(f"A weight of {weight_kg.value:g} kg is impossible: state it.", code="weight-invalid")
    beta, photon = radioiodine_constant("blood-beta-constant"), radioiodine_constant("blood-photon-constant")
    electrons = without_u(beta, "dose-constant:blood") * blood_residence_h_per_ml
    photons = without_u(photon, "dose-constant:blood") * whole_body_residence_h * weight_kg**-_WEIGHT_EXPONENT
    return BloodDose(electrons, photons, electrons + photons, (beta, photon))


def blood_dose_by_single_measurement(
    *, whole_body_residence_h: Uncertain, blood_volume_ml: Uncertain, weight_kg: Uncertain
) -> BloodDose:
    """Return the dose to blood per administered activity from the whole body alone.

    14 % of the residence time of the whole body are taken for the blood. The mean absolute deviation from a full
    measurement becomes a standard uncertainty as for a normal distribution, × √(π/2).

    Parameters
    ----------
    whole_body_residence_h : Uncertain
        Of the whole body.
    blood_volume_ml : Uncertain
        Of the patient.
    weight_kg : Uncertain
        Of the patient.

    References
    ----------
    [Haenscheid2009]_, [Lassmann2008]_
    """
    share = radioiodine_constant("blood-share-of-whole-body")
    deviation = radioiodine_constant("single-measurement-deviation")
    dose = blood_dose_per_activity(
        blood_residence_h_per_ml=whole_body_residence_h * share.value / blood_volume_ml,
        whole_body_residence_h=whole_body_residence_h,
        weight_kg=weight_kg,
    )
    relative_u = deviation.value * math.sqrt(math.pi / 2)
    total = dose.total.with_contribution(SINGLE_MEASUREMENT, relative_u * dose.total.value)
    return BloodDose(dose.electrons, dose.photons, total, (*dose.constants, share, deviation))


def residence_of_retention(*, retained: Uncertain, t_h: float) -> Uncertain:
    """Return the residence time in h of a body that still holds the fraction `retained` at `t_h`.

    Mono-exponential from the administration on: τ = t/ln(1/R), physical decay included in R.

    Parameters
    ----------
    retained : Uncertain
        R, between 0 and 1.
    t_h : float
        Time after the administration.

    Raises
    ------
    PhysicsError
        If R is not between 0 and 1, or the time not positive.

    References
    ----------
    [Haenscheid2009]_
    """
    if not 0 < retained.value < 1 or t_h <= 0:
        raise PhysicsError(
            f"A retention of {retained.value:g} at {t_h:g} h gives no residence time: valid are fractions between 0 "
            "and 1 after the administration.",
            code="retention-invalid",
        )
    logarithm = -math.log(retained.value)
    relative_u = {source: u / retained.value / logarithm for source, u in retained.contributions.items()}
    residence = Uncertain.relative(t_h / logarithm, relative_u)
    return Uncertain(residence.value, residence.contributions, retained.not_stated)


def blood_dose(*, activity_mbq: Uncertain, per_activity: BloodDose) -> Uncertain:
    """Return the dose to blood in Gy.

    References
    ----------
    [Lassmann2008]_
    """
    return activity_mbq * per_activity.total / MBQ_PER_GBQ


def activity_for_blood_dose(*, dose_gy: float, per_activity: BloodDose) -> Uncertain:
    """Return the activity in MBq that gives the blood a dose, the inverse of :func:`blood_dose`.

    References
    ----------
    [Lassmann2008]_
    """
    return dose_gy * MBQ_PER_GBQ / per_activity.total
