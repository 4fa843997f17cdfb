"""Names, masses and checks of foreign tables."""

from pathlib import Path

import pytest

from theradose.dose.energy import emitted_energy
from theradose.dose.s_import import prepare_table, region_name
from theradose.errors import PhysicsError
from theradose.formats.s_table import read_s_table
from theradose.formats.s_table_statement import Stated
from theradose.nuclides import load_nuclide

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "organs"
LUTETIUM = emitted_energy(load_nuclide("Lu-177"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Kidneys ", "kidneys"),
        ("Red Mar.", "red-marrow"),
        ("Red Marrow", "red-marrow"),
        ("Tot Body", "total-body"),
        ("whole-body", "total-body"),
        ("RKidney + LKidney", "kidneys"),
        ("Left kidney C+M+P", "left-kidney"),
        ("Adrenal, left", "left-adrenal"),
        ("TrabBone", "trabecular-bone"),
        ("Milz", "spleen"),
        ("Kidney, left, cortex", "Kidney, left, cortex"),
        ("Osteogenic Cells", "Osteogenic Cells"),
    ],
)
def test_names(name, expected):
    assert region_name(name) == expected


def test_masses_of_the_reference_adult_stand_in():
    """310, 1800, 1170, 150 and 73 000 g: ICRP 89."""
    table, findings = prepare_table(table=read_s_table(EXAMPLES / "olinda.csv"), energy=LUTETIUM, sex="M")
    assert dict(table.mass_g) == {
        "kidneys": 310.0, "liver": 1800.0, "red-marrow": 1170.0, "spleen": 150.0, "total-body": 73000.0,
    }  # fmt: skip
    assert table.sources == table.targets
    codes = [finding.code for finding in findings]
    assert codes == ["s-table-mass-assumed", "s-table-sievert", "s-table-source-missing"]


def test_without_masses_nothing_can_be_checked():
    stated = Stated(reference="OLINDA 2")
    table, findings = prepare_table(table=read_s_table(EXAMPLES / "olinda.csv", stated=stated), energy=LUTETIUM)
    assert not table.mass_g
    assert [finding.code for finding in findings] == ["s-table-sievert", "s-table-unchecked"]


def test_the_other_sex_is_refused():
    with pytest.raises(PhysicsError) as caught:
        prepare_table(table=read_s_table(EXAMPLES / "olinda.csv"), energy=LUTETIUM, sex="F")
    assert caught.value.code == "s-table-sex"


def test_two_names_of_one_region_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("nuclide,target,source,s_gy_per_mbq_h\nLu-177,Liver,Liver,5e-5\nLu-177,Leber,Liver,5e-5\n")
    with pytest.raises(PhysicsError, match="both liver") as caught:
        prepare_table(table=read_s_table(path), energy=LUTETIUM)
    assert caught.value.code == "s-table-names"
