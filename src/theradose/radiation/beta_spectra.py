"""Continuous spectra of beta decay by the Fermi theory.

A transition with end point :math:`W_0` (total energies in electron masses) emits betas of energy :math:`W` and
momentum :math:`p` with the density

.. math:: p W q^2 F_0 L_0, \\quad q = W_0 - W

if it is allowed, and :math:`p W q^2 (q^2 F_0 L_0 + p^2 F_1)` if it is unique first-forbidden. :math:`F_0, F_1` are the
Fermi functions of a point nucleus, taken at the nuclear radius, for the waves with total angular momentum 1/2 and 3/2;
:math:`L_0` corrects the first for a uniformly charged nucleus. Non-unique first-forbidden transitions have the allowed
shape to a good approximation; the unique shape would be wrong for them (177Lu: mean energy of the main branch 4 % too
high). The atomic electrons screen the nucleus: the Coulomb part is taken at the energy :math:`W \\mp V_0` (Rose). Where
the shift exceeds the kinetic energy of an electron, that part is taken at rest, where it has a finite limit; setting
it to zero would remove the electrons below 10 keV of a heavy nucleus.

References
----------
[Rose1936]_, [GarrettBhalla1967]_, [Hayen2018]_, [BehrensJanecke1969]_
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from theradose.data import load_yaml
from theradose.errors import PhysicsError

Array = np.ndarray[Any, np.dtype[Any]]

TRANSITIONS = ("allowed", "first-forbidden", "unique-first-forbidden")
"""Types of transition whose shape is known; the second has the shape of the first."""

_REST = 1e-6
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
    transition : {"allowed", "first-forbidden", "unique-first-forbidden"}
        Type.
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
    [Rose1936]_, [GarrettBhalla1967]_, [Hayen2018]_
    """
    _check(end_point_kev, transition, charge)
    electron_mass_kev = _constant("electron-mass")
    kinetic = np.asarray(energy_kev, dtype=float) / electron_mass_kev
    neutrino = np.maximum(end_point_kev / electron_mass_kev - kinetic, 0.0)
    radius = _constant("nuclear-radius") * mass_number ** (1 / 3) / _constant("reduced-compton-wavelength")
    # The field of the nucleus attracts electrons and repels positrons.
    coupling = -charge * _constant("fine-structure") * atomic_number
    screened = np.maximum(kinetic + charge * _screening(atomic_number + charge), _REST)
    wave = _momentum(screened) * (1 + screened) * _fermi(1, screened, coupling, radius)
    shape = _finite_size(screened, coupling, radius)
    if transition == "unique-first-forbidden":
        free = np.maximum(kinetic, _REST)
        ratio = _fermi(2, free, coupling, radius) / _fermi(1, free, coupling, radius)
        shape = neutrino**2 * shape + _momentum(free) ** 2 * ratio
    return np.asarray(wave * shape * neutrino**2)


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


def _fermi(order: int, kinetic: Array, coupling: float, radius: float) -> Array:
    """Fermi function of a point nucleus at the nuclear radius for total angular momentum `order` - 1/2."""
    from scipy.special import loggamma

    momentum = _momentum(kinetic)
    gamma = math.sqrt(order**2 - coupling**2)
    sommerfeld = coupling * (1 + kinetic) / momentum
    # The function of a nucleus without charge is 1.
    free = 2 * math.log(math.factorial(2 * order) / math.factorial(order - 1))
    logarithm = (
        free
        + 2 * (gamma - order) * np.log(2 * momentum * radius)
        + math.pi * sommerfeld
        + 2 * loggamma(gamma + 1j * sommerfeld).real
        - 2 * math.lgamma(1 + 2 * gamma)
    )
    return np.asarray(np.exp(logarithm))


def _finite_size(kinetic: Array, coupling: float, radius: float) -> Array:
    """Electrostatic correction of the Fermi function for a uniformly charged nucleus."""
    gamma = math.sqrt(1 - coupling**2)
    energy = 1 + kinetic
    scale = coupling * radius / (2 * gamma - 1)
    return np.asarray(
        1
        + 13 / 60 * coupling**2
        - scale * energy * (41 - 26 * gamma) / 15
        - scale / energy * gamma * (17 - 2 * gamma) / 30
    )


def _screening(parent: int) -> float:
    """Potential of the atomic electrons at the nucleus, in electron masses."""
    return _constant("screening-potential") * _constant("fine-structure") ** 2 * math.pow(parent, 4 / 3)


def _momentum(kinetic: Array) -> Array:
    return np.asarray(np.sqrt(kinetic * (kinetic + 2)))


def _constant(name: str) -> float:
    return float(load_yaml("beta_spectra.yaml")[name]["value"])
