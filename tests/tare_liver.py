"""A digital liver for radioembolisation: two perfused territories, a tumour in each, lungs above."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from theradose.formats.nifti import write_nifti
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.region import RegionVoxels
from theradose.plan.tare.request import TareImage

GRID = Grid.axis_aligned((40, 40, 48), (4.0, 4.0, 4.0))
LABELS = {"right": 1, "left": 2, "tumour-right": 3, "tumour-left": 4, "lungs": 5}
COUNTS = {"right": 10.0, "left": 6.0, "tumour-right": 45.0, "tumour-left": 20.0, "lungs": 0.8}
LUNG_DENSITY, SOFT_DENSITY, AIR_DENSITY = 0.3, 1.05, 0.0012


def labels() -> np.ndarray:
    """An ellipsoid cut into two lobes, a ball in each, and two balls for the lungs."""
    z, y, x = np.indices(GRID.shape)
    found = np.zeros(GRID.shape, np.uint8)
    liver = ((z - 13) / 11) ** 2 + ((y - 20) / 14) ** 2 + ((x - 24) / 20) ** 2 <= 1
    found[liver] = LABELS["right"]
    found[liver & (x > 30)] = LABELS["left"]
    found[(z - 13) ** 2 + (y - 20) ** 2 + (x - 17) ** 2 <= 5**2] = LABELS["tumour-right"]
    found[(z - 13) ** 2 + (y - 20) ** 2 + (x - 36) ** 2 <= 3**2] = LABELS["tumour-left"]
    for centre in (12, 36):
        found[(z - 32) ** 2 + (y - 20) ** 2 + (x - centre) ** 2 <= 7**2] = LABELS["lungs"]
    return found


def density(found: np.ndarray) -> np.ndarray:
    """Soft tissue with a gradient, so that mean dose and dose of the mean density differ; light lungs, air around."""
    z = np.indices(GRID.shape)[0]
    values = np.where(found > 0, SOFT_DENSITY + 0.002 * (z - 13), AIR_DENSITY)
    return np.where(found == LABELS["lungs"], LUNG_DENSITY, values)


def counts(found: np.ndarray, seed: int = 1) -> np.ndarray:
    """Poisson counts of each region."""
    mean = np.zeros(GRID.shape)
    for name, label in LABELS.items():
        mean[found == label] = COUNTS[name]
    return np.random.default_rng(seed).poisson(mean).astype(np.float32)


def scout_image() -> TareImage:
    """The image as the planner takes it."""
    found = labels()
    voxels = {name: RegionVoxels.from_mask(found == label) for name, label in LABELS.items()}
    lobes = {
        lobe: RegionVoxels.from_mask((found == LABELS[lobe]) | (found == LABELS[f"tumour-{lobe}"]))
        for lobe in ("right", "left")
    }
    return TareImage(
        Volume(counts(found), GRID),
        DensityMap(density(found).astype(np.float32), GRID, method="digital liver"),
        RegionVoxels.from_mask((found > 0) & (found < LABELS["lungs"])),
        lobes,
        {name: voxels[name] for name in ("tumour-right", "tumour-left")},
        voxels["lungs"],
    )


def write_scout(folder: Path) -> None:
    """Write the image, its density and its labels as NIfTI."""
    found = labels()
    write_nifti(Volume(counts(found), GRID), folder / "scout.nii.gz")
    write_nifti(Volume(density(found).astype(np.float32), GRID), folder / "density.nii.gz")
    write_nifti(Volume(found, GRID), folder / "labels.nii.gz")
