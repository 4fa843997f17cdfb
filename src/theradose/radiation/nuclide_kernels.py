"""Energy deposited within a distance of a point source of a nuclide in water.

It is the sum of the point kernels of all emissions. Alpha particles and recoils, which go less than 0.1 mm, deposit
their energy where they are emitted.

References
----------
[Berger1973]_ Point kernels of beta particles from those of electrons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from theradose.model.arrays import Array, frozen
from theradose.radiation.point_kernels import PointKernelTable, fraction_within, load_point_kernels

if TYPE_CHECKING:
    from theradose.nuclides import NuclearData
    from theradose.radiation.emission import Chain, EmissionSpectra

_SMALLEST_RADIUS_G_PER_CM2 = 1e-6
_RADIUS_RATIO = 1.01
_SMALLEST_ENERGY_KEV = 1e-3


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
def nuclide_kernel(
    nuclide: str,
    *,
    nuclear_data: NuclearData = "ddep",
    chain: Chain = "none",
    retained: tuple[tuple[str, float], ...] = (),
) -> NuclideKernel:
    """Return the kernel of a nuclide from the packaged point kernels.

    Parameters
    ----------
    nuclide : str
        As ``Lu-177``.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation of the emissions.
    chain : {"none", "equilibrium"}
        Whether the daughters decay in place with the parent.
    retained : tuple of (str, float)
        With ``equilibrium``: fractions of the daughters' decays that do, where not all.

    References
    ----------
    [Berger1973]_
    """
    from theradose.radiation.emission import emission_spectra

    return sum_point_kernels(
        spectra=emission_spectra(nuclide, nuclear_data=nuclear_data, chain=chain, retained=dict(retained)),
        electrons=load_point_kernels("electron"),
        photons=load_point_kernels("photon"),
    )


def sum_point_kernels(
    *, spectra: EmissionSpectra, electrons: PointKernelTable, photons: PointKernelTable
) -> NuclideKernel:
    """Return the emission-weighted sum of point kernels.

    Parameters
    ----------
    spectra : EmissionSpectra
        What is emitted per decay.
    electrons, photons : PointKernelTable
        Point kernels in water.

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
        chain=spectra.chain,
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


def _summed(table: PointKernelTable, energy_kev: Array, weight_kev: Array, radius: Array) -> Array:
    total = np.zeros(radius.size)
    for energy, weight in zip(energy_kev, weight_kev, strict=True):
        if weight > 0:
            total += weight * fraction_within(table=table, energy_kev=float(energy), radius_g_per_cm2=radius)
    return total


def _mean(table: PointKernelTable, values: Array, energy_kev: Array, weight_kev: Array) -> float:
    """Sum over emissions of a tabulated fraction times their energy."""
    at_energy = np.interp(np.log(np.maximum(energy_kev, _SMALLEST_ENERGY_KEV)), np.log(table.energy_kev), values)
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
