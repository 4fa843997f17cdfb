"""Vertebrae as boxes, with sharp edges and no blur: what is measured in their spongiosa is known exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from theradose.formats.nifti import write_nifti
from theradose.model.grid import Grid, Volume
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.model.transform import RigidTransform

FRAME = "1.2.3"
# CT of 2 mm, emission image of 4 mm over the same 96 × 96 × 128 mm.
CT_GRID = Grid.axis_aligned((64, 48, 48), (2.0, 2.0, 2.0), (-47.0, -47.0, -63.0), FRAME)
EMISSION_GRID = Grid.axis_aligned((32, 24, 24), (4.0, 4.0, 4.0), (-46.0, -46.0, -62.0), FRAME)
# From below: centre along z in mm; each body is 40 mm wide, 32 mm deep and 28 mm high, with 2 mm of cortex.
VERTEBRAE = {"l4-vertebra": -36.0, "l3-vertebra": 0.0, "l2-vertebra": 36.0}
HALF_MM = np.array([20.0, 16.0, 14.0])
CORTEX_MM = 2.0
SPONGIOSA_HU, CORTEX_HU, TISSUE_HU = 180.0, 1200.0, 40.0
BODIES_ML = 3 * 40 * 32 * 28 / 1000

START = "2026-03-02T10:00:00+01:00"
TIMES = {
    "tp1": (4.0, "2026-03-02T14:00:00+01:00"),
    "tp2": (24.0, "2026-03-03T10:00:00+01:00"),
    "tp3": (96.0, "2026-03-06T10:00:00+01:00"),
    "tp4": (168.0, "2026-03-09T10:00:00+01:00"),
}
CONCENTRATION_MBQ_PER_ML, HALF_LIFE_H = 0.06, 60.0
SENSITIVITY = 10.0
LABELS = {"l4-vertebra": 1, "l3-vertebra": 2, "l2-vertebra": 3, "lesion-1": 4, "liver": 5}
LIVER = (slice(0, 4), slice(0, 4), slice(0, 4))


def points(grid: Grid) -> np.ndarray:
    """Centres of the voxels, shape (z, y, x, 3)."""
    return grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1))


def inside(name: str, at: np.ndarray, *, shrunk_mm: float = 0.0) -> np.ndarray:
    """Whether points lie in a vertebral body, less a shell."""
    offset = np.abs(at - np.array([0.0, 0.0, VERTEBRAE[name]]))
    return np.all(offset < HALF_MM - shrunk_mm, axis=-1)


def spine_ct(
    grid: Grid = CT_GRID, moved: RigidTransform | None = None, *, noise_hu: float = 0.0, seed: int = 0
) -> Volume:
    """HU; `moved` maps points of the patient at rest to points of this image."""
    at = points(grid) if moved is None else moved.inverse().apply(points(grid))
    hu = np.full(grid.shape, TISSUE_HU)
    for name in VERTEBRAE:
        hu[inside(name, at)] = CORTEX_HU
        hu[inside(name, at, shrunk_mm=CORTEX_MM)] = SPONGIOSA_HU
    hu += noise_hu * np.random.default_rng(seed).standard_normal(grid.shape)
    return Volume(hu.astype(np.float32), grid)


def spine(grid: Grid = CT_GRID, names: tuple[str, ...] = tuple(VERTEBRAE)) -> Segmentation:
    """The vertebral bodies."""
    at = points(grid)
    return Segmentation(
        grid, tuple(Region(name) for name in names), tuple(RegionVoxels.from_mask(inside(name, at)) for name in names)
    )


def lesion(mask: np.ndarray | None = None, grid: Grid = CT_GRID) -> Segmentation:
    """One lesion, or none."""
    if mask is None:
        return Segmentation(grid, (), ())
    return Segmentation(grid, (Region("lesion-1", RegionKind.LESION),), (RegionVoxels.from_mask(mask),))


def concentration(t_h: float) -> np.ndarray:
    """MBq/mL in the emission image: uniform inside the vertebrae, a third of that around them."""
    at = points(EMISSION_GRID)
    relative = np.full(EMISSION_GRID.shape, 1 / 3)
    for name in VERTEBRAE:
        relative[inside(name, at)] = 1.0
    return relative * CONCENTRATION_MBQ_PER_ML * 0.5 ** (t_h / HALF_LIFE_H)


def content() -> dict[str, Any]:
    """A study of the vertebrae and a block of liver, outlined on the CT of the second time point, the only one."""
    timepoints: list[dict[str, Any]] = [
        {
            "id": name,
            "activity": f"{name}.nii",
            "declare": {
                "unit": "cps",
                "decay_reference": moment,
                "acquired_at": moment,
                "frame_duration": "100 s",
                "nuclide": "Lu-177",
            },
        }
        for name, (_, moment) in TIMES.items()
    ]
    timepoints[1] |= {"regions": "labels.nii", "ct": "ct.nii"}
    return {
        "schema_version": 1,
        "patient": {"sex": "F"},
        "administrations": [{"nuclide": "Lu-177", "activity": "2 GBq", "residual": "0 MBq", "start": START}],
        "calibration": {"camera": "A", "sensitivity": f"{SENSITIVITY:g} cps/MBq", "u": "3 %"},
        "timepoints": timepoints,
        "names": {name: [str(label)] for name, label in LABELS.items()},
        "registration": {"method": "identity"},
    }


def write_spine_study(
    folder: Path,
    changes: Mapping[str, Any] | None = None,
    *,
    without: tuple[str, ...] = ("lesion-1",),
    joined: str | None = None,
) -> Path:
    """Write images and ``study.yaml`` into `folder`; return the study's path.

    `without` are regions that nobody outlined; `joined` outlines all vertebrae as one region of that name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(spine_ct(), folder / "ct.nii")
    labels = np.zeros(CT_GRID.shape, np.uint8)
    at = points(CT_GRID)
    for name in VERTEBRAE:
        labels[inside(name, at)] = LABELS[name]
    labels[tuple(slice(2 * part.start, 2 * part.stop) for part in LIVER)] = LABELS["liver"]
    middle = CT_GRID.shape[0] // 2
    if "lesion-1" not in without:
        labels[middle - 2 : middle + 2, 22:26, 22:26] = LABELS["lesion-1"]
    for name in without:
        labels[labels == LABELS[name]] = 0
    write_nifti(Volume(labels, CT_GRID), folder / "labels.nii")
    for name, (t_h, _) in TIMES.items():
        rate = concentration(t_h) * EMISSION_GRID.voxel_volume_ml * SENSITIVITY
        write_nifti(Volume(rate, EMISSION_GRID), folder / f"{name}.nii")
    study = {**content(), **(changes or {})}
    if joined is not None:
        labels[np.isin(labels, [LABELS[name] for name in VERTEBRAE])] = 1
        write_nifti(Volume(labels, CT_GRID), folder / "labels.nii")
        study["names"] = {joined: ["1"], "liver": study["names"]["liver"]}
    study["names"] = {name: spelling for name, spelling in study["names"].items() if name not in without}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return path
