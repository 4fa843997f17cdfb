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
        ("a,kidney,24,6,0.2\na,kidney,4,9,0.5\n", "curve-order", ("line 3", "'t_h'", "24 to 4")),
        ("a,kidney,4,9,0.5\na,kidney,24,0,0.5\n", "curve-not-positive", ("line 3", "'activity_mbq'")),
        ("a,kidney,4,-9,0.5\n", "curve-not-positive", ("line 2", "'activity_mbq' is -9")),
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


def rows_of(points):
    return "".join(f"a,kidney,{t},{a},0.1\n" for t, a in points)


def test_times_that_start_again_are_two_cycles(table):
    with pytest.raises(StudyError, match="curves.csv, line 5: 't_h' .* goes back from 96 to 4.1") as caught:
        read_curves(table(rows_of([(4, 9), (24, 6), (96, 2), (4.1, 8), (25, 5), (97, 1)])))
    assert caught.value.code == "curve-order"


def test_times_that_go_on_weeks_later_are_two_cycles(table):
    with pytest.raises(StudyError, match="curves.csv, line 5: 't_h' 1348 .* 1252 h after line 4") as caught:
        read_curves(table(rows_of([(4, 9), (24, 6), (96, 2), (1348, 8), (1368, 5)])))
    assert caught.value.code == "curve-two-cycles"


def test_two_stated_cycles_of_one_subject_and_region(table):
    header = "subject,cycle,region,t_h,activity_mbq,u_mbq\n"
    rows = "a,1,kidney,4,9,0.5\na,1,kidney,24,6,0.2\na,2,kidney,96,2,0.1\n"
    with pytest.raises(StudyError, match="line 4: 'cycle' is 2, but 1 in line 2") as caught:
        read_curves(table(rows, header))
    assert caught.value.code == "curve-two-cycles"
    assert len(read_curves(table(rows.replace("a,2,", "b,2,"), header))) == 2


@pytest.mark.parametrize(
    ("activities", "line"),
    [
        ((3050, 2.6, 1.75, 0.78), None),  # the first point of a fast clearance can be as high
        ((3.05, 2600, 1.75, 0.78), 3),
        ((3.05, 2.6, 0.00175, 0.78), 4),
        ((3.05, 2.6, 1.75, 780), 5),
        ((3.05, 2.6, 1.75, 0.00078), 5),  # far below where the exponentials before it lead
        ((80000, 60000, 40, 30), 4),
        ((0.003, 2.6, 1.75, 0.78), None),  # and the first lie before uptake
        ((100, 0.02, 0.015, 0.01), None),
    ],
)
def test_mixed_units_are_refused_where_nothing_else_explains_them(table, activities, line):
    rows = rows_of(zip((4, 24, 48, 96), activities, strict=True))
    if line is None:
        assert read_curves(table(rows))
        return
    with pytest.raises(StudyError, match=f"line {line}: 'activity_mbq' .* in MBq") as caught:
        read_curves(table(rows))
    assert caught.value.code == "curve-units"


def test_a_unit_in_a_cell_is_refused(table):
    with pytest.raises(StudyError, match="line 2: '3050 kBq' in column 'activity_mbq'") as caught:
        read_curves(table("a,kidney,4,3050 kBq,0.5\n"))
    assert caught.value.code == "table-number"


def test_the_table_of_a_run_is_read(request):
    curves = read_curves(request.config.rootpath / "docs/formats/examples/tables/curves.csv")
    assert curves
