"""Radioembolisation: from the activity of microspheres to absorbed dose, and back.

Microspheres stay where they lodge, so that the energy of complete decay is one constant per product: the conversion in
J/GBq, which is Gy·g/MBq. A fraction R stays in vial and catheter, a fraction L of what is given passes the liver and
lodges in the lungs, and the rest is shared out inside the perfused volume in proportion to mass times concentration.
Both losses therefore raise the activity that a dose needs: it is divided by (1 − L)(1 − R), never multiplied.

References
----------
[deWit2023]_ Two compartments with a concentration ratio, lungs, the shunt from counts.
[Chiesa2021]_ Permanent trapping.
"""

from __future__ import annotations

from collections.abc import Collection

from theradose.dose.tare.compartments import PerfusedVolume, check_fraction, retained_fraction, total_of
from theradose.errors import PhysicsError
from theradose.uncertainty import Uncertain


def mono_dose_gy(
    *, activity_mbq: Uncertain, mass_g: Uncertain, conversion: Uncertain, shunt: Uncertain, residual: Uncertain
) -> Uncertain:
    """Return the mean dose to a perfused volume, D = CF·A·(1 − L)(1 − R)/M.

    Parameters
    ----------
    activity_mbq : Uncertain
        Prepared activity, MBq.
    mass_g : Uncertain
        Mass of the perfused volume, g.
    conversion : Uncertain
        Energy per activity in complete decay, J/GBq.
    shunt, residual : Uncertain
        Fractions from 0 to below 1.

    Raises
    ------
    PhysicsError
        ``fraction-invalid``.

    References
    ----------
    [deWit2023]_
    """
    return activity_mbq * conversion * retained_fraction(shunt=shunt, residual=residual) / mass_g


def mono_activity_mbq(
    *, dose_gy: Uncertain, mass_g: Uncertain, conversion: Uncertain, shunt: Uncertain, residual: Uncertain
) -> Uncertain:
    """Return the activity for a mean dose to a perfused volume, A = D·M/(CF·(1 − L)(1 − R)).

    The parameters are those of :func:`mono_dose_gy`, which it inverts.

    Raises
    ------
    PhysicsError
        ``fraction-invalid``.

    References
    ----------
    [deWit2023]_
    """
    return dose_gy * mass_g / (conversion * retained_fraction(shunt=shunt, residual=residual))


def compartment_dose_gy(
    *, volume: PerfusedVolume, names: Collection[str], activity_mbq: Uncertain, conversion: Uncertain
) -> Uncertain:
    """Return the mean dose to one compartment or to several together, D = CF·A(1 − L)(1 − R)·Σ m r/(Σ m · Σ_all m r).

    Parameters
    ----------
    volume : PerfusedVolume
        With all its compartments.
    names : collection of str
        The compartments whose common mean dose is wanted.
    activity_mbq : Uncertain
        Activity prepared for this volume, MBq.
    conversion : Uncertain
        Energy per activity in complete decay, J/GBq.

    Raises
    ------
    PhysicsError
        ``compartment-unknown``.

    References
    ----------
    [deWit2023]_
    """
    return activity_mbq * conversion * _dose_share_per_g(volume, names)


def compartment_activity_mbq(
    *, volume: PerfusedVolume, names: Collection[str], dose_gy: Uncertain, conversion: Uncertain
) -> Uncertain:
    """Return the activity for a mean dose to compartments: :func:`compartment_dose_gy` solved for the activity.

    For a tumour and normal liver, A = D_T·(M_N + M_T·r)/(CF·r·(1 − L)(1 − R)).

    Raises
    ------
    PhysicsError
        ``compartment-unknown``.

    References
    ----------
    [deWit2023]_
    """
    return dose_gy / (conversion * _dose_share_per_g(volume, names))


def lung_dose_gy(
    *, activity_mbq: Uncertain, shunt: Uncertain, residual: Uncertain, mass_g: Uncertain, conversion: Uncertain
) -> Uncertain:
    """Return the mean dose to the lungs, D = CF·A·(1 − R)·L/M.

    Parameters
    ----------
    activity_mbq : Uncertain
        Prepared activity, MBq.
    shunt, residual : Uncertain
        Fractions from 0 to below 1.
    mass_g : Uncertain
        Mass of both lungs, g.
    conversion : Uncertain
        Energy per activity in complete decay, J/GBq.

    References
    ----------
    [deWit2023]_
    """
    check_fraction(shunt, "lung shunt")
    check_fraction(residual, "residual")
    return activity_mbq * conversion * (1.0 - residual) * shunt / mass_g


def lung_shunt(*, lung_counts: Uncertain, liver_counts: Uncertain) -> Uncertain:
    """Return the fraction of what is given that lodges in the lungs, L = C_lungs/(C_lungs + C_liver).

    Raises
    ------
    PhysicsError
        ``counts-invalid`` for negative counts, or none at all.

    References
    ----------
    [deWit2023]_
    """
    lungs, liver = lung_counts.value, liver_counts.value
    if lungs < 0 or not liver > 0:
        raise PhysicsError(
            f"Counts of {lungs:g} in the lungs and {liver:g} in the liver give no lung shunt: those of the liver are "
            "above 0 and those of the lungs not negative.",
            code="counts-invalid",
        )
    return lung_counts / (lung_counts + liver_counts)


def _dose_share_per_g(volume: PerfusedVolume, names: Collection[str]) -> Uncertain:
    """Part of the prepared activity that the compartments hold, per gram of them."""
    chosen = volume.select(names)
    weight = total_of(compartment.mass_g * compartment.ratio.value for compartment in chosen)
    mass = total_of(compartment.mass_g for compartment in chosen)
    return volume.retained_fraction * weight / (mass * volume.weight_g)
