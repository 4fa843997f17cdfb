"""Constants, shells and numbers of atoms that the interactions of electrons need.

References
----------
[CODATA2022]_ Constants.
[Carlson1975]_ Binding energies of the shells.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theradose.data import load_number, load_yaml
from theradose.errors import PhysicsError
from theradose.radiation.materials import Material, atomic_weight

FloatArray = NDArray[np.float64]


@cache
def constant(name: str) -> float:
    """Return a constant of ``data/radiation/electrons.yaml`` in the unit that stands there."""
    return load_number("radiation/electrons.yaml", name)


@cache
def shells(atomic_number: int) -> tuple[tuple[float, int], ...]:
    """Return the binding energy in eV and the number of electrons of each shell of an element.

    Raises
    ------
    PhysicsError
        If the element has no data.
    """
    values = load_yaml("radiation/elements.yaml")["shells"]["values"]
    if atomic_number not in values:
        raise PhysicsError(
            f"There are no shell data for the element {atomic_number}: materials may contain the elements "
            f"{', '.join(map(str, values))}.",
            code="element-unknown",
        )
    return tuple((float(energy), int(electrons)) for energy, electrons in values[atomic_number])


def atoms_per_gram(material: Material) -> dict[int, float]:
    """Return the number of atoms of each atomic number in one gram of a material."""
    avogadro = constant("avogadro-constant")
    return {number: part * avogadro / atomic_weight(number) for number, part in material.mass_fractions.items()}


def electrons_per_gram(material: Material) -> float:
    """Return the number of electrons in one gram of a material."""
    return material.electrons_mol_per_g * constant("avogadro-constant")


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
