"""Tables of other programs, read by a mapping into our names and units."""

from __future__ import annotations

from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.tables import TableRow, read_table
from theradose.model.agreement_mapping import UNITS_OF_QUANTITIES, AgreementMapping
from theradose.model.measured import MeasuredRegion
from theradose.units import conversion_factor


def read_foreign_table(path: Path, mapping: AgreementMapping) -> tuple[MeasuredRegion, ...]:
    """Read a table of another program.

    Regions keep the spelling of the table; patients are renamed where the mapping says so.

    Parameters
    ----------
    path : Path
        CSV with the separator and the decimal sign that the mapping states.
    mapping : AgreementMapping
        Where everything is.

    Raises
    ------
    StudyError
        As :func:`~theradose.formats.tables.read_table`; ``mapping-columns`` without a column of numbers;
        ``table-cell-empty`` and ``table-number``, also for a value below 0, with file and line.
    UnitError
        For a unit that is unknown or of another kind.
    """
    numbers = mapping.columns.numbers()
    if not numbers:
        raise StudyError(
            f"The mapping of {path.name} names no column of numbers: add for example "
            "'dose_gy: {column: Dose, unit: Gy}' under 'columns'.",
            code="mapping-columns",
        )
    factors = {name: item.factor * _unit_factor(item.unit, UNITS_OF_QUANTITIES[name]) for name, item in numbers.items()}
    texts = [text for text in (mapping.columns.patient, mapping.columns.region, mapping.columns.cycle) if text]
    needed = (*texts, *(item.column for item in numbers.values()))
    spellings = {spelling: ours for ours, found in mapping.patients.items() for spelling in found}
    rows = []
    for row in read_table(
        path, columns=needed, needed=needed, others=True, separator=mapping.separator, decimal=mapping.decimal
    ):
        values = {
            name: _value(row, item.column, factors[name])
            for name, item in numbers.items()
            if row.text(item.column) is not None and row.text(item.column) not in mapping.missing
        }
        patient = _text(row, mapping.columns.patient)
        region = _text(row, mapping.columns.region)
        place = f"{row.file}, line {row.line}"
        rows.append(MeasuredRegion(spellings.get(patient, patient), _cycle(row, mapping), region, values, place))
    return tuple(rows)


def _value(row: TableRow, column: str, factor: float) -> float:
    """Return a number in our unit without the digits that a change of unit adds in the sixteenth place."""
    value = row.number(column) * factor
    if value < 0:
        raise StudyError(f"{row.file}, line {row.line}: '{row.text(column)}' in column '{column}' is below 0.",
                         code="table-number")  # fmt: skip
    return float(f"{value:.12g}")


def _unit_factor(unit: str, ours: str) -> float:
    """Return the factor to our unit; that of a time-integrated activity is a product of two."""
    if " " not in ours:
        return conversion_factor(unit, ours)
    parts = unit.replace("·", " ").replace("*", " ").split()
    if len(parts) != len(ours.split()):
        raise StudyError(f"'{unit}' is no unit of time-integrated activity: write for example 'MBq h' or 'GBq s'.",
                         code="unit-syntax")  # fmt: skip
    activity, time = (conversion_factor(part, whole) for part, whole in zip(parts, ours.split(), strict=True))
    return activity * time


def _text(row: TableRow, column: str) -> str:
    text = row.text(column)
    if text is None:
        raise StudyError(f"{row.file}, line {row.line}: '{column}' is empty, but it is needed.",
                         code="table-cell-empty")  # fmt: skip
    return text


def _cycle(row: TableRow, mapping: AgreementMapping) -> int:
    if mapping.columns.cycle is None:
        return mapping.cycle
    number = row.number(mapping.columns.cycle)
    if number != int(number) or number < 1:
        raise StudyError(
            f"{row.file}, line {row.line}: '{row.text(mapping.columns.cycle)}' is no cycle: write 1, 2, 3 …",
            code="table-number",
        )
    return int(number)
