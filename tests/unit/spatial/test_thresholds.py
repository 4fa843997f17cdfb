"""Thresholds against exhaustive search, known mixtures and a blurred edge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from theradose.errors import GeometryError
from theradose.spatial.thresholds import contrast_oriented_threshold, otsu_threshold

VALUES = st.lists(st.floats(0, 1000, allow_subnormal=False), min_size=2, max_size=40).filter(
    lambda values: max(values) - min(values) > 1e-3
)


def _between_class_variance(values: np.ndarray, threshold: float) -> float:
    upper = values >= threshold
    share = upper.mean()
    return float(share * (1 - share) * (values[upper].mean() - values[~upper].mean()) ** 2)


@given(VALUES)
def test_otsu_equals_exhaustive_search(values):
    values = np.array(values)
    found = _between_class_variance(values, otsu_threshold(values=values))
    best = max(_between_class_variance(values, value) for value in np.unique(values)[1:])
    assert found == pytest.approx(best, rel=1e-9, abs=1e-9)


@given(VALUES, st.floats(0.01, 100))
def test_thresholds_scale_with_the_unit(values, factor):
    values = np.array(values)
    for threshold in (otsu_threshold, contrast_oriented_threshold):
        expected = threshold(values=values) * factor
        scaled = threshold(values=values * factor)
        # Round-off may move a value that lies on the threshold, to the next one at most.
        assert scaled == pytest.approx(expected, rel=1e-6) or np.isclose(values * factor, scaled).any()


def test_otsu_separates_two_groups_of_very_different_size():
    values = np.concatenate([np.full(10_000, 1.0), np.full(50, 9.0)])
    assert otsu_threshold(values=values) == 9.0


def test_contrast_oriented_threshold_lies_half_way():
    """Core 10, background 2: half-way is 6, whatever the size of the background."""
    for count in (10, 10_000):
        values = np.concatenate([np.full(count, 2.0), np.full(20, 10.0)])
        assert contrast_oriented_threshold(values=values) == pytest.approx(6.0)


def test_contrast_oriented_threshold_finds_a_blurred_flat_edge():
    """A wide slab of 9 above 1, blurred: symmetric blur puts half-way on the edge (position 0).

    The mean of values above 70 % of the maximum lies a little below the plateau and that below the threshold a
    little above the background, so the edge is met within 0.1 of the blur's standard deviation.
    """
    position = np.linspace(-40, 40, 16001)
    values = 1 + 8 * ndtr(position)
    threshold = contrast_oriented_threshold(values=values)
    assert abs(np.interp(threshold, values, position)) < 0.1


@pytest.mark.parametrize("threshold", [otsu_threshold, contrast_oriented_threshold])
def test_equal_values_are_refused(threshold):
    with pytest.raises(GeometryError) as refused:
        threshold(values=np.full(5, 2.0))
    assert refused.value.code == "threshold-uniform"


def test_image_without_activity_is_refused():
    with pytest.raises(GeometryError) as refused:
        contrast_oriented_threshold(values=np.array([-2.0, -1.0, 0.0]))
    assert refused.value.code == "threshold-no-activity"
