"""What projected regions say about counts on planar images, on boxes whose shares follow by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theradose.errors import CalibrationError
from theradose.spatial.planar_shares import (
    background_fractions,
    captured_share,
    field_share,
    overlap_share,
    transmission_under,
)
from theradose.spatial.projection import ProjectedRegions

SHAPE = (10, 12)
MASK, RING = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
MASK[2:4, 2:4], RING[6:8, 2:6] = True, True


def projected(*, own=5.0, other_on_mask=1.0, remainder_on_mask=2.0):
    """A spleen of four pixels, another region over it, and a remainder of 4 beside it; body 20 cm, spleen 5 cm."""
    views = np.zeros((3, *SHAPE))
    views[0][MASK], views[1][MASK], views[2][MASK], views[2][RING] = own, other_on_mask, remainder_on_mask, 4.0
    thickness = np.zeros((2, *SHAPE))
    thickness[0][MASK] = 5.0
    attenuation = np.full(SHAPE, 0.12 * 20)
    attenuation[0] = 0.0
    return ProjectedRegions(
        ("spleen", "liver", "remainder"), np.array([100.0, 50.0, 200.0]), views, views, thickness,
        np.full(SHAPE, 20.0), attenuation,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "fraction"),
    # By SPECT: (1 + 2) over the region, 4 beside it. Whole organ: 1 - 5/20.
    [("none", 0.0), ("adjacent", 1.0), ("whole-organ", 0.75), ("spect", 0.75)],
)
def test_background_fractions(method, fraction):
    assert background_fractions("spleen", MASK, RING, projected(), method) == pytest.approx((fraction, fraction))


def test_captured_share_is_counts_over_activity():
    """Four pixels of 5 of an activity of 100."""
    assert captured_share("spleen", MASK, RING, projected(), (0.75, 0.75)) == pytest.approx(0.2)


def test_a_mask_that_misses_the_region_is_refused():
    with pytest.raises(CalibrationError) as refusal:
        captured_share("spleen", RING, np.zeros(SHAPE, bool), projected(), (0.0, 0.0))
    assert refusal.value.code == "planar-not-captured"


def test_overlap_is_that_of_other_regions():
    """The liver gives 1 where the spleen gives 5; the remainder is not counted."""
    assert overlap_share("spleen", MASK, RING, projected(), (0.75, 0.75)) == pytest.approx(0.2)
    assert overlap_share("spleen", MASK, RING, projected(own=0.0), (0.75, 0.75)) == math.inf


def test_field_share_of_all_and_of_the_remainder():
    body = np.ones(SHAPE, bool)
    assert field_share("body", body, projected()) == pytest.approx((4 * 8 + 8 * 4) / 350)
    assert field_share("remainder", body, projected()) == pytest.approx((4 * 2 + 8 * 4) / 200)


def test_transmission_under_a_mask():
    assert transmission_under(MASK, projected()) == pytest.approx(math.exp(-0.12 * 20), rel=1e-6)
    assert transmission_under(np.ones(SHAPE, bool), projected()) is None
