"""Input of the planner ``level1``."""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import Field, model_validator

from theradose.model.limit import LimitChoice
from theradose.model.stated import StatedActivityMBq, StatedMassG, StatedShare, StatedTimeH
from theradose.model.study import ActivityMBq, Patient, StudyPart
from theradose.plan.therapies import TherapyName

Purpose = Literal["routine", "accidental", "unintended"]


class VerificationImage(StudyPart):
    """Whether the delivery was verified by an image, when, and what it showed."""

    done: bool
    date: datetime.date | None = None
    finding: str = ""


class InjectionSite(StudyPart):
    """Tissue that holds what stayed at the injection site, and the effective half-life there."""

    mass: StatedMassG
    effective_half_life: StatedTimeH


class Level1Input(StudyPart):
    """The administration and what was intended.

    Attributes
    ----------
    therapy : str
        Key of the packaged therapies.
    patient : Patient
        As in a study.
    activity : Stated
        Administered, MBq.
    intended_activity : float or None
        Prescribed, MBq; ``None`` if none was intended.
    at_injection_site : Stated or None
        Part of the activity that stayed at the injection site.
    injection_site : InjectionSite or None
        What the dose there follows from; without it that dose is not computed.
    cycle, cycles : int
        Number of this cycle and of all planned.
    previous_activities : tuple of float
        Of the cycles before this one, MBq; without it they count as intended, and cycles that follow always do.
    label_activity : float or None
        Of one cycle, MBq, where the packaged label does not hold.
    off_label : bool
        Another indication than that of the label, or a product in development.
    child : bool
        Whether the patient is one, where levels differ.
    limits : tuple of str or StatedLimit
        Names of packaged limits, or limits of the site; without it all packaged ones of the therapy.
    verification_image : VerificationImage or None
        Status of the verification.
    purpose : {"routine", "accidental", "unintended"}
        What the page is for.
    description : str
        What happened, of an accidental or unintended exposure.
    """

    therapy: TherapyName = Field(examples=["lu177-dotatate"])
    patient: Patient = Patient()
    activity: StatedActivityMBq = Field(examples=["7.4 GBq"])
    intended_activity: ActivityMBq | None = None
    at_injection_site: StatedShare | None = None
    injection_site: InjectionSite | None = None
    cycle: int = Field(default=1, ge=1)
    cycles: int = Field(default=1, ge=1)
    previous_activities: tuple[ActivityMBq, ...] = ()
    label_activity: ActivityMBq | None = None
    off_label: bool = False
    child: bool = False
    limits: tuple[LimitChoice, ...] = ()
    verification_image: VerificationImage | None = None
    purpose: Purpose = "routine"
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Level1Input:
        if self.cycle > self.cycles:
            raise ValueError(
                f"cycle {self.cycle} is beyond the {self.cycles} cycles that are planned: correct 'cycles'"
            )
        if self.previous_activities and len(self.previous_activities) != self.cycle - 1:
            raise ValueError(
                f"before cycle {self.cycle} there are {self.cycle - 1} cycles, but previous_activities names "
                f"{len(self.previous_activities)}: name each once"
            )
        if self.at_injection_site is not None and self.at_injection_site.value >= 1:
            raise ValueError(
                "with all of the activity at the injection site no organ receives a dose that was published: state the "
                "part that stayed there, below 100 %"
            )
        if self.injection_site is not None and self.at_injection_site is None:
            raise ValueError("injection_site needs the part that stayed there: add 'at_injection_site: 30 %'")
        if self.purpose == "routine" and self.intended_activity is None:
            raise ValueError("a routine administration has an intended_activity: add for example '7.4 GBq'")
        if self.purpose != "routine" and not self.description.strip():
            raise ValueError(f"an {self.purpose} exposure needs a description of what happened")
        return self
