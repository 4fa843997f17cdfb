"""The doses of a plan in cycles, in the order in which a reader needs them.

References
----------
[deWit2023]_ The rules.
"""

from __future__ import annotations

from theradose.model.plan import PlannedDose
from theradose.model.region import RegionKind
from theradose.plan.cycles.accumulation import Accumulation
from theradose.plan.cycles.between_cycles import Course
from theradose.plan.cycles.forecast import forecast_region
from theradose.plan.cycles.ledger import Ledger
from theradose.plan.cycles.limits import given_basis
from theradose.plan.probability import probability_above
from theradose.plan.prrt.outcome import Outcome
from theradose.plan.wording import activity_words
from theradose.uncertainty import Uncertain


def ordered_regions(planned: Outcome, ledger: Ledger) -> tuple[str, ...]:
    """Return all regions of the history: those under limits first, the binding one at the head, and lesions last.

    References
    ----------
    [deWit2023]_
    """
    limited = [planned.binding.region, *(item.region for item in (*planned.over, *planned.beside))]
    organs = [name for name in ledger.regions if ledger.kind(name) is not RegionKind.LESION]
    return tuple(name for name in dict.fromkeys((*limited, *organs, *ledger.regions)) if name in ledger.regions)


def planned_doses(planned: Outcome, ledger: Ledger, course: Course) -> tuple[PlannedDose, ...]:
    """Return the sums beside their limits, then what the next cycle alone gives to each region that is there.

    References
    ----------
    [deWit2023]_
    """
    return (*_cumulative_doses(planned, ledger), *_next_doses(planned, ledger, course))


def next_per_activity(ledger: Ledger, course: Course) -> dict[str, Uncertain]:
    """Return the dose per activity of the next cycle to each region that the patient still has, Gy/MBq.

    References
    ----------
    [deWit2023]_
    """
    return {
        region: forecast_region(ledger, region, course=course, cycles=1).per_activity[0]
        for region in ledger.regions
        if ledger.present(region)
    }


def _cumulative_doses(planned: Outcome, ledger: Ledger) -> list[PlannedDose]:
    doses = []
    place = {region: number for number, region in enumerate(ordered_regions(planned, ledger))}
    for item in sorted(planned.over, key=lambda item: place.get(item.region, 0)):
        if planned.activity_mbq is not None:
            doses.append(_sum(item, planned.activity_mbq.value, item.basis))
            continue
        doses.append(_sum(item, 0.0, _basis_without_activity(item, ledger)))
        if planned.refused_mbq is not None:
            doses.append(
                _sum(item, planned.refused_mbq, f"with {activity_words(planned.refused_mbq)} more, not planned")
            )
    activity_mbq = 0.0 if planned.activity_mbq is None else planned.activity_mbq.value
    # A dose by a method for which no limit was set stands beside, without one.
    for item in {item.region: item for item in planned.beside}.values():
        basis = item.basis if planned.activity_mbq is not None else _basis_without_activity(item, ledger)
        note = f"{basis}; shown beside, binds nothing"
        doses.append(PlannedDose(item.region, item.total(activity_mbq), item.limit.quantity, basis=note))
    return doses


def _sum(item: Accumulation, activity_mbq: float, basis: str) -> PlannedDose:
    total = item.total(activity_mbq)
    return PlannedDose(
        item.region, total, item.limit.quantity, item.limit, probability_above(total, item.limit.value_gy), basis
    )


def _basis_without_activity(item: Accumulation, ledger: Ledger) -> str:
    if item.limit.span != "course" or item.region not in ledger.regions:
        return "without a further cycle"
    return f"{given_basis(ledger, item.region)}; without a further one"


def _next_doses(planned: Outcome, ledger: Ledger, course: Course) -> list[PlannedDose]:
    if planned.activity_mbq is None:
        return []
    # A regression predicts a region that no cycle of the history has.
    known = next_per_activity(ledger, course)
    predicted = {item.region: item.coming[0] for item in planned.over if item.region not in ledger.regions}
    order = [*predicted, *ordered_regions(planned, ledger)]
    doses = {region: per_activity * planned.activity_mbq.value for region, per_activity in (predicted | known).items()}
    return [
        PlannedDose(region, doses[region], basis=f"cycle {ledger.next_number} alone")
        for region in order
        if region in doses
    ]
