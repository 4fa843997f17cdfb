"""Volume that two regions have in common."""

from __future__ import annotations

import numpy as np

from theradose.model.region import Segmentation


def shared_volume_ml(segmentation: Segmentation, first: str, second: str) -> float:
    """Return the volume in mL that two regions share; in partial voxels the smaller fraction counts.

    Only the voxels common to the boxes of both regions are read.
    """
    one, two = segmentation.voxels_of(first), segmentation.voxels_of(second)
    in_one, in_two = [], []
    for a, b in zip(one.box, two.box, strict=True):
        low, high = max(a.start, b.start), min(a.stop, b.stop)
        if low >= high:
            return 0.0
        in_one.append(slice(low - a.start, high - a.start))
        in_two.append(slice(low - b.start, high - b.start))
    shared = np.minimum(one.fraction[tuple(in_one)], two.fraction[tuple(in_two)])
    return float(shared.sum(dtype=np.float64)) * segmentation.grid.voxel_volume_ml
