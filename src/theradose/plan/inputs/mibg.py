"""Input of the planner ``mibg``."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, model_validator

from theradose.model.stated import StatedActivityMBq, StatedMassKg, StatedTimeH
from theradose.model.study import DoseGy, Patient, StudyPart
from theradose.plan.inputs.radioiodine import check_weights


class MibgInput(StudyPart):
    """131I-mIBG in two administrations: the first activity and its whole-body kinetics, and the total dose."""

    patient: Patient = Patient()
    child: bool = False
    weight: StatedMassKg = Field(examples=["20 kg"])
    activity: StatedActivityMBq = Field(examples=["8.88 GBq"])
    whole_body_half_life: StatedTimeH | None = None
    whole_body_residence: StatedTimeH | None = None
    probe: str | None = None
    start: datetime | None = None
    timezone: str | None = None
    total_dose: DoseGy | None = None
    stem_cell_support: bool | None = None

    @model_validator(mode="after")
    def _one_weight(self) -> MibgInput:
        check_weights(self.patient, self.weight)
        return self

    @model_validator(mode="after")
    def _one_whole_body(self) -> MibgInput:
        ways = ("whole_body_half_life", "whole_body_residence", "probe")
        stated = [way for way in ways if getattr(self, way) is not None]
        if len(stated) != 1:
            raise ValueError(f"exactly one of {', '.join(ways)} is needed, but {', '.join(stated) or 'none'} is stated")
        return self

    @model_validator(mode="after")
    def _goal(self) -> MibgInput:
        if self.total_dose is None and self.stem_cell_support is None:
            raise ValueError(
                "the dose of both administrations is not stated: add 'total_dose: 4 Gy', or whether there is "
                "'stem_cell_support'"
            )
        return self
