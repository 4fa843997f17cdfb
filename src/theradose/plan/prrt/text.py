"""The plan of a therapy in cycles as what its reader sees: sentence, formulas and inputs.

References
----------
[deWit2023]_ The rules.
[Dale1985]_ The quadratic term.
"""

from __future__ import annotations

from theradose.biology.tissue import default_tissue
from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.model.plan import Formula, Plan, PlanInput, PlannedDose
from theradose.nuclides import Constant
from theradose.numbers import (
    NOT_STATED,
    format_deviation,
    format_given,
    format_given_percent,
    format_probability,
    words,
)
from theradose.plan.cycles.between_cycles import Course, Spread
from theradose.plan.cycles.cycle import day_words
from theradose.plan.cycles.ledger import Ledger
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.prrt.checks import trial_findings
from theradose.plan.prrt.document import plan_details
from theradose.plan.prrt.label import LabelRule, plan_level
from theradose.plan.prrt.outcome import Outcome
from theradose.plan.prrt.reasons import given_words, limit_words, refusal_words
from theradose.plan.prrt.tables import plan_tables
from theradose.plan.therapies import require_therapy
from theradose.plan.wording import activity_words, interval_words, subject_words, with_interval
from theradose.units import MBQ_PER_GBQ

_TITLE = "Next cycle under cumulative dose limits"


def describe(
    inputs: PrrtInput,
    ledger: Ledger,
    course: Course,
    planned: Outcome,
    doses: tuple[PlannedDose, ...],
    label: LabelRule,
    findings: tuple[Finding, ...],
) -> Plan:
    """Return the plan with its sentence, formulas, constants, tables and details.

    References
    ----------
    [deWit2023]_, [Dale1985]_
    """
    activity = planned.activity_mbq
    notes = () if planned.coming == 1 else (f"in each of {planned.coming} cycles",)
    if activity is not None and activity.value == label.most_mbq:
        notes = (*notes, f"the cap by the label ({label.cap})")
    level, general, above = plan_level(inputs, None if activity is None else activity.value, label)
    return Plan(
        planner="prrt",
        title=_TITLE,
        summary=_summary(ledger, planned, alpha=inputs.accepted_probability, most_mbq=label.most_mbq),
        activity_mbq=activity,
        doses=doses,
        formulas=_formulas(planned, style=inputs.style),
        constants=_constants(inputs, course, planned),
        inputs=_inputs(inputs, ledger, label),
        findings=(*findings, *above, *trial_findings(doses, style=inputs.style)),
        tables=plan_tables(planned, ledger, course, label),
        details=plan_details(inputs, ledger, course, planned, label),
        subject=subject_words(
            None if inputs.therapy is None else require_therapy(inputs.therapy).title,
            inputs.patient.id,
            f"cycle {ledger.next_number}",
        ),
        activity_meaning=f"Activity of cycle {ledger.next_number}",
        activity_notes=notes,
        accepted_probability=inputs.accepted_probability if _at_accepted(planned) else None,
        level=level,
        level_in_general=general,
    )


def _summary(ledger: Ledger, planned: Outcome, *, alpha: float | None, most_mbq: float | None) -> str:
    binding = planned.binding
    if planned.activity_mbq is None:
        if planned.refused_mbq is None or planned.allowed_mbq <= 0:
            return f"No further cycle fits: {given_words(binding)}, {interval_words(binding.past, 'Gy')}."
        refused = refusal_words(binding, alpha=alpha, refused_mbq=planned.refused_mbq, over=planned.over)
        return (
            f"{refused}, {interval_words(binding.total(planned.refused_mbq), 'Gy')}. A cycle of "
            f"{activity_words(planned.allowed_mbq)} would fit. So far {given_words(binding)}."
        )
    total = binding.total(planned.activity_mbq.value)
    cycles = "it" if planned.coming == 1 else f"{planned.coming} such cycles"
    complete = not any(term.not_stated for item in planned.over for term in (item.past, *item.coming))
    chance = (
        ""
        if planned.p_any is None
        else f"; the probability that any limit is exceeded is {_at_most(planned.p_any)}"
        + ("" if complete else ", by the uncertainties that are stated")
    )
    estimate = (
        "" if planned.accepted_mbq is None or not _estimate_counts(planned, most_mbq)
        else " The best estimate reaches the first limit with "
        f"{with_interval(planned.best_mbq / MBQ_PER_GBQ, 'GBq')}."
    )  # fmt: skip
    return (
        f"Cycle {ledger.next_number} with {activity_words(planned.activity_mbq.value)}: after {cycles} the "
        f"{words(binding.region)} would have {limit_words(binding, total.value)}, {interval_words(total, 'Gy')}, and "
        f"is nearest to its limit{chance}.{estimate}"
    )


def _estimate_counts(planned: Outcome, most_mbq: float | None) -> bool:
    """Return whether the sentence names what the best estimate leaves: beyond a cap it stays in a table."""
    return _at_accepted(planned) and (most_mbq is None or planned.best_mbq.value <= most_mbq)


def _at_accepted(planned: Outcome) -> bool:
    """Return whether the activity is that of the accepted probability, and not that of a cap or a style."""
    return planned.activity_mbq is not None and planned.activity_mbq.value == planned.accepted_mbq


