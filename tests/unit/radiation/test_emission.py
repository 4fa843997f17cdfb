"""Emission spectra of both evaluations."""

from __future__ import annotations

import numpy as np
import pytest

from theradose.errors import PhysicsError
from theradose.nuclides import load_chain, load_emissions, nuclide_names
from theradose.nuclides.icrp107 import icrp107_emissions
from theradose.radiation.emission import emission_spectra

EVERY = nuclide_names(daughters=True)
BETAS = [name for name in EVERY if load_emissions(name).betas_per_decay > 1e-3]


def cumulative(spectra, energy):
    steps = np.diff(spectra.beta_energy_kev) * (spectra.beta_per_kev[1:] + spectra.beta_per_kev[:-1]) / 2
    total = np.concatenate([[0.0], np.cumsum(steps)])
    return np.interp(energy, spectra.beta_energy_kev, total / total[-1])


@pytest.mark.parametrize("name", EVERY)
def test_the_integral_is_the_number_of_betas(name):
    spectra = emission_spectra(name)
    assert spectra.betas_per_decay == pytest.approx(load_emissions(name).betas_per_decay, rel=1e-12)
    if spectra.beta_energy_kev.size:
        assert spectra.beta_energy_kev[0] == 0 and np.all(np.diff(spectra.beta_energy_kev) > 0)
        assert spectra.beta_per_kev[-1] == 0 and np.all(spectra.beta_per_kev >= 0)


@pytest.mark.parametrize("name", BETAS)
def test_the_mean_is_near_that_of_the_evaluators(name):
    """They take allowed shapes for unique transitions: 0.7 % for 90Y, 0.9 % for 124I, below 0.5 % elsewhere."""
    spectra, emissions = emission_spectra(name), load_emissions(name)
    tolerance = {"Y-90": 0.007, "I-124": 0.015}.get(name, 0.005)
    assert spectra.beta_kev_per_decay == pytest.approx(emissions.beta_energy_kev, rel=tolerance)


# Largest difference of mean energy and of the cumulative spectrum from ICRP Publication 107.
# The transitions of the first group have the same intensities in both evaluations: there the shape alone is tested.
SAME_SCHEME = ("Y-90", "Sr-89", "Re-186", "Cu-67", "I-131", "Ga-68", "Pb-209")
OTHER_SCHEME = ("Lu-177", "Ho-166", "Tb-161", "Re-188", "Sm-153", "Pb-212", "Bi-212", "Bi-213", "Tl-208", "Cu-64")


@pytest.mark.parametrize(
    ("name", "mean", "distance"),
    [*((name, 0.001, 0.0006) for name in SAME_SCHEME), *((name, 0.011, 0.004) for name in OTHER_SCHEME)],
)
def test_computed_spectra_agree_with_the_tabulated_ones(name, mean, distance):
    pytest.importorskip("icrp107_database")
    computed, tabulated = emission_spectra(name), emission_spectra(name, nuclear_data="icrp107")
    means = [spectra.beta_kev_per_decay / spectra.betas_per_decay for spectra in (computed, tabulated)]
    assert means[0] == pytest.approx(means[1], rel=mean)
    energy = tabulated.beta_energy_kev
    assert np.max(np.abs(cumulative(computed, energy) - cumulative(tabulated, energy))) < distance


@pytest.mark.parametrize("name", ["Lu-177", "Y-90", "I-131", "Ho-166", "F-18", "Tl-208"])
def test_refining_a_table_gives_the_energy_of_its_lines(name):
    """Straight lines between the tabulated points gain 0.1 to 0.4 %; the mean energies are listed beside them."""
    pytest.importorskip("icrp107_database")
    spectra = emission_spectra(name, nuclear_data="icrp107")
    groups = icrp107_emissions(name)
    lines = groups["beta-"] + groups["beta+"]
    assert spectra.betas_per_decay == pytest.approx(sum(number for _, number in lines), rel=1e-9)
    assert spectra.beta_kev_per_decay == pytest.approx(sum(energy * number for energy, number in lines), rel=1.5e-3)


def test_evaluations_differ_where_they_are_known_to():
    """177Lu, 208 keV: 10.38 % by DDEP, 11.0 % by ICRP 107."""
    pytest.importorskip("icrp107_database")
    for nuclear_data, expected in (("ddep", 0.1038), ("icrp107", 0.110)):
        spectra = emission_spectra("Lu-177", nuclear_data=nuclear_data)
        line = np.argmin(np.abs(spectra.photon_kev - 208.37))
        assert spectra.photon_per_decay[line] == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("nuclear_data", ["ddep", "icrp107"])
@pytest.mark.parametrize("name", ["Ac-225", "Ra-223", "Pb-212", "At-211", "Th-227"])
def test_equilibrium_is_the_weighted_sum_of_the_members(name, nuclear_data):
    if nuclear_data == "icrp107":
        pytest.importorskip("icrp107_database")
    weights = load_chain(name).time_integrated()
    members = {member: emission_spectra(member, nuclear_data=nuclear_data) for member in weights}
    chain = emission_spectra(name, nuclear_data=nuclear_data, chain="equilibrium")
    for quantity, tolerance in (
        ("betas_per_decay", 2e-4),
        ("electron_energy_kev", 2e-4),
        ("photon_energy_kev", 1e-12),
        ("alpha_energy_kev", 1e-12),
        ("recoil_kev_per_decay", 1e-12),
    ):
        expected = sum(weight * getattr(members[member], quantity) for member, weight in weights.items())
        assert getattr(chain, quantity) == pytest.approx(expected, rel=tolerance)


def test_alphas_of_a_chain():
    """Four alphas per decay of 223Ra and of 225Ac, one per decay of 212Pb and of 211At."""
    for name, alphas in (("Ra-223", 4), ("Ac-225", 4), ("Pb-212", 1), ("At-211", 1), ("Th-227", 5)):
        assert emission_spectra(name, chain="equilibrium").alpha_per_decay.sum() == pytest.approx(alphas, rel=2e-3)


def test_decays_that_happen_elsewhere_are_left_out():
    kept = dict.fromkeys(("Fr-221", "At-217", "Bi-213", "Po-213", "Tl-209", "Pb-209"), 0.0)
    alone = emission_spectra("Ac-225")
    parted = emission_spectra("Ac-225", chain="equilibrium", retained=kept)
    assert parted.alpha_energy_kev == alone.alpha_energy_kev
    assert parted.electron_energy_kev == alone.electron_energy_kev


def test_arrays_are_read_only():
    spectra = emission_spectra("Lu-177")
    with pytest.raises(ValueError, match="read-only"):
        spectra.beta_per_kev[0] = 1.0


def test_wrong_requests_are_refused():
    with pytest.raises(PhysicsError) as caught:
        emission_spectra("Ac-225", chain="secular")
    assert caught.value.code == "chain-unknown"
    with pytest.raises(PhysicsError) as caught:
        emission_spectra("Ac-225", retained={"Bi-213": 0.5})
    assert caught.value.code == "chain-unknown"
    with pytest.raises(PhysicsError) as caught:
        emission_spectra("Er-169")
    assert caught.value.code == "nuclide-unknown"
