"""Interactions of photons with tissues, 1 keV to 3 MeV.

Mixtures follow from their elements: independent atoms, weighted by mass. Up to 800 keV the cross sections are those
of xraylib. Above, incoherent scattering follows the Klein-Nishina formula, coherent scattering the inverse square of
the energy, and the photoelectric effect a power of it; the three are continuous at 800 keV. Pair and triplet
production are interpolated in the shape that each has above its threshold, (1 - threshold / energy)³.

References
----------
[Schoonjans2011]_ Cross sections, form factors and incoherent scattering functions.
[EPDL97]_ Pair and triplet production.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.model.arrays import Array, frozen
from theradose.radiation.materials import Material, atomic_weight

CHANNELS = ("photoelectric", "incoherent", "coherent", "pair")
_DATA = "materials/photons.yaml"


@dataclass(frozen=True, slots=True, eq=False)
class PhotonCoefficients:
    """Mass attenuation coefficients of one material, cm²/g, at each of n energies.

    Attributes
    ----------
    energy_kev : ndarray, shape (n,)
        Photon energy.
    photoelectric, incoherent, coherent, pair : ndarray, shape (n,)
        By interaction; `pair` includes triplet production.
    """

    energy_kev: Array
    photoelectric: Array
    incoherent: Array
    coherent: Array
    pair: Array

    @property
    def total(self) -> Array:
        """Sum of all interactions."""
        return np.asarray(self.photoelectric + self.incoherent + self.coherent + self.pair)


@dataclass(frozen=True, slots=True, eq=False)
class PhotonTables:
    """Plain arrays for the transport of photons in m materials.

    Attributes
    ----------
    names : tuple of str
        The materials.
    energy_kev : ndarray, shape (n,)
        Grid of equal logarithmic steps.
    attenuation : ndarray, shape (m, n, 4)
        Mass attenuation, cm²/g, in the order of `CHANNELS`. Linear interpolation in the logarithm of the energy
        serves all channels, pair production with its zeros included.
    momentum_per_angstrom : ndarray, shape (q,)
        Grid of equal logarithmic steps of the momentum transfer sin(θ/2)/λ. Below it, incoherent and cumulative
        coherent scattering both go with its square.
    incoherent : ndarray, shape (m, q)
        Incoherent scattering function per electron, 0 to 1.
    coherent : ndarray, shape (m, q)
        Squared form factor, 1 without momentum transfer.
    coherent_cumulative : ndarray, shape (m, q)
        Integral of the squared form factor over the squared momentum transfer from 0, Å⁻².
    """

    names: tuple[str, ...]
    energy_kev: Array
    attenuation: Array
    momentum_per_angstrom: Array
    incoherent: Array
    coherent: Array
    coherent_cumulative: Array


def photon_energy_grid() -> Array:
    """Return the standard energies of transport tables in keV, equal logarithmic steps from 1 keV to 3 MeV."""
    grid = load_yaml(_DATA)["tables"]
    return np.geomspace(grid["first_energy_kev"], grid["last_energy_kev"], grid["energies"])


def photon_coefficients(*, material: Material, energy_kev: Array) -> PhotonCoefficients:
    """Return the mass attenuation coefficients of a material.

    Parameters
    ----------
    material : Material
        Elemental composition.
    energy_kev : ndarray, shape (n,)
        Photon energies, 1 to 3000 keV.

    Returns
    -------
    PhotonCoefficients
        cm²/g, read-only.

    Raises
    ------
    PhysicsError
        ``photon-energy`` outside the energies that are covered.

    References
    ----------
    [Schoonjans2011]_ [EPDL97]_
    """
    energies = frozen(np.atleast_1d(energy_kev), np.float64)
    _check_energies(energies)
    elements = {number: _element_coefficients(number, energies) for number in material.mass_fractions}
    return PhotonCoefficients(energies, *(frozen(channel) for channel in _mixture(material, elements).T))


def incoherent_function(*, material: Material, momentum_per_angstrom: Array) -> Array:
    """Return the incoherent scattering function of a material per electron, between 0 and 1.

    Parameters
    ----------
    material : Material
        Elemental composition.
    momentum_per_angstrom : ndarray, shape (q,)
        Momentum transfer sin(θ/2)/λ in Å⁻¹; below 0.001 the value there.

    References
    ----------
    [Schoonjans2011]_
    """
    elements = {number: _element_incoherent(number, momentum_per_angstrom) for number in material.mass_fractions}
    return _per_molecule(material, elements, power=1)


def coherent_form_factor_squared(*, material: Material, momentum_per_angstrom: Array) -> Array:
    """Return the squared form factor of a material, 1 without momentum transfer.

    Parameters
    ----------
    material : Material
        Elemental composition.
    momentum_per_angstrom : ndarray, shape (q,)
        Momentum transfer sin(θ/2)/λ in Å⁻¹; below 0.001 the value there.

    References
    ----------
    [Schoonjans2011]_
    """
    elements = {number: _element_coherent(number, momentum_per_angstrom) for number in material.mass_fractions}
    return _per_molecule(material, elements, power=2)


def photon_tables(*, materials: Sequence[Material], energy_grid_kev: Array | None = None) -> PhotonTables:
    """Return the arrays that the transport of photons reads.

    Parameters
    ----------
    materials : sequence of Material
        In the order of the labels.
    energy_grid_kev : ndarray, shape (n,), optional
        Energies of equal logarithmic steps; `photon_energy_grid` by default.

    Returns
    -------
    PhotonTables
        float64, read-only.

    References
    ----------
    [Schoonjans2011]_ [EPDL97]_
    """
    energies = photon_energy_grid() if energy_grid_kev is None else np.asarray(energy_grid_kev, np.float64)
    _check_energies(energies)
    grid = load_yaml(_DATA)["tables"]
    momenta = np.geomspace(grid["first_momentum_per_angstrom"], grid["last_momentum_per_angstrom"], grid["momenta"])
    numbers = sorted({number for material in materials for number in material.mass_fractions})
    coefficients = {number: _element_coefficients(number, energies) for number in numbers}
    incoherent = {number: _element_incoherent(number, momenta) for number in numbers}
    coherent = {number: _element_coherent(number, momenta) for number in numbers}
    form_factors = np.stack([_per_molecule(material, coherent, power=2) for material in materials])
    return PhotonTables(
        names=tuple(material.name for material in materials),
        energy_kev=frozen(energies),
        attenuation=frozen(np.stack([_mixture(material, coefficients) for material in materials])),
        momentum_per_angstrom=frozen(momenta),
        incoherent=frozen(np.stack([_per_molecule(material, incoherent, power=1) for material in materials])),
        coherent=frozen(form_factors),
        coherent_cumulative=frozen(_cumulative_over_square(momenta, form_factors)),
    )


def _check_energies(energies: Array) -> None:
    grid = load_yaml(_DATA)["tables"]
    # A grid from geomspace may miss its ends by rounding.
    low, high = grid["first_energy_kev"] * (1 - 1e-12), grid["last_energy_kev"] * (1 + 1e-12)
    if not np.all((energies >= low) & (energies <= high)):
        raise PhysicsError(
            f"Photon energies from {np.min(energies):g} to {np.max(energies):g} keV were asked for: coefficients cover "
            f"{grid['first_energy_kev']:g} to {grid['last_energy_kev']:g} keV.",
            code="photon-energy",
        )


def _mixture(material: Material, elements: Mapping[int, Array]) -> Array:
    """Sum over the elements, weighted by mass."""
    return np.asarray(sum(part * elements[number] for number, part in material.mass_fractions.items()))


def _per_molecule(material: Material, elements: Mapping[int, Array], *, power: int) -> Array:
    """Sum over the atoms, divided by its limit: the sum of the atomic numbers raised to `power`."""
    atoms = {number: part / atomic_weight(number) for number, part in material.mass_fractions.items()}
    total = math.fsum(count * number**power for number, count in atoms.items())
    return np.asarray(sum(count * elements[number] for number, count in atoms.items()) / total)


def _element_coefficients(number: int, energies: Array) -> Array:
    """Coefficients of an element in cm²/g, shape (n, 4), in the order of `CHANNELS`."""
    import xraylib

    library = load_yaml(_DATA)["library"]
    last, before = library["last_energy_kev"], library["extrapolation_from_kev"]
    inside = np.minimum(energies, last)
    beyond = np.maximum(energies / last, 1.0)
    slope = math.log(xraylib.CS_Photo(number, last) / xraylib.CS_Photo(number, before)) / math.log(last / before)
    klein_nishina = np.array([xraylib.CS_KN(energy) for energy in np.maximum(energies, last)]) / xraylib.CS_KN(last)
    pair_barn = _nuclear_pair_barn(number, energies) + number * _triplet_barn(energies)
    return np.column_stack(
        [
            _evaluate(xraylib.CS_Photo, number, inside) * beyond**slope,
            _evaluate(xraylib.CS_Compt, number, inside) * klein_nishina,
            _evaluate(xraylib.CS_Rayl, number, inside) * beyond**-2.0,
            pair_barn * xraylib.AVOGNUM / atomic_weight(number),
        ]
    )


def _element_incoherent(number: int, momenta: Array) -> Array:
    import xraylib

    # The tables of some elements exceed the number of electrons in the last digit.
    return np.minimum(_evaluate(xraylib.SF_Compt, number, _tabulated(momenta)), number)


def _element_coherent(number: int, momenta: Array) -> Array:
    import xraylib

    return _evaluate(xraylib.FF_Rayl, number, _tabulated(momenta)) ** 2


def _tabulated(momenta: Array) -> Array:
    """xraylib starts there: S is below 0.0002 per electron and the form factor complete."""
    return np.asarray(np.maximum(momenta, load_yaml(_DATA)["tables"]["first_momentum_per_angstrom"]))


def _evaluate(function: Callable[[int, float], float], number: int, arguments: Array) -> Array:
    return np.array([function(number, argument) for argument in arguments.tolist()])


def _nuclear_pair_barn(number: int, energies: Array) -> Array:
    """Cross section per atom; between the elements of the table it is interpolated per squared atomic number."""
    record = load_yaml(_DATA)["nuclear_pair"]
    points = record["ln_barn_per_atom"]
    reduced = np.array([np.array(values) - 2 * math.log(element) for element, values in points.items()])
    elements = np.array(list(points), float)
    values = [np.interp(number, elements, column) for column in reduced.T]
    return number**2 * _above_threshold(energies, record["ln_energy_mev"], values, rest_energies=2)


def _triplet_barn(energies: Array) -> Array:
    """Cross section per electron."""
    record = load_yaml(_DATA)["triplet"]
    return _above_threshold(energies, record["ln_energy_mev"], record["ln_barn_per_electron"], rest_energies=4)


def _above_threshold(
    energies: Array, ln_energy_mev: Sequence[float], ln_barn: Sequence[float], *, rest_energies: int
) -> Array:
    """Cross section in barn with its threshold at a number of rest energies of the electron, from a few points."""
    import xraylib

    threshold = rest_energies * xraylib.MEC2
    ln_mev = np.array(ln_energy_mev)
    factor = np.array(ln_barn) - 3 * np.log(1 - threshold / (1000 * np.exp(ln_mev)))
    room = np.maximum(1 - threshold / energies, 0.0)
    return np.asarray(room**3 * np.exp(np.interp(np.log(energies / 1000), ln_mev, factor)))


def _cumulative_over_square(momenta: Array, values: Array) -> Array:
    """Integral over the squared argument from 0; `values` are constant below the grid and powers between its points."""
    square = momenta**2
    exponent = np.diff(np.log(values)) / np.diff(np.log(square)) + 1
    ends = values * square
    # The integral of a power t**(p - 1) is (b**p - a**p) / p, with a logarithm as p goes to 0.
    near = np.abs(exponent) < 1e-6
    powers = np.diff(ends) / np.where(near, 1.0, exponent)
    logarithms = ends[:, :-1] * np.diff(np.log(square))
    pieces = np.where(near, logarithms, powers)
    return np.concatenate([ends[:, :1], ends[:, :1] + np.cumsum(pieces, axis=1)], axis=1)
