"""The planner ``dtc``: the activity of 131I that keeps the dose to blood below its limit.

References
----------
[Lassmann2008]_ Dose to blood and the limit of 2 Gy.
[Haenscheid2009]_ The same from a single measurement of the whole body.
"""

from __future__ import annotations

from collections.abc import Mapping

from theradose.data import load_yaml
from theradose.dose.radioiodine.blood import BloodDose, activity_for_blood_dose, blood_dose
from theradose.dose.radioiodine.constants import NUCLIDE
from theradose.dose.radioiodine.whole_body import whole_body_constants, whole_body_dose
from theradose.errors import PlanError
from theradose.model.document import pair_document
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import Formula, Plan, PlanInput, PlannedDose, PlanTable
from theradose.nuclides import load_nuclide
from theradose.numbers import format_given_percent, format_number, format_percent
from theradose.plan.article56 import required_level
from theradose.plan.body import check_body
from theradose.plan.inputs.dtc import DtcInput
from theradose.plan.limits import input_limit, limit_named
from theradose.plan.planners import planners
from theradose.plan.plausible import implausible_activity
from theradose.plan.probability import compare_with_limit, upper_factor
from theradose.plan.radioiodine.blood import BLOOD, DtcRequest, blood_of
from theradose.plan.reference_ranges import plausibility_findings
from theradose.plan.therapies import require_therapy
from theradose.plan.wording import activity_words, stated_words, subject_words, with_interval, with_u
from theradose.quantify.whole_body import WHOLE_BODY
from theradose.uncertainty import ADMINISTERED_ACTIVITY, Uncertain
from theradose.units import MBQ_PER_GBQ

_NAME, _THERAPY, _LIMIT = "dtc", "i131-dtc", "blood-radioiodine"
_FORMULAS = (
    Formula(
        "D/A = 108 τ_mL + 0.0188 τ_wb/w^(2/3),  A_max = D_max/(D/A)",
        "D dose to blood in Gy, A activity in GBq, τ_mL residence time in 1 mL of blood in h/mL, τ_wb that of the "
        "whole body in h, w weight in kg",
        "Lassmann2008: as quoted",
        "unverified",
    ),
    Formula(
        "D_wb = A τ_wb S,  S = 1.34e-4 w^(−0.921)",
        "S dose to the whole body in Gy/(MBq·h), A in MBq, τ_wb in h, w weight in kg",
        "Gear2020: as quoted",
        "unverified",
    ),
)
_OTHER_RESTRICTIONS = Finding(
    "other-restrictions",
    "warning",
    "This activity is limited by the dose to blood alone. The program does not consider what else may limit it, "
    "as the activity that stays in lungs with metastases, the salivary glands, renal function, earlier therapies or "
    "the rules for release from the ward.",
)
_SINGLE = Formula(
    "τ_mL = 0.14 τ_wb/V", "V volume of blood in mL", "Haenscheid2009: abstract", "verified"
)  # fmt: skip


