"""The plan of a radioembolisation as what its reader sees: sentence, formulas, inputs and tables.

References
----------
[deWit2023]_, [Kao2013]_, [Chiesa2021]_, [Grosser2015]_ The formulas.
"""

from __future__ import annotations

from theradose.dose.tare.bsa import bsa_constants
from theradose.model.plan import Formula, Plan
from theradose.nuclides import Constant
from theradose.numbers import format_deviation, words
from theradose.plan.article56 import article56_constant, required_level
from theradose.plan.tare.checks import binding_limit, exceeded_at, planned_doses
from theradose.plan.tare.document import plan_details
from theradose.plan.tare.judgement import Judgement
from theradose.plan.tare.limits import LESION, LUNGS, NORMAL
from theradose.plan.tare.outcome import Outcome
from theradose.plan.tare.rows import plan_inputs
from theradose.plan.tare.tables import kind_words, plan_tables
from theradose.plan.therapies import require_therapy
from theradose.plan.wording import exact_words, interval_words, subject_words, with_interval
from theradose.uncertainty import Uncertain

_WHERE = (
    "A activity prepared, D dose, M mass, CF energy of complete decay in J/GBq, L lung shunt, R residual, r "
    "concentration over that of normal liver, T tumour, N normal liver"
)
_FORMULAS = {
    "mono": Formula("A = D·M / (CF·(1 − L)·(1 − R))", _WHERE, "deWit2023, with the residual", "verified"),
    "compartments": Formula(
        "A = D_T·(M_N + M_T·r) / (CF·r·(1 − L)·(1 − R)); D_N = D_T/r",
        _WHERE,
        "deWit2023, with the residual",
        "verified",
    ),
    "partition": Formula(
        "r = (A_T/A_N)·(M_N/M_T); A = D_T·(M_N + M_T·r) / (CF·r·(1 − L)·(1 − R))",
        _WHERE + "; A_T/A_N ratio of activities",
        "Kao2013, deWit2023",
        "verified",
    ),
    "voxel": Formula(
        "D_i = CF·A·(1 − L)·(1 − R)·c_i / Σ(c·m)",
        _WHERE + "; c counts of a voxel, m its mass, sum over the perfused volume",
        "Chiesa2021",
        "verified",
    ),
    "bsa": Formula(
        "A[GBq] = 0.20247·h^0.725·w^0.425 − 0.2 + V_T/V_liver, reduced for the lung shunt",
        "h height in m, w weight in kg, V volume",
        "rule for resin microspheres as in Grosser2015",
        "unverified",
    ),
}
_LUNG_FORMULA = Formula(
    "D_L = CF·A·(1 − R)·L / M_L", "M_L mass of both lungs", "deWit2023, with the residual", "verified"
)
_DELIVERED_FORMULA = Formula(
    "D = CF·Ã / M",
    "Ã activity in a region at the administration, by the verification; M its mass",
    "deWit2023, Chiesa2021",
    "verified",
)


def describe(found: Outcome) -> Plan:
    """Return the plan with its sentence, formulas, constants, inputs, tables and details.

    References
    ----------
    [deWit2023]_
    """
    inputs, spheres, judgement = found.request.inputs, found.spheres, found.judgement
    therapy = require_therapy(spheres.therapy)
    planned = "Activity to prepare" if found.activity_is_planned else "Stated activity"
    checks, regions = (found.checks, found.regions) if judgement is None else (found.judged, judgement.regions)
    level = required_level(therapy=therapy, prescribed="activity" if found.method == "bsa" else "absorbed-dose")
    return Plan(
        planner="tare",
        title=f"Radioembolisation with {spheres.title}, {inputs.intent}",
        summary=_summary(found) if judgement is None else _delivered_summary(found, judgement),
        activity_mbq=found.total_mbq if judgement is None else judgement.administered_mbq,
        activity_meaning=f"{planned}, at the time of administration" if judgement is None else "Administered activity",
        activity_notes=_vials(found) if judgement is None else (_beside_planned(judgement),),
        doses=planned_doses(checks, regions, one_compartment=found.sees_one_compartment),
        formulas=_formulas(found),
        constants=_constants(found),
        inputs=plan_inputs(found),
        findings=found.findings,
        tables=plan_tables(found),
        details=plan_details(found),
        subject=subject_words(therapy.title, inputs.patient.id, *(() if judgement is None else ("verification",))),
        level=level.statement,
        level_in_general=level.general,
    )


