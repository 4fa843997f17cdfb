"""One tumour of the analysis, and how it got there from volumes and doses.

References
----------
[Warfvinge2024]_ Equation 1, and the sums of doses until the best response and over all cycles.
[JCGM100]_ Sums of doses whose uncertainties are partly shared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from theradose.cohort.response.settings import CycleCorrelation
from theradose.errors import StudyError
from theradose.model.tumours import CycleDose, DoseKind, TumourKey, TumourRow, TumourVolume
from theradose.uncertainty import Uncertain, combine


@dataclass(frozen=True, slots=True)
class VolumeCourse:
    """What serial volumes of a tumour say.

    Attributes
    ----------
    baseline_ml : float
        On the first scan.
    largest_ml, smallest_ml : float
        v_max, the largest before the best response, and v_min.
    largest_on, best_on : date
        When they were seen.
    reduction, u_reduction : float, float or None
        (v_max − v_min)/v_max, negative for a tumour that only grew, and its standard uncertainty.
    later_maximum : bool
        Whether a volume after the best response was larger than v_max, so that the maximum of the whole course would
        give another number.
    """

    baseline_ml: float
    largest_ml: float
    smallest_ml: float
    largest_on: date
    best_on: date
    reduction: float
    u_reduction: float | None
    later_maximum: bool


@dataclass(frozen=True, slots=True, eq=False)
class TumourOutcome:
    """What the statistics use of a tumour.

    Attributes
    ----------
    row : TumourRow
        Where it is listed, with patient, grade and origin.
    baseline_ml : float or None
        Volume at baseline.
    reduction : dict of DoseKind to float
        Largest relative loss of volume that goes with each sum of doses: of all scans, and of those after the last
        cycle.
    u_reduction : float or None
        Standard uncertainty of the former.
    dose_gy : dict of DoseKind to Uncertain
        Sums of doses, with what is shared between cycles and what is not; absent where not stated.
    activity_gbq : dict of DoseKind to float
        Sums of activities.
    course : VolumeCourse or None
        From serial volumes.
    cycles : int or None
        Number of cycles, and of those before the best response.
    cycles_until_best : int or None
        See `cycles`.
    time_to_growth_d : float or None
        Days from the last cycle to growth, or to the last scan without it.
    grew : bool or None
        Whether growth was seen.
    followed_d : float or None
        Days from the first to the last scan.
    """

    row: TumourRow
    baseline_ml: float | None
    reduction: Mapping[DoseKind, float]
    u_reduction: float | None
    dose_gy: Mapping[DoseKind, Uncertain]
    activity_gbq: Mapping[DoseKind, float]
    course: VolumeCourse | None = None
    cycles: int | None = None
    cycles_until_best: int | None = None
    time_to_growth_d: float | None = None
    grew: bool | None = None
    followed_d: float | None = None

    @property
    def patient(self) -> str:
        """Whose tumour it is."""
        return self.row.patient

    @property
    def grade(self) -> str | None:
        """``G1``, ``G2`` or ``G3``."""
        return self.row.grade


def volume_course(scans: Sequence[TumourVolume], *, after: date | None = None) -> VolumeCourse | None:
    """Return the largest volume before the best response, and the best response.

    The best response is the smallest volume after the first scan, the first of equal ones; v_max is the largest before
    it. So a tumour that only grew has a negative reduction, and a late regrowth does not count as a loss before it.

    Parameters
    ----------
    scans : sequence of TumourVolume
        In order of date, two or more, the first larger than 0.
    after : date, optional
        The best response is looked for after this day only.

    Returns
    -------
    VolumeCourse or None
        ``None`` without a scan to look at.

    References
    ----------
    [Warfvinge2024]_, equation 1; that v_max comes before v_min is our reading.
    """
    candidates = [k for k in range(1, len(scans)) if after is None or scans[k].day > after]
    if not candidates:
        return None
    best = min(candidates, key=lambda k: scans[k].volume_ml)
    top = max(range(best), key=lambda k: scans[k].volume_ml)
    largest, smallest = scans[top].volume_ml, scans[best].volume_ml
    ratio = smallest / largest
    u = None
    u_largest, u_smallest = scans[top].u_ml, scans[best].u_ml
    if u_largest is not None and u_smallest is not None:
        u = math.hypot(u_smallest / largest, ratio * u_largest / largest)
    return VolumeCourse(
        baseline_ml=scans[0].volume_ml,
        largest_ml=largest,
        smallest_ml=smallest,
        largest_on=scans[top].day,
        best_on=scans[best].day,
        reduction=1 - ratio,
        u_reduction=u,
        later_maximum=max((scan.volume_ml for scan in scans[best:]), default=0.0) > largest,
    )


def summed_dose(cycles: Sequence[CycleDose], *, correlation: CycleCorrelation) -> Uncertain:
    """Return the sum of the doses of cycles.

    The stated shared part of each uncertainty (volume, calibration) adds in full and the rest as independent ones.
    Where no shared part is stated all of it is taken for shared, or for independent.

    Parameters
    ----------
    cycles : sequence of CycleDose
        Of one tumour, all with a dose.
    correlation : {"shared", "independent"}
        What is assumed where the table states no shared part.

    References
    ----------
    [Warfvinge2024]_ takes cycles for independent, though the volume of the tumour is the leading part; [JCGM100]_
    """
    doses = [_cycle_dose(cycle, correlation) for cycle in cycles]
    return combine(math.fsum(dose.value for dose in doses), [(1.0, dose) for dose in doses])


def time_to_growth(scans: Sequence[TumourVolume], *, since: date, growth: float) -> tuple[float, bool] | None:
    """Return days from a day to growth, or to the last scan, and whether growth was seen.

    Growth is a volume larger than the smallest so far, from the first scan on, by the stated relative gain. A tumour
    that had grown on a scan before that day, or that has no scan after it, has no time.

    Parameters
    ----------
    scans : sequence of TumourVolume
        In order of date.
    since : date
        Day of the last cycle.
    growth : float
        Relative gain.

    References
    ----------
    [Eisenhauer2009]_ Progression is counted from the smallest value.
    """
    smallest = math.inf
    for scan in scans:
        if scan.volume_ml > (1 + growth) * smallest or (smallest == 0 < scan.volume_ml):
            return (float((scan.day - since).days), True) if scan.day > since else None
        smallest = min(smallest, scan.volume_ml)
    days = (scans[-1].day - since).days
    return (float(days), False) if days > 0 else None


def outcome_of_courses(
    row: TumourRow,
    scans: Sequence[TumourVolume],
    cycles: Sequence[CycleDose],
    *,
    correlation: CycleCorrelation,
    growth: float,
) -> TumourOutcome:
    """Return the outcome of a tumour from its volumes and its doses by cycle.

    Raises
    ------
    StudyError
        ``volumes-too-few`` for fewer than two scans, ``tumour-value`` for a volume of 0 at baseline, ``dose-missing``
        for a cycle without a dose, ``baseline-after-treatment`` for a first scan after the first cycle,
        ``best-response-before-treatment`` if no cycle comes before the best response.

    References
    ----------
    [Warfvinge2024]_
    """
    _refuse_scans(row, scans, cycles)
    for cycle in cycles:
        if cycle.dose_gy is None:
            raise StudyError(
                f"{cycle.origin.file}, line {cycle.origin.line}: 'dose_gy' of cycle {cycle.cycle} is empty, and "
                f"{_name(row.key)} is not excluded: state the dose, or write dosimetry_eligible no in "
                f"{row.origin.file}, line {row.origin.line}.",
                code="dose-missing",
            )
    last = cycles[-1].day
    course = volume_course(scans)
    assert course is not None  # two scans always have a best response
    until = [cycle for cycle in cycles if cycle.day < course.best_on]
    if not until:
        raise StudyError(
            f"{scans[0].origin.file}, line {scans[0].origin.line}: the smallest volume of {_name(row.key)}, on "
            f"{course.best_on}, comes before the first cycle on {cycles[0].day}: leave out follow-up scans before "
            "treatment.",
            code="best-response-before-treatment",
        )
    afterwards = volume_course(scans, after=last)
    sums: dict[DoseKind, Sequence[CycleDose]] = {"best-response": until, "all-cycles": cycles}
    reduction: dict[DoseKind, float] = {"best-response": course.reduction}
    if afterwards is not None:
        reduction["all-cycles"] = afterwards.reduction
    grown = time_to_growth(scans, since=last, growth=growth)
    return TumourOutcome(
        row=row,
        baseline_ml=course.baseline_ml,
        reduction=reduction,
        u_reduction=course.u_reduction,
        dose_gy={kind: summed_dose(part, correlation=correlation) for kind, part in sums.items()},
        activity_gbq=_activities(sums),
        course=course,
        cycles=len(cycles),
        cycles_until_best=len(until),
        time_to_growth_d=grown[0] if grown else None,
        grew=grown[1] if grown else None,
        followed_d=float((scans[-1].day - scans[0].day).days),
    )


def _refuse_scans(row: TumourRow, scans: Sequence[TumourVolume], cycles: Sequence[CycleDose]) -> None:
    first = scans[0]
    where = f"{first.origin.file}, line {first.origin.line}"
    if len(scans) < 2:
        raise StudyError(
            f"{where}: {_name(row.key)} has one volume only: add the follow-up, or write visible no in "
            f"{row.origin.file}, line {row.origin.line}.",
            code="volumes-too-few",
        )
    if first.volume_ml == 0:
        raise StudyError(f"{where}: the first volume of {_name(row.key)} is 0: a tumour has a volume at baseline.",
                         code="tumour-value")  # fmt: skip
    if first.day > cycles[0].day:
        raise StudyError(
            f"{where}: the first scan of {_name(row.key)}, on {first.day}, comes after its first cycle on "
            f"{cycles[0].day}: add the baseline.",
            code="baseline-after-treatment",
        )


def _activities(sums: Mapping[DoseKind, Sequence[CycleDose]]) -> dict[DoseKind, float]:
    found: dict[DoseKind, float] = {}
    for kind, cycles in sums.items():
        stated = [cycle.activity_gbq for cycle in cycles if cycle.activity_gbq is not None]
        if len(stated) == len(cycles):
            found[kind] = math.fsum(stated)
    return found


def _cycle_dose(cycle: CycleDose, correlation: CycleCorrelation) -> Uncertain:
    """Return the dose of a cycle with a source shared by all cycles of the tumour, and one of its own."""
    shared, own = f"volume:{'/'.join(cycle.key)}", f"counting:{'/'.join(cycle.key)}/{cycle.cycle}"
    dose = Uncertain(cycle.dose_gy or math.nan)
    if cycle.u_gy is None:
        return dose.with_contribution(shared, None)
    if cycle.u_shared_gy is not None:
        rest = math.sqrt(cycle.u_gy**2 - cycle.u_shared_gy**2)
        return dose.with_contribution(shared, cycle.u_shared_gy).with_contribution(own, rest)
    return dose.with_contribution(shared if correlation == "shared" else own, cycle.u_gy)


def _name(key: TumourKey) -> str:
    return f"tumour '{key[1]}' of patient '{key[0]}'"
