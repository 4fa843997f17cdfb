"""What a planner returns: an activity, the doses that it gives, and everything that these rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from theradose.model.curve import TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.limit import DoseQuantity, Limit
from theradose.model.protocol import Statement
from theradose.nuclides import Constant
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class PlannedDose:
    """The dose that a plan gives to an organ or a target.

    Attributes
    ----------
    target : str
        Region, compartment or lesion.
    dose_gy : Uncertain
        With all stated sources.
    quantity : {"absorbed-dose", "BED", "EQD2"}
        What the number is.
    limit : Limit or None
        What it is compared with.
    p_exceed : float or None
        Probability that the true dose is above the limit (for a target: above the target dose); ``None`` without a
        limit or without a stated uncertainty.
    basis : str
        What the dose counts (``this administration``, ``course of 4 cycles``, ``assumed: cycle 2``).
    of_mean : bool
        Whether the dose is the mean of published patients and its uncertainty their standard deviation; otherwise it is
        the best estimate for this patient, the median.
    """

    target: str
    dose_gy: Uncertain
    quantity: DoseQuantity = "absorbed-dose"
    limit: Limit | None = None
    p_exceed: float | None = None
    basis: str = ""
    of_mean: bool = False


@dataclass(frozen=True, slots=True)
class Formula:
    """An equation in plain text with its source; `text` uses the symbols of the source, spelled out in `where`."""

    text: str
    where: str
    source: str
    status: str


@dataclass(frozen=True, slots=True)
class PlanInput:
    """A stated input as the reader of a plan sees it, with where it comes from."""

    label: str
    value: str
    source: str = "stated"


@dataclass(frozen=True, slots=True)
class PlanTable:
    """A further table of a plan, as text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PlanCurve:
    """A fitted curve with its heading and the unit of what was measured, as ``MBq`` or ``MBq/L``."""

    title: str
    unit: str
    tia: TimeIntegratedActivity


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A plan.

    Attributes
    ----------
    planner : str
        Name in the registry ``planners``.
    title : str
        What is planned, for the page.
    summary : str
        The result in one sentence with its interval; it is no recommendation.
    activity_mbq : Uncertain or None
        Activity to administer, at the time of administration; ``None`` where no activity is asked for or none is safe.
    doses : tuple of PlannedDose
        At that activity.
    formulas : tuple of Formula
        What was computed.
    constants : tuple of Constant
        Every constant with source and status.
    inputs : tuple of PlanInput
        What was stated.
    tables : tuple of PlanTable
        Compartments, cycles, alternatives.
    details : mapping
        JSON-compatible values of the planner's own, documented in ``docs/formats/plan.md``.
    findings : tuple of Finding
        What limits the plan.
    subject : str
        Whose plan it is, for the page: therapy, patient, cycle.
    activity_meaning : str
        What `activity_mbq` is: to administer, or administered.
    activity_notes : tuple of str
        What belongs beside that number: the activity of each vial, what was planned.
    accepted_probability : float or None
        Probability, asked for, that a limit is exceeded at `activity_mbq`, which is then a decision and no estimate: it
        has no uncertainty of its own.
    level, level_in_general : Statement or None
        Level of Article 56 of this very plan, and what the source says of the therapy, which stands as a footnote.
    curves : tuple of PlanCurve
        What was fitted to measurements, for the page.
    """

    planner: str
    title: str
    summary: str
    activity_mbq: Uncertain | None
    doses: tuple[PlannedDose, ...]
    formulas: tuple[Formula, ...]
    constants: tuple[Constant, ...]
    inputs: tuple[PlanInput, ...]
    findings: tuple[Finding, ...]
    tables: tuple[PlanTable, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    subject: str = ""
    activity_meaning: str = "Activity to administer"
    activity_notes: tuple[str, ...] = ()
    accepted_probability: float | None = None
    level: Statement | None = None
    level_in_general: Statement | None = None
    curves: tuple[PlanCurve, ...] = ()
