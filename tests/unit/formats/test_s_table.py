"""Readers of S tables, on the examples of the documentation and on files that are wrong in one place."""

import json
from pathlib import Path

import pytest

from theradose.errors import StudyError
from theradose.formats.s_table import read_s_table
from theradose.formats.s_table_csv import write_s_table
from theradose.formats.s_table_statement import Stated, unit_factor
from theradose.model.s_values import SValue, SValueOrigin, SValueTable

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "organs"
LUTETIUM = Stated(nuclide="Lu-177")
HEADER = "nuclide,target,source,s_gy_per_mbq_h"


def refusal(path, stated=LUTETIUM):
    with pytest.raises(StudyError) as caught:
        read_s_table(path, stated=stated)
    assert str(caught.value).count(". ") == 0
    return caught.value


def test_olinda_states_unit_nuclide_and_phantom():
    """Red marrow from kidneys is 3.35e-8 mGy/(MBq s), kidneys from red marrow 4.71e-8."""
    table = read_s_table(EXAMPLES / "olinda.csv")
    assert (table.nuclide, table.phantom, table.origin.unit) == ("Lu-177", "ICRP 89 Adult Male", "mSv/MBq-s")
    assert table.value(target="Red Marrow", source="Kidneys").gy_per_mbq_h == pytest.approx(3.35e-8 * 3.6)
    assert table.value(target="Kidneys", source="Red Mar.").gy_per_mbq_h == pytest.approx(4.71e-8 * 3.6)
    assert len(table.values) == 25
    assert len(table.origin.sha256) == 64


@pytest.mark.parametrize("corner", ["", "Target", "Target Organ"])
def test_bare_matrix_needs_unit_and_nuclide(tmp_path, corner):
    path = tmp_path / "bare.csv"
    path.write_text(f"{corner},Liver,Kidneys \nLiver,1.37E-05,1.18E-07\nKidneys,1.20E-07,\n,,\nA remark,,\n")
    assert refusal(path).code == "s-table-unit"
    assert refusal(path, Stated(unit="mGy/(MBq s)")).code == "s-table-nuclide"
    table = read_s_table(path, stated=Stated("177Lu", "mGy/MBq-s", "somebody", "OLINDA 2"))
    assert table.value(target="Liver", source="Kidneys").gy_per_mbq_h == pytest.approx(1.18e-7 * 3.6)
    assert not table.has(target="Kidneys", source="Kidneys")
    assert (table.phantom, table.origin.source) == ("somebody", "OLINDA 2")


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("1.18E-07", "-1.18E-07", "s-table-negative", "line 6"),
        ("1.18E-07", "1,18E-07", "s-table-row", "line 6"),
        ("1.18E-07", "n/a", "s-table-number", "line 6"),
        ("1.18E-07", "nan", "s-table-number", "Kidneys"),
        ("Lu-177", "Y-90", "s-table-nuclide", "Y-90"),
        ("Lu-177", "Xx-999", "s-table-nuclide", "Xx-999"),
        ("mSv/MBq-s", "rad/mCi-h", "s-table-unit", "rad/mCi-h"),
        ("Liver,1.18E-07", "Kidneys,1.18E-07", "s-table-twice", "line 6"),
    ],
)
def test_wrong_places_of_olinda_are_named(tmp_path, old, new, code, said):
    path = tmp_path / "olinda.csv"
    path.write_text((EXAMPLES / "olinda.csv").read_text().replace(old, new, 1))
    error = refusal(path)
    assert error.code == code
    assert said in str(error)


def test_stated_unit_must_agree_with_the_heading():
    assert refusal(EXAMPLES / "olinda.csv", Stated(unit="Gy/(MBq h)")).code == "s-table-unit"
    assert read_s_table(EXAMPLES / "olinda.csv", stated=Stated(unit="mGy/(MBq s)")).origin.unit == "mSv/MBq-s"


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("mGy/(MBq s)", 3.6), ("mGy/MBq·h", 1e-3), ("Gy/(MBq h)", 1.0), ("Gy/(Bq·s)", 3.6e9), ("Gy / (MBq s)", 3600.0)],
)
def test_units(unit, factor):
    assert unit_factor(unit, "t.csv") == pytest.approx(factor)


@pytest.mark.parametrize("unit", ["MGy/(MBq s)", "mGy/(mBq s)", "mGy/MBq", "rad/uCi-h", ""])
def test_other_units_are_refused(unit):
    with pytest.raises(StudyError, match="valid are"):
        unit_factor(unit, "t.csv")


def test_own_layout_is_read():
    table = read_s_table(EXAMPLES / "s_values.csv")
    assert table.value(target="liver", source="kidneys").gy_per_mbq_h == pytest.approx(1.18e-7 * 3.6)
    assert table.mass_g == {"kidneys": 310.0, "liver": 1800.0}
    assert (table.phantom, table.origin.source) == ("ICRP 89 adult male", "OLINDA 2")


