"""SPECT and CT images of a digital patient.

The image of a quantitative reconstruction is modelled as the true activity, averaged over the frame, blurred by
the resolution that remains after compensation, and sampled in voxels. The patient is moved as exact solids and
sampled anew for each time point on a grid four times finer than the image, so no image is ever resampled.

Noise follows from the detected counts: a voxel's counts, weakened by the attenuation on the way out, fluctuate
as Poisson numbers; correcting for attenuation amplifies the fluctuations towards the middle of the body; the
other voxels on the same lines add to them (``variance_gain``); the reconstruction correlates them over
``noise_fwhm_mm``. Dead time is paralysable and acts on the rate n of all detected counts of both heads: the
camera records m = n exp(−nτ), and every voxel of a count image is lower by m/n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.quantify.dead_time import live_share
from theradose.quantify.volume import FWHM_PER_SIGMA
from theradose.simulate.camera import BLUR_PER_VOXEL, FINE_PER_CT_PIXEL, FINE_PER_VOXEL, Camera

_BLUR_REACH_SIGMA = 4.0
_DIRECTIONS = 48
_CT_RANGE_HU = (-1024, 3071)


@dataclass(frozen=True, slots=True, eq=False)
class CountImage:
    """Reconstructed counts.

    Attributes
    ----------
    counts : ndarray, shape (z, y, x)
        Counts per voxel over the acquisition, corrected for attenuation but not for decay; not negative.
    accumulated_counts : int
        Counts recorded by both heads, after attenuation and dead time.
    live_fraction : float
        Share m/n of the detected events that was recorded.
    """

    counts: Array
    accumulated_counts: int
    live_fraction: float


def blurred_activity(labels: Array, concentrations_mbq_ml: Array, fine: Grid, camera: Camera) -> Array:
    """Return the activity per emission voxel after blurring, in MBq.

    Parameters
    ----------
    labels : ndarray of uint8, shape of `fine`
        Sampled anatomy.
    concentrations_mbq_ml : ndarray, shape (labels,)
        Concentration by label.
    fine : Grid
        Four steps per emission voxel; it must reach so far beyond the wanted voxels that nothing else blurs in.
    camera : Camera
        Resolution.

    Returns
    -------
    ndarray of float32, shape (z, y, x) of `fine` over four
        The blur conserves activity: it is split by the distance of its source from the axis of rotation into a
        part with the resolution of the centre and one with that of the edge.
    """
    from scipy.ndimage import gaussian_filter

    activity = _binned_activity(labels, concentrations_mbq_ml * fine.voxel_volume_ml)
    step = camera.voxel_mm / BLUR_PER_VOXEL
    x, y = (fine.affine_mm[axis, 3] - fine.spacing_mm[0] / 2 + step * (np.arange(n) + 0.5)
            for axis, n in ((0, activity.shape[2]), (1, activity.shape[1])))  # fmt: skip
    share = np.minimum(np.hypot(y[:, None], x[None, :]) / camera.edge_mm, 1).astype(np.float32)
    blurred = np.zeros_like(activity)
    for weight, fwhm_mm in ((1 - share, camera.fwhm_centre_mm), (share, camera.fwhm_edge_mm)):
        sigma = fwhm_mm / FWHM_PER_SIGMA / step
        blurred += gaussian_filter(weight * activity, sigma, mode="constant", truncate=_BLUR_REACH_SIGMA)
    return block_sum(blurred, (BLUR_PER_VOXEL,) * 3)


def count_image(
    activity_mbq: Array,
    camera: Camera,
    *,
    transmission: Array,
    rng: np.random.Generator | None,
    dead_time: bool = True,
) -> CountImage:
    """Return the reconstructed counts of a blurred activity distribution.

    Parameters
    ----------
    activity_mbq : ndarray, shape (z, y, x)
        Mean activity per voxel over the acquisition, all that the camera sees.
    camera : Camera
        Sensitivity, dead time and noise.
    transmission : ndarray, shape (y, x) or (z, y, x)
        Mean share of photons that leave the body, from :func:`ellipse_transmission`.
    rng : numpy.random.Generator or None
        Source of noise; ``None`` gives the expectation.
    dead_time : bool
        Whether events are lost; systems that write Bq/mL correct for it themselves.
    """
    expected = activity_mbq * (camera.sensitivity_cps_per_mbq * camera.duration_s)
    detected = float((expected * transmission).sum(dtype=np.float64))
    rate_cps = detected / camera.duration_s
    live = live_share(true_cps=rate_cps, dead_time_us=camera.dead_time_us) if dead_time else 1.0
    counts = expected * live
    if rng is not None:
        counts = np.maximum(counts + _noise(counts, transmission, camera, rng), 0)
    return CountImage(counts, round(detected * live), live)


def ellipse_transmission(semi_axes_mm: tuple[float, float], *, x_mm: Array, y_mm: Array, camera: Camera) -> Array:
    """Return the mean transmission from points in a water-like ellipse around the axis, over all directions.

    Parameters
    ----------
    semi_axes_mm : tuple of float
        Along (x, y).
    x_mm, y_mm : ndarray, shape (columns,) and (rows,)
        Coordinates of the pixel centres.
    camera : Camera
        Attenuation coefficient.

    Returns
    -------
    ndarray, shape (rows, columns)
        1 outside the ellipse.
    """
    a, b = semi_axes_mm
    x, y = x_mm[None, :] / a, y_mm[:, None] / b
    inside = np.maximum(1 - x**2 - y**2, 0)
    transmission = np.zeros(inside.shape)
    for angle in np.arange(_DIRECTIONS) * (2 * math.pi / _DIRECTIONS):
        u, v = math.cos(angle) / a, math.sin(angle) / b
        along, square = u * x + v * y, u**2 + v**2
        path_mm = np.where(inside > 0, (np.sqrt(along**2 + square * inside) - along) / square, 0)
        transmission += np.exp(-camera.attenuation_per_cm / 10 * path_mm)
    return transmission / _DIRECTIONS


def ct_image(
    labels: Array,
    hu_by_label: Array,
    camera: Camera,
    *,
    rng: np.random.Generator,
    frame_of_reference: str | None = None,
) -> Volume:
    """Return the CT of a sampled anatomy: the mean HU of each voxel's fine samples plus white noise, int16.

    Parameters
    ----------
    labels : ndarray of uint8
        Anatomy on a grid of :meth:`Camera.fine_grid`, whose axial margins are cut off.
    hu_by_label : ndarray, shape (labels,)
        CT number by label; label 0 fills the field of view around the grid.
    camera : Camera
        Grid and noise of the CT.
    rng : numpy.random.Generator
        Source of noise.
    frame_of_reference : str, optional
        For the grid.
    """
    block = (int(camera.ct["slice_fine_voxels"]), FINE_PER_CT_PIXEL, FINE_PER_CT_PIXEL)
    margin = (labels.shape[0] - camera.shape[0] * FINE_PER_VOXEL) // 2
    table = (hu_by_label / math.prod(block)).astype(np.float32)
    grid = camera.ct_grid(frame_of_reference)
    firsts = range(margin, margin + grid.shape[0] * block[0], block[0])
    slices = np.concatenate([block_sum(table[labels[first : first + block[0]]], block) for first in firsts])
    image = embed(slices, grid.shape, fill=float(hu_by_label[0]))
    image += camera.ct["noise_hu"] * rng.standard_normal(grid.shape, np.float32)
    return Volume(np.clip(np.rint(image), *_CT_RANGE_HU).astype(np.int16), grid)


def embed(values: Array, shape: tuple[int, int, int], *, fill: float = 0.0) -> Array:
    """Return `values` in the middle of an array of `shape`, float32."""
    full = np.full(shape, fill, np.float32)
    firsts = [(whole - part) // 2 for whole, part in zip(shape, values.shape, strict=True)]
    full[tuple(slice(first, first + part) for first, part in zip(firsts, values.shape, strict=True))] = values
    return full


def block_sum(values: Array, factors: tuple[int, int, int]) -> Array:
    """Return the sums over blocks of voxels."""
    for axis, factor in enumerate(factors):
        shape = (*values.shape[:axis], values.shape[axis] // factor, factor, *values.shape[axis + 1 :])
        values = values.reshape(shape).sum(axis=axis + 1)
    return values


def _noise(counts: Array, transmission: Array, camera: Camera, rng: np.random.Generator) -> Array:
    """Correlated deviations from the expected counts."""
    from scipy.ndimage import gaussian_filter

    # A Poisson number of packets of `variance_gain` detected counts has that many times the Poisson variance.
    packet = camera.variance_gain / transmission
    deviation = rng.poisson(counts / packet) * packet - counts
    sigma = camera.noise_fwhm_mm / FWHM_PER_SIGMA / camera.voxel_mm
    return np.asarray(gaussian_filter(deviation, sigma, mode="constant"))


def _binned_activity(labels: Array, activity_by_label: Array) -> Array:
    """Activity in blocks of fine voxels at the resolution of the blur, float32."""
    factor = FINE_PER_VOXEL // BLUR_PER_VOXEL
    table = activity_by_label.astype(np.float32)
    slabs = [
        block_sum(table[labels[start : start + factor]], (factor,) * 3) for start in range(0, labels.shape[0], factor)
    ]
    return np.concatenate(slabs)
