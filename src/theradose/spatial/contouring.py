"""From voxels to contours, for structure sets.

Contours run along the pixel edges of each slice, so that rasterising them by the pixel-centre rule gives back
exactly the same voxels. Holes are contours of their own. Pixels that touch at a corner only belong to separate
contours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from theradose.model.arrays import Array
from theradose.model.contour import Contour, ContourRegion, ContourSet, drawing_algorithm
from theradose.model.finding import Finding
from theradose.model.grid import Grid
from theradose.model.region import RegionKind, RegionVoxels, Segmentation

_INTERPRETED_TYPES = {RegionKind.ORGAN: "ORGAN", RegionKind.LESION: "GTV", RegionKind.WHOLE_BODY: "EXTERNAL"}
# Step (row, column) along an edge for each of the four directions, clockwise on an image with rows downwards.
_STEPS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])


def contour_segmentation(
    segmentation: Segmentation, *, series_uid: str | None = None, source: str = "theradose"
) -> tuple[ContourSet, tuple[Finding, ...]]:
    """Draw the contours of all regions of a segmentation.

    Parameters
    ----------
    segmentation : Segmentation
        Regions; fractions of at least one half count as inside.
    series_uid : str, optional
        Series of the image on whose grid the regions live.
    source : str
        Who made the contours.

    Returns
    -------
    ContourSet
        Regions numbered from 1 in the order of the segmentation.
    tuple of Finding
        Regions without a voxel of at least one half are left out; rounded fractions are stated.
    """
    grid = segmentation.grid
    regions: list[ContourRegion] = []
    findings: list[Finding] = []
    for number, (region, voxels) in enumerate(zip(segmentation.regions, segmentation.voxels, strict=True), 1):
        contours = tuple(contour_mask(voxels, grid))
        if not contours:
            findings.append(Finding(
                "region-empty", "warning",
                f"Region '{region.name}' fills no voxel by half and cannot be drawn as contours.",
                region.name))  # fmt: skip
            continue
        if voxels.has_fractions:
            findings.append(Finding(
                "fractions-rounded", "info",
                f"The contours of '{region.name}' enclose the voxels that are inside by at least one half; "
                "fractions are lost.", region.name))  # fmt: skip
        regions.append(ContourRegion(
            name=region.name,
            number=number,
            contours=contours,
            frame_of_reference=grid.frame_of_reference,
            algorithm=drawing_algorithm(region.method),
            interpreted_type=_INTERPRETED_TYPES.get(region.kind, ""),
            code=region.code,
            drafted_by=region.drafted_by,
        ))  # fmt: skip
    contour_set = ContourSet(
        regions=tuple(regions),
        frame_of_reference=grid.frame_of_reference,
        referenced_series_uid=series_uid,
        approval="UNAPPROVED",
        source=source,
    )
    return contour_set, tuple(findings)


def contour_mask(voxels: RegionVoxels, grid: Grid) -> Iterator[Contour]:
    """Yield the closed contours of a region, slice by slice."""
    z, y, x = voxels.origin
    for position, inside in enumerate(voxels.mostly_inside):
        for corners in trace(inside):
            index = np.column_stack([np.full(len(corners), z + position), corners + (y - 0.5, x - 0.5)])
            yield Contour(grid.to_lps(index))


def trace(inside: Array) -> list[Array]:
    """Trace the pixel edges around the true pixels of a slice.

    Parameters
    ----------
    inside : ndarray of bool, shape (rows, columns)
        Mask.

    Returns
    -------
    list of ndarray of int, shape (n, 2)
        Corner points (row, column), where corner (0, 0) is the upper left corner of pixel (0, 0); outlines run
        clockwise, holes anticlockwise, and only the turning points are kept.
    """
    corners, directions = _edges(inside)
    if not len(corners):
        return []
    following = _following(corners, directions, width=inside.shape[1] + 1)
    loops = []
    unvisited = np.ones(len(corners), bool)
    successors = following.tolist()
    for start in range(len(corners)):
        if not unvisited[start]:
            continue
        loop = [start]
        while (edge := successors[loop[-1]]) != start:
            loop.append(edge)
        unvisited[loop] = False
        turning = directions[loop] != np.roll(directions[loop], 1)
        loops.append(corners[loop][turning])
    return loops


def _edges(inside: Array) -> tuple[Array, Array]:
    """Directed pixel edges between inside and outside, with the inside on the right: start corners, directions."""
    padded = np.pad(inside, 1)
    core = padded[1:-1, 1:-1]
    # For each direction: the neighbour across the edge, and the corner of the pixel at which the edge starts.
    neighbours = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])
    starts = ((0, 0), (0, 1), (1, 1), (1, 0))
    pixels = [np.argwhere(core & ~neighbour) for neighbour in neighbours]
    corners = np.concatenate([pixel + start for pixel, start in zip(pixels, starts, strict=True)])
    directions = np.repeat(np.arange(4), [len(pixel) for pixel in pixels])
    return corners, directions


def _following(corners: Array, directions: Array, *, width: int) -> Array:
    """Index of the edge that follows each edge; where two start at a corner, the one that turns right.

    Turning right stays on the same pixel, which keeps pixels apart that touch at a corner only.
    """
    key = (corners[:, 0] * width + corners[:, 1]) * 4 + directions
    order = np.argsort(key)
    ends = corners + _STEPS[directions]
    end_key = (ends[:, 0] * width + ends[:, 1]) * 4
    following = np.full(len(corners), -1)
    # Later turns overwrite earlier ones: left last resort, then straight on, right preferred.
    for turn in (-1, 0, 1):
        sought = end_key + (directions + turn) % 4
        place = np.minimum(np.searchsorted(key[order], sought), len(key) - 1)
        found = key[order[place]] == sought
        following[found] = order[place[found]]
    return following
