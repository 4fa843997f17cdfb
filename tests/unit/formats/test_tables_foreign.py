import pytest
from pydantic import ValidationError

from theradose.errors import StudyError
from theradose.formats.tables_foreign import read_foreign_table
from theradose.model.agreement_mapping import AgreementMapping


def mapping(**changes):
    columns = {"patient": "ID", "region": "VOI", "cycle": "C", "dose_gy": {"column": "D", "unit": "mGy"}}
    return AgreementMapping.model_validate({"schema_version": 1, "columns": columns, **changes})


def read(tmp_path, text, **changes):
    path = tmp_path / "other.csv"
    path.write_text(text)
    return read_foreign_table(path, mapping(**changes))


def test_units_names_and_empty_cells(tmp_path):
    rows = read(tmp_path, "ID,VOI,C,D,more\nX1,Niere li,2,2500,a\nX2,Leber,1,,b\nX2,Milz,1,n/a,c\n",
                patients={"P1": ["X1"]}, missing=["n/a"])  # fmt: skip
    assert [(row.key, dict(row.values)) for row in rows] == [
        (("P1", 2, "Niere li"), {"dose_gy": 2.5}), (("X2", 1, "Leber"), {}), (("X2", 1, "Milz"), {}),
    ]  # fmt: skip
    assert rows[0].place == "other.csv, line 2"


@pytest.mark.parametrize(
    ("quantity", "column", "given", "expected"),
    [
        ("effective_half_life_h", {"unit": "d"}, "2", 48.0),
        ("extrapolated_fraction", {"unit": "%"}, "25", 0.25),
        ("tia_mbq_h", {"unit": "GBq s"}, "3600", 1000.0),
        ("dose_per_activity_gy_gbq", {"unit": "mGy/MBq"}, "0.5", 0.5),
        ("dose_gy", {"unit": "Gy", "factor": 2}, "3", 6.0),
    ],
)
def test_every_kind_of_unit(tmp_path, quantity, column, given, expected):
    rows = read(tmp_path, f"ID,VOI,V\nA,liver,{given}\n",
                columns={"patient": "ID", "region": "VOI", quantity: {"column": "V", **column}}, cycle=3)  # fmt: skip
    assert rows[0].values[quantity] == pytest.approx(expected, rel=1e-12) and rows[0].cycle == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('ID,VOI,C,D\nA,liver,1,"2,5"\n', "other.csv, line 2: '2,5'"),
        ("ID;VOI;C;D\nA;liver;1;2,5\n", "semicolons"),
        ("ID,VOI,C\nA,liver,1\n", "missing column 'D'"),
        ("ID,VOI,C,D\n,liver,1,2\n", "line 2: 'ID' is empty"),
        ("ID,VOI,C,D\nA,liver,0,2\n", "line 2: '0' is no cycle"),
        ("ID,VOI,C,D\nA,liver,1,-2\n", "line 2: '-2' in column 'D' is below 0"),
        ("ID,VOI,C,E\nA,liver,1,2\n", r"missing column 'D'\): it has ID, VOI, C, E\.$"),
    ],
)
def test_a_bad_table_is_named(tmp_path, text, words):
    with pytest.raises(StudyError, match=words):
        read(tmp_path, text)


@pytest.mark.parametrize("unit", ["Sv", "h", "Gy/GBq"])
def test_another_kind_of_unit_is_refused(tmp_path, unit):
    with pytest.raises(StudyError):
        read(tmp_path, "ID,VOI,D\nA,liver,1\n",
             columns={"patient": "ID", "region": "VOI", "dose_gy": {"column": "D", "unit": unit}})  # fmt: skip


def test_a_mapping_without_numbers_or_with_a_factor_of_zero(tmp_path):
    with pytest.raises(StudyError) as caught:
        read(tmp_path, "ID,VOI\nA,liver\n", columns={"patient": "ID", "region": "VOI"})
    assert caught.value.code == "mapping-columns"
    with pytest.raises(ValidationError, match="other than 0"):
        mapping(columns={"patient": "a", "region": "b", "dose_gy": {"column": "c", "unit": "Gy", "factor": 0}})


GERMAN = {"separator": ";", "decimal": ","}


def test_semicolons_and_decimal_commas_are_read_where_the_mapping_says_so(tmp_path):
    text = "ID;VOI;C;D\nA;Leber;1;2500,5\nB;Leber;1;n/a\n"
    rows = read(tmp_path, text, missing=["n/a"], **GERMAN)
    assert [dict(row.values) for row in rows] == [{"dose_gy": 2.5005}, {}]
    with pytest.raises(StudyError, match=r"semicolons.*or say so in the mapping with 'separator: \";\"'"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        # A point marks thousands: as a decimal point it would be another dose.
        ("2.500", "line 2: '2.500' in column 'D' is not a finite number with a decimal comma"),
        ("2.500,5", "decimal comma"),
        ("2;5", "5 cells under 4 headers; a ';' within a cell needs quotes around it"),
    ],
)
def test_numbers_among_decimal_commas_are_not_guessed(tmp_path, cell, words):
    with pytest.raises(StudyError, match=words):
        read(tmp_path, f"ID;VOI;C;D\nA;Leber;1;{cell}\n", **GERMAN)


def test_a_change_of_unit_adds_no_digits(tmp_path):
    """57 % is 0.57, and not 0.5700000000000001, which would be a difference between methods."""
    columns = {"patient": "ID", "region": "VOI", "extrapolated_fraction": {"column": "V", "unit": "%"}}
    (row,) = read(tmp_path, "ID,VOI,V\nA,liver,57\n", columns=columns)
    assert 57 * 0.01 != 0.57
    assert row.values == {"extrapolated_fraction": 0.57}


@pytest.mark.parametrize("key", ["patients", "regions"])
def test_a_spelling_has_one_name(key):
    with pytest.raises(ValidationError, match="'X1' is given to 'A' and to 'B'"):
        mapping(**{key: {"A": ["X1"], "B": ["X1"]}})
