"""Conjugate view: depth drops out, background and attenuation do what they say, nothing negative passes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import CalibrationError
from theradose.nuclides import load_nuclide
from theradose.quantify.attenuation import imaged_energy_kev, linear_attenuation, mass_attenuation
from theradose.quantify.conjugate_view import (
    NetCounts,
    RegionCounts,
    background_fraction,
    conjugate_view_activity,
    geometric_mean_rate,
    net_counts,
    self_attenuation_factor,
    slab_transmission,
    source_view_rate,
)
from theradose.uncertainty import Uncertain

MU, BODY_CM, SENSITIVITY = 0.135, 22.0, 5.0


def counts_of(activity_mbq, depth_cm, exposure_s=600.0):
    """Counts of a point at a depth from the front, in both views."""
    per_view = activity_mbq * SENSITIVITY * exposure_s
    return per_view * math.exp(-MU * depth_cm), per_view * math.exp(-MU * (BODY_CM - depth_cm))


@given(st.floats(0.1, 21.9), st.floats(1.0, 1e3))
def test_depth_does_not_matter(depth_cm, activity_mbq):
    front, back = counts_of(activity_mbq, depth_cm)
    rate = geometric_mean_rate(
        anterior=NetCounts(front, front), posterior=NetCounts(back, back), exposure_s=600.0, source="p"
    )
    found = conjugate_view_activity(
        rate_cps=rate,
        transmission=Uncertain(math.exp(-MU * BODY_CM)),
        self_attenuation=1.0,
        sensitivity_cps_per_mbq=Uncertain(SENSITIVITY),
    )
    assert found.value == pytest.approx(activity_mbq, rel=1e-9)


def test_a_thick_source_by_integration():
    """Activity spread evenly over 8 cm: both views are integrals over the depth; f makes the result exact."""
    thickness, front_face = 8.0, 5.0
    depth = front_face + thickness * (np.arange(20_000) + 0.5) / 20_000
    front, back = np.exp(-MU * depth).mean(), np.exp(-MU * (BODY_CM - depth)).mean()
    mean = math.sqrt(front * back) * math.exp(MU * BODY_CM / 2)
    assert mean * self_attenuation_factor(attenuation_per_cm=MU, thickness_cm=thickness) == pytest.approx(1, rel=1e-6)


def test_uncertainties_combine():
    """(3 %)² of the sensitivity, half the 4 % of the transmission, half the quadrature of the counts."""
    rate = geometric_mean_rate(
        anterior=NetCounts(1e4, 4e4), posterior=NetCounts(2500.0, 2500.0), exposure_s=100.0, source="p"
    )
    assert rate.relative_u == pytest.approx(math.hypot(0.02, 0.02) / 2)
    found = conjugate_view_activity(
        rate_cps=rate,
        transmission=Uncertain.relative(0.06, {"attenuation": 0.04}),
        self_attenuation=0.98,
        sensitivity_cps_per_mbq=Uncertain.relative(5.0, {"sensitivity": 0.03}),
    )
    assert found.relative_u == pytest.approx(math.sqrt(rate.relative_u**2 + 0.02**2 + 0.03**2))


def test_background_is_scaled_by_area_and_thickness():
    fraction = background_fraction(thickness_cm=5.0, body_thickness_cm=20.0)
    assert fraction == 0.75
    net = net_counts(
        RegionCounts(1000.0, 1000.0, 50.0), RegionCounts(400.0, 400.0, 100.0), fraction=fraction, name="liver",
        fraction_relative_u=0.1,
    )  # fmt: skip
    assert net.counts == pytest.approx(1000 - 0.75 * 50 * 4)
    assert net.variance == pytest.approx(1000 + (0.75 * 0.5) ** 2 * 400)
    assert net.background_u == pytest.approx(15.0)


def test_the_same_background_acts_on_both_views_alike():
    """As much background as net counts, known to 10 %: the rate to 10 %, not to 7 %."""
    view = NetCounts(1e6, 0.0, 1e5)
    rate = geometric_mean_rate(anterior=view, posterior=view, exposure_s=1.0, source="p")
    assert rate.relative_u == pytest.approx(0.1)


def test_negative_net_counts_are_refused():
    with pytest.raises(CalibrationError) as refusal:
        net_counts(RegionCounts(10.0, 10.0, 10.0), RegionCounts(50.0, 50.0, 10.0), fraction=1.0, name="lesion-1",
                   fraction_relative_u=0.0)  # fmt: skip
    assert refusal.value.code == "negative-net-counts" and "'lesion-1'" in str(refusal.value)


@pytest.mark.parametrize("transmission", [0.0, 1.2, -0.1])
def test_impossible_transmission_is_refused(transmission):
    with pytest.raises(CalibrationError) as refusal:
        conjugate_view_activity(
            rate_cps=Uncertain(1.0), transmission=Uncertain(transmission), self_attenuation=1.0,
            sensitivity_cps_per_mbq=Uncertain(5.0),
        )  # fmt: skip
    assert refusal.value.code == "transmission-invalid"


def test_sensitivity_of_a_source_in_air():
    """50 MBq ± 2 % over 300 s at 5 cps/MBq and view, 0.2 background counts per pixel."""
    gross = RegionCounts(75_000 + 0.2 * 400, 75_080.0, 400.0)
    background = RegionCounts(0.2 * 1000, 200.0, 1000.0)
    net = net_counts(gross, background, fraction=1.0, name="c", fraction_relative_u=0.0)
    activity = Uncertain.relative(50.0, {"dose-calibrator": 0.02})
    found = source_view_rate(nets=[net, net], exposure_s=300.0, source="c") / activity
    one = source_view_rate(nets=[net], exposure_s=300.0, source="c") / activity
    assert found.value == pytest.approx(5.0) and one.value == pytest.approx(5.0)
    # One view counts half as much as two: √2 more from counting.
    assert one.contributions["c"] == pytest.approx(math.sqrt(2) * found.contributions["c"], rel=1e-9)
    assert found.relative_u == pytest.approx(math.hypot(0.02, found.contributions["c"] / 5.0))


@given(st.floats(1e-3, 5.0))
def test_transmission_of_a_slab_by_its_integral(thickness_cm):
    """Mean of e^(−μx) over the slab, and of the geometric mean of two opposite views."""
    found = slab_transmission(attenuation_per_cm=MU, thickness_cm=thickness_cm)
    assert found == pytest.approx((1 - math.exp(-MU * thickness_cm)) / (MU * thickness_cm), rel=1e-9)


def test_attenuation_of_water():
    """Between 200 keV (0.1370) and 300 keV (0.1186 cm²/g): 0.1350 at 208 keV by log-log interpolation."""
    found = mass_attenuation(energy_kev=208.3662)
    assert found.value == pytest.approx(0.1350, abs=5e-5) and found.status == "unverified"
    mu = linear_attenuation(density_g_per_ml=np.array([0.26, 1.05]), water_per_cm=found.value)
    assert mu == pytest.approx(np.array([0.26, 1.05]) * found.value, rel=1e-6)
    with pytest.raises(CalibrationError) as refusal:
        mass_attenuation(energy_kev=20.0)
    assert refusal.value.code == "attenuation-energy"


def test_the_line_that_a_window_images():
    nuclide = load_nuclide("Lu-177")
    assert imaged_energy_kev(nuclide, low_kev=187.6, high_kev=229.2) == pytest.approx(208.3662)
    assert imaged_energy_kev(nuclide, low_kev=100.0, high_kev=240.0) == pytest.approx(208.3662)
    assert imaged_energy_kev(nuclide, low_kev=229.2, high_kev=241.8) is None
