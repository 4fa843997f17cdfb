"""Deflection of electrons: inverse first and second transport mean free paths.

Elastic scattering by an atom is the Rutherford cross section, screened by the atom's form factor as the first Born
approximation has it, times the spin factor of McKinley and Feshbach. Scattering by the atomic electrons adds the Møller
cross section, screened at small momentum transfer by the incoherent scattering function, so that no Z(Z + 1) and no
fitted screening angle is needed.

References
----------
[McKinleyFeshbach1948]_ The spin factor.
[Hubbell1975]_ Form factors and incoherent scattering functions, as xraylib has them.
[Moller1932]_ Collisions with atomic electrons.
[Fano1954]_ Screening of the inelastic part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from theradose.errors import PhysicsError
from theradose.radiation.elements import (
    FloatArray,
    atoms_per_gram,
    checked_energy,
    constant,
    squared_velocity,
)
from theradose.radiation.materials import Material

_LOWEST_TRANSFER = 1e-3
_HIGHEST_TRANSFER = 1e3
_POINTS = 400
_NODES = 64
_CM_PER_ANGSTROM = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class _Screening:
    """Screening of one atom over the momentum transfer."""

    elastic: FloatArray
    inelastic: FloatArray


def elastic_transport(
    *, material: Material, energy_kev: ArrayLike, collision_cut_kev: float = math.inf
) -> tuple[FloatArray, FloatArray]:
    """Return the inverse first and second transport mean free paths of electrons.

    They are the mean of 1 - cos(angle) and of 3/2 (1 - cos(angle)^2) per path.

    Parameters
    ----------
    material : Material
        Composition.
    energy_kev : array_like, (...)
        Kinetic energies, 1 keV to 3 MeV.
    collision_cut_kev : float
        Collisions with atomic electrons count up to this energy transfer, keV: those above it deflect the electron
        where they are simulated. The default counts all.

    Returns
    -------
    first, second : ndarray of float64, (...)
        Inverse transport mean free paths in cm²/g.

    Raises
    ------
    PhysicsError
        If the cut is not positive, an energy is out of range or an element has no data.

    References
    ----------
    [McKinleyFeshbach1948]_, [Hubbell1975]_ Scattering by the atom.
    [Moller1932]_, [Fano1954]_ Scattering by its electrons.
    """
    energy = checked_energy(energy_kev)
    if not collision_cut_kev > 0.0:
        raise PhysicsError(
            f"The cut for collisions is {collision_cut_kev:g} keV: valid cuts are above 0 keV.", code="collision-cut"
        )
    flat = energy.ravel()
    moments = np.zeros((2, flat.size))
    for number, atoms in atoms_per_gram(material).items():
        moments += atoms * _elastic_moments(number, flat)
        moments += atoms * number * _inelastic_moments(number, flat, collision_cut_kev)
    return moments[0].reshape(energy.shape), moments[1].reshape(energy.shape)


def _elastic_moments(atomic_number: int, energy_kev: FloatArray) -> FloatArray:
    """Return both transport cross sections of an atom, cm², (2, n).

    With mu = (1 - cos(angle)) / 2 the integrals over mu are taken in the logarithm of the momentum transfer, in which
    the integrand is smooth.
    """
    rest = constant("electron-rest-energy")
    beta2 = squared_velocity(energy_kev)[:, np.newaxis]
    gamma = 1.0 + energy_kev[:, np.newaxis] / rest
    log_transfer, weight = _nodes(_largest_transfer(energy_kev))
    mu = np.exp(2.0 * (log_transfer - np.log(_largest_transfer(energy_kev))[:, np.newaxis]))
    coupling = math.pi * constant("fine-structure-constant") * atomic_number
    spin = 1.0 - beta2 * mu + coupling * np.sqrt(beta2) * (np.sqrt(mu) - mu)
    screening = np.interp(log_transfer, _log_grid(), _screening(atomic_number).elastic)
    area = math.pi * (atomic_number * constant("classical-electron-radius") / (gamma * beta2)) ** 2
    first = 4.0 * area * spin * screening * weight
    return np.stack([first.sum(axis=1), (3.0 * (1.0 - mu) * first).sum(axis=1)])


def _inelastic_moments(atomic_number: int, energy_kev: FloatArray, cut_kev: float) -> FloatArray:
    """Return both transport cross sections of one electron of an atom, cm², (2, n).

    The momentum transfer belongs to the energy transfer of a free electron at rest.
    """
    rest = constant("electron-rest-energy")
    energy = energy_kev[:, np.newaxis]
    gamma = 1.0 + energy / rest
    highest = np.minimum(0.5 * energy_kev, cut_kev)
    log_transfer, weight = _nodes(_transfer(highest))
    momentum = np.exp(log_transfer) / _transfer_per_momentum()
    loss = momentum**2 / (np.sqrt(momentum**2 + rest**2) + rest)
    remaining = energy - loss
    sine2 = 2.0 * rest * loss / (energy * (remaining + 2.0 * rest))
    deflection = sine2 / (1.0 + np.sqrt(1.0 - sine2))
    shape = (
        1.0 / loss**2
        + 1.0 / remaining**2
        - (2.0 * gamma - 1.0) / gamma**2 / (loss * remaining)
        + 1.0 / (energy + rest) ** 2
    )
    # From the logarithm of the momentum to the energy transfer.
    measure = momentum**2 / (loss + rest)
    screening = np.interp(log_transfer, _log_grid(), _screening(atomic_number).inelastic)
    radius = constant("classical-electron-radius")
    area = 2.0 * math.pi * radius**2 * rest / squared_velocity(energy)
    rate = area * shape * measure * screening * weight
    return np.stack([(deflection * rate).sum(axis=1), (1.5 * sine2 * rate).sum(axis=1)])


@cache
def _screening(atomic_number: int) -> _Screening:
    """Return (1 - F/Z)^2 and S/Z of an atom on the grid of momentum transfers."""
    import xraylib

    transfer = np.exp(_log_grid())
    form_factor = np.array([xraylib.FF_Rayl(atomic_number, value) for value in transfer])
    incoherent = np.array([xraylib.SF_Compt(atomic_number, value) for value in transfer])
    return _Screening((1.0 - form_factor / atomic_number) ** 2, incoherent / atomic_number)


@cache
def _log_grid() -> FloatArray:
    return np.linspace(math.log(_LOWEST_TRANSFER), math.log(_HIGHEST_TRANSFER), _POINTS)


def _nodes(highest: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights from the lowest momentum transfer to the highest, in the logarithm, (n, nodes)."""
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    low = math.log(_LOWEST_TRANSFER)
    half = 0.5 * np.maximum(np.log(highest) - low, 0.0)[:, np.newaxis]
    return low + half * (node + 1.0), half * weight


def _largest_transfer(energy_kev: FloatArray) -> FloatArray:
    """Return the momentum transfer of scattering straight back, as sin(angle/2) over the wavelength, 1/angstrom."""
    rest = constant("electron-rest-energy")
    return 2.0 * np.sqrt(energy_kev * (energy_kev + 2.0 * rest)) * _transfer_per_momentum()


def _transfer(loss_kev: FloatArray) -> FloatArray:
    """Return the momentum transfer, 1/angstrom, that goes with an energy transfer to a free electron at rest."""
    rest = constant("electron-rest-energy")
    return np.sqrt(loss_kev * (loss_kev + 2.0 * rest)) * _transfer_per_momentum()


@cache
def _transfer_per_momentum() -> float:
    """Return sin(angle/2) over the wavelength, 1/angstrom, per momentum transfer times the speed of light in keV."""
    compton_length = constant("classical-electron-radius") / constant("fine-structure-constant") / _CM_PER_ANGSTROM
    return 1.0 / (4.0 * math.pi * constant("electron-rest-energy") * compton_length)
