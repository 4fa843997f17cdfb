"""The smallest study that the main job takes: two hot blocks in a cube, three images, seconds to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from theradose.formats.nifti import write_nifti
from theradose.model.grid import Grid, Volume

GRID = Grid.axis_aligned((16, 16, 16), (4.0, 4.0, 4.0), (-30.0, -30.0, -30.0))
BLOCKS = {"liver": (slice(3, 12), slice(3, 12), slice(2, 7)), "lesion-1": (slice(5, 9), slice(5, 9), slice(10, 14))}
LABELS = {"liver": 1, "lesion-1": 2}
START = "2026-03-02T10:00:00+01:00"
TIMES = {"tp1": (4.0, "2026-03-02T14:00:00+01:00"), "tp2": (24.0, "2026-03-03T10:00:00+01:00"),
         "tp3": (96.0, "2026-03-06T10:00:00+01:00")}  # fmt: skip
# Activity at time 0 in MBq and effective half-life in h.
KINETICS = {"liver": (400.0, 60.0), "lesion-1": (50.0, 100.0)}
SENSITIVITY = 10.0
COUNTING_S = 100.0


def activity_mbq(name: str, t_h: float) -> float:
    """True activity of a block."""
    initial, half_life_h = KINETICS[name]
    return initial * 0.5 ** (t_h / half_life_h)


def concentration(t_h: float) -> np.ndarray:
    """Activity concentration in MBq/mL."""
    values = np.zeros(GRID.shape)
    for name, block in BLOCKS.items():
        size_ml = values[block].size * GRID.voxel_volume_ml
        values[block] = activity_mbq(name, t_h) / size_ml
    return values


def content() -> dict[str, Any]:
    """The study: counts per second with a sensitivity, a label image at the first time point."""
    timepoints: list[dict[str, Any]] = [
        {
            "id": name,
            "activity": f"{name}.nii",
            "declare": {
                "unit": "cps",
                "decay_reference": moment,
                "acquired_at": moment,
                "frame_duration": f"{COUNTING_S:g} s",
                "nuclide": "Lu-177",
            },
        }
        for name, (_, moment) in TIMES.items()
    ]
    timepoints[0]["regions"] = "labels.nii"
    return {
        "schema_version": 1,
        "administrations": [{"nuclide": "Lu-177", "activity": "2 GBq", "residual": "0 MBq", "start": START}],
        "calibration": {"camera": "A", "sensitivity": f"{SENSITIVITY:g} cps/MBq", "u": "3 %"},
        "timepoints": timepoints,
        "names": {name: [str(label)] for name, label in LABELS.items()},
        "registration": {"method": "identity"},
    }


def write_tiny_study(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """Write images and ``study.yaml`` into `folder`; return the study's path."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.zeros(GRID.shape, np.uint8)
    for name, block in BLOCKS.items():
        labels[block] = LABELS[name]
    write_nifti(Volume(labels, GRID), folder / "labels.nii")
    for name, (t_h, _) in TIMES.items():
        rate = concentration(t_h) * GRID.voxel_volume_ml * SENSITIVITY
        write_nifti(Volume(rate, GRID), folder / f"{name}.nii")
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({**content(), **(changes or {})}, sort_keys=False), encoding="utf-8")
    return path
