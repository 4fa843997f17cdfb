"""Plans of cycles."""

from __future__ import annotations

from collections.abc import Sequence

from theradose.model.limit import Limit
from theradose.model.stated import Stated
from theradose.plan.cycles.between_cycles import Course, Spread
from theradose.plan.cycles.cycle import Cycle, CycleDose
from theradose.plan.cycles.history import bed_by_half_life
from theradose.plan.cycles.ledger import build_ledger
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.prrt.planner import PrrtRequest, plan_prrt
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ
from theradose.validation.evaluator import evaluator

_KIDNEY = "left-kidney"


@evaluator("prrt-activity")
def prrt_activity(
    *, limit_gy: float, given_gy: Sequence[float], dose_per_activity_gy_gbq: float, cycles_left: int
) -> float:
    """Return the activity of the next cycle in GBq."""
    cycles = tuple(
        Cycle(number, dose / dose_per_activity_gy_gbq * MBQ_PER_GBQ, None, {_KIDNEY: CycleDose(Uncertain(dose))})
        for number, dose in enumerate(given_gy, 1)
    )
    limit = Limit(
        name="example", organ="kidneys", quantity="absorbed-dose", value_gy=limit_gy, origin="EBRT", source="example",
        status="stated",
    )  # fmt: skip
    activity = plan_prrt(PrrtRequest(PrrtInput(cycles_left=cycles_left), cycles, (limit,))).activity_mbq
    return float("nan") if activity is None else activity.value / MBQ_PER_GBQ


@evaluator("cumulative-bed")
def cumulative_bed(*, cycles: int, dose_gy: float, half_life_h: float) -> float:
    """Return the sum of the biologically effective doses of equal cycles to a kidney, Gy."""
    dose = Uncertain(dose_gy)
    given = CycleDose(dose, bed_by_half_life(_KIDNEY, dose, Stated(half_life_h)))
    course = Course({}, Spread(0.0, "example", "stated"))
    ledger = build_ledger(
        [Cycle(number, 7400.0, None, {_KIDNEY: given}) for number in range(1, cycles + 1)], course=course, absent={}
    )
    total = ledger.cumulative(_KIDNEY).bed_gy
    return float("nan") if total is None else total.value
