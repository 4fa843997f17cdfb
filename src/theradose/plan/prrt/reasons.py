"""Why a plan gives no more activity than it does.

References
----------
[deWit2023]_ The rules.
[Vallot2024]_ Marrow by blood and by image.
"""

from __future__ import annotations

from collections.abc import Sequence

from theradose.model.finding import Finding
from theradose.numbers import format_given_percent, format_number, format_probability, words
from theradose.plan.cycles.accumulation import Accumulation, accepted_activity, probability_of_any
from theradose.plan.cycles.regions import methods_of
from theradose.plan.prrt.label import LabelRule
from theradose.plan.wording import activity_words


def limit_words(item: Accumulation, gray: float) -> str:
    """Return a sum beside its limit, ``19.7 of 23 Gy (kidneys-23)``.

    References
    ----------
    [deWit2023]_
    """
    quantity = "" if item.limit.quantity == "absorbed-dose" else f" {item.limit.quantity}"
    return f"{format_number(gray)} of {item.limit.value_gy:g} Gy{quantity} ({item.limit.name})"


def given_words(item: Accumulation) -> str:
    """Return what was given so far beside its limit, ``17.4 of 23 Gy (kidneys-23) are given to the left kidney``.

    References
    ----------
    [deWit2023]_
    """
    return f"{limit_words(item, item.past.value)} are given to the {words(item.region)}"


def reached_finding(
    binding: Accumulation,
    *,
    alpha: float | None,
    refused_mbq: float | None,
    over: Sequence[Accumulation],
    allowed_mbq: float,
) -> Finding:
    """Return why no further cycle fits: a limit that is reached, or the activity of the style that is too much.

    References
    ----------
    [deWit2023]_
    """
    if refused_mbq is not None and allowed_mbq > 0:
        return Finding(
            "cycle-does-not-fit", "warning",
            f"{refusal_words(binding, alpha=alpha, refused_mbq=refused_mbq, over=over)}; "
            f"{activity_words(allowed_mbq)} would fit.",
            binding.region,
        )  # fmt: skip
    under = "by the best estimate" if alpha is None else f"at an accepted probability of {format_given_percent(alpha)}"
    return Finding(
        "limit-reached",
        "critical",
        f"No further cycle fits {under}: {given_words(binding)}.",
        binding.region,
    )


def refusal_words(
    binding: Accumulation, *, alpha: float | None, refused_mbq: float, over: Sequence[Accumulation]
) -> str:
    """Return why a cycle of an activity does not fit, in words.

    References
    ----------
    [deWit2023]_
    """
    after = limit_words(binding, binding.total(refused_mbq).value)
    if alpha is None:
        return f"With a cycle of {activity_words(refused_mbq)} the {words(binding.region)} would have {after}"
    chance = format_probability(probability_of_any(over, refused_mbq))
    return (
        f"A cycle of {activity_words(refused_mbq)} would exceed a limit with a probability of up to {chance}, where "
        f"{format_given_percent(alpha)} is accepted: the {words(binding.region)} would have {after}"
    )


def beside_findings(beside: Sequence[Accumulation], *, coming: int, alpha: float | None) -> tuple[Finding, ...]:
    """Return what activity a limit would allow by a method for which it does not bind (``limit-not-binding``).

    References
    ----------
    [Vallot2024]_, [deWit2023]_
    """
    return tuple(
        Finding(
            "limit-not-binding",
            "warning",
            f"The limit '{item.limit.name}' does not bind on the {words(item.region)}, because it comes from doses as "
            f"of the {words(methods_of(item.limit.organ)[0])}; if it did, {'each' if coming > 1 else 'the cycle'}"
            f"{f' of {coming} cycles' if coming > 1 else ''} could have {_allowed(item, alpha)}.",
            item.region,
        )
        for item in beside
    )


def _allowed(item: Accumulation, alpha: float | None) -> str:
    best = f"{activity_words(item.best_activity().value)} by the best estimate"
    if alpha is None or not item.uncertain or item.dose_without_u:
        return best
    accepted = accepted_activity([item], probability=alpha)
    if not accepted:
        return f"nothing at {format_given_percent(alpha)} accepted ({best})"
    return f"{activity_words(accepted)} at {format_given_percent(alpha)} accepted ({best})"


def capped_finding(activity_mbq: float, label: LabelRule) -> Finding:
    """Return that the label rule, not a limit, sets the activity.

    References
    ----------
    [deWit2023]_
    """
    most = activity_words(label.most_mbq or 0.0)
    return Finding(
        "activity-capped",
        "warning",
        f"The limits leave {activity_words(activity_mbq)}; 'cap: {label.cap}' gives {most} at most, from the label's "
        f"{activity_words(label.activity_mbq or 0.0)}. 'cap: none' lifts it.",
    )
