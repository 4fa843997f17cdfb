"""Dose to the thyroid from 131I and the activity for a target dose.

D = E ∫RIU dt · A/M: the uptake RIU(t) is the fraction of the administered activity in the thyroid, physical decay
included, M its mass and E the energy that stays in it, Gy·g/(MBq·h). Where the uptake falls mono-exponentially from U
on, ∫RIU dt = U T/ln 2 (Marinelli).

Two published forms of the uptake look alike and have different integrals, so that they are two types:
:class:`UptakeOfFraction` holds a dimensionless uptake, :class:`UptakeByTransfer` a rate of transfer.

References
----------
[Haenscheid2013]_ The equation and its constant, as quoted.
[OLINDA2]_ The constant of the reference thyroid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from theradose.dose.radioiodine.constants import NUCLIDE, radioiodine_constant, without_u
from theradose.dose.svalues import factor_constant, load_organ_factors, reference_mass_constant
from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.nuclides import Constant
from theradose.quantify.thyroid import THYROID
from theradose.uncertainty import Uncertain
from theradose.units import conversion_factor

EnergyChoice = Literal["eanm", "marinelli", "olinda", "sphere"]
ENERGY_CHOICES: tuple[EnergyChoice, ...] = get_args(EnergyChoice)
"""``eanm``: 2.808 Gy·g/(MBq·d) for every mass. ``marinelli``: from the constant 24.8. ``olinda``: S of the reference
man's thyroid of 20 g. ``sphere``: S of a sphere of the patient's mass, from decay data by this program."""
_ENERGY_SOURCE = f"dose-constant:{THYROID}"
_H_PER_D = conversion_factor("d", "h")
_GY_PER_MBQ_H_PER_MGY_PER_MBQ_S = 3.6


@dataclass(frozen=True, slots=True, eq=False)
class UptakeOfFraction:
    """RIU(t) = U k_B/(k_B − k_T) (e^(−k_T t) − e^(−k_B t)) with a dimensionless uptake U.

    Attributes
    ----------
    uptake : Uncertain
        U: what would be in the thyroid if all of it arrived at once.
    rise_per_h, clearance_per_h : Uncertain
        k_B of the blood and k_T of the thyroid, both with physical decay.
    """

    uptake: Uncertain
    rise_per_h: Uncertain
    clearance_per_h: Uncertain

    def at(self, t_h: Array) -> Array:
        """Return RIU at times in h."""
        rise = self.rise_per_h.value
        return self.uptake.value * rise * _both_phases(rise, self.clearance_per_h.value, t_h)

    @property
    def residence_h(self) -> Uncertain:
        """∫RIU dt = U/k_T."""
        return self.uptake / self.clearance_per_h


@dataclass(frozen=True, slots=True, eq=False)
class UptakeByTransfer:
    """RIU(t) = k_t/(k_B − k_T) (e^(−k_T t) − e^(−k_B t)) with a rate of transfer k_t.

    Attributes
    ----------
    transfer_per_h : Uncertain
        k_t from blood to thyroid, 1/h.
    rise_per_h, clearance_per_h : Uncertain
        k_B of the blood and k_T of the thyroid, both with physical decay.
    """

    transfer_per_h: Uncertain
    rise_per_h: Uncertain
    clearance_per_h: Uncertain

    def at(self, t_h: Array) -> Array:
        """Return RIU at times in h."""
        return self.transfer_per_h.value * _both_phases(self.rise_per_h.value, self.clearance_per_h.value, t_h)

    @property
    def residence_h(self) -> Uncertain:
        """∫RIU dt = k_t/(k_B k_T)."""
        return self.transfer_per_h / (self.rise_per_h * self.clearance_per_h)

    @property
    def uptake(self) -> Uncertain:
        """k_t/k_B: the dimensionless uptake of the other form."""
        return self.transfer_per_h / self.rise_per_h


def _both_phases(rise: float, clearance: float, t_h: Array) -> Array:
    """Return (e^(−k_T t) − e^(−k_B t))/(k_B − k_T), also where the two rates are equal."""
    # The expression is symmetric in the two rates; with the slower one outside nothing overflows.
    t_h = np.asarray(t_h, float)
    slow, fast = sorted((rise, clearance))
    exponent = (fast - slow) * t_h
    ratio = np.where(exponent > 0, -np.expm1(-exponent) / np.where(exponent > 0, exponent, 1.0), 1.0)
    return np.asarray(np.exp(-slow * t_h) * t_h * ratio)


@dataclass(frozen=True, slots=True, eq=False)
class ThyroidEnergy:
    """Energy that stays in the thyroid, as dose times mass per time-integrated activity.

    Attributes
    ----------
    choice : str
        One of ``ENERGY_CHOICES``.
    gy_g_per_mbq_h : Uncertain
        Gy·g/(MBq·h).
    constants : tuple of Constant
        What it rests on.
    """

    choice: EnergyChoice
    gy_g_per_mbq_h: Uncertain
    constants: tuple[Constant, ...]

    @property
    def gy_g_per_mbq_d(self) -> float:
        """Gy·g/(MBq·d), the unit of the literature."""
        return self.gy_g_per_mbq_h.value * _H_PER_D


def thyroid_energy(*, choice: EnergyChoice, mass_g: float) -> ThyroidEnergy:
    """Return the energy that stays in the thyroid.

    Parameters
    ----------
    choice : {"eanm", "marinelli", "olinda", "sphere"}
        Named constant; only ``sphere`` depends on the mass.
    mass_g : float
        Of the thyroid.

    Raises
    ------
    PhysicsError
        For another name, or a mass outside the validity of the sphere.

    References
    ----------
    [Haenscheid2013]_, [OLINDA2]_
    """
    if choice == "eanm":
        constant = radioiodine_constant("thyroid-energy-eanm")
        return ThyroidEnergy(choice, without_u(constant, _ENERGY_SOURCE) / _H_PER_D, (constant,))
    if choice == "marinelli":
        constant = radioiodine_constant("thyroid-constant-marinelli")
        # Per cent of uptake, and the mean life instead of the half-life.
        energy = 100 * math.log(2) / without_u(constant, _ENERGY_SOURCE)
        return ThyroidEnergy(choice, energy / _H_PER_D, (constant,))
    if choice == "olinda":
        table = load_organ_factors(NUCLIDE, "M")
        factor, mass = (
            factor_constant(table, target=THYROID, source=THYROID),
            reference_mass_constant(THYROID, "M"),
        )
        return ThyroidEnergy(choice, without_u(factor, _ENERGY_SOURCE) * mass.value, (factor, mass))
    if choice == "sphere":
        constant = _sphere_constant(mass_g)
        return ThyroidEnergy(choice, without_u(constant, _ENERGY_SOURCE) * mass_g, (constant,))
    raise PhysicsError(
        f"'{choice}' is no energy per decay of the thyroid: valid names are {', '.join(ENERGY_CHOICES)}.",
        code="thyroid-energy",
    )


def _sphere_constant(mass_g: float) -> Constant:
    # The kernels are heavy, and only this choice needs them.
    from theradose.dose.sphere import ellipsoid_s_value

    sphere = ellipsoid_s_value(nuclide=NUCLIDE, mass_g=mass_g)
    return Constant(
        f"S of a sphere of {mass_g:g} g of {sphere.medium} with {NUCLIDE}",
        sphere.s_mgy_per_mbq_s * _GY_PER_MBQ_H_PER_MGY_PER_MBQ_S,
        "Gy/(MBq·h)",
        "Theradose: point kernels integrated over the sphere, decay data of the DDEP evaluation",
        "verified",
        "DDEP",
    )


def thyroid_dose(
    *, activity_mbq: Uncertain | float, residence_h: Uncertain, mass_g: Uncertain, energy: ThyroidEnergy
) -> Uncertain:
    """Return the dose to the thyroid in Gy, D = E ∫RIU dt · A/M.

    Parameters
    ----------
    activity_mbq : Uncertain or float
        Administered.
    residence_h : Uncertain
        ∫RIU dt.
    mass_g : Uncertain
        Of the thyroid, or of the part of it that takes the iodine up.
    energy : ThyroidEnergy
        E.

    References
    ----------
    [Haenscheid2013]_
    """
    return energy.gy_g_per_mbq_h * residence_h * activity_mbq / mass_g


def thyroid_activity(*, dose_gy: float, residence_h: Uncertain, mass_g: Uncertain, energy: ThyroidEnergy) -> Uncertain:
    """Return the activity in MBq for a target dose, A = M D/(E ∫RIU dt), the inverse of :func:`thyroid_dose`.

    References
    ----------
    [Haenscheid2013]_
    """
    return mass_g * dose_gy / (energy.gy_g_per_mbq_h * residence_h)
