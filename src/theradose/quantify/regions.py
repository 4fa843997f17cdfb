"""Time-activity curves of regions from activity maps, with the uncertainty that each point carries.

The uncertainty of a point has a part that is independent between points (counting, repeatability) and a part
that all points share (calibration, recovery, volume). The volume acts three times: on the counts inside the
outline, on the recovery read at that volume, and on the mass. All three carry the same source
``volume:<region>``, with signs, so that they partly cancel in the dose.

References
----------
[Gear2018]_, EANM practical guidance on uncertainty analysis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.data import load_number
from theradose.errors import CalibrationError, GeometryError
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.model.region import OutlinedOn, Region, RegionVoxels, Segmentation
from theradose.quantify.recovery import RecoveryCurve, recovery_at
from theradose.quantify.shape import shape_factor
from theradose.quantify.surroundings import Shell, shell_around, spill_in_relative_u
from theradose.quantify.volume import (
    ct_volume_relative_u,
    edge_profile,
    sphere_recovery,
    volume_relative_u,
)
from theradose.uncertainty import Uncertain

WHOLE_FIELD = "field-of-view"
RecoveryShape = Literal["outline", "sphere"]


@dataclass(frozen=True, slots=True, eq=False)
class RegionQuantity:
    """What stands behind the curve of a region.

    Attributes
    ----------
    region : str
        Name of the region.
    volume_ml : Uncertain
        Mean volume over the time points, with the source ``volume:<region>``.
    volumes_ml : tuple of float
        Volume at each time point.
    recovery : Uncertain or None
        Recovery at the mean volume and of the mean shape; ``None`` if no recovery was applied.
    recoveries : tuple of float
        Recovery applied at each time point, 1 if none was.
    counts : tuple of float or None
        Counts from the region at each time point; ``None`` where the image does not tell.
    """

    region: str
    volume_ml: Uncertain
    volumes_ml: tuple[float, ...]
    recovery: Uncertain | None
    recoveries: tuple[float, ...]
    counts: tuple[float | None, ...]


def region_curve(
    name: str,
    *,
    maps: Sequence[ActivityMap],
    segmentations: Sequence[Segmentation],
    recovery: RecoveryCurve | None,
    resolution_mm: float | None,
    measurement_relative_u: float,
    shape: RecoveryShape = "sphere",
) -> tuple[TimeActivityCurve, RegionQuantity, tuple[Finding, ...]]:
    """Return the time-activity curve of one region.

    Parameters
    ----------
    name : str
        Region, present in every segmentation.
    maps : sequence of ActivityMap
        Time points in order of time.
    segmentations : sequence of Segmentation
        One per map, on the grid of that map.
    recovery : RecoveryCurve or None
        Activities are divided by R(v), where the resolution is known times the factor for the shape.
    resolution_mm : float or None
        Full width at half maximum of the reconstructed images: how an error of the outlined volume acts on the
        counts, and how well an outline on these images is known. Without it that uncertainty is not stated.
    measurement_relative_u : float
        Relative standard uncertainty of one measurement beside counting (repeatability), independent between
        time points.
    shape : {"outline", "sphere"}
        Whether an outline loses as its own shape does, or as the sphere of its volume.

    Returns
    -------
    curve : TimeActivityCurve
        Activity in MBq with independent and common uncertainties.
    quantity : RegionQuantity
        Volumes, recoveries and counts behind it.
    findings : tuple of Finding
        ``activity-not-positive``, ``region-at-edge``, ``recovery-below-range``, ``recovery-above-range``,
        ``recovery-not-applied``, ``volume-u-not-stated``, ``outline-image-not-stated``.

    Raises
    ------
    GeometryError
        If a region is missing, empty, or on another grid than its map.
    CalibrationError
        If the maps have different calibrations.

    References
    ----------
    [Gear2018]_, equations for counts, recovery and activity of a volume of interest.
    """
    if len(maps) != len(segmentations) or not maps:
        raise GeometryError(
            f"{len(maps)} activity maps and {len(segmentations)} segmentations were given: each map needs its own.",
            code="region-maps",
        )
    calibration, calibration_u = shared_calibration(maps)
    volumes = tuple(_volume_ml(name, *pair) for pair in zip(maps, segmentations, strict=True))
    measured = np.array([_activity_mbq(*pair) for pair in _voxels(name, maps, segmentations)])
    blur_mm = resolution_mm if recovery is not None and shape == "outline" else None
    shapes = _shape_factors(name, maps, segmentations, blur_mm)
    recoveries = tuple(
        1.0 if recovery is None else recovery.value(volume) * factor
        for volume, factor in zip(volumes, shapes, strict=True)
    )
    activity = measured / np.array(recoveries)
    counts = tuple(
        None if image.counts_per_mbq is None else max(float(mbq), 0.0) * image.counts_per_mbq
        for image, mbq in zip(maps, measured, strict=True)
    )
    mean_volume = math.fsum(volumes) / len(volumes)
    volume_u, sensitivity = None, 0.0
    region = segmentations[0].region(name)
    if resolution_mm is not None:
        volume_u = outline_relative_u(
            region, volume_ml=mean_volume, spacing_mm=maps[0].grid.spacing_mm, fwhm_mm=resolution_mm
        )
        sensitivity = volume_sensitivity(volume_ml=mean_volume, fwhm_mm=resolution_mm, recovery=recovery)
    volume_source = f"volume:{name}"
    common: dict[str, float | None] = {
        f"calibration:{calibration}": calibration_u,
        volume_source: None if volume_u is None else sensitivity * volume_u,
    }
    applied, findings = None, _region_findings(name, maps, segmentations, measured)
    if recovery is not None:
        applied, range_findings = recovery_at(recovery, mean_volume, region=name)
        # The activity is divided by the recovery, so its relative contributions change sign.
        common |= {source: -u / applied.value for source, u in applied.contributions.items()}
        applied *= math.fsum(shapes) / len(shapes)
        if resolution_mm is not None:
            spilled = _spill_in_mbq(name, maps, segmentations, recoveries, fwhm_mm=resolution_mm)
            common[f"spill-in:{name}"] = spill_in_relative_u(spill_in_mbq=spilled, measured_mbq=float(np.sum(measured)))
        findings += range_findings
    u_independent, counting_share = _independent_u(activity, counts, measured, measurement_relative_u)
    curve = TimeActivityCurve(
        region=name,
        t_h=np.array([image.t_h for image in maps]),
        activity_mbq=activity,
        u_independent_mbq=u_independent,
        common=common,
        source="image",
        counting_share=counting_share,
    )
    quantity = RegionQuantity(
        name, Uncertain.relative(mean_volume, {volume_source: volume_u}), volumes, applied, recoveries, counts
    )
    return curve, quantity, (*findings, *_stated_findings(region, recovery, resolution_mm))


def whole_field_curve(
    maps: Sequence[ActivityMap], *, measurement_relative_u: float
) -> tuple[TimeActivityCurve, tuple[Finding, ...]]:
    """Return the curve of all activity in the field of view.

    Parameters
    ----------
    maps : sequence of ActivityMap
        Time points in order of time.
    measurement_relative_u : float
        Relative standard uncertainty of one measurement beside counting.

    Returns
    -------
    curve : TimeActivityCurve
        Region name ``field-of-view``.
    findings : tuple of Finding
        ``field-of-view-differs`` if the axial lengths differ by more than a slice.

    References
    ----------
    [Gear2018]_
    """
    calibration, calibration_u = shared_calibration(maps)
    activity = np.array([image.total_mbq for image in maps])
    counts = tuple(
        None if image.counts_per_mbq is None else max(float(mbq), 0.0) * image.counts_per_mbq
        for image, mbq in zip(maps, activity, strict=True)
    )
    u_independent, counting_share = _independent_u(activity, counts, activity, measurement_relative_u)
    curve = TimeActivityCurve(
        region=WHOLE_FIELD,
        t_h=np.array([image.t_h for image in maps]),
        activity_mbq=activity,
        u_independent_mbq=u_independent,
        common={f"calibration:{calibration}": calibration_u},
        source="image",
        counting_share=counting_share,
    )
    lengths = [image.grid.shape[0] * image.grid.spacing_mm[0] for image in maps]
    if max(lengths) - min(lengths) <= max(image.grid.spacing_mm[0] for image in maps):
        return curve, ()
    finding = Finding(
        "field-of-view-differs",
        "warning",
        f"The axial field of view is between {min(lengths):.0f} and {max(lengths):.0f} mm long: the activity in view "
        "is not of the same part of the body at all time points.",
        WHOLE_FIELD,
    )
    return curve, (finding,)


def outline_relative_u(
    region: Region, *, volume_ml: float, spacing_mm: tuple[float, float, float], fwhm_mm: float
) -> float:
    """Return the relative standard uncertainty of an outlined volume, by the image on which it was drawn.

    An outline whose image nobody stated counts as one on the emission image.

    Parameters
    ----------
    region : Region
        Where it was drawn.
    volume_ml : float
        Its volume.
    spacing_mm : tuple of float
        Voxel size (z, y, x) of the emission image.
    fwhm_mm : float
        Resolution of the emission image.

    References
    ----------
    [Gear2018]_, [Joskowicz2019]_
    """
    if region.outlined_on is OutlinedOn.CT and region.outline_spacing_mm is not None:
        return ct_volume_relative_u(volume_ml=volume_ml, spacing_mm=region.outline_spacing_mm)
    return volume_relative_u(volume_ml=volume_ml, spacing_mm=spacing_mm, fwhm_mm=fwhm_mm)


def volume_sensitivity(*, volume_ml: float, fwhm_mm: float, recovery: RecoveryCurve | None) -> float:
    """Return d ln A/d ln v: how an error of the outlined volume acts on the recovered activity.

    φ/(2R) − (v/R) ∂R/∂v. The first term is the activity that a wider outline takes in; the second the smaller
    correction at a larger volume. Without a recovery curve, R is that of the point-spread function and there is
    no second term.

    References
    ----------
    [Gear2018]_, equation for the activity and the covariance of counts and recovery.
    """
    phi = edge_profile(volume_ml=volume_ml, fwhm_mm=fwhm_mm)
    if recovery is None:
        return phi / (2 * sphere_recovery(volume_ml=volume_ml, fwhm_mm=fwhm_mm))
    value = recovery.value(volume_ml)
    return phi / (2 * value) - volume_ml / value * recovery.derivative_per_ml(volume_ml)


def shared_calibration(maps: Sequence[ActivityMap]) -> tuple[str, float | None]:
    """Return name and relative standard uncertainty of the one calibration of all maps, or refuse.

    References
    ----------
    [Gear2018]_: the calibration is common to all points of a curve.
    """
    calibrations = {(image.calibration, image.calibration_relative_u) for image in maps}
    if len(calibrations) != 1:
        names = ", ".join(sorted(name for name, _ in calibrations))
        raise CalibrationError(
            f"The time points have different calibrations ({names or 'none'}): one curve needs one calibration.",
            code="calibrations-differ",
        )
    return calibrations.pop()


def _voxels(
    name: str, maps: Sequence[ActivityMap], segmentations: Sequence[Segmentation]
) -> list[tuple[ActivityMap, RegionVoxels]]:
    return [(image, segmentation.voxels_of(name)) for image, segmentation in zip(maps, segmentations, strict=True)]


def _volume_ml(name: str, image: ActivityMap, segmentation: Segmentation) -> float:
    if not image.grid.matches(segmentation.grid):
        raise GeometryError(
            f"The segmentation with '{name}' is on another grid than the activity at {image.t_h:.4g} h: resample it "
            "to the grid of the image first.",
            code="grid-mismatch",
        )
    volume = segmentation.volume_ml(name)
    if not volume > 0:
        raise GeometryError(
            f"The region '{name}' has no voxel in the image at {image.t_h:.4g} h: it is outside the field of view or "
            "smaller than a voxel.",
            code="region-empty",
        )
    return volume


def _shape_factors(
    name: str, maps: Sequence[ActivityMap], segmentations: Sequence[Segmentation], blur_mm: float | None
) -> tuple[float, ...]:
    """Return the shape factor at each time point; the same outline is looked at once."""
    if blur_mm is None:
        return (1.0,) * len(maps)
    known: dict[int, float] = {}
    for image, voxels in _voxels(name, maps, segmentations):
        if id(voxels) not in known:
            known[id(voxels)] = shape_factor(voxels, image.grid, fwhm_mm=blur_mm)
    return tuple(known[id(voxels)] for _, voxels in _voxels(name, maps, segmentations))


def _spill_in_mbq(
    name: str,
    maps: Sequence[ActivityMap],
    segmentations: Sequence[Segmentation],
    recoveries: Sequence[float],
    *,
    fwhm_mm: float,
) -> float:
    """Return what the surroundings add to the measured activities, summed over the time points."""
    shells: dict[int, Shell] = {}
    total = 0.0
    for (image, voxels), recovery in zip(_voxels(name, maps, segmentations), recoveries, strict=True):
        if id(voxels) not in shells:
            shells[id(voxels)] = shell_around(voxels, image.grid, fwhm_mm=fwhm_mm)
        volume_ml = voxels.voxel_count * image.grid.voxel_volume_ml
        total += shells[id(voxels)].mean(image) * volume_ml * (1 - recovery)
    return total


def _activity_mbq(image: ActivityMap, voxels: RegionVoxels) -> float:
    return voxels.sum_of(image.data) * image.grid.voxel_volume_ml


def _independent_u(
    activity: np.ndarray, counts: Sequence[float | None], measured: np.ndarray, measurement_relative_u: float
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the independent uncertainty of each point and the share of counting, ``None`` where that is unknown."""
    # An image cannot tell less than a small share of what it showed of the region at its brightest: without this
    # floor a point near zero, or below, would outweigh all others.
    floor = load_number("quantify.yaml", "least_activity_share") * float(np.max(np.abs(activity)))
    repeatability = measurement_relative_u * np.maximum(np.abs(activity), floor)
    counting = np.array(
        [
            0.0 if count is None or mbq <= 0 else value / math.sqrt(max(count, 1.0))
            for value, count, mbq in zip(activity, counts, measured, strict=True)
        ]
    )
    variance = repeatability**2 + counting**2
    if None in counts:
        return np.sqrt(variance), None
    return np.sqrt(variance), np.divide(counting**2, variance, out=np.zeros_like(variance), where=variance > 0)


