"""What the planners of 131I have in common: limits of physics, constants nobody read, and how numbers are shown.

References
----------
[EGSnrcLNHB]_ Half-life of 131I.
[Konijnenberg2021]_ Levels of Article 56.
"""

from __future__ import annotations

from dataclasses import dataclass

from theradose.dose.radioiodine.constants import NUCLIDE
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.protocol import Statement
from theradose.model.stated import Stated
from theradose.nuclides import Constant, load_nuclide
from theradose.plan.article56 import required_level
from theradose.plan.probability import interval, interval_coverage
from theradose.plan.therapies import require_therapy
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredResidence:
    """A time-integrated activity per administered activity that was fitted to measurements.

    Attributes
    ----------
    value : Uncertain
        In h; for blood in h/mL of whole blood.
    how : str
        What it was measured and fitted with, for the reader.
    findings : tuple of Finding
        What limits it.
    """

    value: Uncertain
    how: str
    findings: tuple[Finding, ...] = ()


def check_half_life(half_life_h: float, *, of: str) -> None:
    """Refuse an effective half-life above the physical one.

    Raises
    ------
    PlanError
        ``half-life-above-physical``.
    """
    physical = load_nuclide(NUCLIDE).half_life_h.value
    if half_life_h > physical:
        raise PlanError(
            f"An effective half-life of the {of} of {half_life_h:.4g} h is longer than the physical one of {NUCLIDE}, "
            f"{physical:.4g} h: state the effective half-life, which includes physical decay.",
            code="half-life-above-physical",
        )


def check_residence(residence_h: float, *, of: str) -> None:
    """Refuse a residence time that even all of the activity without any clearance would not reach.

    Raises
    ------
    PlanError
        ``residence-above-mean-life``.
    """
    mean_life = 1 / load_nuclide(NUCLIDE).decay_constant_per_h
    if residence_h > mean_life:
        raise PlanError(
            f"A residence time of the {of} of {residence_h:.4g} h is longer than the mean life of {NUCLIDE}, "
            f"{mean_life:.4g} h, which is that of all activity without clearance: correct it.",
            code="residence-above-mean-life",
        )


def unread_findings(constants: tuple[Constant, ...]) -> tuple[Finding, ...]:
    """Return ``constant-unverified`` where the source of a constant was not read."""
    unread = [constant.name for constant in constants if constant.status == "unverified"]
    if not unread:
        return ()
    return (Finding("constant-unverified", "warning", f"The source was not read by us: {'; '.join(unread)}."),)


def therapy_level(therapy: str, *, child: bool = False) -> Statement:
    """Return the level of Article 56 of a therapy."""
    return required_level(therapy=require_therapy(therapy), child=child).statement


def subject(therapy: str, patient: str | None) -> str:
    """Return whose plan it is."""
    return therapy if patient is None else f"{therapy}, patient {patient}"


def stated_limit(*, organ: str, kind: str, value_gy: float, span: str, therapy: str) -> Limit:
    """Return a limit or target that the user states."""
    return Limit.model_validate(
        {
            "name": f"stated-{organ}",
            "organ": organ,
            "kind": kind,
            "quantity": "absorbed-dose",
            "value_gy": value_gy,
            "span": span,
            "therapies": (therapy,),
            "origin": "radionuclide-therapy",
            "source": "stated by the user",
            "status": "stated",
        }
    )


def number(value: float, digits: int = 4) -> str:
    """Return a number with `digits` significant digits and never as a power of ten."""
    return f"{float(f'{value:.{digits}g}'):.10g}"


def with_interval(quantity: Uncertain, unit: str) -> str:
    """Return a number with its interval, or with the words that there is none."""
    ends = interval(quantity)
    if ends is None:
        return f"{number(quantity.value)} {unit} (interval not stated)"
    low, high = (number(end, 3) for end in ends)
    return f"{number(quantity.value)} {unit} ({100 * interval_coverage():g} % interval {low} to {high} {unit})"


def pair(quantity: Uncertain) -> dict[str, float | None]:
    """Return value and standard uncertainty as JSON holds them; an uncertainty that nobody stated is ``None``."""
    return {"value": quantity.value, "u": quantity.u if quantity.contributions else None}


def shown(stated: Stated, unit: str, factor: float = 1.0) -> str:
    """Return a stated quantity in `unit`, which is the unit used inside divided by `factor`."""
    if stated.u is None:
        return f"{number(stated.value * factor, 6)} {unit} (u not stated)"
    return f"{number(stated.value * factor, 6)} ± {number(stated.u * factor, 3)} {unit}"
