from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from theradose.errors import StatisticsError
from theradose.statistics.binary.roc import auc_delong, operating_point, roc, youden
from theradose.statistics.binary.roc_bootstrap import auc_bootstrap

rows = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=4, max_size=25)
GRADE_2 = (np.repeat([50, 100, 140, 50, 100, 140], [1, 11, 8, 6, 1, 1]), np.repeat([1, 0], [20, 8]))


def split(drawn):
    score = np.array([row[0] for row in drawn], float)
    outcome = np.array([row[1] for row in drawn])
    return score, outcome


def cohort(seed=1, n=200, patients=40):
    rng = np.random.default_rng(seed)
    patient = rng.integers(patients, size=n)
    effect = rng.normal(size=patients)[patient]
    score = np.round(100 + 30 * effect + 30 * rng.normal(size=n), 0)
    return score, rng.random(n) < 1 / (1 + np.exp(-(effect + (score - 100) / 40))), patient


@settings(deadline=None)
@given(rows)
def test_area_is_the_share_of_pairs_in_order(drawn):
    score, outcome = split(drawn)
    assume(2 <= outcome.sum() <= len(outcome) - 2)
    pairs = np.sign(score[outcome][:, None] - score[~outcome][None, :])
    expected = float(np.mean((pairs + 1) / 2))
    assert roc(score, outcome).auc == pytest.approx(expected, abs=1e-12)
    assert auc_delong(score, outcome).value == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(rows)
def test_the_opposite_score_has_the_complementary_area_with_the_same_variance(drawn):
    score, outcome = split(drawn)
    assume(2 <= outcome.sum() <= len(outcome) - 2)
    one, other = auc_delong(score, outcome), auc_delong(-score, outcome)
    assert other.value == pytest.approx(1 - one.value, abs=1e-12)
    assert other.u == pytest.approx(one.u, abs=1e-9)


@settings(deadline=None)
@given(rows)
def test_points_of_the_curve_are_those_of_counting(drawn):
    score, outcome = split(drawn)
    assume(outcome.any() and not outcome.all())
    curve = roc(score, outcome)
    for threshold, sensitivity, specificity in zip(curve.thresholds, curve.sensitivity, curve.specificity, strict=True):
        assert sensitivity == np.mean(score[outcome] >= threshold)
        assert specificity == np.mean(score[~outcome] < threshold)
    best = youden(curve)
    assert best.youden == pytest.approx(np.max(curve.sensitivity + curve.specificity - 1), abs=1e-12)


class TestOperatingPoint:
    def test_a_score_at_the_cut_off_is_positive(self):
        curve = roc(*GRADE_2)
        assert operating_point(curve, 100).sensitivity.value == 19 / 20
        assert operating_point(curve, math.nextafter(100, 200)).sensitivity.value == 8 / 20

    def test_has_the_exact_interval(self):
        # Clopper and Pearson's interval of 20 of 20 ends at (alpha/2)^(1/20).
        point = operating_point(roc(*GRADE_2), 0)
        assert (point.sensitivity.value, point.sensitivity.high) == (1, 1)
        assert point.sensitivity.low == pytest.approx(0.025 ** (1 / 20), rel=1e-12)
        assert (point.specificity.value, point.specificity.low) == (0, 0)
        assert point.specificity.high == pytest.approx(1 - 0.025 ** (1 / 8), rel=1e-12)

    def test_of_equal_cut_offs_the_most_sensitive_is_best(self):
        best = youden(roc([1, 2, 3, 4], [0, 1, 0, 1]))
        assert (best.threshold, best.sensitivity.value, best.specificity.value) == (1.5, 1, 0.5)


