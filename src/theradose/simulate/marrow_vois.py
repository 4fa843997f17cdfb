"""Volumes of interest in vertebrae for the virtual cohort of blood curves, with known truth.

The spongiosa holds the concentration of the blood, and specific uptake that is filled from it and leaves slowly. Both
leave by the physical decay of the nuclide at least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.formats.tables_vois import VOI_COLUMNS
from theradose.model.arrays import Array, frozen
from theradose.simulate.blood import BloodTruth, drawn_range, write_rows

_VOIS = "simulation/marrow-vois-lu177-dotatate.yaml"
_ML_PER_L = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class VoiTruth:
    """The images of one treatment.

    Attributes
    ----------
    subject, cycle : str
        Name of the treatment.
    t_h, concentration_mbq_l, u_mbq_l : ndarray, shape (n,)
        Images, with noise, and their standard uncertainty.
    volume_ml, density_g_per_ml : float
        Of the volume.
    area_mbq_h_per_l, specific_mbq_h_per_l : float
        True integral from 0 to infinity, and its specific part.
    """

    subject: str
    cycle: str
    t_h: Array
    concentration_mbq_l: Array
    u_mbq_l: Array
    volume_ml: float
    density_g_per_ml: float
    area_mbq_h_per_l: float
    specific_mbq_h_per_l: float

    def __post_init__(self) -> None:
        for name in ("t_h", "concentration_mbq_l", "u_mbq_l"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))


def simulate_marrow_vois(blood: Sequence[BloodTruth], *, seed: int) -> tuple[VoiTruth, ...]:
    """Return the images of these treatments; the same seed makes the same ones."""
    spec = {name: entry["value"] for name, entry in load_yaml(_VOIS).items()}
    rng = np.random.default_rng(seed)
    return tuple(_images(rng, spec, treatment) for treatment in blood)


def write_marrow_vois(cohort: Sequence[VoiTruth], path: Path) -> None:
    """Write the images as a table of volumes of interest."""
    rows = [
        {
            "subject": truth.subject,
            "cycle": truth.cycle,
            "t_h": f"{t:g}",
            "volume_ml": f"{truth.volume_ml:.5g}",
            "activity_mbq": f"{value * truth.volume_ml / _ML_PER_L:.8g}",
            "u_activity_mbq": f"{u * truth.volume_ml / _ML_PER_L:.8g}",
            "density_g_ml": f"{truth.density_g_per_ml:.5g}",
        }
        for truth in cohort
        for t, value, u in zip(truth.t_h, truth.concentration_mbq_l, truth.u_mbq_l, strict=True)
    ]
    header = [column for column in VOI_COLUMNS if not rows or column in rows[0]]
    write_rows(path, header, [[row[column] for column in header] for row in rows])


def _images(rng: np.random.Generator, spec: dict[str, Any], blood: BloodTruth) -> VoiTruth:
    times = np.array(spec["image_times"], float)
    specific_area = blood.area_mbq_h_per_l * float(rng.uniform(*drawn_range(spec, "specific_share")))
    slow, filling = (
        math.log(2) / float(rng.uniform(*drawn_range(spec, name)))
        for name in ("specific_half_life", "uptake_half_life")
    )
    specific = specific_area * (np.exp(-slow * times) - np.exp(-filling * times)) / (1 / slow - 1 / filling)
    truth = blood.true_mbq_l(times) + specific
    noise = float(spec["relative_noise"])
    return VoiTruth(
        subject=blood.subject,
        cycle=blood.cycle,
        t_h=times,
        concentration_mbq_l=truth * (1 + noise * rng.standard_normal(len(times))),
        u_mbq_l=noise * truth,
        volume_ml=float(rng.uniform(*drawn_range(spec, "volume"))),
        density_g_per_ml=float(rng.uniform(*drawn_range(spec, "density"))),
        area_mbq_h_per_l=blood.area_mbq_h_per_l + specific_area,
        specific_mbq_h_per_l=specific_area,
    )
