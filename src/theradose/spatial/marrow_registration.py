"""Where the vertebrae of one time point lie at another, found in a box around them.

A rigid motion of the whole patient leaves the spine some millimetres off where it bends; the vertebrae alone are rigid.

References
----------
[Vallot2024]_ Rigid registration of each organ by itself, on CT.
[Mattes2003]_ Mutual information.
"""

from __future__ import annotations

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.errors import GeometryError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.model.grid import Grid, Volume
from theradose.model.region import Segmentation
from theradose.model.transform import Registration, RigidTransform
from theradose.spatial.alignment import Feature, agreement
from theradose.spatial.averages import AIR_HU, block_mean
from theradose.spatial.marrow import MARROW_VOLUME
from theradose.spatial.resample import box_grid, resample_segmentation
from theradose.spatial.rigid import register_rigid

LOCAL = "local"
GLOBAL = "global"

_DATA = "marrow_image.yaml"


def register_vertebrae(
    vertebrae: Segmentation, *, reference_ct: Volume | None, moving_ct: Volume | None, start: RigidTransform
) -> tuple[Registration, tuple[Finding, ...]]:
    """Return the transform of the vertebrae from the space where they were outlined to that of another time point.

    Parameters
    ----------
    vertebrae : Segmentation
        Outlined vertebrae.
    reference_ct, moving_ct : Volume or None
        HU of the two time points.
    start : RigidTransform
        Global alignment, from which the search begins.

    Returns
    -------
    Registration
        Method ``local``, or ``global`` with `start` where the search fails. Quality: ``shift_mm`` of the middle of
        the vertebrae and ``rotation_deg`` against `start`, ``normalised_mutual_information``.
    tuple of Finding
        ``marrow-registration-global`` with the reason.

    References
    ----------
    [Vallot2024]_, [Mattes2003]_
    """
    if reference_ct is None or moving_ct is None:
        return _fallback(start, "there is no CT at both time points")
    reference = _reference_feature(vertebrae, reference_ct)
    try:
        moving = _moving_feature(reference, moving_ct, start)
        fit = register_rigid(reference.volume, moving.volume, mask=reference.mask, starts=(start,), coarse=False)
    except GeometryError as error:
        return _fallback(start, str(error).rstrip("."))
    middle = reference.volume.grid.centre_mm
    shift_mm = float(np.linalg.norm(fit.transform.apply(middle) - start.apply(middle)))
    turn_deg = RigidTransform(fit.transform.matrix @ start.inverse().matrix).rotation_deg
    before, after = (agreement(reference, moving, each) for each in (start, fit.transform))
    data = load_yaml(_DATA)
    if not fit.converged:
        return _fallback(start, "the search ended at its limit of steps")
    if shift_mm > data["largest_local_shift"]["value"] or turn_deg > data["largest_local_rotation"]["value"]:
        return _fallback(start, f"the search moved them by {shift_mm:.0f} mm and {turn_deg:.0f}°")
    chance = data["agreement_by_chance"]["value"]
    if after.normalised_mutual_information < before.normalised_mutual_information - chance:
        return _fallback(start, "the vertebrae agree less after the search than before")
    quality = {
        "shift_mm": shift_mm,
        "rotation_deg": turn_deg,
        "normalised_mutual_information": after.normalised_mutual_information,
    }
    return Registration(fit.transform, LOCAL, quality), ()


def _fallback(start: RigidTransform, reason: str) -> tuple[Registration, tuple[Finding, ...]]:
    finding = Finding(
        "marrow-registration-global",
        "warning",
        f"The vertebrae are not registered on their own because {reason}: the alignment of the whole image is used.",
        MARROW_VOLUME,
    )
    return Registration(start, GLOBAL, {"shift_mm": 0.0, "rotation_deg": 0.0}), (finding,)


def _reference_feature(vertebrae: Segmentation, ct: Volume) -> Feature:
    around_mm = load_number(_DATA, "local_surroundings")
    corners = np.concatenate([_corners(vertebrae.grid, voxels.box) for voxels in vertebrae.voxels])
    volume = _scaled(_cut(ct, corners, around_mm))
    bones = resample_segmentation(vertebrae, volume.grid)
    mask = np.max([bones.mask(name) for name in bones.names], axis=0) >= 0.5
    return Feature(volume, _grown(mask, volume.grid, around_mm))


def _moving_feature(reference: Feature, ct: Volume, start: RigidTransform) -> Feature:
    room_mm = load_number(_DATA, "largest_local_shift")
    volume = _scaled(_cut(ct, start.apply(reference.volume.grid.corners_mm()), room_mm))
    return Feature(volume, np.ones(volume.grid.shape, bool))


def _corners(grid: Grid, box: tuple[slice, slice, slice]) -> Array:
    ends = [(part.start - 0.5, part.stop - 0.5) for part in box]
    return grid.to_lps(np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3))


def _cut(ct: Volume, corners_mm: Array, room_mm: float) -> Volume:
    """Return the box of a CT that holds some points and room around them."""
    index = ct.grid.to_index(corners_mm)
    room = room_mm / np.array(ct.grid.spacing_mm)
    first = np.maximum(np.floor(index.min(axis=0) - room), 0).astype(int)
    last = np.minimum(np.ceil(index.max(axis=0) + room), np.array(ct.grid.shape) - 1).astype(int)
    if np.any(last <= first):
        raise GeometryError("the vertebrae lie outside the CT of the other time point.", code="marrow-outside-ct")
    z, y, x = (slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))
    data = ct.data[z, y, x]
    return Volume(data, box_grid(ct.grid, (z.start, y.start, x.start), data.shape))


def _scaled(ct: Volume) -> Volume:
    step_mm, lowest_hu, highest_hu = (
        load_number(_DATA, name) for name in ("local_step", "local_lowest_hu", "local_highest_hu")
    )
    z, y, x = (max(1, int(step_mm / step)) for step in ct.grid.spacing_mm)
    reduced = block_mean(ct, (z, y, x), fill=AIR_HU)
    values = (np.clip(reduced.data, lowest_hu, highest_hu) - lowest_hu) / (highest_hu - lowest_hu)
    return Volume(values.astype(np.float32), reduced.grid)


def _grown(mask: Array, grid: Grid, margin_mm: float) -> Array:
    from scipy.ndimage import distance_transform_edt

    near: Array = distance_transform_edt(~mask, sampling=grid.spacing_mm) <= margin_mm
    return near
