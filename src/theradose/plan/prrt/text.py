"""The plan of a therapy in cycles as what its reader sees: sentence, formulas, tables and details.

References
----------
[deWit2023]_ The rules.
[Dale1985]_ The quadratic term.
"""

from __future__ import annotations

from theradose.biology.tissue import default_tissue
from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.model.plan import Formula, Plan, PlanInput, PlannedDose, PlanTable
from theradose.nuclides import Constant
from theradose.numbers import (
    NOT_STATED,
    UNKNOWN,
    format_deviation,
    format_given_percent,
    format_number,
    format_percent,
    words,
)
from theradose.plan.cycles.between_cycles import Course, Spread
from theradose.plan.cycles.cycle import CycleDose
from theradose.plan.cycles.ledger import Ledger
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.prrt.checks import trial_findings
from theradose.plan.prrt.document import plan_details
from theradose.plan.prrt.label import LabelRule, plan_level
from theradose.plan.prrt.outcome import Outcome
from theradose.plan.therapies import require_therapy
from theradose.plan.wording import activity_number, activity_words, subject_words, with_interval, with_u
from theradose.units import MBQ_PER_GBQ

_MARK = " *"
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
    level, above = plan_level(inputs, None if activity is None else activity.value, label)
    return Plan(
        planner="prrt",
        title=_TITLE,
        summary=_summary(ledger, planned),
        activity_mbq=activity,
        doses=doses,
        formulas=_formulas(planned),
        constants=_constants(inputs, course, planned),
        inputs=_inputs(inputs, ledger),
        findings=(*findings, *above, *trial_findings(doses, style=inputs.style)),
        tables=(_cycle_table(ledger), _sum_table(ledger), _left_table(planned)),
        details=plan_details(inputs, ledger, course, planned, label),
        subject=subject_words(
            None if inputs.therapy is None else require_therapy(inputs.therapy).title,
            inputs.patient.id,
            f"cycle {ledger.next_number}",
        ),
        activity_meaning=f"Activity of cycle {ledger.next_number}",
        accepted_probability=None if activity is None else inputs.accepted_probability,
        level=level,
    )


def _summary(ledger: Ledger, planned: Outcome) -> str:
    limit = planned.binding.limit
    quantity = "" if limit.quantity == "absorbed-dose" else f" {limit.quantity}"
    first = f"the {words(planned.binding.region)} ({limit.name}, {limit.value_gy:g} Gy{quantity})"
    if planned.activity_mbq is None:
        return f"No further cycle fits: the first limit reached is that of {first}."
    total = planned.binding.total(planned.activity_mbq.value)
    estimate = (
        "" if planned.accepted_mbq is None
        else f" By the best estimate the limit is met with {with_interval(planned.best_mbq / MBQ_PER_GBQ, 'GBq')}."
    )  # fmt: skip
    cycles = "it" if planned.coming == 1 else f"{planned.coming} such cycles"
    complete = not any(term.not_stated for item in planned.over for term in (item.past, *item.coming))
    chance = (
        ""
        if planned.p_any is None
        else f"; the probability that any limit is exceeded is at most {format_percent(planned.p_any)}"
        + ("" if complete else ", by the uncertainties that are stated")
    )
    return (
        f"Cycle {ledger.next_number} with {activity_words(planned.activity_mbq.value)}: after {cycles} the first "
        f"limit, that of {first}, meets a cumulative dose of {with_interval(total, 'Gy')}{chance}.{estimate}"
    )


def _formulas(planned: Outcome) -> tuple[Formula, ...]:
    found = [
        Formula(
            "A = (D_lim − ΣD) / (n · d)",
            "D_lim limit, ΣD dose of all cycles so far, n cycles to come, d dose per activity to come: weighted mean "
            "of the measured cycles times the trend",
            "deWit2023: P-PRRT, cumulative dose over a number of cycles",
            "verified",
        )
    ]
    if any(item.limit.quantity != "absorbed-dose" for item in planned.over):
        found.append(
            Formula(
                "BED = D + k D², k = T_rep / ((T_rep + T_eff) α/β)",
                "for one effective half-life T_eff; k of the measured cycles in general; BED adds over cycles, and A "
                "solves the quadratic equation for what the limit leaves",
                "Dale1985; deWit2023: ILUMINET, cap of the cumulative BED",
                "verified",
            )
        )
    if planned.p_any is not None:
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


def _inputs(inputs: PrrtInput, ledger: Ledger) -> tuple[PlanInput, ...]:
    found = [PlanInput("style", inputs.style)]
    found += [
        PlanInput(
            f"cycle {cycle.number}",
            activity_words(cycle.activity_mbq),
            "dosimetry" if cycle.measured else "activity alone, doses assumed",
        )
        for cycle in ledger.cycles
    ]
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


def _cycle_table(ledger: Ledger) -> PlanTable:
    rows = [
        (str(cycle.number), activity_number(cycle.activity_mbq),
         *(_cell(cycle.doses.get(region), region in ledger.absent) for region in ledger.regions))
        for cycle in ledger.cycles
    ]  # fmt: skip
    return PlanTable(
        "Dose by cycle, Gy", ("cycle", "GBq", *map(words, ledger.regions)), tuple(rows), ("* assumed, not measured.",)
    )


def _cell(dose: CycleDose | None, absent: bool) -> str:
    if dose is None:
        return "absent" if absent else "not measured"
    return with_u(dose.dose_gy) + (_MARK if dose.basis == "assumed" else "")


def _sum_table(ledger: Ledger) -> PlanTable:
    rows = []
    for region in ledger.regions:
        total = ledger.cumulative(region)
        rows.append(
            (
                words(region),
                with_u(total.dose_gy) + (_MARK if total.assumed else ""),
                format_number(total.u_all_shared, digits=2) if total.dose_gy.contributions else UNKNOWN,
                format_number(total.u_all_independent, digits=2) if total.dose_gy.contributions else UNKNOWN,
                with_u(total.bed_gy),
            )
        )
    return PlanTable(
        "Cumulative dose, Gy",
        ("region", "dose", "u, all shared", "u, all independent", "BED"),
        tuple(rows),
        (
            "* with assumed cycles. The stated u follows the rule which sources cycles share; beside it, if all were "
            "shared, and if none.",
        ),
    )


def _left_table(planned: Outcome) -> PlanTable:
    """Return what the limits leave, by the best estimate and at the accepted probability."""
    last = (planned.next_best_mbq.value, planned.next_accepted_mbq)
    each = (planned.best_mbq.value, planned.accepted_mbq)
    counted = activity_words(planned.counted_mbq)
    rows = [
        ("next cycle if it is the last, GBq", *map(activity_number, last)),
        (f"each of {planned.coming} cycles, GBq", *map(activity_number, each)),
        (f"further cycles of {counted}", *(_count(planned, way) for way in ("best", "accepted"))),
    ]
    rows = rows[: 3 if planned.possible else 2]
    if "with_tolerance" in planned.possible:
        rows.append(("the same up to the tolerance of the limit", _count(planned, "with_tolerance"), UNKNOWN))
    return PlanTable("What the limits leave", ("", "best estimate", "accepted probability"), tuple(rows))


def _count(planned: Outcome, way: str) -> str:
    return str(planned.possible[way]) if way in planned.possible else UNKNOWN
