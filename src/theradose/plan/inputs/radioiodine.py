"""What the planners of 131I have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from theradose.model.stated import StatedFraction, StatedMassKg
from theradose.model.study import ActivityMBq, DurationH, Fraction, Patient, StudyPart

DecayState = Literal["included", "removed"]
"""Whether a fraction of the administered activity holds physical decay, or has it taken out."""


def check_weights(patient: Patient, weight: StatedMassKg) -> None:
    """Refuse a weight that contradicts the one of the patient."""
    if patient.weight is not None and patient.weight != weight.value:
        raise ValueError(
            f"weight is {weight.value:g} kg and patient.weight is {patient.weight:g} kg: state one, or the same"
        )


class Tracer(StudyPart):
    """The administration whose activity was measured; `u` is the relative standard uncertainty of its activity."""

    activity: ActivityMBq
    u: Fraction | None = None
    start: datetime | None = None
    timezone: str | None = None


class RetentionReading(StudyPart):
    """The fraction of the administered activity that the whole body still holds, at one time."""

    t: DurationH
    retained: StatedFraction
    decay: DecayState
