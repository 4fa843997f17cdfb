"""Regions as one method measured them, to be compared with another method or placed in a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredRegion:
    """A region of one cycle of a patient.

    Attributes
    ----------
    patient, cycle, region
        Whose and which.
    values : mapping of str to float
        By quantity, in the units used inside; what is unknown is left out.
    place : str
        Where it was read, for messages.
    is_lesion : bool
        Whether it is known to be one.
    """

    patient: str
    cycle: int
    region: str
    values: Mapping[str, float]
    place: str
    is_lesion: bool = False

    @property
    def key(self) -> tuple[str, int, str]:
        """Patient, cycle and region."""
        return self.patient, self.cycle, self.region
