from __future__ import annotations

import pytest

from theradose.errors import CalibrationError, StudyError
from theradose.formats.tables import read_recovery, read_table


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "rc_nm670.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_recovery(table):
    points = read_recovery(
        table("# NEMA spheres\nvolume_ml,recovery,u_recovery\n\n0.5,0.17,0.02\r\n 26 , 0.87 ,0.01\n")
    )
    assert points.name == "rc_nm670"
    assert list(points.volume_ml) == [0.5, 26.0]
    assert list(points.recovery) == [0.17, 0.87]
    assert list(points.u_recovery) == [0.02, 0.01]


def test_columns_in_any_order_and_byte_order_mark(table):
    points = read_recovery(table(b"\xef\xbb\xbfu_recovery,volume_ml,recovery\n0.02,0.5,0.17\n"))
    assert list(points.volume_ml) == [0.5]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("", "table-empty", "first line"),
        ("volume_ml,recovery,u_recovery\n", "table-empty", "no rows"),
        ("volume,recovery,u_recovery\n1,0.5,0.1\n", "table-header", "'volume'"),
        ("volume_ml,recovery\n1,0.5\n", "table-header", "'u_recovery'"),
        ("volume_ml,recovery,u_recovery,recovery\n1,0.5,0.1,2\n", "table-header", "twice"),
        ("volume_ml;recovery;u_recovery\n1;0,5;0,1\n", "table-header", "separated by semicolons"),
        ("volume_ml,recovery,u_recovery\n1,0,5,0.1\n", "table-row", "line 2"),
        ("volume_ml,recovery,u_recovery\n1,0.5,\n", "table-cell-empty", "u_recovery"),
        ("volume_ml,recovery,u_recovery\n1,half,0.1\n", "table-number", "half"),
        ("volume_ml,recovery,u_recovery\n1,nan,0.1\n", "table-number", "nan"),
        ("volume_ml,recovery,u_recovery\n1,inf,0.1\n", "table-number", "inf"),
        (b"\xff\xfe\x00", "table-unreadable", "UTF-8"),
    ],
)
def test_refusals_say_where(table, content, code, words):
    with pytest.raises(StudyError, match="rc_nm670.csv") as caught:
        read_recovery(table(content))
    assert caught.value.code == code
    assert words in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(StudyError) as caught:
        read_recovery(tmp_path / "none.csv")
    assert caught.value.code == "table-unreadable"


def test_meaningless_recovery(table):
    with pytest.raises(CalibrationError) as caught:
        read_recovery(table("volume_ml,recovery,u_recovery\n1,0.5,0\n"))
    assert caught.value.code == "recovery-not-positive"


def test_optional_columns(table):
    (row,) = read_table(table("t_h,specimen\n1.5,\n"), columns=("t_h", "counts", "specimen"), needed=("t_h",))
    assert row.number("t_h") == 1.5
    assert row.optional_number("counts") is None
    assert row.text("specimen") is None


def test_quoted_cells(table):
    (row,) = read_table(table('subject,region\n"Doe, J",liver\n'), columns=("subject", "region"), needed=())
    assert row.text("subject") == "Doe, J"


def test_a_cell_too_large_for_csv_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("volume_ml,recovery,u_recovery\n" + "1" * 200_000 + ",1,1\n")
    with pytest.raises(StudyError, match="cannot be read as CSV") as refused:
        read_recovery(path)
    assert refused.value.code == "table-unreadable"
