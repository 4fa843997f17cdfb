"""What a plan of level 1 says: title, summary, inputs and tables.

References
----------
[Konijnenberg2021]_ Intended and administered activity of level 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from theradose.model.plan import PlanInput, PlannedDose, PlanTable
from theradose.model.protocol import Therapy
from theradose.numbers import format_deviation, format_given_percent, format_number, format_percent, words
from theradose.plan.article56 import Deviation
from theradose.plan.inputs.level1 import Level1Input, Purpose, VerificationImage
from theradose.plan.level1.doses import ExcessDose, ExpectedOrgan
from theradose.plan.level1.extravasation import NOT_COMPUTED, site_inputs
from theradose.plan.probability import interval_coverage
from theradose.plan.reference_ranges import PublishedRange, pooling_statement
from theradose.plan.wording import activity_words, ends_words, stated_words, subject_words, with_interval, with_u
from theradose.uncertainty import Uncertain

_TITLES: dict[Purpose, str] = {
    "routine": "Expected organ doses",
    "accidental": "Accidental exposure: organ doses",
    "unintended": "Unintended exposure: organ doses",
}


def title_words(*, purpose: Purpose) -> str:
    """Return the title of the page.

    References
    ----------
    [Konijnenberg2021]_
    """
    return _TITLES[purpose]


def subject(*, request: Level1Input, therapy: Therapy) -> str:
    """Return whose plan it is.

    References
    ----------
    [Konijnenberg2021]_
    """
    return subject_words(therapy.title, request.patient.id, f"cycle {request.cycle} of {request.cycles}")


def summary_words(
    *,
    request: Level1Input,
    therapy: Therapy,
    doses: Sequence[PlannedDose],
    excess: Sequence[ExcessDose],
    at_site: Sequence[PlannedDose] = (),
) -> str:
    """Return the result in one or two sentences with its interval.

    Parameters
    ----------
    request, therapy
        What was given.
    doses : sequence of PlannedDose
        Of the organs, the critical one first.
    excess : sequence of ExcessDose
        In the same order.
    at_site : sequence of PlannedDose
        At the injection site.

    References
    ----------
    [Konijnenberg2021]_
    """
    given = f"{activity_words(request.activity.value)} of {therapy.title}{_stayed_words(request, at_site)}"
    what = "" if request.purpose == "routine" else _exposure_words(request)
    if not doses:
        return f"{what}{given} were given; the table holds no organ doses per activity of this therapy."
    organ = words(doses[0].target)
    # A dose may stand beside several limits.
    first = {dose.basis: dose for dose in doses if dose.target == doses[0].target}
    parts = [f"{with_interval(dose.dose_gy, 'Gy', of_mean=True)} in {basis}" for basis, dose in first.items()]
    beyond = "" if not excess else f", {_excess_words(excess[0])}"
    return (
        f"{what}From {given} a patient like the published ones receives to the {organ} {' and '.join(parts)}{beyond}; "
        "nothing was measured in this patient."
    )


def _stayed_words(request: Level1Input, at_site: Sequence[PlannedDose]) -> str:
    stayed = request.at_injection_site
    if stayed is None:
        return ""
    local = f"dose there {with_interval(at_site[0].dose_gy, 'Gy')}" if at_site else f"the dose there is {NOT_COMPUTED}"
    return f", of which {format_percent(stayed.value)} stayed at the injection site, {local},"


def _exposure_words(request: Level1Input) -> str:
    meant = "None was" if request.intended_activity is None else f"{activity_words(request.intended_activity)} were"
    return f"{meant} intended. What happened: {request.description.strip().rstrip('.')}. "


def _excess_words(excess: ExcessDose) -> str:
    if excess.excess_gy.value == 0:
        return "as much as was intended"
    if excess.excess_gy.value > 0:
        return f"{with_interval(excess.excess_gy, 'Gy', of_mean=True)} of it beyond what was intended"
    return f"{with_interval(-excess.excess_gy, 'Gy', of_mean=True)} less than what was intended"


def _magnitude(quantity: Uncertain) -> Uncertain:
    return quantity if quantity.value >= 0 else -quantity


def stated_inputs(
    *, request: Level1Input, intended: Deviation | None, above_label: Deviation | None, label_mbq: float | None
) -> tuple[PlanInput, ...]:
    """Return the stated inputs as the page shows them.

    References
    ----------
    [Konijnenberg2021]_
    """
    compared = "" if intended is None else f" ({format_deviation(intended.relative)} of the intended)"
    found = [PlanInput("administered activity", f"{stated_words(request.activity, 'GBq', inside='MBq')}{compared}")]
    if request.intended_activity is not None:
        found.append(PlanInput("intended activity", activity_words(request.intended_activity)))
    if label_mbq is not None and above_label is not None:
        source = "packaged label" if request.label_activity is None else "stated"
        compared = f"{activity_words(label_mbq)} ({format_deviation(above_label.relative)} given)"
        found.append(PlanInput("activity of the label", compared, source))
    found += site_inputs(request=request)
    found.append(PlanInput("cycle", f"{request.cycle} of {request.cycles}"))
    if request.previous_activities:
        found.append(PlanInput("earlier activities", ", ".join(map(activity_words, request.previous_activities))))
    if request.cycles - 1 > len(request.previous_activities):
        other = "this one" if request.intended_activity is None else "intended"
        found.append(PlanInput("other cycles", f"activity as {other}", "assumed"))
    if request.off_label:
        found.append(PlanInput("label", "used outside it"))
    if request.child:
        found.append(PlanInput("patient", "child"))
    found.append(PlanInput("verification image", _verification_words(request.verification_image)))
    if request.purpose != "routine":
        found += [PlanInput("purpose", f"{request.purpose} exposure")]
    return tuple(found)


def excess_table(*, excess: Sequence[ExcessDose]) -> PlanTable:
    """Return intended, received and excess dose by organ.

    References
    ----------
    [Konijnenberg2021]_
    """
    rows = tuple(
        (
            words(item.target), *map(with_u, (item.intended_gy, item.received_gy, item.excess_gy)),
            ends_words(_magnitude(item.excess_gy), of_mean=True),
        )
        for item in excess
    )  # fmt: skip
    return PlanTable(
        "Dose compared with what was intended",
        (
            "organ",
            "intended, Gy",
            "received, Gy",
            "difference, Gy",
            f"{format_given_percent(interval_coverage())} interval of its size, Gy",
        ),
        rows,
        ("By the same published doses per activity: the spread between patients acts on all three alike.",),
    )


def range_table(*, organs: Iterable[ExpectedOrgan]) -> PlanTable:
    """Return the dose per activity of each organ with the published range.

    References
    ----------
    [Konijnenberg2021]_
    """
    rows = tuple(
        (
            words(organ.target),
            with_u(organ.expected.dose_per_activity_gy_gbq),
            "one average" if organ.published.is_average else _span(organ.published),
            f"{len(organ.expected.rows)} of {len(organ.published.rows)}",
        )
        for organ in organs
    )
    return PlanTable(
        "Published doses per activity",
        ("organ", "expected ± between patients, Gy/GBq", "published range, Gy/GBq", "sources in mean, of all"),
        rows,
        (
            "Last column: how many published rows are in the mean, and how many in the range.",
            f"Rule: {pooling_statement().source}.",
        ),
    )


def _verification_words(image: VerificationImage | None) -> str:
    if image is None:
        return "not stated"
    if not image.done:
        return "not done" + (f": {image.finding}" if image.finding else "")
    when = "" if image.date is None else f" on {image.date.isoformat()}"
    return f"done{when}: {image.finding or 'finding not stated'}"


def _span(published: PublishedRange) -> str:
    return f"{format_number(published.low_gy_gbq, digits=2)} – {format_number(published.high_gy_gbq, digits=2)}"
