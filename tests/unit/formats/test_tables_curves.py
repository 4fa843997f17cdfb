import numpy as np
import pytest

from theradose.errors import StudyError
from theradose.formats.tables_curves import read_curves

HEADER = "subject,region,t_h,activity_mbq,u_mbq\n"


@pytest.fixture
def table(tmp_path):
    def write(rows, header=HEADER):
        path = tmp_path / "curves.csv"
        path.write_text(header + rows)
        return path

    return write


def test_subjects_and_regions_in_order_of_appearance(table):
    rows = "b,kidney,4,9,0.5\na,kidney,4,8,0.4\nb,liver,4,7,0.3\nb,kidney,24,6,0.2\n"
    curves = read_curves(table(rows))
    assert [(item.subject, item.curve.region) for item in curves] == [("b", "kidney"), ("a", "kidney"), ("b", "liver")]
    np.testing.assert_array_equal(curves[0].curve.t_h, [4, 24])
    np.testing.assert_array_equal(curves[0].curve.u_independent_mbq, [0.5, 0.2])
    assert curves[0].findings == ()


def test_rows_out_of_order_are_sorted_and_said(table):
    (item,) = read_curves(table("a,kidney,24,6,0.2\na,kidney,4,9,0.5\n"))
    np.testing.assert_array_equal(item.curve.activity_mbq, [9, 6])
    assert [finding.code for finding in item.findings] == ["points-sorted"]
    assert "line 3" in item.findings[0].message


def test_relative_uncertainty_fills_empty_cells_only(table):
    (item,) = read_curves(table("a,kidney,4,9,0.5\na,kidney,24,6,\n"), relative_u=0.1)
    np.testing.assert_allclose(item.curve.u_independent_mbq, [0.5, 0.6])


def test_column_of_uncertainties_may_be_absent(table):
    path = table("a,kidney,4,9\na,kidney,24,6\n", "subject,region,t_h,activity_mbq\n")
    (item,) = read_curves(path, relative_u=0.05)
    np.testing.assert_allclose(item.curve.u_independent_mbq, [0.45, 0.3])


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ("a,kidney,-4,9,0.5\n", "curve-time", ("line 2", "'t_h'", "-4")),
        ("a,kidney,4,9,0.5\na,kidney,24,6,0.2\na,kidney,4,8,0.5\n", "curve-duplicate", ("line 4", "line 2", "'t_h'")),
        ("a,kidney,4,nine,0.5\n", "table-number", ("line 2", "'activity_mbq'", "nine")),
        ("a,kidney,inf,9,0.5\n", "table-number", ("line 2", "'t_h'")),
        ("a,kidney,,9,0.5\n", "table-cell-empty", ("line 2", "'t_h'")),
        ("a,,4,9,0.5\n", "table-cell-empty", ("line 2", "'region'")),
        ("a,kidney,4,9,\n", "uncertainty-missing", ("line 2", "'u_mbq'", "--relative-u")),
        ("a,kidney,4,9,0\n", "uncertainty-invalid", ("line 2", "'u_mbq'", "positive")),
        ("a,kidney,4,9,-0.1\n", "uncertainty-invalid", ("line 2", "'u_mbq'")),
        ("a,kidney,4,9,0.5,1\n", "table-row", ("line 2",)),
    ],
)
def test_refusals_name_row_and_column(table, rows, code, words):
    with pytest.raises(StudyError, match="curves.csv") as caught:
        read_curves(table(rows))
    assert caught.value.code == code
    assert all(word in str(caught.value) for word in words)


def test_a_relative_uncertainty_cannot_weigh_a_zero(table):
    with pytest.raises(StudyError, match="line 3") as caught:
        read_curves(table("a,kidney,4,9,\na,kidney,24,0,\n"), relative_u=0.05)
    assert caught.value.code == "uncertainty-invalid"


def test_the_table_of_a_run_is_read(request):
    curves = read_curves(request.config.rootpath / "docs/formats/examples/tables/curves.csv")
    assert curves
