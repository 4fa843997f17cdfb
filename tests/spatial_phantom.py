"""A small analytic torso for tests of alignment: exact at any position, so that motion needs no resampling."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.model.transform import RigidTransform

# name: centre (x, y, z) and half axes in mm, HU, relative uptake early and late
SOLIDS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float, float, float]] = {
    "body": ((0, 0, 0), (165, 105, 400), 40, 1.0, 0.3),
    "right lung": ((-70, -5, 150), (55, 70, 90), -750, 0.5, 0.15),
    "left lung": ((70, -5, 150), (50, 65, 90), -750, 0.5, 0.15),
    "liver": ((-70, -10, 30), (75, 70, 60), 60, 6.0, 4.0),
    "spleen": ((100, 35, 45), (30, 35, 50), 50, 15.0, 9.0),
    "right kidney": ((-60, 50, -50), (28, 26, 52), 30, 18.0, 8.0),
    "left kidney": ((62, 52, -35), (28, 26, 54), 30, 18.0, 8.0),
    "spine": ((0, 65, 0), (20, 22, 400), 250, 1.5, 0.4),
    "cord": ((0, 75, 0), (8, 8, 400), 20, 1.0, 0.3),
    "bowel": ((30, -40, -90), (45, 35, 30), -100, 2.0, 3.0),
    "lesion": ((-40, -20, 60), (16, 16, 16), 55, 30.0, 45.0),
}


def motion(*, rotation_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> RigidTransform:
    """Rotation about the middle of the torso, then a shift."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", rotation_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return RigidTransform(matrix)


def torso_grid(
    frame: str | None = "1.2.3", *, step_mm: float = 4.4, offset: tuple[float, float, float] = (0, 0, 0)
) -> Grid:
    """A grid of 396 by 396 by 317 mm around the torso."""
    nz, nxy = round(317 / step_mm), round(396 / step_mm)
    corner = (-198 + step_mm / 2 + offset[0], -198 + step_mm / 2 + offset[1], -158 + step_mm / 2 + offset[2])
    return Grid.axis_aligned((nz, nxy, nxy), (step_mm, step_mm, step_mm), corner, frame)


def torso_ct(grid: Grid, moved: RigidTransform | None = None, *, seed: int = 0) -> Volume:
    """HU with noise and a table that does not move with the patient.

    `moved` maps points of the patient at rest to points of this image.
    """
    hu = gaussian_filter(_paint(grid, moved, column=2, outside=-1000.0), 0.5)
    points = _points(grid)
    table = (np.abs(points[..., 1] - 125) < 5) & (np.abs(points[..., 0]) < 200)
    hu[table] = 300.0
    return Volume((hu + np.random.default_rng(seed).normal(0, 20, grid.shape)).astype(np.float32), grid)


def torso_emission(
    grid: Grid, moved: RigidTransform | None = None, *, late: bool = False, seed: int = 0, counts: float = 2e6
) -> Volume:
    """Blurred uptake (12 mm) with Poisson noise."""
    uptake = np.clip(_paint(grid, moved, column=4 if late else 3, outside=0.0), 0, None)
    blurred = gaussian_filter(uptake, 12.0 / 2.355 / np.array(grid.spacing_mm))
    expected = blurred * (counts / blurred.sum())
    noisy = gaussian_filter(np.random.default_rng(seed).poisson(expected).astype(float), 1.0)
    return Volume(noisy.astype(np.float32), grid)


def _points(grid: Grid) -> Array:
    return grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1))


def _paint(grid: Grid, moved: RigidTransform | None, *, column: int, outside: float) -> Array:
    points = _points(grid)
    if moved is not None:
        points = moved.inverse().apply(points)
    image = np.full(grid.shape, outside)
    for solid in SOLIDS.values():
        centre, half = np.array(solid[0]), np.array(solid[1])
        inside = (((points - centre) / half) ** 2).sum(axis=-1) <= 1.0
        image[inside] = solid[column]
    return image
