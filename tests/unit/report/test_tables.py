import csv
import io
from pathlib import Path

import pytest

from theradose.report.tables import HEADERS, write_tables
from unit.report.example import renamed

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "tables"


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def tables(result, tmp_path_factory):
    return {path.stem: path for path in write_tables(result, tmp_path_factory.mktemp("tables"))}


@pytest.mark.parametrize("name", HEADERS)
def test_the_documented_example_has_the_header_that_is_written(tables, name):
    documented = (EXAMPLES / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    assert documented[0] == ",".join(HEADERS[name]) == tables[name].read_text(encoding="utf-8").splitlines()[0]
    assert len(documented) > 1


def test_numbers_are_read_back_exactly(tables, result):
    for row, region in zip(rows_of(tables["regions"]), result.regions, strict=True):
        assert float(row["dose_gy"]) == region.dose_gy.value
        assert float(row["u_dose_gy"]) == region.dose_gy.u


def test_unknown_values_are_empty(tables):
    organ = next(row for row in rows_of(tables["regions"]) if row["region"] == "left-kidney")
    assert organ["recovery"] == organ["bed_gy"] == organ["u_bed_gy"] == organ["code"] == ""
    assert any(row["source"] == "density:assumed" and row["share"] == "" for row in rows_of(tables["budget"]))


def test_curves_follow_the_contract(tables, result):
    rows = rows_of(tables["curves"])
    assert list(rows[0]) == ["subject", "region", "t_h", "activity_mbq", "u_mbq"]
    assert {row["subject"] for row in rows} == {"P001"}
    assert len(rows) == sum(len(region.curve.t_h) for region in result.regions)


def test_the_uncertainty_of_a_parameter_is_the_root_of_its_variance(tables, result):
    fit = next(fit for fit in result.regions[0].models if fit.model == "uptake")
    rows = [row for row in rows_of(tables["fits"]) if row["region"] == "left-kidney" and row["model"] == "uptake"]
    assert [row["parameter"] for row in rows] == list(fit.parameters)
    for index, row in enumerate(rows):
        assert float(row["u_parameter"]) ** 2 == pytest.approx(fit.covariance[index][index], rel=1e-12)


def test_the_last_edge_of_a_histogram_has_no_bin(tables, result):
    rows = [row for row in rows_of(tables["dvh"]) if row["region"] == "liver"]
    region = next(region for region in result.regions if region.name == "liver")
    assert len(rows) == len(region.dvh.curve.dose_gy)
    assert rows[-1]["differential_ml_per_gy"] == "" != rows[-2]["differential_ml_per_gy"]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2", "'-2"),
        ("\tx", "'\tx"),
        ("a\r\nb", "a b"),
        ('say "a,b"', 'say "a,b"'),
        ("肾脏", "肾脏"),
    ],
)
def test_names_are_no_formulas_and_stay_on_one_line(result, images, tmp_path, name, cell):
    changed, _ = renamed(result, images, name)
    path = next(path for path in write_tables(changed, tmp_path) if path.stem == "regions")
    assert rows_of(path)[0]["region"] == cell
    assert b"\r" not in path.read_bytes()
