"""The planner ``thyroid``: activity of 131I for a target dose in benign thyroid disease.

References
----------
[Haenscheid2013]_ Dose, uptake and activity, as quoted.
[Stokkel2010]_ Target doses, as quoted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from theradose.dose.radioiodine.constants import NUCLIDE
from theradose.dose.radioiodine.thyroid import (
    ENERGY_CHOICES,
    EnergyChoice,
    ThyroidEnergy,
    thyroid_activity,
    thyroid_dose,
    thyroid_energy,
)
from theradose.model.document import pair_document
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import Formula, Plan, PlanInput, PlannedDose, PlanTable
from theradose.nuclides import load_nuclide
from theradose.numbers import format_given, format_number
from theradose.plan.article56 import required_level
from theradose.plan.inputs.thyroid import ThyroidInput
from theradose.plan.limits import input_limit, limit_named, limits_for
from theradose.plan.planners import planners
from theradose.plan.plausible import implausible_activity
from theradose.plan.probability import compare_with_limit
from theradose.plan.radioiodine.uptake import H_PER_D, ThyroidRequest, uptake_of
from theradose.plan.therapies import require_therapy
from theradose.plan.wording import stated_words, subject_words, with_interval, with_u
from theradose.quantify.thyroid import THYROID
from theradose.uncertainty import ADMINISTERED_ACTIVITY, Uncertain

_NAME, _THERAPY = "thyroid", "i131-benign-thyroid"
_FORMULA = Formula(
    "D = E ∫RIU dt · A/M,  A = M D/(E ∫RIU dt)",
    "D dose in Gy, A activity in MBq, M mass in g, E energy in Gy·g/(MBq·d), RIU uptake with physical decay, t in d",
    "Haenscheid2013: as quoted",
    "unverified",
)


@dataclass(frozen=True, slots=True, eq=False)
class _Gland:
    """A thyroid whose dose and activity are asked for with different constants."""

    residence_h: Uncertain
    mass_g: Uncertain

    def energy(self, choice: EnergyChoice) -> ThyroidEnergy:
        return thyroid_energy(choice=choice, mass_g=self.mass_g.value)

    def dose(self, activity_mbq: Uncertain | float, choice: EnergyChoice) -> Uncertain:
        return thyroid_dose(
            activity_mbq=activity_mbq,
            residence_h=self.residence_h,
            mass_g=self.mass_g,
            energy=self.energy(choice),
        )

    def activity(self, dose_gy: float, choice: EnergyChoice) -> Uncertain:
        return thyroid_activity(
            dose_gy=dose_gy, residence_h=self.residence_h, mass_g=self.mass_g, energy=self.energy(choice)
        )


@planners.register(
    _NAME,
    summary="Activity of 131I for a target dose to the thyroid in benign disease",
    citation="Haenscheid2013",
)
def plan_thyroid(request: ThyroidRequest) -> Plan:
    """Return the activity for a target dose, and the dose of a stated activity.

    Raises
    ------
    PlanError
        For values that physics excludes.

    References
    ----------
    [Haenscheid2013]_, [Stokkel2010]_
    """
    given, uptake = request.inputs, uptake_of(request)
    gland = _Gland(uptake.residence_h, given.mass.from_source(f"mass:{THYROID}"))
    energy = gland.energy(given.energy)
    target, aimed = _target(given)
    planned = None if target is None else gland.activity(target.value_gy, given.energy)
    stated = None if given.activity is None else given.activity.from_source(ADMINISTERED_ACTIVITY)
    doses = [
        compare_with_limit(target=THYROID, dose_gy=gland.dose(activity, given.energy), limit=target, basis=basis)
        for activity, basis in (
            (None if planned is None else planned.value, "this administration, activity for the target dose"),
            (stated, "this administration, stated activity"),
        )
        if activity is not None
    ]
    therapy = require_therapy(_THERAPY)
    level = required_level(therapy=therapy, prescribed="absorbed-dose")
    return Plan(
        planner=_NAME,
        title="Radioiodine therapy of benign thyroid disease",
        summary=_summary(gland, target, planned, stated, doses),
        activity_mbq=planned or stated,
        activity_meaning="Stated activity" if planned is None else "Activity for the target dose",
        doses=tuple(doses),
        formulas=(_FORMULA, uptake.formula),
        constants=(*energy.constants, load_nuclide(NUCLIDE).half_life_h),
        inputs=(PlanInput("mass of the thyroid", stated_words(given.mass, "g")), *uptake.inputs, *_goal_inputs(given)),
        findings=(
            *uptake.findings,
            *aimed,
            *(() if planned is None else implausible_activity(name="planned activity", activity_mbq=planned.value)),
            *(() if stated is None else implausible_activity(name="stated activity", activity_mbq=stated.value)),
        ),
        tables=(_energy_table(gland, target, stated), *_target_table(gland, given)),
        details={
            "residence_h": pair_document(uptake.residence_h),
            "energy": energy.choice,
            "energy_gy_g_per_mbq_d": energy.gy_g_per_mbq_d,
            "marinelli_constant": 100 * math.log(2) / energy.gy_g_per_mbq_d,
            "target_gy": None if target is None else target.value_gy,
        },
        subject=subject_words(therapy.title, given.patient.id),
        curves=uptake.curves,
        level=level.statement,
        level_in_general=level.general,
    )


def _summary(
    gland: _Gland,
    target: Limit | None,
    planned: Uncertain | None,
    stated: Uncertain | None,
    doses: list[PlannedDose],
) -> str:
    days = gland.residence_h.value / H_PER_D
    about = f"a thyroid of {format_given(gland.mass_g.value)} g whose uptake has the integral {format_number(days)} d"
    if planned is not None and target is not None:
        return f"{with_interval(planned, 'MBq')} for {target.value_gy:g} Gy to {about}."
    activity = 0.0 if stated is None else stated.value
    return f"{format_given(activity)} MBq give {with_interval(doses[-1].dose_gy, 'Gy')} to {about}."


def _goal_inputs(given: ThyroidInput) -> tuple[PlanInput, ...]:
    items = [PlanInput("energy constant", given.energy)]
    if given.target_dose is not None:
        items.append(PlanInput("target dose", f"{given.target_dose:g} Gy"))
    if given.disease is not None:
        items.append(PlanInput("disease", given.disease))
    if given.activity is not None:
        items.append(PlanInput("stated activity", stated_words(given.activity, "MBq")))
    return tuple(items)


def _target(given: ThyroidInput) -> tuple[Limit | None, tuple[Finding, ...]]:
    """Return the target; of a disease alone the middle of its range."""
    target = None
    if given.target_dose is not None:
        target = input_limit(
            organ=THYROID, kind="target", value_gy=given.target_dose, span="administration", therapy=_THERAPY
        )
    if given.disease is None:
        return target, () if target is None else _unusual(target.value_gy)
    published = limit_named(f"thyroid-{given.disease}")
    lowest, highest = published.range_gy or (published.value_gy, published.value_gy)
    words = f"{lowest:g} to {highest:g} Gy for {published.condition} ({published.source})"
    if given.target_dose is None:
        middle = (lowest + highest) / 2
        message = f"No target dose is stated: the plan takes {middle:g} Gy, the middle of the {words}; state yours."
        return published.model_copy(update={"value_gy": middle}), (
            Finding("target-from-range", "warning", message, THYROID),
        )
    if lowest <= given.target_dose <= highest:
        return target, ()
    message = f"The target of {given.target_dose:g} Gy is outside the {words}."
    return target, (Finding("target-outside-range", "warning", message, THYROID),)


def _unusual(target_gy: float) -> tuple[Finding, ...]:
    """Return ``target-outside-range`` for a dose beyond the ranges of all diseases, where none is named."""
    ends = [end for limit in limits_for(organ=THYROID, therapy=_THERAPY, kind="target") for end in limit.range_gy or ()]
    if not ends or min(ends) <= target_gy <= max(ends):
        return ()
    message = (
        f"The target of {target_gy:g} Gy is outside the published ones of all benign diseases, {min(ends):g} to "
        f"{max(ends):g} Gy."
    )
    return (Finding("target-outside-range", "warning", message, THYROID),)


def _energy_table(gland: _Gland, target: Limit | None, stated: Uncertain | None) -> PlanTable:
    """Return what the other constants give."""
    rows = []
    for choice in ENERGY_CHOICES:
        energy = gland.energy(choice)
        result = (
            with_u(gland.activity(target.value_gy, choice), "MBq")
            if target is not None
            else with_u(gland.dose(stated or 0.0, choice), "Gy")
        )
        status = "unverified" if any(item.status == "unverified" for item in energy.constants) else "verified"
        rows.append((choice, format_number(energy.gy_g_per_mbq_d, digits=4), result, status))
    return PlanTable(
        "By energy constant", ("constant", "E, Gy·g/(MBq·d)", "result", "status"), tuple(rows),
        ("olinda is the reference man's thyroid of 20 g, sphere the patient's mass",),
    )  # fmt: skip


def _target_table(gland: _Gland, given: ThyroidInput) -> tuple[PlanTable, ...]:
    """Return the activities for the ends of the range of a disease."""
    if given.disease is None:
        return ()
    published = limit_named(f"thyroid-{given.disease}")
    rows = tuple(
        (f"{dose_gy:g} Gy", with_u(gland.activity(dose_gy, given.energy), "MBq"))
        for dose_gy in published.range_gy or ()
    )
    title = f"Range of target doses: {published.condition}"
    return (PlanTable(title, ("target dose", "activity"), rows, (published.source,)),)
