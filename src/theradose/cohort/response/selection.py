"""Which tumours are analysed, and a count of those that are not that adds up.

References
----------
[Warfvinge2024]_ Selection of tumours, Figure 1; the counts printed there do not add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from theradose.cohort.response.outcome import TumourOutcome
from theradose.cohort.response.settings import FILE, ResponseSettings
from theradose.data import load_yaml
from theradose.model.tumours import EXCLUSIONS, Exclusion, TumourRow

WORDS: Mapping[Exclusion, str] = {
    "skeletal": "skeletal tumours",
    "dosimetry": "not eligible for dosimetry",
    "not-visible": "not sufficiently visible in follow-up",
    "progressive": "progressed during treatment",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Tumours and the patients whose they are."""

    tumours: int
    patients: int


@dataclass(frozen=True, slots=True)
class SelectionStep:
    """Tumours taken out for one reason, and what is left."""

    reason: str
    removed: int
    left: Counts


@dataclass(frozen=True, slots=True)
class Selection:
    """From all tumours to those that are analysed.

    Attributes
    ----------
    initial : Counts
        All tumours of the table.
    steps : tuple of SelectionStep
        In their order; each tumour leaves at the first reason that it meets.
    delineated : Counts
        With volumes and doses, of any size.
    analysed : Counts
        What the relations of dose and response rest on.
    """

    initial: Counts
    steps: tuple[SelectionStep, ...]
    delineated: Counts
    analysed: Counts

    @property
    def adds_up(self) -> bool:
        """Whether what was removed and what is left are all tumours."""
        return self.initial.tumours - sum(step.removed for step in self.steps) == self.analysed.tumours


def select(
    rows: Sequence[TumourRow], outcomes: Sequence[TumourOutcome], *, settings: ResponseSettings
) -> tuple[Selection, tuple[TumourOutcome, ...]]:
    """Return the count of the selection, and the tumours large enough for the relations of dose and response.

    Parameters
    ----------
    rows : sequence of TumourRow
        All tumours.
    outcomes : sequence of TumourOutcome
        Of those that no stated reason excludes.
    settings : ResponseSettings
        With the smallest volume at baseline and the grade.

    References
    ----------
    [Warfvinge2024]_
    """
    left = list(rows)
    steps = []
    for reason in EXCLUSIONS:
        kept = [row for row in left if row.exclusion != reason]
        steps.append(SelectionStep(WORDS[reason], len(left) - len(kept), _counts(kept)))
        left = kept
    if settings.grade is not None:
        kept = [row for row in left if row.grade == settings.grade]
        steps.append(SelectionStep(f"of another grade than {settings.grade}", len(left) - len(kept), _counts(kept)))
        left = kept
    delineated = _counts(left)
    large = tuple(one for one in outcomes if one.baseline_ml is None or one.baseline_ml >= settings.smallest_ml)
    analysed = _counts([one.row for one in large])
    steps.append(
        SelectionStep(f"smaller than {settings.smallest_ml:g} mL at baseline", len(outcomes) - len(large), analysed)
    )
    return Selection(_counts(rows), tuple(steps), delineated, analysed), large


def exclusion_reason(row: TumourRow, baseline_ml: float | None, *, settings: ResponseSettings) -> str | None:
    """Return why a tumour is not analysed, ``None`` if it is.

    References
    ----------
    [Warfvinge2024]_
    """
    if row.exclusion is not None:
        return WORDS[row.exclusion]
    if settings.grade not in (None, row.grade):
        return "other grade"
    return "too small" if baseline_ml is not None and baseline_ml < settings.smallest_ml else None


def published_selection_gap() -> str:
    """Return what does not add up in the counts of the published analysis.

    References
    ----------
    [Warfvinge2024]_
    """
    printed: dict[str, Any] = load_yaml(FILE)["published_selection"]["value"]
    removed = [part["tumours"] for part in printed.values() if "patients" not in part]
    initial, delineated = printed["initial"]["tumours"], printed["delineated"]["tumours"]
    before = initial - sum(removed[:-1])
    return (
        f"The published counts do not add up: {initial} − {' − '.join(map(str, removed[:-1]))} = {before}, the number "
        f"that is printed as left, but {removed[-1]} more are printed as removed, which would leave "
        f"{before - removed[-1]}; {delineated} were delineated."
    )


def _counts(rows: Sequence[TumourRow]) -> Counts:
    return Counts(len(rows), len({row.patient for row in rows}))
