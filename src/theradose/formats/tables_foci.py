"""Tables of foci in blood cells: from cells of the table to typed rows.

References
----------
The headers are described in ``docs/formats/counts.md``.
"""

from __future__ import annotations

from pathlib import Path

from theradose.formats.tables import TableRow, read_table
from theradose.formats.tables_samples import not_negative, refuse_cell, row_origin
from theradose.model.foci import FociSample
from theradose.model.samples import TreatmentSeries

FOCI_COLUMNS = ("patient", "cycle", "t_h", "cells", "foci", "blood_dose_mgy")


def read_foci(path: Path) -> tuple[FociSample, ...]:
    """Read a table of foci.

    Raises
    ------
    StudyError
        With line and column: a cell that is not what its column holds, or two samples of one treatment and time.
    """
    rows = read_table(path, columns=FOCI_COLUMNS, needed=("patient", "t_h", "cells", "foci"))
    samples = tuple(_sample(row) for row in rows)
    seen: dict[tuple[str, float], FociSample] = {}
    for sample in samples:
        first = seen.setdefault((sample.treatment.label, sample.t_h), sample)
        if first is not sample:
            raise refuse_cell(
                sample.origin, "t_h", f"line {first.origin.line} has a sample of the same time: add them, or keep one.",
                "foci-twice",
            )  # fmt: skip
    return samples


def _sample(row: TableRow) -> FociSample:
    patient = row.text("patient")
    if patient is None:
        raise refuse_cell(row_origin(row), "patient", "the cell is empty: fill it.", "table-cell-empty")
    cells = _whole(row, "cells")
    if cells == 0:
        raise refuse_cell(row_origin(row), "cells", "no cell was looked at: remove the row.", "foci-count")
    return FociSample(
        origin=row_origin(row),
        treatment=TreatmentSeries(patient, row.text("cycle")),
        t_h=row.number("t_h"),
        cells=cells,
        foci=_whole(row, "foci"),
        blood_dose_mgy=not_negative(row, "blood_dose_mgy"),
    )


def _whole(row: TableRow, column: str) -> int:
    value = row.number(column)
    if value < 0 or value != int(value):
        raise refuse_cell(
            row_origin(row), column,
            f"{value:g} is no number of {column}: give the total over all cells, not the number per cell.",
            "foci-count",
        )  # fmt: skip
    return int(value)
