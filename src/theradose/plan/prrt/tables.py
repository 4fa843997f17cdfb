"""The tables of a plan in cycles.

References
----------
[deWit2023]_ Cumulative doses, and what they leave.
"""

from __future__ import annotations

from theradose.model.plan import PlanTable
from theradose.numbers import UNKNOWN, format_number, words
from theradose.plan.cycles.between_cycles import Course
from theradose.plan.cycles.cycle import CycleDose, day_words
from theradose.plan.cycles.ledger import Ledger
from theradose.plan.prrt.doses import next_per_activity, ordered_regions
from theradose.plan.prrt.label import LabelRule
from theradose.plan.prrt.outcome import Outcome
from theradose.plan.wording import activity_number, activity_words, with_u

_MARK = " *"


def plan_tables(planned: Outcome, ledger: Ledger, course: Course, label: LabelRule) -> tuple[PlanTable, ...]:
    """Return the dose by cycle, the sums with the coming cycle, and what the limits leave.

    References
    ----------
    [deWit2023]_
    """
    regions = ordered_regions(planned, ledger)
    return (_sum_table(planned, ledger, course, regions), _cycle_table(ledger, regions), _left_table(planned, label))


def _cycle_table(ledger: Ledger, regions: tuple[str, ...]) -> PlanTable:
    heads = (
        ", ".join(filter(None, (f"cycle {cycle.number}", activity_words(cycle.activity_mbq), day_words(cycle))))
        for cycle in ledger.cycles
    )
    rows = tuple(
        (words(region), *(_cell(cycle.doses.get(region), region in ledger.absent) for cycle in ledger.cycles))
        for region in regions
    )
    return PlanTable("Dose by cycle, Gy", ("region", *heads), rows, ("* assumed, not measured.",))


def _cell(dose: CycleDose | None, absent: bool) -> str:
    if dose is None:
        return "absent" if absent else "not measured"
    return with_u(dose.dose_gy) + (_MARK if dose.basis == "assumed" else "")


def _sum_table(planned: Outcome, ledger: Ledger, course: Course, regions: tuple[str, ...]) -> PlanTable:
    coming = {} if planned.activity_mbq is None else next_per_activity(ledger, course)
    rows = []
    for region in regions:
        total = ledger.cumulative(region)
        row = [
            words(region),
            with_u(total.dose_gy) + (_MARK if total.assumed else ""),
            format_number(total.u_all_shared, digits=2) if total.dose_gy.contributions else UNKNOWN,
            format_number(total.u_all_independent, digits=2) if total.dose_gy.contributions else UNKNOWN,
            with_u(total.bed_gy),
        ]
        if planned.activity_mbq is not None:
            after = total.dose_gy + coming[region] * planned.activity_mbq.value if region in coming else total.dose_gy
            row.append(with_u(after))
        rows.append(tuple(row))
    after_next = () if planned.activity_mbq is None else (f"after cycle {ledger.next_number}",)
    return PlanTable(
        "Cumulative dose, Gy",
        ("region", "dose so far", "u, all shared", "u, none shared", "BED so far", *after_next),
        tuple(rows),
        (
            "* with assumed cycles. The stated u counts some sources as shared by all cycles (calibration, volume) and "
            "others as drawn anew; beside it, what u would be if all were shared, and if none were.",
        ),
    )


def _left_table(planned: Outcome, label: LabelRule) -> PlanTable:
    """Return what the limits leave, by the best estimate and at the accepted probability, without a cap."""
    last = (planned.next_best_mbq.value, planned.next_accepted_mbq)
    each = (planned.best_mbq.value, planned.accepted_mbq)
    counted = activity_words(planned.counted_mbq)
    rows = [
        ("next cycle if it is the last, GBq", *map(activity_number, last)),
        (f"each of {planned.coming} cycles, GBq", *map(activity_number, each)),
        (f"further cycles of {counted}", *(_count(planned, way) for way in ("best", "accepted"))),
    ]
    if planned.coming == 1:
        del rows[1]
    if not planned.possible:
        del rows[-1]
    if "with_tolerance" in planned.possible:
        rows.append(("the same up to the tolerance of the limit", _count(planned, "with_tolerance"), UNKNOWN))
    notes: tuple[str, ...] = ()
    if label.most_mbq is not None and planned.next_best_mbq.value > label.most_mbq:
        notes = (f"What the limits alone leave, without the cap of {activity_words(label.most_mbq)}.",)
    return PlanTable("What the limits leave", ("", "best estimate", "accepted probability"), tuple(rows), notes)


def _count(planned: Outcome, way: str) -> str:
    return str(planned.possible[way]) if way in planned.possible else UNKNOWN
