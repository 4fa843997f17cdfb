"""Ranges, and the tables that the transport of electrons reads.

References
----------
[ICRU37]_ Ranges in the continuous slowing-down approximation.
[BergerSeltzer1982]_ Stopping power.
[SeltzerBerger1986]_ Bremsstrahlung.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from theradose.errors import PhysicsError
from theradose.radiation.bremsstrahlung import (
    PhotonShare,
    checked_photon_cut,
    hard_photons,
    photon_share,
    radiative_stopping_power,
    soft_share,
)
from theradose.radiation.elastic import elastic_transport
from theradose.radiation.elements import FloatArray, checked_energy, constant
from theradose.radiation.materials import Material
from theradose.radiation.stopping import (
    collision_stopping_power,
    collision_straggling,
    moller_inverse_mean_free_path,
    soft_collision_stopping_power,
)

_KEV_PER_MEV = 1e3
_RANGE_POINTS = 600
_SAMPLING_POINTS = 129
_CUMULATIVE_POINTS = 513


@dataclass(frozen=True, slots=True, eq=False)
class ElectronTables:
    """Electron interactions of some materials on one grid of energies; all arrays are read-only float64.

    Losses and rates are per mass thickness, g/cm². "Soft" is what is not simulated one by one: collisions below
    ``collision_cut_kev`` and photons below ``radiative_cut_kev``.

    Attributes
    ----------
    materials : tuple of str
        Names, in the order of the rows.
    energy_kev : ndarray, (n,)
        Grid of kinetic energies.
    collision_cut_kev, radiative_cut_kev : float
        Smallest energy transfer and photon energy that are simulated.
    stopping_kev_cm2_per_g : ndarray, (materials, n)
        Total stopping power.
    soft_stopping_kev_cm2_per_g : ndarray, (materials, n)
        Soft collisions and soft photons.
    range_g_per_cm2 : ndarray, (materials, n)
        Range in the continuous slowing-down approximation by the total stopping power.
    straggling_kev2_cm2_per_g : ndarray, (materials, n)
        Variance of the loss in soft collisions.
    moller_cm2_per_g, bremsstrahlung_cm2_per_g : ndarray, (materials, n)
        Inverse mean free paths of simulated collisions and photons.
    first_transport_cm2_per_g, second_transport_cm2_per_g : ndarray, (materials, n)
        Elastic scattering and soft collisions; simulated collisions deflect the electron where they happen.
    photons_to_rest : ndarray, (materials, n)
        Expected number of simulated photons while an electron slows down from the energy to the first of the grid.
    photon_log_share : ndarray, (materials, n, m)
        Natural logarithm of the photon's share of the energy at m equal steps of its cumulative probability above the
        cut; zero where the energy does not reach the cut. Between the steps it is linear.
    """

    materials: tuple[str, ...]
    energy_kev: FloatArray
    collision_cut_kev: float
    radiative_cut_kev: float
    stopping_kev_cm2_per_g: FloatArray
    soft_stopping_kev_cm2_per_g: FloatArray
    range_g_per_cm2: FloatArray
    straggling_kev2_cm2_per_g: FloatArray
    moller_cm2_per_g: FloatArray
    bremsstrahlung_cm2_per_g: FloatArray
    first_transport_cm2_per_g: FloatArray
    second_transport_cm2_per_g: FloatArray
    photons_to_rest: FloatArray
    photon_log_share: FloatArray

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)


def csda_range(*, material: Material, energy_kev: ArrayLike) -> FloatArray:
    """Return the range of electrons in the continuous slowing-down approximation.

    The integral of the inverse total stopping power starts at 1 keV with the range that an electron of that energy has
    if the stopping power goes on as a power of the energy: in water about 5e-6 g/cm².

    Parameters
    ----------
    material : Material
        Composition, density and mean excitation energy.
    energy_kev : array_like, (...)
        Kinetic energies, 1 keV to 3 MeV.

    Returns
    -------
    ndarray of float64, (...)
        Range in g/cm².

    Raises
    ------
    PhysicsError
        If an energy is out of range or an element has no data.

    References
    ----------
    [ICRU37]_ The definition.
    """
    energy = checked_energy(energy_kev)
    grid, collision, radiative = _stopping_on_grid(material)
    ranges = _residual_range(grid, collision + radiative)
    return np.exp(np.interp(np.log(energy), np.log(grid), np.log(ranges)))


def radiation_yield(*, material: Material, energy_kev: ArrayLike) -> FloatArray:
    """Return the share of an electron's energy that leaves it as bremsstrahlung until it stops.

    Below 1 keV nothing is radiated.

    Parameters
    ----------
    material : Material
        Composition, density and mean excitation energy.
    energy_kev : array_like, (...)
        Kinetic energies, 1 keV to 3 MeV.

    Returns
    -------
    ndarray of float64, (...)
        Share of the energy, secondary electrons not followed.

    Raises
    ------
    PhysicsError
        If an energy is out of range or an element has no data.

    References
    ----------
    [ICRU37]_ The definition.
    """
    energy = checked_energy(energy_kev)
    grid, collision, radiative = _stopping_on_grid(material)
    radiated = _cumulative(grid, radiative / (collision + radiative))
    return np.interp(np.log(energy), np.log(grid), radiated / grid)


def electron_tables(
    materials: Sequence[Material],
    *,
    energy_grid_kev: ArrayLike,
    collision_cut_kev: float,
    radiative_cut_kev: float,
) -> ElectronTables:
    """Return the tables for the transport of electrons.

    Parameters
    ----------
    materials : sequence of Material
        One row each.
    energy_grid_kev : array_like, (n,)
        Increasing kinetic energies within 1 keV to 3 MeV, closely spaced: the ranges are integrated over it. 300
        logarithmic points integrate the range of water within 1e-4.
    collision_cut_kev, radiative_cut_kev : float
        Smallest energy transfer and photon energy that are simulated, keV.

    Returns
    -------
    ElectronTables
        One row for each material.

    Raises
    ------
    PhysicsError
        If the grid is not increasing or leaves the range, a cut is not positive, or an element has no data.

    References
    ----------
    [BergerSeltzer1982]_, [SeltzerBerger1986]_, [ICRU37]_ The quantities.
    """
    energy = checked_energy(energy_grid_kev)
    if energy.ndim != 1 or energy.size < 2 or not np.all(np.diff(energy) > 0.0):
        raise PhysicsError(
            "The energy grid of the electron tables does not increase: give at least two increasing energies in keV.",
            code="electron-grid",
        )
    cut_share = np.minimum(1.0, checked_photon_cut(radiative_cut_kev) / energy)
    rows = [_row(material, energy, collision_cut_kev, cut_share) for material in materials]
    return ElectronTables(
        materials=tuple(material.name for material in materials),
        energy_kev=energy.copy(),
        collision_cut_kev=collision_cut_kev,
        radiative_cut_kev=radiative_cut_kev,
        **{name: np.stack([row[name] for row in rows]) for name in rows[0]},
    )


def _stopping_on_grid(material: Material) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return all energies that are covered, and the collision and radiative stopping power there, keV cm²/g."""
    energy = np.geomspace(constant("lowest-energy"), constant("highest-energy"), _RANGE_POINTS)
    collision = collision_stopping_power(material=material, energy_kev=energy) * _KEV_PER_MEV
    return energy, collision, radiative_stopping_power(material=material, energy_kev=energy) * _KEV_PER_MEV


