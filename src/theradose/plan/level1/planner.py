"""Level 1: what a patient is expected to receive, from the activity and published doses alone.

References
----------
[Konijnenberg2021]_ Level 1: prescription by activity, within its tolerance, dosimetry of a cohort and verification.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from theradose.model.document import pair_document
from theradose.model.plan import Formula, Plan
from theradose.model.protocol import Therapy
from theradose.nuclides import Constant
from theradose.numbers import words
from theradose.plan.article56 import (
    Deviation,
    RequiredLevel,
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
    excess_doses,
    expected_doses,
    expected_organs,
)
from theradose.plan.level1.extravasation import (
    site_constants,
    site_doses,
    site_findings,
    site_formulas,
    site_notes,
)
from theradose.plan.level1.findings import (
    activity_findings,
    dose_findings,
    plausibility_findings,
    reasons_not_met,
    verification_findings,
)
from theradose.plan.level1.text import (
    excess_table,
    range_table,
    stated_inputs,
    subject,
    summary_words,
    title_words,
)
from theradose.plan.limits import resolve_limits
from theradose.plan.planners import planners
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
        not_met=tuple(reasons_not_met(request=request, intended=intended)),
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
            *plausibility_findings(request=request, label_mbq=label_mbq),
            *activity_findings(request=request, therapy=therapy, intended=intended, above_label=above_label),
            *site_findings(request=request),
            *verification_findings(request=request),
            *dose_findings(request=request, therapy=therapy, organs=organs),
        ),
        subject=subject(request=request, therapy=therapy),
        level=level.statement,
        level_in_general=level.general,
    )  # fmt: skip


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
