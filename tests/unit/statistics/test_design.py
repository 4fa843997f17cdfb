import numpy as np
import pytest

from theradose.errors import StatisticsError
from theradose.statistics.design import Factor, Interaction, Numeric, build_design

DOSE = Numeric("dose_gy", [10, 20, 30, 40, 50, 70])
GRADE = Factor("grade", [1, 2, 1, 2, 10, 10])


def test_columns_of_terms():
    design = build_design([DOSE, GRADE, Interaction(DOSE, GRADE)])
    assert design.names == (
        "(intercept)",
        "dose_gy",
        "grade[2]",
        "grade[10]",
        "dose_gy:grade[2]",
        "dose_gy:grade[10]",
    )
    assert design.matrix[3].tolist() == [1, 40, 1, 0, 40, 0]
    assert design.columns["dose_gy:grade"] == slice(4, 6)
    assert design.factors["grade"].levels == ("1", "2", "10")


def test_interaction_without_its_number_has_a_slope_for_every_level():
    design = build_design([GRADE, Interaction(DOSE, GRADE)])
    assert design.names[-3:] == ("dose_gy:grade[1]", "dose_gy:grade[2]", "dose_gy:grade[10]")


def test_without_intercept_the_first_factor_has_every_level():
    sex = Factor("sex", ["M", "F", "M", "M", "F", "F"])
    design = build_design([GRADE, sex], intercept=False)
    assert design.names == ("grade[1]", "grade[2]", "grade[10]", "sex[M]")


def test_a_number_times_itself_is_its_square():
    design = build_design([DOSE, Interaction(DOSE, DOSE)])
    assert (design.matrix[:, 2] == DOSE.values**2).all()
    assert design.at({"dose_gy": 3}).tolist() == [[1, 3, 9]]


def test_reference_level_comes_first():
    factor = Factor("grade", ["G1", "G2", "G3"], reference="G2")
    assert factor.levels == ("G2", "G1", "G3")
    assert factor.codes.tolist() == [1, 0, 2]


def test_intercept_alone():
    design = build_design([], rows=4)
    assert design.matrix.tolist() == [[1.0]] * 4
    assert design.at({}).tolist() == [[1.0]]


def test_rows_at_other_values():
    design = build_design([DOSE, GRADE])
    assert design.at({"dose_gy": [1, 2], "grade": 2}).tolist() == [[1, 1, 1, 0], [1, 2, 1, 0]]
    assert (design.at({"dose_gy": DOSE.values, "grade": GRADE.labels}) == design.matrix).all()


def refused(code, function, *arguments, **options):
    with pytest.raises(StatisticsError) as error:
        function(*arguments, **options)
    assert error.value.code == code
    return str(error.value)


def test_missing_values_are_refused_with_their_row():
    assert "row 2" in refused("missing-value", Numeric, "dose_gy", [1.0, float("nan")])
    assert "dose_gy is high in row 1" in refused("missing-value", Numeric, "dose_gy", ["high"])
    for missing in (None, "", " ", float("nan")):
        assert "grade is missing in row 3" in refused("missing-value", Factor, "grade", ["G1", "G2", missing])


@pytest.mark.parametrize(
    ("code", "words", "terms"),
    [
        ("one-level-factor", "grade has one level, G1", [Factor("grade", ["G1"] * 6)]),
        ("collinear-columns", "The column twice", [DOSE, Numeric("twice", 2 * DOSE.values)]),
        ("collinear-columns", "The column constant", [Numeric("constant", [3.0] * 6)]),
        ("collinear-columns", "The column zero is zero", [Numeric("zero", [0.0] * 6)]),
        ("unequal-lengths", "b has 5 values where others have 6", [DOSE, Factor("b", list("ababa"))]),
        ("duplicate-term", "dose_gy is given twice", [DOSE, DOSE]),
        ("duplicate-term", "dose_gy is given twice", [DOSE, Interaction(GRADE, Numeric("dose_gy", [1] * 6))]),
        ("too-few-rows", "6 rows cannot determine 7 coefficients", [DOSE, Factor("f", list("abcdef"))]),
    ],
)
def test_refusals(code, words, terms):
    assert words in refused(code, build_design, terms)


def test_empty_cell_of_an_interaction_is_named():
    a, b = Factor("a", list("xxyyxxyy")), Factor("b", list("ssssstss"))
    assert "a[y]:b[t] is zero" in refused("collinear-columns", build_design, [a, b, Interaction(a, b)])


def test_nothing_is_refused():
    assert "no columns" in refused("no-columns", build_design, [])


def test_unknown_values_are_refused():
    design = build_design([DOSE, GRADE])
    assert "3 is no level of grade" in refused("unknown-level", design.at, {"dose_gy": 1, "grade": 3})
    assert "grade" in refused("unknown-variable", design.at, {"dose_gy": 1})
    assert "choose one of G1, G2" in refused("unknown-level", Factor, "grade", ["G1", "G2"], reference="G3")


def test_units_do_not_make_columns_collinear():
    small = Numeric("dose", 1e-9 * np.arange(1.0, 7))
    assert build_design([small]).matrix.shape == (6, 2)
