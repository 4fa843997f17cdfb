"""Nuclear data against the numbers of the evaluations."""

from __future__ import annotations

import math

import pytest

from theradose.errors import PhysicsError
from theradose.nuclides import canonical_nuclide, load_constant, load_nuclide, nuclide_names
from theradose.nuclides.icrp107 import icrp107_emissions

ALL = (
    *("Ac-225", "At-211", "Cu-64", "Cu-67", "F-18", "Ga-68", "Ho-166", "I-123", "I-124", "I-131", "In-111"),
    *("Lu-177", "Pb-212", "Ra-223", "Re-186", "Re-188", "Sm-153", "Sr-89", "Tb-161", "Tc-99m", "Th-227", "Y-90"),
)
DAUGHTERS = {
    *("Fr-221", "At-217", "Bi-213", "Po-213", "Tl-209", "Pb-209"),  # of 225Ac
    *("Rn-219", "Po-215", "Pb-211", "Bi-211", "Tl-207", "Po-211"),  # of 223Ra; the last also of 211At
    *("Bi-212", "Po-212", "Tl-208"),  # of 212Pb
}

# DDEP half-lives with the unit they are printed in, in hours.
HALF_LIVES_H = {
    "Lu-177": 6.647 * 24,
    "Y-90": 2.6684 * 24,
    "I-131": 8.0233 * 24,
    "Ho-166": 26.795,
    "Tc-99m": 6.0067,
    "In-111": 2.8049 * 24,
    "Ga-68": 67.83 / 60,
    "F-18": 1.82890,
    "Sm-153": 1.92855 * 24,
    "Re-188": 17.005,
    "Sr-89": 50.57 * 24,
    "Cu-64": 12.7004,
    "I-123": 13.2234,
    "Ac-225": 240.0,
    "Ra-223": 11.43 * 24,
    "Pb-212": 10.64,
    "At-211": 7.216,
    "Bi-213": 45.59 / 60,
    "Po-215": 1.781e-3 / 3600,
}

# Total energy per decay that leaves as electrons and photons (without neutrinos): for gamma transitions the level
# energies of the DDEP scheme, for beta decay mean beta energy plus level energies. A sum rule over independent
# parts of each record; the evaluations balance within 0.5 %, the 177Lu sum lacks its outer-shell conversion (0.3 %).
ENERGY_PER_DECAY_KEV = {
    "Tc-99m": 142.683,
    "In-111": 0.99995 * (171.28 + 245.35) + 0.00005 * 396.16 + 23.23,
    "Lu-177": 134.196 + 0.091 * 112.95 + 0.00012 * 249.67 + 0.1164 * 321.32,
    "I-131": 181.43
    + 0.00386 * 163.93
    + 0.0006 * 341.14
    + 0.894 * 364.49
    + 0.072 * 636.99
    + 0.00643 * 666.93
    + 0.0213 * 722.91,
    "Ho-166": 664.50 + 0.505 * 80.57 + 0.00955 * 1460.03 + 0.00304 * 1662.43 + 0.000353 * 1830.4,
}


def test_nuclides_and_daughters_are_built_in():
    assert nuclide_names() == ALL
    assert set(nuclide_names(daughters=True)) == {*ALL, *DAUGHTERS}


@pytest.mark.parametrize(("name", "hours"), HALF_LIVES_H.items())
def test_half_life_is_the_ddep_one(name, hours):
    nuclide = load_nuclide(name)
    assert nuclide.half_life_h.value == pytest.approx(hours, rel=1e-6)
    assert nuclide.decay_constant_per_h == pytest.approx(math.log(2) / hours, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "constant"), [("Lu-177", 0.0851), ("Y-90", 0.5344), ("I-131", 0.1112), ("Ho-166", 0.4002)]
)
def test_local_energy_constants(name, constant):
    """Recomputed from DDEP: 0.0851, 0.5344, 0.1112, 0.4002 Gy g/(MBq h), to the printed digits."""
    joule_per_decay = load_nuclide(name).electron_energy_kev.value * 1e3 * load_constant("elementary-charge").value
    gray_gram_per_joule, decays_per_mbq_h = 1e3, 3.6e9
    assert joule_per_decay * decays_per_mbq_h * gray_gram_per_joule == pytest.approx(constant, abs=6e-5)


@pytest.mark.parametrize(
    ("name", "j_per_gbq"), [("Lu-177", 19.58), ("Y-90", 49.38), ("Ho-166", 15.47), ("I-131", 30.88)]
)
def test_electron_energy_of_complete_decay(name, j_per_gbq):
    """Published recomputation from DDEP, printed to two decimals."""
    nuclide = load_nuclide(name)
    decays = 1e9 * 3600 / nuclide.decay_constant_per_h
    assert decays * nuclide.electron_energy_kev.value * 1.602176634e-16 == pytest.approx(j_per_gbq, abs=6e-3)


@pytest.mark.parametrize(("name", "total"), ENERGY_PER_DECAY_KEV.items())
def test_electrons_and_photons_carry_the_energy_of_the_decay(name, total):
    nuclide = load_nuclide(name)
    assert nuclide.electron_energy_kev.value + nuclide.photon_energy_kev.value == pytest.approx(total, rel=6e-3)


