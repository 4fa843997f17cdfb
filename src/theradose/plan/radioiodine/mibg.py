"""The planner ``mibg``: the second of two administrations of 131I-mIBG from the whole-body dose of the first.

References
----------
[Gear2020]_ Whole-body dose, and the rule for two administrations, as quoted.
"""

from __future__ import annotations

from dataclasses import dataclass

from theradose.dose.radioiodine.constants import NUCLIDE
from theradose.dose.radioiodine.whole_body import second_activity, whole_body_constants, whole_body_dose
from theradose.model.document import pair_document
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import Formula, Plan, PlanInput
from theradose.nuclides import load_nuclide
from theradose.numbers import format_number
from theradose.plan.article56 import required_level
from theradose.plan.body import check_body
from theradose.plan.inputs.mibg import MibgInput
from theradose.plan.limits import input_limit, limit_named
from theradose.plan.planners import planners
from theradose.plan.plausible import implausible_activity
from theradose.plan.probability import compare_with_limit
from theradose.plan.radioiodine.residence import (
    MeasuredResidence,
)
from theradose.plan.radioiodine.whole_body import StatedWholeBody, whole_body_residence
from theradose.plan.therapies import require_therapy
from theradose.plan.wording import stated_words, subject_words, with_interval
from theradose.quantify.whole_body import WHOLE_BODY
from theradose.uncertainty import ADMINISTERED_ACTIVITY, Uncertain
from theradose.units import MBQ_PER_GBQ

