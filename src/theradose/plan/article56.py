"""Levels of Article 56: what a therapy asks for, and how far an activity is from what was intended.

References
----------
[Konijnenberg2021]_ Levels, tolerance of the activity, and what is not standardised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.model.protocol import Label, Level, Statement, Therapy
from theradose.nuclides import Constant
from theradose.numbers import format_given_percent, format_percent, words
from theradose.units import MBQ_PER_GBQ

_FILE = "article56.yaml"

Prescription = Literal["activity", "absorbed-dose"]
"""What an activity is prescribed by: chosen as such, or from a dose to an organ or a target."""


@dataclass(frozen=True, slots=True)
class RequiredLevel:
    """The levels that a treatment may be planned at, why, and whether it counts as standardised.

    `statement` is the conclusion for this plan; `general` is what it follows from, without regard to the plan.
    """

    levels: tuple[Level, ...]
    standardised: bool
    reasons: tuple[str, ...]
    statement: Statement
    general: Statement


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
    *,
    therapy: Therapy,
    above_label: bool = False,
    off_label: bool = False,
    child: bool = False,
    prescribed: Prescription | None = None,
    not_met: Sequence[str] = (),
) -> RequiredLevel:
    """Return the levels of a treatment, as one conclusion.

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
    prescribed : {"activity", "absorbed-dose"} or None
        How the plan arrives at its activity; without it all levels of the therapy remain.
    not_met : sequence of str
        Why what was administered is not what level 1 asks for; none if it is.

    References
    ----------
    [Konijnenberg2021]_
    """
    known = therapy.levels
    levels = known.children if child and known.children else known.levels
    reasons = ["the patient is a child"] if child and known.children else []
    way = ""
    if not reasons and prescribed is not None:
        chosen = known.by_dose if prescribed == "absorbed-dose" else known.by_activity
        way = f"prescribed by {prescribed.replace('-', ' ')}" if chosen else ""
        levels = chosen or levels
    if off_label:
        reasons.append("use outside the label is not standardised")
        levels = known.off_label or _above_one(levels)
    if above_label:
        reasons.append("the activity is further above the label than what is standardised")
        levels = _above_one(levels)
    standardised = not reasons and 1 in known.levels
    if not_met:
        reasons += not_met
        levels = _above_one(levels)
    number = " or ".join(map(str, levels))
    because = f", because {' and '.join(reasons)}" if reasons else ""
    conclusion = (
        f"level 1 is not met{because}: asked for is level {number}, with dosimetry of the patient"
        if not_met
        else (f"level {number}{f', {way}' if way else ''}{because}")
    )
    return RequiredLevel(
        levels, standardised, tuple(reasons),
        Statement(text=f"{conclusion}.", source=known.source, status=known.status), _general(therapy),
    )  # fmt: skip


def _above_one(levels: Sequence[Level]) -> tuple[Level, ...]:
    lowest = int(article56_constant(name="not_standardised").value)
    return tuple(level for level in levels if level >= lowest) or (2,)


def _general(therapy: Therapy) -> Statement:
    known = therapy.levels
    other = f"; another classification: {known.elsewhere.text} ({known.elsewhere.source})" if known.elsewhere else ""
    return Statement(
        text=f"Article 56 on {therapy.title} in general: {known.text}{other}.", source=known.source, status=known.status
    )
