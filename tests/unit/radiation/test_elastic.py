"""Transport moments: limits that the cross sections must have; partial waves in tests/reference check the values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from theradose.errors import PhysicsError
from theradose.radiation.elastic import elastic_transport
from theradose.radiation.elements import constant
from theradose.radiation.materials import Material, atomic_weight, load_material

ENERGY = np.geomspace(1.0, 3000.0, 60)


def element(number):
    return Material("element", 1.0, {number: 1.0}, 80.0, "test", "choice", "1")


def test_moments_fall_with_energy_and_keep_their_order():
    first, second = elastic_transport(material=load_material("water"), energy_kev=ENERGY)
    assert np.all(np.diff(first) < 0.0)
    assert np.all(np.diff(second) < 0.0)
    # Forward-peaked scattering: 3/2 (1 - cos^2) is just below three times 1 - cos.
    assert np.all((second > 2.0 * first) & (second < 3.0 * first))


def test_materials_are_the_sum_of_their_elements():
    water = load_material("water")
    mixed = elastic_transport(material=water, energy_kev=ENERGY)
    parts = [
        fraction * np.array(elastic_transport(material=element(number), energy_kev=ENERGY))
        for number, fraction in water.mass_fractions.items()
    ]
    np.testing.assert_allclose(mixed, sum(parts), rtol=1e-12)


@pytest.mark.parametrize("energy", [30.0, 300.0, 2000.0])
def test_collisions_of_some_transfer_add_what_their_kinematics_say(energy):
    # Transfers of many keV do not feel that the electron of hydrogen is bound: Møller's cross section, unscreened.
    rest = constant("electron-rest-energy")
    gamma = 1.0 + energy / rest
    beta2 = 1.0 - 1.0 / gamma**2
    high = min(50.0, 0.5 * energy)
    low = 0.5 * high
    area = 2.0 * math.pi * constant("classical-electron-radius") ** 2 * rest / beta2

    def deflection(transfer):
        left = energy - transfer
        mixed = (2.0 * gamma - 1.0) / gamma**2 / (transfer * left)
        rate = 1.0 / transfer**2 + 1.0 / left**2 - mixed + 1.0 / (energy + rest) ** 2
        cosine = math.sqrt(left * (energy + 2.0 * rest) / (energy * (left + 2.0 * rest)))
        return area * rate * (1.0 - cosine)

    atoms = constant("avogadro-constant") / atomic_weight(1)
    below, _ = elastic_transport(material=element(1), energy_kev=energy, collision_cut_kev=low)
    above, _ = elastic_transport(material=element(1), energy_kev=energy, collision_cut_kev=high)
    # 64 nodes each for two integrals that differ by a tenth.
    assert (above - below) / atoms == pytest.approx(quad(deflection, low, high, epsrel=1e-10)[0], rel=2e-3)


def test_collisions_with_electrons_are_less_than_one_over_z():
    # They share the electrons' screening at small angles and cannot turn the electron back: Z(Z + 1) would be too much.
    nuclear, _ = elastic_transport(material=element(8), energy_kev=ENERGY, collision_cut_kev=1e-6)
    everything, _ = elastic_transport(material=element(8), energy_kev=ENERGY)
    share = everything / nuclear - 1.0
    assert np.all((share > 0.6 / 8) & (share < 1.0 / 8))


def test_a_cut_of_zero_is_refused():
    with pytest.raises(PhysicsError, match="above 0 keV") as error:
        elastic_transport(material=load_material("water"), energy_kev=100.0, collision_cut_kev=0.0)
    assert error.value.code == "collision-cut"
