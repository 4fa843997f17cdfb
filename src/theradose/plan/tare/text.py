"""The plan of a radioembolisation as what its reader sees: sentence, formulas, inputs and tables.

References
----------
[deWit2023]_, [Kao2013]_, [Chiesa2021]_, [Grosser2015]_ The formulas.
"""

from __future__ import annotations

from collections.abc import Sequence

from theradose.dose.tare.bsa import bsa_constants
from theradose.model.plan import Formula, Plan, PlanInput, PlanTable
from theradose.nuclides import Constant
from theradose.numbers import UNKNOWN, format_number, words
from theradose.plan.article56 import required_level
from theradose.plan.tare.checks import LimitCheck, binding_limit, planned_doses
from theradose.plan.tare.document import plan_details
from theradose.plan.tare.images import dvh_table
from theradose.plan.tare.limits import LESION, LUNGS, NORMAL
from theradose.plan.tare.outcome import Outcome
from theradose.plan.tare.verification import verification_table
from theradose.plan.therapies import require_therapy
from theradose.plan.wording import stated_words, subject_words, with_interval, with_u

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


def describe(found: Outcome) -> Plan:
    """Return the plan with its sentence, formulas, constants, inputs, tables and details.

    References
    ----------
    [deWit2023]_
    """
    inputs, spheres = found.request.inputs, found.spheres
    therapy = require_therapy(spheres.therapy)
    methods = dict.fromkeys(other.method for other in found.alternatives)
    level = required_level(therapy=therapy, prescribed="activity" if inputs.method == "bsa" else "absorbed-dose")
    return Plan(
        planner="tare",
        title=f"Radioembolisation with {spheres.title}, {inputs.intent}",
        summary=_summary(found),
        activity_mbq=found.total_mbq,
        activity_meaning="Activity to prepare" if found.activity_is_planned else "Stated activity",
        doses=planned_doses(found.checks, found.regions, one_compartment=found.sees_one_compartment),
        formulas=(*(_FORMULAS[name] for name in methods), _LUNG_FORMULA),
        constants=_constants(found),
        inputs=_inputs(found),
        findings=found.findings,
        tables=_tables(found),
        details=plan_details(found),
        subject=subject_words(therapy.title, inputs.patient.id),
        level=level.statement,
        level_in_general=level.general,
    )


def _constants(found: Outcome) -> tuple[Constant, ...]:
    used = dict.fromkeys((found.request.inputs.conversion, *(other.conversion for other in found.alternatives)))
    rule = any(other.method == "bsa" for other in found.alternatives)
    conversions = (found.spheres.conversion(name) for name in used)
    return (*conversions, *found.lungs.constants, *(bsa_constants() if rule else ()))


def _summary(found: Outcome) -> str:
    bound, binding, total = "No limit binds.", binding_limit(found.checks), found.total_mbq
    if binding is not None and binding.activity_mbq is not None:
        bound = (
            f"What binds is {binding.limit.value_gy:g} Gy to {words(binding.region.label)}, at "
            f"{with_interval(binding.activity_mbq, 'MBq')}."
        )
    named = [region for region in found.regions if region.organ in (LESION, NORMAL, LUNGS)]
    doses = ", ".join(f"{words(region.label)} {with_interval(region.dose_gy, 'Gy')}" for region in named)
    activity = with_interval(total, "MBq") if total.contributions else with_u(total, "MBq")
    return f"By '{found.method}', {activity} give {doses}. {bound}"


