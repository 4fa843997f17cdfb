"""Filling polygons on a pixel raster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theradose.model.arrays import Array

# Sub-pixels per pixel side for fractions: 64 levels per pixel.
_SUBPIXELS = 8
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
        return _inside(local, rows, columns).astype(np.float32)
    fine = [(polygon + 0.5) * _SUBPIXELS - 0.5 for polygon in local]
    inside = _inside(fine, rows * _SUBPIXELS, columns * _SUBPIXELS)
    blocks = inside.reshape(rows, _SUBPIXELS, columns, _SUBPIXELS)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _inside(polygons: Sequence[Array], rows: int, columns: int) -> Array:
    """Even-odd scan conversion: a pixel is inside if an odd number of edges cross its row left of it or at it."""
    start = np.concatenate(polygons)
    stop = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in polygons])
    first = np.clip(np.ceil(np.minimum(start[:, 0], stop[:, 0])), 0, rows).astype(np.intp)
    last = np.clip(np.ceil(np.maximum(start[:, 0], stop[:, 0])), 0, rows).astype(np.intp)
    crossed = last - first
    edge = np.repeat(np.arange(len(start)), crossed)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed) + first[edge]
    (y0, x0), (y1, x1) = start[edge].T, stop[edge].T
    crossing = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
    column = np.clip(np.ceil(np.round(crossing, _SNAP_DECIMALS)), 0, columns).astype(np.intp)
    toggles = np.bincount(row * (columns + 1) + column, minlength=rows * (columns + 1))
    crossings = np.cumsum(toggles.reshape(rows, columns + 1)[:, :columns], axis=1)
    return np.asarray(crossings % 2 == 1)
