"""Worked numbers of planar quantification.

The numbers are those of the specification's section 10, "Measurement": each follows from the formula by hand.
"""

from __future__ import annotations

import pytest

from theradose.model.planar import EnergyWindow
from theradose.quantify.conjugate_view import (
    conjugate_view_activity,
    geometric_mean_rate,
    self_attenuation_factor,
)
from theradose.quantify.dead_time import true_count_rate
from theradose.quantify.scatter_windows import triple_energy_window
from theradose.uncertainty import Uncertain

# §10: 177Lu windows 208.4 ± 20.8, 181.3 ± 6.3 and 235.5 ± 6.3 keV (half-widths).
PEAK, LOWER, UPPER = EnergyWindow(187.6, 229.2), EnergyWindow(175.0, 187.6), EnergyWindow(229.2, 241.8)


def test_geometric_mean():
    """§10: √(1200 · 800) = 979.80."""
    rate = geometric_mean_rate(anterior=(1200.0, 1200.0), posterior=(800.0, 800.0), exposure_s=1.0, source="x")
    assert rate.value == pytest.approx(979.80, abs=0.005)


def test_self_attenuation():
    """§10: f(6 cm, 0.12 /cm) = 0.978722."""
    assert self_attenuation_factor(attenuation_per_cm=0.12, thickness_cm=6.0) == pytest.approx(0.978722, abs=5e-7)


def test_conjugate_view():
    """§10: μ 0.12 /cm, T 22 cm, f of 6 cm, C 8 cps/MBq: 448.72 MBq."""
    import math

    rate = geometric_mean_rate(anterior=(1200.0, 1200.0), posterior=(800.0, 800.0), exposure_s=1.0, source="x")
    activity = conjugate_view_activity(
        rate_cps=rate,
        transmission=Uncertain(math.exp(-0.12 * 22)),
        self_attenuation=self_attenuation_factor(attenuation_per_cm=0.12, thickness_cm=6.0),
        sensitivity_cps_per_mbq=Uncertain(8.0),
    )
    assert activity.value == pytest.approx(448.72, abs=0.005)


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
