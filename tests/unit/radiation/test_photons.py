"""Photon coefficients against NIST SRD 126, EPDL97 and xraylib itself.

NIST SRD 126, table 4 (https://www.nist.gov/pml/x-ray-mass-attenuation-coefficients), was read in the files that
github.com/kingtaurus/CTSim took from there (physicsdata/materials); its values have four digits.
"""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import xraylib

from theradose.errors import PhysicsError
from theradose.radiation.materials import load_material, material_names
from theradose.radiation.photons import (
    CHANNELS,
    coherent_form_factor_squared,
    incoherent_function,
    photon_coefficients,
    photon_energy_grid,
    photon_tables,
)

# keV: (mass attenuation with coherent scattering, mass energy absorption), cm2/g.
NIST_WATER = {
    10: (5.329, 4.944), 15: (1.673, 1.374), 20: (0.8096, 0.5503), 30: (0.3756, 0.1557), 40: (0.2683, 0.06947),
    50: (0.2269, 0.04223), 60: (0.2059, 0.03190), 80: (0.1837, 0.02597), 100: (0.1707, 0.02546),
    150: (0.1505, 0.02764), 200: (0.1370, 0.02967), 300: (0.1186, 0.03192), 400: (0.1061, 0.03279),
    500: (0.09687, 0.03299), 600: (0.08956, 0.03284), 800: (0.07865, 0.03206), 1000: (0.07072, 0.03103),
    1250: (0.06323, 0.02965), 1500: (0.05754, 0.02833), 2000: (0.04942, 0.02608), 3000: (0.03969, 0.02281),
}  # fmt: skip
NIST_CORTICAL_BONE = {
    5: 191.7, 6: 117.1, 8: 53.23, 10: 28.51, 15: 9.032, 20: 4.001, 30: 1.331, 40: 0.6655, 50: 0.4242, 60: 0.3148,
    80: 0.2229, 100: 0.1855, 150: 0.1480, 200: 0.1309, 300: 0.1113, 400: 0.09908, 500: 0.09022, 600: 0.08332,
    800: 0.07308, 1000: 0.06566, 1250: 0.05871, 1500: 0.05346, 2000: 0.04607, 3000: 0.03745,
}  # fmt: skip
# Natural logarithms of MeV and barn per atom of EPDL97 (HEN_HOUSE/data/epdl_pair.data of EGSnrc) between the packaged
# points; nitrogen, sulfur and chlorine are not packaged at all.
EPDL_PAIR = {
    1: {0.05267: -17.13278, 0.20498: -12.01858, 0.31802: -10.71904, 0.59421: -9.02746, 0.86399: -8.12485},
    7: {0.22314: -7.83762, 0.40547: -6.12981, 0.69315: -4.74823, 0.86399: -4.22775, 1.09861: -3.69731},
    8: {0.31802: -6.53518, 0.57925: -4.92444, 0.86399: -3.96043},
    16: {0.22314: -6.12477, 0.37356: -4.66130, 0.57925: -3.52050, 0.86399: -2.55848, 1.09861: -2.03485},
    17: {0.22314: -5.99267, 0.57925: -3.39494, 0.86399: -2.43543, 1.09861: -1.91257},
    20: {0.29491: -4.83009, 0.53819: -3.24563, 0.85849: -2.11448},
}
EPDL_TRIPLET = {0.81256: -13.81129, 0.89478: -12.09885, 0.96008: -11.26567, 1.06626: -10.33964}


def momentum(energy_kev: float, cosine: np.ndarray) -> np.ndarray:
    return energy_kev / xraylib.KEV2ANGST * np.sqrt((1 - cosine) / 2)


def test_water_at_the_energy_of_lutetium():
    # xraylib for H2O; the tabulated fractions of water have 4 in the sixth digit of hydrogen where the formula has 8.
    total = photon_coefficients(material=load_material(), energy_kev=np.array([208.0])).total
    assert total == pytest.approx(0.13523, rel=3e-4)


@pytest.mark.parametrize(
    ("name", "table"),
    [("water", {energy: pair[0] for energy, pair in NIST_WATER.items()}), ("cortical-bone", NIST_CORTICAL_BONE)],
)
def test_total_attenuation_meets_nist(name, table):
    # Both rest on the same evaluation up to 800 keV. Above, Klein-Nishina lacks the radiative corrections of NIST.
    total = photon_coefficients(material=load_material(name), energy_kev=np.array(list(table), float)).total
    tolerance = np.where(np.array(list(table)) <= 800, 7e-4, 2.5e-3)
    assert np.all(np.abs(total / np.array(list(table.values())) - 1) < tolerance)


