"""The label image: one number per voxel although regions overlap."""

import numpy as np

from theradose.model.grid import Grid
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.spatial.labels import label_image

GRID = Grid.axis_aligned((1, 1, 6), (1.0, 1.0, 1.0))


def segmentation(*rows):
    """Regions along one row of voxels: name, kind, fractions."""
    regions = tuple(Region(name, kind) for name, kind, _ in rows)
    voxels = tuple(
        RegionVoxels.from_mask(np.array(fractions, np.float32).reshape(GRID.shape)) for *_, fractions in rows
    )
    return Segmentation(GRID, regions, voxels)


def labels(*rows):
    return label_image(segmentation(*rows)).data.ravel().tolist()


def test_numbers_follow_the_order_of_the_segmentation():
    first = ("b", RegionKind.ORGAN, [1, 1, 0, 0, 0, 0])
    second = ("a", RegionKind.ORGAN, [0, 0, 0, 1, 1, 0])
    assert labels(first, second) == [1, 1, 0, 2, 2, 0]


def test_a_voxel_inside_by_half_or_more_is_labelled():
    assert labels(("a", RegionKind.ORGAN, [0.49, 0.5, 1, 0, 0, 0])) == [0, 1, 1, 0, 0, 0]


def test_the_more_specific_region_keeps_the_voxel():
    body = ("body", RegionKind.WHOLE_BODY, [1, 1, 1, 1, 1, 1])
    lesion = ("lesion", RegionKind.LESION, [0, 0, 1, 0, 0, 0])
    liver = ("liver", RegionKind.ORGAN, [0, 1, 1, 1, 0, 0])
    other = ("box", RegionKind.OTHER, [1, 1, 1, 1, 0, 0])
    assert labels(lesion, body, liver, other) == [4, 3, 1, 3, 2, 2]


def test_of_two_equals_the_smaller_keeps_the_voxel():
    large = ("a", RegionKind.LESION, [1, 1, 1, 1, 0, 0])
    small = ("b", RegionKind.LESION, [0, 1, 0, 0, 0, 0])
    assert labels(small, large) == [2, 1, 2, 2, 0, 0]
    assert labels(large, small) == [1, 2, 1, 1, 0, 0]
