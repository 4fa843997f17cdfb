"""Atomic data and the composition of a material as electrons see it.

References
----------
[CODATA2022]_ Constants.
[Meija2013]_ Isotopic abundances behind the atomic weights.
[Carlson1975]_ Binding energies of the shells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theradose.data import load_yaml
from theradose.errors import PhysicsError

FloatArray = NDArray[np.float64]


class Medium(Protocol):
    """What the interactions of electrons need to know of a material."""

    @property
    def name(self) -> str:
        """Name, for messages."""

    @property
    def density_g_per_ml(self) -> float:
        """Density; the density effect depends on it."""

    @property
    def mass_fractions(self) -> Mapping[int, float]:
        """Mass fraction of each atomic number."""

    @property
    def mean_excitation_ev(self) -> float:
        """Mean excitation energy."""


@dataclass(frozen=True, slots=True)
class Element:
    """Atomic data of one element.

    Attributes
    ----------
    atomic_number : int
        Z.
    atomic_weight : float
        In g/mol.
    shells : tuple of (float, int)
        Binding energy in eV and number of electrons of each shell.
    """

    atomic_number: int
    atomic_weight: float
    shells: tuple[tuple[float, int], ...]

    @property
    def atoms_per_gram(self) -> float:
        """Number of atoms in one gram."""
        return constant("avogadro-constant") / self.atomic_weight


@cache
def constant(name: str) -> float:
    """Return a constant of ``data/radiation/electrons.yaml`` in the unit that stands there."""
    return float(load_yaml("radiation/electrons.yaml")[name]["value"])


@cache
def load_element(atomic_number: int) -> Element:
    """Return the atomic data of an element.

    Raises
    ------
    PhysicsError
        If the element has no data.
    """
    data = load_yaml("radiation/elements.yaml")
    weights = data["atomic_weight"]["values"]
    if atomic_number not in weights:
        raise PhysicsError(
            f"There are no electron data for the element Z = {atomic_number}: valid atomic numbers are "
            f"{', '.join(map(str, weights))}; replace it by the nearest of them in the material.",
            code="element-unknown",
        )
    shells = tuple((float(energy), int(count)) for energy, count in data["shells"]["values"][atomic_number])
    return Element(atomic_number, float(weights[atomic_number]), shells)


def normalised_fractions(material: Medium) -> dict[int, float]:
    """Return the mass fractions of a material, which published tables round, scaled to a sum of one."""
    total = sum(material.mass_fractions.values())
    return {number: fraction / total for number, fraction in material.mass_fractions.items()}


def electrons_per_gram(material: Medium) -> float:
    """Return the number of electrons in one gram of a material."""
    return sum(
        fraction * number * load_element(number).atoms_per_gram
        for number, fraction in normalised_fractions(material).items()
    )


def checked_energy(energy_kev: ArrayLike) -> FloatArray:
    """Return electron energies as an array.

    Raises
    ------
    PhysicsError
        If one is outside the range for which the cross sections hold, or is no number.
    """
    energy = np.asarray(energy_kev, dtype=np.float64)
    low, high = constant("lowest-energy"), constant("highest-energy")
    valid = (energy >= low) & (energy <= high)
    if not valid.all():
        raise PhysicsError(
            f"The electron energy {energy[~valid].flat[0]:g} keV is outside the cross sections: valid energies are "
            f"{low:g} to {high:g} keV.",
            code="electron-energy",
        )
    return energy


def squared_velocity(energy_kev: FloatArray) -> FloatArray:
    """Return the squared velocity of electrons in units of that of light."""
    gamma = 1.0 + energy_kev / constant("electron-rest-energy")
    return 1.0 - 1.0 / gamma**2
