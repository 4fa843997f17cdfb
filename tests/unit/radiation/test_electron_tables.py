"""Ranges against ESTAR, and the tables against the functions that they tabulate."""

from __future__ import annotations

import numpy as np
import pytest

from theradose.errors import PhysicsError
from theradose.radiation.bremsstrahlung import radiative_stopping_power, soft_radiative_stopping_power
from theradose.radiation.elastic import elastic_transport
from theradose.radiation.electron_tables import csda_range, electron_tables, radiation_yield
from theradose.radiation.emission import emission_spectra
from theradose.radiation.materials import load_material
from theradose.radiation.stopping import collision_stopping_power

# Total stopping power of ESTAR for water, MeV cm2/g, as retyped in a public program for Cerenkov light in water.
ESTAR_TOTAL = {
    10: 22.56, 12.5: 18.98, 15: 16.47, 17.5: 14.61, 20: 13.18, 25: 11.10, 30: 9.657, 35: 8.596, 40: 7.781, 45: 7.134,
    50: 6.607, 55: 6.170, 60: 5.801, 70: 5.211, 80: 4.761, 90: 4.407, 100: 4.119, 125: 3.596, 150: 3.242, 175: 2.988,
    200: 2.798, 250: 2.533, 300: 2.360, 350: 2.241, 400: 2.154, 450: 2.090, 500: 2.041, 550: 2.003, 600: 1.972,
    700: 1.926, 800: 1.896, 900: 1.876, 1000: 1.862, 1250: 1.845, 1500: 1.841, 1750: 1.844, 2000: 1.850, 2500: 1.868,
    3000: 1.889,
}  # fmt: skip
GRID = np.geomspace(1.0, 3000.0, 300)


@pytest.fixture(scope="module")
def water():
    return load_material("water")


@pytest.fixture(scope="module")
def tables(water):
    materials = [water, load_material("cortical-bone")]
    return electron_tables(materials, energy_grid_kev=GRID, collision_cut_kev=20.0, radiative_cut_kev=10.0)


def test_total_stopping_power_of_water(water):
    energy = np.array(list(ESTAR_TOTAL))
    total = collision_stopping_power(material=water, energy_kev=energy)
    total = total + radiative_stopping_power(material=water, energy_kev=energy)
    # Half of the last of four printed digits, at most 0.05 %.
    np.testing.assert_allclose(total, list(ESTAR_TOTAL.values()), rtol=5e-4)


def test_ranges_in_water(water):
    # PHYSICS: 0.0143 cm at 0.1 MeV, 0.1765 at 0.5 and 0.437 at 1, all with the printed digits.
    ranges = csda_range(material=water, energy_kev=[100.0, 500.0, 1000.0])
    np.testing.assert_allclose(ranges, [0.0143, 0.1765, 0.437], rtol=1e-3)


def test_range_is_the_integral_of_the_tabulated_stopping_power(water):
    # ESTAR's own total stopping power between 10 keV and 3 MeV, as a power between two of its energies.
    energy, stopping = np.array(list(ESTAR_TOTAL)), np.array(list(ESTAR_TOTAL.values()))
    slope = np.log(stopping[1:] / stopping[:-1]) / np.log(energy[1:] / energy[:-1])
    pieces = (energy[1:] / stopping[1:] - energy[:-1] / stopping[:-1]) / (1.0 - slope) * 1e-3
    found = csda_range(material=water, energy_kev=[10.0, 3000.0])
    assert found[1] - found[0] == pytest.approx(pieces.sum(), rel=5e-4)


def test_half_a_percent_of_yttrium_betas_is_radiated(water):
    spectrum = emission_spectra("Y-90")
    energy = spectrum.beta_energy_kev[spectrum.beta_energy_kev >= 1.0]
    density = spectrum.beta_per_kev[spectrum.beta_energy_kev >= 1.0]
    radiated = np.trapezoid(energy * radiation_yield(material=water, energy_kev=energy) * density, energy)
    assert radiated / np.trapezoid(energy * density, energy) == pytest.approx(0.005, abs=0.001)


def test_grid_of_a_transport_integrates_the_range_well(tables, water):
    np.testing.assert_allclose(tables.range_g_per_cm2[0], csda_range(material=water, energy_kev=GRID), rtol=1e-3)


def test_soft_and_simulated_losses_add_up_to_the_total(tables, water):
    # Mean energy of the sampled photons, straight lines between the steps of the logarithm of their share.
    logarithm = tables.photon_log_share[0]
    share = np.exp(logarithm)
    width = np.diff(logarithm, axis=1)
    flat = width == 0.0
    cell = np.where(flat, share[:, 1:], np.diff(share, axis=1) / np.where(flat, 1.0, width))
    sampled = tables.bremsstrahlung_cm2_per_g[0] * cell.mean(axis=1) * GRID
    hard = radiative_stopping_power(material=water, energy_kev=GRID)
    hard = (hard - soft_radiative_stopping_power(material=water, energy_kev=GRID, cut_kev=10.0)) * 1e3
    np.testing.assert_allclose(sampled, hard, rtol=4e-3, atol=1e-12)


def test_deflections_count_collisions_only_up_to_the_cut(tables, water):
    first, second = elastic_transport(material=water, energy_kev=GRID, collision_cut_kev=20.0)
    np.testing.assert_array_equal(tables.first_transport_cm2_per_g[0], first)
    np.testing.assert_array_equal(tables.second_transport_cm2_per_g[0], second)
    everything, _ = elastic_transport(material=water, energy_kev=GRID)
    slow = GRID <= 40.0
    np.testing.assert_allclose(everything[slow], first[slow], rtol=1e-12)
    assert np.all(everything[~slow] > first[~slow])


def test_photons_to_come_grow_from_the_cut_on(tables):
    photons = tables.photons_to_rest
    assert np.all(photons[:, GRID < 10.0] == 0.0)
    assert np.all(np.diff(photons, axis=1) >= 0.0)
    # The grid's mean rate over its stopping power, by trapezoids.
    density = tables.bremsstrahlung_cm2_per_g / tables.stopping_kev_cm2_per_g
    np.testing.assert_allclose(photons[:, -1], np.trapezoid(density, GRID, axis=1), rtol=1e-3)


def test_arrays_are_read_only_and_finite(tables):
    for name in tables.__slots__:
        value = getattr(tables, name)
        if isinstance(value, np.ndarray):
            assert value.dtype == np.float64
            assert not value.flags.writeable, name
            assert np.all(np.isfinite(value)), name


@pytest.mark.parametrize("grid", [[100.0], [100.0, 50.0], [100.0, 100.0]])
def test_a_grid_that_does_not_increase_is_refused(water, grid):
    with pytest.raises(PhysicsError, match="increasing energies") as error:
        electron_tables([water], energy_grid_kev=grid, collision_cut_kev=20.0, radiative_cut_kev=10.0)
    assert error.value.code == "electron-grid"
