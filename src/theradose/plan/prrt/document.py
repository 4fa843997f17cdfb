"""A plan of a therapy in cycles as part of a document."""

from __future__ import annotations

from typing import Any

from theradose.model.document import pair_document
from theradose.plan.cycles.between_cycles import Course
from theradose.plan.cycles.document import ledger_result
from theradose.plan.cycles.ledger import Ledger
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.prrt.label import LabelRule
from theradose.plan.prrt.outcome import Outcome
from theradose.units import MBQ_PER_GBQ


def plan_details(
    inputs: PrrtInput, ledger: Ledger, course: Course, planned: Outcome, label: LabelRule
) -> dict[str, Any]:
    """Return the values of a plan that only this planner has (``docs/formats/plan.md``)."""
    activity = planned.activity_mbq
    return {
        "style": inputs.style,
        "next_cycle": ledger.next_number,
        "cycles_planned": planned.coming,
        "binding": {"region": planned.binding.region, "limit": planned.binding.limit.name},
        "best_activity_mbq": pair_document(planned.best_mbq),
        "accepted_probability": inputs.accepted_probability,
        "accepted_activity_mbq": planned.accepted_mbq,
        "p_any": planned.p_any,
        "maximum_next": {"best_mbq": pair_document(planned.next_best_mbq), "accepted_mbq": planned.next_accepted_mbq},
        "cycles_possible": {"activity_mbq": planned.counted_mbq or None, **planned.possible},
        "dose_per_activity_gy_gbq": {item.region: pair_document(item.coming[0] * MBQ_PER_GBQ) for item in planned.over},
        "spread_between_cycles": {
            item.region: {"relative_u": spread.relative_u, "source": spread.source, "status": spread.status}
            for item in planned.over
            for spread in (course.spread_of(item.region),)
        },
        "label": {
            "activity_mbq": label.activity_mbq,
            "relative_deviation": None
            if activity is None or label.activity_mbq is None
            else activity.value / label.activity_mbq - 1,
        },
        "cycles": ledger_result(ledger).model_dump(mode="json"),
    }
