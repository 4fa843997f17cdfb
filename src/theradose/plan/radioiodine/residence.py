"""Residence times of 131I: how they are measured, and what physics excludes.

References
----------
[EGSnrcLNHB]_ Half-life of 131I.
"""

from __future__ import annotations

from dataclasses import dataclass

from theradose.dose.radioiodine.constants import NUCLIDE
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.model.plan import PlanCurve
from theradose.nuclides import load_nuclide
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
