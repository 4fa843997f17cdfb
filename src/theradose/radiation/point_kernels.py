"""Energy deposited within a distance of a point source in water, for one energy and for a nuclide.

Distances are in g/cm², so that a kernel holds for water of any density. Between two tabulated energies both tables are
stretched to the reach of the wanted energy, then averaged: at the same fraction of the reach they differ little. The
reach of an electron is its range, that of a photon the distance within which half of its energy is deposited.

References
----------
[Berger1973]_ Scaled point kernels of electrons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from theradose.errors import PhysicsError
from theradose.model.arrays import Array, frozen

if TYPE_CHECKING:
    from theradose.nuclides import NuclearData
    from theradose.radiation.emission import EmissionSpectra

Radiation = Literal["electron", "photon"]
Chain = Literal["none", "equilibrium"]

_SMALLEST_RADIUS_G_PER_CM2 = 1e-6
_RADIUS_RATIO = 1.01
_CONSERVED_WITHIN = 0.003


@dataclass(frozen=True, slots=True, eq=False)
class PointKernelTable:
    """Point kernels of electrons or photons at some energies.

    Attributes
    ----------
    radiation : {"electron", "photon"}
        What is emitted.
    energy_kev : ndarray, shape (e,)
        Increasing.
    radius : ndarray, shape (r,)
        Increasing, from 0; in units of `scale_g_per_cm2`.
    scale_g_per_cm2 : ndarray, shape (e,)
        CSDA range of electrons; 1 for photons.
    cumulative : ndarray, shape (e, r)
        Fraction of the emitted energy that is deposited within each radius.
    escaped : ndarray, shape (e,)
        Fraction beyond the last radius.
    radiated : ndarray, shape (e,)
        Fraction that bremsstrahlung carries away from the track; 0 for photons.
    relative_u : ndarray, shape (e,)
        Statistical standard uncertainty.
    provenance : mapping
        ``version``, ``seed``, ``histories``, ``medium``, ``density`` of the simulation.
    """

    radiation: Radiation
    energy_kev: Array
    radius: Array
    scale_g_per_cm2: Array
    cumulative: Array
    escaped: Array
    radiated: Array
    relative_u: Array
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name in ("energy_kev", "radius", "scale_g_per_cm2", "cumulative", "escaped", "radiated", "relative_u"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))
        steps = (np.diff(self.energy_kev), np.diff(self.radius))
        missed = float(np.abs(self.cumulative[:, -1] + self.escaped - 1).max())
        if self.radius[0] != 0 or min(step.min() for step in steps) <= 0 or np.diff(self.cumulative).min() < 0:
            raise PhysicsError(
                f"The {self.radiation} point kernels do not increase with energy and radius: generate them again.",
                code="point-kernel-order",
            )
        if missed > _CONSERVED_WITHIN:
            raise PhysicsError(
                f"The {self.radiation} point kernels lose {missed:.2%} of the emitted energy, more than "
                f"{_CONSERVED_WITHIN:.1%}: generate them again.",
                code="kernel-energy",
            )

    @property
    def reach_g_per_cm2(self) -> Array:
        """Distance that scales with energy: range of electrons, half-energy distance of photons; shape (e,)."""
        if self.radiation == "electron":
            return self.scale_g_per_cm2
        return np.array([np.interp(row[-1] / 2, row, self.radius) for row in self.cumulative])


@dataclass(frozen=True, slots=True, eq=False)
class NuclideKernel:
    """Energy deposited around a point source of a nuclide in water, per decay.

    Attributes
    ----------
    nuclide, nuclear_data, chain : str
        Whose emissions.
    radius_g_per_cm2 : ndarray, shape (n,)
        Increasing, from 0.
    electron_kev, photon_kev : ndarray, shape (n,)
        Deposited within each radius by beta particles and other electrons, and by photons, secondaries included.
    local_kev : float
        Alpha particles and recoils, deposited where they are emitted.
    electron_emitted_kev, photon_emitted_kev : float
        All of their energy.
    electron_escaped_kev, photon_escaped_kev : float
        Beyond the last radius.
    radiated_kev : float
        Bremsstrahlung, part of `electron_kev`.
    relative_u : mapping of str to float
        Statistical standard uncertainty for ``electron`` and ``photon``, if all energies err alike.
    provenance : mapping
        Origin of the electron and the photon table.
    """

    nuclide: str
    nuclear_data: str
    chain: str
    radius_g_per_cm2: Array
    electron_kev: Array
    photon_kev: Array
    local_kev: float
    electron_emitted_kev: float
    photon_emitted_kev: float
    electron_escaped_kev: float
    photon_escaped_kev: float
    radiated_kev: float
    relative_u: Mapping[str, float]
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name in ("radius_g_per_cm2", "electron_kev", "photon_kev"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    @property
    def emitted_kev(self) -> float:
        """All energy per decay, without neutrinos."""
        return self.electron_emitted_kev + self.photon_emitted_kev + self.local_kev


@cache
def load_point_kernels(radiation: Radiation) -> PointKernelTable:
    """Return the packaged point kernels in water.

    Raises
    ------
    PhysicsError
        If they are not part of this installation.
    """
    path = files("theradose.data") / "kernels" / f"{radiation}-water.npz"
    if not path.is_file():
        raise PhysicsError(
            f"The {radiation} point kernels are not part of this installation: make them with "
            "'python -m theradose.radiation.generate_kernels'.",
            code="point-kernels-missing",
        )
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        energy_kev = content["energy_kev"]
        electron = radiation == "electron"
        return PointKernelTable(
            radiation=radiation,
            energy_kev=energy_kev,
            radius=np.concatenate([[0.0], content["radius"]]),
            scale_g_per_cm2=content["csda_range_g_per_cm2"] if electron else np.ones(energy_kev.size),
            cumulative=np.pad(content["cumulative"], ((0, 0), (1, 0))),
            escaped=content["energy_out"],
            radiated=content["radiated"] if electron else np.zeros(energy_kev.size),
            relative_u=content["relative_u"],
            provenance=MappingProxyType(
                {name: content[name].item() for name in ("version", "seed", "histories", "medium", "density")}
            ),
        )


@cache
def nuclide_kernel(nuclide: str, *, nuclear_data: NuclearData = "ddep", chain: Chain = "none") -> NuclideKernel:
    """Return the kernel of a nuclide from the packaged point kernels.

    Parameters
    ----------
    nuclide : str
        As ``Lu-177``.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation of the emissions.
    chain : {"none", "equilibrium"}
        Whether the daughters decay in place with the parent.

    References
    ----------
    [Berger1973]_
    """
    from theradose.radiation.emission import emission_spectra

    return sum_point_kernels(
        spectra=emission_spectra(nuclide, nuclear_data=nuclear_data, chain=chain),
        electrons=load_point_kernels("electron"),
        photons=load_point_kernels("photon"),
        chain=chain,
    )


def sum_point_kernels(
    *, spectra: EmissionSpectra, electrons: PointKernelTable, photons: PointKernelTable, chain: Chain = "none"
) -> NuclideKernel:
    """Return the emission-weighted sum of point kernels.

    Parameters
    ----------
    spectra : EmissionSpectra
        What is emitted per decay.
    electrons, photons : PointKernelTable
        Point kernels in water.
    chain : {"none", "equilibrium"}
        What `spectra` contain, for the record.

    Raises
    ------
    PhysicsError
        If an emission has more energy than the tables.

    References
    ----------
    [Berger1973]_
    """
    radius = _radii(electrons, photons)
    beta_energy, beta_kev = _beta_intervals(spectra.beta_energy_kev, spectra.beta_per_kev)
    electron_energy = np.concatenate([beta_energy, spectra.electron_kev])
    electron_kev = np.concatenate([beta_kev, spectra.electron_kev * spectra.electron_per_decay])
    photon_kev = spectra.photon_kev * spectra.photon_per_decay
    electron = _summed(electrons, electron_energy, electron_kev, radius)
    photon = _summed(photons, spectra.photon_kev, photon_kev, radius)
    return NuclideKernel(
        nuclide=spectra.nuclide,
        nuclear_data=spectra.nuclear_data,
        chain=chain,
        radius_g_per_cm2=radius,
        electron_kev=electron,
        photon_kev=photon,
        local_kev=float(np.dot(spectra.alpha_kev, spectra.alpha_per_decay) + spectra.recoil_kev_per_decay),
        electron_emitted_kev=float(electron_kev.sum()),
        photon_emitted_kev=float(photon_kev.sum()),
        electron_escaped_kev=_mean(electrons, electrons.escaped, electron_energy, electron_kev),
        photon_escaped_kev=_mean(photons, photons.escaped, spectra.photon_kev, photon_kev),
        radiated_kev=_mean(electrons, electrons.radiated, electron_energy, electron_kev),
        relative_u={
            "electron": _share(electrons, electrons.relative_u, electron_energy, electron_kev),
            "photon": _share(photons, photons.relative_u, spectra.photon_kev, photon_kev),
        },
        provenance={"electron": dict(electrons.provenance), "photon": dict(photons.provenance)},
    )


def fraction_within(*, table: PointKernelTable, energy_kev: float, radius_g_per_cm2: Array) -> Array:
    """Return the fraction of the energy of one particle that is deposited within distances in water.

    Below the lowest tabulated energy its kernel shrinks as the reach does between the two lowest energies.

    Parameters
    ----------
    table : PointKernelTable
        Electrons or photons.
    energy_kev : float
        Of the particle when it is emitted.
    radius_g_per_cm2 : ndarray, shape (n,)
        Distances.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    PhysicsError
        If the energy is above the table.

    References
    ----------
    [Berger1973]_
    """
    return _fraction(table, table.reach_g_per_cm2, energy_kev, radius_g_per_cm2)


def _fraction(table: PointKernelTable, reaches: Array, energy_kev: float, radius: Array) -> Array:
    below, share = _bracket(table, energy_kev)
    # Not limited to 0 … 1: the reach goes on below the table.
    log_energy = np.log(table.energy_kev[below : below + 2])
    position = (np.log(energy_kev) - log_energy[0]) / (log_energy[1] - log_energy[0])
    reach = reaches[below] * (reaches[below + 1] / reaches[below]) ** position
    result = np.zeros(radius.size)
    for row, weight in ((below, 1 - share), (below + 1, share)):
        if weight > 0:
            scaled = radius * (reaches[row] / reach / table.scale_g_per_cm2[row])
            result += weight * np.interp(scaled, table.radius, table.cumulative[row])
    return result


def _bracket(table: PointKernelTable, energy_kev: float) -> tuple[int, float]:
    """Row below an energy, and how far towards the next it lies in the logarithm; the first row for less."""
    highest = float(table.energy_kev[-1])
    if energy_kev > highest:
        raise PhysicsError(
            f"There is no {table.radiation} point kernel for {energy_kev:.4g} keV, only up to {highest:g} keV: use the "
            "engine 'montecarlo'.",
            code="point-kernel-energy",
        )
    position = np.interp(np.log(energy_kev), np.log(table.energy_kev), np.arange(table.energy_kev.size))
    below = min(int(position), table.energy_kev.size - 2)
    return below, float(position - below)


def _summed(table: PointKernelTable, energy_kev: Array, weight_kev: Array, radius: Array) -> Array:
    reaches = table.reach_g_per_cm2
    total = np.zeros(radius.size)
    for energy, weight in zip(energy_kev, weight_kev, strict=True):
        if weight > 0:
            total += weight * _fraction(table, reaches, float(energy), radius)
    return total


def _mean(table: PointKernelTable, values: Array, energy_kev: Array, weight_kev: Array) -> float:
    """Sum over emissions of a tabulated fraction times their energy."""
    at_energy = np.interp(np.log(np.maximum(energy_kev, 1e-3)), np.log(table.energy_kev), values)
    return float(np.dot(at_energy, weight_kev))


def _share(table: PointKernelTable, values: Array, energy_kev: Array, weight_kev: Array) -> float:
    """Mean of a tabulated fraction over emissions; 0 where there are none."""
    total = float(weight_kev.sum())
    return _mean(table, values, energy_kev, weight_kev) / total if total > 0 else 0.0


def _beta_intervals(energy_kev: Array, per_kev: Array) -> tuple[Array, Array]:
    """Mean energy of the particles in each interval of a piecewise linear spectrum, and their energy per decay."""
    low, high = energy_kev[:-1], energy_kev[1:]
    left, right = per_kev[:-1], per_kev[1:]
    number = (high - low) * (left + right) / 2
    energy = (high - low) * (left * (2 * low + high) + right * (low + 2 * high)) / 6
    mean = np.divide(energy, number, out=(low + high) / 2, where=number > 0)
    return mean, energy


def _radii(electrons: PointKernelTable, photons: PointKernelTable) -> Array:
    largest = max(float(table.radius[-1] * table.scale_g_per_cm2.max()) for table in (electrons, photons))
    steps = int(np.ceil(np.log(largest / _SMALLEST_RADIUS_G_PER_CM2) / np.log(_RADIUS_RATIO)))
    return np.concatenate([[0.0], np.geomspace(_SMALLEST_RADIUS_G_PER_CM2, largest, steps + 1)])
