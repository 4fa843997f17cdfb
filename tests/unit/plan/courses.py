"""Short ways to write cycles for tests of the ledger and the planner."""

from __future__ import annotations

from theradose.model.cycles import CyclesChoice
from theradose.model.limit import Limit
from theradose.model.region import RegionKind
from theradose.plan.cycles.between_cycles import Course, Spread, course_of
from theradose.plan.cycles.cycle import Cycle, CycleDose
from theradose.plan.cycles.ledger import Ledger, build_ledger
from theradose.uncertainty import Uncertain

U = {"calibration:A": 0.03, "volume:{region}": 0.05, "fit:{region}": 0.06}
KIDNEY = "left-kidney"


def dose(region: str, gy: float, u: dict[str, float] | None = None, *, bed_factor: float | None = None) -> CycleDose:
    """A measured dose with its usual sources; BED = D + `bed_factor` D²."""
    sources = {name.format(region=region): value for name, value in (U if u is None else u).items()}
    value = Uncertain.relative(gy, sources)
    kind = RegionKind.LESION if region.startswith("lesion") else RegionKind.ORGAN
    return CycleDose(value, None if bed_factor is None else value + value**2 * bed_factor, kind)


def cycle(number: int, activity_mbq: float = 7400.0, **doses: float) -> Cycle:
    """A cycle with doses in Gy by region, underscores for hyphens; no doses is no dosimetry."""
    named = {name.replace("_", "-"): gy for name, gy in doses.items()}
    return Cycle(number, activity_mbq, None, {name: dose(name, gy) for name, gy in named.items()})


def course(spread: float | None = 0.15, **choice: object) -> Course:
    """Trend as stated and one spread for all regions."""
    stated = CyclesChoice.model_validate(choice)
    return Course(stated.trend, Spread(spread, "test", "stated"))


def ledger(*cycles: Cycle, absent: dict[str, object] | None = None, **choice: object) -> Ledger:
    """The ledger of some cycles."""
    stated = CyclesChoice.model_validate({"absent": absent or {}, **choice})
    return build_ledger(cycles, course=course(**choice), absent=stated.absent)


def limit(value_gy: float, *, organ: str = "kidneys", quantity: str = "absorbed-dose", **more: object) -> Limit:
    """A stated limit."""
    fields = {"name": f"{organ}-{quantity.lower()}", "origin": "radionuclide-therapy", "source": "test"}
    return Limit.model_validate(
        {**fields, "organ": organ, "quantity": quantity, "value_gy": value_gy, "status": "stated", **more}
    )


__all__ = ["KIDNEY", "course", "course_of", "cycle", "dose", "ledger", "limit"]
