"""Rows of an analysis of toxicity: declines and grades beside the doses that may explain them.

References
----------
[CTCAE5]_ Grades.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from theradose.cohort.counts import CountCourse, PatientCourses, SpanCounts
from theradose.model.counts import DoseOfCycle, PatientFacts
from theradose.model.finding import Finding

Span = Literal["cycle", "therapy"]
COVARIATES: Mapping[str, str] = {
    "skeletal_metastases": "skeletal metastases",
    "prior_chemotherapy": "prior chemotherapy",
}
"""Covariates by their column in the table of patients."""


@dataclass(frozen=True, slots=True)
class ToxicityRow:
    """One kind of count of one patient over a cycle or over therapy, with the doses of the same span.

    Attributes
    ----------
    patient : str
        Whose.
    cycle : int
        Position of the cycle, from 0; 0 for therapy.
    cycles : int
        Number of cycles that the row spans.
    counts : SpanCounts
        Decline and grade.
    dose_gy : mapping of str to float
        By :attr:`theradose.model.counts.DoseOfCycle.key`; over therapy, of cycles that all have one.
    before_gy : mapping of str to float
        Of the cycles before.
    facts : PatientFacts or None
        Of the patient.
    """

    patient: str
    cycle: int
    cycles: int
    counts: SpanCounts
    dose_gy: Mapping[str, float]
    before_gy: Mapping[str, float]
    facts: PatientFacts | None

    def has_grade(self, grade: int) -> bool | None:
        """Return whether the worst grade is at least `grade`; ``None`` if it is not known, or was so before."""
        counts = self.counts
        if counts.nadir is None and counts.grade is None:
            return None
        if counts.baseline_grade is not None and counts.baseline_grade >= grade:
            return None
        if counts.grade is None:
            # Not told apart from 0 without a lower limit, and below 2 in any case.
            return None if grade < 2 else False
        return counts.grade >= grade


def exposures(doses: Sequence[DoseOfCycle]) -> tuple[str, ...]:
    """Return the regions and methods in the order of the table, red marrow first."""
    keys = list(dict.fromkeys(dose.key for dose in doses))
    return tuple(sorted(keys, key=lambda key: not key.startswith("red-marrow")))


def toxicity_rows(
    patients: Sequence[PatientCourses], quantity: str, span: Span, facts: Mapping[str, PatientFacts]
) -> tuple[ToxicityRow, ...]:
    """Return the rows of a quantity by cycle, or over therapy."""
    rows = []
    for patient in patients:
        course = patient.course(quantity)
        if course is None:
            continue
        by_cycle = [_doses(patient, cycle) for cycle in patient.clock.cycles]
        for number, counts in _spans(course, span):
            included = by_cycle if span == "therapy" else by_cycle[number : number + 1]
            rows.append(
                ToxicityRow(
                    patient.patient,
                    number,
                    len(included),
                    counts,
                    _sum(included),
                    _sum(by_cycle[:number]) if number else dict.fromkeys(by_cycle[0], 0.0),
                    facts.get(patient.patient),
                )
            )
    return tuple(rows)


def usable_covariates(
    patients: Sequence[PatientCourses], facts: Mapping[str, PatientFacts]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Return the covariates that are known of every patient and differ between patients, and what was left out."""
    used, findings = [], []
    for name, label in COVARIATES.items():
        values = [None if (fact := facts.get(item.patient)) is None else getattr(fact, name) for item in patients]
        unknown = sum(value is None for value in values)
        if unknown:
            reason = f"{unknown} of {len(values)} patients have no statement of it"
        elif len(set(values)) < 2:
            reason = f"all {len(values)} patients have it" if values and values[0] else "no patient has it"
        else:
            used.append(name)
            continue
        findings.append(
            Finding(
                "covariate-left-out",
                "warning",
                f"The covariate {label} was left out: {reason}. Relations with dose may be those of the covariate.",
                "cohort",
            )
        )
    return tuple(used), tuple(findings)


def _spans(course: CountCourse, span: Span) -> list[tuple[int, SpanCounts]]:
    return [(0, course.therapy)] if span == "therapy" else list(enumerate(course.cycles))


def _doses(patient: PatientCourses, cycle: str) -> dict[str, float]:
    return {dose.key: dose.dose_gy for dose in patient.doses if dose.cycle == cycle}


def _sum(cycles: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the sums of doses that every cycle has."""
    common = set.intersection(*(set(doses) for doses in cycles)) if cycles else set()
    return {key: sum(doses[key] for doses in cycles) for key in common}