def _at_most(probability: float) -> str:
    """Return ``at most 10 %``; a bound below what can be told stands alone."""
    text = format_probability(probability)
    return text.replace("<", "below") if text.startswith("<") else f"at most {text}"


def _formulas(planned: Outcome, *, style: str) -> tuple[Formula, ...]:
    by_cycles = "activity_mbq" in load_yaml("cycles.yaml")["styles"][style]["value"]
    found = [
        Formula(
            "n = max { n : S + n · s(A) ≤ S_lim }",
            "n further cycles of the activity A of the style, S sum of all cycles so far and s what one adds, in the "
            "quantity of the limit S_lim; planned while a next cycle fits",
            "Warfvinge2024, deWit2023: ILUMINET, cycles of 7.4 GBq until the cap is reached",
            "verified",
        )
        if by_cycles
        else Formula(
            "A = (D_lim − ΣD) / (n · d)",
            "D_lim limit, ΣD dose of all cycles so far, n cycles to come, d dose per activity to come: weighted mean "
            "of the measured cycles times the trend",
            "deWit2023: P-PRRT, cumulative dose over a number of cycles",
            "verified",
        )
    ]
    if any(item.limit.quantity != "absorbed-dose" for item in planned.over):
        solved = "" if by_cycles else ", and A solves the quadratic equation for what the limit leaves"
        found.append(
            Formula(
                "BED = D + k D², k = T_rep / ((T_rep + T_eff) α/β)",
                f"for one effective half-life T_eff; k of the measured cycles in general; BED adds over cycles{solved}",
                "Dale1985; deWit2023: ILUMINET, cap of the cumulative BED",
                "verified",
            )
        )
    if planned.p_any is not None or planned.accepted_mbq is not None:
        found.append(
            Formula(
                "P(D > D_lim) = Φ(ln(D/D_lim)/σ), σ² = ln(1 + u²/D²)",
                "D best estimate (median) and u standard uncertainty of the sum; added over regions and over dose and "
                "BED, of several limits on one sum the largest: an upper bound for any of them",
                "JCGM101",
                "choice",
            )
        )
    return tuple(found)


def _constants(inputs: PrrtInput, course: Course, planned: Outcome) -> tuple[Constant, ...]:
    data = load_yaml("cycles.yaml")
    alike: dict[Spread, list[str]] = {}
    for region in dict.fromkeys(item.region for item in planned.over):
        alike.setdefault(course.spread_of(region), []).append(region)
    found = [
        Constant(f"spread between cycles, {', '.join(map(words, regions))}", s.relative_u, "1", s.source, s.status, "")
        for s, regions in alike.items()
        if s.relative_u is not None
    ]
    if inputs.grade is not None and course.lesions:
        record = data["tumour_decline"]
        found.append(
            Constant(
                f"decline of the tumour dose per cycle, {inputs.grade}", course.decline, "1", record["source"],
                record["status"], record["edition"],
            )
        )  # fmt: skip
    for item in planned.over:
        if item.limit.quantity != "absorbed-dose" and (tissue := default_tissue(item.region)) is not None:
            found += tissue.constants
    return tuple(dict.fromkeys(found))


def _inputs(inputs: PrrtInput, ledger: Ledger, label: LabelRule) -> tuple[PlanInput, ...]:
    found = [PlanInput("style", inputs.style)]
    found += [
        PlanInput(
            ", ".join(filter(None, (f"cycle {cycle.number}", day_words(cycle)))),
            activity_words(cycle.activity_mbq),
            "dosimetry" if cycle.measured else "activity alone, doses assumed",
        )
        for cycle in ledger.cycles
    ]
    found += [
        PlanInput(words(name), _stated(value)) for name, value in inputs.risk_factors.model_dump().items()
        if value is not None
    ]  # fmt: skip
    if inputs.activity is not None:
        found.append(PlanInput("activity of a cycle", activity_words(inputs.activity)))
    if inputs.cycles_left is not None:
        found.append(PlanInput("cycles left", str(inputs.cycles_left)))
    if label.cap is not None and label.most_mbq is not None:
        source = "stated" if inputs.cap else "by default"
        found.append(PlanInput("cap of the activity", f"{label.cap}, {activity_words(label.most_mbq)}", source))
    elif inputs.cap == "none":
        found.append(PlanInput("cap of the activity", "none"))
    if inputs.accepted_probability is not None:
        accepted = format_given_percent(inputs.accepted_probability)
        found.append(PlanInput("accepted probability of exceeding a limit", accepted))
    for region, trend in inputs.trend.items():
        u = NOT_STATED if trend.absolute_u is None else format_given_percent(trend.absolute_u)
        found.append(PlanInput(f"trend of {words(region)}", f"{format_deviation(trend.per_cycle)} per cycle, u {u}"))
    for organ, absence in inputs.absent.items():
        found.append(PlanInput(f"{words(organ)} absent", f"from cycle {absence.from_cycle} on: {absence.reason}"))
    if inputs.first_cycle is not None:
        found.append(PlanInput("first cycle", "regression", inputs.first_cycle.source))
    return tuple(found)


def _stated(value: float | str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else format_given(value)
