"""Table of volumes of interest in marrow: from cells to typed rows.

References
----------
The header is described in ``docs/formats/marrow_vois.md``.
"""

from __future__ import annotations

from pathlib import Path

from theradose.formats.tables import TableRow, read_table
from theradose.formats.tables_samples import (
    optional_moment,
    optional_positive,
    refuse_cell,
    row_origin,
    stated_t_h,
)
from theradose.model.vois import VoiImage

VOI_COLUMNS = (
    "subject", "cycle", "measured_at", "t_h", "volume_ml", "activity_mbq", "u_activity_mbq", "concentration_mbq_l",
    "u_concentration_mbq_l", "density_g_ml",
)  # fmt: skip
_ML_PER_L = 1e3


def read_voi_rows(path: Path) -> tuple[tuple[str | None, str | None, VoiImage], ...]:
    """Read a table of volumes of interest and return subject, cycle and image of each row.

    Raises
    ------
    StudyError
        With line and column: a cell that is not what its column holds, or a number that it cannot have.
    """
    rows = read_table(path, columns=VOI_COLUMNS, needed=())
    return tuple((row.text("subject"), row.text("cycle"), _image(row)) for row in rows)


def _image(row: TableRow) -> VoiImage:
    origin, t_h, measured_at = row_origin(row), stated_t_h(row), optional_moment(row, "measured_at")
    if t_h is None and measured_at is None:
        raise refuse_cell(
            origin, "t_h", "there is no time of the image: fill 't_h' or 'measured_at'.", "image-time-missing"
        )
    activity, concentration = optional_positive(row, "activity_mbq"), optional_positive(row, "concentration_mbq_l")
    volume_ml, density = optional_positive(row, "volume_ml"), optional_positive(row, "density_g_ml")
    if activity is not None and concentration is not None:
        raise refuse_cell(
            origin, "activity_mbq", "the row has 'concentration_mbq_l' too: keep one of the two values.", "voi-value"
        )
    if concentration is not None:
        _refuse_stray_u(row, "u_activity_mbq", "activity_mbq")
        u = optional_positive(row, "u_concentration_mbq_l")
        return VoiImage(origin, measured_at, t_h, "concentration_mbq_l", concentration, u, volume_ml, density)
    if activity is None:
        raise refuse_cell(
            origin, "activity_mbq", "there is no value: fill 'activity_mbq' or 'concentration_mbq_l'.", "voi-value"
        )
    if volume_ml is None:
        raise refuse_cell(
            origin,
            "volume_ml",
            "an activity needs the volume that it is in: fill 'volume_ml', or give 'concentration_mbq_l'.",
            "voi-volume-missing",
        )
    _refuse_stray_u(row, "u_concentration_mbq_l", "concentration_mbq_l")
    u = optional_positive(row, "u_activity_mbq")
    per_l = _ML_PER_L / volume_ml
    return VoiImage(
        origin,
        measured_at,
        t_h,
        "activity_mbq",
        activity * per_l,
        None if u is None else u * per_l,
        volume_ml,
        density,
    )


def _refuse_stray_u(row: TableRow, column: str, value: str) -> None:
    if row.text(column) is not None:
        raise refuse_cell(
            row_origin(row), column, f"the row has no '{value}' that it could belong to: clear one of them.", "voi-u"
        )