@pytest.mark.parametrize("energy_kev", [energy for energy in NIST_WATER if energy >= 20])
def test_transferred_energy_meets_energy_absorption_of_water(energy_kev):
    """Photoelectric energy and the mean energy of Compton electrons and pairs, without bremsstrahlung losses.

    In water these losses are below 0.2 % up to 1 MeV and below 1 % at 3 MeV.
    """
    water, rest = load_material(), xraylib.MEC2
    cosine = np.linspace(-1, 1, 4001)
    ratio = 1 / (1 + energy_kev / rest * (1 - cosine))
    weight = ratio**2 * (ratio + 1 / ratio - 1 + cosine**2)
    weight *= incoherent_function(material=water, momentum_per_angstrom=momentum(energy_kev, cosine))
    transferred = np.trapezoid(weight * (1 - ratio), cosine) / np.trapezoid(weight, cosine)
    parts = photon_coefficients(material=water, energy_kev=np.array([float(energy_kev)]))
    kerma = parts.photoelectric + parts.incoherent * transferred + parts.pair * (1 - 2 * rest / energy_kev)
    assert kerma.item() == pytest.approx(NIST_WATER[energy_kev][1], rel=0.01 if energy_kev <= 1000 else 0.015)


@pytest.mark.parametrize("energy_kev", [30.0, 60.0, 113.0, 208.0, 364.0, 780.0])
def test_incoherent_function_integrates_to_the_cross_section(energy_kev):
    # Klein-Nishina times S, integrated, is xraylib's own cross section; its spline of S costs up to 0.3 %.
    water, rest = load_material(), xraylib.MEC2
    cosine = np.linspace(-1, 1, 4001)
    ratio = 1 / (1 + energy_kev / rest * (1 - cosine))
    weight = ratio**2 * (ratio + 1 / ratio - 1 + cosine**2)
    weight *= incoherent_function(material=water, momentum_per_angstrom=momentum(energy_kev, cosine))
    per_electron = math.pi * xraylib.RE2 * np.trapezoid(weight, cosine)
    expected = photon_coefficients(material=water, energy_kev=np.array([energy_kev])).incoherent.item()
    assert per_electron * xraylib.AVOGNUM * water.electrons_mol_per_g == pytest.approx(expected, rel=4e-3)


@pytest.mark.parametrize("name", ["water", "cortical-bone"])
@pytest.mark.parametrize("energy_kev", [30.0, 60.0, 113.0, 208.0, 364.0])
def test_rayleigh_angles_from_the_table_are_those_of_xraylib(name, energy_kev):
    """Inverse transform of the table: in a cell the squared momentum transfer, hence the cosine, is uniform.

    Each sampled cosine is then kept with the probability (1 + cos²) / 2.
    """
    material = load_material(name)
    tables = photon_tables(materials=[material])
    square = np.concatenate([[0.0], tables.momentum_per_angstrom**2])
    cumulative = np.concatenate([[0.0], tables.coherent_cumulative[0]])
    largest = (energy_kev / xraylib.KEV2ANGST) ** 2
    edges = np.append(square[square < largest], largest)
    density = np.diff(np.interp(edges, square, cumulative)) / np.diff(edges)
    cosine = 1 - 2 * edges / largest
    norm = -np.diff(cosine + cosine**3 / 3)
    first = -np.diff(cosine**2 / 2 + cosine**4 / 4)
    sampled = np.sum(density * first) / np.sum(density * norm)

    # xraylib has no differential cross section below a momentum transfer of 0.001 per Å: 1e-6 of the solid angle.
    smallest = 2 * math.asin(1.001e-3 * xraylib.KEV2ANGST / energy_kev)
    theta = smallest + (math.pi - smallest) * np.linspace(0, 1, 4001) ** 2
    differential = sum(
        part * np.array([xraylib.DCS_Rayl(number, energy_kev, angle) for angle in theta])
        for number, part in material.mass_fractions.items()
    ) * np.sin(theta)
    expected = np.trapezoid(differential * np.cos(theta), theta) / np.trapezoid(differential, theta)
    assert 1 - sampled == pytest.approx(1 - expected, rel=5e-3)


