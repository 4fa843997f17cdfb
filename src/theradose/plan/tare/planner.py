"""Planning of radioembolisation.

The activity follows from a target dose, a rule or a statement; the doses of all compartments, of normal liver and of
the lungs follow from it, each beside the limits that product, intent and patient select.

References
----------
[deWit2023]_ Compartments, limits and targets; [Weber2022]_ limits and targets; [Chiesa2021]_ planning on images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from theradose.dose.tare.compartments import CERTAIN_ZERO
from theradose.dose.tare.products import DDEP, Microspheres, load_product, uncertain_constant
from theradose.model.finding import Finding
from theradose.model.plan import Plan
from theradose.nuclides import Constant, load_nuclide
from theradose.numbers import format_percent
from theradose.plan.planners import planners
from theradose.plan.tare.checks import LimitCheck, binding_findings, check_limits, differing_limits
from theradose.plan.tare.images import scout_doses
from theradose.plan.tare.judgement import judge
from theradose.plan.tare.limits import tare_limits
from theradose.plan.tare.outcome import Outcome
from theradose.plan.tare.prescription import alternatives, as_given, chosen_method, prescribe
from theradose.plan.tare.regions import lung_mass, regions_of_plan
from theradose.plan.tare.request import TareRequest
from theradose.plan.tare.text import describe
from theradose.plan.tare.verification import verify
from theradose.plan.tare.volumes import PlannedVolume, planned_volumes


@planners.register(
    "tare",
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
    lungs = lung_mass(request)
    noticed += lungs.findings

    needed = prescribe(request=request, volumes=volumes, spheres=spheres, conversion=conversion, method=method)
    total = sum(needed.values(), start=CERTAIN_ZERO)
    given = as_given(needed, inputs)
    regions = regions_of_plan(
        request=request, volumes=volumes, activity_mbq=given, conversion=conversion, lung_mass_g=lungs.mass_g
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
    net_mbq = sum(given[planned.volume.name].value * (1 - planned.volume.residual.value) for planned in volumes)
    delivered, verification_findings = verify(
        request=request,
        volumes=volumes,
        regions=regions,
        planned_net_mbq=net_mbq,
        lung_mass_g=lungs.mass_g,
        spheres=spheres,
        conversion=conversion,
    )
    judgement = judge(request=request, volumes=volumes, planned=regions, delivered=delivered, planned_net_mbq=net_mbq)
    judged: tuple[LimitCheck, ...] = ()
    if judgement is not None:
        judged, not_compared = check_limits(
            inputs=inputs, limits=limits, regions=judgement.regions, total_mbq=judgement.administered_mbq.value
        )
        noticed += judgement.findings
    others = alternatives(request=request, volumes=volumes, spheres=spheres, method=method)
    noticed += [
        *not_compared,
        *differing_limits(checks),
        *(() if judgement is not None else binding_findings(checks, total.value)),
        *_conversion_findings(spheres, constant, inputs.conversion),
        *_method_findings(method),
        *voxel_findings,
        *verification_findings,
    ]
    return describe(
        Outcome(
            request=request,
            spheres=spheres,
            method=method,
            volumes=volumes,
            needed_mbq=needed,
            total_mbq=total,
            regions=regions,
            lungs=lungs,
            checks=checks,
            judged=judged,
            alternatives=others,
            voxels=voxels,
            judgement=judgement,
            findings=tuple(dict.fromkeys(noticed)),
        )
    )


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
        f"{format_percent(max(values) / min(values) - 1)}.{remark}"
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
