"""Courses of blood counts over cycles: count before, lowest count, decline, recovery and grade.

A count on the day of an administration is one before it, unless both have a time of day. Counts under a transfusion or
a growth factor are shown and left out of lowest counts.

References
----------
[CTCAE5]_ Grades.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.biology.ctcae import count_grade
from theradose.cohort.clock import Clock, patient_clock
from theradose.data import load_number
from theradose.model.arrays import Array, frozen
from theradose.model.counts import LABELS, QUANTITIES, BloodCount, DoseOfCycle, PatientFacts
from theradose.model.finding import Finding

LowerLimits = Mapping[tuple[str, str | None], float]
"""The laboratory's lower limits of normal by quantity and sex; ``None`` is for both."""


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """One kind of count over a cycle, or over all therapy; ``None`` where it is not known.

    Attributes
    ----------
    cycle : str or None
        Name of the cycle; ``None`` for all therapy.
    start_d : float
        Start of the administration, days since the first one.
    baseline : float or None
        Last count at or before the start.
    nadir, nadir_d : float or None
        Lowest count after it, and its time since the start in days.
    relative_decline : float or None
        1 − nadir/baseline; negative if all counts were higher.
    last_share : float or None
        Last count of the span over the baseline.
    recovery_d : float or None
        Days from the start until a count after the nadir has the share of the baseline that counts as recovered.
    baseline_grade, grade : int or None
        Of the baseline, and the worst afterwards; ``None`` where grades 0 and 1 cannot be told apart, or no count is
        known.
    counts, influenced : int
        Number of counts after the start that were used, and that were left out as influenced.
    """

    cycle: str | None
    start_d: float
    baseline: float | None
    nadir: float | None
    nadir_d: float | None
    relative_decline: float | None
    last_share: float | None
    recovery_d: float | None
    baseline_grade: int | None
    grade: int | None
    counts: int
    influenced: int


@dataclass(frozen=True, slots=True, eq=False)
class CountCourse:
    """One kind of count of one patient.

    Attributes
    ----------
    patient, quantity : str
        Whose, and of what.
    t_d : ndarray, shape (n,)
        Days since the first administration, ascending.
    values : ndarray, shape (n,)
        Counts.
    influenced : ndarray of bool, shape (n,)
        Under a transfusion or growth factor that acts on them.
    lower_limit : float or None
        Of normal.
    cycles : tuple of SpanCounts
        In the order of time.
    therapy : SpanCounts
        From the first administration on.
    """

    patient: str
    quantity: str
    t_d: Array
    values: Array
    influenced: Array
    lower_limit: float | None
    cycles: tuple[SpanCounts, ...]
    therapy: SpanCounts

    def __post_init__(self) -> None:
        for name in ("t_d", "values", "influenced"):
            object.__setattr__(self, name, frozen(getattr(self, name)))


@dataclass(frozen=True, slots=True, eq=False)
class PatientCourses:
    """All courses of one patient on one clock, with the doses of the cycles."""

    patient: str
    clock: Clock
    doses: tuple[DoseOfCycle, ...]
    courses: tuple[CountCourse, ...]

    def course(self, quantity: str) -> CountCourse | None:
        """Return the course of a quantity if it was measured."""
        return next((course for course in self.courses if course.quantity == quantity), None)


def count_courses(
    counts: Sequence[BloodCount],
    doses: Sequence[DoseOfCycle],
    *,
    facts: Mapping[str, PatientFacts],
    lower_limits: LowerLimits,
    with_influenced: bool = False,
) -> tuple[tuple[PatientCourses, ...], tuple[Finding, ...]]:
    """Return the courses of every patient with counts and doses.

    Parameters
    ----------
    counts, doses : sequence
        Rows of the tables.
    facts : mapping of str to PatientFacts
        By patient, for limits that depend on sex.
    lower_limits : mapping
        Of normal; grade 1 is not stated without one.
    with_influenced : bool
        Whether lowest counts may be such under a transfusion or a growth factor.

    Raises
    ------
    StudyError
        With the row: dates beside days of one patient, two cycles with one start, or a cycle that has no dose.

    References
    ----------
    [CTCAE5]_
    """
    by_patient: dict[str, list[BloodCount]] = {}
    given: dict[str, list[DoseOfCycle]] = {}
    for count in counts:
        by_patient.setdefault(count.patient, []).append(count)
    for dose in doses:
        given.setdefault(dose.patient, []).append(dose)
    both = [patient for patient in by_patient if patient in given]
    results = []
    for patient in both:
        clock = patient_clock(by_patient[patient], given[patient])
        courses = [
            _course(patient, quantity, by_patient[patient], clock, facts.get(patient), lower_limits, with_influenced)
            for quantity in QUANTITIES
            if any(quantity in count.values for count in by_patient[patient])
        ]
        results.append(PatientCourses(patient, clock, tuple(given[patient]), tuple(courses)))
    return tuple(results), (*_unmatched(by_patient, given), *_noticed(results))


