"""Tables that belong together: every tumour with its volumes and doses, or a refusal that names the row.

References
----------
[Warfvinge2024]_ What is needed of a tumour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from theradose.cohort.response.outcome import TumourOutcome, outcome_of_courses
from theradose.cohort.response.settings import ResponseSettings
from theradose.errors import StudyError
from theradose.model.tumours import DOSE_KINDS, CycleDose, DoseKind, TumourKey, TumourRow, TumourVolume
from theradose.uncertainty import Uncertain

Courses = tuple[Mapping[TumourKey, Sequence[TumourVolume]], Mapping[TumourKey, Sequence[CycleDose]]]


def assemble(
    rows: Sequence[TumourRow], courses: Courses | None, *, settings: ResponseSettings
) -> tuple[TumourOutcome, ...]:
    """Return the outcome of every tumour that no stated reason excludes.

    Parameters
    ----------
    rows : sequence of TumourRow
        All tumours.
    courses : pair of mappings, optional
        Volumes and doses by tumour; without them the columns of `rows` hold sums and reduction.
    settings : ResponseSettings
        Choices of the analysis.

    Raises
    ------
    StudyError
        ``tumour-in-one-table`` for a tumour that a table lacks; ``cycle-missing`` for a cycle that another tumour of
        the patient has; ``grade-missing`` for a tumour without a grade where others have one; ``one-level-factor``
        for a column of grades with one grade; ``no-tumours`` if all are excluded; ``dose-missing``,
        ``reduction-missing`` for empty cells; ``columns-twice`` for sums beside the tables that they follow from; and
        those of :func:`theradose.cohort.response.outcome.outcome_of_courses`.

    References
    ----------
    [Warfvinge2024]_
    """
    kept = [row for row in rows if row.exclusion is None and settings.grade in (None, row.grade)]
    if not kept:
        asked = f" of grade {settings.grade}" if settings.grade else ""
        remedy = "ask for a grade of the table, or correct" if asked else "correct"
        raise StudyError(
            f"{rows[0].origin.file}: none of {len(rows)} tumours{asked} is left to analyse: {remedy} the "
            "columns of exclusions.",
            code="no-tumours",
        )
    _refuse_grades(kept, settings)
    if courses is None:
        kinds = _stated_kinds(kept)
        return tuple(_stated_outcome(row, kinds) for row in kept)
    volumes, doses = courses
    _refuse_strangers(rows, volumes, doses)
    _refuse_missing_cycles(kept, doses)
    return tuple(
        outcome_of_courses(row, volumes[row.key], doses[row.key], correlation=settings.cycles, growth=settings.growth)
        for row in _with_courses(kept, volumes, doses)
    )


def _refuse_grades(kept: Sequence[TumourRow], settings: ResponseSettings) -> None:
    first = kept[0]
    grades = {row.grade for row in kept}
    graded = grades - {None}
    if graded and None in grades:
        row = next(row for row in kept if row.grade is None)
        raise _refusal(row, "grade", "it is empty, but other tumours have a grade: state it, or leave out the column.",
                       "grade-missing")  # fmt: skip
    if len(graded) == 1 and settings.grade is None and len(kept) > 1:
        raise _refusal(
            first,
            "grade",
            f"every tumour that is analysed has the grade {first.grade}, so that there is nothing to compare: ask for "
            f"it with --grade {first.grade}, or leave out the column.",
            "one-level-factor",
        )


def _stated_kinds(kept: Sequence[TumourRow]) -> tuple[DoseKind, ...]:
    kinds = tuple(kind for kind in DOSE_KINDS if any(row.amounts[kind].dose_gy is not None for row in kept))
    if not kinds:
        raise _refusal(
            kept[0],
            "dose_all_cycles_gy",
            "no tumour has a dose: fill this column or 'dose_best_response_gy', or give the tables --volumes and "
            "--doses.",
            "dose-missing",
        )
    return kinds


def _stated_outcome(row: TumourRow, kinds: Sequence[DoseKind]) -> TumourOutcome:
    if row.reduction is None:
        raise _refusal(row, "reduction_percent", "it is empty, and the tumour is not excluded: state the largest loss "
                       "of volume, or give the tables --volumes and --doses.", "reduction-missing")  # fmt: skip
    doses: dict[DoseKind, Uncertain] = {}
    for kind in kinds:
        amounts = row.amounts[kind]
        if amounts.dose_gy is None:
            raise _refusal(
                row,
                f"dose_{kind.replace('-', '_')}_gy",
                "it is empty, and the tumour is not excluded: state the dose, or write dosimetry_eligible no.",
                "dose-missing",
            )
        source = f"volume:{row.patient}/{row.tumour}"
        doses[kind] = Uncertain(amounts.dose_gy).with_contribution(source, amounts.u_dose_gy)
    after = row.reduction if row.reduction_after is None else row.reduction_after
    return TumourOutcome(
        row=row,
        baseline_ml=row.baseline_ml,
        reduction={kind: row.reduction if kind == "best-response" else after for kind in kinds},
        u_reduction=row.u_reduction,
        dose_gy=doses,
        activity_gbq={kind: gbq for kind in kinds if (gbq := row.amounts[kind].activity_gbq) is not None},
        time_to_growth_d=row.time_to_growth_d,
        grew=row.grew,
    )


def _refuse_strangers(
    rows: Sequence[TumourRow],
    volumes: Mapping[TumourKey, Sequence[TumourVolume]],
    doses: Mapping[TumourKey, Sequence[CycleDose]],
) -> None:
    listed = {row.key for row in rows}
    origins = {key: cycles[0].origin for key, cycles in doses.items()}
    origins |= {key: scans[0].origin for key, scans in volumes.items()}
    for key, origin in origins.items():
        if key not in listed:
            raise StudyError(
                f"{origin.file}, line {origin.line}: tumour '{key[1]}' of patient '{key[0]}' is not in "
                f"{rows[0].origin.file}: add it there, or correct the names.",
                code="tumour-in-one-table",
            )
    for row in rows:
        if row.reduction is not None or any(row.amounts[kind].dose_gy is not None for kind in DOSE_KINDS):
            raise _refusal(
                row,
                "reduction_percent",
                "the row states sums or a loss of volume, and tables of volumes and doses are given too: keep one of "
                "the two.",
                "columns-twice",
            )


def _with_courses(
    kept: Sequence[TumourRow],
    volumes: Mapping[TumourKey, Sequence[TumourVolume]],
    doses: Mapping[TumourKey, Sequence[CycleDose]],
) -> Sequence[TumourRow]:
    for row in kept:
        for table, reason, missing in (("volumes", "visible", volumes), ("doses", "dosimetry_eligible", doses)):
            if row.key not in missing:
                raise StudyError(
                    f"{row.origin.file}, line {row.origin.line}: tumour '{row.tumour}' of patient '{row.patient}' has "
                    f"no rows in the table of {table}: add them, or write {reason} no.",
                    code="tumour-in-one-table",
                )
    return kept


def _refuse_missing_cycles(kept: Sequence[TumourRow], doses: Mapping[TumourKey, Sequence[CycleDose]]) -> None:
    known: dict[str, dict[str, CycleDose]] = {}
    for key, cycles in doses.items():
        for cycle in cycles:
            known.setdefault(key[0], {}).setdefault(cycle.cycle, cycle)
    for row in kept:
        own = {cycle.cycle for cycle in doses.get(row.key, ())}
        missing = next((cycle for name, cycle in known.get(row.patient, {}).items() if name not in own), None)
        if own and missing is not None:
            raise StudyError(
                f"{missing.origin.file}, line {missing.origin.line}: cycle {missing.cycle} of patient '{row.patient}' "
                f"has no dose of tumour '{row.tumour}', which is not excluded: add its row, or write "
                f"dosimetry_eligible no in {row.origin.file}, line {row.origin.line}.",
                code="cycle-missing",
            )


def _refusal(row: TumourRow, column: str, problem: str, code: str) -> StudyError:
    return StudyError(f"{row.origin.file}, line {row.origin.line}, column '{column}': {problem}", code=code)
