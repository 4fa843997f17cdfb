"""The simulated SPECT/CT: its numbers and its grids."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.model.grid import Grid

SPECT_CT = "simulation/spect-ct.yaml"
# Fine steps per emission voxel: the anatomy is sampled at a quarter of it (1.1 mm), blurred at a half.
FINE_PER_VOXEL = 4
BLUR_PER_VOXEL = 2
FINE_PER_CT_PIXEL = 2


@dataclass(frozen=True, slots=True)
class Camera:
    """A SPECT/CT with its acquisition and its quantitative reconstruction.

    Attributes
    ----------
    name : str
        For the calibration record.
    sensitivity_cps_per_mbq, sensitivity_relative_u : float
        Reconstructed counts per second and MBq, both heads together, and the uncertainty stated for it.
    dead_time_us : float
        Paralysable, acting on the count rate of both heads.
    energy_window_kev : tuple of float
        Lower and upper bound of the photopeak window.
    views_per_head, heads, seconds_per_view : int
        Step-and-shoot acquisition.
    shape : tuple of int
        Voxels (z, y, x).
    voxel_mm : float
        Side of the cubic voxels.
    fwhm_centre_mm, fwhm_edge_mm, edge_mm : float
        Resolution of the reconstructed image on the axis and at `edge_mm` from it.
    attenuation_per_cm : float
        Of the patient, for the noise of attenuation-corrected images.
    variance_gain, noise_fwhm_mm : float
        Variance of a voxel relative to that of its own detected counts, and correlation length.
    ct : mapping
        Slice thickness, noise and tube settings.
    """

    name: str
    sensitivity_cps_per_mbq: float
    sensitivity_relative_u: float
    dead_time_us: float
    energy_window_kev: tuple[float, float]
    views_per_head: int
    heads: int
    seconds_per_view: float
    shape: tuple[int, int, int]
    voxel_mm: float
    fwhm_centre_mm: float
    fwhm_edge_mm: float
    edge_mm: float
    attenuation_per_cm: float
    variance_gain: float
    noise_fwhm_mm: float
    ct: Mapping[str, float]

    @property
    def duration_s(self) -> float:
        """Length of the acquisition; the heads turn together."""
        return self.views_per_head * self.seconds_per_view

    def fwhm_mm(self, distance_mm: float) -> float:
        """Return the resolution at a distance from the axis of rotation."""
        share = min(distance_mm / self.edge_mm, 1.0)
        return self.fwhm_centre_mm + share * (self.fwhm_edge_mm - self.fwhm_centre_mm)

    def emission_grid(self, frame_of_reference: str | None = None) -> Grid:
        """Return the grid of the images, centred on the origin."""
        return _centred(self.shape, (self.voxel_mm,) * 3, frame_of_reference)

    def ct_grid(self, frame_of_reference: str | None = None) -> Grid:
        """Return the grid of the CT, with the same field of view."""
        step = self.voxel_mm / FINE_PER_VOXEL
        per_slice = int(self.ct["slice_fine_voxels"])
        slices, rows, columns = (n * FINE_PER_VOXEL for n in self.shape)
        shape = (slices // per_slice, rows // FINE_PER_CT_PIXEL, columns // FINE_PER_CT_PIXEL)
        pixel = step * FINE_PER_CT_PIXEL
        return _centred(shape, (step * per_slice, pixel, pixel), frame_of_reference)

    def fine_grid(self, *, half_width_mm: tuple[float, float], margin_voxels: int) -> Grid:
        """Return the grid on which the anatomy is sampled.

        Parameters
        ----------
        half_width_mm : tuple of float
            To either side of the middle along (x, y); cut off at the field of view.
        margin_voxels : int
            Emission voxels added on all sides, from and into which activity blurs. Along z they lie outside the
            field of view.
        """
        half = [math.ceil(width / self.voxel_mm) + margin_voxels for width in half_width_mm]
        columns, rows = (2 * min(n, whole // 2) for n, whole in zip(half, self.shape[:0:-1], strict=True))
        slices = self.shape[0] + 2 * margin_voxels
        shape = slices * FINE_PER_VOXEL, rows * FINE_PER_VOXEL, columns * FINE_PER_VOXEL
        return _centred(shape, (self.voxel_mm / FINE_PER_VOXEL,) * 3, None)


def load_camera(spec: Mapping[str, Any] | None = None) -> Camera:
    """Return the simulated SPECT/CT from a specification, by default ``data/simulation/spect-ct.yaml``."""
    spec = load_yaml(SPECT_CT) if spec is None else spec
    values = {key: spec[key] for key in Camera.__dataclass_fields__ if key != "name"}
    low, high = spec["energy_window_kev"]
    depth, height, width = spec["shape"]
    return Camera(name=spec["camera"], **(values | {"energy_window_kev": (low, high), "shape": (depth, height, width)}))


def _centred(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], frame_of_reference: str | None
) -> Grid:
    origin = -(np.array(shape) - 1) / 2 * np.array(spacing_mm)
    return Grid.axis_aligned(
        shape, spacing_mm, (float(origin[2]), float(origin[1]), float(origin[0])), frame_of_reference
    )
