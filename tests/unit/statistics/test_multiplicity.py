import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theradose.statistics.multiplicity import (
    adjusted_p,
    critical_value,
    studentized_range_p,
    studentized_range_quantile,
)
from theradose.statistics.student import two_sided


@pytest.mark.parametrize("df", [1.2, 2.0, 7.7, 60.0, 5000.0, math.inf])
@pytest.mark.parametrize("t", [0.0, 0.1, 2.0, 6.0, 15.0])
def test_range_of_two_means_is_t(t, df):
    """Exact: the range of two numbers is √2 |t|, in the far tail too."""
    assert studentized_range_p(math.sqrt(2) * t, 2, df) == pytest.approx(two_sided(t, df), rel=1e-10)


@pytest.mark.parametrize(("means", "df", "q"), [(3, 10, 3.8767767492), (4, 20, 3.9582934615), (10, 60, 4.6463239677)])
def test_quantiles_of_r(means, df, q):
    """qtukey(0.95, means, df) of R 4.2.2, whose search stops at steps of 1e-4 and is closer than that by far."""
    assert studentized_range_quantile(0.95, means, df) == pytest.approx(q, abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 6), st.integers(3, 8), st.floats(3, 300))
def test_scipy_agrees(q, means, df):
    assert studentized_range_p(q, means, df) == pytest.approx(stats.studentized_range.sf(q, means, df), abs=1e-8)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 0.999), st.integers(2, 8), st.floats(1.5, 500) | st.just(math.inf))
def test_quantile_inverts_probability(level, means, df):
    q = studentized_range_quantile(level, means, df)
    assert studentized_range_p(q, means, df) == pytest.approx(1 - level, rel=1e-9)


def test_holm_steps_down_and_never_decreases():
    t, df = [3.0, 2.9, 0.1], [20.0] * 3
    single = [two_sided(one, 20.0) for one in t]
    assert adjusted_p(t, df, 3, "holm") == pytest.approx([3 * single[0], max(2 * single[1], 3 * single[0]), single[2]])
    assert adjusted_p(t, df, 3, "bonferroni") == pytest.approx([3 * single[0], 3 * single[1], 1.0])


def test_one_comparison_needs_no_adjustment():
    for adjust in ("tukey", "holm", "bonferroni", "none"):
        assert adjusted_p([2.0], [9.0], 2, adjust) == [two_sided(2.0, 9.0)]
        assert critical_value(0.95, 9.0, 1, 2, adjust) == pytest.approx(stats.t.ppf(0.975, 9))


def test_undefined_degrees_of_freedom_give_no_probability():
    assert math.isnan(studentized_range_p(3.0, 3, -1.0))
    assert math.isnan(studentized_range_quantile(0.95, 3, math.nan))
