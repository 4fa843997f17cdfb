"""What a person states about the cycles of a patient as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from theradose.model.part import StudyPart
from theradose.units import parse_quantity


def _relative(value: object) -> float | None:
    return None if value is None else parse_quantity(value, "1")


RelativeChange = Annotated[float, BeforeValidator(_relative), Field(gt=-1, lt=1)]
RelativeU = Annotated[float, BeforeValidator(_relative), Field(ge=0, lt=1)]


class Absence(StudyPart):
    """An organ that the patient no longer has, from a cycle on."""

    from_cycle: int = Field(ge=1)
    reason: str


class Trend(StudyPart):
    """Relative change of the dose per activity from one cycle to the next, negative where it falls; `u` is absolute."""

    per_cycle: RelativeChange
    u: RelativeU | None = None


class CyclesChoice(StudyPart):
    """How cycles are added up.

    Attributes
    ----------
    absent : mapping of str to Absence
        Organs that are gone.
    trend : mapping of str to Trend
        By region; a pair (``kidneys``) stands for its sides, ``lesions`` for all lesions.
    between_cycle_u : float or None
        Relative standard deviation of the dose per activity between the cycles of this patient.
    grade : {"G1", "G2"} or None
        Grade of the tumour, which selects the published decline of the tumour dose.
    """

    absent: dict[str, Absence] = Field(default_factory=dict)
    trend: dict[str, Trend] = Field(default_factory=dict)
    between_cycle_u: RelativeU | None = None
    grade: Literal["G1", "G2"] | None = None
