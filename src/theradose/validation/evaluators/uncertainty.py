"""The uncertainty chain from volume to dose."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeActivityCurve
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.quantify.recovery import RecoveryCurve
from theradose.quantify.regions import RegionQuantity, region_curve
from theradose.quantify.volume import edge_profile, equivalent_diameter_mm, sphere_recovery, volume_relative_u
from theradose.uncertainty import Uncertain, covariance
from theradose.validation.evaluator import evaluator

# The worked example: one sphere, its camera, and three images of a mono-exponential.
_VOLUME_ML, _VOXEL_MM, _FWHM_MM = 20.0, 4.0, 7.0
_TIMES_H = np.array([24.0, 72.0, 144.0])
_RATE_PER_H = math.log(2) / 70
_INITIAL_MBQ = 120.0
_RECOVERY = RecoveryCurve("golden", 3.0, 0.90, np.diag([0.3**2, 0.05**2]), (0.5, 113.0))
_S_AT_1_ML, _S_EXPONENT = 0.0838, 0.99


@evaluator("lesion-budget")
def lesion_budget(*, number: str) -> float:
    """Return a number of the worked example."""
    return _numbers()[number]


@evaluator("counts-per-volume")
def counts_per_volume(*, volume_ml: float, fwhm_mm: float) -> float:
    """Return d ln C/d ln v = φ/2R of a sphere, with R the recovery by the same point-spread function."""
    profile = edge_profile(volume_ml=volume_ml, fwhm_mm=fwhm_mm)
    return profile / (2 * sphere_recovery(volume_ml=volume_ml, fwhm_mm=fwhm_mm))


@cache
def _numbers() -> dict[str, float]:
    curve, quantity = worked_curve()
    volume, recovery = quantity.volume_ml, quantity.recovery
    if recovery is None:
        raise ValueError("the worked example has a recovery")
    relative_volume = volume_relative_u(volume_ml=_VOLUME_ML, spacing_mm=(_VOXEL_MM,) * 3, fwhm_mm=_FWHM_MM)
    profile = edge_profile(volume_ml=_VOLUME_ML, fwhm_mm=_FWHM_MM)
    diameter_cm = equivalent_diameter_mm(_VOLUME_ML) / 10
    tia = _integral(curve)
    per_integral = volume**-_S_EXPONENT * _S_AT_1_ML
    dose = worked_dose()
    return {
        "diameter": diameter_cm,
        "volume": volume.value,
        "relative uncertainty of the volume": relative_volume,
        "relative uncertainty of the measured volume": volume.relative_u,
        "uncertainty of the diameter": relative_volume / 3 * diameter_cm,
        "recovery": recovery.value,
        "relative uncertainty of the recovery": math.hypot(
            recovery.u, _RECOVERY.derivative_per_ml(_VOLUME_ML) * volume.u
        )
        / recovery.value,
        "edge profile": profile,
        "relative uncertainty of the counts": profile / (2 * recovery.value) * volume.relative_u,
        "relative uncertainty of the activity": Uncertain.relative(1.0, curve.common).u,
        "integral": tia.value,
        "relative random uncertainty of the integral": abs(tia.contributions["fit:sphere"] or math.nan) / tia.value,
        "relative uncertainty of the integral": tia.relative_u,
        "relative uncertainty of the dose factor": per_integral.relative_u,
        "relative covariance": covariance(tia, per_integral) / (tia.value * per_integral.value),
        "dose": dose.value,
        "relative uncertainty of the dose": dose.relative_u,
        "the same without covariance": math.hypot(tia.relative_u, per_integral.relative_u),
    }


def worked_dose() -> Uncertain:
    """Return the dose of the worked example, Gy, with S = 0.0838 v^-0.99 in Gy/(MBq·h)."""
    curve, quantity = worked_curve()
    return _integral(curve) * (quantity.volume_ml**-_S_EXPONENT * _S_AT_1_ML)


def worked_curve() -> tuple[TimeActivityCurve, RegionQuantity]:
    """Return curve and region from images whose recovered activity is exactly mono-exponential."""
    grid = Grid.axis_aligned((9, 9, 9), (_VOXEL_MM,) * 3)
    mask = np.zeros(grid.shape, np.float32)
    mask[1:8, 1:8, 1:8] = _VOLUME_ML / (343 * grid.voxel_volume_ml)
    segmentation = Segmentation(grid, (Region("sphere"),), (RegionVoxels.from_mask(mask),))
    concentrations = _INITIAL_MBQ * np.exp(-_RATE_PER_H * _TIMES_H) * _RECOVERY.value(_VOLUME_ML) / _VOLUME_ML
    maps = [
        ActivityMap(
            np.full(grid.shape, concentration),
            grid,
            t_h=float(t_h),
            nuclide="Lu-177",
            calibration="camera",
            calibration_relative_u=0.03,
        )
        for t_h, concentration in zip(_TIMES_H, concentrations, strict=True)
    ]
    curve, quantity, _ = region_curve(
        "sphere",
        maps=maps,
        segmentations=[segmentation] * len(maps),
        recovery=_RECOVERY,
        resolution_mm=_FWHM_MM,
        measurement_relative_u=0.03,
        shape="sphere",
    )
    return curve, quantity


def _integral(curve: TimeActivityCurve) -> Uncertain:
    """Return the integral with the random part of a weighted mono-exponential fit and the common sources.

    The noise-free points give back the parameters, so that only the covariance (J^T W J)^-1 is needed.
    """
    exponential = np.exp(-_RATE_PER_H * curve.t_h)
    jacobian = np.stack([exponential, -_INITIAL_MBQ * curve.t_h * exponential], axis=1)
    weights = np.diag(curve.u_independent_mbq**-2)
    parameters = np.linalg.inv(jacobian.T @ weights @ jacobian)
    gradient = np.array([1 / _RATE_PER_H, -_INITIAL_MBQ / _RATE_PER_H**2])
    value = _INITIAL_MBQ / _RATE_PER_H
    relative_fit = math.sqrt(gradient @ parameters @ gradient) / value
    return Uncertain.relative(value, {"fit:sphere": relative_fit, **curve.common})
