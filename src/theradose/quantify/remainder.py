"""The activity that is in view and in no region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theradose.model.activity import ActivityMap
from theradose.model.arrays import Array
from theradose.model.curve import TimeActivityCurve
from theradose.model.region import Segmentation
from theradose.quantify.regions import shared_calibration

REMAINDER = "remainder"
"""What is in view and in no region, wherever it is named."""


def remainder_curve(
    maps: Sequence[ActivityMap], *, segmentations: Sequence[Segmentation], measurement_relative_u: float
) -> TimeActivityCurve:
    """Return the curve of everything outside all regions, as imaged.

    Parameters
    ----------
    maps : sequence of ActivityMap
        Time points in order of time.
    segmentations : sequence of Segmentation
        One per map, on the grid of that map.
    measurement_relative_u : float
        Relative standard uncertainty of one measurement; counting is negligible beside it.

    References
    ----------
    [Gear2018]_
    """
    activity = np.array(
        [
            float((image.data * _outside(segmentation)).sum(dtype=np.float64)) * image.grid.voxel_volume_ml
            for image, segmentation in zip(maps, segmentations, strict=True)
        ]
    )
    calibration, calibration_u = shared_calibration(maps)
    return TimeActivityCurve(
        region=REMAINDER,
        t_h=np.array([image.t_h for image in maps]),
        activity_mbq=activity,
        u_independent_mbq=measurement_relative_u * np.abs(activity),
        common={f"calibration:{calibration}": calibration_u},
        source="image",
    )


def _outside(segmentation: Segmentation) -> Array:
    outside = np.ones(segmentation.grid.shape, np.float32)
    for voxels in segmentation.voxels:
        # Overlapping regions are counted once: the larger fraction claims the voxel.
        np.minimum(outside[voxels.box], 1 - voxels.fraction, out=outside[voxels.box])
    return outside
