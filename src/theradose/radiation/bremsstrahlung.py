"""Bremsstrahlung of electrons from the tables of Seltzer and Berger.

The cross section is tabulated as beta^2/Z^2 k dsigma/dk over the electron's energy and the photon's share of it.
Between the tabulated elements its logarithm is linear in the logarithm of the atomic number; in energy and share it is
interpolated by monotone cubics, the energy logarithmically.

References
----------
[SeltzerBerger1986]_ The cross sections.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from theradose.data import load_json
from theradose.errors import PhysicsError
from theradose.radiation.elements import (
    FloatArray,
    atoms_per_gram,
    checked_energy,
    squared_velocity,
)
from theradose.radiation.materials import Material

_TABLE = "radiation/seltzer_berger.json"
_CM2_PER_MB = 1e-27
_KEV_PER_MEV = 1e3
_NODES = 24
"""Gauss-Legendre nodes in the logarithm of the photon's share; the integrand has a knot every few per cent of it."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotonShare:
    """Cross section of a material at some electron energies as a function of the photon's share of the energy.

    Attributes
    ----------
    energy_kev : ndarray of float64, (n,)
        Energies of the electrons.
    knots : ndarray of float64, (m,)
        Shares at which the cubics meet, 0 to 1.
    coefficients : ndarray of float64, (4, m - 1, n)
        Coefficients of the cubics, highest power first, of k dsigma/dk in cm²/g.
    """

    energy_kev: FloatArray
    knots: FloatArray
    coefficients: FloatArray

    def at(self, share: FloatArray) -> FloatArray:
        """Return k dsigma/dk in cm²/g at shares of shape (n, ...), one row for each energy."""
        piece = np.clip(np.searchsorted(self.knots, share, side="right") - 1, 0, self.knots.size - 2)
        offset = share - self.knots[piece]
        row = np.arange(self.energy_kev.size).reshape((-1,) + (1,) * (share.ndim - 1))
        result: FloatArray = self.coefficients[0, piece, row]
        for coefficient in self.coefficients[1:]:
            result = result * offset + coefficient[piece, row]
        return result


def photon_share(*, material: Material, energy_kev: ArrayLike) -> PhotonShare:
    """Return the cross section of a material at electron energies, for any share of the photon.

    Parameters
    ----------
    material : Material
        Composition.
    energy_kev : array_like, (n,)
        Kinetic energies, 1 keV to 3 MeV.

    Returns
    -------
    PhotonShare
        Interpolated cross section.

    Raises
    ------
    PhysicsError
        If an energy is out of range or an element has no data.

    References
    ----------
    [SeltzerBerger1986]_ The cross sections.
    """
    from scipy.interpolate import PchipInterpolator

    energy = checked_energy(energy_kev)
    table = load_json(_TABLE)
    log_energy = np.log(table["energy_kev"])
    scaled = sum(
        atoms * number**2 * _scaled_cross_section(number) for number, atoms in atoms_per_gram(material).items()
    )
    at_energy = PchipInterpolator(log_energy, scaled, axis=0)(np.log(energy))
    at_energy *= _CM2_PER_MB / squared_velocity(energy)[:, np.newaxis]
    cubics = PchipInterpolator(table["photon_fraction"], at_energy, axis=1)
    return PhotonShare(energy, np.asarray(cubics.x), np.asarray(cubics.c))


def bremsstrahlung_spectrum(*, material: Material, energy_kev: float, k_over_t: ArrayLike) -> FloatArray:
    """Return the photon spectrum per path of electrons of one energy.

    Parameters
    ----------
    material : Material
        Composition.
    energy_kev : float
        Kinetic energy of the electrons, 1 keV to 3 MeV.
    k_over_t : array_like, (...)
        Photon energy as a share of the electron's, above 0, at most 1.

    Returns
    -------
    ndarray of float64, (...)
        Photons per path and photon energy, cm²/(g keV).

    Raises
    ------
    PhysicsError
        If a share or the energy is out of range or an element has no data.

    References
    ----------
    [SeltzerBerger1986]_ The cross sections.
    """
    share = np.asarray(k_over_t, dtype=np.float64)
    if not np.all((share > 0.0) & (share <= 1.0)):
        raise PhysicsError(
            "A photon's share of the electron's energy is outside 0 to 1: valid shares are above 0, at most 1.",
            code="photon-share",
        )
    cross_section = photon_share(material=material, energy_kev=[energy_kev])
    result: FloatArray = cross_section.at(share[np.newaxis])[0] / (share * energy_kev)
    return result


