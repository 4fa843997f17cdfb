"""Cycles of a patient from finished results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from theradose.errors import StudyError
from theradose.model.finding import Finding
from theradose.model.region import RegionKind
from theradose.model.result import BudgetResult, RegionResult, Result
from theradose.model.stated import Stated
from theradose.nuclides import canonical_nuclide
from theradose.plan.cycles.cycle import Cycle, CycleDose
from theradose.plan.cycles.history import bed_by_half_life
from theradose.report.document import read_result
from theradose.store.runs import RESULT_DOCUMENT, run_folder
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ

_KINDS = (RegionKind.ORGAN.value, RegionKind.LESION.value)
_MARROW = {"blood": "red-marrow-by-blood", "image": "red-marrow-by-image"}


def read_cycle_result(path: Path) -> Result:
    """Return the result of a cycle from a run folder or its ``result.json``.

    Raises
    ------
    StudyError
        Of reading.
    """
    return read_result(run_folder(path) / RESULT_DOCUMENT)


def require_one_course(
    results: Sequence[Result], *, patient: str | None, therapy: str | None, nuclide: str | None = None
) -> None:
    """Refuse results that are not cycles of one patient and one therapy; what nobody states is not compared.

    Parameters
    ----------
    results : sequence of Result
        Each of one cycle.
    patient, therapy, nuclide : str or None
        As the input states them.

    Raises
    ------
    StudyError
        ``cycle-result-twice``, ``cycle-of-another-patient``, ``cycle-of-another-therapy``,
        ``cycle-of-another-nuclide``.
    """
    seen: set[str] = set()
    for result in results:
        if result.run_id in seen:
            raise StudyError(
                f"The result {result.run_id} is given as two cycles: give each cycle its own result.",
                code="cycle-result-twice",
            )
        seen.add(result.run_id)
    for what, stated in (("patient", patient), ("therapy", therapy), ("nuclide", nuclide)):
        known = stated
        for result in results:
            found = _of_study(result, what)
            if known is not None and found is not None and found != known:
                raise StudyError(
                    f"The result {result.run_id} is of the {what} '{found}', the other cycles are of '{known}': give "
                    f"the results of one {what}.",
                    code=f"cycle-of-another-{what}",
                )
            known = known or found


def restated_findings(
    result: Result, *, number: int | None, activity_mbq: float | None, start: datetime | None = None
) -> tuple[Finding, ...]:
    """Return where a cycle is given another number, activity or start than its result has (``cycle-restated``)."""
    own_mbq = _activity(result.study.get("administrations") or ())
    changes: tuple[tuple[str, object, object], ...] = (
        ("cycle", result.study.get("cycle"), number),
        ("activity", _shown(own_mbq), _shown(activity_mbq)),
        ("start", _start(result), start),
    )
    return tuple(
        Finding(
            "cycle-restated",
            "warning",
            f"The result {result.run_id} has the {what} {own}, but is given with {stated}, which is taken.",
        )
        for what, own, stated in changes
        if own is not None and stated is not None and own != stated
    )


def cycle_of_result(
    result: Result, *, number: int | None = None, activity_mbq: float | None = None, start: datetime | None = None
) -> Cycle:
    """Return the doses of a result as one cycle, each with the sources of its budget.

    Parameters
    ----------
    result : Result
        Finished run.
    number, activity_mbq, start : optional
        Of the cycle; by default those of its study.

    Raises
    ------
    StudyError
        ``cycle-number`` if neither says which cycle it is, ``cycle-activity`` without activity,
        ``cycle-dose-negative``.
    """
    study = result.study
    number = study.get("cycle") if number is None else number
    if number is None:
        raise StudyError(
            f"The result {result.run_id} does not say which cycle it is: add 'cycle: 1' beside it.", code="cycle-number"
        )
    given = study.get("administrations") or ()
    activity_mbq = _activity(given) if activity_mbq is None else activity_mbq
    if not activity_mbq:
        raise StudyError(
            f"The result {result.run_id} has no administered activity: add 'activity: 7.4 GBq' beside it.",
            code="cycle-activity",
        )
    if negative := [region.name for region in result.regions if (region.dose_gy.value or 0.0) < 0]:
        raise StudyError(
            f"The result {result.run_id} has a dose below 0 to {', '.join(negative)}: correct the cycle before it is "
            "added to others.",
            code="cycle-dose-negative",
        )
    doses = {region.name: _region_dose(region) for region in result.regions
             if region.kind in _KINDS and region.dose_gy.value}  # fmt: skip
    doses |= dict(_marrow_doses(result.marrow or {}))
    return Cycle(number, activity_mbq, start or _start(result), doses)


def with_sources(value: float, budget: Iterable[BudgetResult], *, source: str) -> Uncertain:
    """Return a number with the sources of its budget, all of the same sign; `source` is not stated if there are none.

    A budget does not store signs. Of one dose they do not matter, and between doses to one region a source acts in one
    direction, so that its contributions add up.
    """
    lines = tuple(budget)
    if not lines:
        return Uncertain(value, not_stated=frozenset({source}))
    return Uncertain.relative(value, {line.source: line.relative_u for line in lines})


def stated_of(results: Sequence[Result], what: Literal["patient", "therapy", "nuclide"]) -> str | None:
    """Return the id of the patient, the therapy or the nuclide that the first result to state one has."""
    return next((found for result in results if (found := _of_study(result, what)) is not None), None)


def _of_study(result: Result, what: str) -> str | None:
    study = result.study
    if what == "patient":
        return (study.get("patient") or {}).get("id")
    if what == "therapy":
        return study.get("therapy")
    given = study.get("administrations") or ()
    name = given[0].get("nuclide") if given else None
    return None if name is None else canonical_nuclide(name)


def _start(result: Result) -> datetime | None:
    given = result.study.get("administrations") or ()
    start = given[0].get("start") if given else None
    return None if start is None else datetime.fromisoformat(start)


def _shown(activity_mbq: float | None) -> str | None:
    return f"{activity_mbq / MBQ_PER_GBQ:.3g} GBq" if activity_mbq else None


def _activity(administrations: Sequence[Mapping[str, Any]]) -> float:
    return sum((one.get("activity") or 0.0) - (one.get("residual") or 0.0) for one in administrations)


def _region_dose(region: RegionResult) -> CycleDose:
    dose = with_sources(region.dose_gy.value or 0.0, region.budget, source=f"dose:{region.name}")
    return CycleDose(dose, _bed(region, dose), RegionKind(region.kind))


def _bed(region: RegionResult, dose: Uncertain) -> Uncertain | None:
    """Return the biologically effective dose of a result, else that of its effective half-life."""
    if region.bed_gy is not None and region.bed_gy.value is not None:
        budget = () if region.bed is None else region.bed.budget
        return with_sources(region.bed_gy.value, budget, source=f"radiobiology:{region.name}")
    half_life = region.effective_half_life_h
    known = None if half_life.value is None else Stated(half_life.value, half_life.u)
    return bed_by_half_life(region.name, dose, known)


def _marrow_doses(marrow: Mapping[str, Any]) -> Iterable[tuple[str, CycleDose]]:
    for method, name in _MARROW.items():
        entry = marrow.get(method) or {}
        value = (entry.get("dose_gy") or {}).get("value")
        if value:
            budget = [BudgetResult.model_validate(line) for line in entry.get("budget") or ()]
            yield name, CycleDose(with_sources(value, budget, source=f"dose:{name}"))
