"""Emission spectra: what transport and kernels sample from.

References
----------
[EGSnrcLNHB]_, [ICRP107]_
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from theradose.errors import PhysicsError
from theradose.model.arrays import Array, frozen
from theradose.nuclides import (
    BetaBranch,
    Emissions,
    NuclearData,
    canonical_nuclide,
    load_chain,
    load_emissions,
)
from theradose.nuclides.records import icrp107_name, mass_number
from theradose.radiation.beta_spectra import beta_density

Chain = Literal["none", "equilibrium"]

_GRID_POINTS = 600
_SUBDIVISIONS = 6


@dataclass(frozen=True, slots=True, eq=False)
class EmissionSpectra:
    """What one decay of a nuclide emits, alone or with its daughters.

    Attributes
    ----------
    nuclide : str
        As ``Lu-177``.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation.
    chain : {"none", "equilibrium"}
        Whether the daughters are counted.
    beta_energy_kev : numpy.ndarray
        Increasing energies from 0, (n,); empty where there are no betas.
    beta_per_kev : numpy.ndarray
        Betas of both signs per decay and keV, (n,), linear in between; its integral is the number per decay.
    electron_kev, electron_per_decay : numpy.ndarray
        Conversion and Auger electrons, (k,).
    photon_kev, photon_per_decay : numpy.ndarray
        Gamma, X and annihilation photons, (p,).
    alpha_kev, alpha_per_decay : numpy.ndarray
        Alpha particles, (a,).
    recoil_kev_per_decay : float
        Energy of the recoiling nuclei of alpha decay.
    """

    nuclide: str
    nuclear_data: NuclearData
    chain: Chain
    beta_energy_kev: Array
    beta_per_kev: Array
    electron_kev: Array
    electron_per_decay: Array
    photon_kev: Array
    photon_per_decay: Array
    alpha_kev: Array
    alpha_per_decay: Array
    recoil_kev_per_decay: float

    @property
    def betas_per_decay(self) -> float:
        """Betas of both signs per decay."""
        return float(np.trapezoid(self.beta_per_kev, self.beta_energy_kev))

    @property
    def beta_kev_per_decay(self) -> float:
        """Energy of betas per decay: the exact mean of the piecewise linear density."""
        return piecewise_linear_moment(self.beta_energy_kev, self.beta_per_kev)

    @property
    def electron_energy_kev(self) -> float:
        """Energy of betas, conversion and Auger electrons per decay."""
        return self.beta_kev_per_decay + float(self.electron_kev @ self.electron_per_decay)

    @property
    def photon_energy_kev(self) -> float:
        """Energy of photons per decay."""
        return float(self.photon_kev @ self.photon_per_decay)

    @property
    def alpha_energy_kev(self) -> float:
        """Energy of alpha particles per decay, without recoil."""
        return float(self.alpha_kev @ self.alpha_per_decay)


def emission_spectra(
    nuclide: str,
    *,
    nuclear_data: NuclearData = "ddep",
    chain: Chain = "none",
    retained: Mapping[str, float] | None = None,
) -> EmissionSpectra:
    """Return the emission spectra of a nuclide.

    Parameters
    ----------
    nuclide : str
        In any common spelling, for ``icrp107`` also another nuclide of that publication by its name.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation of the emissions: the spectra of betas are computed by the Fermi theory for ``ddep`` and those
        tabulated by ``icrp107``.
    chain : {"none", "equilibrium"}
        ``equilibrium`` adds the daughters that decay per decay of the nuclide when all of its chain decays; the
        branchings are those of the built-in records in both evaluations.
    retained : mapping, optional
        With ``equilibrium``: for some members the fraction of their decays that happen where the nuclide decayed;
        all of them where nothing is given.

    Raises
    ------
    PhysicsError
        If the nuclide or the chain is not known, its data are not at hand, or fractions come without a chain.

    References
    ----------
    [EGSnrcLNHB]_, [ICRP107]_

    Examples
    --------
    >>> round(emission_spectra("Lu-177").betas_per_decay, 3)
    1.001
    """
    if chain not in ("none", "equilibrium"):
        raise PhysicsError(
            f"The chain of an emission spectrum is 'none' or 'equilibrium', not '{chain}'.", code="chain-unknown"
        )
    if chain == "equilibrium":
        name = canonical_nuclide(nuclide)
        weights = load_chain(name).time_integrated(retained=retained)
        members = [(weight, _spectra(member, nuclear_data)) for member, weight in weights.items() if weight > 0]
        return _combined(name, nuclear_data, members)
    if retained:
        raise PhysicsError(
            "Fractions of decays that stay belong to a chain: ask for the chain 'equilibrium'.", code="chain-unknown"
        )
    return _spectra(icrp107_name(nuclide) if nuclear_data == "icrp107" else canonical_nuclide(nuclide), nuclear_data)


def piecewise_linear_moment(energy_kev: Array, density: Array) -> float:
    """Return the integral of energy times a density that is linear between its points."""
    low, high = energy_kev[:-1], energy_kev[1:]
    weighted = low * (2 * density[:-1] + density[1:]) + high * (density[:-1] + 2 * density[1:])
    return float(np.sum(weighted * (high - low)) / 6)


@cache
def _spectra(name: str, nuclear_data: NuclearData) -> EmissionSpectra:
    emissions = load_emissions(name, nuclear_data=nuclear_data)
    energy, density = _beta_spectrum(emissions)
    return EmissionSpectra(
        nuclide=name,
        nuclear_data=nuclear_data,
        chain="none",
        beta_energy_kev=frozen(energy),
        beta_per_kev=frozen(density),
        electron_kev=_column(emissions.electrons, "energy_kev"),
        electron_per_decay=_column(emissions.electrons, "intensity"),
        photon_kev=_column(emissions.photons, "energy_kev"),
        photon_per_decay=_column(emissions.photons, "intensity"),
        alpha_kev=_column(emissions.alphas, "energy_kev"),
        alpha_per_decay=_column(emissions.alphas, "intensity"),
        recoil_kev_per_decay=emissions.recoil_kev_per_decay,
    )


def _column(lines: Sequence[Any], field: str) -> Array:
    return frozen([getattr(line, field) for line in lines], dtype=float)


def _beta_spectrum(emissions: Emissions) -> tuple[Array, Array]:
    if emissions.betas:
        return _computed_spectrum(emissions.betas, mass_number(emissions.nuclide))
    if emissions.beta_table:
        return _refined_table(np.array(emissions.beta_table), emissions.betas_per_decay)
    return np.empty(0), np.empty(0)


def _computed_spectrum(branches: Sequence[BetaBranch], mass: int) -> tuple[Array, Array]:
    end_points = [branch.end_point_kev for branch in branches]
    # Finer towards zero, where the spectra of positrons and of small end points rise.
    energy = np.unique([*(max(end_points) * np.linspace(0, 1, _GRID_POINTS) ** 1.5), *end_points])
    total = np.zeros(energy.size)
    for branch in branches:
        density = beta_density(
            energy_kev=energy,
            end_point_kev=branch.end_point_kev,
            atomic_number=branch.daughter_atomic_number,
            mass_number=mass,
            transition=branch.transition,
            charge=branch.charge,
        )
        total += branch.intensity * density / np.trapezoid(density, energy)
    return energy, total


def _refined_table(table: Array, betas_per_decay: float) -> tuple[Array, Array]:
    """A tabulated spectrum with points in between: its steps are so wide that straight lines gain 0.3 % of energy."""
    from scipy.interpolate import PchipInterpolator

    points = np.arange(table.shape[0])
    fine = np.linspace(0, points[-1], points[-1] * _SUBDIVISIONS + 1)
    energy = np.interp(fine, points, table[:, 0])
    density = np.maximum(PchipInterpolator(table[:, 0], table[:, 1])(energy), 0.0)
    return energy, density * betas_per_decay / np.trapezoid(density, energy)


def _combined(
    name: str, nuclear_data: NuclearData, members: Sequence[tuple[float, EmissionSpectra]]
) -> EmissionSpectra:
    energy = np.unique(np.concatenate([spectra.beta_energy_kev for _, spectra in members]))
    density = np.zeros(energy.size)
    for weight, spectra in members:
        if spectra.beta_energy_kev.size:
            density += weight * np.interp(energy, spectra.beta_energy_kev, spectra.beta_per_kev, right=0.0)

    def lines(energies: str, numbers: str) -> tuple[Array, Array]:
        return (
            frozen(np.concatenate([getattr(spectra, energies) for _, spectra in members])),
            frozen(np.concatenate([weight * getattr(spectra, numbers) for weight, spectra in members])),
        )

    electrons = lines("electron_kev", "electron_per_decay")
    photons = lines("photon_kev", "photon_per_decay")
    alphas = lines("alpha_kev", "alpha_per_decay")
    return EmissionSpectra(
        nuclide=name,
        nuclear_data=nuclear_data,
        chain="equilibrium",
        beta_energy_kev=frozen(energy),
        beta_per_kev=frozen(density),
        electron_kev=electrons[0],
        electron_per_decay=electrons[1],
        photon_kev=photons[0],
        photon_per_decay=photons[1],
        alpha_kev=alphas[0],
        alpha_per_decay=alphas[1],
        recoil_kev_per_decay=sum(weight * spectra.recoil_kev_per_decay for weight, spectra in members),
    )
