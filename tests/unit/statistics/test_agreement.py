from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theradose.errors import StatisticsError
from theradose.statistics.agreement import bland_altman, concordance, pearson, spearman

WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], float)
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], float)
values = st.lists(st.floats(1, 1000), min_size=4, max_size=12)


def covered(interval, truth):
    return interval.low <= truth <= interval.high


def test_one_pair_per_subject_is_the_simple_form():
    named = bland_altman(WRIGHT, MINI, subjects=[f"P{k}" for k in range(17)])
    assert named == bland_altman(WRIGHT, MINI) or math.isnan(named.sd_within)
    assert (named.bias, named.lower, named.upper) == tuple(
        getattr(bland_altman(WRIGHT, MINI), name) for name in ("bias", "lower", "upper")
    )


def test_balanced_pairs_of_equal_subjects_come_close_to_the_simple_form():
    """Without a part between subjects the variance is that within, whose estimate has almost all degrees of freedom."""
    rng = np.random.default_rng(3)
    differences = rng.standard_normal(400)
    second = np.full(400, 50.0)
    simple, grouped = (bland_altman(second + differences, second, subjects=s) for s in (None, np.arange(400) // 2))
    assert grouped.sd == pytest.approx(simple.sd, rel=0.02)
    assert grouped.bias.value == simple.bias.value


def test_intervals_of_repeated_pairs_cover():
    """1,000 cohorts of 15 subjects with 1 to 4 pairs: bias and limits hold the truth in 95 % within 4 standard errors
    of a proportion (2.8 %), to which the limits' first-order standard error adds some."""
    rng = np.random.default_rng(11)
    z = stats.norm.ppf(0.975)
    between, within, bias, n = 1.0, 0.7, 0.4, 1000
    hits = np.zeros(3)
    for _ in range(n):
        subjects = np.repeat(np.arange(15), rng.integers(1, 5, 15))
        differences = bias + between * rng.standard_normal(15)[subjects] + within * rng.standard_normal(len(subjects))
        result = bland_altman(100 + differences, np.full(len(subjects), 100.0), subjects=subjects)
        reach = z * math.hypot(between, within)
        hits += [
            covered(result.bias, bias),
            covered(result.lower, bias - reach),
            covered(result.upper, bias + reach),
        ]
    assert hits[0] / n == pytest.approx(0.95, abs=0.028)
    assert (hits[1:] / n > 0.90).all() and (hits[1:] / n < 0.98).all()


@given(first=values, factor=st.floats(0.1, 10))
@settings(max_examples=40, deadline=None)
def test_units_do_not_matter(first, factor):
    one = np.array(first)
    other = one * 1.1 + np.sin(np.arange(len(one)))
    here, there = bland_altman(one, other), bland_altman(factor * one, factor * other)
    assert there.bias.value == pytest.approx(factor * here.bias.value, rel=1e-9, abs=1e-9)
    assert there.upper.high == pytest.approx(factor * here.upper.high, rel=1e-9, abs=1e-9)
    assert concordance(one, other).value == pytest.approx(
        concordance(factor * one, factor * other).value, rel=1e-9, abs=1e-12
    )


def test_relative_differences():
    """1.5 and 1 differ by 0.5 of 1.25: 40 %, whatever the size."""
    result = bland_altman([1.5, 3.0, 15.0, 6.0], [1.0, 2.0, 10.0, 4.0], relative=True)
    assert result.bias.value == pytest.approx(40.0)
    assert result.sd == pytest.approx(0.0, abs=1e-12)


def test_slope_of_a_proportional_difference():
    second = np.linspace(10, 100, 30)
    result = bland_altman(1.2 * second, second)
    assert result.slope.value == pytest.approx(0.2 / 1.1)


def test_concordance_is_that_of_its_definition():
    """By hand: 1,2,3,4 and 2,3,4,5 have s12 = s1² = s2² = 1.25 and a shift of 1: 2.5/3.5."""
    assert concordance([1, 2, 3, 4], [2, 3, 4, 5]).value == pytest.approx(2.5 / 3.5)
    assert concordance([1, 2, 3, 4], [1, 2, 3, 4]).value == 1.0
    assert concordance([1, 2, 3, 4], [4, 3, 2, 1]).value == pytest.approx(-1.0)


def test_standard_error_of_the_concordance_agrees_with_the_jackknife():
    """In the transformed scale; both are first-order, so that they agree within a third at 17 pairs."""
    whole = concordance(WRIGHT, MINI)
    kept = [np.arange(17) != k for k in range(17)]
    left_out = np.arctanh([concordance(WRIGHT[rows], MINI[rows]).value for rows in kept])
    jackknife = math.sqrt(16 / 17 * np.sum((left_out - left_out.mean()) ** 2))
    own = (math.atanh(whole.high) - math.atanh(whole.low)) / (2 * stats.norm.ppf(0.975))
    assert own == pytest.approx(jackknife, rel=0.33)


def test_interval_of_the_concordance_covers():
    """1,000 samples of 40 normal pairs: 95 % within 4 standard errors of a proportion, 2.8 %."""
    rng = np.random.default_rng(5)
    rho, shift, scale = 0.85, 0.4, 1.3
    truth = 2 * rho * scale / (1 + scale**2 + shift**2)
    hits = 0
    for _ in range(1000):
        one = rng.standard_normal(40)
        other = shift + scale * (rho * one + math.sqrt(1 - rho**2) * rng.standard_normal(40))
        hits += covered(concordance(one, other), truth)
    assert hits / 1000 == pytest.approx(0.95, abs=0.028)


def test_correlations_with_intervals():
    linear, rank = pearson(WRIGHT, MINI), spearman(WRIGHT, MINI)
    assert linear.value == pytest.approx(np.corrcoef(WRIGHT, MINI)[0, 1])
    ranks = [stats.rankdata(series) for series in (WRIGHT, MINI)]
    assert rank.value == pytest.approx(np.corrcoef(*ranks)[0, 1])
    # Fisher: atanh(r) ± 1.96/√14.
    assert math.atanh(linear.high) - math.atanh(linear.value) == pytest.approx(1.959964 / math.sqrt(14), rel=1e-6)
    assert rank.low < rank.value < rank.high and rank.p < 1e-4


def test_constant_series_have_no_correlation():
    assert math.isnan(pearson([1, 1, 1, 1], [1, 2, 3, 4]).value)
    assert math.isnan(spearman([1, 2, 3, 4], [2, 2, 2, 2]).p)


@pytest.mark.parametrize(
    ("first", "second", "options", "code"),
    [
        ([1, 2], [1, 2], {}, "agreement-pairs"),
        ([1, 2, 3], [1, 2], {}, "agreement-pairs"),
        ([1, 2, 3], [1, 2, 4], {"subjects": ["A", "A", "B"]}, "agreement-pairs"),
        ([1, 2, 3], [1, 2, 4], {"subjects": ["A", "B"]}, "agreement-pairs"),
        ([1, 2, math.nan], [1, 2, 3], {}, "agreement-values"),
        ([1, 2, 0], [1, 2, 3], {"relative": True}, "agreement-values"),
    ],
)
def test_refusals(first, second, options, code):
    with pytest.raises(StatisticsError) as caught:
        bland_altman(first, second, **options)
    assert caught.value.code == code


def test_equal_values_have_no_concordance():
    with pytest.raises(StatisticsError) as caught:
        concordance([2, 2, 2], [2, 2, 2])
    assert caught.value.code == "agreement-values"
