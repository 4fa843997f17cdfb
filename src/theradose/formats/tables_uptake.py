"""Tables of thyroid uptake measurements: from cells to typed rows.

References
----------
The headers are described in ``docs/formats/uptake.md``.
"""

from __future__ import annotations

from pathlib import Path

from theradose.formats.tables import TableRow, read_table
from theradose.formats.tables_samples import not_negative, optional_moment, optional_positive, row_origin, stated_t_h
from theradose.model.uptake import UptakeReading

UPTAKE_COLUMNS = (
    "measured_at", "t_h", "neck_counts", "thigh_counts", "counting_s", "standard_counts", "room_counts",
    "standard_counting_s", "standard_counted_at", "standard_mbq", "u_standard_mbq", "standard_at",
)  # fmt: skip
UPTAKE_NEEDED = ("neck_counts", "counting_s")


def read_uptake_rows(path: Path) -> tuple[UptakeReading, ...]:
    """Read a table of thyroid uptake measurements.

    Raises
    ------
    StudyError
        With line and column: a cell that is not what its column holds, or a number that it cannot have.
    """
    return tuple(_reading(row) for row in read_table(path, columns=UPTAKE_COLUMNS, needed=UPTAKE_NEEDED))


def _reading(row: TableRow) -> UptakeReading:
    return UptakeReading(
        origin=row_origin(row),
        measured_at=optional_moment(row, "measured_at"),
        t_h=stated_t_h(row),
        neck_counts=optional_positive(row, "neck_counts") or row.number("neck_counts"),
        thigh_counts=not_negative(row, "thigh_counts"),
        counting_s=optional_positive(row, "counting_s") or row.number("counting_s"),
        standard_counts=optional_positive(row, "standard_counts"),
        room_counts=not_negative(row, "room_counts"),
        standard_counting_s=optional_positive(row, "standard_counting_s"),
        standard_counted_at=optional_moment(row, "standard_counted_at"),
        standard_mbq=optional_positive(row, "standard_mbq"),
        u_standard_mbq=optional_positive(row, "u_standard_mbq"),
        standard_at=optional_moment(row, "standard_at"),
    )
