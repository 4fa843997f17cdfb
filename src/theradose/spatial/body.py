"""The outline of the body on a CT."""

from __future__ import annotations

import numpy as np

from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels

# Half-way between air and soft tissue: with the blurring of a CT the outline keeps its volume.
_BODY_THRESHOLD_HU = -500.0
# Shells and sheets thinner than twice this are no part of the body: table, blanket, tubes.
_OPENING_MM = 6.0
# An arm beside the trunk is a component of its own, but a table top is never this thick on both sides.
_DEPTH_MM = 16.0
# Half the width of the gaps that are closed where the wall between bowel gas and air is thin.
_BRIDGE_MM = 10.0


def body_mask(ct: Volume) -> RegionVoxels:
    """Return the voxels of the body on the CT's grid, with lungs and bowel gas, without the table.

    Tissue by threshold; thin shells are removed by an erosion, and what remains thick somewhere is grown back
    to its own surface; enclosed air is filled slice by slice. If nothing is thick (a small phantom), the
    largest part is kept.
    """
    from scipy import ndimage

    tissue = ct.data > _BODY_THRESHOLD_HU
    steps = _voxels(_OPENING_MM, ct.grid)
    labels, count = ndimage.label(_eroded(tissue, steps))
    if count == 0:
        return RegionVoxels.from_mask(np.zeros(ct.grid.shape, bool))
    kept = np.zeros(count + 1, bool)
    kept[labels[_eroded(tissue, _voxels(_DEPTH_MM, ct.grid))]] = True
    if not kept.any():
        kept[1 + np.argmax(np.bincount(labels.ravel())[1:])] = True
    body = kept[labels]
    del labels
    # One voxel more than was taken off: rounded corners come back, limited by the tissue itself.
    body = tissue & ndimage.maximum_filter(body, [2 * n + 3 for n in steps])
    bridge = _voxels(_BRIDGE_MM, ct.grid)[1:]
    for plane in body:
        _fill_enclosed(plane, bridge)
    return RegionVoxels.from_mask(body)


def _voxels(length_mm: float, grid: Grid) -> list[int]:
    return [max(1, round(length_mm / step)) for step in grid.spacing_mm]


def _eroded(mask: Array, steps: list[int]) -> Array:
    from scipy import ndimage

    # Beyond the first and last slice the body goes on.
    padded = np.pad(mask, [(n, n) for n in steps], mode="edge")
    eroded = ndimage.minimum_filter(padded, [2 * n + 1 for n in steps])
    inner: Array = eroded[tuple(slice(n, -n) for n in steps)]
    return inner


def _fill_enclosed(plane: Array, steps: list[int]) -> None:
    """Fill the air that one slice encloses, in place; walls that the erosion broke count as whole."""
    from scipy import ndimage

    plane |= _enclosed(plane)
    size = [2 * n + 1 for n in steps]
    closed = ndimage.minimum_filter(ndimage.maximum_filter(plane, size), size)
    holes = _enclosed(closed)
    # Folds of the skin are closed too, but they lead to no hole and stay air.
    labels, count = ndimage.label((holes | closed) & ~plane)
    leading_to_hole = np.zeros(count + 1, bool)
    leading_to_hole[labels[holes]] = True
    plane |= leading_to_hole[labels]


def _enclosed(plane: Array) -> Array:
    """Whether each pixel is unset and not connected to the border by unset pixels."""
    from scipy import ndimage

    labels, count = ndimage.label(~plane)
    outside = np.zeros(count + 1, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[edge] = True
    outside[0] = True
    enclosed: Array = ~outside[labels]
    return enclosed
