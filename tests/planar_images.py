"""Small conjugate pairs for tests of planar reading: a lopsided body with a hot spot on the patient's left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from dicom_support import CONTEXT
from theradose.formats.dicom.nm_write import NmAcquisition
from theradose.formats.dicom.planar_write import PlanarEncoding, write_nm_planar
from theradose.model.planar import EnergyWindow, PlanarPair

AT = datetime(2026, 3, 2, 14, 5, tzinfo=timezone(timedelta(hours=1)))
WINDOWS = (EnergyWindow(175.0, 187.6), EnergyWindow(187.6, 229.2), EnergyWindow(229.2, 241.8))
ACQUISITION = NmAcquisition(
    nuclide="Lu-177",
    radiopharmaceutical="[177Lu]Lu-DOTATATE",
    administered_mbq=7400.0,
    administered_at=AT - timedelta(hours=4),
    acquired_at=AT,
    views=1,
    seconds_per_view=600.0,
    heads=2,
    energy_window_kev=(187.6, 229.2),
    counts_accumulated=0,
    corrections=(),
    camera="TEST",
)
HEAD_FIRST = replace(CONTEXT, study_at=AT, content_at=AT, patient_position="HFS")


def pair_of_views(*, symmetric: bool = False) -> PlanarPair:
    """Return a pair: body, a hot spot at row 8 on the left (column 20 of 24), less of it from the back."""
    body = np.zeros((16, 24))
    body[2:14, 3:21] = 20.0
    front, back = body.copy(), body.copy()
    if not symmetric:
        front[7:10, 18:21] += 200.0
        back[7:10, 18:21] += 90.0
    stacks = [np.stack([0.1 * view, view, 0.05 * view]).round() for view in (front, back)]
    return PlanarPair(
        windows=WINDOWS,
        anterior=stacks[0],
        posterior=stacks[1],
        spacing_mm=(4.0, 5.0),
        acquired_at=AT,
        exposure_s=600.0,
        elapsed_s=600.0,
        technique="static",
        nuclide="Lu-177",
    )


def write_pair(
    path: Path,
    *changes: Callable[[Any], None],
    encoding: PlanarEncoding | None = None,
    pair: PlanarPair | None = None,
) -> Path:
    """Write the pair, then change its header."""
    write_nm_planar(
        path, pair or pair_of_views(), acquisition=ACQUISITION, context=HEAD_FIRST, description="Planar",
        encoding=encoding,
    )  # fmt: skip
    if changes:
        dataset = pydicom.dcmread(path)
        for change in changes:
            change(dataset)
        dataset.save_as(path)
    return path
