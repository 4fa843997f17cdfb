"""The dose per activity of the cycles to come, from those that were measured.

The mean over the measured cycles, brought to the coming one by the trend, with weights 1/(r² + s²): r is the relative
uncertainty that a cycle does not share with the others, s the spread between cycles. How far the measured cycles may
lie from the patient's mean, and the coming one from it too, are sources of their own.

References
----------
[deWit2023]_ Activity of a cycle from earlier renal doses per activity.
[JCGM100]_ Weighted mean of correlated quantities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from theradose.errors import PlanError
from theradose.plan.cycles.between_cycles import Course, between_source
from theradose.plan.cycles.cycle import Cycle
from theradose.plan.cycles.ledger import Ledger
from theradose.plan.inputs.prrt import FirstCycle
from theradose.uncertainty import Uncertain, combine
from theradose.units import MBQ_PER_GBQ


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What the coming cycles give to one region.

    Attributes
    ----------
    region : str
        Name.
    per_activity : tuple of Uncertain
        Gy/MBq of each coming cycle.
    quadratic_per_gy : Uncertain or None
        Factor k of BED = D + k D².
    """

    region: str
    per_activity: tuple[Uncertain, ...]
    quadratic_per_gy: Uncertain | None


def forecast_region(ledger: Ledger, region: str, *, course: Course, cycles: int) -> Forecast:
    """Return what the next cycles give to a region that was measured at least once.

    Parameters
    ----------
    ledger : Ledger
        All cycles so far.
    region : str
        Name.
    course : Course
        Trend and spread.
    cycles : int
        How many cycles are to come.

    References
    ----------
    [deWit2023]_, [JCGM100]_
    """
    measured = ledger.measured(region)
    weights = _weights(measured, region, course)
    first = ledger.next_number
    coming = tuple(_per_activity(measured, weights, region, course, number) for number in range(first, first + cycles))
    factors = [cycle.doses[region].quadratic_per_gy for cycle in measured]
    known = [factor for factor in factors if factor is not None]
    quadratic = None if len(known) < len(factors) else _mean(known, weights)
    return Forecast(region, coming, quadratic)


def predicted_per_activity(record: FirstCycle, *, course: Course, numbers: Sequence[int]) -> tuple[Uncertain, ...]:
    """Return what a stated regression predicts for some cycles, Gy/MBq.

    Parameters
    ----------
    record : FirstCycle
        As stated, with its source; it holds for the first cycle, from which the trend goes on.
    course : Course
        Trend and spread.
    numbers : sequence of int
        Of the cycles.

    Raises
    ------
    PlanError
        ``first-cycle-values`` where a value is missing, ``first-cycle-negative``.

    References
    ----------
    [deWit2023]_ The trial predicts the first cycle from kidney function and body surface; its coefficients are not
    published there.
    """
    if missing := sorted(record.coefficients.keys() ^ record.values.keys()):
        raise PlanError(
            f"'first_cycle' has no coefficient or no value of {', '.join(missing)}: give both for each name.",
            code="first-cycle-values",
        )
    value = record.intercept + math.fsum(record.coefficients[name] * record.values[name] for name in record.values)
    value = math.exp(value) if record.scale == "log" else value
    if value <= 0:
        raise PlanError(
            f"'first_cycle' predicts {value:.3g} Gy/GBq: check the units of its coefficients and values.",
            code="first-cycle-negative",
        )
    mean = Uncertain.relative(value / MBQ_PER_GBQ, {f"first-cycle:{record.organ}": record.u})
    spread = course.spread_of(record.organ).relative_u
    return tuple(
        _varied(mean * course.trend_factor(record.organ, number - 1), between_source(record.organ, number), spread)
        for number in numbers
    )


def _weights(cycles: Sequence[Cycle], region: str, course: Course) -> list[float]:
    spread = course.spread_of(region).relative_u or 0.0
    doses = [cycle.doses[region].dose_gy for cycle in cycles]
    # A source that all cycles have moves all of them, whatever the weights; one that only some have counts there.
    common = set.intersection(*(set(dose.contributions) for dose in doses))
    own = ([u for name, u in dose.contributions.items() if name not in common] for dose in doses)
    variances = [(math.hypot(*u) / dose.value) ** 2 + spread**2 for u, dose in zip(own, doses, strict=True)]
    inverse = [1 / variance for variance in variances] if all(variances) else [1.0] * len(variances)
    return [value / math.fsum(inverse) for value in inverse]


def _per_activity(
    cycles: Sequence[Cycle], weights: Sequence[float], region: str, course: Course, number: int
) -> Uncertain:
    spread = course.spread_of(region).relative_u
    known = []
    for cycle in cycles:
        scaled = cycle.doses[region].dose_gy / cycle.activity_mbq
        scaled = scaled * course.trend_factor(region, number - cycle.number)
        known.append(_varied(scaled, between_source(region, cycle.number), None if spread is None else -spread))
    return _varied(_mean(known, weights), between_source(region, number), spread)


def _mean(values: Sequence[Uncertain], weights: Sequence[float]) -> Uncertain:
    terms = list(zip(weights, values, strict=True))
    return combine(math.fsum(weight * value.value for weight, value in terms), terms)


def _varied(value: Uncertain, source: str, relative_u: float | None) -> Uncertain:
    return value.with_contribution(source, None if relative_u is None else relative_u * value.value)
