import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theradose.errors import StatisticsError
from theradose.statistics.percentiles import fewest_values, percentile_of_ordered, percentiles, rank_in_cohort

numbers = st.lists(st.floats(0.01, 1e4), min_size=3, max_size=60)


@given(values=numbers, percent=st.floats(1, 99))
@settings(max_examples=80, deadline=None)
def test_percentile_stands_at_rank_p_of_n_plus_1(values, percent):
    ordered = np.sort(values)
    rank = percent / 100 * (len(values) + 1)
    found = percentile_of_ordered(ordered, percent)
    if 1 <= rank <= len(values):
        assert found == pytest.approx(np.percentile(ordered, percent, method="weibull"), rel=1e-9)
    else:
        assert math.isnan(found)


def test_ranks_of_the_interval_of_a_median():
    """Of 100 values the 40th and the 61st, as tables of the binomial distribution give them."""
    (median,) = percentiles(np.arange(1, 101.0), [50], patients=range(100))
    assert (median.estimate.value, median.estimate.low, median.estimate.high) == (50.5, 40.0, 61.0)
    assert median.by == "order statistics"


@pytest.mark.parametrize(("percent", "fewest"), [(50, 6), (25, 13), (5, 72), (95, 72)])
def test_fewest_values_have_both_ends_and_one_less_has_not(percent, fewest):
    """0.5^n, 0.75^n and 0.95^n at most 2.5 %."""
    assert fewest_values(percent) == fewest
    for n, both in ((fewest, True), (fewest - 1, False)):
        (found,) = percentiles(np.arange(float(n)), [percent], patients=range(n))
        assert (not math.isnan(found.estimate.low) and not math.isnan(found.estimate.high)) == both


def test_order_statistics_cover():
    """4,000 samples of 60: at least 95 %, within 4 standard errors (1.4 %), for any distribution."""
    rng = np.random.default_rng(2)
    truth = stats.lognorm(0.7).ppf([0.25, 0.5, 0.75])
    hits = np.zeros(3)
    for _ in range(4000):
        found = percentiles(np.exp(0.7 * rng.standard_normal(60)), [25, 50, 75], patients=range(60))
        hits += [item.estimate.low <= value <= item.estimate.high for item, value in zip(found, truth, strict=True)]
    assert (hits / 4000 >= 0.95 - 0.014).all()


def clustered(rng, patients=40, cycles=4, between=1.0, within=0.3):
    members = np.repeat(np.arange(patients), cycles)
    return between * rng.standard_normal(patients)[members] + within * rng.standard_normal(len(members)), members


def test_bootstrap_of_patients_covers_where_values_taken_for_independent_do_not():
    """300 cohorts of 40 patients with 4 cycles each: 95 % within 4 standard errors (5 %)."""
    rng = np.random.default_rng(6)
    hits = np.zeros(2)
    for _ in range(300):
        values, members = clustered(rng)
        for k, patients in enumerate((members, np.arange(len(values)))):
            (found,) = percentiles(values, [50], patients=patients, replicates=400)
            hits[k] += found.estimate.low <= 0 <= found.estimate.high
    assert hits[0] / 300 == pytest.approx(0.95, abs=0.05)
    assert hits[1] / 300 < 0.80


def test_the_same_cohort_has_the_same_interval():
    values, members = clustered(np.random.default_rng(1))
    first, again = (percentiles(values, [5, 50, 95], patients=members) for _ in range(2))
    assert first == again and first[0].by == "bootstrap of patients"
    shuffled = np.random.default_rng(3).permutation(len(values))
    other = percentiles(values[shuffled], [50], patients=members[shuffled])
    assert other[0].estimate.value == first[1].estimate.value


@pytest.mark.parametrize("below", [0, 1, 7, 20])
def test_rank_of_independent_values_is_clopper_and_pearson(below):
    values = np.arange(20.0)
    found = rank_in_cohort(below - 0.5, values, patients=range(20))
    exact = stats.binomtest(below, 20).proportion_ci(0.95, method="exact")
    assert found.value == pytest.approx(5 * below)
    assert (found.low, found.high) == (pytest.approx(100 * exact.low, abs=1e-9), pytest.approx(100 * exact.high))


def test_ties_count_half():
    assert rank_in_cohort(2.0, [1.0, 2.0, 2.0, 3.0], patients="abcd").value == 50.0


def test_rank_covers_with_several_values_per_patient():
    """500 cohorts: the share of all patients' values below the truth is held in 95 %, within 4 standard errors (3.9 %);
    the interval is conservative where few values count."""
    rng = np.random.default_rng(8)
    truth = 100 * stats.norm.cdf(0.6 / math.hypot(1.0, 0.3))
    hits = 0
    for _ in range(500):
        values, members = clustered(rng, patients=30)
        found = rank_in_cohort(0.6, values, patients=members)
        hits += found.low <= truth <= found.high
    assert hits / 500 > 0.95 - 0.039


@pytest.mark.parametrize(("values", "patients"), [([], []), ([1.0, math.nan], "ab"), ([1.0, 2.0], "a")])
def test_refusals(values, patients):
    with pytest.raises(StatisticsError) as caught:
        percentiles(values, [50], patients=patients)
    assert caught.value.code == "percentile-values"