@pytest.mark.parametrize("name", [*ALL, *sorted(DAUGHTERS)])
def test_photon_energy_is_the_sum_of_the_lines(name):
    nuclide = load_nuclide(name)
    total = sum(line.energy_kev * line.intensity for line in nuclide.photon_lines)
    assert nuclide.photon_energy_kev.value == pytest.approx(total, abs=0.006)


@pytest.mark.parametrize("name", [*ALL, *sorted(DAUGHTERS)])
def test_every_constant_states_its_origin(name):
    nuclide = load_nuclide(name)
    for constant in (nuclide.half_life_h, nuclide.electron_energy_kev, nuclide.photon_energy_kev):
        assert constant.source
        assert constant.edition
        assert constant.status in {"verified", "unverified"}
        assert name in constant.name
    assert nuclide.half_life_h.u is not None


def test_main_lines_for_imaging():
    intensity = {line.energy_kev: line.intensity for line in load_nuclide("Lu-177").photon_lines}
    assert intensity[208.3662] == 0.1038
    assert intensity[112.9498] == 0.0620


@pytest.mark.parametrize(
    ("name", "electrons_kev"), [("Lu-177", 148.0), ("Y-90", 931.5), ("I-131", 191.8), ("Ho-166", 697.4)]
)
def test_icrp107_is_a_named_alternative(name, electrons_kev):
    nuclide = load_nuclide(name, nuclear_data="icrp107")
    assert nuclide.electron_energy_kev.value == electrons_kev
    assert nuclide.nuclear_data == "icrp107"
    assert nuclide.half_life_h == load_nuclide(name).half_life_h
    assert nuclide.photon_lines == ()


def test_icrp107_energies_come_from_the_package_where_they_are_not_built_in():
    """ICRP Publication 107, 18F: 241.6 keV of positrons and Auger electrons, two annihilation photons in 96.7 %."""
    pytest.importorskip("icrp107_database")
    nuclide = load_nuclide("F-18", nuclear_data="icrp107")
    assert nuclide.electron_energy_kev.value == pytest.approx(241.6, abs=0.1)
    assert nuclide.photon_energy_kev.value == pytest.approx(988.6, abs=0.1)
    assert "icrp107-database" in nuclide.electron_energy_kev.source


def test_icrp107_names_the_extra_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr("theradose.nuclides.icrp107.find_spec", lambda name: None)
    icrp107_emissions.cache_clear()
    with pytest.raises(PhysicsError, match=r"pip install 'theradose\[nuclides\]'") as caught:
        load_nuclide.__wrapped__("F-18", nuclear_data="icrp107")
    assert caught.value.code == "nuclear-data-missing"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Lu-177", "Lu-177"),
        ("177Lu", "Lu-177"),
        ("LU177", "Lu-177"),
        ("^177^Lutetium", "Lu-177"),
        ("177 Lutetium", "Lu-177"),  # as in a real PT object
        ("Lutetium-177", "Lu-177"),
        ("[177Lu]", "Lu-177"),
        ("447553000", "Lu-177"),
        ("C-101ED", "Lu-177"),
        ("18F", "F-18"),
        ("F^18^[^18^Fluorine]", "F-18"),  # as in a real PT object
        ("C-111A1", "F-18"),
        ("Tc99m", "Tc-99m"),
        ("TC99M", "Tc-99m"),
        ("99mTc", "Tc-99m"),
        ("^99m^Technetium", "Tc-99m"),
        ("Technetium Tc^99m^", "Tc-99m"),
        ("111In", "In-111"),
        ("I-131", "I-131"),
        ("I^131^", "I-131"),
        ("Y-90", "Y-90"),
        ("166Ho", "Ho-166"),
        ("68Ga", "Ga-68"),
        ("^223^Radium", "Ra-223"),
        ("24853006", "Ra-223"),
        ("C-B1134", "Sm-153"),
        ("C1943", "Ho-166"),  # the only code of holmium in the context group, of the NCI thesaurus
        ("225Ac", "Ac-225"),
        ("212Bi", "Bi-212"),
        ("Bi213", "Bi-213"),
    ],
)
def test_spellings(text, name):
    assert canonical_nuclide(text) == name


@pytest.mark.parametrize(
    "text",
    ["", "177", "Lu", "Lu-176", "Lu-177m", "Ho-166m", "Tc-99", "99Mo", "Y-86", "131Cs", "I-125", "1818", "Lu-1777"],
)
def test_other_nuclides_are_not_taken_for_a_known_one(text):
    with pytest.raises(PhysicsError, match="Lu-177") as caught:
        canonical_nuclide(text)
    assert caught.value.code == "nuclide-unknown"


def test_constants_are_named():
    """Exact by the definition of the coulomb since 2019."""
    constant = load_constant("elementary-charge")
    assert (constant.value, constant.u, constant.status) == (1.602176634e-19, 0.0, "verified")
    with pytest.raises(PhysicsError, match="elementary-charge") as caught:
        load_constant("elementary charge")
    assert caught.value.code == "constant-unknown"
