"""What limits a plan of level 1: activities, verification, published doses.

References
----------
[Konijnenberg2021]_ Level 1: prescription by activity, within its tolerance, dosimetry of a cohort and verification.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.protocol import Therapy
from theradose.numbers import format_deviation, format_given_percent
from theradose.plan.article56 import Deviation, above_label_findings, activity_deviation
from theradose.plan.inputs.level1 import Level1Input
from theradose.plan.level1.doses import ExpectedOrgan, circulating, disagreement_findings, organ_limits
from theradose.plan.limits import limited_with, resolve_limits
from theradose.plan.plausible import implausible_activity


def reasons_not_met(*, request: Level1Input, intended: Deviation | None) -> Iterator[str]:
    """Yield why this administration is not the one that level 1 is about: prescribed, and given as prescribed.

    References
    ----------
    [Konijnenberg2021]_
    """
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


def plausibility_findings(*, request: Level1Input, label_mbq: float | None) -> Iterator[Finding]:
    """Yield ``activity-implausible`` of every stated activity that cannot be right.

    References
    ----------
    [Konijnenberg2021]_
    """
    stated = {
        "administered activity": request.activity.value,
        "intended activity": request.intended_activity,
        **{f"activity of cycle {number}": before for number, before in enumerate(request.previous_activities, 1)},
    }
    for name, activity_mbq in stated.items():
        if activity_mbq is not None:
            yield from implausible_activity(name=name, activity_mbq=activity_mbq, label_mbq=label_mbq)


def activity_findings(
    *, request: Level1Input, therapy: Therapy, intended: Deviation | None, above_label: Deviation | None
) -> Iterator[Finding]:
    """Yield what the administered activity and the number of cycles are beside intention and label.

    References
    ----------
    [Konijnenberg2021]_
    """
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


def verification_findings(*, request: Level1Input) -> Iterator[Finding]:
    """Yield whether the delivery was verified.

    References
    ----------
    [Konijnenberg2021]_
    """
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


def dose_findings(*, request: Level1Input, therapy: Therapy, organs: Sequence[ExpectedOrgan]) -> Iterator[Finding]:
    """Yield what limits the published doses, and what they are not compared with.

    References
    ----------
    [Konijnenberg2021]_
    """
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
