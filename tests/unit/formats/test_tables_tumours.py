"""Tables of tumours, volumes and doses: what they hold, and the one sentence for what they cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from theradose.errors import StudyError
from theradose.formats.tables_tumours import read_doses, read_tumours, read_volumes

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "response"
TUMOURS = "patient,tumour,grade,baseline_ml,reduction_percent,dose_all_cycles_gy"
VOLUMES = "patient,tumour,date,volume_ml"
DOSES = "patient,tumour,cycle,date,dose_gy,u_dose_gy,u_shared_gy,activity_gbq"


def write(tmp_path, name, *lines):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def refusal(read, path):
    with pytest.raises(StudyError) as caught:
        read(path)
    return caught.value


def test_example_with_sums():
    rows = read_tumours(EXAMPLES / "sums.csv")
    assert [row.exclusion for row in rows if row.exclusion] == ["skeletal", "dosimetry"]
    first = rows[0]
    assert (first.key, first.grade, first.primary, first.reduction) == (("P01", "liver 1"), "G2", "pancreas", 0.81)
    assert first.amounts["all-cycles"].dose_gy == 131
    assert (first.time_to_growth_d, first.grew) == (840, False)


def test_example_of_courses():
    rows = read_tumours(EXAMPLES / "tumours.csv")
    volumes, doses = read_volumes(EXAMPLES / "volumes.csv"), read_doses(EXAMPLES / "doses.csv")
    assert {row.key for row in rows} == set(volumes) == set(doses)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("P1,T1,G2,10,70,120", "tumour-twice", "line 3, column 'tumour'"),
        ("P1,T2,G5,10,70,120", "tumour-grade", "'G5' is not a grade"),
        ("P1,T2,G2,10,170,120", "tumour-value", "170 is not at most 100 %"),
        ("P1,T2,G2,-10,70,120", "tumour-value", "-10 is not positive"),
        ("P1,T2,G2,10,70,120000", "tumour-unit", "if it is in mGy"),
        ("P1,T2,G2,10,70,-1", "tumour-value", "-1 is not positive"),
        (",T2,G2,10,70,120", "tumour-name", "column 'patient'"),
        ("P1,T2,G2,10,seventy,120", "table-number", "'seventy'"),
    ],
)
def test_refused_tumours(tmp_path, line, code, words):
    error = refusal(read_tumours, write(tmp_path, "tumours.csv", TUMOURS, "P1,T1,G2,10,70,120", line))
    assert error.code == code
    assert "tumours.csv, line 3" in str(error) and words in str(error)


def test_dose_far_from_the_others_is_in_another_unit(tmp_path):
    rows = [f"P{k},T1,G2,10,70,{3 + k / 10}" for k in range(1, 6)]
    error = refusal(read_tumours, write(tmp_path, "tumours.csv", TUMOURS, *rows, "P9,T1,G2,10,70,3400"))
    assert error.code == "tumour-unit" and "line 7" in str(error) and "times the median" in str(error)


def test_fractions_are_no_per_cent(tmp_path):
    rows = [f"P{k},T1,G2,10,{0.1 * k},100" for k in range(1, 8)]
    error = refusal(read_tumours, write(tmp_path, "tumours.csv", TUMOURS, *rows))
    assert error.code == "tumour-unit" and "line 2" in str(error) and "per cent" in str(error)


@pytest.mark.parametrize("unit", ["mgy", "mGy"])
def test_column_named_in_mgy(tmp_path, unit):
    header = TUMOURS.replace("_gy", f"_{unit}")
    error = refusal(read_tumours, write(tmp_path, "tumours.csv", header, "P1,T1,G2,10,70,120000"))
    assert error.code == "tumour-unit" and "line 1" in str(error) and "'dose_all_cycles_gy'" in str(error)


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        (("P1,T1,2024-05-01,10", "P1,T1,2024-02-01,8"), "table-order", "line 3, column 'date'"),
        (("P1,T1,2024-05-01,10", "P1,T1,2024-05-01,8"), "table-order", "does not come after"),
        (("P1,T1,2024-05-01,10", "P1,T1,2024-06-01,-8"), "tumour-value", "-8 is not zero or positive"),
        (("P1,T1,2024-05-01,10", "P1,T1,1.6.2024,8"), "table-moment", "'1.6.2024' is not a date"),
        (("P1,T1,2024-05-01,10", "P1,T1,2024-06-01,"), "tumour-value", "write 0"),
        (("P1,T1,2024-05-01,24000", "P1,T1,2024-06-01,8"), "tumour-unit", "line 2"),
    ],
)
def test_refused_volumes(tmp_path, lines, code, words):
    error = refusal(read_volumes, write(tmp_path, "volumes.csv", VOLUMES, *lines))
    assert error.code == code and words in str(error)


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        (("P1,T1,1,2024-05-01,30,3,,7.4", "P1,T1,1,2024-08-01,30,3,,7.4"), "cycle-twice", "line 3"),
        (("P1,T1,1,2024-05-01,30,3,,7.4", "P1,T1,2,2024-03-01,30,3,,7.4"), "table-order", "line 3"),
        (("P1,T1,1,2024-05-01,30,3,,7.4", "P1,T2,1,2024-05-02,30,3,,7.4"), "cycle-differs", "one date"),
        (("P1,T1,1,2024-05-01,30,3,,7.4", "P1,T2,1,2024-05-01,30,3,,7.2"), "cycle-differs", "7.2"),
        (("P1,T1,1,2024-05-01,30,3,,7400",), "tumour-unit", "if it is in MBq"),
        (("P1,T1,1,2024-05-01,30000,3,,7.4",), "tumour-unit", "if it is in mGy"),
        (("P1,T1,1,2024-05-01,1.1,,,7.4", "P1,T1,2,2024-08-01,900,,,7.4"), "tumour-unit", "818 times"),
        (("P1,T1,1,2024-05-01,30,3000,,7.4",), "uncertainty-invalid", "larger than the dose of 30 Gy"),
        (("P1,T1,1,2024-05-01,30,3,4,7.4",), "uncertainty-invalid", "part of 'u_dose_gy'"),
        (("P1,T1,,2024-05-01,30,3,,7.4",), "table-cell-empty", "name the cycle"),
    ],
)
def test_refused_doses(tmp_path, lines, code, words):
    error = refusal(read_doses, write(tmp_path, "doses.csv", DOSES, *lines))
    assert error.code == code and words in str(error)
