"""Uptake in the thyroid, by probe or gamma camera, against a standard in a neck phantom.

References
----------
[Haenscheid2013]_ Pre-therapeutic dosimetry of benign thyroid disease.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from theradose.errors import StudyError
from theradose.formats.decay import decay_factor
from theradose.uncertainty import Uncertain


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
        The uptake, from 0 to 1, with counting as ``counting:thyroid``.

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
    u_patient = math.sqrt(counts.neck + counts.thigh) / counts.patient_s
    u_standard = math.sqrt(counts.phantom + counts.room) / counts.phantom_s
    ratio = patient / standard
    u_ratio = ratio * math.hypot(u_patient / patient, u_standard / standard)
    decay = decay_factor(decay_constant_per_h=decay_constant_per_h, elapsed_h=standard_delay_h - delay_h)
    return Uncertain(ratio, {"counting:thyroid": u_ratio}) * standard_mbq * decay / administered_mbq