@planners.register(
    _NAME,
    summary="Activity of 131I that keeps the dose to blood below its limit in differentiated thyroid cancer",
    citation="Lassmann2008",
)
def plan_dtc(request: DtcRequest) -> Plan:
    """Return the highest activity within the limit, and the doses at it or at a stated activity.

    Raises
    ------
    PlanError
        For values that physics excludes.

    References
    ----------
    [Lassmann2008]_, [Haenscheid2009]_
    """
    given = request.inputs
    check_body(
        weight_kg=given.weight.value,
        blood_volume_ml=None if given.blood_volume is None else given.blood_volume.value,
    )
    blood = blood_of(request)
    limit = _limit(given)
    even = activity_for_blood_dose(dose_gy=limit.value_gy, per_activity=blood.dose)
    planned, cautioned = _within(even, given)
    stated = None if given.activity is None else given.activity.from_source(ADMINISTERED_ACTIVITY)
    activity = Uncertain(planned.value) if stated is None else stated
    whole_body_gy = whole_body_dose(
        activity_mbq=activity,
        residence_h=blood.whole_body_residence_h,
        weight_kg=given.weight.from_source("weight"),
    )
    per_gbq = {BLOOD: blood.dose.total.value, WHOLE_BODY: whole_body_gy.value * MBQ_PER_GBQ / activity.value}
    doses = (
        compare_with_limit(
            target=BLOOD,
            dose_gy=blood_dose(activity_mbq=activity, per_activity=blood.dose),
            limit=limit,
            basis="this administration, " + ("planned activity" if stated is None else "stated activity"),
        ),
        compare_with_limit(
            target=WHOLE_BODY,
            dose_gy=whole_body_gy,
            limit=None,
            basis="this administration",
        ),
        *_cumulative(given, blood.dose, activity),
    )
    constants = (*blood.dose.constants, *whole_body_constants())
    therapy = require_therapy(_THERAPY)
    level = required_level(therapy=therapy, prescribed="absorbed-dose")
    per_weight = planned.value / given.weight.value
    return Plan(
        planner=_NAME,
        title="Radioiodine therapy of differentiated thyroid cancer",
        summary=_summary(planned, even, limit, blood.dose, given),
        activity_mbq=planned,
        activity_meaning="Highest activity within the limit of the blood",
        accepted_probability=given.accepted_probability,
        doses=doses,
        formulas=(*_FORMULAS, *((_SINGLE,) if given.method == "single-measurement" else ())),
        constants=(*constants, load_nuclide(NUCLIDE).half_life_h),
        inputs=(
            PlanInput("weight", stated_words(given.weight, "kg")),
            *blood.inputs,
            *_goal_inputs(given),
            PlanInput("activity per weight", f"{format_number(per_weight)} MBq/kg", "computed"),
        ),
        findings=(
            *blood.findings,
            *_implausible(per_gbq),
            *cautioned,
            *implausible_activity(name="planned activity", activity_mbq=planned.value),
            *(() if stated is None else implausible_activity(name="stated activity", activity_mbq=stated.value)),
            *_course_findings(given),
            _OTHER_RESTRICTIONS,
        ),
        tables=(*_exceedance_table(even), *_course_table(given, blood.dose, activity)),
        details={
            "dose_per_activity_gy_gbq": pair_document(blood.dose.total),
            "electron_share": blood.dose.electron_share,
            "whole_body_residence_h": pair_document(blood.whole_body_residence_h),
            "blood_residence_h": None if blood.blood_residence_h is None else pair_document(blood.blood_residence_h),
            "blood_residence_h_per_l": (
                None if blood.blood_residence_h_per_l is None else pair_document(blood.blood_residence_h_per_l)
            ),
            "activity_per_weight_mbq_kg": per_weight,
            "method": given.method,
            "limit_activity_mbq": pair_document(even),
        },
        subject=subject_words(therapy.title, given.patient.id),
        curves=tuple(
            curve
            for measured in (request.whole_body, request.blood)
            if measured is not None
            for curve in measured.curves
        ),
        level=level.statement,
        level_in_general=level.general,
    )


def _implausible(per_gbq: Mapping[str, float]) -> tuple[Finding, ...]:
    return tuple(
        finding
        for organ, dose in per_gbq.items()
        for finding in plausibility_findings(therapy=_THERAPY, organ=organ, dose_per_activity_gy_gbq=dose)
    )


def _limit(given: DtcInput) -> Limit:
    if given.blood_limit is None:
        return limit_named(_LIMIT)
    return input_limit(organ=BLOOD, kind="limit", value_gy=given.blood_limit, span="administration", therapy=_THERAPY)


def _within(even: Uncertain, given: DtcInput) -> tuple[Uncertain, tuple[Finding, ...]]:
    """Return the highest activity, lower than that of the best estimate where a probability is asked for."""
    if given.accepted_probability is not None:
        if not even.contributions:
            raise PlanError(
                "An activity that exceeds the limit with a stated probability needs uncertainties: state 'u' of the "
                "residence times, as in '{value: 31 h, u: 10 %}'.",
                code="probability-without-u",
            )
        return Uncertain(even.value / upper_factor(even.relative_u, given.accepted_probability)), ()
    if given.activity is not None:
        return even, ()
    message = (
        "At this activity the dose to blood is above the limit as probably as below: state 'accepted_probability' for "
        "one that is above it with that probability only."
    )
    return even, (Finding("limit-at-best-estimate", "warning", message, BLOOD),)