def _region_findings(
    name: str,
    maps: Sequence[ActivityMap],
    segmentations: Sequence[Segmentation],
    measured: np.ndarray,
) -> tuple[Finding, ...]:
    findings = []
    for (image, voxels), mbq in zip(_voxels(name, maps, segmentations), measured, strict=True):
        if mbq <= 0:
            message = f"'{name}' holds {mbq:.3g} MBq at {image.t_h:.4g} h, which is not positive: leave this point out."
            findings.append(Finding("activity-not-positive", "critical", message, name))
        ends = zip(voxels.origin, voxels.fraction.shape, image.grid.shape, strict=True)
        if any(first == 0 or first + extent == size for first, extent, size in ends):
            message = f"'{name}' reaches the edge of the field of view at {image.t_h:.4g} h: part of it may be missing."
            findings.append(Finding("region-at-edge", "warning", message, name))
    return tuple(findings)


def _stated_findings(
    region: Region, recovery: RecoveryCurve | None, resolution_mm: float | None
) -> tuple[Finding, ...]:
    findings, name = [], region.name
    if recovery is None:
        message = f"No recovery coefficient was applied to '{name}': activity in small objects is too low."
        findings.append(Finding("recovery-not-applied", "info", message, name))
    if resolution_mm is None:
        message = (
            f"The uncertainty of the volume of '{name}' is not stated because the resolution of the images is not: "
            "add 'calibration: {resolution: … mm}' to the study."
        )
        findings.append(Finding("volume-u-not-stated", "warning", message, name))
    elif region.outlined_on is OutlinedOn.NOT_STATED:
        message = (
            f"It is not known on which image '{name}' was outlined, so the uncertainty of its volume is that of an "
            "outline on the emission image, which is larger than on a CT."
        )
        findings.append(Finding("outline-image-not-stated", "info", message, name))
    return tuple(findings)
