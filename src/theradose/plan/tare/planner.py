"""Planning of radioembolisation.

The activity follows from a target dose, a rule or a statement; the doses of all compartments, of normal liver and of
the lungs follow from it, each beside the limits that product, intent and patient select.

References
----------
[deWit2023]_ Compartments, limits and targets; [Weber2022]_ limits and targets; [Chiesa2021]_ planning on images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from theradose.dose.tare.bsa import bsa_constants
from theradose.dose.tare.compartments import CERTAIN_ZERO
from theradose.dose.tare.products import DDEP, Microspheres, load_product, setting, uncertain_constant
from theradose.model.finding import Finding
from theradose.model.plan import Plan, PlanTable
from theradose.nuclides import Constant, load_nuclide
from theradose.plan.article56 import required_level
from theradose.plan.inputs.tare import TareInput
from theradose.plan.planners import planners
from theradose.plan.tare.checks import (
    LimitCheck,
    binding_limit,
    check_limits,
    limit_findings,
    planned_doses,
)
from theradose.plan.tare.images import CompartmentVoxels, dvh_table, scout_doses
from theradose.plan.tare.limits import LESION, LUNGS, NORMAL, PERFUSED, tare_limits
from theradose.plan.tare.prescription import Alternative, alternatives, as_given, chosen_method, prescribe
from theradose.plan.tare.regions import RegionOfPlan, lung_mass, regions_of_plan
from theradose.plan.tare.request import TareRequest
from theradose.plan.tare.text import (
    FORMULAS,
    LUNG_FORMULA,
    limits_table,
    plan_inputs,
    shown,
    subject_words,
    summary_words,
    volumes_table,
)
from theradose.plan.tare.verification import Delivered, verification_table, verify
from theradose.plan.tare.volumes import PlannedVolume, planned_volumes
from theradose.plan.therapies import require_therapy
from theradose.uncertainty import Uncertain

PLANNER = "tare"


@planners.register(
    PLANNER,
    summary="Radioembolisation by compartments, partition, voxels or body surface area, with limits by product",
    citation="deWit2023",
)
def plan_tare(request: TareRequest) -> Plan:
    """Return the plan of a radioembolisation.

    Parameters
    ----------
    request : TareRequest
        The stated input and its images.

    Raises
    ------
    PlanError
        For inputs that contradict each other, a target that is no compartment, or a method without its inputs.
    PhysicsError
        For an unknown product or conversion, or fractions, masses and ratios that cannot be.

    References
    ----------
    [deWit2023]_, [Weber2022]_, [Chiesa2021]_
    """
    inputs = request.inputs
    spheres = load_product(inputs.product)
    constant = spheres.conversion(inputs.conversion)
    conversion = uncertain_constant(constant, f"dose-constant:{spheres.nuclide}")
    volumes, findings = planned_volumes(request)
    method = chosen_method(
        inputs,
        has_image=any(planned.voxels for planned in volumes),
        compartments=max(len(planned.all_names) for planned in volumes),
    )
    noticed: list[Finding] = [*(request.scout.findings if request.scout else ()), *findings]
    if method == "mono":
        noticed += _one_compartment_findings(request, volumes)
        volumes = tuple(replace(planned, volume=planned.volume.as_one_compartment(), voxels=()) for planned in volumes)
    lungs, lungs_from, lung_findings = lung_mass(request)
    noticed += lung_findings

    needed = prescribe(request=request, volumes=volumes, spheres=spheres, conversion=conversion, method=method)
    total = sum(needed.values(), start=CERTAIN_ZERO)
    given = as_given(needed, inputs)
    regions = regions_of_plan(
        request=request, volumes=volumes, activity_mbq=given, conversion=conversion, lung_mass_g=lungs
    )
    limits = tare_limits(inputs=inputs, product=spheres.key)
    checks, not_compared = check_limits(inputs=inputs, limits=limits, regions=regions, total_mbq=total.value)
    voxels, voxel_findings = scout_doses(
        request=request,
        volumes=volumes,
        given_mbq=given,
        spheres=spheres,
        conversion_j_per_gbq=conversion.value,
    )
    delivered, verification_findings = verify(
        request=request,
        volumes=volumes,
        planned_gy={region.label: region.dose_gy for region in regions},
        planned_net_mbq=sum(
            given[planned.volume.name].value * (1 - planned.volume.residual.value) for planned in volumes
        ),
        spheres=spheres,
        conversion=conversion,
    )
    others = alternatives(request=request, volumes=volumes, spheres=spheres, method=method)
    noticed += [
        *not_compared,
        *limit_findings(checks, total.value),
        *_conversion_findings(spheres, constant, inputs.conversion),
        *_method_findings(method),
        *voxel_findings,
        *verification_findings,
    ]
    used = dict.fromkeys((inputs.conversion, *(other.conversion for other in others)))
    constants = (
        *(spheres.conversion(name) for name in used),
        *((setting("lung-mass", "mass of both lungs, reference"),) if lung_findings else ()),
    )
    if any(other.method == "bsa" for other in others):
        constants = (*constants, *bsa_constants())
    lung_text = f"{shown(lungs, 'g')} ({lungs_from})"
    return Plan(
        planner=PLANNER,
        title=f"Radioembolisation with {spheres.title}, {inputs.intent}",
        summary=summary_words(total=total, method=method, regions=regions, binding=binding_limit(checks)),
        activity_mbq=total,
        doses=planned_doses(checks, regions, one_compartment=_sees_one_compartment(inputs, method)),
        formulas=(*(FORMULAS[name] for name in dict.fromkeys(other.method for other in others)), LUNG_FORMULA),
        constants=constants,
        inputs=plan_inputs(inputs, volumes, spheres.title, lung_text),
        findings=tuple(dict.fromkeys(noticed)),
        activity_meaning="Activity to prepare" if _is_planned(inputs, method) else "Stated activity",
        subject=subject_words(inputs=inputs, spheres=spheres),
        level=required_level(therapy=require_therapy(spheres.therapy)).statement,
        tables=_tables(volumes, needed, checks, others, regions, total, voxels, delivered, request),
        details={
            **_details(method, needed, checks, others, voxels, delivered, regions),
            "spheres_million": spheres.number_of_spheres_million(activity_mbq=total.value),
        },
    )


def _is_planned(inputs: TareInput, method: str) -> bool:
    """Whether the activity follows from a target or the rule."""
    stated = inputs.activity is not None or any(volume.activity is not None for volume in inputs.perfused_volumes)
    return method == "bsa" or not stated


def _sees_one_compartment(inputs: TareInput, method: str) -> bool:
    """Whether the plan is for perfused volumes as a whole."""
    targets = [inputs.target, *(volume.target for volume in inputs.perfused_volumes)]
    for_whole = any(target is not None and target.compartment.endswith(PERFUSED) for target in targets)
    return method == "mono" or for_whole or inputs.intent == "segmentectomy"


def _one_compartment_findings(request: TareRequest, volumes: Sequence[PlannedVolume]) -> list[Finding]:
    if max(len(planned.all_names) for planned in volumes) == 1:
        return []
    why = "" if request.inputs.scout_representative else "The scout image does not stand for the treatment: "
    message = (
        f"{why}the plan takes one compartment, so that every part of a perfused volume shows its mean dose; what the "
        "tumour and the normal liver get of it is not known."
    )
    return [Finding("tare-one-compartment", "warning", message[0].upper() + message[1:])]


def _conversion_findings(spheres: Microspheres, constant: Constant, name: str) -> list[Finding]:
    photons = load_nuclide(spheres.nuclide).photon_energy_kev.value
    values = [item.value for item in spheres.conversions.values()]
    listed = ", ".join(f"{key} {item.value:.4g}" for key, item in spheres.conversions.items())
    remark = ""
    if photons > 0:
        counted = "leaves out" if name == DDEP else "holds part of"
        remark = f" It {counted} the {photons:.3g} keV of photons per decay."
    message = (
        f"The conversion '{name}' of {constant.value:.4g} J/GBq was used; named ones are {listed}, which differ by "
        f"{max(values) / min(values) - 1:.1%}.{remark}"
    )
    return [Finding("tare-conversion", "info", message)]


def _method_findings(method: str) -> list[Finding]:
    if method != "bsa":
        return []
    message = (
        "The rule by body surface area is empirical: its activity does not follow the dose to the liver, and its "
        "constants were not verified in their source."
    )
    return [Finding("tare-bsa", "warning", message)]


def _tables(
    volumes: Sequence[PlannedVolume],
    needed: dict[str, Uncertain],
    checks: Sequence[LimitCheck],
    others: Sequence[Alternative],
    regions: Sequence[RegionOfPlan],
    total: Uncertain,
    voxels: Sequence[CompartmentVoxels],
    delivered: Sequence[Delivered],
    request: TareRequest,
) -> tuple[PlanTable, ...]:
    named = [region for region in regions if region.organ in (LESION, NORMAL, LUNGS)]
    rows = tuple(
        (
            f"{other.method}, {other.conversion}" if other.method != "bsa" else other.method,
            shown(other.activity_mbq, "MBq"),
            *(f"{region.dose_gy.value * other.activity_mbq.value / total.value:.4g}" for region in named),
        )
        for other in others
    )
    columns = ("method, conversion", "activity", *(f"{region.label}, Gy" for region in named))
    note = "Doses are those of this plan's compartments and conversion at that activity."
    tables = [limits_table(checks), PlanTable("Activity by other methods", columns, rows, (note,))]
    if len(volumes) > 1:
        tables.insert(0, volumes_table(volumes, needed))
    if voxels:
        tables.append(dvh_table(voxels, "Voxels at the planned activity"))
    verification = request.inputs.verification
    if delivered and verification is not None:
        tables.append(verification_table(delivered, verification.kind))
        measured = [item.voxels for item in delivered if item.voxels is not None]
        tables += [dvh_table(measured, "Voxels as delivered")] if measured else []
    return tuple(tables)


def _details(
    method: str,
    needed: Mapping[str, Uncertain],
    checks: Sequence[LimitCheck],
    others: Sequence[Alternative],
    voxels: Sequence[CompartmentVoxels],
    delivered: Sequence[Delivered],
    regions: Sequence[RegionOfPlan],
) -> dict[str, object]:
    binding = binding_limit(checks)
    return {
        "method": method,
        "perfused_volumes": [{"name": name, "activity_mbq": _pair(value)} for name, value in needed.items()],
        "limits": [
            {
                "name": check.limit.name,
                "kind": check.limit.kind,
                "region": check.region.label,
                "limit_gy": check.limit.value_gy,
                "dose_gy": _pair(check.region.dose_gy),
                "activity_mbq": _pair(check.activity_mbq),
                "condition": check.limit.condition,
                "source": check.limit.source,
                "status": check.limit.status,
            }
            for check in checks
        ],
        "binding": None
        if binding is None
        else {
            "limit": binding.limit.name,
            "region": binding.region.label,
            "activity_mbq": _pair(binding.activity_mbq),
        },
        "alternatives": [
            {"method": other.method, "conversion": other.conversion, "activity_mbq": _pair(other.activity_mbq)}
            for other in others
        ],
        "mean_gy": {region.label: region.dose_gy.value for region in regions},
        "dvh": [item.to_json() for item in voxels],
        "verification": [
            {
                "compartment": item.label,
                "planned_gy": _pair(item.planned_gy),
                "delivered_gy": _pair(item.delivered_gy),
                "dvh": None if item.voxels is None else item.voxels.to_json(),
            }
            for item in delivered
        ],
    }


def _pair(quantity: Uncertain | None) -> dict[str, float | None]:
    if quantity is None:
        return {"value": None, "u": None}
    return {"value": quantity.value, "u": quantity.u if quantity.contributions else None}
