"""Levels of Article 56: what a therapy asks for, and how far an activity is from what was intended.

References
----------
[Konijnenberg2021]_ Levels, tolerance of the activity, and what is not standardised.
"""

from __future__ import annotations

from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.model.protocol import Label, Level, Statement, Therapy
from theradose.nuclides import Constant
from theradose.numbers import format_given_percent, format_percent, words
from theradose.units import MBQ_PER_GBQ

_FILE = "article56.yaml"


@dataclass(frozen=True, slots=True)
class RequiredLevel:
    """The levels that a treatment may be planned at, why, and whether it counts as standardised."""

    levels: tuple[Level, ...]
    standardised: bool
    reasons: tuple[str, ...]
    statement: Statement


@dataclass(frozen=True, slots=True)
class Deviation:
    """An activity beside another: their quotient − 1, and whether that is within the tolerance."""

    relative: float
    tolerated: float
    within: bool


def article56_constant(*, name: str) -> Constant:
    """Return a number of the position paper: ``activity_tolerance``, ``above_label`` or ``not_standardised``.

    References
    ----------
    [Konijnenberg2021]_
    """
    return Constant(f"Article 56, {words(name)}", **load_yaml(_FILE)[name])


def activity_deviation(*, given_mbq: float, intended_mbq: float) -> Deviation:
    """Return how far the administered activity is from the intended one.

    Parameters
    ----------
    given_mbq, intended_mbq : float
        Both positive.

    References
    ----------
    [Konijnenberg2021]_
    """
    tolerated = article56_constant(name="activity_tolerance").value
    relative = given_mbq / intended_mbq - 1
    return Deviation(relative, tolerated, abs(given_mbq - intended_mbq) <= tolerated * intended_mbq * (1 + 1e-12))


def label_deviation(*, given_mbq: float, label_mbq: float) -> Deviation:
    """Return how far an activity is from that of the label; only above the label it ends the standardised therapy.

    Parameters
    ----------
    given_mbq, label_mbq : float
        Both positive.

    References
    ----------
    [Konijnenberg2021]_
    """
    tolerated = article56_constant(name="above_label").value
    return Deviation(given_mbq / label_mbq - 1, tolerated, given_mbq <= label_mbq * (1 + tolerated) * (1 + 1e-12))


def label_activity_mbq(*, stated_mbq: float | None, label: Label | None) -> float | None:
    """Return the activity of a cycle on the label, MBq: the stated one before the packaged; ``None`` without either.

    References
    ----------
    [Konijnenberg2021]_
    """
    if stated_mbq is not None or label is None:
        return stated_mbq
    return label.activity_gbq * MBQ_PER_GBQ


def above_label_findings(*, deviation: Deviation | None) -> tuple[Finding, ...]:
    """Return what an activity above that of the label means; nothing within the tolerance or without a label.

    References
    ----------
    [Konijnenberg2021]_
    """
    if deviation is None or deviation.within:
        return ()
    message = (
        f"The activity is {format_percent(deviation.relative)} above that of the label; more than "
        f"{format_given_percent(deviation.tolerated)} is not standardised and asks for level 2 (Konijnenberg2021)."
    )
    return (Finding("activity-above-label", "warning", message),)


def label_constants(*, label: Label) -> tuple[Constant, ...]:
    """Return activity and number of cycles of a label as constants.

    References
    ----------
    [Konijnenberg2021]_
    """
    return (
        Constant(f"activity of a cycle, {label.product}", label.activity_gbq, "GBq", label.source, label.status, ""),
        Constant(f"cycles, {label.product}", float(label.cycles), "1", label.source, label.status, ""),
    )


def required_level(
    *, therapy: Therapy, above_label: bool = False, off_label: bool = False, child: bool = False
) -> RequiredLevel:
    """Return the levels of a treatment.

    Parameters
    ----------
    therapy : Therapy
        With its levels.
    above_label : bool
        Whether the activity is further above the label than the position paper allows.
    off_label : bool
        Another indication, or a product in development.
    child : bool
        Whether the patient is one.

    References
    ----------
    [Konijnenberg2021]_
    """
    known = therapy.levels
    lowest = int(article56_constant(name="not_standardised").value)
    levels = known.children if child and known.children else known.levels
    reasons = ["the patient is a child"] if child and known.children else []
    if off_label:
        reasons.append("use outside the label is not standardised")
        levels = known.off_label or tuple(level for level in levels if level >= lowest)
    if above_label:
        reasons.append("the activity is further above the label than what is standardised")
        levels = tuple(level for level in levels if level >= lowest)
    standardised = not reasons and 1 in known.levels
    levels = levels or (2,)
    text = f"level {' or '.join(map(str, levels))}" + (f", because {' and '.join(reasons)}" if reasons else "")
    other = f"; another classification: {known.elsewhere.text} ({known.elsewhere.source})" if known.elsewhere else ""
    return RequiredLevel(
        levels, standardised, tuple(reasons),
        Statement(text=f"{text}. {therapy.title}: {known.text}{other}.", source=known.source, status=known.status),
    )  # fmt: skip
