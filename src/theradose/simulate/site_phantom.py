"""A department's own phantom with inserts of known content: SPECT and CT in DICOM, and the phantom file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from theradose.data import load_yaml
from theradose.formats.decay import decay_factor
from theradose.nuclides import load_nuclide
from theradose.simulate.calibration import acquire_phantom
from theradose.simulate.camera import Camera, load_camera
from theradose.simulate.solids import Solid, cylinder, ellipsoid

SITE_PHANTOM = "simulation/site_phantom.yaml"
PHANTOM_FILE = "phantom.yaml"
_SPECT, _CT = "dicom/spect", "dicom/ct"


def simulate_site_phantom(out: Path, *, seed: int = 178, camera: Camera | None = None, noise: bool = True) -> Path:
    """Write SPECT, CT and phantom file below `out` and return the path of the file.

    What is filled in is true; the file states no calibration, which the department adds. Spheres have an outline of
    their volume, other inserts one by a threshold.

    Parameters
    ----------
    out : Path
        Folder.
    seed, noise : int, bool
        Of the noise.
    camera : Camera, optional
        The simulated one by default.
    """
    spec, camera = load_yaml(SITE_PHANTOM), camera or load_camera()
    water = spec["water"]
    radius_mm, half_mm = water["diameter_mm"] / 2, water["height_mm"] / 2
    body = cylinder((0.0, 0.0, 0.0), (radius_mm, radius_mm, half_mm))
    solids = [ellipsoid(item["centre_mm"], item["semi_axes_mm"]) for item in spec["inserts"]]
    filled = [
        (solid, item["concentration_mbq_ml"], item["concentration_mbq_ml"] * solid.volume_ml)
        for solid, item in zip(solids, spec["inserts"], strict=True)
    ]
    phantom = acquire_phantom(
        out / _SPECT,
        camera,
        [(body, 0.0, 0.0), *filled],
        water_radius_mm=radius_mm,
        seed=seed if noise else None,
        spec=spec,
        ct_folder=out / _CT,
    )
    assayed_at = phantom.activity_at - timedelta(minutes=spec["assayed_before_min"])
    decay = load_nuclide(spec["nuclide"]).decay_constant_per_h
    left = decay_factor(decay_constant_per_h=decay, elapsed_h=spec["assayed_before_min"] / 60)
    content = {
        "schema_version": 1,
        "phantom": spec["name"],
        "nuclide": spec["nuclide"],
        "reference_time": phantom.activity_at.isoformat(),
        "density": "1.0 g/mL",
        "inserts": [
            {
                "name": item["name"],
                "activity": f"{activity / left:.6g} MBq",
                "u": f"{100 * spec['activity_relative_u']:g} %",
                "assayed_at": assayed_at.isoformat(),
                "volume": f"{solid.volume_ml:.6g} mL",
                "u_volume": f"{100 * spec['volume_relative_u']:g} %",
                "outline": _outline(item, solid),
            }
            for item, (solid, _, activity) in zip(spec["inserts"], filled, strict=True)
        ],
        "background": None,
        "image": {"activity": _SPECT, "ct": _CT},
    }
    path = out / PHANTOM_FILE
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8", newline="\n")
    return path


def _outline(item: dict[str, Any], solid: Solid) -> dict[str, Any]:
    centre = [float(value) for value in item["centre_mm"]]
    if np.ptp(solid.semi_axes_mm) == 0:
        return {"method": "sphere", "seed_mm": centre}
    # Wide enough that nothing is cut off, and clear of the neighbours.
    reach = [float(value) + 12.0 for value in solid.semi_axes_mm]
    corners = [[c - r for c, r in zip(centre, reach, strict=True)], [c + r for c, r in zip(centre, reach, strict=True)]]
    return {"method": "adaptive", "box_mm": corners}