class TestClusters:
    def test_rows_of_their_own_are_independent(self):
        score, outcome, _ = cohort()
        alone = auc_delong(score, outcome, groups=range(len(score)))
        assert alone.u == pytest.approx(auc_delong(score, outcome).u, rel=1e-12)

    def test_a_row_written_twice_adds_nothing(self):
        score, outcome, _ = cohort()
        twice = auc_delong(np.tile(score, 2), np.tile(outcome, 2), groups=np.tile(range(len(score)), 2))
        once = auc_delong(score, outcome)
        assert (twice.value, twice.u) == pytest.approx((once.value, once.u), rel=1e-12)

    def test_variance_is_that_of_resampled_patients(self):
        score, outcome, patient = cohort()
        area = auc_delong(score, outcome, groups=patient)
        drawn = auc_bootstrap(score, outcome, seed=3, groups=patient)
        # Percentiles of 10,000, and a variance of first order in 40 patients.
        assert drawn.auc.high - drawn.auc.low == pytest.approx(area.high - area.low, rel=0.08)
        assert area.u > 1.1 * auc_delong(score, outcome).u


class TestBootstrap:
    score, outcome, patient = cohort()

    def test_is_repeated_by_its_seed(self):
        first, again = (auc_bootstrap(self.score, self.outcome, seed=7, replicates=500) for _ in range(2))
        assert first == again
        assert first != auc_bootstrap(self.score, self.outcome, seed=8, replicates=500)

    def test_resamples_of_rows_make_the_interval_of_alike_rows_too_narrow(self):
        apart = auc_bootstrap(self.score, self.outcome, seed=1)
        together = auc_bootstrap(self.score, self.outcome, seed=1, groups=self.patient)
        assert not apart.clustered and together.clustered
        assert together.auc.high - together.auc.low > 1.1 * (apart.auc.high - apart.auc.low)

    def test_cut_offs_lie_between_scores_of_the_resample(self):
        drawn = auc_bootstrap([10, 20, 30, 100, 110, 120], [0, 0, 0, 1, 1, 1], seed=1, replicates=2000)
        # The neighbours are 10 to 30 and 100 to 120, whatever is drawn.
        assert drawn.threshold.value == 65
        assert 55 <= drawn.threshold.low < 65 < drawn.threshold.high <= 75

    def test_resamples_without_both_outcomes_are_counted(self):
        # Two patients, one with each outcome: half of the resamples are of one of them.
        drawn = auc_bootstrap([1, 2, 3, 4], [0, 0, 1, 1], seed=1, replicates=4000, groups=["a", "a", "b", "b"])
        assert drawn.undefined == pytest.approx(2000, abs=130)  # four standard deviations
        assert (drawn.auc.low, drawn.auc.high) == (1, 1)

    @settings(max_examples=25, deadline=None)
    @given(rows, st.integers(0, 100))
    def test_area_lies_in_its_interval_or_at_its_end(self, drawn, seed):
        score, outcome = split(drawn)
        assume(outcome.any() and not outcome.all())
        result = auc_bootstrap(score, outcome, seed=seed, replicates=1000, level=0.999)
        assert result.auc.low - 1e-12 <= result.auc.value <= result.auc.high + 1e-12

    def test_memory_does_not_grow_with_replicates(self):
        score, outcome, _ = cohort(n=800)
        tracemalloc.start()
        auc_bootstrap(score, outcome, seed=1, replicates=4000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100e6


def test_perfect_scores_are_said_to_have_no_interval():
    area = auc_delong([1, 2, 3, 4], [0, 0, 1, 1])
    assert (area.value, area.low, area.high, area.u) == (1, 1, 1, 0)
    assert math.isnan(area.p)
    assert [finding.code for finding in area.findings] == ["auc-one"]


@pytest.mark.parametrize(
    ("code", "function"),
    [
        ("outcome-values", lambda: roc([1, 2], [0, 3])),
        ("outcome-rows", lambda: roc([1, 2, 3], [0, 1])),
        ("score-values", lambda: roc([1, math.nan], [0, 1])),
        ("one-outcome", lambda: roc([1, 2], [1, 1])),
        ("one-case", lambda: auc_delong([1, 2, 3], [0, 0, 1])),
        ("one-case", lambda: auc_delong([1, 2, 3, 4], [0, 0, 1, 1], groups=["a", "b", "c", "c"])),
        ("patients", lambda: auc_delong([1, 2, 3, 4], [0, 0, 1, 1], groups=["a"])),
        ("bootstrap-replicates", lambda: auc_bootstrap([1, 2], [0, 1], seed=1, replicates=10)),
    ],
)
def test_refusals(code, function):
    with pytest.raises(StatisticsError) as error:
        function()
    assert error.value.code == code
