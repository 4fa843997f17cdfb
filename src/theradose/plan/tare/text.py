"""Formulas and tables of a plan of radioembolisation, as its reader sees them.

References
----------
[deWit2023]_, [Kao2013]_, [Chiesa2021]_, [Grosser2015]_ The formulas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from theradose.dose.tare.products import Microspheres
from theradose.model.plan import Formula, PlanInput, PlanTable
from theradose.model.stated import Stated
from theradose.plan.inputs.tare import TareInput
from theradose.plan.probability import interval, interval_coverage
from theradose.plan.tare.checks import LimitCheck
from theradose.plan.tare.limits import LESION, LUNGS, NORMAL
from theradose.plan.tare.regions import RegionOfPlan
from theradose.plan.tare.volumes import PlannedVolume
from theradose.uncertainty import Uncertain

_WHOLE_FROM = 100.0
_WHERE = (
    "A activity prepared, D dose, M mass, CF energy of complete decay in J/GBq, L lung shunt, R residual, r "
    "concentration over that of normal liver, T tumour, N normal liver"
)
FORMULAS = {
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
LUNG_FORMULA = Formula(
    "D_L = CF·A·(1 − R)·L / M_L", "M_L mass of both lungs", "deWit2023, with the residual", "verified"
)


def shown(quantity: Uncertain | Stated | None, unit: str) -> str:
    """Return a number with its uncertainty; an unknown uncertainty is a dash."""
    if quantity is None:
        return "—"
    u = quantity.u if not isinstance(quantity, Uncertain) or quantity.contributions else None
    if not u:
        return f"{quantity.value:.4g} ± {'—' if u is None else '0'} {unit}".strip()
    # Two significant digits of u decide those of the value.
    decimals = max(1 - math.floor(math.log10(u)), 0)
    return f"{quantity.value:.{decimals}f} ± {u:.{decimals}f} {unit}".strip()


def subject_words(*, inputs: TareInput, spheres: Microspheres) -> str:
    """Return whose plan it is.

    References
    ----------
    [deWit2023]_
    """
    patient = None if inputs.patient.id is None else f"patient {inputs.patient.id}"
    return " · ".join(filter(None, (f"{spheres.title}, {spheres.nuclide}", inputs.intent, patient)))


def summary_words(*, total: Uncertain, method: str, regions: Sequence[RegionOfPlan], binding: LimitCheck | None) -> str:
    """Return the result in one sentence with its interval.

    References
    ----------
    [deWit2023]_
    """
    bound = "No limit binds."
    if binding is not None and binding.activity_mbq is not None:
        bound = (
            f"What binds is {binding.limit.value_gy:g} Gy to {binding.region.label}, at "
            f"{_with_interval(binding.activity_mbq, 'MBq')}."
        )
    named = [region for region in regions if region.organ in (LESION, NORMAL, LUNGS)]
    doses = ", ".join(f"{region.label} {_with_interval(region.dose_gy, 'Gy')}" for region in named)
    covered = f"{100 * interval_coverage():g} %"
    return f"By '{method}', {_with_interval(total, 'MBq')} give: {doses} (in brackets {covered} intervals). {bound}"


def _with_interval(quantity: Uncertain, unit: str) -> str:
    ends = interval(quantity)
    between = "interval not stated" if ends is None else f"{_number(ends[0])} – {_number(ends[1])}"
    return f"{_number(quantity.value)} {unit} ({between})"


def _number(value: float) -> str:
    """Three digits, and all of those before the point."""
    return f"{value:.3g}" if abs(value) < _WHOLE_FROM else f"{value:.0f}"


def plan_inputs(inputs: TareInput, volumes: Sequence[PlannedVolume], product: str, lung: str) -> tuple[PlanInput, ...]:
    """Return what was stated, as rows."""
    rows = [
        PlanInput("product", product),
        PlanInput("intent", inputs.intent + (", growth of the other lobe wanted" if inputs.lobectomy else "")),
        PlanInput("disease", inputs.disease or "not stated"),
        PlanInput("liver function", inputs.liver_function),
        PlanInput("pre-treated", "yes" if inputs.pretreated else "no"),
        PlanInput("conversion", inputs.conversion),
        PlanInput("scout image stands for the treatment", "yes" if inputs.scout_representative else "no"),
    ]
    if inputs.bilirubin is not None:
        rows.append(PlanInput("total bilirubin", shown(inputs.bilirubin, "mg/dL")))
    if inputs.target is not None:
        rows.append(PlanInput(f"target, {inputs.target.compartment}", f"{inputs.target.dose:g} Gy"))
    if inputs.activity is not None:
        rows.append(PlanInput("activity", f"{inputs.activity:g} MBq"))
    for planned in volumes:
        volume, item = planned.volume, planned.stated
        from_image = "scout image" if planned.voxels else "stated"
        for part in volume.compartments:
            ratio = part.ratio.value
            exact = not ratio.contributions and not ratio.not_stated
            text = f"{shown(part.mass_g, 'g')}, concentration ratio {f'{ratio.value:g}' if exact else shown(ratio, '')}"
            rows.append(PlanInput(part.name, text, from_image))
        where = [item.catheter, {"ct": "volume from CT", "cone-beam-ct": "volume from cone-beam CT"}.get(
            item.volume_from or "", "")]  # fmt: skip
        if any(where):
            rows.append(PlanInput(f"catheter, {volume.name}", ", ".join(text for text in where if text)))
        rows.append(PlanInput(f"lung shunt, {volume.name}", shown(volume.shunt * 100.0, "%")))
        rows.append(PlanInput(f"residual, {volume.name}", shown(volume.residual * 100.0, "%")))
    rows.append(PlanInput("mass of the lungs", lung))
    return tuple(rows)


def limits_table(checks: Sequence[LimitCheck]) -> PlanTable:
    """Return the activity at which each limit and target is reached."""
    rows = tuple(
        (
            f"{check.region.label} {'≤' if check.is_limit else '≥'} {_range(check)} Gy",
            shown(check.activity_mbq, "MBq"),
            check.limit.source,
        )
        for check in sorted(checks, key=lambda check: (not check.is_limit, check.region.label, check.limit.value_gy))
    )
    note = "Whole activity in the proportions of this plan; conditions stand in the JSON document."
    return PlanTable("Activity at each limit and target", ("limit or target", "activity", "source"), rows, (note,))


def volumes_table(volumes: Sequence[PlannedVolume], activity_mbq: dict[str, Uncertain]) -> PlanTable:
    """Return the perfused volumes with their vials."""
    rows = tuple(
        (
            planned.volume.name,
            planned.stated.catheter or "—",
            shown(activity_mbq[planned.volume.name], "MBq"),
            shown(planned.volume.mass_g, "g"),
            ", ".join(planned.all_names),
        )
        for planned in volumes
    )
    return PlanTable("Perfused volumes", ("volume", "catheter", "activity", "mass", "compartments"), rows)


def _range(check: LimitCheck) -> str:
    limit = check.limit
    low_high = "" if limit.range_gy is None else f" ({limit.range_gy[0]:g}–{limit.range_gy[1]:g})"
    return f"{limit.value_gy:g}{low_high}"
