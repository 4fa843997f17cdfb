"""Comparison of planned doses with limits and targets, and the largest activity under each limit.

References
----------
[deWit2023]_, [Weber2022]_ Where the limits come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from theradose.model.finding import Finding, Severity
from theradose.model.limit import Limit
from theradose.model.plan import PlannedDose
from theradose.plan.inputs.tare import TareInput
from theradose.plan.probability import compare_with_limit
from theradose.plan.tare.limits import PERFUSED, region_of
from theradose.plan.tare.regions import RegionOfPlan
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class LimitCheck:
    """A limit or target beside the dose that the plan gives.

    Attributes
    ----------
    limit : Limit
        What is compared.
    region : RegionOfPlan
        With what.
    activity_mbq : Uncertain or None
        Whole activity at which the dose is the limit, in the proportions of the plan; ``None`` where none is given to
        the region.
    """

    limit: Limit
    region: RegionOfPlan
    activity_mbq: Uncertain | None

    @property
    def is_limit(self) -> bool:
        """Whether it is to be kept below."""
        return self.limit.kind == "limit"


def check_limits(
    *, inputs: TareInput, limits: Sequence[Limit], regions: Sequence[RegionOfPlan], total_mbq: float
) -> tuple[tuple[LimitCheck, ...], tuple[Finding, ...]]:
    """Return each limit beside each region that it is for, and which limits have none.

    References
    ----------
    [deWit2023]_, [Weber2022]_
    """
    checks: list[LimitCheck] = []
    unused: list[Limit] = []
    for limit in limits:
        organ = region_of(limit, intent=inputs.intent)
        meant = [region for region in regions if region.organ == organ]
        if not meant and limit.kind == "limit":
            unused.append(limit)
        for region in meant:
            dose = region.dose_gy
            activity = limit.value_gy * total_mbq / dose if dose.value > 0 else None
            checks.append(LimitCheck(limit, region, activity))
    if not unused:
        return tuple(checks), ()
    listed = "; ".join(f"{limit.value_gy:g} Gy to {limit.organ} ({limit.source})" for limit in unused)
    message = f"Not compared, because the plan has no such region (for all normal liver state 'liver_mass'): {listed}."
    return tuple(checks), (Finding("tare-limit-not-compared", "warning", message),)


def binding_limit(checks: Sequence[LimitCheck]) -> LimitCheck | None:
    """Return the limit that allows the least activity."""
    bounded = [check for check in checks if check.is_limit and check.activity_mbq is not None]
    return min(bounded, key=lambda check: check.activity_mbq.value if check.activity_mbq else 0.0, default=None)


def planned_doses(
    checks: Sequence[LimitCheck], regions: Sequence[RegionOfPlan], *, one_compartment: bool
) -> tuple[PlannedDose, ...]:
    """Return each region beside all its limits, and beside the lowest of its targets.

    Targets of a perfused volume as a whole are for plans that see one compartment; in others they stand in the table.

    References
    ----------
    [Weber2022]_ Doses of one compartment and of several are different columns.
    """
    doses = []
    for region in regions:
        own = sorted((check.limit for check in checks if check.region is region), key=lambda limit: limit.value_gy)
        limits = [limit for limit in own if limit.kind == "limit"]
        targets = [limit for limit in own if limit.kind == "target" and (one_compartment or limit.organ != PERFUSED)]
        compared: list[Limit | None] = [*limits, *targets[:1]] or [None]
        doses += [
            compare_with_limit(target=region.label, dose_gy=region.dose_gy, limit=limit, basis="") for limit in compared
        ]
    return tuple(doses)


def limit_findings(checks: Sequence[LimitCheck], total_mbq: float) -> tuple[Finding, ...]:
    """Return the activity that all limits allow, and where sources differ on one region."""
    findings = []
    binding = binding_limit(checks)
    if binding is not None and binding.activity_mbq is not None:
        largest = binding.activity_mbq.value
        message = (
            f"The limits allow at most {largest:.4g} MBq in the proportions of this plan; what binds is "
            f"{binding.limit.value_gy:g} Gy to {binding.region.label} ({binding.limit.source}: "
            f"{binding.limit.condition})."
        )
        severity: Severity = "warning" if total_mbq > largest else "info"
        findings.append(Finding("tare-limit-binds", severity, message, binding.region.label))
    for region in dict.fromkeys(check.region for check in checks if check.is_limit):
        values = sorted({check.limit.value_gy for check in checks if check.is_limit and check.region is region})
        if len(values) > 1:
            listed = ", ".join(f"{value:g}" for value in values)
            message = f"Sources differ on the limit for {region.label}: {listed} Gy; the lowest binds here."
            findings.append(Finding("tare-limits-differ", "info", message, region.label))
    return tuple(findings)
