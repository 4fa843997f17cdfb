"""Level 1: what a patient is expected to receive, from the activity and published doses alone.

References
----------
[Konijnenberg2021]_ Level 1: prescription by activity, within its tolerance, dosimetry of a cohort and verification.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from theradose.model.document import pair_document
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import Formula, Plan
from theradose.model.protocol import Therapy
from theradose.nuclides import Constant
from theradose.numbers import format_deviation, format_given_percent, words
from theradose.plan.article56 import (
    Deviation,
    RequiredLevel,
    above_label_findings,
    activity_deviation,
    article56_constant,
    label_activity_mbq,
    label_constants,
    label_deviation,
    required_level,
)
from theradose.plan.body import check_body
from theradose.plan.inputs.level1 import Level1Input
from theradose.plan.level1.doses import (
    ExcessDose,
    ExpectedOrgan,
    administered,
    circulating,
    course_activity,
    disagreement_findings,
    excess_doses,
    expected_doses,
    expected_organs,
    organ_limits,
)
from theradose.plan.level1.extravasation import (
    site_constants,
    site_doses,
    site_findings,
    site_formulas,
    site_notes,
)
from theradose.plan.level1.text import (
    excess_table,
    range_table,
    stated_inputs,
    subject,
    summary_words,
    title_words,
)
from theradose.plan.limits import limited_with, resolve_limits
from theradose.plan.planners import planners
from theradose.plan.plausible import implausible_activity
from theradose.plan.reference_ranges import pooling_statement
from theradose.plan.therapies import require_therapy

_STATUSES = ("verified", "choice", "unverified")


@planners.register(
    "level1",
    summary="Expected organ doses from the activity and published doses, without images",
    citation="Konijnenberg2021",
)
def plan_level1(request: Level1Input) -> Plan:
    """Return what a patient is expected to receive, or received by accident.

    Parameters
    ----------
    request : Level1Input
        Administration, intention and status of the verification.

    Raises
    ------
    PlanError
        ``limit-unknown``.

    References
    ----------
    [Konijnenberg2021]_
    """
    therapy = require_therapy(request.therapy)
    organs = expected_organs(therapy=request.therapy)
    given_mbq = request.activity.value
    intended = (
        None
        if request.intended_activity is None
        else activity_deviation(given_mbq=given_mbq, intended_mbq=request.intended_activity)
    )
    label_mbq = label_activity_mbq(stated_mbq=request.label_activity, label=therapy.label)
    above_label = None if label_mbq is None else label_deviation(given_mbq=given_mbq, label_mbq=label_mbq)
    level = required_level(
        therapy=therapy,
        above_label=above_label is not None and not above_label.within,
        off_label=request.off_label,
        child=request.child,
        prescribed="activity",
        not_met=tuple(_not_met(request, intended)),
    )
    stated = resolve_limits(request.limits) if request.limits else None
    doses = tuple(dose for organ in organs for dose in expected_doses(organ=organ, request=request, stated=stated))
    at_site = site_doses(request=request)
    as_meant = request.purpose == "routine" and request.at_injection_site is None
    excess = () if as_meant else excess_doses(organs=organs, request=request)
    check_body(weight_kg=request.patient.weight, height_cm=request.patient.height)
    return Plan(
        planner="level1",
        title=title_words(purpose=request.purpose),
        summary=summary_words(request=request, therapy=therapy, doses=doses, excess=excess, at_site=at_site),
        activity_mbq=administered(request=request),
        activity_meaning="Administered activity",
        activity_notes=site_notes(request=request),
        doses=(*at_site, *doses),
        formulas=(*_formulas(excess), *site_formulas(request=request)),
        constants=(*_constants(organs, therapy), *site_constants(request=request)),
        inputs=stated_inputs(request=request, intended=intended, above_label=above_label, label_mbq=label_mbq),
        tables=(
            *((excess_table(excess=excess),) if excess else ()), *((range_table(organs=organs),) if organs else ())
        ),
        details=_details(request, intended, above_label, level, excess),
        findings=(
            *_plausibility_findings(request, label_mbq),
            *_activity_findings(request, therapy, intended, above_label),
            *site_findings(request=request),
            *_verification_findings(request),
            *_dose_findings(request, therapy, organs),
        ),
        subject=subject(request=request, therapy=therapy),
        level=level.statement,
        level_in_general=level.general,
    )  # fmt: skip


def _not_met(request: Level1Input, intended: Deviation | None) -> Iterator[str]:
    """Yield why this administration is not the one that level 1 is about: prescribed, and given as prescribed."""
    if intended is None:
        yield "no activity was intended"
        return
    if request.purpose != "routine":
        yield f"the exposure was {request.purpose}"
    within = f"level 1 holds within ±{format_given_percent(intended.tolerated)}"
    if not intended.within:
        yield f"the administered activity differs by {format_deviation(intended.relative)} ({within})"
    elif request.at_injection_site is not None and request.intended_activity is not None:
        reached = activity_deviation(
            given_mbq=circulating(request=request).value, intended_mbq=request.intended_activity
        )
        if not reached.within:
            yield f"the activity in the circulation differs by {format_deviation(reached.relative)} ({within})"


def _plausibility_findings(request: Level1Input, label_mbq: float | None) -> Iterator[Finding]:
    stated = {
        "administered activity": request.activity.value,
        "intended activity": request.intended_activity,
        **{f"activity of cycle {number}": before for number, before in enumerate(request.previous_activities, 1)},
    }
    for name, activity_mbq in stated.items():
        if activity_mbq is not None:
            yield from implausible_activity(name=name, activity_mbq=activity_mbq, label_mbq=label_mbq)


def _formulas(excess: Sequence[ExcessDose]) -> tuple[Formula, ...]:
    rule = pooling_statement()
    expected = Formula(
        "D = d · A",
        "d: mean of the published doses per activity, its ± the spread between patients, the same in all cycles; A: "
        "activity of this cycle or of all",
        f"Konijnenberg2021: level 1; {rule.source}",
        rule.status,
    )
    beyond = Formula(
        "ΔD = d · (A − A₀)",
        "A₀: intended activity, 0 if none was",
        "Theradose: difference of two expected doses",
        "choice",
    )
    return (expected, beyond) if excess else (expected,)


def _constants(organs: Sequence[ExpectedOrgan], therapy: Therapy) -> Iterator[Constant]:
    for organ in organs:
        rows = organ.expected.rows
        mean = organ.expected.dose_per_activity_gy_gbq
        yield Constant(
            f"dose per activity, {words(organ.target)}",
            float(f"{mean.value:.4g}"),
            "Gy/GBq",
            "; ".join(dict.fromkeys(row.source for row in rows)),
            max((row.status for row in rows), key=_STATUSES.index),
            max(row.edition for row in rows),
            mean.u if mean.contributions else None,
        )
    yield article56_constant(name="activity_tolerance")
    if therapy.label is not None:
        yield article56_constant(name="above_label")
        yield from label_constants(label=therapy.label)


def _details(
    request: Level1Input,
    intended: Deviation | None,
    above_label: Deviation | None,
    level: RequiredLevel,
    excess: Sequence[ExcessDose],
) -> dict[str, Any]:
    image = request.verification_image
    return {
        "therapy": request.therapy,
        "purpose": request.purpose,
        "description": request.description,
        "intended_activity_mbq": request.intended_activity,
        "deviation_from_intended": None if intended is None else intended.relative,
        "within_tolerance": None if intended is None else intended.within,
        "deviation_from_label": None if above_label is None else above_label.relative,
        "levels": list(level.levels),
        "standardised": level.standardised,
        "reasons": list(level.reasons),
        "circulating_activity_mbq": circulating(request=request).value,
        "course_activity_mbq": course_activity(request=request).value,
        "verification_image": None if image is None else image.model_dump(mode="json"),
        "excess": [
            {
                "target": item.target,
                "intended_gy": pair_document(item.intended_gy),
                "received_gy": pair_document(item.received_gy),
                "excess_gy": pair_document(item.excess_gy),
            }
            for item in excess
        ],
    }


def _activity_findings(
    request: Level1Input, therapy: Therapy, intended: Deviation | None, above_label: Deviation | None
) -> Iterator[Finding]:
    if intended is not None and not intended.within:
        yield Finding(
            "activity-outside-tolerance",
            "warning",
            f"The administered activity differs by {format_deviation(intended.relative)} from the intended one; "
            f"level 1 of Article 56 holds within ±{format_given_percent(intended.tolerated)} (Konijnenberg2021).",
        )
    yield from above_label_findings(deviation=above_label)
    if therapy.label is not None and request.cycles > therapy.label.cycles:
        yield Finding(
            "cycles-above-label",
            "warning",
            f"{request.cycles} cycles are more than the {therapy.label.cycles} of the label ({therapy.label.product}).",
        )


def _verification_findings(request: Level1Input) -> Iterator[Finding]:
    image = request.verification_image
    if image is None or not image.done:
        status = "not stated" if image is None else "not done"
        yield Finding(
            "verification-missing",
            "warning",
            f"The verification image is {status}: Article 56 asks that the delivery is verified at every level.",
        )
    elif not image.finding:
        yield Finding("verification-missing", "info", "The verification image was done, its finding is not stated.")


def _dose_findings(request: Level1Input, therapy: Therapy, organs: Sequence[ExpectedOrgan]) -> Iterator[Finding]:
    if not organs:
        yield Finding(
            "no-reference-doses",
            "warning",
            f"The table holds no organ dose per activity for {therapy.title}: nothing is said about its organs.",
        )
        return
    yield Finding(
        "doses-of-a-cohort",
        "info",
        "The doses are averages of published patients; that of this patient is known only after a measurement.",
    )
    yield from disagreement_findings(organs=organs)
    stated = resolve_limits(request.limits) if request.limits else None
    left_out = {
        limit.name
        for organ in organs
        for limit in organ_limits(organ=organ, therapy=request.therapy, stated=stated)
        if limit.quantity != "absorbed-dose"
    }
    if stated is not None:
        yield from _limits_without_dose(stated, organs)
    if left_out:
        yield Finding(
            "limit-needs-kinetics",
            "info",
            "A biologically effective dose needs the kinetics of the patient: not compared with "
            f"{', '.join(sorted(left_out))}.",
        )


def _limits_without_dose(stated: Sequence[Limit], organs: Sequence[ExpectedOrgan]) -> Iterator[Finding]:
    regions = dict.fromkeys(organ.expected.organ for organ in organs)
    for limit in stated:
        if not any(limit.organ in limited_with(region) for region in regions):
            yield Finding(
                "limit-without-dose",
                "warning",
                f"The limit '{limit.name}' is compared with nothing, because the table holds no dose of "
                f"'{limit.organ}': it holds {', '.join(regions)}.",
                limit.organ,
            )
