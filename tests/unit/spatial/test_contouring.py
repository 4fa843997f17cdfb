"""Contours along pixel edges give back the voxels they came from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicom_support import ORIENTATIONS, oriented_grid
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.spatial.contouring import contour_segmentation, trace
from theradose.spatial.rasterise import rasterise


def _segmentation(mask: np.ndarray, orientation: str) -> Segmentation:
    grid = oriented_grid(orientation, shape=mask.shape)
    return Segmentation(grid, (Region("a"),), (RegionVoxels.from_mask(mask),))


@settings(deadline=None, max_examples=60)
@given(
    mask=arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7))),
    orientation=st.sampled_from(sorted(ORIENTATIONS)),
)
def test_rasterising_the_contours_returns_the_mask(mask, orientation):
    """Holes, islands, pixels that touch at corners, empty slices and borders of the grid included."""
    segmentation = _segmentation(mask, orientation)
    contours, findings = contour_segmentation(segmentation)
    if not mask.any():
        assert contours.regions == ()
        assert [finding.code for finding in findings] == ["region-empty"]
        return
    grid = segmentation.grid
    again, _ = rasterise(contours, grid, plane_spacing_mm=grid.spacing_mm[0])
    np.testing.assert_array_equal(again.mask("a"), mask)


def test_a_ring_has_an_outline_and_a_hole():
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    outline, hole = sorted(trace(mask), key=np.ptp, reverse=True)
    assert sorted(map(tuple, outline)) == [(0, 0), (0, 5), (5, 0), (5, 5)]
    assert sorted(map(tuple, hole)) == [(2, 2), (2, 3), (3, 2), (3, 3)]


def test_pixels_touching_at_a_corner_stay_apart():
    assert len(trace(np.array([[True, False], [False, True]]))) == 2


def test_fractions_are_rounded_and_said_to_be():
    segmentation = _segmentation(np.array([[[0.2, 0.5, 1.0]]]), "HFS")
    contours, findings = contour_segmentation(segmentation)
    assert [finding.code for finding in findings] == ["fractions-rounded"]
    again, _ = rasterise(contours, segmentation.grid)
    np.testing.assert_array_equal(again.mask("a"), [[[0, 1, 1]]])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (RegionKind.ORGAN, "ORGAN"),
        (RegionKind.LESION, "GTV"),
        (RegionKind.WHOLE_BODY, "EXTERNAL"),
        (RegionKind.OTHER, ""),
    ],
)
def test_kind_and_origin_travel_with_the_contours(kind, expected):
    grid = oriented_grid("HFS", shape=(2, 3, 3))
    region = Region("x", kind=kind, code="10200004", drafted_by="me", method="threshold:otsu")
    segmentation = Segmentation(grid, (region,), (RegionVoxels.from_mask(np.ones(grid.shape)),))
    contours, _ = contour_segmentation(segmentation)
    contoured = contours.regions[0]
    assert (contoured.interpreted_type, contoured.code, contoured.drafted_by, contoured.algorithm) == (
        expected, "10200004", "me", "AUTOMATIC")  # fmt: skip
    again, _ = rasterise(contours, grid)
    assert again.regions[0].kind is kind
