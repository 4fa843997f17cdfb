"""Input of the planner ``prrt``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from theradose.model.cycles import CyclesChoice
from theradose.model.limit import LimitChoice
from theradose.model.part import StudyPart
from theradose.model.stated import StatedDoseGy, StatedTimeH
from theradose.model.study import ActivityMBq, Fraction, Patient
from theradose.plan.therapies import TherapyName
from theradose.spatial.naming import canonical_region

Style = Literal["p-prrt", "iluminet"]


class RegionDose(StudyPart):
    """The dose of one region in one cycle.

    `u` of the dose is one number of unknown origin; `sources` splits it, by relative standard uncertainty
    (``{calibration: 3 %, volume: 5 %, fit: 6 %}``), and replaces it.
    """

    dose: StatedDoseGy
    sources: dict[str, Fraction] = Field(default_factory=dict)
    effective_half_life: StatedTimeH | None = None
    bed: StatedDoseGy | None = None
    kind: Literal["organ", "lesion"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> RegionDose:
        if self.sources and self.dose.u is not None:
            raise ValueError("state the uncertainty of a dose either as u or by its sources, not both")
        if self.bed is not None and self.bed.value < self.dose.value:
            raise ValueError("a biologically effective dose is not below the absorbed dose: correct 'bed' or 'dose'")
        return self


class CycleEntry(StudyPart):
    """One cycle: a finished run, doses stated by hand, or an activity without dosimetry."""

    cycle: int | None = Field(default=None, ge=1)
    activity: ActivityMBq | None = None
    start: datetime | None = None
    result: str | None = None
    doses: dict[str, RegionDose] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> CycleEntry:
        if self.result is not None and self.doses:
            raise ValueError("a cycle has either a result or stated doses")
        if self.result is None and (self.activity is None or self.cycle is None):
            raise ValueError("a cycle without result needs 'cycle' and 'activity: 7.4 GBq'")
        return self


CycleEntryOrPath = Annotated[
    CycleEntry, BeforeValidator(lambda given: {"result": given} if isinstance(given, str) else given)
]
"""A cycle, or the path of its result alone."""


class RiskFactors(StudyPart):
    """What the trial asked before it went beyond its lower cap; ``None`` is not stated."""

    age: Annotated[float, Field(ge=0, le=130)] | None = None
    renal_tolerance: Literal["good", "impaired"] | None = None
    haematologic_tolerance: Literal["good", "impaired"] | None = None
    progression: bool | None = None


class FirstCycle(StudyPart):
    """A regression for the dose per activity before anything was measured, as a site or a publication states it.

    The dose per activity in Gy/GBq is the intercept plus the sum of coefficients times values; of its exponential where
    `scale` is ``log``. Nothing of it is packaged.
    """

    organ: Annotated[str, AfterValidator(lambda name: canonical_region(name).name)]
    intercept: float
    coefficients: dict[str, float]
    values: dict[str, float]
    scale: Literal["linear", "log"] = "linear"
    u: Fraction
    source: str


class PrrtInput(CyclesChoice):
    """Plan of the next cycle of a therapy in cycles."""

    therapy: TherapyName | None = None
    patient: Patient = Patient()
    history: tuple[CycleEntryOrPath, ...] = ()
    style: Style = "p-prrt"
    limits: tuple[LimitChoice, ...] | None = None
    cycles_left: int | None = Field(default=None, ge=1, le=20)
    accepted_probability: Annotated[Fraction, Field(gt=0, le=0.5)] | None = None
    activity: ActivityMBq | None = None
    label_activity: ActivityMBq | None = None
    cap: Literal["label", "standardised"] | None = None
    risk_factors: RiskFactors = RiskFactors()
    first_cycle: FirstCycle | None = None

    @model_validator(mode="after")
    def _cycles_of_the_style(self) -> PrrtInput:
        if self.style == "iluminet" and self.cycles_left is not None:
            raise ValueError(
                "'cycles_left' belongs to the style p-prrt; iluminet counts the cycles itself: leave it out"
            )
        return self