def test_own_layout_keeps_parts_and_uncertainty(tmp_path):
    parts = {"electron": 4.7e-5, "photon": 2.1e-6, "alpha": 1e-9}
    values = {("liver", "liver"): SValue(sum(parts.values()), 3e-9, parts), ("Brain, left", "liver"): SValue(0.0)}
    table = SValueTable("Lu-177", "a, b", values, {"liver": 1799.776}, SValueOrigin("me", "stated"))
    write_s_table(table, tmp_path / "t.csv")
    again = read_s_table(tmp_path / "t.csv")
    assert dict(again.values["liver", "liver"].parts_gy_per_mbq_h) == parts
    assert again.values["liver", "liver"].gy_per_mbq_h == values["liver", "liver"].gy_per_mbq_h
    assert again.values["liver", "liver"].u_gy_per_mbq_h == 3e-9
    assert again.values["Brain, left", "liver"].gy_per_mbq_h == 0
    assert (again.phantom, again.mass_g, again.origin.source) == ("a, b", {"liver": 1799.776}, "me")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{HEADER}\nLu-177,liver,liver,1e-5\nLu-177,liver,liver,1e-5\n", "s-table-twice"),
        (f"{HEADER}\nLu-177,liver,liver,1e-5\nY-90,liver,kidneys,1e-7\n", "s-table-nuclide"),
        (f"{HEADER}\nLu-177,liver,liver,-1e-5\n", "s-table-negative"),
        (f"{HEADER}\nLu-177,liver,liver,\n", "s-table-number"),
        (f"{HEADER}\nLu-177,,liver,1e-5\n", "table-cell-empty"),
        (f"{HEADER},target_mass_g\nLu-177,liver,liver,1e-5,0\n", "s-table-mass"),
        (f"{HEADER},radiation\nLu-177,liver,liver,1e-5,neutron\n", "s-table-radiation"),
        (f"{HEADER},phantom\nLu-177,liver,liver,1e-5,a\nLu-177,liver,spleen,1e-7,b\n", "s-table-phantom"),
        ("nuclide,target,source\nLu-177,liver,liver\n", "s-table-unit"),
        ("nuclide,target,source,s_gy_per_mbq_s\nLu-177,liver,liver,1\n", "table-header"),
        ("target,source,s_gy_per_mbq_h\nliver,liver,1e-5\n", "table-header"),
    ],
)
def test_wrong_places_of_our_layout(tmp_path, text, code):
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert refusal(path).code == code


def write_opendose(folder, name, rows):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(rows))


def test_opendose_folder_is_read(tmp_path):
    folder = tmp_path / "ICRP_110_XX"
    write_opendose(
        folder, "lu-177_liver.json", [["Liver", "1.3e-5", "9e-10", "1800"], ["Spleen", "3e-8", "1e-11", "150"]]
    )
    write_opendose(folder, "lu-177_spleen.json", [["Spleen", "1.6e-4", "6e-9", "150"]])
    write_opendose(folder, "y-90_spleen.json", [["Spleen", "9e-4", "6e-9", "150"]])
    write_opendose(folder, "opendose_sources.json", [{"1": "Liver"}])
    table = read_s_table(folder, stated=LUTETIUM)
    assert (table.phantom, table.sources) == ("ICRP 110 XX", ("Liver", "Spleen"))
    assert table.value(target="Spleen", source="Liver").u_gy_per_mbq_h == pytest.approx(3.6e-11)
    assert table.mass_g == {"Liver": 1800.0, "Spleen": 150.0}
    assert refusal(folder, Stated()).code == "s-table-nuclide"
    assert refusal(folder, Stated(nuclide="I-131")).code == "s-table-layout"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('[["Liver", "-1", "0", "1"]]', "s-table-negative"),
        ('[["Liver", "1"]]', "s-table-row"),
        ("[]", "s-table-layout"),
        ("not json", "s-table-unreadable"),
        ('[["Liver", "1", "0", "1"], ["Liver", "1", "0", "1"]]', "s-table-twice"),
    ],
)
def test_wrong_places_of_opendose(tmp_path, content, code):
    path = tmp_path / "lu-177_liver.json"
    path.write_text(content)
    assert refusal(path).code == code


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("nothing\nof interest\n")
    assert refusal(path, Stated("Lu-177", "Gy/(MBq h)")).code == "s-table-layout"
    path.write_bytes(b"\xff\xfe\x00")
    assert refusal(path).code == "s-table-unreadable"
    assert refusal(tmp_path / "absent.csv").code == "s-table-unreadable"
