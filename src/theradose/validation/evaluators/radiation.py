"""Interactions with matter, emissions, kernels and spheres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from theradose.dose.sphere import ellipsoid_s_value
from theradose.dose.voxel_s import s_per_kev, voxel_s_values
from theradose.model.arrays import Array
from theradose.radiation.beta_spectra import beta_density
from theradose.radiation.density_effect import density_effect
from theradose.radiation.electron_tables import csda_range, radiation_yield
from theradose.radiation.emission import EmissionSpectra, emission_spectra, piecewise_linear_moment
from theradose.radiation.materials import load_material
from theradose.radiation.nuclide_kernels import nuclide_kernel
from theradose.radiation.photons import photon_coefficients
from theradose.radiation.stopping import collision_stopping_power
from theradose.validation.evaluator import evaluator

_KEV_PER_MEV = 1e3
_S_PER_H = 3600.0
_PERCENT = 100.0
_SPECTRUM_POINTS = 4001

_ELECTRON_QUANTITIES: dict[str, Callable[..., Any]] = {
    "collision stopping power": collision_stopping_power,
    "density effect": density_effect,
    "range": csda_range,
    "radiation yield": radiation_yield,
}
_ENERGIES: dict[str, Callable[[EmissionSpectra], float]] = {
    "electrons": lambda spectra: spectra.electron_energy_kev,
    "photons": lambda spectra: spectra.photon_energy_kev,
    "alpha particles": lambda spectra: spectra.alpha_energy_kev,
    "recoils": lambda spectra: spectra.recoil_kev_per_decay,
}


@evaluator("electrons-in-matter")
def electrons_in_matter(*, number: str, energy_mev: float, material: str) -> float:
    """Return a number of electrons of one energy in a material."""
    value = _ELECTRON_QUANTITIES[number](material=load_material(material), energy_kev=energy_mev * _KEV_PER_MEV)
    return float(value)


@evaluator("photon-attenuation")
def photon_attenuation(*, energy_kev: float, material: str) -> float:
    """Return the mass attenuation coefficient, cm²/g."""
    energy = np.array([energy_kev], float)
    return float(photon_coefficients(material=load_material(material), energy_kev=energy).total[0])


@evaluator("emitted-energy")
def emitted_energy(*, nuclide: str, number: str) -> float:
    """Return the energy per decay of a nuclide without its daughters, as transport and kernels take it, keV."""
    return _ENERGIES[number](emission_spectra(nuclide))


@evaluator("beta-mean-energy")
def beta_mean_energy(
    *, end_point_kev: float, daughter_atomic_number: int, mass_number: int, transition: str, nuclide: str
) -> float:
    """Return the mean energy of one beta branch, keV; the nuclide is for the reader."""
    energy: Array = np.linspace(0.0, end_point_kev, _SPECTRUM_POINTS)
    density = beta_density(
        energy_kev=energy,
        end_point_kev=end_point_kev,
        atomic_number=daughter_atomic_number,
        mass_number=mass_number,
        transition=transition,
        charge=-1,
    )
    return piecewise_linear_moment(energy, density) / float(np.trapezoid(density, energy))


@evaluator("sphere")
def sphere(*, nuclide: str, mass_g: float, medium: str, electron_kev: float, photon_kev: float) -> float:
    """Return the S value of a sphere, mGy/(MBq·h), for the energies per decay of the source of the number."""
    result = ellipsoid_s_value(nuclide=nuclide, mass_g=mass_g, medium=medium)
    emitted = {"electron": result.nuclide.electron_emitted_kev, "photon": result.nuclide.photon_emitted_kev}
    stated = {"electron": electron_kev, "photon": photon_kev}
    kev = sum(result.absorbed_kev[name] * stated[name] / energy for name, energy in emitted.items() if energy > 0)
    return kev * s_per_kev(mass_g) * _S_PER_H


@evaluator("kernel-energy-error")
def kernel_energy_error(*, nuclide: str, radiation: str, voxel_mm: tuple[float, float, float]) -> float:
    """Return what a table of voxel S values, its surroundings and the escape leave of the emitted energy, in %."""
    x, y, z = voxel_mm
    voxels = voxel_s_values(nuclide=nuclide, spacing_mm=(z, y, x), size=(11, 11, 11)).voxels
    balance = {"electron": voxels.electron, "photon": voxels.photon}[radiation]
    return balance.relative_error * _PERCENT


@evaluator("radiated-share")
def radiated_share(*, nuclide: str) -> float:
    """Return the part of the electron energy that bremsstrahlung carries away, in %."""
    kernel = nuclide_kernel(nuclide)
    return kernel.radiated_kev / kernel.electron_emitted_kev * _PERCENT
