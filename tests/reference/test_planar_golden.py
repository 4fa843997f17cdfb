"""Worked numbers of planar quantification.

The numbers are those of the specification's section 10, "Measurement": each follows from the formula by hand.
"""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest

from theradose.model.planar import EnergyWindow, PlanarPair
from theradose.model.study import PlanarRoi
from theradose.quantify.conjugate_view import (
    NetCounts,
    conjugate_view_activity,
    geometric_mean_rate,
    self_attenuation_factor,
)
from theradose.quantify.dead_time import true_count_rate
from theradose.quantify.planar_images import PrimaryImages
from theradose.quantify.scatter_windows import triple_energy_window
from theradose.spatial.projection import ProjectedRegions
from theradose.uncertainty import Uncertain
from theradose.workflow.planar_measure import RoiDrawing, measure_drawn

# §10: 177Lu windows 208.4 ± 20.8, 181.3 ± 6.3 and 235.5 ± 6.3 keV (half-widths).
PEAK, LOWER, UPPER = EnergyWindow(187.6, 229.2), EnergyWindow(175.0, 187.6), EnergyWindow(229.2, 241.8)


def test_geometric_mean():
    """§10: √(1200 · 800) = 979.80."""
    rate = geometric_mean_rate(
        anterior=NetCounts(1200.0, 1200.0), posterior=NetCounts(800.0, 800.0), exposure_s=1.0, source="x"
    )
    assert rate.value == pytest.approx(979.80, abs=0.005)


def test_self_attenuation():
    """§10: f(6 cm, 0.12 /cm) = 0.978722."""
    assert self_attenuation_factor(attenuation_per_cm=0.12, thickness_cm=6.0) == pytest.approx(0.978722, abs=5e-7)


def test_conjugate_view():
    """§10: μ 0.12 /cm, T 22 cm, f of 6 cm, C 8 cps/MBq: 448.72 MBq."""
    import math

    rate = geometric_mean_rate(
        anterior=NetCounts(1200.0, 1200.0), posterior=NetCounts(800.0, 800.0), exposure_s=1.0, source="x"
    )
    activity = conjugate_view_activity(
        rate_cps=rate,
        transmission=Uncertain(math.exp(-0.12 * 22)),
        self_attenuation=self_attenuation_factor(attenuation_per_cm=0.12, thickness_cm=6.0),
        sensitivity_cps_per_mbq=Uncertain(8.0),
    )
    assert activity.value == pytest.approx(448.72, abs=0.005)


def test_conjugate_view_of_the_main_job():
    """§10: the same region, drawn on planar images of 1200 and 800 counts in 1 s, 448.72 MBq."""
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


def test_triple_energy_window():
    """§10: counts 300 and 150 beside the peak: scatter 742.86."""
    found = triple_energy_window(
        peak_counts=2000.0, lower_counts=300.0, upper_counts=150.0, peak=PEAK, lower=LOWER, upper=UPPER
    )
    assert float(found.scatter) == pytest.approx(742.86, abs=0.005)
    assert float(found.primary) == pytest.approx(2000 - 742.857, abs=0.001)


def test_dead_time_of_a_planar_rate():
    """§10: τ 2 µs, 60 kcps observed: 68 859 cps."""
    assert true_count_rate(observed_cps=60e3, dead_time_us=2.0) == pytest.approx(68859, abs=0.5)
