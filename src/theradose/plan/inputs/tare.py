"""The input of ``theradose plan tare``: radioembolisation."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from theradose.model.limit import StatedLimit
from theradose.model.stated import Stated, StatedActivityMBq, StatedFraction, StatedMassG, stated
from theradose.model.study import ActivityMBq, Declaration, DoseGy, Fraction, Patient, StudyPart

StatedRatio = Annotated[Stated, stated("1")]
StatedBilirubin = Annotated[Stated, stated("mg/dL")]
StatedCounts = Annotated[Stated, stated("1", zero=True)]
RegionNames = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]
"""One name, or several whose regions count together."""
Method = Literal["auto", "bsa", "mono", "compartments", "partition", "voxel"]
WHOLE = "perfused-liver"
"""Target that stands for tumour and normal liver of a perfused volume together."""
_SHARE_TOLERANCE = 1e-6


class CompartmentInput(StudyPart):
    """A part of a perfused volume; the one without a ratio is normal liver and the reference of the others."""

    name: str
    mass: StatedMassG
    concentration_ratio: StatedRatio | None = None
    activity_ratio: StatedRatio | None = None
    kind: Literal["tumour", "normal"] | None = None

    @model_validator(mode="after")
    def _one_ratio(self) -> CompartmentInput:
        if self.concentration_ratio is not None and self.activity_ratio is not None:
            raise ValueError(
                f"'{self.name}' has a ratio of concentrations and one of activities, which differ by the ratio of the "
                "masses: give one of them"
            )
        return self

    @property
    def is_reference(self) -> bool:
        """Whether the ratios of the other compartments are over this one."""
        return self.concentration_ratio is None and self.activity_ratio is None

    @property
    def is_tumour(self) -> bool:
        """Whether it is tumour: as stated, otherwise what has a ratio."""
        return self.kind == "tumour" if self.kind is not None else not self.is_reference


class TargetInput(StudyPart):
    """The dose that is aimed at, and where."""

    compartment: str
    dose: DoseGy


class LungCounts(StudyPart):
    """Counts of the scout image, geometric means for planar images."""

    lungs: StatedCounts
    liver: StatedCounts


class LungInput(StudyPart):
    """Shunt to the lungs, stated or from counts, and the mass of both lungs."""

    shunt: StatedFraction | None = None
    counts: LungCounts | None = None
    mass: StatedMassG | None = None

    @model_validator(mode="after")
    def _one_shunt(self) -> LungInput:
        if self.shunt is not None and self.counts is not None:
            raise ValueError("the lung shunt is stated and there are counts for it: give one of them")
        return self


class PerfusedVolumeInput(StudyPart):
    """What one position of the catheter reaches, with its own vial.

    Of several volumes either each has its `share` of the activity, or each its own `activity`, or its own `target`. On
    an image it is made of `regions`, by default the one of its name, of the image's regions or of the file `outline`.
    """

    name: str
    catheter: str = ""
    volume_from: Literal["ct", "cone-beam-ct"] | None = None
    outline: str | None = None
    regions: RegionNames = ()
    compartments: tuple[CompartmentInput, ...] = ()
    share: Fraction | None = None
    activity: ActivityMBq | None = None
    target: TargetInput | None = None
    shunt: StatedFraction | None = None
    residual: StatedFraction | None = None


class ImageInput(StudyPart):
    """An image with its density and regions.

    `liver`, `lungs` and `tumours` name regions of the file; the liver holds its tumours in any case. `labels` gives the
    labels of a label image their names. `u_mass` and `u_activity` are the relative standard uncertainties of the mass
    of every region and of its activity.
    """

    image: str
    ct: str | None = None
    density: str | None = None
    regions: str
    labels: dict[str, int] = Field(default_factory=dict)
    liver: RegionNames = ("liver",)
    lungs: RegionNames = ()
    tumours: tuple[str, ...] = ()
    declare: Declaration = Declaration()
    u_mass: Fraction | None = None
    u_activity: Fraction | None = None

    @model_validator(mode="after")
    def _one_density(self) -> ImageInput:
        if (self.ct is None) == (self.density is None):
            raise ValueError("the mass of a voxel comes from 'ct' or from a map 'density' in g/mL: name exactly one")
        return self


class ScoutInput(ImageInput):
    """An image before the treatment: 99mTc-MAA or a 166Ho scout dose, in any unit."""

    agent: Literal["99mTc-MAA", "166Ho-scout"]
    engine: str = "local"


class VerificationInput(StudyPart):
    """What was delivered: an image of the treatment, or the activity of each compartment.

    `kind` ``90Y-bremsstrahlung`` takes the image as a pattern only. `administered` is what was given, without the
    residual, and `administered_at` the moment to which it is related.
    """

    kind: Literal["90Y-PET", "166Ho-SPECT", "90Y-bremsstrahlung", "stated"]
    administered: ActivityMBq
    administered_at: datetime | None = None
    timezone: str | None = None
    image: ImageInput | None = None
    activities: dict[str, StatedActivityMBq] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _image_or_activities(self) -> VerificationInput:
        if (self.kind == "stated") != (self.image is None) or (self.kind == "stated") != bool(self.activities):
            raise ValueError(
                "a verification names an 'image', or with kind 'stated' the 'activities' of the compartments"
            )
        if self.kind in ("90Y-PET", "166Ho-SPECT") and self.administered_at is None:
            raise ValueError("the activity in the image decays: give the moment of the treatment, 'administered_at'")
        return self


class TareInput(StudyPart):
    """Everything that a plan of radioembolisation rests on.

    `tumour_fraction`, volume of tumour over volume of the liver, is for the rule by body surface area alone.
    """

    patient: Patient = Patient()
    product: str
    intent: Literal["bilobar", "lobar", "segmentectomy"]
    lobectomy: bool = False
    disease: Literal["HCC", "ICC", "mCRC"] | None = None
    liver_function: Literal["good", "compromised"]
    pretreated: bool
    bilirubin: StatedBilirubin | None = None
    hepatic_reserve: Fraction | None = None
    conversion: str = "label"
    method: Method = "auto"
    target: TargetInput | None = None
    activity: ActivityMBq | None = None
    compartments: tuple[CompartmentInput, ...] = ()
    perfused_volumes: tuple[PerfusedVolumeInput, ...] = ()
    liver_mass: StatedMassG | None = None
    lung: LungInput | None = None
    residual: StatedFraction | None = None
    activity_meter_u: Fraction | None = None
    tumour_fraction: Fraction | None = None
    scout: ScoutInput | None = None
    scout_representative: bool = True
    verification: VerificationInput | None = None
    limits: tuple[StatedLimit, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> TareInput:
        volumes = self.perfused_volumes
        if self.compartments and volumes:
            raise ValueError("the compartments belong to their perfused volumes: state them there only")
        if self.lobectomy and self.intent != "lobar":
            raise ValueError("'lobectomy: true' is a lobar treatment: set 'intent: lobar'")
        bare = [volume.name for volume in volumes if not volume.compartments]
        if self.scout is None and ((not self.compartments and not volumes) or bare):
            of_what = f" of the perfused volume '{bare[0]}'" if bare else ""
            raise ValueError(
                f"the compartments{of_what} are missing: give 'compartments: [{{name: tumour, mass: 250 g, "
                "concentration_ratio: 4}, {name: normal, mass: 1250 g}]', or a 'scout' image"
            )
        if self.scout is None and (self.lung is None or (self.lung.shunt is None and self.lung.counts is None)):
            raise ValueError("the lung shunt is missing: give 'lung: {shunt: 6 %}', or its 'counts'")
        self._check_prescription()
        return self

    def _check_prescription(self) -> None:
        volumes = self.perfused_volumes
        names = [volume.name for volume in volumes]
        if len(set(names)) < len(names):
            raise ValueError(f"perfused volumes need different names, but {', '.join(names)} were given")
        own = [volume.target is not None or volume.activity is not None for volume in volumes]
        shared = [volume.share is not None for volume in volumes]
        stated_once = (self.target is not None) + (self.activity is not None)
        if any(own):
            twice = any(volume.target is not None and volume.activity is not None for volume in volumes)
            if not all(own) or any(shared) or twice or stated_once:
                raise ValueError(
                    "if a perfused volume has its own 'target' or 'activity', each has exactly one of them"
                )
            return
        if self.method != "bsa" and stated_once != 1:
            raise ValueError("what is planned for is missing: give either 'target: {compartment, dose}' or 'activity'")
        if len(volumes) > 1:
            total = math.fsum(volume.share or 0.0 for volume in volumes)
            if not all(shared) or abs(total - 1) > _SHARE_TOLERANCE:
                raise ValueError(
                    "several perfused volumes share the activity: give each a 'share', which add up to 100 %, or each "
                    f"its own 'target' or 'activity' (the shares add up to {100 * total:g} %)"
                )
