"""Electron waves at the nucleus against the Dirac equation, integrated numerically."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from theradose.radiation.coulomb import coulomb_enhancement

FINE_STRUCTURE = 7.2973525693e-3


def numerical_enhancement(order, kinetic, coupling, radius):
    """Integrate the radial equations outwards and read the amplitude far away."""
    energy = 1 + kinetic
    momentum = math.sqrt(energy**2 - 1)

    def potential(r):
        return -coupling / r if r > radius else -coupling / (2 * radius) * (3 - (r / radius) ** 2)

    total = 0.0
    for kappa in (-order, order):

        def slope(r, wave, kappa=kappa):
            large, small = wave
            local = energy - potential(r)
            return [-kappa / r * large + (local + 1) * small, kappa / r * small - (local - 1) * large]

        # Start with the leading powers of r well inside the nucleus, where the potential is flat.
        start, local = radius * 1e-3, energy - potential(0.0)
        lead = start**order
        follow = lead * start / (2 * order + 1)
        wave = [lead, -(local - 1) * follow] if kappa < 0 else [(local + 1) * follow, lead]
        # Ten half waves far away: the centrifugal ripple of the amplitude averages out.
        far = (400 + math.pi * np.linspace(0, 10, 200, endpoint=False)) / momentum
        large, small = solve_ivp(slope, (start, far[-1]), wave, t_eval=far, rtol=1e-9, atol=0, method="DOP853").y
        local = energy + coupling / far
        p_local = np.sqrt(local**2 - 1)
        total += 1 / np.mean(large**2 * p_local / (local + 1) + small**2 * p_local / (local - 1))
    odd = math.prod(range(1, 2 * order, 2))
    return total * odd**2 * momentum / (2 * energy * momentum ** (2 * order))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("atomic_number", "mass_number"), [(29, 64), (68, 166), (-53, 124)])
@pytest.mark.parametrize("kinetic", [0.1, 1.0, 3.5])
def test_against_numerical_integration(order, atomic_number, mass_number, kinetic):
    """400 inverse momenta away the Coulomb field still bends the amplitude by 1e-4."""
    coupling = FINE_STRUCTURE * atomic_number
    radius = 1.2 * mass_number ** (1 / 3) / 386.159
    found = coulomb_enhancement(order=order, kinetic=np.array([kinetic]), coupling=coupling, radius=radius)[0]
    assert found == pytest.approx(numerical_enhancement(order, kinetic, coupling, radius), rel=5e-4)


@pytest.mark.parametrize("order", [1, 2])
def test_no_charge_no_enhancement(order):
    """Linear in the charge; the waves of a free electron vary by (pR)² over the nucleus, the start does not."""
    kinetic = np.array([0.01, 0.3, 3.0])
    found = coulomb_enhancement(order=order, kinetic=kinetic, coupling=1e-7, radius=0.01)
    assert found == pytest.approx(1, abs=1e-5)


def test_electrons_are_attracted_and_positrons_repelled():
    kinetic = np.array([0.05, 0.5])
    for sign in (1, -1):
        found = coulomb_enhancement(order=1, kinetic=kinetic, coupling=sign * 0.3, radius=0.015)
        assert np.all((found > 1) == (sign > 0))
