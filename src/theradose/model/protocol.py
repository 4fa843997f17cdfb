"""Measurement protocols: who measures what, when and with what, and how well that is expected to work."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from theradose.model.part import StudyPart
from theradose.model.samples import Specimen

Status = Literal["verified", "unverified", "choice"]


class MeasurementKind(StrEnum):
    """What one measurement of a visit is."""

    SPECT_CT = "spect-ct"
    SPECT = "spect"
    PET_CT = "pet-ct"
    PLANAR = "planar"
    BLOOD = "blood"
    PROBE = "probe"
    THYROID_UPTAKE = "thyroid-uptake"

    @property
    def is_emission_image(self) -> bool:
        """Whether the main job takes it as a time point with an activity map."""
        return self in (MeasurementKind.SPECT_CT, MeasurementKind.SPECT, MeasurementKind.PET_CT)


class Statement(StudyPart):
    """A sentence with where it comes from; `source` begins with keys of the bibliography."""

    text: str
    source: str
    status: Status


class AssumedFraction(StudyPart):
    """A relative uncertainty with the reason for its size."""

    value: float = Field(ge=0, le=1)
    source: str
    status: str


class Measurement(StudyPart):
    """One measurement of a visit.

    Attributes
    ----------
    kind : MeasurementKind
        What is done.
    covers : str
        Field of view or geometry, as the sheets say it.
    specimen : {"blood", "plasma", "serum"} or None
        What is counted of a blood sample.
    """

    kind: MeasurementKind
    covers: str
    specimen: Specimen | None = None

    @model_validator(mode="after")
    def _specimen_of_blood(self) -> Measurement:
        if (self.specimen is None) == (self.kind is MeasurementKind.BLOOD):
            raise ValueError("a blood sample, and nothing else, states its specimen")
        return self


class Visit(StudyPart):
    """One visit of the patient.

    Attributes
    ----------
    id : str
        Name within the protocol.
    t_h : float
        Hours after the start of the administration.
    tolerance_h : float
        Largest deviation from `t_h` that still is the planned visit.
    place : {"department", "ward"}
        Whether the opening hours of the department bind the visit.
    measure : tuple of Measurement
        In the order in which they are done.
    minutes : Statement or None
        How long it takes, only where a source says so.
    """

    id: str
    t_h: float = Field(ge=0)
    tolerance_h: float = Field(gt=0)
    place: Literal["department", "ward"] = "department"
    measure: tuple[Measurement, ...] = Field(min_length=1)
    minutes: Statement | None = None


class PlanningVisit(StudyPart):
    """A visit before the treatment, on a day that the protocol does not fix."""

    id: str
    when: str
    measure: tuple[Measurement, ...] = Field(min_length=1)


class Yield(StudyPart):
    """One result of a protocol.

    Attributes
    ----------
    quantity : str
        Organ, ``lesions``, ``red-marrow``, ``whole-body`` …
    measured_by : tuple of MeasurementKind
        Whose readings make its curve.
    method : str
        ``curve`` (fit and model average), ``hybrid`` (planar curve scaled by the emission image), or a
        single-time-point method.
    half_life : {"population", "physical"} or None
        Which half-life a single-time-point method assumes.
    population : str or None
        Virtual cohort on which the accuracy is simulated.
    not_simulated : str or None
        Why there is none.
    """

    quantity: str
    measured_by: tuple[MeasurementKind, ...] = Field(min_length=1)
    method: str = "curve"
    half_life: Literal["population", "physical"] | None = None
    population: str | None = None
    not_simulated: str | None = None

    @model_validator(mode="after")
    def _has_population_or_reason(self) -> Yield:
        if (self.population is None) == (self.not_simulated is None):
            raise ValueError(f"'{self.quantity}' needs either 'population' or 'not_simulated'")
        return self


class Protocol(StudyPart):
    """How a department measures one therapy.

    Attributes
    ----------
    name : str
        ``therapy/protocol``.
    title : str
        One line.
    therapy, nuclide : str or None
        ``None`` holds for any.
    time_zero : {"therapy", "tracer"}
        Whose administration begins the clock.
    eanm_level : int
        Highest level of Article 56 that it serves: 1 activity-based, 2 activity with patient dosimetry, 3
        dosimetry-guided.
    level : Statement or None
        Why this level.
    equipment : tuple of str
        What must be there, names of ``equipment.yaml``.
    preparation : tuple of str
        Calibrations and phantoms that must be there before.
    planning : tuple of PlanningVisit
        Visits before the treatment.
    visits : tuple of Visit
        In order of time.
    schedule : Statement or None
        Where the times come from.
    infusion_h : float
        Length of the infusion that the simulation assumes.
    yields : tuple of Yield
        What it determines.
    advantages, disadvantages, reported : tuple of Statement
        For and against it; accuracies that others report.
    minimum_timepoints : int
        Fewer images lead to a finding.
    measurement_relative_u : AssumedFraction
        Standard uncertainty of one measurement of one region beside counting statistics.
    """

    name: str
    title: str
    therapy: str | None
    nuclide: str | None
    time_zero: Literal["therapy", "tracer"] = "therapy"
    eanm_level: int = Field(ge=1, le=3)
    level: Statement | None = None
    equipment: tuple[str, ...] = ()
    preparation: tuple[str, ...] = ()
    planning: tuple[PlanningVisit, ...] = ()
    visits: tuple[Visit, ...] = ()
    schedule: Statement | None = None
    infusion_h: float = Field(default=0.0, ge=0)
    yields: tuple[Yield, ...] = ()
    advantages: tuple[Statement, ...] = ()
    disadvantages: tuple[Statement, ...] = ()
    reported: tuple[Statement, ...] = ()
    minimum_timepoints: int
    measurement_relative_u: AssumedFraction

    @model_validator(mode="after")
    def _visits_in_order(self) -> Protocol:
        times = [visit.t_h for visit in self.visits]
        if times != sorted(set(times)):
            raise ValueError("the times of the visits must increase")
        names = [visit.id for visit in self.visits]
        if len(set(names)) != len(names):
            raise ValueError("the ids of the visits must be unique")
        return self

    @property
    def image_visits(self) -> tuple[Visit, ...]:
        """Visits with an emission image, which become time points of a study."""
        return tuple(visit for visit in self.visits if any(item.kind.is_emission_image for item in visit.measure))


Level = Literal[1, 2, 3]
"""Level of Article 56: 1 activity with dosimetry of a cohort, 2 activity with that of the patient, 3 guided by dose."""


class Levels(Statement):
    """What the position paper on Article 56 says about a therapy.

    Attributes
    ----------
    levels : tuple of int
        Levels for the therapy as its label has it, or as it is established where it has none.
    off_label, children : tuple of int
        Levels in development or for another indication, and in children; empty where the paper makes no difference.
    by_activity, by_dose : tuple of int
        Those of all levels at which the activity is prescribed as such, and from an absorbed dose; empty where the
        paper makes no difference.
    dosimetry : {"optional", "advisable", "required"}
        Whether the patient's own dosimetry is.
    elsewhere : Statement or None
        Another classification that does not agree.
    """

    levels: tuple[Level, ...] = Field(min_length=1)
    off_label: tuple[Level, ...] = ()
    children: tuple[Level, ...] = ()
    by_activity: tuple[Level, ...] = ()
    by_dose: tuple[Level, ...] = ()
    dosimetry: Literal["optional", "advisable", "required"]
    elsewhere: Statement | None = None


class Label(StudyPart):
    """Regime of a registered product."""

    product: str
    activity_gbq: float = Field(gt=0)
    cycles: int = Field(gt=0)
    interval_weeks: float = Field(gt=0)
    source: str
    status: Status


class Therapy(StudyPart):
    """A therapy with its levels of Article 56.

    Attributes
    ----------
    title, nuclide : str
        What is given.
    critical : str
        The quantity by whose expected accuracy protocols are ranked.
    levels : Levels
        What the position paper says about the therapy.
    label : Label or None
        Regime of the product, where there is one.
    candidate_visits_h : tuple of float
        Times at which one more visit is tried.
    """

    title: str
    nuclide: str
    critical: str
    levels: Levels
    label: Label | None = None
    candidate_visits_h: tuple[float, ...] = ()


class StandIn(StudyPart):
    """Equipment that can be used in place of other equipment, and on which condition."""

    equipment: str
    condition: str


class Equipment(StudyPart):
    """A piece of equipment.

    Attributes
    ----------
    title : str
        What it is.
    implies : tuple of str
        What who has it also has.
    stands_in_for : tuple of StandIn
        What it can replace, with reservations.
    everywhere : bool
        Whether every department that treats has it.
    """

    title: str
    implies: tuple[str, ...] = ()
    stands_in_for: tuple[StandIn, ...] = ()
    everywhere: bool = False
    source: str
    status: Status
