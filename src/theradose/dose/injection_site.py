"""Dose to the tissue around an injection site that kept a part of the activity.

References
----------
[Bolch2009]_ Dose from the activity of a region itself.
[TissueExtravasation2021]_ The same for 177Lu in an arm, with a mono-exponential decline.
"""

from __future__ import annotations

from theradose.dose.local import charged_dose_constant
from theradose.dose.radioiodine.whole_body import residence_of_half_life
from theradose.errors import PhysicsError
from theradose.nuclides import Nuclide
from theradose.uncertainty import Uncertain


def injection_site_dose(
    *, activity_mbq: Uncertain, effective_half_life_h: Uncertain, mass_g: Uncertain, nuclide: Nuclide
) -> Uncertain:
    """Return the mean dose to the tissue in Gy: D = A T/ln 2 · Δ/m, all charged particles absorbed in it.

    Parameters
    ----------
    activity_mbq : Uncertain
        That stayed there.
    effective_half_life_h : Uncertain
        There, physical decay included.
    mass_g : Uncertain
        Of the tissue that holds it.
    nuclide : Nuclide
        Source of the energy per decay.

    Raises
    ------
    PhysicsError
        ``half-life-above-physical``, ``mass-invalid``.

    References
    ----------
    [Bolch2009]_, [TissueExtravasation2021]_
    """
    physical = nuclide.half_life_h.value
    if not 0 < effective_half_life_h.value <= physical:
        raise PhysicsError(
            f"An effective half-life at the injection site of {effective_half_life_h.value:.4g} h is not possible for "
            f"{nuclide.name}: it is above 0 and at most the physical one of {physical:.4g} h, whose decay it includes.",
            code="half-life-above-physical",
        )
    if mass_g.value <= 0:
        raise PhysicsError(f"A mass of {mass_g.value:g} g is impossible: state it.", code="mass-invalid")
    residence = residence_of_half_life(half_life_h=effective_half_life_h)
    return activity_mbq * residence * charged_dose_constant(nuclide) / mass_g
