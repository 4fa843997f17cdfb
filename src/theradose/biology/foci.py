"""Foci of DNA double-strand breaks in blood cells during therapy: induction by dose rate, repair, a share unrepaired.

With k foci per cell and mGy, of which the share q is never repaired and the others with the rate μ,

    dN_r/dt = k (1 − q) Ḋ − μ N_r        dN_u/dt = q k Ḋ        N = N_r + N_u

so that N = k₁ R(t; μ) + k₂ D(t) with k₁ = k (1 − q), k₂ = k q, the dose D so far, and R the dose that is remembered
with the rate μ. For Ḋ = Σ a_i exp(−l_i t), R = Σ a_i (exp(−l_i t) − exp(−μ t))/(μ − l_i), and a_i t exp(−μ t) where the
rates are equal.

References
----------
[Moraitis2024]_ The linear one-compartment model of induction and repair, without its parameters.
[Eberlein2015]_ What was seen in patients: a rise for about five hours, linear in the dose to blood, then a fall.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theradose.dose.local import charged_dose_constant
from theradose.errors import PhysicsError
from theradose.kinetics.course import TimeCourse, course_of_tia
from theradose.model.arrays import Array
from theradose.model.curve import TimeIntegratedActivity
from theradose.nuclides import Nuclide


def blood_self_dose_rate(*, tia: TimeIntegratedActivity, nuclide: Nuclide, blood_tia_mbq_h_per_kg: float) -> TimeCourse:
    """Return the dose rate to blood from the activity in it, mGy/h: all charged particles are absorbed in blood.

    Photons of the rest of the body are not in it.

    Parameters
    ----------
    tia : TimeIntegratedActivity
        Of the specimen that was sampled.
    nuclide : Nuclide
        In blood.
    blood_tia_mbq_h_per_kg : float
        Time-integrated activity concentration in blood that the one of the specimen means.

    References
    ----------
    [Bolch2009]_ Local absorption.
    """
    # Gy·g/(MBq·h) times MBq/kg is mGy/h.
    per_specimen = charged_dose_constant(nuclide) * blood_tia_mbq_h_per_kg / tia.value.value
    return course_of_tia(tia).scaled(per_specimen)


def blood_dose(*, t_h: Sequence[float] | Array, dose_rate: TimeCourse) -> Array:
    """Return the dose to blood so far in mGy, shape (n,).

    Parameters
    ----------
    t_h : array_like, shape (n,)
        Times since the start of the administration, h; there is no dose before it.
    dose_rate : TimeCourse
        One curve in mGy/h.

    References
    ----------
    [Eberlein2015]_
    """
    return remembered_dose(t_h=t_h, dose_rate=dose_rate, repair_per_h=0.0)


def remembered_dose(*, t_h: Sequence[float] | Array, dose_rate: TimeCourse, repair_per_h: float) -> Array:
    """Return the dose to blood whose damage is not repaired yet, mGy, shape (n,).

    Parameters
    ----------
    t_h, dose_rate
        As of :func:`blood_dose`.
    repair_per_h : float
        Rate μ of repair, 1/h; 0 gives the dose.

    Raises
    ------
    PhysicsError
        ``foci-parameters`` for a negative rate.

    References
    ----------
    [Moraitis2024]_
    """
    if not repair_per_h >= 0:
        raise PhysicsError(f"A repair rate of {repair_per_h:g} per h is negative: state a positive one, or 0.",
                           code="foci-parameters")  # fmt: skip
    return dose_rate.remembered(np.asarray(t_h, float), rate_per_h=repair_per_h)[:, 0]


def foci_per_cell(
    *,
    t_h: Sequence[float] | Array,
    dose_rate: TimeCourse,
    induction_per_mgy: float,
    repair_per_h: float,
    unrepaired: float = 0.0,
) -> Array:
    """Return the radiation-induced foci per cell, shape (n,).

    Parameters
    ----------
    t_h, dose_rate
        As of :func:`blood_dose`.
    induction_per_mgy : float
        Foci per cell and mGy, k.
    repair_per_h : float
        Rate of repair μ, 1/h.
    unrepaired : float
        Share q that is never repaired, 0 to 1.

    Raises
    ------
    PhysicsError
        ``foci-parameters``.

    References
    ----------
    [Moraitis2024]_
    """
    if not (induction_per_mgy >= 0 and 0 <= unrepaired <= 1):
        raise PhysicsError(
            f"{induction_per_mgy:g} foci per cell and mGy with a share of {unrepaired:g} unrepaired is no model: the "
            "first is not negative, the second from 0 to 1.",
            code="foci-parameters",
        )
    repairable = remembered_dose(t_h=t_h, dose_rate=dose_rate, repair_per_h=repair_per_h)
    return np.asarray(
        induction_per_mgy * ((1 - unrepaired) * repairable + unrepaired * blood_dose(t_h=t_h, dose_rate=dose_rate))
    )
