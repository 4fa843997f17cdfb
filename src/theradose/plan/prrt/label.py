"""What the label says about the activity of a cycle, and what its level of Article 56 follows from it.

References
----------
[Konijnenberg2021]_ More than 25 % above the label is not standardised.
[deWit2023]_ Labels of the products.
"""

from __future__ import annotations

from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.model.protocol import Label, Statement
from theradose.numbers import format_deviation
from theradose.plan.article56 import above_label_findings, article56_constant, label_activity_mbq, label_deviation
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.therapies import require_therapy
from theradose.plan.wording import activity_words


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Activity of the label and the cap; ``None`` where there is none."""

    activity_mbq: float | None
    cap: str | None
    most_mbq: float | None
    packaged: Label | None


def label_rule(inputs: PrrtInput) -> LabelRule:
    """Return the label's activity and the cap: ``standardised`` by default where a label is known.

    Raises
    ------
    PlanError
        ``label-missing`` for a cap without a label.

    References
    ----------
    [Konijnenberg2021]_, [deWit2023]_
    """
    packaged = None if inputs.therapy is None else require_therapy(inputs.therapy).label
    activity = label_activity_mbq(stated_mbq=inputs.label_activity, label=packaged)
    cap = inputs.cap or ("none" if activity is None else "standardised")
    if cap == "none":
        return LabelRule(activity, None, None, packaged)
    if activity is None:
        raise PlanError(
            f"'cap: {cap}' needs the activity of the label: state 'label_activity: 7.4 GBq' or a 'therapy'.",
            code="label-missing",
        )
    above = article56_constant(name="above_label").value if cap == "standardised" else 0.0
    return LabelRule(activity, cap, activity * (1 + above), packaged)


def plan_level(
    inputs: PrrtInput, activity_mbq: float | None, label: LabelRule
) -> tuple[Statement, Statement | None, tuple[Finding, ...]]:
    """Return the level of this plan, by dosimetry; what the source says of its therapy; and the activity by the label.

    References
    ----------
    [Konijnenberg2021]_
    """
    record = load_yaml("cycles.yaml")["level"]
    text = str(record["value"])
    general = None
    if inputs.therapy is not None:
        therapy = require_therapy(inputs.therapy)
        known = therapy.levels
        general = Statement(text=f"{therapy.title}: {known.text}.", source=known.source, status=known.status)
    findings: tuple[Finding, ...] = ()
    if activity_mbq is not None and label.activity_mbq is not None:
        deviation = label_deviation(given_mbq=activity_mbq, label_mbq=label.activity_mbq)
        beside = f"that of the label ({activity_words(label.activity_mbq)})"
        text += f" The activity is {format_deviation(deviation.relative)} from {beside}."
        findings = above_label_findings(deviation=deviation)
    return Statement(text=text, source=record["source"], status=record["status"]), general, findings
