"""Filling polygons on a pixel raster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theradose.model.arrays import Array

# Lines per pixel row for fractions; along each line the covered width is exact.
_SUBROWS = 16
# Crossings are rounded to this many decimals so that ties do not depend on round-off.
_SNAP_DECIMALS = 6


def coverage(polygons: Sequence[Array], *, origin: tuple[int, int], shape: tuple[int, ...], fractional: bool) -> Array:
    """Return which pixels lie inside an odd number of polygons.

    Parameters
    ----------
    polygons : sequence of ndarray, shape (n, 2)
        Vertices (row, column) in pixel centre coordinates; closed implicitly.
    origin : tuple of int
        Row and column of the first pixel of the raster.
    shape : tuple of int
        Rows and columns of the raster.
    fractional : bool
        Return the covered fraction of each pixel instead of 0 or 1 for its centre.

    Returns
    -------
    ndarray of float32, shape `shape`
        A pixel centre on an edge belongs to the polygon on its right and below.
    """
    rows, columns = shape
    local = [polygon - origin for polygon in polygons]
    if not fractional:
        return _inside(local, rows, columns)
    fine = [(polygon + (0.5, 0)) * (_SUBROWS, 1) - (0.5, 0) for polygon in local]
    lines = _covered(fine, rows * _SUBROWS, columns)
    return np.asarray(lines.reshape(rows, _SUBROWS, columns).mean(axis=1, dtype=np.float32))


def _inside(polygons: Sequence[Array], rows: int, columns: int) -> Array:
    """Whether an odd number of edges cross the row of a pixel centre left of it or at it."""
    row, crossing = _crossings(polygons, rows)
    column = np.clip(np.ceil(np.round(crossing, _SNAP_DECIMALS)), 0, columns).astype(np.intp)
    toggles = np.bincount(row * (columns + 1) + column, minlength=rows * (columns + 1))
    crossed = np.cumsum(toggles.reshape(rows, columns + 1)[:, :columns], axis=1)
    return np.asarray(crossed % 2, np.float32)


def _covered(polygons: Sequence[Array], rows: int, columns: int) -> Array:
    """Part of each pixel's width that is inside along the line through the middle of its row, exactly."""
    row, crossing = _crossings(polygons, rows)
    order = np.lexsort((crossing, row))
    row, crossing = row[order], np.clip(crossing[order] + 0.5, 0, columns)
    # Crossings of a row come in pairs: into the polygon, out of it.
    sign = 1.0 - 2.0 * (np.arange(len(row)) % 2)
    column = np.floor(crossing).astype(np.intp)
    rest = column + 1 - crossing
    place = row * (columns + 2) + column
    size = rows * (columns + 2)
    steps = np.bincount(place, sign * rest, size) + np.bincount(place + 1, sign * (1 - rest), size)
    return np.asarray(np.cumsum(steps.reshape(rows, columns + 2), axis=1)[:, :columns])


def _crossings(polygons: Sequence[Array], rows: int) -> tuple[Array, Array]:
    """Where edges cross the rows of a raster: row and column coordinate of each crossing."""
    start = np.concatenate(polygons)
    stop = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in polygons])
    first = np.clip(np.ceil(np.minimum(start[:, 0], stop[:, 0])), 0, rows).astype(np.intp)
    last = np.clip(np.ceil(np.maximum(start[:, 0], stop[:, 0])), 0, rows).astype(np.intp)
    crossed = last - first
    edge = np.repeat(np.arange(len(start)), crossed)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed) + first[edge]
    (y0, x0), (y1, x1) = start[edge].T, stop[edge].T
    return row, x0 + (row - y0) * (x1 - x0) / (y1 - y0)