_NAME, _THERAPY = "mibg", "i131-mibg"
_LIMITS = {True: "whole-body-mibg-with-support", False: "whole-body-mibg-without-support"}
_FORMULAS = (
    Formula(
        "D = A τ S,  S = 1.34e-4 w^(−0.921)",
        "D dose to the whole body in Gy, A activity in MBq, τ residence time in h (T/ln 2 for a half-life T), S in "
        "Gy/(MBq·h), w weight in kg",
        "Gear2020: as quoted",
        "unverified",
    ),
    Formula(
        "A2 = A1 (D − D1)/D1",
        "A1, D1 activity and dose of the first administration, D dose of both",
        "Gear2020: as quoted",
        "unverified",
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class MibgRequest:
    """What the planner takes: the input, and what was fitted to the probe readings if it names them, h."""

    inputs: MibgInput
    whole_body: MeasuredResidence | None = None


@planners.register(
    _NAME,
    summary="Second activity of 131I-mIBG for a total dose to the whole body",
    citation="Gear2020",
)
def plan_mibg(request: MibgRequest) -> Plan:
    """Return the second activity for a total dose to the whole body; none if the first one gave all of it.

    Raises
    ------
    PlanError
        For values that physics excludes.

    References
    ----------
    [Gear2020]_
    """
    given = request.inputs
    check_body(weight_kg=given.weight.value)
    residence, stated = whole_body_residence(
        StatedWholeBody(given.whole_body_residence, given.whole_body_half_life, measured=request.whole_body)
    )
    first = given.activity.from_source(ADMINISTERED_ACTIVITY)
    weight = given.weight.from_source("weight")
    first_dose = whole_body_dose(activity_mbq=first, residence_h=residence, weight_kg=weight)
    limit = _limit(given)
    total_gy = limit.value_gy if given.total_dose is None else given.total_dose
    reached = first_dose.value >= total_gy
    second = (
        None if reached else second_activity(first_activity_mbq=first, first_dose_gy=first_dose, total_dose_gy=total_gy)
    )
    # One activity meter: what it is wrong by is the same part of both activities.
    both = first if second is None else first * (1 + second.value / first.value)
    doses = (
        compare_with_limit(target=WHOLE_BODY, dose_gy=first_dose, limit=None, basis="first administration, measured"),
        compare_with_limit(
            target=WHOLE_BODY,
            dose_gy=whole_body_dose(activity_mbq=both, residence_h=residence, weight_kg=weight),
            limit=limit,
            basis="course of 1 administration" if second is None else "course of 2 administrations, assumed: second",
        ),
    )
    constants = whole_body_constants()
    therapy = require_therapy(_THERAPY)
    level = required_level(therapy=therapy, child=given.child, prescribed="absorbed-dose")
    return Plan(
        planner=_NAME,
        title="131I-mIBG in two administrations",
        summary=_summary(first_dose, second, total_gy),
        activity_mbq=second,
        activity_meaning="Activity of the second administration",
        doses=doses,
        formulas=_FORMULAS,
        constants=(*constants, load_nuclide(NUCLIDE).half_life_h),
        inputs=(
            PlanInput("weight", stated_words(given.weight, "kg")),
            PlanInput("first activity", stated_words(given.activity, "GBq", inside="MBq")),
            *_per_weight(first, second, given.weight.value),
            stated,
            *_goal_inputs(given),
        ),
        findings=(
            *(() if request.whole_body is None else request.whole_body.findings),
            *_findings(first, first_dose, second, total_gy),
            *implausible_activity(name="first activity", activity_mbq=first.value),
            *(() if second is None else implausible_activity(name="second activity", activity_mbq=second.value)),
        ),
        details={
            "first_activity_per_weight_mbq_kg": first.value / weight.value,
            "first_dose_gy": pair_document(first_dose),
            "total_dose_gy": total_gy,
            "whole_body_residence_h": pair_document(residence),
            "whole_body_tia_mbq_h": pair_document(first * residence),
        },
        subject=subject_words(therapy.title, given.patient.id),
        curves=() if request.whole_body is None else request.whole_body.curves,
        level=level.statement,
        level_in_general=level.general,
    )


def _per_weight(first: Uncertain, second: Uncertain | None, weight_kg: float) -> tuple[PlanInput, ...]:
    named = {"first": first, "second": second}
    return tuple(
        PlanInput(f"{name} activity per weight", f"{format_number(activity.value / weight_kg)} MBq/kg", "computed")
        for name, activity in named.items()
        if activity is not None
    )


def _limit(given: MibgInput) -> Limit:
    """Return what the sum is compared with: the published dose for the stem-cell support, or the stated total."""
    if given.stem_cell_support is not None:
        return limit_named(_LIMITS[given.stem_cell_support])
    assert given.total_dose is not None
    return input_limit(organ=WHOLE_BODY, kind="limit", value_gy=given.total_dose, span="course", therapy=_THERAPY)


def _goal_inputs(given: MibgInput) -> tuple[PlanInput, ...]:
    items = []
    if given.total_dose is not None:
        items.append(PlanInput("total dose", f"{given.total_dose:g} Gy"))
    if given.stem_cell_support is not None:
        items.append(PlanInput("stem-cell support", "yes" if given.stem_cell_support else "no"))
    return tuple(items)


def _summary(first_dose: Uncertain, second: Uncertain | None, total_gy: float) -> str:
    measured = f"the first administration gave the whole body {with_interval(first_dose, 'Gy')}"
    if second is None:
        return f"No second activity: {measured}, all of the {total_gy:g} Gy."
    return f"A second activity of {with_interval(second / MBQ_PER_GBQ, 'GBq')} for {total_gy:g} Gy in all; {measured}."


def _findings(
    first: Uncertain, first_dose: Uncertain, second: Uncertain | None, total_gy: float
) -> tuple[Finding, ...]:
    if second is None:
        message = f"The first administration gave {format_number(first_dose.value)} Gy of the {total_gy:g} Gy for both."
        return (Finding("total-dose-reached", "critical", message, WHOLE_BODY),)
    message = (
        "The second administration is taken to stay in the body as long as the first did, of which it is "
        f"{format_number(second.value / first.value)} times the activity."
    )
    even = (
        f"With this activity the whole body gets more than {total_gy:g} Gy as probably as less: the interval of the "
        "dose says by how much."
    )
    return (
        Finding("second-kinetics-assumed", "info", message, WHOLE_BODY),
        Finding("limit-at-best-estimate", "warning", even, WHOLE_BODY),
    )
