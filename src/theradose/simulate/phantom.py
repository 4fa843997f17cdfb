"""The simulator's own sphere phantom, from which the recovery curve of the simulated camera is measured.

Hot spheres in a cold cylinder are imaged one at a time with the resolution, voxels, counting noise and regions
of the patient images. The recovery of a sphere is the activity found inside its true outline over the true one.

Two limits of every such curve are part of the simulation. It depends on the volume alone, although an organ that
is not a sphere has more surface and loses more than a sphere of its volume (the kidneys here about 2 %), and a
bright cortex loses more than a uniform organ. And it is measured without background, although activity around a
lesion spills into it (about 6 % of a lesion of 14 mL that is eight times as concentrated as the liver around it).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.model.grid import Grid
from theradose.model.recovery import RecoveryPoints
from theradose.simulate.camera import FINE_PER_VOXEL, SPECT_CT, Camera
from theradose.simulate.solids import ellipsoid, paint
from theradose.simulate.spect import block_sum, blurred_activity, count_image, ellipse_transmission

_MARGIN_VOXELS = 4
_STREAM = 2


@dataclass(frozen=True, slots=True)
class _Sphere:
    volume_ml: float
    concentration_mbq_ml: float
    position_mm: tuple[float, float, float]

    @property
    def radius_mm(self) -> float:
        return float((3 * self.volume_ml * 1000 / (4 * math.pi)) ** (1 / 3))


def measure_recovery(camera: Camera, *, seed: int, spec: Mapping[str, Any] | None = None) -> RecoveryPoints:
    """Image the phantom and return its recovery coefficients.

    Parameters
    ----------
    camera : Camera
        The camera of the patient images.
    seed : int
        Of the positions and the noise.
    spec : mapping, optional
        ``phantom`` of ``data/simulation/spect-ct.yaml`` by default.

    Returns
    -------
    RecoveryPoints
        Mean over several positions of each sphere within a voxel. The uncertainty holds the scatter of a
        single position and the filling of the sphere.
    """
    spec = load_yaml(SPECT_CT)["phantom"] if spec is None else spec
    rng = np.random.default_rng([seed, _STREAM])
    means, uncertainties = [], []
    for volume_ml in spec["sphere_ml"]:
        found = [
            _recovery(_place(volume_ml, turn, spec, camera, rng), camera, spec["water_radius_mm"], rng)
            for turn in np.arange(spec["positions"]) / spec["positions"]
        ]
        mean = float(np.mean(found))
        means.append(mean)
        uncertainties.append(math.hypot(float(np.std(found, ddof=1)), spec["filling_relative_u"] * mean))
    return RecoveryPoints(camera.name, np.array(spec["sphere_ml"]), np.array(means), np.array(uncertainties))


def _place(volume_ml: float, turn: float, spec: Mapping[str, Any], camera: Camera, rng: np.random.Generator) -> _Sphere:
    """Put a sphere on the circle of the phantom, or nearer to the axis if it is too large for that."""
    sphere = _Sphere(volume_ml, spec["concentration_mbq_ml"], (0.0, 0.0, 0.0))
    distance = max(min(spec["radius_mm"], spec["water_radius_mm"] - sphere.radius_mm), 0.0)
    middle = distance * np.array([math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn), 0.0])
    x, y, z = middle + camera.voxel_mm * rng.uniform(-0.5, 0.5, 3)
    return _Sphere(volume_ml, sphere.concentration_mbq_ml, (float(x), float(y), float(z)))


def _recovery(sphere: _Sphere, camera: Camera, water_radius_mm: float, rng: np.random.Generator) -> float:
    """Image one sphere on the part of the voxel lattice around it."""
    reach = math.ceil(sphere.radius_mm / camera.voxel_mm) + _MARGIN_VOXELS
    corner_mm = camera.voxel_mm * (np.round(np.array(sphere.position_mm) / camera.voxel_mm) - reach)
    step = camera.voxel_mm / FINE_PER_VOXEL
    side = 2 * reach * FINE_PER_VOXEL
    x, y, z = corner_mm + step / 2
    fine = Grid.axis_aligned((side,) * 3, (step,) * 3, (float(x), float(y), float(z)))
    labels = np.zeros(fine.shape, np.uint8)
    paint(labels, fine, ellipsoid(sphere.position_mm, [sphere.radius_mm] * 3), 1)
    activity = blurred_activity(labels, np.array([0.0, sphere.concentration_mbq_ml]), fine, camera)
    centres = camera.voxel_mm * (np.arange(2 * reach) + 0.5)
    transmission = ellipse_transmission(
        (water_radius_mm, water_radius_mm), x_mm=corner_mm[0] + centres, y_mm=corner_mm[1] + centres, camera=camera
    )
    image = count_image(activity, camera, transmission=transmission, rng=rng, dead_time=False)
    outline = block_sum(labels.astype(np.float32), (FINE_PER_VOXEL,) * 3) / FINE_PER_VOXEL**3
    true_mbq = float(labels.sum(dtype=np.int64)) * fine.voxel_volume_ml * sphere.concentration_mbq_ml
    counts_per_mbq = camera.sensitivity_cps_per_mbq * camera.duration_s
    return float((image.counts * outline).sum(dtype=np.float64)) / (counts_per_mbq * true_mbq)
