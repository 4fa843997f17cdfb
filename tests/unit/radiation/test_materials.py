from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.radiation.materials import (
    Material,
    additive_mean_excitation,
    load_material,
    material_names,
    material_ramp,
    materials_from_density,
    materials_from_hu,
)
from theradose.spatial.density import hu_density_table

TISSUES = load_yaml("materials/tissues.yaml")["materials"]


def site_ramp(tmp_path: Path, **changes: object) -> Path:
    content = {
        "name": "site",
        "materials": ["air", "soft-tissue", "cortical-bone"],
        "hu_limits": [-500, 400],
        "source": "our physicist",
        "status": "unverified",
        "edition": "1",
    }
    path = tmp_path / "ramp.yaml"
    path.write_text(yaml.safe_dump({**content, **changes}), encoding="utf-8")
    return path


def test_the_tissues_of_nuclear_medicine_are_there():
    needed = {
        "water", "lung", "adipose", "soft-tissue", "muscle", "liver", "kidney", "red-marrow", "yellow-marrow",
        "spongiosa", "cortical-bone", "air",
    }  # fmt: skip
    assert needed <= set(material_names())
    assert load_material().name == "water"


@pytest.mark.parametrize("name", material_names())
def test_fractions_of_the_data_add_up_and_are_normalised(name):
    assert sum(TISSUES[name]["mass_fractions"].values()) == pytest.approx(1, abs=1e-3)
    assert sum(load_material(name).mass_fractions.values()) == pytest.approx(1, abs=1e-15)


def test_electrons_of_water_follow_from_its_formula():
    # H2O: 10 electrons in 18.015 g/mol. The tabulated fractions have six digits.
    assert load_material("water").electrons_mol_per_g == pytest.approx(10 / 18.015, rel=2e-5)


@pytest.mark.parametrize("name", ["lung", "adipose", "muscle", "cortical-bone"])
def test_additivity_rule_meets_the_tabulated_mean_excitation_energy(name):
    # ESTAR computed the tissues of ICRU 1986 by the same rule and states five digits.
    stated = TISSUES[name]["mean_excitation"]["value"]
    assert additive_mean_excitation(mass_fractions=TISSUES[name]["mass_fractions"]) == pytest.approx(stated, rel=1e-4)


def test_a_computed_mean_excitation_energy_says_so_and_is_not_verified():
    liver, water = load_material("liver"), load_material("water")
    assert "additivity" in liver.source and liver.status == "unverified"
    assert "additivity" not in water.source and water.status == "verified"


def test_unknown_material_lists_the_valid_ones():
    with pytest.raises(PhysicsError) as refusal:
        load_material("granite")
    assert refusal.value.code == "material-unknown"
    assert "granite" in str(refusal.value) and all(name in str(refusal.value) for name in material_names())


@pytest.mark.parametrize(
    ("fractions", "density"), [({1: 0.1, 8: 0.8}, 1.0), ({1: -0.1, 8: 1.1}, 1.0), ({1: 0.2, 8: 0.8}, 0.0)]
)
def test_impossible_materials_are_refused(fractions, density):
    with pytest.raises(PhysicsError) as refusal:
        Material("x", density, fractions, 75.0, "test", "unverified", "1")
    assert refusal.value.code == "material-invalid"


def test_elements_without_data_are_refused():
    tantalum = Material("marker", 16.65, {73: 1.0}, 718.0, "test", "unverified", "1")
    with pytest.raises(PhysicsError, match="element 73"):
        _ = tantalum.electrons_mol_per_g


