"""One number per voxel where regions overlap."""

from __future__ import annotations

import numpy as np

from theradose.model.grid import Volume
from theradose.model.region import RegionKind, Segmentation

# The most specific region keeps a voxel of the label image.
_PAINTED_LAST = (RegionKind.WHOLE_BODY, RegionKind.OTHER, RegionKind.ORGAN, RegionKind.LESION)


def label_image(segmentation: Segmentation) -> Volume:
    """Return region numbers from 1 in the order of the segmentation; a voxel inside by half or more is labelled."""
    labels = np.zeros(segmentation.grid.shape, np.int16)
    numbered = sorted(
        enumerate(zip(segmentation.regions, segmentation.voxels, strict=True), start=1),
        key=lambda item: (_PAINTED_LAST.index(item[1][0].kind), -item[1][1].voxel_count),
    )
    for number, (_, voxels) in numbered:
        labels[voxels.box][voxels.mostly_inside] = number
    return Volume(labels, segmentation.grid)
