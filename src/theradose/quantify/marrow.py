"""The concentration in a volume of spongiosa over time.

References
----------
[Gear2018]_ Independent and common parts of the uncertainty of a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from theradose.errors import GeometryError
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.model.region import Segmentation
from theradose.quantify.regions import region_curve

# What holds for outlines of whole organs: here the edge has its own uncertainty, and the recovery its own finding.
_OF_ORGANS = frozenset({"recovery-not-applied", "volume-u-not-stated"})


def mean_concentration_mbq_per_ml(image: ActivityMap, segmentation: Segmentation, name: str) -> float:
    """Return the mean concentration in a region, weighted by the fractions of its voxels.

    Raises
    ------
    GeometryError
        If the region has no voxel in the image.
    """
    voxels = segmentation.voxels_of(name)
    weight = voxels.voxel_count
    if not weight > 0:
        raise GeometryError(
            f"The region '{name}' has no voxel in the image at {image.t_h:.4g} h: it is outside the field of view.",
            code="region-empty",
        )
    return voxels.sum_of(image.data) / weight


def concentration_curve(
    name: str,
    *,
    maps: Sequence[ActivityMap],
    segmentations: Sequence[Segmentation],
    measurement_relative_u: float,
    edge_relative_u: float | None,
) -> tuple[TimeActivityCurve, tuple[Finding, ...]]:
    """Return the mean concentration in a volume over time.

    Parameters
    ----------
    name : str
        Region, present in every segmentation; fractions of voxels are weights.
    maps : sequence of ActivityMap
        Time points in order of time.
    segmentations : sequence of Segmentation
        One per map, on its grid.
    measurement_relative_u : float
        Repeatability of one measurement beside counting, independent between time points.
    edge_relative_u : float or None
        Relative standard uncertainty of the concentration by where the edge of the volume lies, common to all points.

    Returns
    -------
    TimeActivityCurve
        In MBq/mL instead of MBq; its integral is in MBq·h/mL.
    tuple of Finding
        Those of `region_curve` that hold for a part of an organ.

    References
    ----------
    [Gear2018]_
    """
    curve, quantity, findings = region_curve(
        name,
        maps=maps,
        segmentations=segmentations,
        recovery=None,
        resolution_mm=None,
        measurement_relative_u=measurement_relative_u,
    )
    per_ml = 1 / np.array(quantity.volumes_ml)
    concentration = replace(
        curve,
        activity_mbq=curve.activity_mbq * per_ml,
        u_independent_mbq=curve.u_independent_mbq * per_ml,
        common={**curve.common, f"volume:{name}": edge_relative_u},
    )
    return concentration, tuple(finding for finding in findings if finding.code not in _OF_ORGANS)