def test_scattering_functions_have_their_limits():
    ends = np.array([1e-3, 250.0])
    for name in material_names():
        material = load_material(name)
        incoherent = incoherent_function(material=material, momentum_per_angstrom=ends)
        coherent = coherent_form_factor_squared(material=material, momentum_per_angstrom=ends)
        assert incoherent == pytest.approx([0.0, 1.0], abs=1e-4)
        assert coherent == pytest.approx([1.0, 0.0], abs=1e-4)


@pytest.mark.parametrize("number", EPDL_PAIR)
def test_nuclear_pair_production_meets_epdl(number):
    from theradose.radiation.photons import _nuclear_pair_barn

    ln_mev, ln_barn = np.array(list(EPDL_PAIR[number].items())).T
    assert _nuclear_pair_barn(number, 1000 * np.exp(ln_mev)) == pytest.approx(np.exp(ln_barn), rel=0.02)


def test_triplet_production_meets_epdl():
    from theradose.radiation.photons import _triplet_barn

    ln_mev, ln_barn = np.array(list(EPDL_TRIPLET.items())).T
    assert _triplet_barn(1000 * np.exp(ln_mev)) == pytest.approx(np.exp(ln_barn), rel=0.02)


def test_pair_production_starts_at_two_rest_energies():
    pair = photon_coefficients(material=load_material(), energy_kev=np.array([1021.9, 1022.1])).pair
    assert pair[0] == 0 < pair[1]


def test_coefficients_are_continuous_where_the_library_ends():
    for name in ("water", "cortical-bone"):
        below, above = (
            photon_coefficients(material=load_material(name), energy_kev=np.array([energy]))
            for energy in (799.99, 800.01)
        )
        for channel in CHANNELS[:3]:
            assert getattr(above, channel) == pytest.approx(getattr(below, channel), rel=1e-4)


@pytest.mark.parametrize("name", material_names())
def test_interpolation_between_the_energies_of_the_table(name):
    material = load_material(name)
    tables = photon_tables(materials=[material])
    energies = np.exp(np.random.default_rng(3).uniform(math.log(5), math.log(3000), 1500))
    if 26 in material.mass_fractions:
        # One step of the grid holds the K edge of iron at 7.11 keV.
        energies = energies[np.abs(energies / 7.11 - 1) > 0.016]
    direct = photon_coefficients(material=material, energy_kev=energies)
    place, grid = np.log(energies), np.log(tables.energy_kev)
    linear = np.column_stack([np.interp(place, grid, channel) for channel in tables.attenuation[0].T])
    assert np.max(np.abs(linear.sum(axis=1) / direct.total - 1)) < 5e-4
    total = np.exp(np.interp(place, grid, np.log(tables.attenuation[0].sum(axis=1))))
    assert np.max(np.abs(total / direct.total - 1)) < 2e-3
    for index, channel in enumerate(CHANNELS[:3]):
        assert np.max(np.abs(linear[:, index] / getattr(direct, channel) - 1)) < 2e-3


def test_tables_are_plain_and_ordered():
    names = material_names()
    tables = photon_tables(materials=[load_material(name) for name in names])
    shape = (len(names), len(tables.momentum_per_angstrom))
    assert tables.names == names
    assert tables.attenuation.shape == (len(names), len(tables.energy_kev), 4)
    for array in (tables.incoherent, tables.coherent, tables.coherent_cumulative):
        assert array.shape == shape
    for array in (tables.attenuation, tables.incoherent, tables.coherent_cumulative, tables.energy_kev):
        assert array.dtype == np.float64 and not array.flags.writeable and array.flags.c_contiguous
    assert np.all(np.diff(tables.coherent_cumulative, axis=1) >= 0)
    assert np.all((tables.incoherent >= 0) & (tables.incoherent <= 1))
    assert np.ptp(np.diff(np.log(tables.energy_kev))) < 1e-12
    assert np.ptp(np.diff(np.log(tables.momentum_per_angstrom))) < 1e-12
    water = photon_coefficients(material=load_material(), energy_kev=photon_energy_grid())
    for index, channel in enumerate(CHANNELS):
        assert np.array_equal(tables.attenuation[names.index("water"), :, index], getattr(water, channel))


def test_tables_of_a_body_take_little_time():
    materials = [load_material(name) for name in material_names()]
    start = time.process_time()
    photon_tables(materials=materials)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("energy_kev", [0.9, 3001.0, math.nan])
def test_energies_beyond_the_data_are_refused(energy_kev):
    with pytest.raises(PhysicsError) as refusal:
        photon_coefficients(material=load_material(), energy_kev=np.array([100.0, energy_kev]))
    assert refusal.value.code == "photon-energy"
