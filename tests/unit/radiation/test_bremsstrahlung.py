"""Photon spectra against the tables of Seltzer and Berger, and their integrals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from theradose.errors import PhysicsError
from theradose.radiation.bremsstrahlung import (
    bremsstrahlung_inverse_mean_free_path,
    bremsstrahlung_spectrum,
    photon_share,
    radiative_stopping_power,
    soft_radiative_stopping_power,
)
from theradose.radiation.elements import constant
from theradose.radiation.materials import Material, atomic_weight, load_material

# beta^2/Z^2 k dsigma/dk in mb by atomic number, electron energy in keV and photon share, from HEN_HOUSE/data/
# nist_brems.data of EGSnrc: shares and elements that the packaged table leaves out as well as some that it has.
SELTZER_BERGER = [
    (1, 1.0, 0.25, 7.25292), (1, 1.0, 0.55, 5.89276), (1, 100.0, 0.25, 8.61574), (1, 100.0, 0.5, 4.93742),
    (1, 1000.0, 0.35, 7.82075), (1, 1000.0, 0.75, 2.22429), (1, 2000.0, 0.65, 4.48945), (1, 2000.0, 0.925, 1.09742),
    (1, 500.0, 0.05, 19.67752),
]  # fmt: skip

# The same of elements without a packaged table, from the file in the form in which OpenMC distributes it (BREMX.DAT).
BETWEEN = [
    (12, 20.0, 0.25, 7.86393), (12, 100.0, 0.25, 7.65122), (12, 1000.0, 0.55, 3.68294), (12, 2000.0, 0.75, 2.61103),
    (16, 20.0, 0.25, 7.738), (16, 100.0, 0.25, 7.67004), (16, 1000.0, 0.55, 3.72776), (16, 2000.0, 0.75, 2.64977),
    (19, 20.0, 0.25, 7.60503), (19, 100.0, 0.25, 7.69453), (19, 1000.0, 0.55, 3.7705), (19, 2000.0, 0.75, 2.683),
]  # fmt: skip


def element(number):
    return Material("element", 1.0, {number: 1.0}, 80.0, "test", "choice", "1")


def scaled_cross_section(number, energy_kev, share):
    """beta^2/Z^2 k dsigma/dk in mb, from the spectrum."""
    spectrum = bremsstrahlung_spectrum(material=element(number), energy_kev=energy_kev, k_over_t=share)
    beta2 = 1.0 - 1.0 / (1.0 + energy_kev / constant("electron-rest-energy")) ** 2
    atoms = constant("avogadro-constant") / atomic_weight(number)
    return spectrum * share * energy_kev / atoms * beta2 / number**2 * 1e27


def knots(energy_kev, low_kev):
    return [
        energy_kev * share for share in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99) if energy_kev * share > low_kev
    ]


@pytest.mark.parametrize(("number", "energy", "share", "scaled"), SELTZER_BERGER)
def test_spectrum_is_the_tabulated_one(number, energy, share, scaled):
    # 0.5 % is what thinning the table to 15 shares may cost; at the tip, where there are few photons, 1.3 %.
    assert scaled_cross_section(number, energy, share) == pytest.approx(scaled, rel=0.013 if share > 0.9 else 0.005)


@pytest.mark.parametrize("energy", [15.0, 90.0, 700.0, 2280.0])
def test_stopping_power_and_photons_are_integrals_of_the_spectrum(energy):
    bone, cut = load_material("cortical-bone"), 10.0
    cross_section = photon_share(material=bone, energy_kev=[energy])

    def photons(photon_kev):
        return float(cross_section.at(np.array([[photon_kev / energy]]))[0, 0]) / photon_kev

    above = {"points": knots(energy, cut), "limit": 400, "epsrel": 1e-8}
    number = quad(photons, cut, energy, **above)[0]
    hard = quad(lambda photon: photon * photons(photon), cut, energy, **above)[0]
    soft = quad(lambda photon: photon * photons(photon), 1e-9, cut, limit=400, epsrel=1e-8)[0]
    rate = bremsstrahlung_inverse_mean_free_path(material=bone, energy_kev=energy, cut_kev=cut)
    assert rate == pytest.approx(number, rel=1e-4)
    assert radiative_stopping_power(material=bone, energy_kev=energy) * 1e3 == pytest.approx(hard + soft, rel=1e-6)
    found = soft_radiative_stopping_power(material=bone, energy_kev=energy, cut_kev=cut) * 1e3
    assert found == pytest.approx(soft, rel=1e-6)


def test_nothing_is_radiated_above_the_cut_by_slower_electrons():
    water = load_material("water")
    energy = np.array([5.0, 10.0])
    rate = bremsstrahlung_inverse_mean_free_path(material=water, energy_kev=energy, cut_kev=10.0)
    np.testing.assert_array_equal(rate, 0.0)
    soft = soft_radiative_stopping_power(material=water, energy_kev=energy, cut_kev=10.0)
    np.testing.assert_allclose(soft, radiative_stopping_power(material=water, energy_kev=energy), rtol=1e-14)


@pytest.mark.parametrize(("number", "energy", "share", "scaled"), BETWEEN)
def test_elements_between_the_tabulated_ones(number, energy, share, scaled):
    # Shell structure leaves 2 % of the cross section between neighbours; these elements are at most 1 % of a tissue.
    assert scaled_cross_section(number, energy, share) == pytest.approx(scaled, rel=0.02)


@pytest.mark.parametrize("share", [0.0, 1.01, -0.1, np.nan])
def test_shares_out_of_range_are_refused(share):
    with pytest.raises(PhysicsError, match="above 0, at most 1") as error:
        bremsstrahlung_spectrum(material=load_material("water"), energy_kev=100.0, k_over_t=[0.5, share])
    assert error.value.code == "photon-share"


def test_a_cut_of_zero_is_refused():
    with pytest.raises(PhysicsError, match="above 0 keV") as error:
        bremsstrahlung_inverse_mean_free_path(material=load_material("water"), energy_kev=100.0, cut_kev=0.0)
    assert error.value.code == "photon-cut"
