"""Input of the planner ``dtc``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from theradose.model.samples import Specimen
from theradose.model.stated import (
    StatedActivityMBq,
    StatedDoseGy,
    StatedFraction,
    StatedMassKg,
    StatedTimeH,
    StatedVolumeMl,
)
from theradose.model.study import CounterChoice, DoseGy, Fraction, Patient, StudyPart
from theradose.plan.inputs.radioiodine import RetentionReading, Tracer, check_weights

BloodMethod = Literal["blood-and-whole-body", "single-measurement"]


class PreviousAdministration(StudyPart):
    """An earlier administration; without `blood_dose` the dose per activity of this plan is assumed for it."""

    activity: StatedActivityMBq
    blood_dose: StatedDoseGy | None = None


class DtcInput(StudyPart):
    """Differentiated thyroid cancer: weight, and residence times of whole body and blood or what gives them."""

    patient: Patient = Patient()
    weight: StatedMassKg = Field(examples=["70 kg"])
    blood_volume: StatedVolumeMl | None = None
    method: BloodMethod = "blood-and-whole-body"
    whole_body_residence: StatedTimeH | None = None
    whole_body_half_life: StatedTimeH | None = None
    whole_body_retention: RetentionReading | None = None
    probe: str | None = None
    blood_residence: StatedTimeH | None = None
    blood: str | None = None
    specimen: Specimen | None = None
    haematocrit: StatedFraction | None = None
    counter: CounterChoice = CounterChoice()
    tracer: Tracer | None = None
    activity: StatedActivityMBq | None = None
    blood_limit: DoseGy | None = None
    accepted_probability: Fraction | None = Field(default=None, gt=0, le=0.5)
    previous: tuple[PreviousAdministration, ...] = ()

    @model_validator(mode="after")
    def _one_weight(self) -> DtcInput:
        check_weights(self.patient, self.weight)
        return self

    @model_validator(mode="after")
    def _one_whole_body(self) -> DtcInput:
        ways = ("whole_body_residence", "whole_body_half_life", "whole_body_retention", "probe")
        stated = [way for way in ways if getattr(self, way) is not None]
        if len(stated) != 1:
            raise ValueError(f"exactly one of {', '.join(ways)} is needed, but {', '.join(stated) or 'none'} is stated")
        return self

    @model_validator(mode="after")
    def _blood_as_the_method_needs(self) -> DtcInput:
        stated = [way for way in ("blood_residence", "blood") if getattr(self, way) is not None]
        if self.method == "single-measurement":
            if stated:
                raise ValueError(
                    f"the method 'single-measurement' takes the blood from the whole body, but {stated[0]} is stated: "
                    "leave one of the two out"
                )
        elif len(stated) != 1:
            raise ValueError(
                "the blood needs 'blood_residence: 3.2 h' or 'blood: blood.csv', one of them; without either state "
                "'method: single-measurement'"
            )
        if self.blood is None and self.blood_volume is None:
            raise ValueError("'blood_volume' is needed, as in 'blood_volume: 5.0 L'")
        return self

    @model_validator(mode="after")
    def _haematocrit_of_plasma(self) -> DtcInput:
        if self.blood is None and self.specimen in ("plasma", "serum") and self.haematocrit is None:
            raise ValueError(
                f"a residence time of {self.specimen} needs the haematocrit, because only the part 1 - haematocrit of "
                f"blood is {self.specimen}: add for example 'haematocrit: 0.42'"
            )
        if self.haematocrit is not None and not 0 < self.haematocrit.value < 1:
            raise ValueError(
                f"a haematocrit of {self.haematocrit.value:g} is not possible: valid values are between 0 and 1, as "
                "'haematocrit: 0.42'"
            )
        return self

    @model_validator(mode="after")
    def _tracer_of_files(self) -> DtcInput:
        files = [name for name in (self.probe, self.blood) if name is not None]
        if files and self.tracer is None:
            raise ValueError(
                f"'{files[0]}' needs the activity that was given when it was measured: add for example "
                "'tracer: {activity: 100 MBq}'"
            )
        return self