def _formulas(found: Outcome) -> tuple[Formula, ...]:
    if found.judgement is not None:
        return (_FORMULAS[found.method], _LUNG_FORMULA, _DELIVERED_FORMULA)
    return (*(_FORMULAS[name] for name in dict.fromkeys(other.method for other in found.alternatives)), _LUNG_FORMULA)


def _constants(found: Outcome) -> tuple[Constant, ...]:
    inputs, conversions, rule = found.request.inputs, found.spheres.conversions, found.method == "bsa"
    used = {inputs.conversion: None}
    if found.judgement is None:
        used |= dict.fromkeys(other.conversion for other in found.alternatives)
        rule = any(other.method == "bsa" for other in found.alternatives)
    return (
        *(conversions[name] for name in used),
        *found.lungs.constants,
        *(bsa_constants() if rule else ()),
        *(() if found.judgement is None else (article56_constant(name="activity_tolerance"),)),
    )


def _summary(found: Outcome) -> str:
    total, binding = found.total_mbq, binding_limit(found.checks)
    bound = "No limit is compared."
    if binding is not None and binding.activity_mbq is not None:
        limit = f"{binding.limit.value_gy:g} Gy to {words(binding.region.label)}"
        reached = f"at {with_interval(binding.activity_mbq, 'MBq')}"
        above = bool(exceeded_at(found.checks, total.value))
        bound = f"It is above a limit: {limit} are reached {reached}." if above else (
            f"The first limit, {limit}, is reached {reached}."
        )  # fmt: skip
    named = [region for region in found.regions if region.organ in (LESION, NORMAL, LUNGS)]
    doses = ", ".join(f"{words(region.label)} {with_interval(region.dose_gy, 'Gy')}" for region in named)
    vials = f" in vials of {' and '.join(_vials(found))}" if len(found.volumes) > 1 else ""
    return f"By '{found.method}', {_activity(total)}{vials} give {doses}. {bound}"


def _delivered_summary(found: Outcome, judgement: Judgement) -> str:
    named = [region for region in judgement.regions if region.organ in (LESION, NORMAL, LUNGS)]
    doses = ", ".join(f"{words(region.label)} {with_interval(region.dose_gy, 'Gy')}" for region in named)
    given = judgement.administered_mbq
    above = ", ".join(
        f"{words(check.region.label)} (limit {check.limit.value_gy:g} Gy)"
        for check in exceeded_at(found.judged, given.value)
    )
    limits = f"Above a limit: {above}." if above else "No best estimate is above a limit."
    return (
        f"Delivered, by {kind_words(judgement)}: {doses}. {limits} {_activity(given)} were administered, "
        f"{_beside_planned(judgement)}."
    )


def _beside_planned(judgement: Judgement) -> str:
    return f"planned {exact_words(judgement.planned_mbq)} MBq ({format_deviation(judgement.deviation.relative)})"


def _vials(found: Outcome) -> tuple[str, ...]:
    """Return the activity of each vial, where there are several."""
    if len(found.volumes) == 1:
        return ()
    names = (planned.volume.name for planned in found.volumes)
    return tuple(f"{name} {exact_words(found.needed_mbq[name].value)} MBq" for name in names)


def _activity(activity_mbq: Uncertain) -> str:
    known = f" ({interval_words(activity_mbq, 'MBq')})" if activity_mbq.contributions else ""
    return f"{exact_words(activity_mbq.value)} MBq{known}"
