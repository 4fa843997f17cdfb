"""The outline of the body on a CT."""

from __future__ import annotations

import numpy as np

from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels

# Half-way between air and soft tissue: with the blurring of a CT the outline keeps its volume.
_BODY_THRESHOLD_HU = -500.0
# Shells and sheets thinner than twice this are at first no part of the body: table, blanket, tubes.
_OPENING_MM = 6.0
# An arm beside the trunk is a component of its own, but a table top is never this thick on both sides.
_DEPTH_MM = 16.0
# Air behind a wall that the erosion took belongs to the body if this much of its rim does (not the hollow of
# a table), and if it is large in its slice (lung, not a pocket between back and table).
_RIM_SHARE = 0.7
_LARGE_AIR_MM2 = 700.0


def body_mask(ct: Volume) -> RegionVoxels:
    """Return the voxels of the body on the CT's grid, with lungs and bowel gas, without the table.

    Tissue by threshold; thin shells are removed by an erosion, and what remains thick somewhere is grown back
    to its own surface. Enclosed air is added slice by slice; a lung also if the erosion took its thin wall,
    together with that wall. If nothing is thick (a small phantom), the largest part is kept.
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
    core = kept[labels]
    del labels
    # One voxel more than was taken off: rounded corners come back, limited by the tissue itself.
    body: Array = tissue & ndimage.maximum_filter(core, [2 * n + 3 for n in steps])
    walls = [4 * n + 3 for n in steps[1:]]
    large = _LARGE_AIR_MM2 / float(np.prod(ct.grid.spacing_mm[1:]))
    for slice_body, slice_tissue in zip(body, tissue, strict=True):
        slice_body |= _enclosed_by(slice_body)
        air = _behind_thin_walls(slice_body, slice_tissue, large)
        slice_body |= air | (slice_tissue & ndimage.maximum_filter(air, walls))
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


def _enclosed_by(plane: Array) -> Array:
    """Whether each pixel is unset and cut off from the border by set ones."""
    from scipy import ndimage

    labels, count = ndimage.label(~plane)
    enclosed = np.ones(count + 1, bool)
    enclosed[_border_labels(labels)] = False
    enclosed[0] = False
    result: Array = enclosed[labels]
    return result


def _behind_thin_walls(body: Array, tissue: Array, large: float) -> Array:
    """Whether each pixel of a slice is in air outside `body` that tissue encloses and that is mostly the body's."""
    from scipy import ndimage

    solid = body | tissue
    labels, count = ndimage.label(~solid)
    rim = np.where(solid, ndimage.maximum_filter(labels, 3), 0)
    of_any = np.bincount(rim.ravel(), minlength=count + 1)
    of_body = np.bincount(rim[body], minlength=count + 1)
    inside = (of_body > _RIM_SHARE * of_any) & (np.bincount(labels.ravel(), minlength=count + 1) >= large)
    inside[_border_labels(labels)] = False
    inside[0] = False
    result: Array = inside[labels]
    return result


def _border_labels(labels: Array) -> Array:
    return np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
