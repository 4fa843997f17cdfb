"""Exact outlines of the regions of a digital patient, as a perfect reader would draw them on the CT."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theradose.model.arrays import Array
from theradose.model.contour import Contour, ContourRegion, ContourSet
from theradose.model.grid import Grid
from theradose.model.region import RegionKind
from theradose.simulate.organs import Anatomy
from theradose.spatial.contouring import trace

_STEP_MM = 1.2
_MARGIN_STEPS = 3
_INTERPRETED_TYPE = {RegionKind.ORGAN: "ORGAN", RegionKind.LESION: "GTV"}
# Neighbour (row, column) outside each edge of a traced outline, by the direction (row, column) of the edge.
_OUTSIDE = {(0, 1): (-1, 0), (1, 0): (0, 1), (0, -1): (1, 0), (-1, 0): (0, -1)}


def outline_regions(
    anatomy: Anatomy, names: Sequence[str], grid: Grid, *, series_uid: str, drafted_by: str
) -> ContourSet:
    """Return the sections of regions with the slices of an axis-aligned grid.

    Parameters
    ----------
    anatomy : Anatomy
        In the pose of the image.
    names : sequence of str
        Regions to outline; what replaces a region leaves a hole.
    grid : Grid
        Slices on which is drawn.
    series_uid : str
        Series of that image.
    drafted_by : str
        Written as the author.

    Returns
    -------
    ContourSet
        Vertices lie on the true surface, about 1 mm apart.
    """
    regions = []
    for number, name in enumerate(names, start=1):
        part = anatomy.parts[anatomy.parts_of(name)[0]]
        regions.append(
            ContourRegion(
                name=name,
                number=number,
                contours=tuple(_sections(anatomy, name, grid)),
                frame_of_reference=grid.frame_of_reference,
                algorithm="MANUAL",
                interpreted_type=_INTERPRETED_TYPE.get(part.kind, ""),
                drafted_by=drafted_by,
            )
        )
    return ContourSet(
        regions=tuple(regions),
        frame_of_reference=grid.frame_of_reference,
        referenced_series_uid=series_uid,
        approval="UNAPPROVED",
        source="true outlines of the simulation",
    )


def _sections(anatomy: Anatomy, name: str, grid: Grid) -> list[Contour]:
    solids = [solid for member in anatomy.parts_of(name) for solid in anatomy.parts[member].solids]
    low = np.min([solid.centre_mm - solid.half_extent_mm() for solid in solids], axis=0)
    high = np.max([solid.centre_mm + solid.half_extent_mm() for solid in solids], axis=0)
    heights = grid.affine_mm[2, 3] + grid.affine_mm[2, 0] * np.arange(grid.shape[0])
    heights = heights[(heights > low[2]) & (heights < high[2])]
    # One lattice for all regions, so that the hole of a region and what fills it share their vertices.
    first, last = np.floor(low / _STEP_MM) - _MARGIN_STEPS, np.ceil(high / _STEP_MM) + _MARGIN_STEPS
    x, y = (_STEP_MM * np.arange(first[axis], last[axis] + 1) for axis in (0, 1))
    contours = []
    for height in heights:
        points = np.stack(np.broadcast_arrays(x[None, :], y[:, None], height), axis=-1)
        level = anatomy.region_level(name, points)
        for corners in trace(level < 0):
            rows, columns = _on_surface(corners, level).T
            contours.append(
                Contour(
                    np.column_stack([x[0] + _STEP_MM * columns, y[0] + _STEP_MM * rows, np.full(len(rows), height)])
                )
            )
    return contours


def _on_surface(corners: Array, level: Array) -> Array:
    """Move each pixel edge of a traced outline to the zero of `level` between its two pixels, (row, column)."""
    following = np.roll(corners, -1, axis=0)
    vertices = []
    for start, end in zip(corners, following, strict=True):
        length = int(np.abs(end - start).sum())
        direction = (end - start) // length
        outward = np.array(_OUTSIDE[int(direction[0]), int(direction[1])])
        # The pixel inside lies to the right of the edge; edges start at pixel corners.
        edges = start + direction * np.arange(length)[:, None]
        behind = np.minimum(direction, 0) + np.minimum(-outward, 0)
        inside = edges + behind
        outside = inside + outward
        f_in, f_out = level[tuple(inside.T)], level[tuple(outside.T)]
        vertices.append(inside + outward * (f_in / (f_in - f_out))[:, None])
    return np.concatenate(vertices)
