"""What the planners of 131I have in common: limits of physics and of the user, levels, unread constants.

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
from theradose.model.plan import PlanCurve
from theradose.nuclides import Constant, load_nuclide
from theradose.plan.article56 import RequiredLevel, required_level
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
    curves : tuple of PlanCurve
        What was measured and fitted.
    """

    value: Uncertain
    how: str
    findings: tuple[Finding, ...] = ()
    curves: tuple[PlanCurve, ...] = ()


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


def therapy_level(therapy: str, *, child: bool = False) -> RequiredLevel:
    """Return the level of Article 56 of a therapy whose activity is planned from a dose."""
    return required_level(therapy=require_therapy(therapy), child=child, prescribed="absorbed-dose")


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