def _row(material: Material, energy: FloatArray, collision_cut: float, cut_share: FloatArray) -> dict[str, FloatArray]:
    """Return the arrays of one material by the names of the attributes."""
    photons = photon_share(material=material, energy_kev=energy)
    collision = collision_stopping_power(material=material, energy_kev=energy) * _KEV_PER_MEV
    soft = soft_collision_stopping_power(material=material, energy_kev=energy, cut_kev=collision_cut) * _KEV_PER_MEV
    stopping = collision + energy * soft_share(photons, np.ones_like(energy))
    soft_stopping = soft + energy * soft_share(photons, cut_share)
    photon_rate = hard_photons(photons, cut_share)
    first, second = elastic_transport(material=material, energy_kev=energy, collision_cut_kev=collision_cut)
    return {
        "stopping_kev_cm2_per_g": stopping,
        "soft_stopping_kev_cm2_per_g": soft_stopping,
        "range_g_per_cm2": _residual_range(energy, stopping),
        "straggling_kev2_cm2_per_g": collision_straggling(material=material, energy_kev=energy, cut_kev=collision_cut),
        "moller_cm2_per_g": moller_inverse_mean_free_path(material=material, energy_kev=energy, cut_kev=collision_cut),
        "bremsstrahlung_cm2_per_g": photon_rate,
        "first_transport_cm2_per_g": first,
        "second_transport_cm2_per_g": second,
        "photons_to_rest": _cumulative(energy, photon_rate / stopping),
        "photon_log_share": _sampling(photons, cut_share),
    }


def _residual_range(energy: FloatArray, stopping: FloatArray) -> FloatArray:
    """Return the integral of the inverse stopping power; below the grid the stopping power is a power of energy."""
    slope = np.log(stopping[1] / stopping[0]) / np.log(energy[1] / energy[0])
    below: float = energy[0] / stopping[0] / (1.0 - slope)
    return below + _cumulative(energy, 1.0 / stopping)


def _cumulative(energy: FloatArray, density: FloatArray) -> FloatArray:
    """Return the integral over energy from the first point on.

    Monotone cubics in the logarithm of the energy: a density that starts from zero at a cut stays positive.
    """
    from scipy.interpolate import PchipInterpolator

    integral: FloatArray = PchipInterpolator(np.log(energy), density * energy).antiderivative()(np.log(energy))
    return integral


def _sampling(photons: PhotonShare, cut_share: FloatArray) -> FloatArray:
    """Return the logarithm of the share at equal steps of the cumulative probability above the cut."""
    step = np.linspace(0.0, 1.0, _CUMULATIVE_POINTS)
    log_share = np.log(cut_share)[:, np.newaxis] * (1.0 - step)
    density = photons.at(np.exp(log_share))
    cumulative = np.cumsum(0.5 * (density[:, 1:] + density[:, :-1]), axis=1)
    cumulative = np.concatenate([np.zeros((len(density), 1)), cumulative], axis=1)
    probability = np.linspace(0.0, 1.0, _SAMPLING_POINTS)
    return np.stack(
        [np.interp(probability * total[-1], total, row) for total, row in zip(cumulative, log_share, strict=True)]
    )
