"""Comparison of planned doses with limits and targets, and the largest activity under each limit.

References
----------
[deWit2023]_, [Weber2022]_ Where the limits come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import PlannedDose
from theradose.numbers import format_number, words
from theradose.plan.inputs.tare import TareInput
from theradose.plan.probability import compare_with_limit
from theradose.plan.tare.limits import PERFUSED, region_of
from theradose.plan.tare.regions import RegionOfPlan
from theradose.uncertainty import Uncertain

# An activity planned for a limit gives it but for the last digits.
_ABOVE = 1 + 1e-9


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

    Targets of a perfused volume as a whole are for plans that see one compartment; else they are in the JSON document.

    References
    ----------
    [Weber2022]_ Doses of one compartment and of several are different columns.
    """
    doses = []
    for region in regions:
        own = merged(check.limit for check in checks if check.region is region)
        limits = [limit for limit in own if limit.kind == "limit"]
        targets = [limit for limit in own if limit.kind == "target" and (one_compartment or limit.organ != PERFUSED)]
        compared: list[Limit | None] = [*limits, *targets[:1]] or [None]
        doses += [
            compare_with_limit(target=region.label, dose_gy=region.dose_gy, limit=limit, basis=region.basis)
            for limit in compared
        ]
    return tuple(doses)


def merged(limits: Iterable[Limit]) -> list[Limit]:
    """Return limits by rising dose; those that ask for the same by other sources are one with all their sources.

    References
    ----------
    [deWit2023]_, [Weber2022]_
    """
    groups: dict[tuple[object, ...], list[Limit]] = {}
    for limit in sorted(limits, key=lambda limit: limit.value_gy):
        alike = (limit.kind, limit.quantity, limit.value_gy, limit.range_gy, limit.u_gy, limit.span, limit.origin)
        groups.setdefault((*alike, limit.status), []).append(limit)
    return [_together(group) for group in groups.values()]


def _together(group: Sequence[Limit]) -> Limit:
    """Return one limit for several that differ in where they come from only."""
    conditions = dict.fromkeys(limit.condition for limit in group if limit.condition)
    sources = dict.fromkeys(limit.source for limit in group)
    return group[0].model_copy(update={"condition": "; ".join(conditions), "source": "; ".join(sources)})


def exceeded_at(checks: Sequence[LimitCheck], activity_mbq: float) -> tuple[LimitCheck, ...]:
    """Return the limits above which a whole activity is, in the proportions of the plan; each region once.

    References
    ----------
    [deWit2023]_, [Weber2022]_
    """
    bounded = [check for check in checks if check.is_limit and check.activity_mbq is not None]
    above = [check for check in bounded if check.activity_mbq and activity_mbq > check.activity_mbq.value * _ABOVE]
    lowest = {check.region: check for check in sorted(above, key=lambda check: -check.limit.value_gy)}
    return tuple(lowest.values())


def binding_findings(checks: Sequence[LimitCheck], total_mbq: float) -> tuple[Finding, ...]:
    """Return the activity at which the first limit is reached.

    References
    ----------
    [deWit2023]_, [Weber2022]_
    """
    binding = binding_limit(checks)
    if binding is None or binding.activity_mbq is None:
        return ()
    largest = binding.activity_mbq.value
    first = (
        f"the first limit, {binding.limit.value_gy:g} Gy to {words(binding.region.label)} ({_origin(binding.limit)}), "
        f"is reached at {format_number(largest, digits=4)} MBq in the proportions of this "
        "plan."
    )
    if total_mbq > largest * _ABOVE:
        message = f"The activity is above a limit: {first}"
        return (Finding("tare-limit-binds", "warning", message, binding.region.label),)
    return (Finding("tare-limit-binds", "info", f"{first[0].upper()}{first[1:]}", binding.region.label),)


def _origin(limit: Limit) -> str:
    return ": ".join(filter(None, (limit.source, limit.condition)))


def differing_limits(checks: Sequence[LimitCheck]) -> tuple[Finding, ...]:
    """Return where sources differ on one region.

    References
    ----------
    [deWit2023]_, [Weber2022]_
    """
    findings = []
    for region in dict.fromkeys(check.region for check in checks if check.is_limit):
        values = sorted({check.limit.value_gy for check in checks if check.is_limit and check.region is region})
        if len(values) > 1:
            listed = ", ".join(f"{value:g}" for value in values)
            message = f"Sources differ on the limit for {region.label}: {listed} Gy; the lowest binds here."
            findings.append(Finding("tare-limits-differ", "info", message, region.label))
    return tuple(findings)
