"""What was delivered as regions beside limits and targets, and how far the treatment is from its plan.

References
----------
[Chiesa2021]_ Delivered beside planned doses; [Konijnenberg2021]_ tolerance of the activity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.dose.tare.compartments import total_of
from theradose.dose.tare.products import SETTINGS
from theradose.model.finding import Finding
from theradose.numbers import format_deviation, format_given_percent, format_number
from theradose.plan.article56 import Deviation, activity_deviation
from theradose.plan.inputs.tare import TareInput, TargetInput
from theradose.plan.tare.limits import LESION, LUNGS, NORMAL, PERFUSED, WHOLE_NORMAL
from theradose.plan.tare.regions import RegionOfPlan, normal_label, prefix_of, whole_normal_mass
from theradose.plan.tare.request import TareRequest
from theradose.plan.tare.verification import Delivered
from theradose.plan.tare.volumes import PlannedVolume, target_names
from theradose.uncertainty import ADMINISTERED_ACTIVITY, Uncertain

DELIVERED = "delivered"
BY_SHUNT = "planned shunt, given activity"


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A treatment beside its plan.

    Attributes
    ----------
    kind : str
        Of the verification.
    administered_mbq : Uncertain
        What was given, without the residual.
    planned_mbq : float
        What was to be given.
    deviation : Deviation
        Of these two.
    delivered : tuple of Delivered
        By compartment.
    regions : tuple of RegionOfPlan
        What limits and targets are compared with.
    findings : tuple of Finding
        Activity off its plan, target missed, regions without a delivered dose.
    """

    kind: str
    administered_mbq: Uncertain
    planned_mbq: float
    deviation: Deviation
    delivered: tuple[Delivered, ...]
    regions: tuple[RegionOfPlan, ...]
    findings: tuple[Finding, ...]


def judge(
    *,
    request: TareRequest,
    volumes: Sequence[PlannedVolume],
    planned: Sequence[RegionOfPlan],
    delivered: Sequence[Delivered],
    planned_net_mbq: float,
) -> Judgement | None:
    """Return a treatment beside its plan; ``None`` without a verification.

    Parameters
    ----------
    request : TareRequest
        With the verification.
    volumes : sequence of PlannedVolume
        Of the plan.
    planned : sequence of RegionOfPlan
        At `planned_net_mbq`.
    delivered : sequence of Delivered
        By the verification.
    planned_net_mbq : float
        Whole planned activity without the residual.

    References
    ----------
    [Chiesa2021]_, [Konijnenberg2021]_
    """
    stated = request.inputs.verification
    if stated is None:
        return None
    deviation = activity_deviation(given_mbq=stated.administered, intended_mbq=planned_net_mbq)
    lungs = next(region for region in planned if region.organ == LUNGS)
    scale = stated.administered / planned_net_mbq
    regions = _regions(request, volumes, delivered, RegionOfPlan(LUNGS, LUNGS, lungs.dose_gy * scale, BY_SHUNT))
    given = Uncertain.relative(stated.administered, {ADMINISTERED_ACTIVITY: request.inputs.activity_meter_u})
    findings = (
        *_activity_findings(deviation, given.value, planned_net_mbq),
        *_target_findings(request.inputs, volumes, regions),
        *_unverified_findings(planned, regions),
    )
    return Judgement(stated.kind, given, planned_net_mbq, deviation, tuple(delivered), regions, findings)


def _regions(
    request: TareRequest, volumes: Sequence[PlannedVolume], delivered: Sequence[Delivered], lungs: RegionOfPlan
) -> tuple[RegionOfPlan, ...]:
    """Return what can be told of the regions of a plan: a volume needs all its parts."""
    found: list[RegionOfPlan] = []
    normal: list[Delivered] = []
    complete = True
    for planned in volumes:
        prefix = prefix_of(planned, volumes)
        own = [item for item in delivered if item.volume == planned.volume.name]
        healthy = [item for item in own if not item.is_tumour]
        missing = set(planned.all_names) - {item.label for item in own}
        # An image divides the whole volume, whatever the compartments of the plan are.
        if any(item.voxels is not None for item in own):
            missing = set()
        found += [_region(item.label, LESION, [item]) for item in own if item.is_tumour]
        if healthy and not missing & set(planned.normal_names):
            label = normal_label(planned, prefix) if planned.normal_names else healthy[0].label
            found.append(_region(label, NORMAL, healthy))
        if own and not missing:
            found.append(_region(prefix + PERFUSED, PERFUSED, own))
        complete &= not missing & set(planned.normal_names)
        normal += healthy
    whole = [item for item in delivered if item.label == WHOLE_NORMAL]
    if whole:
        found.append(_region(WHOLE_NORMAL, WHOLE_NORMAL, whole))
    elif normal and complete:
        mass = whole_normal_mass(request, volumes)
        if mass is None and request.inputs.intent == "bilobar":
            mass = total_of(item.mass_g for item in normal)
        if mass is not None and mass.value > 0:
            dose = total_of(item.energy_gy_g for item in normal) / mass
            found.append(RegionOfPlan(WHOLE_NORMAL, WHOLE_NORMAL, dose, DELIVERED))
    measured = [item for item in delivered if item.label == LUNGS]
    return (*found, _region(LUNGS, LUNGS, measured) if measured else lungs)


def _region(label: str, organ: str, parts: Sequence[Delivered]) -> RegionOfPlan:
    dose = total_of(item.energy_gy_g for item in parts) / total_of(item.mass_g for item in parts)
    return RegionOfPlan(label, organ, dose, DELIVERED)


def _activity_findings(deviation: Deviation, given_mbq: float, planned_mbq: float) -> Iterator[Finding]:
    if not deviation.within:
        message = (
            f"The administered activity of {format_number(given_mbq, digits=4)} MBq differs by "
            f"{format_deviation(deviation.relative)} from the planned one of {format_number(planned_mbq, digits=4)} "
            f"MBq, more than ±{format_given_percent(deviation.tolerated)} (Konijnenberg2021)."
        )
        yield Finding("activity-outside-tolerance", "warning", message)


def _target_findings(
    inputs: TareInput, volumes: Sequence[PlannedVolume], regions: Sequence[RegionOfPlan]
) -> Iterator[Finding]:
    tolerated = load_yaml(SETTINGS)["delivered-tolerance"]["value"]
    doses = {region.label: region.dose_gy.value for region in regions}
    wanted: list[tuple[TargetInput, Sequence[PlannedVolume]]] = []
    if inputs.target is not None:
        wanted.append((inputs.target, volumes))
    wanted += [(planned.stated.target, [planned]) for planned in volumes if planned.stated.target is not None]
    for target, among in wanted:
        planned, names = target_names(among, target)
        label = names[0] if len(names) == 1 else prefix_of(planned, volumes) + PERFUSED
        dose = doses.get(label)
        if dose is not None and dose < target.dose * (1 - tolerated):
            message = f"{format_number(dose)} Gy were delivered of the {target.dose:g} Gy that were planned for."
            yield Finding("tare-target-missed", "warning", message, label)


def _unverified_findings(planned: Sequence[RegionOfPlan], regions: Sequence[RegionOfPlan]) -> Iterator[Finding]:
    known = {region.label for region in regions}
    for region in planned:
        if region.label not in known:
            message = "The verification does not tell the dose, which is compared with no limit or target."
            yield Finding("tare-not-verified", "warning", message, region.label)