def _course(
    patient: str,
    quantity: str,
    counts: Sequence[BloodCount],
    clock: Clock,
    facts: PatientFacts | None,
    lower_limits: LowerLimits,
    with_influenced: bool,
) -> CountCourse:
    measured = [(clock.day(count.moment), count) for count in counts if quantity in count.values]
    rows = sorted(measured, key=lambda row: row[0])
    limit = lower_limits.get((quantity, facts.sex if facts else None), lower_limits.get((quantity, None)))
    t_d = np.array([day for day, _ in rows])
    values = np.array([count.values[quantity] for _, count in rows])
    influenced = np.array([quantity in count.influenced for _, count in rows])
    belongs = np.array([clock.cycle_of(day, count.cycle) for day, count in rows])
    used = np.ones(len(rows), bool) if with_influenced else ~influenced
    transfused = [
        (clock.day(count.moment), clock.cycle_of(clock.day(count.moment), count.cycle))
        for count in counts if count.transfused_red_cells and quantity == "haemoglobin"
    ]  # fmt: skip
    spans = []
    for number, (cycle, start) in enumerate(zip((*clock.cycles, None), (*clock.start_d, 0.0), strict=True)):
        inside = belongs >= 0 if cycle is None else belongs == number
        before = (t_d <= start) & used
        spans.append(
            _span(cycle, start, t_d, values, inside & (t_d > start), before, used, limit, quantity,
                  any(of >= 0 if cycle is None else of == number for _, of in transfused))
        )  # fmt: skip
    return CountCourse(patient, quantity, t_d, values, influenced, limit, tuple(spans[:-1]), spans[-1])


def _span(
    cycle: str | None,
    start: float,
    t_d: Array,
    values: Array,
    inside: Array,
    before: Array,
    used: Array,
    limit: float | None,
    quantity: str,
    transfused: bool,
) -> SpanCounts:
    baseline = float(values[before][-1]) if before.any() else None
    after = inside & used
    nadir = nadir_d = decline = last_share = recovery_d = None
    grade: int | None = None
    if after.any():
        lowest = np.flatnonzero(after)[values[after].argmin()]
        nadir, nadir_d = float(values[lowest]), float(t_d[lowest] - start)
        grade = count_grade(quantity=quantity, value=nadir, lower_limit=limit)
        if baseline is not None:
            decline, last_share = 1 - nadir / baseline, float(values[after][-1] / baseline)
            level = load_number("haematology.yaml", "recovered_share") * baseline
            recovered = np.flatnonzero(after & (t_d > t_d[lowest]) & (values >= level))
            recovery_d = float(t_d[recovered[0]] - start) if recovered.size else None
    if transfused:
        grade = max(grade or 0, int(load_number("haematology.yaml", "transfusion_grade")))
    return SpanCounts(
        cycle=cycle,
        start_d=float(start),
        baseline=baseline,
        nadir=nadir,
        nadir_d=nadir_d,
        relative_decline=decline,
        last_share=last_share,
        recovery_d=recovery_d,
        baseline_grade=None if baseline is None
        else count_grade(quantity=quantity, value=baseline, lower_limit=limit),
        grade=grade,
        counts=int(after.sum()),
        influenced=int((inside & ~used).sum()),
    )  # fmt: skip


def _unmatched(counts: Mapping[str, Sequence[BloodCount]], doses: Mapping[str, Sequence[DoseOfCycle]]) -> list[Finding]:
    findings = []
    undosed = [patient for patient in counts if patient not in doses]
    uncounted = [patient for patient in doses if patient not in counts]
    if undosed:
        findings.append(
            Finding(
                "counts-without-doses",
                "warning",
                f"{_some(undosed)} have counts but no doses, and were left out.",
                "cohort",
            )
        )
    if uncounted:
        findings.append(
            Finding(
                "doses-without-counts",
                "warning",
                f"{_some(uncounted)} have doses but no counts, and were left out.",
                "cohort",
            )
        )
    return findings


def _some(patients: Sequence[str]) -> str:
    shown = ", ".join(patients[:5]) + (", …" if len(patients) > 5 else "")
    return f"{len(patients)} patients ({shown})"


def _noticed(results: Sequence[PatientCourses]) -> list[Finding]:
    findings = []
    courses = [course for patient in results for course in patient.courses]
    unstated = [name for name in QUANTITIES if any(c.quantity == name and c.lower_limit is None for c in courses)]
    if unstated:
        findings.append(
            Finding(
                "lower-limit-not-stated",
                "warning",
                f"No lower limit of normal is stated for {', '.join(LABELS[name] for name in unstated)}: grades 0 and "
                "1 cannot be told apart.",
                "cohort",
            )
        )
    left_out = sum(span.influenced for course in courses for span in course.cycles)
    if left_out:
        findings.append(
            Finding(
                "influenced-counts",
                "info",
                f"{left_out} counts under a transfusion or a growth factor were left out of lowest counts: the "
                "declines of these patients are at least as large as printed.",
                "cohort",
            )
        )
    without = [course for course in courses if course.therapy.baseline is None]
    if without:
        patients = list(dict.fromkeys(course.patient for course in without))
        findings.append(
            Finding(
                "baseline-missing",
                "warning",
                f"{len(without)} courses of {len(patients)} patients have no count before the first administration, "
                "and no decline over therapy.",
                ", ".join(patients[:5]),
            )
        )
    return findings
