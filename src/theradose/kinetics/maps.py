"""Maps of time-integrated activity from one image and the time courses of the regions.

Every voxel keeps the share of its region's activity that the reference image shows, and gets its region's time
course: its integral is its activity times a factor in hours, the region's integral over the region's activity at the
time of the image. Numerator and denominator carry the same recovery correction, so the factor is free of it and the
map holds the imaged activity, not a corrected one.

References
----------
[Theradose]_, decision 2 of the documentation: the rule is this project's own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from theradose.errors import FitError, GeometryError
from theradose.kinetics.evaluate import evaluate_tia
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.grid import Volume
from theradose.model.region import RegionKind, Segmentation

_PRIORITY = {RegionKind.LESION: 0, RegionKind.ORGAN: 1, RegionKind.OTHER: 2, RegionKind.WHOLE_BODY: 3}
_SAME_TIME_H = 1e-6


def residence_factor_h(tia: TimeIntegratedActivity, *, t_h: float) -> float:
    """Return the integral of a region per activity in it at `t_h`, in hours.

    The activity is the measured one where the curve has a point at `t_h`, so that the map of that image has exactly
    the region's integral; otherwise the fitted one.

    Raises
    ------
    FitError
        ``no-activity`` if the region has no positive activity at `t_h`.
    """
    activity = float(evaluate_tia(tia, np.array([t_h]))[0][0])
    position = int(np.argmin(np.abs(tia.curve.t_h - t_h)))
    measured = float(tia.curve.activity_mbq[position])
    if abs(tia.curve.t_h[position] - t_h) <= _SAME_TIME_H and measured > 0:
        activity = measured
    if not activity > 0:
        raise FitError(
            f"The region '{tia.region}' has no positive activity at {t_h:.4g} h, so the image of that time cannot be "
            "scaled to its integral: choose another reference time point.",
            code="no-activity",
        )
    return tia.value.value / activity


def tia_map(
    reference: ActivityMap,
    *,
    segmentation: Segmentation,
    tias: Mapping[str, TimeIntegratedActivity],
    remainder: TimeIntegratedActivity | None,
) -> Volume:
    """Return the time-integrated activity per voxel in MBq·h/mL, float32.

    Parameters
    ----------
    reference : ActivityMap
        Image of the reference time point, not corrected for recovery.
    segmentation : Segmentation
        Regions on the grid of the image. Where they overlap a voxel follows the lesion before the organ, before other
        regions, before the whole body, and among equals the smaller one; a voxel partly in a region takes the rest
        from the next one.
    tias : mapping of str to TimeIntegratedActivity
        Integrals by region name; voxels of regions without one count as remainder.
    remainder : TimeIntegratedActivity or None
        Time course of what lies in no region (whole field minus regions); ``None`` leaves it at zero.

    Raises
    ------
    GeometryError
        ``grid-mismatch`` if segmentation and image are on different grids.
    FitError
        ``no-activity``, see :func:`residence_factor_h`.
    """
    if not segmentation.grid.matches(reference.grid):
        raise GeometryError(
            "The regions are not on the grid of the reference image: resample the segmentation to it first.",
            code="grid-mismatch",
        )
    known = [region for region in segmentation.regions if region.name in tias]
    known.sort(key=lambda region: (_PRIORITY[region.kind], segmentation.volume_ml(region.name)))
    factor_h = np.zeros(reference.grid.shape, np.float32)
    unclaimed = np.ones(reference.grid.shape, np.float32)
    for region in known:
        voxels = segmentation.voxels_of(region.name)
        if voxels.fraction.size == 0:
            continue
        free = unclaimed[voxels.box]
        claimed = np.minimum(voxels.fraction, free)
        factor_h[voxels.box] += claimed * np.float32(residence_factor_h(tias[region.name], t_h=reference.t_h))
        free -= claimed
    if remainder is not None:
        unclaimed *= np.float32(residence_factor_h(remainder, t_h=reference.t_h))
        factor_h += unclaimed
    factor_h *= reference.data
    return Volume(factor_h, reference.grid)
