from __future__ import annotations

from pathlib import Path

import pytest

from theradose.errors import StudyError
from theradose.formats.tables_vois import read_voi_rows

EXAMPLE = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "marrow" / "vois.csv"


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "vois.csv"
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_example():
    rows = read_voi_rows(EXAMPLE)
    subject, cycle, first = rows[0]
    assert (subject, cycle, len(rows)) == ("P001", "1", 7)
    assert first.concentration_mbq_l == pytest.approx(6.41 / 0.0785)
    assert first.u_mbq_l == pytest.approx(0.32 / 0.0785)
    assert (first.volume_ml, first.density_g_per_ml, first.t_h, first.origin.line) == (78.5, 1.13, 4.2, 3)


def test_concentration_needs_no_volume(table):
    ((_, _, image),) = read_voi_rows(table("measured_at,concentration_mbq_l\n2026-03-02T14:00,80\n"))
    assert (image.concentration_mbq_l, image.volume_ml, image.quantity) == (80, None, "concentration_mbq_l")
    assert image.t_h is None and image.measured_at is not None


@pytest.mark.parametrize(
    ("content", "code", "column"),
    [
        ("t_h,activity_mbq,volume_ml\n-1,5,80\n", "sample-time-negative", "t_h"),
        ("volume_ml,activity_mbq\n80,5\n", "image-time-missing", "t_h"),
        ("t_h,volume_ml\n4,80\n", "voi-value", "activity_mbq"),
        ("t_h,volume_ml,activity_mbq,concentration_mbq_l\n4,80,5,60\n", "voi-value", "activity_mbq"),
        ("t_h,activity_mbq\n4,5\n", "voi-volume-missing", "volume_ml"),
        ("t_h,activity_mbq,volume_ml\n4,0,80\n", "sample-not-positive", "activity_mbq"),
        ("t_h,activity_mbq,volume_ml,density_g_ml\n4,5,80,-1\n", "sample-not-positive", "density_g_ml"),
        ("t_h,concentration_mbq_l,u_activity_mbq\n4,60,3\n", "voi-u", "u_activity_mbq"),
        ("t_h,activity_mbq,volume_ml,u_concentration_mbq_l\n4,5,80,3\n", "voi-u", "u_concentration_mbq_l"),
    ],
)
def test_refusals_say_where(table, content, code, column):
    with pytest.raises(StudyError) as caught:
        read_voi_rows(table(content))
    assert caught.value.code == code
    assert f"line 2, column '{column}'" in str(caught.value)


def test_unknown_column_is_refused(table):
    with pytest.raises(StudyError, match="unknown column 'density'"):
        read_voi_rows(table("t_h,activity_mbq,density\n4,5,1.1\n"))