def test_bone_of_the_ramp_is_that_of_the_distributed_table(shared_data: Path):
    lines = (shared_data / "svalues/opendose_icrp110/Schneider2000MaterialsTable.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line.strip() and line.strip()[0] in "-0123456789"]
    percent = {float(row[0]): [float(value) for value in row[1:13]] for row in rows}
    elements = (1, 6, 7, 8, 11, 12, 15, 16, 17, 18, 19, 20)
    for hu in (300, 600, 900):
        fractions = TISSUES[f"bone-hu{hu}"]["mass_fractions"]
        assert [100 * fractions.get(element, 0.0) for element in elements] == pytest.approx(percent[hu], abs=1e-9)
        density = float(hu_density_table().density_of(np.array([[hu + 50.0]])).item())
        assert TISSUES[f"bone-hu{hu}"]["density_g_per_ml"] == pytest.approx(density, abs=5e-4)
    # The limits of the packaged ramp are limits of that table.
    assert set(material_ramp().limits["hu"].tolist()) - {-22.0} <= {*percent}
    assert -22.0 in percent


@pytest.mark.parametrize(
    ("density", "name"),
    [
        (0.0012, "air"), (0.26, "lung"), (0.5, "lung"), (0.95, "adipose"), (1.03, "soft-tissue"), (1.05, "muscle"),
        (1.12, "spongiosa"), (1.3, "bone-hu300"), (1.5, "bone-hu600"), (1.6, "bone-hu900"), (1.92, "cortical-bone"),
        (2.8, "cortical-bone"),
    ],
)  # fmt: skip
def test_density_decides_the_material(density, name):
    labels, names = materials_from_density(np.full((2, 3, 4), density, np.float32))
    assert labels.dtype == np.uint8 and labels.shape == (2, 3, 4)
    assert {names[label] for label in labels.ravel()} == {name}


def test_limits_belong_to_the_material_above():
    labels, names = materials_from_hu(np.array([-951.0, -950.0, 1199.0, 1200.0]))
    assert [names[label] for label in labels] == ["air", "lung", "bone-hu900", "cortical-bone"]


def test_density_and_ct_number_agree_where_the_relation_is_monotonic():
    hu = np.arange(-1000.0, 1601.0, 7.0)[np.newaxis]
    # Around 100 HU the published density falls from soft tissue to bone, so that it does not tell the two apart.
    hu = hu[:, (hu[0] < 75) | (hu[0] > 145)]
    by_hu, names = materials_from_hu(hu)
    by_density, same = materials_from_density(hu_density_table().density_of(hu))
    assert names == same
    # Limits of density are rounded to 0.001 g/mL, about 2 HU; next to a limit the neighbour is right too.
    apart = np.abs(hu[0][:, np.newaxis] - material_ramp().limits["hu"]).min(axis=1) > 2
    assert np.array_equal(by_hu[0][apart], by_density[0][apart])


def test_calcium_does_not_fall_with_density():
    calcium = [load_material(name).mass_fractions.get(20, 0.0) for name in material_ramp().materials]
    assert calcium == sorted(calcium)


def test_site_ramp_may_repeat_a_material(tmp_path):
    path = site_ramp(tmp_path, materials=["air", "water", "air"])
    labels, names = materials_from_hu(np.array([[-1000.0, 0.0, 1000.0]]), ramp=material_ramp(path))
    assert names == ("air", "water")
    assert labels.tolist() == [[0, 1, 0]]


def test_ramp_without_limits_of_the_quantity_is_refused(tmp_path):
    with pytest.raises(PhysicsError, match="no limits of density_g_per_ml") as refusal:
        materials_from_density(np.ones((1, 2)), ramp=material_ramp(site_ramp(tmp_path)))
    assert refusal.value.code == "ramp-quantity"


@pytest.mark.parametrize(
    "changes",
    [
        {"hu_limits": [400, -500]},
        {"hu_limits": [0]},
        {"hu_limits": None},
        {"materials": None},
        {"hu_limits": ["low", "high"]},
    ],
)
def test_site_ramp_that_is_none_is_refused(tmp_path, changes):
    with pytest.raises(PhysicsError) as refusal:
        material_ramp(site_ramp(tmp_path, **changes))
    assert refusal.value.code == "ramp-invalid"


@pytest.mark.parametrize("text", ["- a\n- b\n", "", "a: [", "name: x\n"])
def test_a_file_that_is_no_ramp_is_refused(tmp_path, text):
    path = tmp_path / "ramp.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PhysicsError, match=r"ramp\.yaml is not a material ramp"):
        material_ramp(path)


def test_site_ramp_with_an_unknown_material_is_refused(tmp_path):
    with pytest.raises(PhysicsError, match="There is no material 'steel'"):
        material_ramp(site_ramp(tmp_path, materials=["air", "steel", "water"]))


def test_voxels_without_a_value_are_refused():
    with pytest.raises(PhysicsError) as refusal:
        materials_from_density(np.array([[1.0, np.nan]]))
    assert refusal.value.code == "voxels-not-finite"
