"""The concentration in a volume over time."""

from __future__ import annotations

import numpy as np
import pytest

from theradose.errors import GeometryError
from theradose.model.activity import ActivityMap
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.quantify.marrow import concentration_curve, mean_concentration_mbq_per_ml

GRID = Grid.axis_aligned((6, 6, 6), (4.0, 4.0, 4.0))
NAME = "marrow-voi"
HOURS = (4.0, 24.0, 96.0)


def image(t_h, values):
    return ActivityMap(
        np.asarray(values, float), GRID, t_h=t_h, nuclide="Lu-177", calibration="A", calibration_relative_u=0.03
    )


def segmentation(fraction):
    return Segmentation(GRID, (Region(NAME),), (RegionVoxels.from_mask(np.asarray(fraction, np.float32)),))


def box(fraction=1.0):
    values = np.zeros(GRID.shape, np.float32)
    values[2:4, 2:4, 2:4] = fraction
    return values


def curve(fractions, edge=0.02):
    maps = [image(t_h, np.full(GRID.shape, 0.1 * 2 ** (-t_h / 60))) for t_h in HOURS]
    return concentration_curve(
        NAME,
        maps=maps,
        segmentations=[segmentation(fraction) for fraction in fractions],
        measurement_relative_u=0.05,
        edge_relative_u=edge,
    )


def test_a_uniform_image_has_its_concentration_whatever_the_volume():
    """A volume that lost voxels at the edge of an image changes the activity in it, not the concentration."""
    smaller = box()
    smaller[3] = 0.0
    found, findings = curve([box(), box(0.5), smaller])
    np.testing.assert_allclose(found.activity_mbq, [0.1 * 2 ** (-t_h / 60) for t_h in HOURS])
    np.testing.assert_allclose(found.u_independent_mbq, 0.05 * found.activity_mbq)
    assert findings == ()


def test_calibration_and_edge_are_common_to_all_points():
    found, _ = curve([box()] * 3)
    assert found.common == {"calibration:A": 0.03, f"volume:{NAME}": 0.02}
    assert curve([box()] * 3, edge=None)[0].common[f"volume:{NAME}"] is None


def test_fractions_are_weights():
    values = np.zeros(GRID.shape)
    values[2], values[3] = 1.0, 3.0
    weights = box()
    weights[3] *= 0.25
    found = mean_concentration_mbq_per_ml(image(1.0, values), segmentation(weights), NAME)
    assert found == pytest.approx((1.0 + 0.25 * 3.0) / 1.25)


def test_a_volume_outside_the_image_is_refused():
    with pytest.raises(GeometryError) as caught:
        mean_concentration_mbq_per_ml(image(1.0, np.ones(GRID.shape)), segmentation(np.zeros(GRID.shape)), NAME)
    assert caught.value.code == "region-empty"
