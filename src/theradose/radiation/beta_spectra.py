"""Continuous spectra of beta decay by the Fermi theory.

A transition with end point :math:`W_0` (total energies in electron masses) emits betas of energy :math:`W` and
momentum :math:`p` with the density

.. math:: p W q^2 F_0 L_0, \\quad q = W_0 - W

if it is allowed, and :math:`p W q^2 (q^2 F_0 L_0 + p^2 F_1 L_1)` if it is unique first-forbidden. :math:`F_{k-1}
L_{k-1}` is the density of the beta at a nucleus of finite size, by that without charge, for total angular momentum
k - 1/2 (see :mod:`theradose.radiation.coulomb`). Non-unique first-forbidden transitions have the allowed shape to a
good approximation; the unique shape would be wrong for them (177Lu: mean energy of the main branch 7 % too high). The
atomic electrons screen the nucleus: the Coulomb part is taken at the energy :math:`W \\mp V_0` (Rose). Where the shift
exceeds the kinetic energy of an electron, that part is taken at rest, where it has a finite limit; setting it to zero
would remove the electrons below 10 keV of a heavy nucleus.

References
----------
[Rose1936]_, [GarrettBhalla1967]_, [BehrensJanecke1969]_
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from theradose.data import load_number
from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.radiation.coulomb import coulomb_enhancement

TRANSITIONS = ("allowed", "first-forbidden", "unique-first-forbidden", "second-forbidden")
"""Types of transition; those that are not unique have the allowed shape."""

_REST = 1e-4
"""Kinetic energy in electron masses that stands for rest; the limit is reached long before."""


def beta_density(
    *, energy_kev: ArrayLike, end_point_kev: float, atomic_number: int, mass_number: int, transition: str, charge: int
) -> Array:
    """Return the spectrum of a transition, not normalised.

    Parameters
    ----------
    energy_kev : array-like
        Kinetic energies, (n,).
    end_point_kev : float
        Largest kinetic energy.
    atomic_number : int
        Of the daughter.
    mass_number : int
        Mass number.
    transition : {"allowed", "first-forbidden", "unique-first-forbidden", "second-forbidden"}
        Type; those that are not unique have the allowed shape.
    charge : {-1, 1}
        Electrons or positrons.

    Returns
    -------
    numpy.ndarray
        Relative number per energy, (n,); 0 above the end point.

    Raises
    ------
    PhysicsError
        If the type of the transition or the charge is none of these, or the end point is not positive.

    References
    ----------
    [Rose1936]_, [GarrettBhalla1967]_, [BehrensJanecke1969]_
    """
    _check(end_point_kev, transition, charge)
    electron_mass_kev = _constant("electron-mass")
    kinetic = np.asarray(energy_kev, dtype=float) / electron_mass_kev
    neutrino = np.maximum(end_point_kev / electron_mass_kev - kinetic, 0.0)
    radius = _constant("nuclear-radius") * mass_number ** (1 / 3) / _constant("reduced-compton-wavelength")
    # The field of the nucleus attracts electrons and repels positrons.
    coupling = -charge * _constant("fine-structure") * atomic_number
    screened = np.maximum(kinetic + charge * _screening(atomic_number + charge), _REST)
    density = coulomb_enhancement(order=1, kinetic=screened, coupling=coupling, radius=radius)
    shape = _momentum(screened) * (1 + screened) * density * neutrino**2
    if transition == "unique-first-forbidden":
        free = np.maximum(kinetic, _REST)
        waves = [coulomb_enhancement(order=k, kinetic=free, coupling=coupling, radius=radius) for k in (1, 2)]
        shape = shape * (neutrino**2 + _momentum(free) ** 2 * waves[1] / waves[0])
    return np.asarray(shape)


def _check(end_point_kev: float, transition: str, charge: int) -> None:
    if transition not in TRANSITIONS:
        raise PhysicsError(
            f"The spectrum of a '{transition}' transition is not known: valid types are {', '.join(TRANSITIONS)}.",
            code="beta-transition-unknown",
        )
    if charge not in (-1, 1):
        raise PhysicsError(f"A beta particle has the charge -1 or 1, not {charge}.", code="beta-charge-invalid")
    if not (math.isfinite(end_point_kev) and end_point_kev > 0):
        raise PhysicsError(
            f"The end point of a beta spectrum must be a positive energy in keV, not {end_point_kev:g}.",
            code="beta-end-point-invalid",
        )


def _screening(parent: int) -> float:
    """Potential of the atomic electrons at the nucleus, in electron masses."""
    return _constant("screening-potential") * _constant("fine-structure") ** 2 * math.pow(parent, 4 / 3)


def _momentum(kinetic: Array) -> Array:
    return np.asarray(np.sqrt(kinetic * (kinetic + 2)))


def _constant(name: str) -> float:
    return load_number("beta_spectra.yaml", name)
