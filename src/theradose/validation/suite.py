"""The published-number suite: every case with what this installation makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from theradose.provenance import software_versions
from theradose.validation.case import Case, find_group, group_title, load_cases
from theradose.validation.evaluator import find_evaluator

SCHEMA = "theradose/validation/1"
_ROUND_OFF = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class CaseResult:
    """A case and what came out.

    Attributes
    ----------
    case : Case
        What was expected.
    value : float
        What this installation computes.
    """

    case: Case
    value: float

    @property
    def deviation(self) -> float:
        """Computed minus expected, in the unit of the case."""
        return self.value - self.case.expected

    @property
    def relative_deviation(self) -> float | None:
        """The same over the expected number; ``None`` where that is zero."""
        return self.deviation / self.case.expected if self.case.expected else None

    @property
    def passed(self) -> bool:
        """Whether the deviation is within the tolerance; a number that is not finite never is."""
        # A printed digit plus half a unit is not exactly a binary number.
        allowed = self.case.tolerance.in_units(self.case.expected) + _ROUND_OFF * abs(self.case.expected)
        return abs(self.deviation) <= allowed

    def to_json(self) -> dict[str, Any]:
        """Return the row of the document."""
        case = self.case
        return {
            "id": case.id,
            "group": case.group,
            "what": case.what,
            "quantity": case.quantity,
            "inputs": dict(case.inputs),
            "expected": case.expected,
            "unit": case.unit,
            "tolerance": case.tolerance.model_dump(exclude_none=True),
            "because": case.because,
            "source": case.source,
            "reference": case.reference,
            "value": self.value,
            "deviation": self.deviation,
            "relative_deviation": self.relative_deviation,
            "passed": self.passed,
        }


@dataclass(frozen=True, slots=True, eq=False)
class SuiteResult:
    """All cases that were asked for."""

    rows: tuple[CaseResult, ...]

    @property
    def passed(self) -> bool:
        """Whether all cases pass."""
        return all(row.passed for row in self.rows)

    def by_group(self) -> dict[str, tuple[CaseResult, ...]]:
        """Return the rows of each group under its title."""
        groups = dict.fromkeys(row.case.group for row in self.rows)
        return {group_title(name): tuple(row for row in self.rows if row.case.group == name) for name in groups}

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``docs/formats/validation.md``."""
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "n_cases": len(self.rows),
            "n_failed": sum(not row.passed for row in self.rows),
            "software": software_versions(),
            "cases": [row.to_json() for row in self.rows],
        }


def run_suite(*, only: str | None = None, progress: Callable[[int, int], None] | None = None) -> SuiteResult:
    """Evaluate the published numbers.

    Parameters
    ----------
    only : str, optional
        One group; all by default.
    progress : callable, optional
        Told how many cases of how many are done.

    Raises
    ------
    StudyError
        ``validation-group`` for a group that does not exist.
    """
    return evaluate_cases(load_cases(None if only is None else find_group(only)), progress=progress)


def evaluate_cases(cases: Sequence[Case], *, progress: Callable[[int, int], None] | None = None) -> SuiteResult:
    """Evaluate some cases, in their order."""
    rows = []
    for number, case in enumerate(cases, start=1):
        rows.append(evaluate_case(case))
        if progress is not None:
            progress(number, len(cases))
    return SuiteResult(tuple(rows))


def evaluate_case(case: Case) -> CaseResult:
    """Return a case with the number that this installation computes."""
    return CaseResult(case, float(find_evaluator(case.group, case.quantity)(**case.inputs)))
