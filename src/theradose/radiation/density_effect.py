"""Density effect of the collision stopping power: Sternheimer's oscillator model, solved without fit formulas.

References
----------
[Sternheimer1984]_ The model, with the shell energies scaled to the mean excitation energy.
[Carlson1975]_ The shell energies.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from theradose.radiation.elements import (
    FloatArray,
    atoms_per_gram,
    checked_energy,
    constant,
    electrons_per_gram,
    shells,
    squared_velocity,
)
from theradose.radiation.materials import Material

_EV_PER_KEV = 1e3
_LORENTZ = 2.0 / 3.0
"""Local-field term of a bound oscillator in the model."""
_ITERATIONS = 100
_CONVERGED = 1e-12


def density_effect(*, material: Material, energy_kev: ArrayLike) -> FloatArray:
    """Return the density-effect correction of the collision stopping power.

    Every shell is an oscillator of the strength of its electrons, also the outermost: the materials are insulators, so
    slow electrons have no density effect.

    Parameters
    ----------
    material : Material
        Composition, density and mean excitation energy.
    energy_kev : array_like, (...)
        Kinetic energies of electrons, 1 keV to 3 MeV.

    Returns
    -------
    ndarray of float64, (...)
        Dimensionless correction.

    Raises
    ------
    PhysicsError
        If an energy is out of range or an element has no data.

    References
    ----------
    [Sternheimer1984]_ The equations for the scaling factor and for the correction.
    """
    beta2 = squared_velocity(checked_energy(energy_kev))
    strength, frequency = _oscillators(material)
    resonance2 = frequency**2 + _LORENTZ * strength
    length2 = _solve_length2(1.0 / beta2 - 1.0, strength, frequency**2)
    correction = np.log1p(length2[..., np.newaxis] / resonance2) @ strength - length2 * (1.0 - beta2)
    return np.where(length2 > 0.0, correction, 0.0)


def plasma_energy_ev(material: Material) -> float:
    """Return the plasma energy of all electrons of a material, eV.

    References
    ----------
    [Sternheimer1984]_ The definition.
    """
    radius_cm = constant("classical-electron-radius")
    rest_energy_ev = constant("electron-rest-energy") * _EV_PER_KEV
    compton_length_cm = radius_cm / constant("fine-structure-constant")
    electrons_per_ml = electrons_per_gram(material) * material.density_g_per_ml
    return math.sqrt(4.0 * math.pi * electrons_per_ml * radius_cm) * compton_length_cm * rest_energy_ev


def _oscillators(material: Material) -> tuple[FloatArray, FloatArray]:
    """Return strengths (sum one) and scaled frequencies of the oscillators, the latter in plasma energies."""
    from scipy.optimize import brentq

    strengths, energies = [], []
    for number, atoms in atoms_per_gram(material).items():
        for energy, electrons in shells(number):
            strengths.append(atoms * electrons)
            energies.append(energy)
    strength = np.array(strengths) / sum(strengths)
    plasma = plasma_energy_ev(material)
    frequency = np.array(energies) / plasma
    target = 2.0 * math.log(material.mean_excitation_ev / plasma)

    def excess(log_scale: float) -> float:
        terms = np.log(np.exp(2.0 * log_scale) * frequency**2 + _LORENTZ * strength)
        return float(strength @ terms - target)

    return strength, frequency * math.exp(brentq(excess, -5.0, 5.0, xtol=1e-14))


def _solve_length2(inverse: FloatArray, strength: FloatArray, frequency2: FloatArray) -> FloatArray:
    """Solve sum(f / (nu^2 + l^2)) = 1/beta^2 - 1 for l^2; zero where slow electrons leave no positive root.

    The left side falls and is convex, so Newton's steps from zero rise to the root without passing it.
    """
    length2 = np.zeros_like(inverse)
    for _ in range(_ITERATIONS):
        denominator = frequency2 + length2[..., np.newaxis]
        value = (1.0 / denominator) @ strength - inverse
        slope = (1.0 / denominator**2) @ strength
        previous, length2 = length2, np.maximum(length2 + value / slope, 0.0)
        if np.all(np.abs(length2 - previous) <= _CONVERGED * length2):
            break
    return length2
