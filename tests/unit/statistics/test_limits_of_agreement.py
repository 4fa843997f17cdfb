import math

import numpy as np
import pytest
from scipy import stats

from theradose.statistics.agreement import bland_altman
from theradose.statistics.limits_of_agreement import Spread, exact_reaches, first_order_reaches


def single(n, variance=1.0):
    return Spread(((variance, n - 1),), variance / n, n - 1, math.nan, n)


@pytest.mark.parametrize(
    ("n", "factor"),
    [(10, 2.911), (20, 2.396), (50, 2.065)],
)
def test_outer_end_is_the_tolerance_factor_of_the_tables(n, factor):
    """One-sided factors of a normal distribution that cover 95 % with 95 % confidence, as every table prints them."""
    z = stats.norm.ppf(0.95)
    outer, _, by = exact_reaches(single(n), z=z, level=0.90)
    assert z + outer == pytest.approx(factor, abs=5e-4) and by == "noncentral t"


def test_exact_intervals_reach_farther_out_than_in():
    exact, first = (bland_altman(*series(), exact=way) for way in (True, False))
    assert exact.lower.value == first.lower.value and exact.upper.value == first.upper.value
    assert exact.upper.high - exact.upper.value > first.upper.high - first.upper.value
    assert exact.upper.value - exact.upper.low < exact.upper.high - exact.upper.value
    assert exact.upper.high - exact.upper.value == pytest.approx(exact.lower.value - exact.lower.low)
    assert exact.bias == first.bias


def series(n=12, seed=4):
    rng = np.random.default_rng(seed)
    return 50 + 2 * rng.standard_normal(n), 50 + 2 * rng.standard_normal(n)


@pytest.mark.parametrize("reaches", [exact_reaches, first_order_reaches])
def test_coverage_with_one_pair_per_patient(reaches):
    """20,000 samples of 8 normal differences: exact ends are missed by 2.5 % each, within 4 standard errors (0.44 %);
    first-order ones miss the outer side more often, which is why there are exact ones."""
    rng = np.random.default_rng(1)
    z, n = stats.norm.ppf(0.975), 8
    differences = rng.standard_normal((20_000, n))
    means, variances = differences.mean(axis=1), differences.var(axis=1, ddof=1)
    outer, inner, _ = reaches(single(n), z=z, level=0.95)
    sds = np.sqrt(variances)
    too_low = np.mean(means + z * sds + outer * sds < z)
    too_high = np.mean(means + z * sds - inner * sds > z)
    if reaches is exact_reaches:
        assert (too_low, too_high) == (pytest.approx(0.025, abs=0.0044), pytest.approx(0.025, abs=0.0044))
    else:
        assert too_low > 0.035


def test_recovered_intervals_cover_with_several_pairs_per_patient():
    """1,500 cohorts of 15 patients with 1 to 4 pairs: 95 % of the limits are held, within 4 standard errors (2.3 %)."""
    rng = np.random.default_rng(11)
    z = stats.norm.ppf(0.975)
    between, within, n = 1.0, 0.7, 1500
    hits = np.zeros(2)
    truth = z * math.hypot(between, within)
    for _ in range(n):
        patients = np.repeat(np.arange(15), rng.integers(1, 5, 15))
        differences = between * rng.standard_normal(15)[patients] + within * rng.standard_normal(len(patients))
        result = bland_altman(100 + differences, np.full(len(patients), 100.0), subjects=patients, exact=True)
        assert result.limits_by == "recovered variances"
        hits += [result.lower.low <= -truth <= result.lower.high, result.upper.low <= truth <= result.upper.high]
    assert hits / n == pytest.approx([0.95, 0.95], abs=0.023)


def test_equal_differences_have_no_width():
    result = bland_altman([2.0, 3.0, 4.0], [1.0, 2.0, 3.0], exact=True)
    assert result.upper.low == result.upper.high == result.bias.value == 1.0
