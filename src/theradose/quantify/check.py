"""The activity check: what is in view against what was given.

Three errors are the target: values wrong by a unit, a wrong time of administration or acquisition, and a camera
that misses activity (dead time, calibration). The thresholds are data (``data/quantify.yaml``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.formats.decay import decay_factor
from theradose.model.activity import ActivityMap
from theradose.model.finding import Finding, Severity
from theradose.model.study import Administration
from theradose.nuclides import Nuclide
from theradose.quantify.times import hours_since


@dataclass(frozen=True, slots=True)
class ActivityCheck:
    """Activity in view and activity that physical decay alone would have left.

    Attributes
    ----------
    t_h : float
        Hours after the start of the first administration.
    total_activity_mbq : float
        In the field of view.
    expected_activity_mbq : float
        Administered minus residual, decayed, over all administrations before the image.
    fraction_of_expected : float
        Their quotient; what is missing from 1 was excreted or is out of view.
    field_length_mm : float
        Axial length of the field of view.
    """

    t_h: float
    total_activity_mbq: float
    expected_activity_mbq: float
    fraction_of_expected: float
    field_length_mm: float


def expected_activity_mbq(
    *, t_h: float, administrations: Sequence[Administration], nuclide: Nuclide, timezone: str | None
) -> float:
    """Return the net administered activity after physical decay, at `t_h` after the first administration.

    Parameters
    ----------
    t_h : float
        Hours after the start of the first administration.
    administrations : sequence of Administration
        Each needs its activity and start; later ones than `t_h` do not count.
    nuclide : Nuclide
        Gives the decay constant.
    timezone : str or None
        IANA time zone of the study.

    Raises
    ------
    StudyError
        If there is no administration, or one lacks its activity or start.

    References
    ----------
    [Theradose]_: what physical decay alone would have left; the difference to 1 is excretion.
    """
    starts = _starts(administrations)
    first = min(starts, key=lambda start: hours_since(starts[0], start, timezone=timezone)[0])
    total = 0.0
    for administration, start in zip(administrations, starts, strict=True):
        elapsed_h = t_h - hours_since(first, start, timezone=timezone)[0]
        if elapsed_h >= 0:
            left = decay_factor(decay_constant_per_h=nuclide.decay_constant_per_h, elapsed_h=elapsed_h)
            total += (administration.net_activity_mbq or 0.0) * left
    return total


def check_activity(
    activity: ActivityMap,
    *,
    administrations: Sequence[Administration],
    nuclide: Nuclide,
    timezone: str | None = None,
) -> tuple[ActivityCheck, tuple[Finding, ...]]:
    """Compare the activity in view with the administered activity after physical decay.

    Parameters
    ----------
    activity : ActivityMap
        One time point.
    administrations : sequence of Administration
        All of the study.
    nuclide : Nuclide
        What was administered.
    timezone : str or None
        IANA time zone of the study.

    Returns
    -------
    check : ActivityCheck
        The numbers.
    findings : tuple of Finding
        ``activity-units-or-time`` (critical) above an impossible fraction, ``activity-above-administered``
        (critical or warning) above 1, ``activity-below-plausible`` (warning) below what a field of this length
        can show so early.

    Raises
    ------
    StudyError
        If an administration lacks its activity or start, or its net activity is not positive.

    References
    ----------
    [Theradose]_: the levels are conventions of this project.
    """
    expected = expected_activity_mbq(
        t_h=activity.t_h, administrations=administrations, nuclide=nuclide, timezone=timezone
    )
    if not expected > 0:
        raise StudyError(
            f"The administrations leave {expected:g} MBq at {activity.t_h:.4g} h: activity minus residual must be "
            "positive.",
            code="administered-not-positive",
        )
    slices, length = activity.grid.shape[0], activity.grid.spacing_mm[0]
    total = activity.total_mbq
    check = ActivityCheck(activity.t_h, total, expected, total / expected, slices * length)
    return check, _judge(check, nuclide)


def check_trend(checks: Sequence[ActivityCheck], *, names: Sequence[str]) -> tuple[Finding, ...]:
    """Return findings where the fraction of the expected activity rises with time.

    Without a new administration the decay-corrected activity in view cannot rise: a rise means that one of two
    images has another unit, time, calibration or field of view.

    Parameters
    ----------
    checks : sequence of ActivityCheck
        In order of time.
    names : sequence of str
        Ids of the time points.

    References
    ----------
    [Theradose]_: the levels are conventions of this project.
    """
    tolerance = _threshold("trend_tolerance")
    findings = []
    lowest = 0
    for position, later in enumerate(checks):
        earlier = checks[lowest]
        given_between = later.expected_activity_mbq > checks[max(position - 1, 0)].expected_activity_mbq
        if given_between or later.fraction_of_expected <= earlier.fraction_of_expected:
            lowest = position
        elif later.fraction_of_expected > earlier.fraction_of_expected * (1 + tolerance):
            message = (
                f"The share of the decayed administered activity in view rises from "
                f"{100 * earlier.fraction_of_expected:.3g} % in {names[lowest]} ({earlier.t_h:.4g} h, field of "
                f"{earlier.field_length_mm:.0f} mm) to {100 * later.fraction_of_expected:.3g} % in "
                f"{names[position]} ({later.t_h:.4g} h, {later.field_length_mm:.0f} mm), which decay and excretion "
                "exclude: compare units, times, calibration and fields of view."
            )
            findings.append(Finding("activity-rises", "warning", message, names[position]))
    return tuple(findings)


def least_plausible_fraction(*, t_h: float, field_length_mm: float) -> float:
    """Return the smallest fraction of the expected activity that raises no finding.

    Two falling phases, scaled by the length of the field of view (``data/quantify.yaml``).

    References
    ----------
    [Theradose]_: the numbers are conventions of this project.
    """
    early = _threshold("least_first_phase") * 2 ** (-t_h / _threshold("least_first_half_life"))
    late = _threshold("least_second_phase") * 2 ** (-t_h / _threshold("least_second_half_life"))
    return (early + late) * min(1.0, field_length_mm / _threshold("full_field_length"))


def _judge(check: ActivityCheck, nuclide: Nuclide) -> tuple[Finding, ...]:
    fraction = check.fraction_of_expected
    numbers = (
        f"{check.total_activity_mbq:.5g} MBq are in view at {check.t_h:.4g} h, {100 * fraction:.3g} % of the "
        f"{check.expected_activity_mbq:.5g} MBq that decay alone would leave"
    )
    if fraction > _threshold("fraction_warning"):
        shift_h = math.log(fraction) / nuclide.decay_constant_per_h
        reason = (
            f"check the unit of the values (a factor of 10 or 1000), the calibration, the administered activity, and "
            f"the times (they would agree if the administration had been {shift_h:.3g} h later)"
        )
        if fraction > _threshold("fraction_impossible"):
            return (Finding("activity-units-or-time", "critical", f"{numbers}: this is impossible; {reason}."),)
        severity: Severity = "critical" if fraction > _threshold("fraction_critical") else "warning"
        return (Finding("activity-above-administered", severity, f"{numbers}: more than was given; {reason}."),)
    least = least_plausible_fraction(t_h=check.t_h, field_length_mm=check.field_length_mm)
    if fraction < least:
        message = (
            f"{numbers}: less than the {100 * least:.2g} % that a field of view of {check.field_length_mm:.0f} mm "
            "should show by then; check the unit of the values, the calibration, dead time, the administered "
            "activity and the times, or confirm that little of the body was in view."
        )
        return (Finding("activity-below-plausible", "warning", message),)
    return ()


def _starts(administrations: Sequence[Administration]) -> list[datetime]:
    starts = []
    for number, administration in enumerate(administrations, start=1):
        if administration.activity is None or administration.start is None:
            raise StudyError(
                f"Administration {number} lacks its {'activity' if administration.activity is None else 'start'}: add "
                "it to the study.",
                code="missing-administration",
            )
        starts.append(administration.start)
    if not starts:
        raise StudyError(
            "The study has no administration: add 'administrations: [{nuclide: …, activity: … GBq, start: …}]'.",
            code="missing-administration",
        )
    return starts


def _threshold(name: str) -> float:
    return float(load_yaml("quantify.yaml")["activity_check"][name]["value"])
