"""Tables of blood counts, of the doses of cycles, and of patients: from cells to typed rows.

References
----------
The headers are described in ``docs/formats/counts.md``.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Literal

from theradose.data import load_number, load_yaml
from theradose.errors import StudyError
from theradose.formats.tables import TableRow, read_table
from theradose.formats.tables_samples import optional_moment, optional_positive, refuse_cell, row_origin
from theradose.model.counts import LABELS, QUANTITIES, BloodCount, DoseOfCycle, Moment, PatientFacts

_CELLS = tuple(name for name in QUANTITIES if name != "haemoglobin")
_PER_UL = 1e-3
_G_PER_DL = 0.1
COUNT_COLUMNS = (
    "patient", "date", "t_d", "cycle", "haemoglobin_g_dl", "haemoglobin_g_l", "haemoglobin_mmol_l",
    *(f"{name}_{unit}" for name in _CELLS for unit in ("1e9_l", "per_ul")), "transfusion", "growth_factor",
)  # fmt: skip
DOSE_COLUMNS = (
    "patient", "cycle", "date", "t_d", "region", "method", "dose_gy", "u_dose_gy", "activity_gbq",
    "effective_half_life_h",
)  # fmt: skip
DOSE_REGIONS = ("red-marrow", "spleen", "total-body", "whole-body")
"""Regions whose doses are related to counts."""
PATIENT_COLUMNS = ("patient", "sex", "skeletal_metastases", "prior_chemotherapy")
_TRUTHS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_NOTHING = {"", "no", "none", "false", "0"}
TRANSFUSIONS = {
    "red-cells": frozenset({"haemoglobin"}),
    "platelets": frozenset({"platelets"}),
    "yes": frozenset({"haemoglobin", "platelets"}),
}
"""What a transfusion acts on, by the word of the table."""
GROWTH_FACTORS = {
    "g-csf": frozenset({"wbc", "neutrophils", "lymphocytes"}),
    "epo": frozenset({"haemoglobin"}),
    "tpo": frozenset({"platelets"}),
    "yes": frozenset(QUANTITIES),
}
"""What a growth factor acts on, by the word of the table."""


def read_counts(path: Path) -> tuple[BloodCount, ...]:
    """Read a table of blood counts; values come in g/dL and 10⁹/L, whatever the units of the header.

    Raises
    ------
    StudyError
        With line and column: a cell that is not what its column holds, a count that is implausible in its unit, a
        quantity in two units, a row without count, or two rows of one patient and moment.
    """
    rows = read_table(path, columns=COUNT_COLUMNS, needed=("patient",))
    factors = _factors(tuple(rows[0].values), path.name)
    counts = tuple(_count(row, factors) for row in rows)
    seen: dict[tuple[str, Moment], BloodCount] = {}
    for count in counts:
        first = seen.setdefault((count.patient, count.moment), count)
        if first is not count:
            raise refuse_cell(
                count.origin,
                "patient",
                f"line {first.origin.line} has counts of {count.patient} at the same time: keep one of the two rows.",
                "count-twice",
            )
    return counts


def read_cycle_doses(path: Path) -> tuple[DoseOfCycle, ...]:
    """Read a table of the doses of cycles.

    Raises
    ------
    StudyError
        With line and column: a cell that is not what its column holds, a dose that occurs twice, a cycle with two
        starts, or starts that are not in the order of the cycles.
    """
    needed = ("patient", "cycle", "region", "dose_gy")
    doses = tuple(_dose(row) for row in read_table(path, columns=DOSE_COLUMNS, needed=needed))
    check_cycle_doses(doses)
    return doses


def check_cycle_doses(doses: tuple[DoseOfCycle, ...]) -> None:
    """Refuse doses that occur twice, cycles with two starts, and numbered cycles in another order than their starts.

    Raises
    ------
    StudyError
        ``dose-twice``, ``cycle-start``.
    """
    seen: dict[tuple[str, str, str], DoseOfCycle] = {}
    starts: dict[tuple[str, str], DoseOfCycle] = {}
    for dose in doses:
        first = seen.setdefault((dose.patient, dose.cycle, dose.key), dose)
        if first is not dose:
            raise refuse_cell(
                dose.origin,
                "region",
                f"line {first.origin.line} has a dose of cycle {dose.cycle} of {dose.patient} to {dose.key} too: name "
                "the 'method' of each, or keep one.",
                "dose-twice",
            )
        start = starts.setdefault((dose.patient, dose.cycle), dose)
        if start.moment != dose.moment:
            raise refuse_cell(
                dose.origin,
                "date",
                f"line {start.origin.line} gives cycle {dose.cycle} of {dose.patient} another start: correct one.",
                "cycle-start",
            )
    numbered = [dose for dose in starts.values() if dose.cycle.isdecimal()]
    for earlier, later in pairwise(sorted(numbered, key=lambda dose: (dose.patient, int(dose.cycle)))):
        if earlier.patient == later.patient and not _follows(later.moment, earlier.moment):
            raise refuse_cell(
                later.origin,
                "cycle",
                f"cycle {later.cycle} of {later.patient} does not start after cycle {earlier.cycle}, in line "
                f"{earlier.origin.line}: correct cycle or start.",
                "cycle-start",
            )


def read_patient_facts(path: Path) -> dict[str, PatientFacts]:
    """Read a table of patients, by patient.

    Raises
    ------
    StudyError
        With line and column: a cell that is not what its column holds, or a patient that occurs twice.
    """
    facts: dict[str, PatientFacts] = {}
    for row in read_table(path, columns=PATIENT_COLUMNS, needed=("patient",)):
        patient, origin = _filled(row, "patient"), row_origin(row)
        if patient in facts:
            raise refuse_cell(
                origin, "patient", f"line {facts[patient].origin.line} has {patient} too: keep one row.",
                "patient-twice",
            )  # fmt: skip
        facts[patient] = PatientFacts(
            origin, patient, _sex(row), _truth(row, "skeletal_metastases"), _truth(row, "prior_chemotherapy")
        )
    return facts


def _follows(later: Moment, earlier: Moment) -> bool:
    """Return whether a start is after another one; what is on two clocks is refused where they are put on one."""
    if later.date is not None and earlier.date is not None:
        return later.date > earlier.date
    return later.t_d is None or earlier.t_d is None or later.t_d > earlier.t_d


def _factors(header: tuple[str, ...], file: str) -> dict[str, tuple[str, float]]:
    """Return the quantity of each column of counts with the factor to its unit here."""
    molar = load_number("haematology.yaml", "haemoglobin_g_dl_per_mmol_l")
    known = {"haemoglobin_g_dl": 1.0, "haemoglobin_g_l": _G_PER_DL, "haemoglobin_mmol_l": molar}
    known |= {f"{name}_1e9_l": 1.0 for name in _CELLS} | {f"{name}_per_ul": _PER_UL for name in _CELLS}
    columns = {name: (name.partition("_")[0], known[name]) for name in header if name in known}
    for quantity in QUANTITIES:
        of_it = [name for name, (found, _) in columns.items() if found == quantity]
        if len(of_it) > 1:
            raise StudyError(
                f"The table {file} has {LABELS[quantity]} in {' and '.join(of_it)}: keep one column.",
                code="count-two-units",
            )
    if not columns:
        raise StudyError(
            f"The table {file} has no column of counts: name one with its unit, as platelets_1e9_l or "
            "haemoglobin_g_dl.",
            code="table-header",
        )
    return columns


def _count(row: TableRow, factors: dict[str, tuple[str, float]]) -> BloodCount:
    origin = row_origin(row)
    values = {
        quantity: _plausible(row, column, quantity, value * factor)
        for column, (quantity, factor) in factors.items()
        if (value := optional_positive(row, column)) is not None
    }
    if not values:
        raise refuse_cell(origin, next(iter(factors)), "the row has no count: fill a cell, or remove it.",
                          "count-missing")  # fmt: skip
    transfusion = _marked(row, "transfusion", TRANSFUSIONS)
    return BloodCount(
        origin=origin,
        patient=_filled(row, "patient"),
        moment=_moment(row),
        cycle=row.text("cycle"),
        values=values,
        influenced=transfusion | _marked(row, "growth_factor", GROWTH_FACTORS),
        transfused_red_cells="haemoglobin" in transfusion,
    )


def _plausible(row: TableRow, column: str, quantity: str, value: float) -> float:
    record = load_yaml("haematology.yaml")["quantities"][quantity]
    low, high = record["plausible"]["value"]
    if not low <= value <= high:
        raise refuse_cell(
            row_origin(row),
            column,
            f"{row.text(column)} means {value:.4g} {_unit(record['unit'])}, and {LABELS[quantity]} lie between {low:g} "
            f"and {high:g}: correct the number, or the unit in the header.",
            "count-implausible",
        )
    return value


def _unit(unit: str) -> str:
    return unit.replace("1e9", "10⁹")


def _dose(row: TableRow) -> DoseOfCycle:
    dose = row.number("dose_gy")
    if dose < 0:
        raise refuse_cell(row_origin(row), "dose_gy", f"{dose:g} Gy is negative: correct it.", "dose-negative")
    return DoseOfCycle(
        origin=row_origin(row),
        patient=_filled(row, "patient"),
        cycle=_filled(row, "cycle"),
        moment=_moment(row),
        region=_region(row),
        method=row.text("method") or "",
        dose_gy=_dose_in_gray(row, dose),
        u_dose_gy=optional_positive(row, "u_dose_gy"),
        activity_gbq=optional_positive(row, "activity_gbq"),
        effective_half_life_h=optional_positive(row, "effective_half_life_h"),
    )


def _region(row: TableRow) -> str:
    region = _filled(row, "region")
    if region not in DOSE_REGIONS:
        raise refuse_cell(row_origin(row), "region", f"'{region}' is none of {', '.join(DOSE_REGIONS)}: write one of "
                          "them, or remove the row.", "dose-region")  # fmt: skip
    return region


def _dose_in_gray(row: TableRow, dose_gy: float) -> float:
    largest = load_number("haematology.yaml", "plausible_cycle_dose")
    if dose_gy > largest:
        raise refuse_cell(
            row_origin(row),
            "dose_gy",
            f"{dose_gy:g} Gy is more than {largest:g} Gy for one cycle: the column holds Gy, not mGy; correct it.",
            "dose-implausible",
        )
    return dose_gy


def _moment(row: TableRow) -> Moment:
    text, t_d = row.text("date"), row.optional_number("t_d")
    if (text is None) == (t_d is None):
        given = "neither 'date' nor" if text is None else "both 'date' and"
        raise refuse_cell(row_origin(row), "date", f"the row has {given} 't_d': fill one of the two.", "count-time")
    if text is None:
        return Moment(t_d=t_d)
    date = optional_moment(row, "date")
    assert date is not None
    return Moment(date.replace(tzinfo=None), with_time="T" in text or ":" in text)


def _filled(row: TableRow, column: str) -> str:
    text = row.text(column)
    if text is None:
        raise refuse_cell(row_origin(row), column, "the cell is empty: fill it.", "table-cell-empty")
    return text


def _marked(row: TableRow, column: str, words: dict[str, frozenset[str]]) -> frozenset[str]:
    text = (row.text(column) or "").lower()
    if text in _NOTHING:
        return frozenset()
    if text not in words:
        raise refuse_cell(row_origin(row), column, f"'{text}' is none of no, {', '.join(words)}: write one of them.",
                          "count-mark")  # fmt: skip
    return words[text]


def _truth(row: TableRow, column: str) -> bool | None:
    text = row.text(column)
    if text is None:
        return None
    if text.lower() not in _TRUTHS:
        raise refuse_cell(row_origin(row), column, f"'{text}' is neither 'yes' nor 'no'.", "table-truth")
    return _TRUTHS[text.lower()]


def _sex(row: TableRow) -> Literal["M", "F"] | None:
    text = (row.text("sex") or "").upper()
    if text not in ("", "M", "F"):
        raise refuse_cell(row_origin(row), "sex", f"'{text}' is neither 'M' nor 'F'.", "sex")
    return {"M": "M", "F": "F"}.get(text)  # type: ignore[return-value]
