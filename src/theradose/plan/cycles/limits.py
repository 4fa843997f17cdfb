"""What limits leave to the coming cycles of a patient.

References
----------
[deWit2023]_ The trials P-PRRT and ILUMINET.
[Gear2023]_ Cycles without dosimetry.
[Warfvinge2024]_ A cap with its tolerance.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from theradose.biology.tissue import default_tissue
from theradose.data import load_number
from theradose.errors import PlanError
from theradose.model.finding import Finding, Severity
from theradose.model.limit import Limit
from theradose.plan.cycles.accumulation import Accumulation, probability_of_any
from theradose.plan.cycles.between_cycles import Course
from theradose.plan.cycles.forecast import Forecast, forecast_region, predicted_per_activity
from theradose.plan.cycles.ledger import Cumulative, Ledger
from theradose.plan.cycles.regions import regions_beside_limit, regions_of_limit
from theradose.plan.inputs.prrt import FirstCycle
from theradose.plan.limits import parts_of
from theradose.uncertainty import Uncertain

_FRACTION_GY = 2.0


def limits_that_bind(limits: Sequence[Limit], *, therapy: str | None) -> tuple[tuple[Limit, ...], tuple[Finding, ...]]:
    """Return the limits without targets, which nothing has to stay below, and what is odd about them.

    Returns
    -------
    tuple of Limit
        Those to compare with.
    tuple of Finding
        ``limit-not-evaluated`` for targets, ``limit-of-another-therapy`` for limits that were proposed for others.

    References
    ----------
    [deWit2023]_
    """
    findings = [not_evaluated(limit, "it is a target to reach") for limit in limits if limit.kind == "target"]
    kept = tuple(limit for limit in limits if limit.kind == "limit")
    findings += [
        Finding(
            "limit-of-another-therapy",
            "warning",
            f"The limit '{limit.name}' was proposed for {', '.join(limit.therapies)}, not for {therapy}.",
            limit.organ,
        )
        for limit in kept
        if therapy is not None and limit.therapies and therapy not in limit.therapies
    ]
    return kept, tuple(findings)


def not_evaluated(limit: Limit, reason: str, *, severity: Severity = "warning") -> Finding:
    """Return the finding on a limit that is compared with nothing; critical where a person asked for it.

    References
    ----------
    [deWit2023]_
    """
    return Finding(
        "limit-not-evaluated", severity, f"The limit '{limit.name}' binds nothing here, because {reason}.", limit.organ
    )


def by_other_methods(
    ledger: Ledger, limits: Sequence[Limit], *, course: Course, cycles: int
) -> tuple[Accumulation, ...]:
    """Return the limits beside doses by a method for which they do not bind, as :func:`accumulations`.

    References
    ----------
    [Vallot2024]_, [deWit2023]_
    """
    found = (
        _of_region(ledger, limit, region, course=course, cycles=cycles)
        for limit in limits
        for region in regions_beside_limit(limit.organ, ledger)
    )
    return tuple(item for item in found if item is not None)


def accumulations(
    ledger: Ledger,
    limits: Sequence[Limit],
    *,
    course: Course,
    cycles: int,
    first_cycle: FirstCycle | None = None,
    asked: Collection[str] = (),
) -> tuple[tuple[Accumulation, ...], tuple[Finding, ...]]:
    """Return every limit for every region that it holds for, with what the coming cycles add.

    Parameters
    ----------
    ledger : Ledger
        All cycles so far.
    limits : sequence of Limit
        Without targets.
    course : Course
        Trend and spread.
    cycles : int
        Coming cycles.
    first_cycle : FirstCycle, optional
        Regression that stands in where nothing was measured yet.
    asked : collection of str
        Names of limits that a person asked for, not the style: where such a one binds nothing, that is critical.

    Returns
    -------
    tuple of Accumulation
        Those that can be evaluated.
    tuple of Finding
        Those that cannot (``limit-not-evaluated``).

    References
    ----------
    [deWit2023]_
    """
    found: list[Accumulation] = []
    findings: list[Finding] = []
    for limit in limits:
        severity: Severity = "critical" if limit.name in asked else "warning"
        items: list[tuple[str, Accumulation | None]] = [
            (region, _of_region(ledger, limit, region, course=course, cycles=cycles))
            for region in regions_of_limit(limit.organ, ledger)
        ]
        if not items and first_cycle is not None and _predicts(first_cycle, limit):
            items = [(first_cycle.organ, _predicted(ledger, limit, first_cycle, course=course, cycles=cycles))]
        found += [item for _, item in items if item is not None]
        findings += [
            not_evaluated(limit, f"no {limit.quantity} of '{region}' is known", severity=severity)
            for region, item in items
            if item is None
        ]
        if not items:
            known = f": the regions are {', '.join(ledger.regions)}" if ledger.regions else ""
            findings.append(not_evaluated(limit, f"'{limit.organ}' was measured in no cycle{known}", severity=severity))
    return tuple(found), tuple(findings)


def past_against(ledger: Ledger, limit: Limit) -> tuple[Accumulation, ...]:
    """Return what was given so far against a limit, without a coming cycle; nothing for a region without that quantity.

    A limit of a single cycle is compared with the latest one.

    References
    ----------
    [deWit2023]_
    """
    found = []
    for region in regions_of_limit(limit.organ, ledger):
        total = ledger.cumulative(region)
        latest = ledger.cycles[-1].doses.get(region)
        if limit.span == "course":
            dose, bed, basis = total.dose_gy, total.bed_gy, given_basis(ledger, region)
        elif latest is not None:
            dose, bed, basis = latest.dose_gy, latest.bed_gy, f"cycle {ledger.cycles[-1].number} alone"
        else:
            continue
        quantity = _in_quantity(limit, region, dose, bed)
        if quantity is not None:
            found.append(Accumulation(region, limit, quantity, (), Uncertain(0.0), basis))
    return tuple(found)


def given_basis(ledger: Ledger, region: str) -> str:
    """Return which cycles the sum of a region counts, assumed ones marked, as ``2 cycles given, assumed: cycle 2``.

    References
    ----------
    [Gear2023]_
    """
    total = ledger.cumulative(region)
    return _basis(total.assumed, _given(ledger, total), 0)


def cycles_possible(
    ledger: Ledger,
    limits: Sequence[Limit],
    *,
    course: Course,
    activity_mbq: float,
    probability: float | None = None,
    tolerance: bool = False,
    first_cycle: FirstCycle | None = None,
) -> int:
    """Return how many more cycles of an activity stay within all limits.

    Parameters
    ----------
    ledger, limits, course, first_cycle
        As in :func:`accumulations`.
    activity_mbq : float
        Of each cycle, MBq.
    probability : float, optional
        Accepted probability of exceeding a limit; by default the best estimate counts.
    tolerance : bool
        Whether the tolerance that a limit is printed with is added to it.

    References
    ----------
    [deWit2023]_
    """
    raised = [_with_tolerance(limit) for limit in limits] if tolerance else limits
    most = int(load_number("cycles.yaml", "most_cycles"))
    for cycles in range(1, most + 1):
        found, _ = accumulations(ledger, raised, course=course, cycles=cycles, first_cycle=first_cycle)
        if probability is None:
            over = any(item.total(activity_mbq).value > item.limit.value_gy for item in found)
        else:
            over = probability_of_any(found, activity_mbq) > probability
        if over:
            return cycles - 1
    return most


def _predicts(record: FirstCycle, limit: Limit) -> bool:
    return limit.quantity == "absorbed-dose" and record.organ in (limit.organ, *parts_of(limit.organ))


def _predicted(ledger: Ledger, limit: Limit, record: FirstCycle, *, course: Course, cycles: int) -> Accumulation:
    """Return a limit by a stated regression: cycles that were given without dosimetry count by their activity."""
    given = [cycle.number for cycle in ledger.cycles]
    coming = range(ledger.next_number, ledger.next_number + cycles)
    doses = predicted_per_activity(record, course=course, numbers=(*given, *coming))
    past = sum(
        (dose * cycle.activity_mbq for dose, cycle in zip(doses, ledger.cycles, strict=False)), start=Uncertain(0.0)
    )
    basis = f"{_basis(tuple(given), len(given), cycles)}, by regression"
    return _accumulation(limit, Forecast(record.organ, doses[len(given) :], None), past, Uncertain(0.0), basis)


def _of_region(ledger: Ledger, limit: Limit, region: str, *, course: Course, cycles: int) -> Accumulation | None:
    forecast = forecast_region(ledger, region, course=course, cycles=cycles)
    total = ledger.cumulative(region)
    past = _in_quantity(limit, region, total.dose_gy, total.bed_gy)
    quadratic = Uncertain(0.0) if limit.quantity == "absorbed-dose" else forecast.quadratic_per_gy
    if past is None or quadratic is None:
        return None
    # EQD2 is BED in units of c: coming doses shrink by c as those of the past, and the quadratic factor grows by it.
    c = _fraction_factor(region) if limit.quantity == "EQD2" else 1.0
    scaled = Forecast(region, tuple(dose / c for dose in forecast.per_activity), None)
    return _accumulation(limit, scaled, past, quadratic * c, _basis(total.assumed, _given(ledger, total), cycles))


def _in_quantity(limit: Limit, region: str, dose: Uncertain, bed: Uncertain | None) -> Uncertain | None:
    """Return a dose in the quantity of a limit, ``None`` where that is not known."""
    if limit.quantity == "absorbed-dose":
        return dose
    if limit.quantity == "BED" or bed is None:
        return bed
    return bed / _fraction_factor(region)


def _fraction_factor(region: str) -> float:
    """Return BED over EQD2 of a region that has a BED, hence an α/β."""
    tissue = default_tissue(region)
    if tissue is None or tissue.alpha_beta is None:
        raise PlanError(
            f"A limit in EQD2 needs the α/β of '{region}', which no packaged tissue has: state the limit as BED.",
            code="alpha-beta-missing",
        )
    return 1 + _FRACTION_GY / tissue.alpha_beta.value


def _accumulation(limit: Limit, forecast: Forecast, past: Uncertain, quadratic: Uncertain, basis: str) -> Accumulation:
    if limit.span == "course":
        return Accumulation(forecast.region, limit, past, forecast.per_activity, quadratic, basis)
    return Accumulation(
        forecast.region, limit, Uncertain(0.0), forecast.per_activity[:1], quadratic, "the next cycle alone"
    )


def _given(ledger: Ledger, total: Cumulative) -> int:
    return len(ledger.cycles) - len(total.not_measured)


def _basis(assumed: tuple[int, ...], given: int, coming: int) -> str:
    text = f"{given} {'cycle' if given == 1 else 'cycles'} given" + (f" and {coming} to come" if coming else "")
    return f"{text}, assumed: cycle {', '.join(map(str, assumed))}" if assumed else text


def _with_tolerance(limit: Limit) -> Limit:
    return limit.model_copy(update={"value_gy": limit.value_gy + (limit.u_gy or 0.0)})
