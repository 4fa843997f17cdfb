"""The cycles of a study: its own doses and those of earlier cycles, added up beside limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.result import Result
from theradose.model.result_cycles import CyclesResult, LimitResult
from theradose.numbers import words
from theradose.plan.cycles.accumulation import Accumulation
from theradose.plan.cycles.between_cycles import patient_course
from theradose.plan.cycles.cycle import Cycle
from theradose.plan.cycles.document import ledger_result
from theradose.plan.cycles.ledger import Ledger, build_ledger
from theradose.plan.cycles.limits import (
    limits_that_bind,
    not_evaluated,
    past_against,
)
from theradose.plan.cycles.names import canonical_choice, name_findings
from theradose.plan.cycles.regions import method_findings, methods_of, regions_beside_limit
from theradose.plan.limits import external_beam_findings, limit_named
from theradose.plan.probability import probability_above
from theradose.workflow.case import Case
from theradose.workflow.ledger import cycle_of_result, read_cycle_result, require_one_course, restated_findings
from theradose.workflow.limit_files import limits_with_files


@dataclass(frozen=True, slots=True)
class CyclesOutcome:
    """Ledger, limits and findings of a study; no ledger where it has no dose."""

    cycles: CyclesResult | None = None
    limits: tuple[LimitResult, ...] = ()
    findings: tuple[Finding, ...] = ()


def check_cycles(case: Case) -> None:
    """Refuse limits that nobody knows and results of another course, before any image is read.

    Raises
    ------
    PlanError
        For limits that are not known or cannot be read.
    StudyError
        For earlier results that cannot be read, or are of another patient, therapy or nuclide.
    """
    _limits(case)
    given = [case.study_file.resolve(cycle.result) for cycle in case.study.previous_cycles if cycle.result is not None]
    require_one_course(
        [read_cycle_result(path) for path in given],
        patient=case.study.patient.id, therapy=case.study.therapy, nuclide=case.nuclide.name,
    )  # fmt: skip


def evaluate_cycles(case: Case, result: Result) -> CyclesOutcome:
    """Return the cumulative doses of the patient against the limits of the study or those of its therapy.

    Parameters
    ----------
    case : Case
        The study.
    result : Result
        Its doses.

    Raises
    ------
    StudyError
        For an earlier result that cannot be read, or a cycle that is given twice.
    """
    study = case.study
    number = study.cycle or max((cycle.cycle for cycle in study.previous_cycles), default=0) + 1
    present = cycle_of_result(result, number=number, activity_mbq=case.net_activity_mbq)
    if not present.doses:
        return CyclesOutcome()
    limits, unfit = limits_that_bind(_limits(case), therapy=study.therapy)
    earlier, restated = _earlier(case)
    cycles = (*earlier, present)
    choice = canonical_choice(study.cycles, names=study.names)
    ledger = build_ledger(cycles, course=patient_course(cycles, choice), absent=choice.absent)
    compared = [item for limit in limits for item in past_against(ledger, limit)]
    return CyclesOutcome(
        ledger_result(ledger),
        tuple(_limit_result(item) for item in compared),
        (
            *restated, *ledger.findings, *name_findings(choice, regions=ledger.regions), *unfit,
            *_not_compared(case, limits, compared), *method_findings(compared), *_beside(ledger, limits),
            *_limit_findings(compared),
        ),
    )  # fmt: skip


def _earlier(case: Case) -> tuple[tuple[Cycle, ...], tuple[Finding, ...]]:
    """Return the cycles before that of the study, and what is odd about them."""
    cycles: list[Cycle] = []
    findings: list[Finding] = []
    for given in case.study.previous_cycles:
        if given.result is None:
            cycles.append(Cycle(given.cycle, given.activity, given.start, {}))
            continue
        known = read_cycle_result(case.study_file.resolve(given.result))
        cycles.append(cycle_of_result(known, number=given.cycle, activity_mbq=given.activity, start=given.start))
        findings += restated_findings(known, number=given.cycle, activity_mbq=given.activity, start=given.start)
    return tuple(cycles), tuple(findings)


def _not_compared(case: Case, limits: Sequence[Limit], compared: Sequence[Accumulation]) -> list[Finding]:
    """Return which limits that the study names meet no dose; those of its therapy are there for what was measured."""
    if case.study.limits is None:
        return []
    met = {item.limit.name for item in compared}
    return [
        not_evaluated(limit, f"no {limit.quantity} of '{limit.organ}' is known", severity="critical")
        for limit in limits
        if limit.name not in met
    ]


def _beside(ledger: Ledger, limits: Sequence[Limit]) -> list[Finding]:
    """Return where a limit does not bind on a dose to the same organ by another method, which has no row of its own."""
    return [
        Finding(
            "limit-not-binding",
            "info",
            f"The limit '{limit.name}' is not compared with the {ledger.cumulative(region).dose_gy.value:.3g} Gy to "
            f"the {words(region)}, because it comes from doses as of the {words(methods_of(limit.organ)[0])}.",
            region,
        )
        for limit in limits
        for region in regions_beside_limit(limit.organ, ledger)
    ]


def _limits(case: Case) -> tuple[Limit, ...]:
    study = case.study
    if study.limits is not None:
        return limits_with_files(study.limits, case.study_file.folder)
    names = load_yaml("cycles.yaml")["reported"]["value"].get(study.therapy, ())
    return tuple(limit_named(name) for name in names)


def _limit_result(item: Accumulation) -> LimitResult:
    limit, total = item.limit, item.past
    return LimitResult(
        organ=limit.organ,
        region=item.region,
        name=limit.name,
        quantity=limit.quantity,
        limit_gy=limit.value_gy,
        range_gy=limit.range_gy,
        cumulative_gy=total.value,
        cumulative_u_gy=total.u if total.contributions else None,
        margin_gy=limit.value_gy - total.value,
        p_exceed=probability_above(total, limit.value_gy),
        basis=item.basis,
        condition=limit.condition,
        origin=limit.origin,
        source=limit.source,
        status=limit.status,
    )


def _limit_findings(compared: list[Accumulation]) -> list[Finding]:
    findings = [
        Finding(
            "dose-above-limit",
            "warning",
            f"The cumulative {item.limit.quantity} of {item.past.value:.3g} Gy is above {item.limit.value_gy:g} Gy "
            f"({item.limit.name}: {item.limit.condition or 'no condition stated'}).",
            item.region,
        )
        for item in compared
        if item.past.value > item.limit.value_gy
    ]
    return [*findings, *external_beam_findings((item.limit for item in compared), severity="info")]
