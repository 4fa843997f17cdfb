"""Energy deposited within a distance of a point source in water, for one energy.

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
from typing import IO, Any

import numpy as np

from theradose.errors import PhysicsError
from theradose.model.arrays import Array, frozen
from theradose.radiation.patient import Particle

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

    radiation: Particle
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


@cache
def load_point_kernels(radiation: Particle) -> PointKernelTable:
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
    with path.open("rb") as stream:
        return read_point_kernels(stream, radiation)


def read_point_kernels(stream: IO[bytes], radiation: Particle) -> PointKernelTable:
    """Return point kernels from a file as :mod:`theradose.radiation.generate_kernels` writes it.

    Raises
    ------
    PhysicsError
        If they lose energy or do not increase with energy and radius.
    """
    electron = radiation == "electron"
    with np.load(stream, allow_pickle=False) as content:
        energy_kev = content["energy_kev"]
        return PointKernelTable(
            radiation=radiation,
            energy_kev=energy_kev,
            radius=np.concatenate([[0.0], content["radius"]]),
            scale_g_per_cm2=content["csda_range_g_per_cm2"] if electron else np.ones(energy_kev.size),
            cumulative=np.pad(content["cumulative"].astype(float), ((0, 0), (1, 0))),
            escaped=content["energy_out"],
            radiated=content["radiated"] if electron else np.zeros(energy_kev.size),
            relative_u=content["relative_u"],
            provenance=MappingProxyType(
                {name: content[name].item() for name in ("version", "seed", "histories", "medium", "density")}
            ),
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
    below, share = _bracket(table, energy_kev)
    reaches = table.reach_g_per_cm2
    # Not limited to 0 … 1: the reach goes on below the table.
    log_energy = np.log(table.energy_kev[below : below + 2])
    position = (np.log(energy_kev) - log_energy[0]) / (log_energy[1] - log_energy[0])
    reach = reaches[below] * (reaches[below + 1] / reaches[below]) ** position
    result = np.zeros(radius_g_per_cm2.size)
    for row, weight in ((below, 1 - share), (below + 1, share)):
        if weight > 0:
            scaled = radius_g_per_cm2 * (reaches[row] / reach / table.scale_g_per_cm2[row])
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
