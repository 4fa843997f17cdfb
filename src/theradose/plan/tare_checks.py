"""Comparison of planned doses with limits and targets, and the largest activity under each limit.

References
----------
[deWit2023]_, [Weber2022]_ Where the limits come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import PlannedDose
from theradose.plan.inputs.tare import TareInput
from theradose.plan.probability import probability_above
from theradose.plan.tare_limits import region_of
from theradose.plan.tare_volumes import RegionOfPlan
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
    p_exceed : float or None
        Probability that the true dose is above it; ``None`` where no uncertainty is stated.
    activity_mbq : Uncertain or None
        Whole activity at which the dose is the limit, in the proportions of the plan; ``None`` where none is given to
        the region.
    """

    limit: Limit
    region: RegionOfPlan
    p_exceed: float | None
    activity_mbq: Uncertain | None

    @property
    def is_limit(self) -> bool:
        """Whether it is to be kept below."""
        return self.limit.kind == "limit"

    @property
    def exceeded(self) -> bool:
        """Whether the best estimate is above a limit."""
        return self.is_limit and self.region.dose_gy.value > self.limit.value_gy


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
            checks.append(LimitCheck(limit, region, probability_above(dose, limit.value_gy), activity))
    if not unused:
        return tuple(checks), ()
    listed = "; ".join(f"{limit.value_gy:g} Gy to {limit.organ} ({limit.source})" for limit in unused)
    message = f"Not compared, because the mass of the whole liver is not known (state 'liver_mass'): {listed}."
    return tuple(checks), (Finding("tare-limit-not-compared", "warning", message),)


def binding_limit(checks: Sequence[LimitCheck]) -> LimitCheck | None:
    """Return the limit that allows the least activity."""
    bounded = [check for check in checks if check.is_limit and check.activity_mbq is not None]
    return min(bounded, key=lambda check: check.activity_mbq.value if check.activity_mbq else 0.0, default=None)


def planned_doses(checks: Sequence[LimitCheck], regions: Sequence[RegionOfPlan], basis: str) -> tuple[PlannedDose, ...]:
    """Return one dose per region, with the lowest limit, or else the lowest target, that it is compared with."""
    doses = []
    for region in regions:
        own = [check for check in checks if check.region is region]
        own.sort(key=lambda check: (not check.is_limit, check.limit.value_gy))
        limit, p = (own[0].limit, own[0].p_exceed) if own else (None, None)
        doses.append(PlannedDose(region.label, region.dose_gy, limit=limit, p_exceed=p, basis=basis))
    return tuple(doses)


def limit_findings(checks: Sequence[LimitCheck]) -> tuple[Finding, ...]:
    """Return which limits the plan exceeds, and where sources differ on one region."""
    findings = []
    for check in checks:
        if check.exceeded and check.activity_mbq is not None:
            message = (
                f"The dose to {check.region.label} of {check.region.dose_gy.value:.4g} Gy is above the limit of "
                f"{check.limit.value_gy:g} Gy ({check.limit.source}: {check.limit.condition}); at most "
                f"{check.activity_mbq.value:.4g} MBq keep it."
            )
            findings.append(Finding("tare-limit-exceeded", "warning", message, check.region.label))
    for region in dict.fromkeys(check.region for check in checks if check.is_limit):
        values = sorted({check.limit.value_gy for check in checks if check.is_limit and check.region is region})
        if len(values) > 1:
            listed = ", ".join(f"{value:g}" for value in values)
            message = f"Sources differ on the limit for {region.label}: {listed} Gy; the lowest binds here."
            findings.append(Finding("tare-limits-differ", "info", message, region.label))
    return tuple(findings)


def not_stated_finding(regions: Sequence[RegionOfPlan]) -> tuple[Finding, ...]:
    """Return which uncertainties nobody stated, so that those of the doses are too small or unknown."""
    missing = sorted({source for region in regions for source in region.dose_gy.not_stated})
    if not missing:
        return ()
    message = (
        f"No uncertainty is stated of {', '.join(missing)}: that of the doses leaves them out, and without any there "
        "is no probability of exceeding a limit."
    )
    return (Finding("tare-uncertainty-not-stated", "warning", message),)
