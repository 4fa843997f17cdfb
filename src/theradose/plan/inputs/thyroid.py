"""Input of the planner ``thyroid``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from theradose.dose.radioiodine.thyroid import EnergyChoice
from theradose.model.stated import (
    StatedActivityMBq,
    StatedFraction,
    StatedMassG,
    StatedRatePerH,
    StatedShare,
    StatedTimeH,
)
from theradose.model.study import DoseGy, DurationH, Fraction, Patient, StudyPart
from theradose.plan.inputs.radioiodine import DecayState, Tracer

Disease = Literal["graves", "autonomy", "goitre"]


class UptakePoint(StudyPart):
    """Uptake at a time, a fraction of the administered activity."""

    t: DurationH
    uptake: StatedFraction


class UptakeModel(StudyPart):
    """Parameters of a two-compartment uptake: with the dimensionless `uptake`, or with the rate `transfer_rate`."""

    uptake: StatedShare | None = None
    transfer_rate: StatedRatePerH | None = None
    blood_rate: StatedRatePerH
    thyroid_rate: StatedRatePerH

    @model_validator(mode="after")
    def _one_form(self) -> UptakeModel:
        if (self.uptake is None) == (self.transfer_rate is None):
            raise ValueError(
                "an uptake model has either 'uptake' (a fraction, integral U/k_T) or 'transfer_rate' (1/d, integral "
                "k_t/(k_B k_T)): state the one that your program fitted"
            )
        return self


def _curve_tag(given: Any) -> str:
    return "file" if isinstance(given, str) else "readings"


UptakeCurveChoice = Annotated[
    Annotated[str, Tag("file")] | Annotated[tuple[UptakePoint, ...], Field(min_length=1), Tag("readings")],
    Discriminator(_curve_tag),
]
"""A table of counts (``docs/formats/uptake.md``), or readings."""


class ThyroidInput(StudyPart):
    """Benign thyroid disease: the mass, a target dose, and one of three descriptions of the uptake."""

    patient: Patient = Patient()
    mass: StatedMassG = Field(examples=["25 g"])
    target_dose: DoseGy | None = None
    disease: Disease | None = None
    uptake: StatedShare | None = None
    effective_half_life: StatedTimeH | None = None
    uptake_model: UptakeModel | None = None
    uptake_curve: UptakeCurveChoice | None = None
    uptake_decay: DecayState | None = None
    measurement_u: Fraction | None = None
    single_time_point: str | None = None
    tracer: Tracer | None = None
    energy: EnergyChoice = "eanm"
    activity: StatedActivityMBq | None = None

    @model_validator(mode="after")
    def _goal(self) -> ThyroidInput:
        if self.target_dose is None and self.disease is None and self.activity is None:
            raise ValueError(
                "there is nothing to plan for: state 'target_dose: 200 Gy', 'disease' (graves, autonomy or goitre) or "
                "'activity'"
            )
        return self

    @model_validator(mode="after")
    def _one_uptake(self) -> ThyroidInput:
        ways = ("uptake", "uptake_model", "uptake_curve")
        stated = [way for way in ways if getattr(self, way) is not None]
        if len(stated) != 1:
            found = ", ".join(stated) or "none"
            raise ValueError(
                f"exactly one of 'uptake' (with 'effective_half_life'), 'uptake_model' and 'uptake_curve' is needed, "
                f"but {found} is stated"
            )
        if self.uptake is not None and self.effective_half_life is None:
            raise ValueError("'uptake' needs 'effective_half_life', as in 'effective_half_life: 5.5 d'")
        if isinstance(self.uptake_curve, str) and self.tracer is None:
            raise ValueError(
                f"the counts of '{self.uptake_curve}' become an uptake by the activity that was given: add for example "
                "'tracer: {activity: 2 MBq}'"
            )
        if isinstance(self.uptake_curve, tuple) and self.uptake_decay is None:
            raise ValueError(
                "readings need 'uptake_decay': 'removed' if physical decay was corrected for, 'included' if not"
            )
        return self
