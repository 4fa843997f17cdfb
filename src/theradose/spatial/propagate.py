"""Regions of one time point carried to another."""

from __future__ import annotations

from dataclasses import replace

from theradose.model.finding import Finding
from theradose.model.grid import Grid
from theradose.model.region import Segmentation
from theradose.model.transform import RigidTransform
from theradose.spatial.resample import resample_segmentation

# Interpolation alone changes the volume of a region of a few voxels by up to about this much.
_VOLUME_CHANGE = 0.05


def propagate_segmentation(
    segmentation: Segmentation, grid: Grid, *, transform: RigidTransform, source_timepoint: str
) -> Segmentation:
    """Return regions drawn on one time point on the grid of another.

    The regions keep who drew them. Their method becomes ``propagated:<time point>``, and they count as not
    verified: whoever signed the outline saw it on other images.

    Parameters
    ----------
    segmentation : Segmentation
        Regions on the grid of the time point where they were drawn.
    grid : Grid
        Grid of the time point that receives them.
    transform : RigidTransform
        Maps points of the receiving time point's space to the space where the regions were drawn.
    source_timepoint : str
        Where they were drawn.
    """
    moved = resample_segmentation(segmentation, grid, transform=transform)
    regions = tuple(
        replace(region, method=f"propagated:{source_timepoint}", verified_by=None) for region in moved.regions
    )
    return Segmentation(moved.grid, regions, moved.voxels)


def truncated_regions(before: Segmentation, after: Segmentation) -> tuple[Finding, ...]:
    """Return ``region-truncated`` for each region that lost more than 5 % of its volume on its way.

    Parameters
    ----------
    before, after : Segmentation
        The same regions before and after resampling.
    """
    findings = []
    for name in before.names:
        volume, left = before.volume_ml(name), after.volume_ml(name)
        if left < (1.0 - _VOLUME_CHANGE) * volume:
            findings.append(
                Finding(
                    "region-truncated",
                    "warning",
                    f"Only {left:.3g} of {volume:.3g} mL of {name} lie inside the image that it was carried to: "
                    "its activity and mass there are incomplete.",
                    name,
                )
            )
    return tuple(findings)
