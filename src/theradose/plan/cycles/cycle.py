"""One cycle of a patient: its activity, and what was measured or is assumed of its doses.

References
----------
[Dale1985]_ The quadratic term of a biologically effective dose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from theradose.model.region import RegionKind
from theradose.uncertainty import Uncertain

Basis = Literal["measured", "assumed"]


@dataclass(frozen=True, slots=True, eq=False)
class CycleDose:
    """The dose of one region in one cycle.

    Attributes
    ----------
    dose_gy : Uncertain
        Absorbed dose.
    bed_gy : Uncertain or None
        Biologically effective dose, where radiobiological parameters are known.
    kind : RegionKind
        Organ or lesion.
    basis : {"measured", "assumed"}
        Whether there was dosimetry.
    carried_from : int or None
        Cycle whose dose per activity was assumed.
    """

    dose_gy: Uncertain
    bed_gy: Uncertain | None = None
    kind: RegionKind = RegionKind.ORGAN
    basis: Basis = "measured"
    carried_from: int | None = None

    @property
    def quadratic_per_gy(self) -> Uncertain | None:
        """Factor k of BED = D + k D² for the same time course, 1/Gy."""
        return None if self.bed_gy is None else (self.bed_gy - self.dose_gy) / self.dose_gy**2


@dataclass(frozen=True, slots=True, eq=False)
class Cycle:
    """One cycle; `doses` by region is empty where there was no dosimetry."""

    number: int
    activity_mbq: float
    start: datetime | None
    doses: Mapping[str, CycleDose]

    @property
    def measured(self) -> bool:
        """Whether there was dosimetry."""
        return any(dose.basis == "measured" for dose in self.doses.values())


def day_words(cycle: Cycle) -> str:
    """Return the day on which a cycle began, ``2026-03-02``; empty if it is not stated."""
    return "" if cycle.start is None else f"{cycle.start:%Y-%m-%d}"
