"""Uptake in the thyroid, by probe or gamma camera, against a standard in a neck phantom.

References
----------
[Haenscheid2013]_ Pre-therapeutic dosimetry of benign thyroid disease.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from theradose.data import load_number
from theradose.errors import StudyError
from theradose.formats.decay import decay_factor
from theradose.formats.tables_samples import refuse_cell
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.model.uptake import UptakeCurve, UptakeReading
from theradose.nuclides import Nuclide
from theradose.quantify.sample_times import StatedTime, elapsed_times
from theradose.quantify.times import hours_since
from theradose.uncertainty import Uncertain

THYROID = "thyroid"
_NECK, _STANDARD = "counting:thyroid", "counting:standard"
_STANDARD_ACTIVITY = "activity:standard"


@dataclass(frozen=True, slots=True)
class UptakeCounts:
    """Counts of one uptake measurement, in one geometry.

    Attributes
    ----------
    neck, thigh : float
        Counts over the patient's neck, and over the thigh for the activity in the blood of the neck.
    phantom, room : float
        Counts over the neck phantom with the standard, and without any activity.
    patient_s, phantom_s : float
        Counting times of neck and thigh, and of phantom and room.
    """

    neck: float
    thigh: float
    phantom: float
    room: float
    patient_s: float
    phantom_s: float


@dataclass(frozen=True, slots=True)
class UptakeOptions:
    """What holds for all measurements.

    Attributes
    ----------
    administered_mbq : float
        Activity given, at the start of the administration.
    start : datetime or None
        Start of the administration; needed for clock times.
    timezone : str or None
        IANA zone of times without offset.
    repeatability_u : float or None
        Relative standard uncertainty of one measurement besides counting (position); ``None`` takes the packaged one.
    """

    administered_mbq: float
    start: datetime | None = None
    timezone: str | None = None
    repeatability_u: float | None = None


def thyroid_uptake(
    counts: UptakeCounts,
    *,
    standard_mbq: Uncertain,
    administered_mbq: Uncertain,
    delay_h: float,
    standard_delay_h: float,
    decay_constant_per_h: float,
) -> Uncertain:
    """Return the fraction of the administered activity in the thyroid, physical decay taken out.

    U = (n_neck − n_thigh) / (n_phantom − n_room) · A_standard e^(−λ t_s) / (A_administered e^(−λ t)), with n in counts
    per second.

    Parameters
    ----------
    counts : UptakeCounts
        Of the patient and of the standard, with the same detector and distance.
    standard_mbq, administered_mbq : Uncertain
        Activities at their own reference times.
    delay_h : float
        From the administration to the measurement of the patient.
    standard_delay_h : float
        From the reference time of the standard to its measurement.
    decay_constant_per_h : float
        λ.

    Returns
    -------
    Uncertain
        The uptake, from 0 to 1, with counting as ``counting:thyroid`` and ``counting:standard``.

    Raises
    ------
    StudyError
        If neck or phantom do not exceed their background, or a time is not positive.

    References
    ----------
    [Haenscheid2013]_
    """
    if min(counts.patient_s, counts.phantom_s) <= 0:
        raise StudyError("The counting times of patient and phantom must be positive: state them in seconds.",
                         code="uptake-counting-time")  # fmt: skip
    patient = (counts.neck - counts.thigh) / counts.patient_s
    standard = (counts.phantom - counts.room) / counts.phantom_s
    if patient <= 0 or standard <= 0:
        where, background = ("neck", "thigh") if patient <= 0 else ("neck phantom", "room")
        raise StudyError(
            f"The counts over the {where} do not exceed those over the {background}: repeat the measurement.",
            code="uptake-below-background",
        )
    u_patient = math.sqrt(counts.neck + counts.thigh) / counts.patient_s / patient
    u_standard = math.sqrt(counts.phantom + counts.room) / counts.phantom_s / standard
    ratio = Uncertain.relative(patient / standard, {_NECK: u_patient, _STANDARD: -u_standard})
    decay = decay_factor(decay_constant_per_h=decay_constant_per_h, elapsed_h=standard_delay_h - delay_h)
    return ratio * standard_mbq * decay / administered_mbq


def uptake_curve(
    readings: Sequence[UptakeReading], *, nuclide: Nuclide, options: UptakeOptions
) -> tuple[UptakeCurve, tuple[Finding, ...]]:
    """Return the activity in the thyroid over time, A(t) = U(t) A0 e^(−λt).

    Counting over the patient and positioning are independent between measurements. The activity of the standard is
    common to all, and so is its counting if it was measured once. The administered activity cancels in A(t).

    Parameters
    ----------
    readings : sequence of UptakeReading
        The standard in the first row, or in every row.
    nuclide : Nuclide
        Gives physical decay.
    options : UptakeOptions
        Administered activity, zero of time, uncertainties.

    Raises
    ------
    StudyError
        With line and column for the first reading that cannot be used.

    References
    ----------
    [Haenscheid2013]_
    """
    rows = [StatedTime(item.origin, item.t_h, item.measured_at, "measured_at") for item in readings]
    times, findings = elapsed_times(rows, start=options.start, timezone=options.timezone)
    uptakes = [_uptake(item, readings[0], t_h, nuclide, options) for item, t_h in zip(readings, times, strict=True)]
    values = np.array([uptake.value for uptake in uptakes])
    assumed = load_number("samples.yaml", "assumed_relative_u")
    repeatability = assumed if options.repeatability_u is None else options.repeatability_u
    each_standard = len(readings) > 1 and readings[1].has_standard
    relative = {name: np.array([uptake.contributions.get(name, 0.0) for uptake in uptakes]) / values
                for name in (_NECK, _STANDARD)}  # fmt: skip
    own_standard = relative[_STANDARD] if each_standard else np.zeros(len(values))
    activity = values * options.administered_mbq * np.exp(-nuclide.decay_constant_per_h * np.array(times))
    first = readings[0]
    common = {
        _STANDARD_ACTIVITY: None if first.u_standard_mbq is None else first.u_standard_mbq / (first.standard_mbq or 1.0)
    }
    if not each_standard:
        common[_STANDARD] = float(relative[_STANDARD][0])
    curve = TimeActivityCurve(
        THYROID,
        np.array(times),
        activity,
        np.sqrt(relative[_NECK] ** 2 + own_standard**2 + repeatability**2) * activity,
        common,
        "uptake",
    )
    return UptakeCurve(curve, values), (*findings, *_findings(readings, uptakes, options, assumed))


def _uptake(
    reading: UptakeReading, first: UptakeReading, t_h: float, nuclide: Nuclide, options: UptakeOptions
) -> Uncertain:
    standard = reading if reading.has_standard else first
    counts = UptakeCounts(
        neck=reading.neck_counts,
        thigh=reading.thigh_counts or 0.0,
        phantom=standard.standard_counts or 0.0,
        room=standard.room_counts or 0.0,
        patient_s=reading.counting_s,
        phantom_s=standard.standard_counting_s or 0.0,
    )
    try:
        return thyroid_uptake(
            counts,
            standard_mbq=Uncertain(standard.standard_mbq or 0.0),
            administered_mbq=Uncertain(options.administered_mbq),
            delay_h=t_h,
            standard_delay_h=_standard_delay_h(standard, options.timezone),
            decay_constant_per_h=nuclide.decay_constant_per_h,
        )
    except StudyError as error:
        raise refuse_cell(reading.origin, "neck_counts", str(error), error.code) from None


def _standard_delay_h(standard: UptakeReading, timezone: str | None) -> float:
    counted_at = standard.standard_counted_at or standard.measured_at
    if standard.standard_at is None or counted_at is None:
        return 0.0
    return hours_since(standard.standard_at, counted_at, timezone=timezone)[0]


def _findings(
    readings: Sequence[UptakeReading], uptakes: Sequence[Uncertain], options: UptakeOptions, assumed: float
) -> list[Finding]:
    findings = []
    above = [uptake for uptake in uptakes if uptake.value > 1]
    if above:
        findings.append(
            Finding(
                "uptake-above-administered",
                "critical",
                f"An uptake of {above[0].value:.0%} is more than was given: check the standard's activity and its "
                "time, and the counting times.",
                THYROID,
            )
        )
    if any(reading.thigh_counts is None for reading in readings):
        findings.append(
            Finding(
                "uptake-without-thigh",
                "warning",
                "There are no counts over the thigh: the activity in the blood of the neck counts as uptake, above "
                "all in the first hours.",
                THYROID,
            )
        )
    if options.repeatability_u is None:
        findings.append(
            Finding(
                "measurement-u-assumed",
                "info",
                f"The repeatability of one uptake measurement is not stated and assumed to be {assumed:.0%}.",
                THYROID,
            )
        )
    return findings
