"""The uncertainty chain of Gear et al. 2018 (doi 10.1007/s00259-018-4136-7), re-derived and recomputed.

One sphere of 20 mL: 4 mm voxels, 7 mm FWHM, recovery b = (3 mL ± 0.3, 0.90 ± 0.05), sensitivity 3 %, three images
at 24, 72 and 144 h with 3 % independent noise, effective half-life 70 h, S = 0.0838 v^-0.99. All expected numbers are
compared to the digits with which the recomputation prints them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from theradose.model.activity import ActivityMap
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.quantify.recovery import RecoveryCurve
from theradose.quantify.regions import region_curve
from theradose.quantify.volume import edge_profile, equivalent_diameter_mm, volume_relative_u
from theradose.uncertainty import Uncertain, budget, covariance

VOLUME_ML, VOXEL_MM, FWHM_MM = 20.0, 4.0, 7.0
TIMES_H = np.array([24.0, 72.0, 144.0])
RATE_PER_H = math.log(2) / 70
INITIAL_MBQ = 120.0
S_EXPONENT = 0.99
RECOVERY = RecoveryCurve("golden", 3.0, 0.90, np.diag([0.3**2, 0.05**2]), (0.5, 113.0))


def digits(value, places):
    return pytest.approx(value, abs=0.5000001 * 10**-places)


@pytest.fixture(scope="module")
def measured():
    """Curve and region from images whose recovered activity is exactly mono-exponential."""
    grid = Grid.axis_aligned((9, 9, 9), (VOXEL_MM,) * 3)
    mask = np.zeros(grid.shape, np.float32)
    mask[1:8, 1:8, 1:8] = VOLUME_ML / (343 * grid.voxel_volume_ml)
    segmentation = Segmentation(grid, (Region("sphere"),), (RegionVoxels.from_mask(mask),))
    concentrations = INITIAL_MBQ * np.exp(-RATE_PER_H * TIMES_H) * RECOVERY.value(VOLUME_ML) / VOLUME_ML
    maps = [
        ActivityMap(
            np.full(grid.shape, concentration),
            grid,
            t_h=float(t_h),
            nuclide="Lu-177",
            calibration="camera",
            calibration_relative_u=0.03,
        )
        for t_h, concentration in zip(TIMES_H, concentrations, strict=True)
    ]
    curve, quantity, _ = region_curve(
        "sphere",
        maps=maps,
        segmentations=[segmentation] * 3,
        recovery=RECOVERY,
        resolution_mm=FWHM_MM,
        measurement_relative_u=0.03,
        shape="sphere",
    )
    return curve, quantity


@pytest.fixture(scope="module")
def integral(measured):
    """Time-integrated activity with the random part of a weighted mono-exponential fit and the common sources.

    The noise-free points give back the parameters, so that only the covariance (J^T W J)^-1 is needed.
    """
    curve, _ = measured
    exponential = np.exp(-RATE_PER_H * curve.t_h)
    jacobian = np.stack([exponential, -INITIAL_MBQ * curve.t_h * exponential], axis=1)
    weights = np.diag(curve.u_independent_mbq**-2)
    parameters = np.linalg.inv(jacobian.T @ weights @ jacobian)
    gradient = np.array([1 / RATE_PER_H, -INITIAL_MBQ / RATE_PER_H**2])
    value = INITIAL_MBQ / RATE_PER_H
    relative_fit = math.sqrt(gradient @ parameters @ gradient) / value
    return Uncertain.relative(value, {"fit:sphere": relative_fit, **curve.common})


@pytest.fixture(scope="module")
def dose_per_integral(measured):
    """S = 0.0838 v^-0.99, in Gy/(MBq h)."""
    _, quantity = measured
    return quantity.volume_ml**-S_EXPONENT * 0.0838


def test_volume(measured):
    _, quantity = measured
    assert equivalent_diameter_mm(VOLUME_ML) / 10 == digits(3.3678, 4)
    relative = volume_relative_u(volume_ml=VOLUME_ML, spacing_mm=(VOXEL_MM,) * 3, fwhm_mm=FWHM_MM)
    assert relative == digits(0.40174, 5)
    assert relative / 3 * equivalent_diameter_mm(VOLUME_ML) / 10 == digits(0.45100, 5)
    assert quantity.volume_ml.value == pytest.approx(VOLUME_ML, rel=1e-6)
    assert quantity.volume_ml.relative_u == digits(0.40174, 5)


def test_recovery(measured):
    """u(R)/R contains the volume: g_b^T V_b g_b + (dR/dv)^2 u^2(v)."""
    _, quantity = measured
    recovery = quantity.recovery
    assert recovery.value == digits(0.84650, 5)
    from_volume = RECOVERY.derivative_per_ml(VOLUME_ML) * quantity.volume_ml.u
    assert math.hypot(recovery.u, from_volume) / recovery.value == digits(0.05902, 5)


def test_counts(measured):
    _, quantity = measured
    phi = edge_profile(volume_ml=VOLUME_ML, fwhm_mm=FWHM_MM)
    assert phi == digits(0.85915, 5)
    assert phi / (2 * quantity.recovery.value) * quantity.volume_ml.relative_u == digits(0.20387, 5)


def test_activity(measured):
    curve, _ = measured
    common = Uncertain.relative(1.0, curve.common)
    assert common.u == digits(0.15270, 5)
    assert curve.u_independent_mbq / curve.activity_mbq == pytest.approx(0.03)


def test_time_integrated_activity(integral):
    assert integral.value == digits(12_118.6, 1)
    assert abs(integral.contributions["fit:sphere"]) / integral.value == digits(0.01882, 5)
    assert integral.relative_u == digits(0.15386, 5)


def test_dose_factor_and_its_covariance(integral, dose_per_integral):
    assert dose_per_integral.relative_u == digits(0.39773, 5)
    relative = covariance(integral, dose_per_integral) / (integral.value * dose_per_integral.value)
    assert relative == digits(-0.059012, 6)


def test_dose(integral, dose_per_integral):
    dose = integral * dose_per_integral
    assert dose.value == digits(52.32, 2)
    assert dose.relative_u == digits(0.25266, 5)


def test_without_the_covariance_the_dose_would_seem_far_less_certain(integral, dose_per_integral):
    assert math.hypot(integral.relative_u, dose_per_integral.relative_u) == digits(0.4264, 4)


def test_volume_leads_the_budget(integral, dose_per_integral):
    lines = budget(integral * dose_per_integral)
    assert lines[0].source == "volume:sphere"
    assert sum(line.share for line in lines) == pytest.approx(1)