def _summary(planned: Uncertain, even: Uncertain, limit: Limit, dose: BloodDose, given: DtcInput) -> str:
    best = (
        f"{with_interval(even / MBQ_PER_GBQ, 'GBq')} give the blood {limit.value_gy:g} Gy, at "
        f"{format_number(dose.total.value)} Gy/GBq, {format_percent(dose.electron_share)} of it from electrons."
    )
    if given.accepted_probability is None:
        return best
    kept = f"{activity_words(planned.value)} keep the dose to blood within {limit.value_gy:g} Gy"
    return f"{kept} with a probability of {format_given_percent(1 - given.accepted_probability)}; {best}"


def _goal_inputs(given: DtcInput) -> tuple[PlanInput, ...]:
    items = [PlanInput("method", given.method)]
    if given.activity is not None:
        items.append(PlanInput("stated activity", stated_words(given.activity, "GBq", inside="MBq")))
    if given.accepted_probability is not None:
        items.append(
            PlanInput("accepted probability of exceeding the limit", format_given_percent(given.accepted_probability))
        )
    return tuple(items)


def _exceedance_table(even: Uncertain) -> tuple[PlanTable, ...]:
    """Return by how much less keeps the dose below the limit more probably; nothing without a stated uncertainty."""
    if not even.contributions:
        return ()
    levels = load_yaml("radioiodine.yaml")["exceedance-levels"]["value"]
    rows = tuple(
        (format_given_percent(level), activity_words(even.value / upper_factor(even.relative_u, level)))
        for level in levels
    )
    return (PlanTable("Activity by probability of exceeding the limit", ("probability", "activity"), rows),)


def _course(given: DtcInput, dose: BloodDose) -> list[tuple[float, Uncertain, bool]]:
    """Return activity, dose and whether it is assumed, of each earlier administration."""
    course = []
    for ordinal, earlier in enumerate(given.previous, start=1):
        activity = earlier.activity.from_source(ADMINISTERED_ACTIVITY)
        assumed = earlier.blood_dose is None
        blood = (
            blood_dose(activity_mbq=activity, per_activity=dose)
            if earlier.blood_dose is None
            else earlier.blood_dose.from_source(f"dose:administration-{ordinal}")
        )
        course.append((activity.value, blood, assumed))
    return course


def _cumulative(given: DtcInput, dose: BloodDose, activity: Uncertain) -> tuple[PlannedDose, ...]:
    course = _course(given, dose)
    if not course:
        return ()
    total = blood_dose(activity_mbq=activity, per_activity=dose)
    for _, earlier, _ in course:
        total = total + earlier
    assumed = sum(item[2] for item in course)
    basis = f"course of {len(course) + 1} administrations" + (f", assumed in {assumed}" if assumed else "")
    return (PlannedDose(BLOOD, total, basis=basis),)


def _course_findings(given: DtcInput) -> tuple[Finding, ...]:
    assumed = [str(ordinal) for ordinal, item in enumerate(given.previous, start=1) if item.blood_dose is None]
    if not assumed:
        return ()
    message = (
        f"The blood dose of earlier administration {', '.join(assumed)} is assumed from the dose per activity of this "
        "plan: state 'blood_dose' where it was measured."
    )
    return (Finding("course-dose-assumed", "warning", message, BLOOD),)


def _course_table(given: DtcInput, dose: BloodDose, activity: Uncertain) -> tuple[PlanTable, ...]:
    course = _course(given, dose)
    if not course:
        return ()
    this = (activity.value, blood_dose(activity_mbq=activity, per_activity=dose), False)
    rows = []
    for ordinal, (given_mbq, blood, assumed) in enumerate((*course, this), start=1):
        name = f"{ordinal}" if ordinal <= len(course) else f"{ordinal} (planned)"
        rows.append((name, activity_words(given_mbq), with_u(blood, "Gy"), "assumed" if assumed else ""))
    return (PlanTable("Sequence of administrations", ("administration", "activity", "blood", ""), tuple(rows)),)
