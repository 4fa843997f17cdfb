import numpy as np
import pytest

from theradose.errors import StatisticsError
from theradose.statistics.design import Factor, Interaction, Numeric, build_design
from theradose.statistics.linear.effect_tests import coefficient_tests
from theradose.statistics.linear.marginal_means import marginal_means, marginal_slopes
from theradose.statistics.linear.mixed import RandomEffect, fit_linear_mixed


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(1)
    n = 90
    patient = rng.integers(0, 20, n)
    dose = Numeric("dose", rng.lognormal(4, 0.4, n))
    grade, site = (Factor(name, rng.integers(0, levels, n)) for name, levels in (("grade", 2), ("site", 3)))
    naive = Numeric("naive", (rng.random(20) < 0.3)[patient])
    y = 0.05 * dose.values + 2 * grade.codes + rng.standard_normal(20)[patient] + rng.standard_normal(n)
    design = build_design([dose, grade, site, naive, Interaction(dose, grade)])
    return fit_linear_mixed(response=y, design=design, random=[RandomEffect("patient", patient)])


def test_numbers_are_at_their_mean_and_two_values_count_as_levels(fit):
    means = marginal_means(fit, "grade")
    assert means.at == {"dose": pytest.approx(fit.design.numbers["dose"].values.mean())}
    b = dict(zip(fit.design.names, fit.coefficients, strict=True))
    expected = b["(intercept)"] + b["dose"] * means.at["dose"] + (b["site[1]"] + b["site[2]"]) / 3 + b["naive"] / 2
    assert means.means[0].mean.estimate == pytest.approx(expected)


def test_difference_of_two_levels_is_the_coefficient_where_the_other_is_zero(fit):
    (difference,) = marginal_means(fit, "grade", at={"dose": 0.0}).differences
    coefficient = coefficient_tests(fit)[2]
    assert (difference.first, difference.second) == (("0",), ("1",))
    assert difference.difference.estimate == pytest.approx(-coefficient.estimate)
    assert difference.difference.p == pytest.approx(coefficient.p)
    assert difference.p_single == difference.difference.p


def test_adjustments_are_ordered(fit):
    p = {a: marginal_means(fit, "site", adjust=a).differences for a in ("none", "tukey", "holm", "bonferroni")}
    for k in range(3):
        single, tukey, holm, bonferroni = (p[a][k].difference.p for a in p)
        assert single <= tukey <= bonferroni + 1e-12
        assert single <= holm <= bonferroni
        assert p["tukey"][k].p_single == single
        assert p["none"][k].difference.low > p["tukey"][k].difference.low > p["bonferroni"][k].difference.low


def test_means_within_levels_of_others(fit):
    means = marginal_means(fit, "site", by="grade")
    assert [(one.levels, one.by) for one in means.means][:4] == [
        (("0",), ("0",)),
        (("1",), ("0",)),
        (("2",), ("0",)),
        (("0",), ("1",)),
    ]
    assert len(means.differences) == 6
    both = marginal_means(fit, ("site", "grade"))
    assert [one.mean.estimate for one in both.means] == pytest.approx([one.mean.estimate for one in means.means])
    assert len(both.differences) == 15


def test_slopes(fit):
    slopes = marginal_slopes(fit, "dose", "grade")
    b = dict(zip(fit.design.names, fit.coefficients, strict=True))
    assert [one.mean.estimate for one in slopes.means] == pytest.approx([b["dose"], b["dose"] + b["dose:grade[1]"]])
    (one,) = marginal_slopes(fit, "dose").means
    assert one.mean.estimate == pytest.approx(b["dose"] + b["dose:grade[1]"] / 2)


def test_weights_of_cells_give_the_means_of_the_rows():
    """Without other terms, the mean over the cells of a factor weighted as they are is near the mean of its rows."""
    rng = np.random.default_rng(2)
    a, b = Factor("a", rng.integers(0, 2, 60)), Factor("b", rng.integers(0, 2, 60))
    y = a.codes + 3 * b.codes + rng.standard_normal(60)
    fit = fit_linear_mixed(
        response=y,
        design=build_design([a, b, Interaction(a, b)]),
        random=[RandomEffect("patient", np.arange(60) // 3)],
    )
    found = [one.mean.estimate for one in marginal_means(fit, "a", weights="cells").means]
    assert found == pytest.approx([fit.fitted_fixed[a.codes == k].mean() for k in (0, 1)])


@pytest.mark.parametrize(
    ("code", "words", "arguments", "options"),
    [
        ("unknown-variable", "dose is no factor", ("dose",), {}),
        ("unknown-variable", "colour is no factor", ("colour",), {}),
        ("unknown-variable", "grade is no factor", ("grade",), {"by": "grade"}),
        ("unknown-variable", "age cannot be held", ("grade",), {"at": {"age": 3}}),
        ("unknown-level", "9 is no level of site", ("grade",), {"at": {"site": 9}}),
        ("unknown-weights", "size are no weights", ("grade",), {"weights": "size"}),
        ("unknown-adjustment", "scheffe is no adjustment", ("site",), {"adjust": "scheffe"}),
        ("unknown-method", "choose kenward-roger", ("site",), {"method": "kr"}),
    ],
)
def test_refusals(fit, code, words, arguments, options):
    with pytest.raises(StatisticsError, match=words) as error:
        marginal_means(fit, *arguments, **options)
    assert error.value.code == code


def test_slope_of_no_number_is_refused(fit):
    with pytest.raises(StatisticsError, match="grade is no number"):
        marginal_slopes(fit, "grade")