def _inputs(found: Outcome) -> tuple[PlanInput, ...]:
    """Return what was stated, as rows."""
    inputs = found.request.inputs
    rows = [
        PlanInput("product", found.spheres.title),
        PlanInput("intent", inputs.intent + (", growth of the other lobe wanted" if inputs.lobectomy else "")),
        PlanInput("disease", inputs.disease or "not stated"),
        PlanInput("liver function", inputs.liver_function),
        PlanInput("pre-treated", "yes" if inputs.pretreated else "no"),
        PlanInput("conversion", inputs.conversion),
        PlanInput("scout image stands for the treatment", "yes" if inputs.scout_representative else "no"),
    ]
    if inputs.bilirubin is not None:
        rows.append(PlanInput("total bilirubin", stated_words(inputs.bilirubin, "mg/dL")))
    if inputs.target is not None:
        rows.append(PlanInput(f"target, {inputs.target.compartment}", f"{inputs.target.dose:g} Gy"))
    if inputs.activity is not None:
        rows.append(PlanInput("activity", f"{inputs.activity:g} MBq"))
    for planned in found.volumes:
        volume, item = planned.volume, planned.stated
        from_image = "scout image" if planned.voxels else "stated"
        for part in volume.compartments:
            ratio = part.ratio.value
            text = f"{with_u(part.mass_g, 'g')}, concentration ratio {with_u(ratio)}"
            rows.append(PlanInput(part.name, text, from_image))
        where = [item.catheter, {"ct": "volume from CT", "cone-beam-ct": "volume from cone-beam CT"}.get(
            item.volume_from or "", "")]  # fmt: skip
        if any(where):
            rows.append(PlanInput(f"catheter, {volume.name}", ", ".join(text for text in where if text)))
        rows.append(PlanInput(f"lung shunt, {volume.name}", with_u(volume.shunt * 100.0, "%")))
        rows.append(PlanInput(f"residual, {volume.name}", with_u(volume.residual * 100.0, "%")))
    rows.append(PlanInput("mass of the lungs", with_u(found.lungs.mass_g, "g"), found.lungs.source))
    return tuple(rows)


def _tables(found: Outcome) -> tuple[PlanTable, ...]:
    named = [region for region in found.regions if region.organ in (LESION, NORMAL, LUNGS)]
    rows = tuple(
        (
            f"{other.method}, {other.conversion}" if other.method != "bsa" else other.method,
            with_u(other.activity_mbq, "MBq"),
            *(
                format_number(region.dose_gy.value * other.activity_mbq.value / found.total_mbq.value)
                for region in named
            ),
        )
        for other in found.alternatives
    )
    columns = ("method, conversion", "activity", *(f"{words(region.label)}, Gy" for region in named))
    note = "Doses are those of this plan's compartments and conversion at that activity."
    tables = [_limits_table(found.checks), PlanTable("Activity by other methods", columns, rows, (note,))]
    if len(found.volumes) > 1:
        tables.insert(0, _volumes_table(found))
    if found.voxels:
        tables.append(dvh_table(found.voxels, "Voxels at the planned activity"))
    verification = found.request.inputs.verification
    if found.delivered and verification is not None:
        tables.append(verification_table(found.delivered, verification.kind))
        measured = [item.voxels for item in found.delivered if item.voxels is not None]
        tables += [dvh_table(measured, "Voxels as delivered")] if measured else []
    return tuple(tables)


def _limits_table(checks: Sequence[LimitCheck]) -> PlanTable:
    """Return the activity at which each limit and target is reached."""
    rows = tuple(
        (
            f"{words(check.region.label)} {'≤' if check.is_limit else '≥'} {_range(check)} Gy",
            with_u(check.activity_mbq, "MBq"),
            check.limit.source,
        )
        for check in sorted(checks, key=lambda check: (not check.is_limit, check.region.label, check.limit.value_gy))
    )
    note = "Whole activity in the proportions of this plan; conditions stand in the JSON document."
    return PlanTable("Activity at each limit and target", ("limit or target", "activity", "source"), rows, (note,))


def _volumes_table(found: Outcome) -> PlanTable:
    """Return the perfused volumes with their vials."""
    rows = tuple(
        (
            planned.volume.name,
            planned.stated.catheter or UNKNOWN,
            with_u(found.needed_mbq[planned.volume.name], "MBq"),
            with_u(planned.volume.mass_g, "g"),
            ", ".join(map(words, planned.all_names)),
        )
        for planned in found.volumes
    )
    return PlanTable("Perfused volumes", ("volume", "catheter", "activity", "mass", "compartments"), rows)


def _range(check: LimitCheck) -> str:
    limit = check.limit
    low_high = "" if limit.range_gy is None else f" ({limit.range_gy[0]:g} – {limit.range_gy[1]:g})"
    return f"{limit.value_gy:g}{low_high}"
