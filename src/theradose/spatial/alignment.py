"""What a registration compares, and how good an alignment is.

References
----------
[Studholme1999]_ An overlap invariant entropy measure of 3D medical image alignment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.model.grid import Volume
from theradose.model.transform import RigidTransform
from theradose.spatial.averages import AIR_HU, block_mean
from theradose.spatial.body import body_mask
from theradose.spatial.resample import resample_volume

# Finer voxels make the comparison slower, not better: it is limited by resolution and breathing.
_WORKING_STEP_MM = 4.5
# Lung and air look alike below, metal above: breathing and implants then have no say.
_LOWEST_HU, _HIGHEST_HU = -300.0, 700.0
_SURROUNDINGS_MM = 20.0
# Share of the brightest activity at which the logarithm takes over from the straight line.
_BACKGROUND_SHARE = 0.02
_BRIGHT_QUANTILE = 0.999
_BINS = 48


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """An image made ready for comparison.

    Attributes
    ----------
    volume : Volume
        Values scaled to 0 … 1, with voxels of a few millimetres.
    mask : ndarray of bool
        The patient and a margin: what takes part in the comparison.
    """

    volume: Volume
    mask: Array


@dataclass(frozen=True, slots=True)
class Agreement:
    """Figures of how well two images agree.

    Attributes
    ----------
    overlap_fraction : float
        Share of the compared voxels of the reference that lie inside the moving image.
    mutual_information : float
        In nat, over these voxels.
    normalised_mutual_information : float
        From 1 (unrelated) to 2 (each determines the other).
    """

    overlap_fraction: float
    mutual_information: float
    normalised_mutual_information: float


def ct_feature(ct: Volume) -> Feature:
    """Return a CT without table, with values from lung to bone."""
    reduced = _reduced(ct, AIR_HU)
    body = np.zeros(reduced.grid.shape, bool)
    voxels = body_mask(reduced)
    body[voxels.box] = voxels.fraction > 0
    hu = np.where(body, np.clip(reduced.data, _LOWEST_HU, _HIGHEST_HU), _LOWEST_HU)
    values = (hu - _LOWEST_HU) / (_HIGHEST_HU - _LOWEST_HU)
    return Feature(Volume(values.astype(np.float32), reduced.grid), _with_margin(body, reduced))


def emission_feature(emission: Volume) -> Feature:
    """Return an emission image on a logarithmic scale, so that a bright lesion does not outweigh the organs."""
    reduced = _reduced(emission, 0.0)
    positive = np.maximum(reduced.data, 0.0)
    bright = _bright_value(positive)
    values = np.log1p(positive / (_BACKGROUND_SHARE * bright)) / np.log1p(1.0 / _BACKGROUND_SHARE)
    volume = Volume(np.minimum(values, 1.0).astype(np.float32), reduced.grid)
    return Feature(volume, _with_margin(positive > _BACKGROUND_SHARE * bright, reduced))


def agreement(reference: Feature, moving: Feature, transform: RigidTransform) -> Agreement:
    """Return how well two images agree under a transform.

    Parameters
    ----------
    reference, moving : Feature
        What is compared.
    transform : RigidTransform
        Reference to moving.

    References
    ----------
    [Studholme1999]_
    """
    moved, inside = _common(reference, moving, transform)
    overlap = float(inside.sum()) / max(1.0, float(reference.mask.sum()))
    if inside.sum() < _BINS**2:
        return Agreement(overlap, 0.0, 1.0)
    first, second = reference.volume.data[inside], moved[inside]
    joint, _, _ = np.histogram2d(first, second, bins=_BINS, range=((0.0, 1.0), (0.0, 1.0)))
    h_first, h_second, h_joint = (_entropy(counts) for counts in (joint.sum(axis=1), joint.sum(axis=0), joint))
    return Agreement(overlap, h_first + h_second - h_joint, (h_first + h_second) / h_joint if h_joint > 0 else 1.0)


def edge_correlation(reference: Feature, moving: Feature, transform: RigidTransform) -> float:
    """Return the correlation of the magnitudes of the gradients of two images, 0 where nothing can be compared.

    Parameters are those of `agreement`.
    """
    moved, inside = _common(reference, moving, transform)
    first, second = (_edges(values, reference.volume)[inside] for values in (reference.volume.data, moved))
    if first.size < 2 or first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _common(reference: Feature, moving: Feature, transform: RigidTransform) -> tuple[Array, Array]:
    """Return the moved values on the reference grid (-1 outside) and where both images are compared."""
    moved = resample_volume(moving.volume, reference.volume.grid, transform=transform, fill=-1.0).data
    return moved, reference.mask & (moved >= 0.0)


def _reduced(volume: Volume, fill: float) -> Volume:
    z, y, x = (max(1, int(_WORKING_STEP_MM / step)) for step in volume.grid.spacing_mm)
    return block_mean(volume, (z, y, x), fill=fill)


def _bright_value(positive: Array) -> float:
    occupied = positive[positive > 0]
    return float(np.quantile(occupied, _BRIGHT_QUANTILE)) if len(occupied) else 1.0


def _with_margin(mask: Array, volume: Volume) -> Array:
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return np.ones(mask.shape, bool)
    near: Array = distance_transform_edt(~mask, sampling=volume.grid.spacing_mm) <= _SURROUNDINGS_MM
    return near


def _edges(values: Array, volume: Volume) -> Array:
    from scipy.ndimage import gaussian_gradient_magnitude

    sigma = [max(volume.grid.spacing_mm) / step for step in volume.grid.spacing_mm]
    edges: Array = gaussian_gradient_magnitude(values, sigma)
    return edges


def _entropy(counts: Array) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())
