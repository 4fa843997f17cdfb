"""The next cycle of a therapy in cycles, from what was given so far.

References
----------
[deWit2023]_ A prescribed cumulative dose over a number of cycles (P-PRRT), and cycles until a cap (ILUMINET).
[Konijnenberg2021]_ Levels of Article 56.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import Plan, PlannedDose
from theradose.model.region import RegionKind
from theradose.plan.cycles.accumulation import Accumulation, accepted_activity, probability_of_any
from theradose.plan.cycles.between_cycles import Course, patient_course
from theradose.plan.cycles.cycle import Cycle
from theradose.plan.cycles.forecast import forecast_region
from theradose.plan.cycles.ledger import Ledger, build_ledger
from theradose.plan.cycles.limits import accumulations, cycles_possible, given_basis, limits_that_bind
from theradose.plan.cycles.names import canonical_choice, name_findings
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.planners import planners
from theradose.plan.probability import probability_above
from theradose.plan.prrt.checks import activity_findings, history_findings, partner_findings, unused_findings
from theradose.plan.prrt.label import LabelRule, label_rule
from theradose.plan.prrt.outcome import Outcome
from theradose.plan.prrt.styles import default_limits
from theradose.plan.prrt.text import describe
from theradose.plan.wording import activity_words
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class PrrtRequest:
    """What the planner takes: the input with its files read.

    Attributes
    ----------
    inputs : PrrtInput
        As stated.
    cycles : tuple of Cycle
        The history; a cycle without doses had no dosimetry.
    limits : tuple of Limit or None
        Named or stated ones; ``None`` takes those of the style.
    findings : tuple of Finding
        Of reading the history.
    """

    inputs: PrrtInput
    cycles: tuple[Cycle, ...]
    limits: tuple[Limit, ...] | None = None
    findings: tuple[Finding, ...] = ()


@planners.register(
    "prrt", summary="Next cycle and cycles left under cumulative dose limits of organs", citation="deWit2023"
)
def plan_prrt(request: PrrtRequest) -> Plan:
    """Plan the next cycle.

    Parameters
    ----------
    request : PrrtRequest
        Input and history.

    Returns
    -------
    Plan
        The activity of the next cycle: of the best estimate, or that of the accepted probability where one is stated.

    Raises
    ------
    PlanError
        ``nothing-measured``, ``no-limit``, ``cycles-left``, ``cycle-missing``, ``uncertainty-missing``, and those of
        the ledger.

    References
    ----------
    [deWit2023]_, [Konijnenberg2021]_
    """
    inputs = canonical_choice(request.inputs)
    course = patient_course(request.cycles, inputs)
    ledger = build_ledger(request.cycles, course=course, absent=inputs.absent)
    if not ledger.regions and inputs.first_cycle is None:
        raise PlanError(
            "No cycle of the history has a dose: give a result or doses of one cycle, or a 'first_cycle' regression "
            "with its source.",
            code="nothing-measured",
        )
    if unknown := ledger.unknown_cycles:
        raise PlanError(
            f"Nothing is known of cycle {', '.join(map(str, unknown))}, whose dose would be missing from the sum: add "
            f"it to 'history' by its activity, as {{cycle: {unknown[0]}, activity: 7.4 GBq}}.",
            code="cycle-missing",
        )
    limits, noticed = (request.limits, ()) if request.limits is not None else default_limits(inputs)
    limits, unfit = limits_that_bind(limits, therapy=inputs.therapy)
    findings = [*request.findings, *ledger.findings, *noticed, *unfit]
    findings += (*name_findings(inputs, regions=ledger.regions), *unused_findings(inputs, ledger))
    findings += partner_findings(ledger)
    findings += history_findings(ledger, therapy=inputs.therapy)
    label = label_rule(inputs)
    planned = _plan_activity(inputs, ledger, limits, course, label)
    findings += planned.findings
    findings += activity_findings(
        None if planned.activity_mbq is None else planned.activity_mbq.value, style=inputs.style
    )
    doses = (*_cumulative_doses(planned, ledger), *_next_doses(planned, ledger, course))
    return describe(inputs, ledger, course, planned, doses, label, tuple(dict.fromkeys(findings)))


def _plan_activity(
    inputs: PrrtInput, ledger: Ledger, limits: Sequence[Limit], course: Course, label: LabelRule
) -> Outcome:
    next_alone, findings = accumulations(ledger, limits, course=course, cycles=1, first_cycle=inputs.first_cycle)
    if not next_alone:
        raise PlanError(
            "No limit can be compared with a measured organ: name limits of organs that the history has doses of.",
            code="no-limit",
        )
    fixed = _fixed_activity(inputs)
    coming = 1 if fixed is not None else _cycles_left(inputs, ledger)
    over = next_alone if coming == 1 else accumulations(
        ledger, limits, course=course, cycles=coming, first_cycle=inputs.first_cycle
    )[0]  # fmt: skip
    alpha = inputs.accepted_probability
    binding = min(over, key=lambda item: item.best_activity().value)
    best = binding.best_activity()
    accepted = None if alpha is None else accepted_activity(over, probability=alpha)
    allowed = best if accepted is None else Uncertain(accepted)
    activity: Uncertain | None = allowed if allowed.value > 0 else None
    if fixed is not None:
        activity = Uncertain(fixed) if allowed.value >= fixed else None
    more = list(findings)
    if activity is None:
        more.append(_reached(binding, alpha))
    elif label.most_mbq is not None and activity.value > label.most_mbq:
        more.append(_capped(activity.value, label.most_mbq, label.cap))
        activity = Uncertain(label.most_mbq)
    counted_mbq = fixed if fixed is not None else inputs.activity or label.activity_mbq or 0.0
    return Outcome(
        over=over,
        coming=coming,
        binding=binding,
        activity_mbq=activity,
        best_mbq=best,
        accepted_mbq=accepted,
        next_best_mbq=min((item.best_activity() for item in next_alone), key=lambda value: value.value),
        next_accepted_mbq=None if alpha is None else accepted_activity(next_alone, probability=alpha),
        p_any=None if activity is None or not all(item.uncertain for item in over)
        else probability_of_any(over, activity.value),
        counted_mbq=counted_mbq,
        possible=_possible(inputs, ledger, limits, course, counted_mbq),
        findings=tuple(more),
    )  # fmt: skip


def _possible(
    inputs: PrrtInput, ledger: Ledger, limits: Sequence[Limit], course: Course, activity_mbq: float
) -> dict[str, int]:
    """Return how many cycles of an activity fit, by the best estimate, with tolerances, by the accepted probability."""
    if not activity_mbq:
        return {}
    ways: dict[str, dict[str, object]] = {"best": {}}
    if any(limit.u_gy for limit in limits):
        ways["with_tolerance"] = {"tolerance": True}
    if inputs.accepted_probability is not None:
        ways["accepted"] = {"probability": inputs.accepted_probability}
    return {
        name: cycles_possible(
            ledger, limits, course=course, activity_mbq=activity_mbq, first_cycle=inputs.first_cycle,
            probability=inputs.accepted_probability if name == "accepted" else None, tolerance=name == "with_tolerance",
        )
        for name in ways
    }  # fmt: skip


def _fixed_activity(inputs: PrrtInput) -> float | None:
    """Return the activity of every cycle where the style does not choose it."""
    style = load_yaml("cycles.yaml")["styles"][inputs.style]["value"]
    if "activity_mbq" not in style:
        return None
    return inputs.activity or float(style["activity_mbq"])


def _cycles_left(inputs: PrrtInput, ledger: Ledger) -> int:
    if inputs.cycles_left is not None:
        return inputs.cycles_left
    planned = int(load_yaml("cycles.yaml")["styles"][inputs.style]["value"]["cycles"])
    left = planned - (ledger.next_number - 1)
    if left < 1:
        raise PlanError(
            f"The {planned} cycles of the style {inputs.style} are given: state 'cycles_left' to plan a further one.",
            code="cycles-left",
        )
    return left


def _cumulative_doses(planned: Outcome, ledger: Ledger) -> list[PlannedDose]:
    activity_mbq = 0.0 if planned.activity_mbq is None else planned.activity_mbq.value
    doses = []
    for item in planned.over:
        total = item.total(activity_mbq)
        doses.append(
            PlannedDose(
                item.region,
                total,
                item.limit.quantity,
                item.limit,
                probability_above(total, item.limit.value_gy),
                item.basis if planned.activity_mbq is not None else _basis_without_activity(item, ledger),
            )
        )
    return doses


def _basis_without_activity(item: Accumulation, ledger: Ledger) -> str:
    if item.limit.span != "course" or item.region not in ledger.regions:
        return "without a further cycle"
    return f"{given_basis(ledger, item.region)}; without a further one"


def _next_doses(planned: Outcome, ledger: Ledger, course: Course) -> list[PlannedDose]:
    """Return what the next cycle alone gives to each organ under a limit, and to each lesion that is still there."""
    if planned.activity_mbq is None:
        return []
    activity_mbq = planned.activity_mbq.value
    organs = {item.region: item.coming[0] for item in planned.over}
    lesions = {
        region: forecast_region(ledger, region, course=course, cycles=1).per_activity[0]
        for region in ledger.regions
        if ledger.kind(region) is RegionKind.LESION and ledger.present(region)
    }
    return [
        PlannedDose(region, per_activity * activity_mbq, basis=f"cycle {ledger.next_number} alone")
        for region, per_activity in (organs | lesions).items()
    ]


def _reached(binding: Accumulation, alpha: float | None) -> Finding:
    under = "by the best estimate" if alpha is None else f"at an accepted probability of {alpha:.3g}"
    return Finding(
        "limit-reached",
        "critical",
        f"No further cycle fits under the limit '{binding.limit.name}' {under}: {binding.past.value:.3g} of "
        f"{binding.limit.value_gy:g} Gy are given.",
        binding.region,
    )


def _capped(activity_mbq: float, most_mbq: float, cap: str | None) -> Finding:
    return Finding(
        "activity-capped",
        "info",
        f"The limits leave {activity_words(activity_mbq)}, but 'cap: {cap}' allows {activity_words(most_mbq)}.",
    )
