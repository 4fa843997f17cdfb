"""A worked number of planar quantification through the main job; the formulas are cases of ``theradose validate``."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest

from theradose.model.planar import EnergyWindow, PlanarPair
from theradose.model.study import PlanarRoi
from theradose.quantify.planar_images import PrimaryImages
from theradose.spatial.projection import ProjectedRegions
from theradose.uncertainty import Uncertain
from theradose.workflow.planar_measure import RoiDrawing, measure_drawn

# The photopeak window of 177Lu, 208.4 ± 20.8 keV.
PEAK = EnergyWindow(187.6, 229.2)


def test_conjugate_view_of_the_main_job():
    """μ 0.12 /cm, T 22 cm, f of 6 cm, C 8 cps/MBq by hand, 448.72 MBq: the region drawn on images of 1200 and 800
    counts in 1 s."""
    shape = (12, 12)
    mask = np.zeros(shape, bool)
    mask[4:6, 4:6] = True
    front, back = np.where(mask, 300.0, 0.0), np.where(mask, 200.0, 0.0)
    images = PrimaryImages(front, back, front, back, 1.0, None, 0.0, 1.0, 208.4, "none")
    pair = PlanarPair((PEAK,), front[None], back[None], (4.0, 4.0), datetime(2026, 3, 2), 1.0, 1.0, "static", "Lu-177")
    empty = np.zeros((1, *shape))
    projected = ProjectedRegions(("remainder",), np.ones(1), empty, empty, empty[:0], empty[0], empty[0])
    roi = PlanarRoi(
        region="spleen", timepoint="p1", rectangle=(4, 4, 5, 5), background="none", thickness="6 cm",
        body_thickness="22 cm",
    )  # fmt: skip
    found = measure_drawn(
        SimpleNamespace(study=SimpleNamespace(planar=SimpleNamespace(background=None))),
        roi,
        images,
        projected,
        {"p1": RoiDrawing(pair, None)},
        "p1",
        water_per_cm=0.12,
        sensitivity=Uncertain.relative(8.0, {"planar-sensitivity": 0.03}),
    )
    assert found.activity_mbq.value == pytest.approx(448.72, abs=0.005)
    # Counts of both views: half of the root of 1/1200 + 1/800.
    counting = 0.5 * (1 / 1200 + 1 / 800) ** 0.5
    assert found.activity_mbq.relative_u == pytest.approx((counting**2 + 0.03**2) ** 0.5, rel=1e-9)
    assert found.activity_mbq.not_stated == {"attenuation:spleen"}
    assert found.rate.value == pytest.approx(8 * found.activity_mbq.value, rel=1e-12)
