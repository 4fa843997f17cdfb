"""A voxel, or a shape of voxels, with activity in a uniform medium, for tests of engines through the public request."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.dose.engines import DoseRequest, dose_engines, transport_settings
from theradose.model.dose import DoseMap
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.material import MaterialMap
from theradose.nuclides import load_nuclide

OFFSETS = {"self": (0, 0, 0), "face": (0, 0, 1), "edge": (0, 1, 1), "corner": (1, 1, 1)}
S_PER_H = 3600


@dataclass(frozen=True)
class Sampled:
    """A number with its standard uncertainty."""

    value: float
    u: float

    def agrees(self, expected, *, relative, sigmas=3.0):
        """Within the larger of a relative tolerance and some standard uncertainties."""
        return abs(self.value - expected) <= max(relative * expected, sigmas * self.u)


def uniform_request(
    tia, side_mm, *, nuclide="Lu-177", nuclear_data="ddep", density=1.0, material="water", histories=None, seed=1
):
    """The request of a map of time-integrated activity, MBq·h/mL, in cubic voxels of one medium."""
    grid = Grid.axis_aligned(tia.shape, (side_mm,) * 3)
    return DoseRequest(
        Volume(tia.astype(np.float32), grid),
        DensityMap(np.full(tia.shape, density, np.float32), grid),
        load_nuclide(nuclide, nuclear_data=nuclear_data),
        materials=MaterialMap(np.zeros(tia.shape, np.uint8), grid, {0: material}),
        transport=transport_settings(histories=histories, seed=seed),
    )


def middle_voxel(n, side_mm):
    """1 MBq·s in the middle of n³ voxels, as MBq·h/mL."""
    tia = np.zeros((n, n, n))
    tia[n // 2, n // 2, n // 2] = 1 / S_PER_H / (side_mm**3 / 1000)
    return tia


def voxel_ball(mass_g, side_mm, margin_mm, *, density=1.0):
    """Voxels whose centres lie in a sphere, in a cube with a margin, and their mass in g."""
    radius = (3 / (4 * math.pi) * mass_g / density * 1000) ** (1 / 3)
    half = math.ceil((radius + margin_mm) / side_mm)
    x = side_mm * np.arange(-half, half + 1)
    inside = x[:, None, None] ** 2 + x[:, None] ** 2 + x**2 <= radius**2
    return inside, float(inside.sum()) * side_mm**3 / 1000 * density


def run(engine, request) -> DoseMap:
    """The dose map of an engine by name."""
    return dose_engines.get(engine)(request)[0]


def voxel_s(dose: DoseMap, offset) -> Sampled:
    """mGy/(MBq·s) at an offset from the middle voxel: the mean of all voxels that are the same by symmetry."""
    n = dose.data.shape[0]
    offsets = np.sort(np.abs(np.indices(dose.data.shape) - n // 2), axis=0)
    alike = np.all(offsets == np.sort(offset)[:, None, None, None], axis=0)
    values = dose.data[alike].astype(float) * 1e3
    u = dose.u.data[alike].astype(float) * 1e3
    return Sampled(values.mean(), math.sqrt(float((u**2).sum())) / values.size)
