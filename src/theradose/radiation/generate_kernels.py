"""Makes the packaged point kernels in water: ``python -m theradose.radiation.generate_kernels``.

Every energy is an independent simulation with its own part of the random numbers, so that one of them can be repeated
alone. It takes some minutes on two cores.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from theradose.data import load_yaml
from theradose.model.arrays import Array
from theradose.provenance import package_version
from theradose.radiation.electron_tables import csda_range, radiation_yield
from theradose.radiation.materials import load_material
from theradose.radiation.media import TransportCuts, packaged_cuts, transport_media
from theradose.radiation.patient import Particle
from theradose.radiation.photons import photon_energy_grid
from theradose.radiation.transport import stack
from theradose.radiation.transport.radial import follow_from_point
from theradose.radiation.transport.types import ACCOUNT_SIZE, EMITTED

_SETTINGS = "radiation/kernels.yaml"
_MEDIUM = "water"


@dataclass(frozen=True, slots=True, eq=False)
class PointKernel:
    """Energy around a point source of one energy.

    Attributes
    ----------
    cumulative : ndarray, shape (r,)
        Fraction of the emitted energy that is deposited within each radius.
    escaped : float
        Fraction beyond the last radius.
    relative_u : float
        Statistical standard uncertainty of the fraction within the radius that holds half of it.
    """

    cumulative: Array
    escaped: float
    relative_u: float


def kernel_radii(radiation: Particle) -> Array:
    """Return the outer radii of the shells: in CSDA ranges for electrons, in g/cm² for photons."""
    settings = load_yaml(_SETTINGS)[radiation]["radii"]
    parts = []
    if "linear_steps" in settings:
        parts.append(np.linspace(0.0, settings["linear_to"], settings["linear_steps"] + 1)[1:])
    first = settings["logarithmic_from"]
    logarithmic = np.geomspace(first, settings["logarithmic_to"], settings["logarithmic_steps"] + 1)
    return np.concatenate([*parts, logarithmic[1:] if parts else logarithmic])


def kernel_energies(radiation: Particle) -> Array:
    """Return the energies of the packaged kernels, keV."""
    return np.array(load_yaml(_SETTINGS)[radiation]["energy_kev"], float)


def kernel_cuts(radiation: Particle, energy_kev: float) -> TransportCuts:
    """Return how closely a kernel's particles are followed.

    Electrons are followed to a small part of the energy they start with; those that photons set free are absorbed on
    the spot where their range is small for the shells of photons.
    """
    packaged, settings = packaged_cuts(), load_yaml(_SETTINGS)["electron_cuts"]
    if radiation == "photon":
        return replace(packaged, electron_kev=float(settings["of_photons_kev"]))
    lowest = max(float(settings["energy_share"]) * energy_kev, float(photon_energy_grid()[0]))
    return replace(
        packaged,
        electron_kev=min(packaged.electron_kev, lowest),
        photon_kev=min(packaged.photon_kev, lowest),
        collision_kev=min(packaged.collision_kev, lowest),
        radiative_kev=min(packaged.radiative_kev, lowest),
        step_fraction=float(settings["step_fraction"]),
    )


def simulate_point_kernel(radiation: Particle, energy_kev: float, *, histories: int, seed: int) -> PointKernel:
    """Return the kernel of one energy in water.

    Parameters
    ----------
    radiation : {"electron", "photon"}
        What is emitted.
    energy_kev : float
        Of each particle.
    histories : int
        Number of particles.
    seed : int
        Of the random numbers; histories are numbered by energy, so that energies are independent.

    References
    ----------
    [Berger1973]_ Scaled point kernels; [Salvat2019]_ the transport.
    """
    settings = load_yaml(_SETTINGS)
    media = transport_media((_MEDIUM,), kernel_cuts(radiation, energy_kev))
    radii = kernel_radii(radiation)
    if radiation == "electron":
        radii = radii * float(csda_range(material=load_material(_MEDIUM), energy_kev=energy_kev))
    batches = int(settings["batches"])
    each = -(-histories // batches)
    kind = stack.ELECTRON if radiation == "electron" else stack.PHOTON
    first = round(energy_kev * 1e3) << 32
    tallies = np.zeros((batches, radii.size + 1))
    accounts = np.zeros((batches, ACCOUNT_SIZE))

    def follow(batch: int) -> None:
        start = first + batch * each
        follow_from_point(each, start, kind, energy_kev, 0, media, seed, radii, tallies[batch], accounts[batch])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(follow, range(batches)))
    shares = tallies / accounts[:, EMITTED : EMITTED + 1]
    within = np.cumsum(shares[:, :-1], axis=1)
    cumulative = within.mean(axis=0)
    half = int(np.searchsorted(cumulative, cumulative[-1] / 2))
    u = float(within[:, half].std(ddof=1)) / np.sqrt(batches) / float(cumulative[half])
    return PointKernel(cumulative, float(shares[:, -1].mean()), float(u))


def write_kernels(folder: Path) -> None:
    """Simulate all packaged energies and write one file for electrons and one for photons."""
    settings = load_yaml(_SETTINGS)
    material = load_material(_MEDIUM)
    folder.mkdir(exist_ok=True)
    for radiation in get_args(Particle):
        energies = kernel_energies(radiation)
        histories, seed = int(settings[radiation]["histories"]), int(settings["seed"])
        kernels = []
        for energy in energies:
            kernels.append(simulate_point_kernel(radiation, float(energy), histories=histories, seed=seed))
            print(f"{radiation} {energy:g} keV: escaped {kernels[-1].escaped:.5f}, u {kernels[-1].relative_u:.1e}")
        extra: Mapping[str, Any] = {}
        if radiation == "electron":
            extra = {
                "csda_range_g_per_cm2": csda_range(material=material, energy_kev=energies),
                "radiated": radiation_yield(material=material, energy_kev=energies),
            }
        np.savez_compressed(
            folder / f"{radiation}-{_MEDIUM}.npz",
            energy_kev=energies,
            radius=kernel_radii(radiation),
            cumulative=np.stack([kernel.cumulative for kernel in kernels]).astype(np.float32),
            energy_out=np.array([kernel.escaped for kernel in kernels]),
            relative_u=np.array([kernel.relative_u for kernel in kernels]),
            version=package_version(),
            seed=seed,
            histories=histories,
            medium=_MEDIUM,
            density=material.density_g_per_ml,
            **extra,
        )


if __name__ == "__main__":
    write_kernels(Path(__file__).parents[1] / "data" / "kernels")
