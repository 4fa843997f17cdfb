"""Tables of tumours, of their volumes on serial scans and of their doses by cycle, for a dose-response analysis."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.formats.tables import TableRow, read_table
from theradose.formats.tables_samples import optional_truth, refuse_cell, row_origin
from theradose.model.samples import CellOrigin
from theradose.model.tumours import (
    DOSE_KINDS,
    EXCLUSIONS,
    CycleDose,
    DoseKind,
    Exclusion,
    StatedAmounts,
    TumourKey,
    TumourRow,
    TumourVolume,
)

_KIND_COLUMN: Mapping[DoseKind, str] = {kind: kind.replace("-", "_") for kind in DOSE_KINDS}
TUMOUR_COLUMNS = (
    "patient", "tumour", "grade", "primary", "skeletal", "dosimetry_eligible", "visible", "progressive",
    "baseline_ml", "reduction_percent", "u_reduction_percent", "reduction_after_treatment_percent",
    *(f"{start}dose_{kind}_gy" for kind in _KIND_COLUMN.values() for start in ("", "u_")),
    *(f"activity_{kind}_gbq" for kind in _KIND_COLUMN.values()),
    "time_to_growth_d", "growth_seen",
)  # fmt: skip
VOLUME_COLUMNS = ("patient", "tumour", "date", "volume_ml", "u_volume_ml")
DOSE_COLUMNS = ("patient", "tumour", "cycle", "date", "dose_gy", "u_dose_gy", "u_shared_gy", "activity_gbq")
GRADES = ("G1", "G2", "G3")

_KEPT_IF: Mapping[Exclusion, tuple[str, bool]] = {
    "skeletal": ("skeletal", False),
    "dosimetry": ("dosimetry_eligible", True),
    "not-visible": ("visible", True),
    "progressive": ("progressive", False),
}
# A unit at the end of a header, with what the format has in its place.
_OTHER_UNITS = {"mgy": "gy", "cgy": "gy", "mbq": "gbq", "mm3": "ml", "cm3": "ml", "fraction": "percent"}


def read_tumours(path: Path) -> tuple[TumourRow, ...]:
    """Read ``tumours.csv``: one row per tumour.

    Raises
    ------
    StudyError
        With file and line: ``tumour-twice``, ``tumour-grade``, ``tumour-name``, ``tumour-unit`` for a column or a
        number in another unit, ``tumour-value`` for a number that its column cannot hold, and the refusals of
        :func:`theradose.formats.tables.read_table`.
    """
    rows = _read(path, TUMOUR_COLUMNS)
    _refuse_fractions(rows, ("reduction_percent", "reduction_after_treatment_percent"))
    for kind in _KIND_COLUMN.values():
        _refuse_other_unit(rows, f"dose_{kind}_gy", "dose of all cycles")
        _refuse_other_unit(rows, f"activity_{kind}_gbq", "activity of all cycles")
    _refuse_other_unit(rows, "baseline_ml", "volume")
    tumours: dict[TumourKey, TumourRow] = {}
    for row in rows:
        tumour = _tumour(row)
        first = tumours.setdefault(tumour.key, tumour)
        if first is not tumour:
            raise refuse_cell(
                tumour.origin,
                "tumour",
                f"tumour '{tumour.tumour}' of patient '{tumour.patient}' is already in line {first.origin.line}: keep "
                "one row for each tumour.",
                "tumour-twice",
            )
    return tuple(tumours.values())


def read_volumes(path: Path) -> dict[TumourKey, tuple[TumourVolume, ...]]:
    """Read ``volumes.csv``: the volumes of each tumour in order of date.

    Raises
    ------
    StudyError
        With file and line: ``table-order`` for dates of a tumour that go back or occur twice, and those of
        :func:`read_tumours`.
    """
    rows = _read(path, VOLUME_COLUMNS)
    _refuse_other_unit(rows, "volume_ml", "volume")
    volumes: dict[TumourKey, list[TumourVolume]] = {}
    for row in rows:
        volume = _at_least_zero(row, "volume_ml")
        if volume is None:
            raise refuse_cell(row_origin(row), "volume_ml", "it is empty: write 0 if the tumour was not seen any more, "
                              "or leave out the scan.", "tumour-value")  # fmt: skip
        scan = TumourVolume(row_origin(row), _key(row), _day(row), volume, _at_least_zero(row, "u_volume_ml"))
        series = volumes.setdefault(scan.key, [])
        if series:
            _refuse_order(scan.origin, scan.key, scan.day, series[-1].origin, series[-1].day)
        series.append(scan)
    return {key: tuple(series) for key, series in volumes.items()}


def read_doses(path: Path) -> dict[TumourKey, tuple[CycleDose, ...]]:
    """Read ``doses.csv``: the doses of each tumour by cycle, in order of date.

    Raises
    ------
    StudyError
        With file and line: ``table-order``, ``cycle-twice``, ``cycle-differs`` where two tumours of a patient have
        other dates or activities of one cycle, ``uncertainty-invalid``, and those of :func:`read_tumours`.
    """
    rows = _read(path, DOSE_COLUMNS)
    _refuse_other_unit(rows, "dose_gy", "dose of a cycle")
    _refuse_other_unit(rows, "activity_gbq", "activity of a cycle")
    doses: dict[TumourKey, list[CycleDose]] = {}
    cycles: dict[tuple[str, str], CycleDose] = {}
    for row in rows:
        dose = _cycle_dose(row)
        series = doses.setdefault(dose.key, [])
        _refuse_repeated_cycle(dose, series)
        _refuse_other_cycle(dose, cycles.setdefault((dose.key[0], dose.cycle), dose))
        series.append(dose)
    for series in doses.values():
        _refuse_mixed_cycles(series)
    return {key: tuple(series) for key, series in doses.items()}


def _read(path: Path, columns: Sequence[str]) -> tuple[TableRow, ...]:
    try:
        return read_table(path, columns=columns, needed=columns[:2])
    except StudyError as error:
        if error.code != "table-header":
            raise
        _refuse_header_in_other_unit(path, columns)
        raise


def _refuse_header_in_other_unit(path: Path, columns: Sequence[str]) -> None:
    lines = enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1)
    number, header = next((n, line) for n, line in lines if line.strip() and not line.lstrip().startswith("#"))
    for name in (cell.strip() for cell in header.split(",")):
        stem, _, unit = name.rpartition("_")
        right = f"{stem}_{_OTHER_UNITS.get(unit.lower(), '')}"
        if right in columns:
            raise StudyError(
                f"{path.name}, line {number}: the column '{name}' is in another unit: convert it and name it "
                f"'{right}'.",
                code="tumour-unit",
            )


def _tumour(row: TableRow) -> TumourRow:
    patient, tumour = _key(row)
    seen, days = (
        optional_truth(row, "growth_seen"),
        _checked(row, "time_to_growth_d", lambda days: days > 0, "positive"),
    )
    if (seen is None) != (days is None):
        raise refuse_cell(row_origin(row), "time_to_growth_d", "'time_to_growth_d' and 'growth_seen' belong together: "
                          "fill both cells or neither.", "tumour-value")  # fmt: skip
    return TumourRow(
        origin=row_origin(row),
        patient=patient,
        tumour=tumour,
        grade=_grade(row),
        primary=row.text("primary"),
        exclusion=next(
            (reason for reason in EXCLUSIONS if optional_truth(row, _KEPT_IF[reason][0]) is (not _KEPT_IF[reason][1])),
            None,
        ),
        baseline_ml=_checked(row, "baseline_ml", lambda ml: ml > 0, "positive"),
        reduction=_reduction(row, "reduction_percent"),
        u_reduction=_scaled(_at_least_zero(row, "u_reduction_percent")),
        reduction_after=_reduction(row, "reduction_after_treatment_percent"),
        amounts={kind: _amounts(row, column) for kind, column in _KIND_COLUMN.items()},
        time_to_growth_d=days,
        grew=seen,
    )


def _amounts(row: TableRow, kind: str) -> StatedAmounts:
    dose = _checked(row, f"dose_{kind}_gy", lambda gy: gy > 0, "positive")
    return StatedAmounts(
        dose,
        _u_dose(row, f"u_dose_{kind}_gy", dose),
        _checked(row, f"activity_{kind}_gbq", lambda gbq: gbq > 0, "positive"),
    )


def _cycle_dose(row: TableRow) -> CycleDose:
    cycle = row.text("cycle")
    if cycle is None:
        raise refuse_cell(row_origin(row), "cycle", "it is empty: name the cycle.", "table-cell-empty")
    dose_gy = _checked(row, "dose_gy", lambda gy: gy > 0, "positive")
    dose = CycleDose(
        origin=row_origin(row),
        key=_key(row),
        cycle=cycle,
        day=_day(row),
        dose_gy=dose_gy,
        u_gy=_u_dose(row, "u_dose_gy", dose_gy),
        u_shared_gy=_at_least_zero(row, "u_shared_gy"),
        activity_gbq=_checked(row, "activity_gbq", lambda gbq: gbq > 0, "positive"),
    )
    if dose.u_shared_gy is not None and (dose.u_gy is None or dose.u_shared_gy > dose.u_gy):
        raise refuse_cell(
            dose.origin,
            "u_shared_gy",
            "it is a part of 'u_dose_gy', which is empty or smaller: state the whole uncertainty there.",
            "uncertainty-invalid",
        )
    return dose


def _u_dose(row: TableRow, column: str, dose_gy: float | None) -> float | None:
    u = _at_least_zero(row, column)
    if u is not None and dose_gy is not None and u > dose_gy:
        raise refuse_cell(
            row_origin(row),
            column,
            f"an uncertainty of {u:g} Gy is larger than the dose of {dose_gy:g} Gy: write it in Gy, not in mGy or in "
            "per cent.",
            "uncertainty-invalid",
        )
    return u


def _refuse_repeated_cycle(dose: CycleDose, series: Sequence[CycleDose]) -> None:
    same = next((other for other in series if other.cycle == dose.cycle), None)
    if same is not None:
        raise refuse_cell(
            dose.origin,
            "cycle",
            f"cycle {dose.cycle} of tumour '{dose.key[1]}' of patient '{dose.key[0]}' is already in line "
            f"{same.origin.line}: keep one row for each cycle.",
            "cycle-twice",
        )
    if series:
        _refuse_order(dose.origin, dose.key, dose.day, series[-1].origin, series[-1].day)


def _refuse_mixed_cycles(series: Sequence[CycleDose]) -> None:
    """Refuse a dose hundreds of times another one of the same tumour."""
    factor = load_yaml("response.yaml")["mixed_unit_factor"]["value"]
    stated = [(dose.dose_gy, dose) for dose in series if dose.dose_gy is not None]
    low, high = min(stated, default=None, key=_amount), max(stated, default=None, key=_amount)
    if low is not None and high is not None and high[0] > factor * low[0]:
        raise refuse_cell(
            high[1].origin,
            "dose_gy",
            f"{high[0]:g} is {high[0] / low[0]:.0f} times the dose of the same tumour in line {low[1].origin.line}: "
            "write every dose in Gy.",
            "tumour-unit",
        )


def _amount(stated: tuple[float, CycleDose]) -> float:
    return stated[0]


def _refuse_other_cycle(dose: CycleDose, first: CycleDose) -> None:
    for what, own, other in (
        ("date", dose.day, first.day),
        ("activity_gbq", dose.activity_gbq, first.activity_gbq),
    ):
        if own != other:
            raise refuse_cell(
                dose.origin,
                what,
                f"{'nothing' if own is None else own} is stated for cycle {dose.cycle} of patient '{dose.key[0]}', but "
                f"{'nothing' if other is None else other} in line {first.origin.line}: one cycle has one date and one "
                "activity for all tumours.",
                "cycle-differs",
            )


def _refuse_order(origin: CellOrigin, key: TumourKey, day: date, before: CellOrigin, earlier: date) -> None:
    if day <= earlier:
        raise refuse_cell(
            origin,
            "date",
            f"{day} of tumour '{key[1]}' of patient '{key[0]}' does not come after {earlier} in line {before.line}: "
            "correct the date or sort the rows of a tumour by date.",
            "table-order",
        )


def _refuse_fractions(rows: Sequence[TableRow], columns: Sequence[str]) -> None:
    """Refuse a column of per cent whose numbers are all fractions."""
    for column in columns:
        found = [(row, value) for row in rows if (value := row.optional_number(column)) is not None]
        if found and max(abs(value) for _, value in found) <= 1 and any(value for _, value in found):
            row, value = next((row, value) for row, value in found if value)
            raise refuse_cell(
                row_origin(row),
                column,
                f"{value:g} and all others of the column lie between −1 and 1, as fractions do: write per cent.",
                "tumour-unit",
            )


def _refuse_other_unit(rows: Sequence[TableRow], column: str, what: str) -> None:
    """Refuse a number beyond what is possible, or far beyond the others: it was stated in another unit."""
    bounds = load_yaml("response.yaml")["possible_tumour"]["value"][what]
    factor = load_yaml("response.yaml")["mixed_unit_factor"]["value"]
    found = [(row, value) for row in rows if (value := row.optional_number(column)) is not None]
    middle = statistics.median(value for _, value in found) if found else 0.0
    for row, value in found:
        if value > bounds["largest"]:
            reason = f"more than any {what}"
        elif what != "volume" and value > factor * middle > 0:
            reason = f"{value / middle:.0f} times the median of the column"
        else:
            continue
        raise refuse_cell(
            row_origin(row),
            column,
            f"{value:g} {bounds['unit']} is {reason}: if it is in {bounds['other']}, convert every value of the column "
            f"to {bounds['unit']}.",
            "tumour-unit",
        )


def _key(row: TableRow) -> TumourKey:
    patient, tumour = row.text("patient"), row.text("tumour")
    for column, name in (("patient", patient), ("tumour", tumour)):
        if name is None:
            raise refuse_cell(row_origin(row), column, "it is empty: name patient and tumour in every row.",
                              "tumour-name")  # fmt: skip
    return patient or "", tumour or ""


def _grade(row: TableRow) -> str | None:
    text = row.text("grade")
    if text is None:
        return None
    grade = f"G{text.upper().removeprefix('G')}"
    if grade not in GRADES:
        raise refuse_cell(
            row_origin(row),
            "grade",
            f"'{text}' is not a grade: write {', '.join(GRADES)}, or leave out the column to analyse all tumours "
            "together.",
            "tumour-grade",
        )
    return grade


def _day(row: TableRow) -> date:
    text = row.text("date")
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        raise refuse_cell(
            row_origin(row), "date", f"'{text or ''}' is not a date: write it as 2026-03-02.", "table-moment"
        ) from None


def _reduction(row: TableRow, column: str) -> float | None:
    return _scaled(
        _checked(row, column, lambda percent: percent <= 100, "at most 100 %, which is a tumour that vanished")
    )


def _scaled(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _at_least_zero(row: TableRow, column: str) -> float | None:
    return _checked(row, column, lambda value: value >= 0, "zero or positive")


def _checked(row: TableRow, column: str, allowed: Callable[[float], bool], valid: str) -> float | None:
    value = row.optional_number(column)
    if value is not None and (not math.isfinite(value) or not allowed(value)):
        raise refuse_cell(row_origin(row), column, f"{value:g} is not {valid}: correct it.", "tumour-value")
    return value
