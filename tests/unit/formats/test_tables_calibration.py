from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from theradose.errors import StudyError
from theradose.formats.tables_calibration import read_constancy, read_known_sources, read_rates, read_spheres

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "calibration"
AT = datetime(2026, 2, 16, 8)
HEADER = "measured_at,counts,counting_s,background_counts,background_s,nuclide,activity_mbq,u_activity_mbq,activity_at"
ROW = "2026-02-16T10:00,5000,60,100,60,Lu-177,10,0.2,2026-02-16T08:00"


def table(tmp_path, *rows, header=HEADER):
    path = tmp_path / "table.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_documented_examples_are_read():
    counts = read_known_sources(EXAMPLES / "counts.csv", nuclide="Lu-177")
    assert (len(counts), counts[0].activity_mbq, counts[0].counting.background_s) == (3, 100.2, 600)
    assert counts[0].relative_u_activity == pytest.approx(2 / 100.2)
    assert {source.volume_ml for source in read_known_sources(EXAMPLES / "standards.csv", nuclide="Lu-177")} == {1.0}
    assert [s.distance_cm for s in read_known_sources(EXAMPLES / "probe.csv", nuclide="Lu-177")] == [200, 150]
    assert {reading.arrangement for reading in read_rates(EXAMPLES / "rates.csv")} == {None}
    assert [reading.arrangement for reading in read_rates(EXAMPLES / "two_sources.csv")] == ["1", "1+2", "2"]
    spheres = read_spheres(EXAMPLES / "spheres.csv")
    assert spheres[1].position_mm == (28.6, 49.5, 0.0) and spheres[1].relative_u_volume == pytest.approx(0.01 / 1.15)
    assert [reading.nuclide for reading in read_constancy(EXAMPLES / "constancy.csv")] == ["Cs-137", "Cs-137"]


def test_options_hold_where_the_table_is_silent(tmp_path):
    path = table(tmp_path, "2026-02-16T10:00,5000,60", header="measured_at,counts,counting_s")
    (source,) = read_known_sources(path, nuclide="Lu-177", activity_mbq=10, activity_at=AT, relative_u_activity=0.03)
    assert (source.activity_mbq, source.activity_at, source.relative_u_activity) == (10, AT, 0.03)
    assert source.counting.background_counts is None
    (reading,) = read_constancy(path, source="Cs-1", nuclide="Cs-137")
    assert (reading.source, reading.nuclide) == ("Cs-1", "Cs-137")


def test_spheres_of_one_concentration(tmp_path):
    path = table(tmp_path, "2.5,1,2,3", header="volume_ml,x_mm,y_mm,z_mm")
    (sphere,) = read_spheres(path, concentration_mbq_ml=2.0, activity_at=AT)
    assert (sphere.activity_mbq, sphere.name, sphere.relative_u_activity) == (5.0, "line 2", None)


def row(column, value):
    cells = dict(zip(HEADER.split(","), ROW.split(","), strict=True))
    return ",".join({**cells, column: value}.values())


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("counts", "0", "sample-not-positive"),
        ("counts", "-5", "sample-not-positive"),
        ("counts", "", "table-cell-empty"),
        ("counts", "5e", "table-number"),
        ("counting_s", "-60", "sample-not-positive"),
        ("background_counts", "-1", "sample-not-positive"),
        ("background_counts", "", "background-counts"),
        ("background_s", "", "background-time"),
        ("background_s", "0", "sample-not-positive"),
        ("measured_at", "", "table-cell-empty"),
        ("measured_at", "16.02.2026", "table-moment"),
        ("nuclide", "I-131", "nuclide-conflict"),
        ("nuclide", "Xx-1", "nuclide-unknown"),
        ("activity_mbq", "0", "sample-not-positive"),
        ("activity_mbq", "", "source-activity"),
        ("activity_at", "", "source-activity-at"),
        ("u_activity_mbq", "-1", "sample-not-positive"),
    ],
)
def test_bad_cells_are_refused_with_row_and_column(tmp_path, column, value, code):
    with pytest.raises(StudyError) as caught:
        read_known_sources(table(tmp_path, ROW, row(column, value)), nuclide="Lu-177")
    assert caught.value.code == code
    assert "line 3" in str(caught.value) and f"'{column}'" in str(caught.value)


def test_a_unit_is_part_of_the_header(tmp_path):
    with pytest.raises(StudyError) as caught:
        read_known_sources(table(tmp_path, ROW, header=HEADER.replace("activity_mbq", "activity", 1)), nuclide="Lu-177")
    assert caught.value.code == "table-header" and "activity_mbq" in str(caught.value)


@pytest.mark.parametrize(
    ("read", "header", "cells", "code", "column"),
    [
        (read_rates, "measured_at,counts,counting_s,source", "2026-02-16T10:00,5,60,both", "rates-source", "source"),
        (read_constancy, "measured_at,counts,counting_s,source", "2026-02-16T10:00,5,60,A", "constancy-source",
         "nuclide"),
        (read_spheres, "volume_ml,x_mm,y_mm,z_mm", "2.5,1,2,3", "source-activity", "activity_mbq"),
        (read_spheres, "volume_ml,x_mm,y_mm,z_mm,activity_mbq", "2.5,1,2,3,4", "source-activity-at", "activity_at"),
        (read_spheres, "volume_ml,x_mm,y_mm,z_mm,activity_mbq", "0,1,2,3,4", "sample-not-positive", "volume_ml"),
    ],
)  # fmt: skip
def test_other_tables_refuse_with_row_and_column(tmp_path, read, header, cells, code, column):
    with pytest.raises(StudyError) as caught:
        read(table(tmp_path, cells, header=header))
    assert caught.value.code == code
    assert f"line 2, column '{column}'" in str(caught.value)
