"""Planar images of a digital patient: attenuated projections to two detectors in three energy windows.

Every voxel shines forward and backward along straight lines, weakened by the tissue between it and the detector; the
collimator blurs with distance. Scattered photons are a wide blur of the unscattered ones, with a spectrum that falls
in a straight line over the three windows. Dead time is paralysable and acts on the photopeak rate of both heads. Counts
are Poisson numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.model.arrays import Array
from theradose.model.planar import EnergyWindow, PlanarPair
from theradose.quantify.dead_time import live_share
from theradose.quantify.volume import FWHM_PER_SIGMA
from theradose.simulate.camera import FINE_PER_VOXEL, Camera
from theradose.simulate.patient import DigitalPatient
from theradose.simulate.spect import block_sum
from theradose.simulate.visit import MARGIN_VOXELS, Visit, fine_grid

PLANAR = "simulation/planar.yaml"
_STREAM = 4
_MM_PER_CM = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPair:
    """Planar views with what is known about them.

    Attributes
    ----------
    pair : PlanarPair
        Counts with noise.
    primary : tuple of ndarray
        Expected unscattered counts of the anterior and the posterior view without dead time, shape (rows, columns).
    live_fraction : float
        Share of the detected events that was recorded.
    """

    pair: PlanarPair
    primary: tuple[Array, Array]
    live_fraction: float


def planar_visit(
    visit: Visit,
    *,
    patient: DigitalPatient,
    camera: Camera,
    spec: Mapping[str, Any] | None = None,
    only: str | None = None,
) -> SimulatedPair:
    """Image the patient once from front and back.

    Parameters
    ----------
    visit : Visit
        Time and pose.
    patient : DigitalPatient
        Who is imaged.
    camera : Camera
        With what; each of its heads sees one side with half of its sensitivity.
    spec : mapping, optional
        ``data/simulation/planar.yaml`` by default.
    only : str, optional
        A region that alone is active, for the truth of projections.
    """
    spec = load_yaml(PLANAR) if spec is None else spec
    rng = np.random.default_rng([patient.seed, _STREAM, visit.hours])
    exposure_s = float(spec["exposure_s"])
    labels = patient.anatomy.moved(visit.pose).labels(grid := fine_grid(patient.anatomy, visit.pose, camera))
    concentrations = patient.concentrations_mbq_ml(visit.t_h, exposure_s / 3600)
    if only is not None:
        kept = np.zeros(len(concentrations), bool)
        kept[[position + 1 for position in patient.anatomy.parts_of(only)]] = True
        concentrations = np.where(kept, concentrations, 0.0)
    activity = _coarse(labels, concentrations * grid.voxel_volume_ml)
    density = _coarse(labels, patient.by_label("density_g_ml")) / FINE_PER_VOXEL**3
    step_mm = camera.voxel_mm
    mu = density * (spec["mass_attenuation_cm2_g"] * step_mm / _MM_PER_CM)
    behind = np.cumsum(mu, axis=1)
    skin_mm = float(patient.anatomy.skin.semi_axes_mm[1]) + spec["detector_gap_mm"]
    depth_mm = step_mm * (np.arange(activity.shape[1]) - (activity.shape[1] - 1) / 2)
    per_mbq = camera.sensitivity_cps_per_mbq / camera.heads * exposure_s
    primary = tuple(
        _view(activity * np.exp(-path), skin_mm + sign * depth_mm, spec, step_mm, camera) * per_mbq
        for path, sign in ((behind - mu / 2, 1), (behind[:, -1:] - behind + mu / 2, -1))
    )
    windows = tuple(EnergyWindow(*spec["windows_kev"][name]) for name in ("lower", "peak", "upper"))
    expected = [_in_windows(view, windows, spec, step_mm) for view in primary]
    rate_cps = float(sum(stack[1].sum() for stack in expected)) / exposure_s
    live = live_share(true_cps=rate_cps, dead_time_us=camera.dead_time_us)
    anterior, posterior = (rng.poisson(stack * live).astype(float) for stack in expected)
    pair = PlanarPair(
        windows=windows,
        anterior=anterior,
        posterior=posterior,
        spacing_mm=(step_mm, step_mm),
        acquired_at=visit.acquired_at,
        exposure_s=exposure_s,
        elapsed_s=exposure_s,
        technique="static",
        nuclide=patient.nuclide.name,
    )
    return SimulatedPair(pair, (primary[0], primary[1]), live)


def _coarse(labels: Array, by_label: Array) -> Array:
    """Sums over the voxels of the camera, axes (row to the feet, depth, column), float32."""
    table = by_label.astype(np.float32)
    blocks = (FINE_PER_VOXEL,) * 3
    slabs = [block_sum(table[labels[first : first + FINE_PER_VOXEL]], blocks)
             for first in range(0, labels.shape[0], FINE_PER_VOXEL)]  # fmt: skip
    return np.concatenate(slabs)[::-1]


def _view(weakened: Array, distance_mm: Array, spec: Mapping[str, Any], step_mm: float, camera: Camera) -> Array:
    """Blur each layer by its distance from the detector and add them up, on the pixels of the whole detector."""
    from scipy.ndimage import gaussian_filter

    total = np.zeros((weakened.shape[0], weakened.shape[2]))
    for layer in range(weakened.shape[1]):
        fwhm_mm = spec["fwhm_at_face_mm"] + spec["fwhm_per_mm"] * max(float(distance_mm[layer]), 0.0)
        total += gaussian_filter(weakened[:, layer], fwhm_mm / FWHM_PER_SIGMA / step_mm, mode="constant")
    # The margin beyond the field of view only served the blur.
    seen = total[MARGIN_VOXELS:-MARGIN_VOXELS]
    rows = columns = camera.shape[2]
    image = np.zeros((rows, columns))
    top, left = (rows - seen.shape[0]) // 2, (columns - seen.shape[1]) // 2
    image[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return image


def _in_windows(primary: Array, windows: tuple[EnergyWindow, ...], spec: Mapping[str, Any], step_mm: float) -> Array:
    """Expected counts in the lower, peak and upper window."""
    from scipy.ndimage import gaussian_filter

    sigma = spec["scatter_fwhm_mm"] / FWHM_PER_SIGMA / step_mm
    scatter = spec["scatter_to_primary"] * gaussian_filter(primary, sigma, mode="constant")
    lower, peak, upper = windows
    tilt = spec["scatter_tilt"]
    return np.stack(
        [
            scatter * (1 + tilt) * lower.width_kev / peak.width_kev,
            primary + scatter,
            scatter * (1 - tilt) * upper.width_kev / peak.width_kev,
        ]
    )
