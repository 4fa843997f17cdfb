"""The next cycle of a therapy in cycles, from what was given so far.

References
----------
[deWit2023]_ A prescribed cumulative dose over a number of cycles (P-PRRT), and cycles until a cap (ILUMINET).
[Konijnenberg2021]_ Levels of Article 56.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import Plan
from theradose.plan.cycles.accumulation import accepted_activity, probability_of_any
from theradose.plan.cycles.between_cycles import Course, patient_course
from theradose.plan.cycles.cycle import Cycle
from theradose.plan.cycles.ledger import Ledger, build_ledger, order_words, pair_words
from theradose.plan.cycles.limits import (
    accumulations,
    by_other_methods,
    cycles_possible,
    limits_that_bind,
)
from theradose.plan.cycles.names import canonical_choice, name_findings
from theradose.plan.cycles.regions import method_findings
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.planners import planners
from theradose.plan.prrt.checks import (
    activity_findings,
    history_findings,
    partner_findings,
    recognition_findings,
    unused_findings,
)
from theradose.plan.prrt.doses import planned_doses
from theradose.plan.prrt.label import LabelRule, label_rule
from theradose.plan.prrt.outcome import Outcome
from theradose.plan.prrt.reasons import beside_findings, capped_finding, reached_finding
from theradose.plan.prrt.styles import default_limits, style_findings
from theradose.plan.prrt.text import describe
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
        ``nothing-measured``, ``no-limit``, ``cycles-left``, ``cycle-missing``, ``cycle-order``, ``pair-beside-side``,
        ``uncertainty-missing``, and those of the ledger.

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
    if (swapped := ledger.out_of_order) is not None:
        raise PlanError(order_words(*swapped), code="cycle-order")
    if (mixed := ledger.pair_beside_side) is not None:
        raise PlanError(pair_words(*mixed), code="pair-beside-side")
    limits, noticed = (request.limits, ()) if request.limits is not None else default_limits(inputs)
    limits, unfit = limits_that_bind(limits, therapy=inputs.therapy)
    findings = [*request.findings, *ledger.findings, *noticed, *unfit]
    findings += style_findings(inputs, own_limits=request.limits is not None)
    findings += (*name_findings(inputs, regions=ledger.regions), *unused_findings(inputs, ledger))
    findings += (*partner_findings(ledger, limited={limit.organ for limit in limits}), *recognition_findings(ledger))
    findings += history_findings(ledger, therapy=inputs.therapy)
    label = label_rule(inputs)
    asked = () if request.limits is None else tuple(limit.name for limit in request.limits)
    planned = _plan_activity(inputs, ledger, limits, course, label, asked)
    findings += planned.findings
    findings += activity_findings(
        None if planned.activity_mbq is None else planned.activity_mbq.value, style=inputs.style
    )
    doses = planned_doses(planned, ledger, course)
    return describe(inputs, ledger, course, planned, doses, label, tuple(dict.fromkeys(findings)))


def _plan_activity(
    inputs: PrrtInput,
    ledger: Ledger,
    limits: Sequence[Limit],
    course: Course,
    label: LabelRule,
    asked: Collection[str],
) -> Outcome:
    next_alone, findings = accumulations(
        ledger, limits, course=course, cycles=1, first_cycle=inputs.first_cycle, asked=asked
    )
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
    beside = by_other_methods(ledger, limits, course=course, cycles=coming)
    alpha = inputs.accepted_probability
    binding = min(over, key=lambda item: item.best_activity().value)
    best = binding.best_activity()
    accepted = None if alpha is None else accepted_activity(over, probability=alpha)
    allowed = best if accepted is None else Uncertain(accepted)
    activity: Uncertain | None = allowed if allowed.value > 0 else None
    wanted = None
    if fixed is not None:
        wanted = fixed if label.most_mbq is None else min(fixed, label.most_mbq)
        activity = Uncertain(wanted) if allowed.value >= wanted else None
    more = [*findings, *method_findings(over), *beside_findings(beside, coming=coming, alpha=alpha)]
    if activity is None:
        more.append(reached_finding(binding, alpha=alpha, refused_mbq=wanted, over=over, allowed_mbq=allowed.value))
    elif label.most_mbq is not None and max(activity.value, fixed or 0.0) > label.most_mbq:
        more.append(capped_finding(max(activity.value, fixed or 0.0), label))
        activity = Uncertain(label.most_mbq)
    counted_mbq = wanted or inputs.activity or label.activity_mbq or 0.0
    return Outcome(
        over=over,
        coming=coming,
        binding=binding,
        beside=beside,
        activity_mbq=activity,
        refused_mbq=wanted if activity is None else None,
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
