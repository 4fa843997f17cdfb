"""Regions of interest on planar images: free parts, hosts and background rings."""

from __future__ import annotations

import numpy as np

from theradose.spatial.planar_regions import field_masks, grown, outline_region, projected_masks
from theradose.spatial.projection import ProjectedRegions

SPACING = (4.0, 4.0)
SHAPE = (40, 60)


def boxes(**regions):
    """Rows and columns of each region, and its counts per pixel; a remainder of 1 everywhere."""
    names = (*regions, "remainder")
    counts, thickness = [], []
    for rows, columns, level in regions.values():
        image = np.zeros(SHAPE)
        image[rows, columns] = level
        counts.append(image)
        thickness.append(5.0 * (image > 0))
    counts.append(np.ones(SHAPE))
    stack = np.stack(counts)
    body = np.full(SHAPE, 20.0)
    return ProjectedRegions(names, np.ones(len(names)), stack, stack, np.stack(thickness), body, 0.13 * body)


def test_masks_are_widened_by_the_margin():
    projected = boxes(spleen=(slice(10, 20), slice(10, 20), 5.0))
    mask = projected_masks(projected, spacing_mm=SPACING)["spleen"]
    assert mask[9, 15] and mask[20, 15] and not mask[8, 15] and not mask[9, 9]


def test_a_kidney_is_measured_where_the_liver_does_not_lie_over_it():
    projected = boxes(kidney=(slice(10, 30), slice(10, 20), 5.0), liver=(slice(0, 18), slice(5, 40), 5.0))
    masks = projected_masks(projected, spacing_mm=SPACING)
    outline = outline_region("kidney", masks, projected, spacing_mm=SPACING)
    assert not outline.mask[:18].any() and outline.mask[19:29, 12:18].all()
    assert 0.4 < outline.area_share < 0.6 and 0.4 < outline.covered_share < 0.7
    # The ring keeps clear of the liver by the gap of 6 mm beyond the liver's own margin of 4 mm.
    assert outline.ring.any() and not outline.ring[:20].any()


def test_a_kidney_all_under_the_liver_is_measured_whole():
    projected = boxes(kidney=(slice(10, 20), slice(10, 20), 1.0), liver=(slice(5, 26), slice(5, 40), 5.0))
    outline = outline_region("kidney", projected_masks(projected, spacing_mm=SPACING), projected, spacing_mm=SPACING)
    assert outline.area_share == 1.0 and outline.covered_share == 1.0


def test_a_lesion_in_the_liver_has_the_liver_as_background():
    projected = boxes(lesion=(slice(12, 17), slice(20, 25), 3.0), liver=(slice(0, 35), slice(5, 45), 5.0))
    outline = outline_region("lesion", projected_masks(projected, spacing_mm=SPACING), projected, spacing_mm=SPACING)
    assert outline.ring.sum() >= 12 and outline.ring[14, 28]


def test_no_room_for_a_ring_gives_none():
    projected = boxes(
        lesion=(slice(18, 22), slice(28, 32), 3.0),
        left=(slice(0, 40), slice(33, 60), 5.0), right=(slice(0, 40), slice(0, 27), 5.0),
        top=(slice(0, 17), slice(27, 33), 5.0), bottom=(slice(23, 40), slice(27, 33), 5.0),
    )  # fmt: skip
    outline = outline_region("lesion", projected_masks(projected, spacing_mm=SPACING), projected, spacing_mm=SPACING)
    assert not outline.ring.any()


def test_the_remainder_keeps_clear_of_all_regions():
    projected = boxes(spleen=(slice(10, 20), slice(10, 20), 5.0))
    masks = projected_masks(projected, spacing_mm=SPACING)
    body, beside = field_masks(masks, projected, spacing_mm=SPACING)
    assert body.all() and not (beside & grown(masks["spleen"], 5.9, SPACING)).any() and beside[30, 30]
    assert not grown(np.zeros(SHAPE, bool), 10.0, SPACING).any()