def radiative_stopping_power(*, material: Material, energy_kev: ArrayLike) -> FloatArray:
    """Return the mass radiative stopping power of electrons.

    Parameters
    ----------
    material : Material
        Composition.
    energy_kev : array_like, (...)
        Kinetic energies, 1 keV to 3 MeV.

    Returns
    -------
    ndarray of float64, (...)
        Stopping power in MeV cm²/g.

    Raises
    ------
    PhysicsError
        If an energy is out of range or an element has no data.

    References
    ----------
    [SeltzerBerger1986]_ The cross sections, integrated over the photon energy.
    """
    energy = checked_energy(energy_kev)
    return soft_radiative_stopping_power(material=material, energy_kev=energy, cut_kev=np.inf)


def soft_radiative_stopping_power(*, material: Material, energy_kev: ArrayLike, cut_kev: float) -> FloatArray:
    """Return the radiative stopping power by photons below a cut.

    Parameters
    ----------
    material : Material
        Composition.
    energy_kev : array_like, (...)
        Kinetic energies, 1 keV to 3 MeV.
    cut_kev : float
        Largest photon energy that is not simulated, keV.

    Returns
    -------
    ndarray of float64, (...)
        Stopping power in MeV cm²/g.

    Raises
    ------
    PhysicsError
        If the cut is not positive, an energy is out of range or an element has no data.

    References
    ----------
    [SeltzerBerger1986]_ The cross sections.
    """
    energy = checked_energy(energy_kev)
    flat = energy.ravel()
    cross_section = photon_share(material=material, energy_kev=flat)
    share = np.minimum(1.0, checked_photon_cut(cut_kev) / flat)
    loss = flat * soft_share(cross_section, share) / _KEV_PER_MEV
    return loss.reshape(energy.shape)


def bremsstrahlung_inverse_mean_free_path(*, material: Material, energy_kev: ArrayLike, cut_kev: float) -> FloatArray:
    """Return the inverse mean free path of electrons for photons above a cut.

    Parameters
    ----------
    material : Material
        Composition.
    energy_kev : array_like, (...)
        Kinetic energies, 1 keV to 3 MeV.
    cut_kev : float
        Smallest photon energy, keV.

    Returns
    -------
    ndarray of float64, (...)
        Inverse mean free path in cm²/g; zero where the energy does not reach the cut.

    Raises
    ------
    PhysicsError
        If the cut is not positive, an energy is out of range or an element has no data.

    References
    ----------
    [SeltzerBerger1986]_ The cross sections.
    """
    energy = checked_energy(energy_kev)
    flat = energy.ravel()
    cross_section = photon_share(material=material, energy_kev=flat)
    share = np.minimum(1.0, checked_photon_cut(cut_kev) / flat)
    return hard_photons(cross_section, share).reshape(energy.shape)


def checked_photon_cut(cut_kev: float) -> float:
    """Return the cut for photons.

    Raises
    ------
    PhysicsError
        If it is not positive: the number of photons without a cut is infinite.
    """
    if not cut_kev > 0.0:
        raise PhysicsError(
            f"The cut for bremsstrahlung photons is {cut_kev:g} keV: valid cuts are above 0 keV; take about 5 keV.",
            code="photon-cut",
        )
    return cut_kev


def soft_share(cross_section: PhotonShare, cut_share: FloatArray) -> FloatArray:
    """Return the share of the energy that photons up to a share take per path, cm²/g: the integral of k dsigma/dk.

    Each cubic is integrated exactly, the last up to the cut.
    """
    knots = cross_section.knots
    width = np.clip(cut_share[:, np.newaxis] - knots[:-1], 0.0, np.diff(knots)).T
    power = np.arange(4, 0, -1).reshape(-1, 1, 1)
    integral: FloatArray = np.sum(cross_section.coefficients * width**power / power, axis=(0, 1))
    return integral


def hard_photons(cross_section: PhotonShare, cut_share: FloatArray) -> FloatArray:
    """Return the number of photons above a share per path, cm²/g: the integral of k dsigma/dk over ln k."""
    node, weight = _legendre(_NODES)
    length = np.log(1.0 / cut_share)
    share = np.exp(-length[:, np.newaxis] * 0.5 * (1.0 - node))
    photons: FloatArray = 0.5 * length * (cross_section.at(share) @ weight)
    return photons


@cache
def _legendre(count: int) -> tuple[FloatArray, FloatArray]:
    node, weight = np.polynomial.legendre.leggauss(count)
    return node, weight


@cache
def _scaled_cross_section(atomic_number: int) -> Any:
    """Return the table of an element, mb: electron energies by photon shares."""
    elements = load_json(_TABLE)["elements"]
    numbers = np.array([int(number) for number in elements])
    logarithms = np.log(np.array([elements[str(number)] for number in numbers]))
    upper = int(np.clip(np.searchsorted(numbers, atomic_number), 1, numbers.size - 1))
    position = np.log(atomic_number / numbers[upper - 1]) / np.log(numbers[upper] / numbers[upper - 1])
    return np.exp((1.0 - position) * logarithms[upper - 1] + position * logarithms[upper])
