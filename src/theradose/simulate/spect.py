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
from theradose.simulate.camera import BLUR_PER_VOXEL, FINE_PER_CT_PIXEL, FINE_PER_VOXEL, Camera

_FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
_BLUR_REACH_SIGMA = 4.0
_DIRECTIONS = 48
_CT_RANGE_HU = (-1024, 3071)


@dataclass(frozen=True, slots=True, eq=False)
class SpectImage:
    """A simulated quantitative SPECT image.

    Attributes
    ----------
    counts : Volume
        Reconstructed counts per voxel over the acquisition, not decay-corrected, not negative.
    accumulated_counts : int
        Counts recorded by both heads, after attenuation and dead time.
    live_fraction : float
        Share m/n of the detected events that was recorded.
    """

    counts: Volume
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
        From :meth:`Camera.fine_grid`; its axial margins are blurred in and cut off.
    camera : Camera
        Resolution.

    Returns
    -------
    ndarray, shape (z, y, x) of the covered emission voxels
        The blur conserves activity: it is split by the distance of its source from the axis of rotation into a
        part with the resolution of the centre and one with that of the edge.
    """
    from scipy.ndimage import gaussian_filter

    activity = _binned_activity(labels, concentrations_mbq_ml * fine.voxel_volume_ml)
    step = camera.voxel_mm / BLUR_PER_VOXEL
    y, x = (step * (np.arange(n) - (n - 1) / 2) for n in activity.shape[1:])
    share = np.minimum(np.hypot(y[:, None], x[None, :]) / camera.edge_mm, 1).astype(np.float32)
    blurred = np.zeros_like(activity)
    for weight, fwhm_mm in ((1 - share, camera.fwhm_centre_mm), (share, camera.fwhm_edge_mm)):
        sigma = fwhm_mm / _FWHM_PER_SIGMA / step
        blurred += gaussian_filter(weight * activity, sigma, mode="constant", truncate=_BLUR_REACH_SIGMA)
    margin = (activity.shape[0] // BLUR_PER_VOXEL - camera.shape[0]) // 2
    voxels = _block_sum(blurred, (BLUR_PER_VOXEL,) * 3)
    return voxels[margin : margin + camera.shape[0]]


def spect_image(
    activity_mbq: Array,
    camera: Camera,
    *,
    transmission: Array,
    rng: np.random.Generator | None,
    dead_time: bool = True,
    frame_of_reference: str | None = None,
) -> SpectImage:
    """Return the count image of a blurred activity distribution.

    Parameters
    ----------
    activity_mbq : ndarray, shape (z, y, x)
        From :func:`blurred_activity`, the middle of the field of view in the middle of the array.
    camera : Camera
        Sensitivity, dead time and noise.
    transmission : ndarray, shape (y, x) or (z, y, x)
        Mean share of photons that leave the body, from :func:`ellipse_transmission`.
    rng : numpy.random.Generator or None
        Source of noise; ``None`` gives the expectation.
    dead_time : bool
        Whether events are lost; systems that write Bq/mL correct for it themselves.
    frame_of_reference : str, optional
        For the grid.
    """
    expected = activity_mbq * (camera.sensitivity_cps_per_mbq * camera.duration_s)
    detected = float((expected * transmission).sum(dtype=np.float64))
    rate_cps = detected / camera.duration_s
    live = math.exp(-rate_cps * camera.dead_time_us * 1e-6) if dead_time else 1.0
    counts = expected * live
    if rng is not None:
        counts = np.maximum(counts + _noise(counts, transmission, camera, rng), 0)
    full = np.zeros(camera.shape, np.float32)
    rows, columns = ((n - m) // 2 for n, m in zip(camera.shape[1:], counts.shape[1:], strict=True))
    full[:, rows : rows + counts.shape[1], columns : columns + counts.shape[2]] = counts
    return SpectImage(Volume(full, camera.emission_grid(frame_of_reference)), round(detected * live), live)


def ellipse_transmission(
    semi_axes_mm: tuple[float, float], shape: tuple[int, int], camera: Camera
) -> Array:
    """Return the mean transmission from each pixel out of a water-like ellipse, over all directions.

    Parameters
    ----------
    semi_axes_mm : tuple of float
        Along (x, y), about the middle.
    shape : tuple of int
        Pixels (y, x) of the emission voxel size.

    Returns
    -------
    ndarray, shape (y, x)
        1 outside the ellipse.
    """
    a, b = semi_axes_mm
    rows, columns = (camera.voxel_mm * (np.arange(n) - (n - 1) / 2) for n in shape)
    x, y = columns[None, :] / a, rows[:, None] / b
    inside = np.maximum(1 - x**2 - y**2, 0)
    transmission = np.zeros(shape)
    for angle in np.arange(_DIRECTIONS) * (2 * math.pi / _DIRECTIONS):
        u, v = math.cos(angle) / a, math.sin(angle) / b
        along, square = u * x + v * y, u**2 + v**2
        path_mm = np.where(inside > 0, (np.sqrt(along**2 + square * inside) - along) / square, 0)
        transmission += np.exp(-camera.attenuation_per_cm / 10 * path_mm)
    return transmission / _DIRECTIONS


def ct_image(
    labels: Array, hu_by_label: Array, fine: Grid, camera: Camera, *, rng: np.random.Generator,
    frame_of_reference: str | None = None,
) -> Volume:
    """Return the CT of a sampled anatomy, in HU, int16.

    The mean HU of each voxel's fine samples plus white noise; `fine` must not have axial margins less than 0.
    """
    per_slice = int(camera.ct["slice_fine_voxels"])
    margin = (labels.shape[0] - camera.shape[0] * FINE_PER_VOXEL) // 2
    table = hu_by_label.astype(np.float32) / (per_slice * FINE_PER_CT_PIXEL**2)
    grid = camera.ct_grid(frame_of_reference)
    image = np.full(grid.shape, hu_by_label[0], np.float32)
    rows, columns = (
        (n - m // FINE_PER_CT_PIXEL) // 2 for n, m in zip(grid.shape[1:], labels.shape[1:], strict=True)
    )
    inner = image[
        :,
        rows : rows + labels.shape[1] // FINE_PER_CT_PIXEL,
        columns : columns + labels.shape[2] // FINE_PER_CT_PIXEL,
    ]
    for number in range(grid.shape[0]):
        first = margin + number * per_slice
        inner[number] = _block_sum(
            table[labels[first : first + per_slice]], (per_slice, FINE_PER_CT_PIXEL, FINE_PER_CT_PIXEL)
        )[0]
    image += camera.ct["noise_hu"] * rng.standard_normal(grid.shape, np.float32)
    return Volume(np.clip(np.rint(image), *_CT_RANGE_HU).astype(np.int16), grid)


def _noise(counts: Array, transmission: Array, camera: Camera, rng: np.random.Generator) -> Array:
    """Correlated deviations from the expected counts."""
    from scipy.ndimage import gaussian_filter

    # A Poisson number of packets of `variance_gain` detected counts has that many times the Poisson variance.
    packet = camera.variance_gain / transmission
    deviation = rng.poisson(counts / packet) * packet - counts
    sigma = camera.noise_fwhm_mm / _FWHM_PER_SIGMA / camera.voxel_mm
    return np.asarray(gaussian_filter(deviation, sigma, mode="constant"))


def _binned_activity(labels: Array, activity_by_label: Array) -> Array:
    """Activity in blocks of fine voxels at the resolution of the blur, float32."""
    factor = FINE_PER_VOXEL // BLUR_PER_VOXEL
    table = activity_by_label.astype(np.float32)
    slabs = [
        _block_sum(table[labels[start : start + factor]], (factor,) * 3)
        for start in range(0, labels.shape[0], factor)
    ]
    return np.concatenate(slabs)


def _block_sum(values: Array, factors: tuple[int, int, int]) -> Array:
    """Sums over blocks of voxels."""
    for axis, factor in enumerate(factors):
        slices = [np.take(values, range(k, values.shape[axis], factor), axis=axis) for k in range(factor)]
        values = np.sum(slices, axis=0)
    return values
