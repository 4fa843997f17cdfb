"""Relations of blood counts and dose: declines by linear models, grades by logistic models, and their correlations.

Rows of cycles have an effect of the patient; rows over therapy are one for each patient. Every relation that was
estimated counts in the adjustment for the number of tests, and a dose at which a grade has a probability is stated only
where the adjusted test says that there is a relation.

References
----------
[Bates2015]_ Mixed models.
[Holm1979]_ Adjustment for the number of tests.
[Firth1993]_ Logistic regression of few rows.
[Moraitis2024]_ Marrow dose, spleen and chemotherapy as what counts depend on.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from theradose.cohort.counts import PatientCourses
from theradose.cohort.relations import BEYOND_DOSES, Relation, decline_relation, grade_relation, toxicity_constant
from theradose.cohort.toxicity_rows import ToxicityRow, exposures, toxicity_rows, usable_covariates
from theradose.errors import StatisticsError
from theradose.model.counts import LABELS, QUANTITIES, DoseOfCycle, PatientFacts
from theradose.model.finding import Finding
from theradose.statistics.agreement import Correlation, pearson, spearman
from theradose.statistics.multiplicity import holm


@dataclass(frozen=True, slots=True)
class DoseCorrelation:
    """Correlation of the relative decline over therapy and the dose over therapy, over patients.

    `p_adjusted` is that of Spearman, adjusted for the number of correlations; ``None`` where the patients have
    different numbers of cycles, which alone makes dose and decline go together.
    """

    quantity: str
    exposure: str
    patients: int
    pearson: Correlation
    spearman: Correlation
    p_adjusted: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityAnalysis:
    """All relations of a cohort.

    Attributes
    ----------
    grade : int
        Grade whose odds were related to dose.
    exposures, covariates : tuple of str
        Doses, and what was held.
    relations : tuple of Relation
        By response, span, quantity and dose.
    correlations : tuple of DoseCorrelation
        By quantity and dose.
    findings : tuple of Finding
        What to know.
    """

    grade: int
    exposures: tuple[str, ...]
    covariates: tuple[str, ...]
    relations: tuple[Relation, ...]
    correlations: tuple[DoseCorrelation, ...]
    findings: tuple[Finding, ...]

    @property
    def tested(self) -> tuple[Relation, ...]:
        """Relations that were estimated."""
        return tuple(relation for relation in self.relations if relation.slope_per_gy is not None)


def analyse_toxicity(
    patients: Sequence[PatientCourses],
    *,
    doses: Sequence[DoseOfCycle],
    facts: Mapping[str, PatientFacts],
    grade: int = 2,
) -> ToxicityAnalysis:
    """Return the relations of every count with every dose.

    Parameters
    ----------
    patients : sequence of PatientCourses
        With counts and doses.
    doses : sequence of DoseOfCycle
        All doses, for the order of the regions.
    facts : mapping of str to PatientFacts
        By patient.
    grade : int
        Whose odds are related to dose, 1 to 4.

    References
    ----------
    [Bates2015]_, [Holm1979]_, [Firth1993]_
    """
    covariates, findings = usable_covariates(patients, facts)
    keys = exposures(doses)
    relations: list[Relation] = []
    correlations: list[DoseCorrelation] = []
    measured = [name for name in QUANTITIES if any(patient.course(name) for patient in patients)]
    for span in ("therapy", "cycle"):
        for quantity in measured:
            rows = toxicity_rows(patients, quantity, span, facts)
            for key in keys:
                known = [row for row in rows if key in row.dose_gy]
                relations.append(decline_relation(quantity, key, span, known, covariates))
                relations.append(grade_relation(quantity, key, span, known, covariates, grade))
                if span == "therapy":
                    correlations += _correlation(quantity, key, known)
    cycles = {len(patient.clock.cycles) for patient in patients}
    if len(cycles) == 1:
        tests = holm([item.spearman.p for item in correlations])
        correlations = [replace(item, p_adjusted=float(p)) for item, p in zip(correlations, tests, strict=True)]
    elif correlations:
        findings = (*findings, _cycles_differ(cycles))
    relations.sort(key=lambda item: (item.response == "grade", item.span == "cycle"))
    adjusted = _adjusted(relations)
    return ToxicityAnalysis(grade, keys, covariates, adjusted, tuple(correlations), (*findings, *_findings(adjusted)))


def _adjusted(relations: Sequence[Relation]) -> tuple[Relation, ...]:
    """Return relations with adjusted tests; a dose without a relation is no threshold and is left out."""
    tested = [relation for relation in relations if relation.slope_per_gy is not None]
    adjusted = iter(holm([relation.slope_per_gy.p for relation in tested if relation.slope_per_gy is not None]))
    result = []
    for relation in relations:
        if relation.slope_per_gy is not None:
            relation = replace(relation, p_adjusted=float(next(adjusted)))
        if not relation.significant:
            notes = tuple(note for note in relation.notes if note != BEYOND_DOSES)
            relation = replace(relation, dose_at_half=None, notes=notes)
        result.append(relation)
    return tuple(result)


def _correlation(quantity: str, key: str, rows: Sequence[ToxicityRow]) -> list[DoseCorrelation]:
    used = [row for row in rows if row.counts.relative_decline is not None]
    doses = np.array([row.dose_gy[key] for row in used])
    declines = np.array([row.counts.relative_decline for row in used], float)
    try:
        pair = pearson(doses, declines), spearman(doses, declines)
    except StatisticsError:
        return []
    return [] if math.isnan(pair[0].value) else [DoseCorrelation(quantity, key, len(used), *pair)]


def _cycles_differ(cycles: Collection[int]) -> Finding:
    return Finding(
        "cycles-differ",
        "warning",
        f"Patients have {min(cycles)} to {max(cycles)} cycles. Those with more have a larger dose over therapy and "
        "more counts, of which the lowest is taken: both go together without any effect of the dose. Relations over "
        "therapy hold the number of cycles; the correlations cannot, and have no adjusted p.",
        "cohort",
    )


def _findings(relations: Sequence[Relation]) -> tuple[Finding, ...]:
    tested = [relation for relation in relations if relation.slope_per_gy is not None]
    level = toxicity_constant("significance")
    by_chance = level * len(tested)
    below = sum(relation.slope_per_gy.p < level for relation in tested if relation.slope_per_gy is not None)
    kept = sum(relation.significant for relation in tested)
    findings = []
    if tested:
        findings.append(
            Finding(
                "relations-multiple",
                "info",
                f"{len(tested)} relations were estimated, of which about {by_chance:.2g} have p < {level:g} by chance "
                f"alone; {below} have it, and {kept} after adjustment for their number (Holm).",
                "cohort",
            )
        )
    if not kept:
        findings.append(
            Finding(
                "relations-none",
                "info",
                "No relation of counts and dose is significant after adjustment: no dose is stated at which a grade is "
                "to be expected.",
                "cohort",
            )
        )
    refused = [relation for relation in relations if relation.reason]
    if refused:
        example = refused[0]
        findings.append(
            Finding(
                "relations-refused",
                "warning",
                f"{len(refused)} of {len(relations)} relations were not estimated, for example of "
                f"{LABELS[example.quantity]} and {example.exposure}: {example.reason}",
                "cohort",
            )
        )
    return tuple(findings)
