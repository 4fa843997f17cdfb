"""From an emission image as stored to an activity map at the start of its frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from theradose.errors import CalibrationError, StudyError
from theradose.model.activity import ActivityMap, EmissionImage, Evidence, ImageUnit
from theradose.model.finding import Finding
from theradose.model.study import CameraCalibration
from theradose.nuclides import Nuclide
from theradose.quantify.dead_time import true_count_rate
from theradose.quantify.decay import correct_decay
from theradose.quantify.sensitivity import concentration_per_count
from theradose.quantify.times import hours_since

_BQ_PER_MBQ = 1e6
_SCANNER = "scanner"


@dataclass(frozen=True, slots=True)
class ActivityRecord:
    """What was found in an image and done to its values.

    Attributes
    ----------
    unit_found : str
        Unit of the stored values.
    decay_reference_found : str
        Moment to which they referred.
    decay_factor : float
        Total activity after over before decay correction.
    dead_time_factor : float or None
        True over observed count rate; ``None`` if no dead time was applied.
    modality : str
        DICOM modality of the image, or the name of its file format.
    evidence : tuple of Evidence
        The reader's conclusions, then ours.
    """

    unit_found: str
    decay_reference_found: str
    decay_factor: float
    dead_time_factor: float | None
    modality: str
    evidence: tuple[Evidence, ...]


def to_activity_map(
    image: EmissionImage,
    *,
    start: datetime,
    timezone: str | None,
    nuclide: Nuclide,
    calibration: CameraCalibration | None,
    sensitivity_from: str = "study",
) -> tuple[ActivityMap, ActivityRecord, tuple[Finding, ...]]:
    """Return activity concentration at the start of the first frame.

    Parameters
    ----------
    image : EmissionImage
        Values as stored, shape (z, y, x).
    start : datetime
        Start of the first administration: the zero of time.
    timezone : str or None
        IANA time zone of the study.
    nuclide : Nuclide
        What was administered.
    calibration : CameraCalibration or None
        Needed for images in counts; for images in Bq/mL it names the camera and its uncertainty.
    sensitivity_from : str
        Where the sensitivity comes from, for the record.

    Raises
    ------
    StudyError
        If the image was acquired before the administration, or a decay reference lacks its moment.
    CalibrationError
        For counts without sensitivity or duration, an impossible count rate, or values that are not finite.

    References
    ----------
    [Gear2018]_, activity from counts; [Uribe2017]_, dead time; [DICOMPS3.3]_, decay correction.
    """
    t_h, findings = hours_since(start, image.acquired_at, timezone=timezone)
    if t_h < 0:
        raise StudyError(
            f"The image was acquired at {image.acquired_at.isoformat()}, {-t_h:.4g} h before the start of the "
            f"administration at {start.isoformat()}: correct one of the two times or the time zone.",
            code="acquired-before-administration",
        )
    dead_time_factor, dead_time_evidence, dead_time_findings = _dead_time(image, calibration)
    unit_factor, unit_evidence = _unit_factor(image, calibration, sensitivity_from)
    decay, decay_findings = correct_decay(image, administered_at=start, timezone=timezone, nuclide=nuclide)
    slice_factor = decay.slice_factor * (unit_factor * (dead_time_factor or 1.0))
    dtype = np.result_type(image.volume.data.dtype, np.float32)
    data = image.volume.data * slice_factor.astype(dtype)[:, None, None]
    total_mbq = float(data.sum(dtype=np.float64)) * image.volume.grid.voxel_volume_ml
    if not np.isfinite(total_mbq):
        raise CalibrationError("The image has values that are not finite: export it again.",
                               code="activity-not-finite")  # fmt: skip
    stored = float(image.volume.data.sum(dtype=np.float64)) * image.volume.grid.voxel_volume_ml
    without_decay_mbq = stored * unit_factor * (dead_time_factor or 1.0)
    name, relative_u = _calibration_uncertainty(image, calibration)
    counts = _collected_counts(image)
    activity = ActivityMap(
        data,
        image.volume.grid,
        t_h=t_h,
        nuclide=nuclide.name,
        calibration=name,
        calibration_relative_u=relative_u,
        counts_per_mbq=counts / total_mbq if counts is not None and total_mbq > 0 else None,
    )
    record = ActivityRecord(
        unit_found=image.unit.value,
        decay_reference_found=_decay_text(image),
        decay_factor=total_mbq / without_decay_mbq if without_decay_mbq else 1.0,
        dead_time_factor=dead_time_factor,
        modality=image.modality,
        evidence=(*image.evidence, *unit_evidence, *dead_time_evidence, *decay.evidence),
    )
    own = (*_nuclide_findings(image, nuclide), *_uncertainty_findings(name, relative_u))
    # The moment of the image is compared with two others, so the same remark on time zones may come twice.
    time_findings = tuple(finding for finding in decay_findings if finding not in findings)
    return activity, record, (*findings, *time_findings, *dead_time_findings, *own)


def _unit_factor(
    image: EmissionImage, calibration: CameraCalibration | None, sensitivity_from: str
) -> tuple[float, tuple[Evidence, ...]]:
    if image.unit is ImageUnit.BQ_PER_ML:
        return 1 / _BQ_PER_MBQ, ()
    if calibration is None or calibration.sensitivity is None:
        raise CalibrationError(
            f"The image is in {image.unit.value}, which become activity only by a calibration: add "
            "'calibration: {camera: …, sensitivity: … cps/MBq, u: … %}' to the study, or a record of the camera with "
            "'calibration: {record: …}'.",
            code="missing-sensitivity",
        )
    duration_s: float | None = 1.0
    if image.unit is ImageUnit.COUNTS:
        duration_s = image.count_duration_s
    if duration_s is None:
        raise CalibrationError(
            "The image is in counts, but the time over which they were collected is not known: add "
            "'declare: {frame_duration: … s}' to the time point.",
            code="missing-count-duration",
        )
    factor = concentration_per_count(
        sensitivity_cps_per_mbq=calibration.sensitivity,
        duration_s=duration_s,
        voxel_volume_ml=image.volume.grid.voxel_volume_ml,
    )
    done = f"{calibration.sensitivity:g} cps/MBq over {duration_s:g} s: 1 {image.unit.value} is {factor:.6g} MBq/mL"
    return factor, (Evidence("sensitivity", done, sensitivity_from),)


def _dead_time(
    image: EmissionImage, calibration: CameraCalibration | None
) -> tuple[float | None, tuple[Evidence, ...], tuple[Finding, ...]]:
    if calibration is None or not calibration.dead_time:
        return None, (), ()
    duration_s = image.count_duration_s or image.frame_duration_s
    if image.total_counts is None or not duration_s:
        message = (
            f"A dead time of {calibration.dead_time:g} us is stated, but the image does not tell its count rate: "
            "no correction was made."
        )
        return None, (), (Finding("dead-time-not-applied", "warning", message),)
    observed_cps = image.total_counts / duration_s
    model = calibration.dead_time_model or "paralysable"
    factor = (
        true_count_rate(observed_cps=observed_cps, dead_time_us=calibration.dead_time, model=model) / observed_cps
        if observed_cps
        else 1.0
    )
    if image.unit is ImageUnit.BQ_PER_ML:
        message = (
            f"The image is already in Bq/mL, so the stated dead time of {calibration.dead_time:g} us was not "
            f"applied; if the camera did not correct it, activities are too low by {100 * (factor - 1):.2g} %."
        )
        return None, (), (Finding("dead-time-not-applied", "info", message),)
    done = f"{model}, {calibration.dead_time:g} us at {observed_cps:.6g} cps observed: factor {factor:.6g}"
    assumption = "study; count rate of all detectors and the photopeak window"
    return factor, (Evidence("dead time", done, assumption, True),), ()


def _calibration_uncertainty(image: EmissionImage, calibration: CameraCalibration | None) -> tuple[str, float | None]:
    if calibration is None:
        return _SCANNER, None
    return calibration.camera, calibration.u


def _collected_counts(image: EmissionImage) -> float | None:
    if image.total_counts is not None:
        return image.total_counts
    total = float(image.volume.data.sum(dtype=np.float64))
    if image.unit is ImageUnit.COUNTS:
        return total
    if image.unit is ImageUnit.COUNTS_PER_SECOND and image.count_duration_s is not None:
        return total * image.count_duration_s
    return None


def _decay_text(image: EmissionImage) -> str:
    reference = image.decay_reference
    return reference.kind.value if reference.moment is None else f"{reference.kind} {reference.moment.isoformat()}"


def _nuclide_findings(image: EmissionImage, nuclide: Nuclide) -> tuple[Finding, ...]:
    if image.nuclide in (None, nuclide.name):
        return ()
    message = (
        f"The image states the nuclide {image.nuclide}, the study {nuclide.name}: the study's was used; if the "
        "scanner was set to another nuclide, its decay and branching corrections are wrong."
    )
    return (Finding("nuclide-differs", "critical", message),)


def _uncertainty_findings(name: str, relative_u: float | None) -> tuple[Finding, ...]:
    if relative_u is not None:
        return ()
    message = (
        f"The uncertainty of the calibration '{name}' is not stated, so every uncertainty is without it: add "
        "'calibration: {u: … %}' to the study."
    )
    return (Finding("calibration-u-not-stated", "warning", message),)
