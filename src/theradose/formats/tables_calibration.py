"""Tables for calibrations: from cells to typed rows.

References
----------
The headers are described in ``docs/formats/calibration.md``.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from theradose.errors import PhysicsError
from theradose.formats.tables import TableRow, read_table
from theradose.formats.tables_samples import not_negative, optional_moment, optional_positive, refuse_cell, row_origin
from theradose.model.counted_source import (
    Arrangement,
    ConstancyReading,
    Counting,
    KnownSource,
    PhantomSphere,
    RateReading,
)
from theradose.nuclides import canonical_nuclide

_COUNTING = ("measured_at", "counts", "counting_s", "background_counts", "background_s")
SOURCE_COLUMNS = (*_COUNTING, "nuclide", "activity_mbq", "u_activity_mbq", "activity_at", "volume_ml", "distance_cm")
RATE_COLUMNS = (*_COUNTING, "source")
SPHERE_COLUMNS = (
    "sphere", "volume_ml", "u_volume_ml", "x_mm", "y_mm", "z_mm", "activity_mbq", "u_activity_mbq", "activity_at",
)  # fmt: skip
CONSTANCY_COLUMNS = (*_COUNTING, "source", "nuclide")
_ARRANGEMENTS: dict[str, Arrangement] = {"1": "1", "2": "2", "1+2": "1+2"}


def read_known_sources(
    path: Path,
    *,
    nuclide: str,
    activity_mbq: float | None = None,
    activity_at: datetime | None = None,
    relative_u_activity: float | None = None,
) -> tuple[KnownSource, ...]:
    """Read sources of known activity that were counted; the arguments hold where the table is silent.

    Raises
    ------
    StudyError
        One sentence with line and column for the first cell that cannot be used.
    """
    sources = []
    for row in read_table(path, columns=SOURCE_COLUMNS, needed=("measured_at", "counts", "counting_s")):
        origin = row_origin(row)
        _check_nuclide(row, nuclide)
        stated = optional_positive(row, "activity_mbq")
        at = optional_moment(row, "activity_at")
        activity = activity_mbq if stated is None else stated
        if activity is None:
            raise refuse_cell(
                origin, "activity_mbq", "the activity is not known: fill the cell, or give --activity.",
                "source-activity",
            )  # fmt: skip
        moment = activity_at if at is None else at
        if moment is None:
            raise refuse_cell(
                origin, "activity_at", "the moment of the activity is not known: fill the cell, or give --at.",
                "source-activity-at",
            )  # fmt: skip
        u = optional_positive(row, "u_activity_mbq")
        sources.append(
            KnownSource(
                counting=_counting(row),
                activity_mbq=activity,
                activity_at=moment,
                relative_u_activity=relative_u_activity if u is None else u / activity,
                volume_ml=optional_positive(row, "volume_ml"),
                distance_cm=optional_positive(row, "distance_cm"),
            )
        )
    return tuple(sources)


def read_rates(path: Path) -> tuple[RateReading, ...]:
    """Read count rates of one decaying source, or of two sources one by one and together.

    Raises
    ------
    StudyError
        One sentence with line and column for the first cell that cannot be used.
    """
    readings = []
    for row in read_table(path, columns=RATE_COLUMNS, needed=("measured_at", "counts", "counting_s")):
        text = row.text("source")
        if text is not None and text.replace(" ", "") not in _ARRANGEMENTS:
            raise refuse_cell(
                row_origin(row), "source", f"'{text}' is neither 1, 2 nor 1+2: leave it empty for one decaying source.",
                "rates-source",
            )  # fmt: skip
        readings.append(RateReading(_counting(row), None if text is None else _ARRANGEMENTS[text.replace(" ", "")]))
    return tuple(readings)


def read_spheres(
    path: Path,
    *,
    concentration_mbq_ml: float | None = None,
    activity_at: datetime | None = None,
    relative_u_activity: float | None = None,
) -> tuple[PhantomSphere, ...]:
    """Read the spheres of a phantom; the arguments hold where the table is silent.

    Raises
    ------
    StudyError
        One sentence with line and column for the first cell that cannot be used.
    """
    spheres = []
    for row in read_table(path, columns=SPHERE_COLUMNS, needed=("volume_ml", "x_mm", "y_mm", "z_mm")):
        origin = row_origin(row)
        volume = _positive(row, "volume_ml")
        u_volume = optional_positive(row, "u_volume_ml")
        stated = optional_positive(row, "activity_mbq")
        activity = stated if stated is not None else (concentration_mbq_ml or 0.0) * volume
        if not activity > 0:
            raise refuse_cell(
                origin, "activity_mbq", "the activity is not known: fill the cell, or give --concentration.",
                "source-activity",
            )  # fmt: skip
        moment = optional_moment(row, "activity_at") or activity_at
        if moment is None:
            raise refuse_cell(
                origin, "activity_at", "the moment of the activity is not known: fill the cell, or give --at.",
                "source-activity-at",
            )  # fmt: skip
        u = optional_positive(row, "u_activity_mbq")
        spheres.append(
            PhantomSphere(
                origin=origin,
                name=row.text("sphere") or f"line {row.line}",
                volume_ml=volume,
                relative_u_volume=None if u_volume is None else u_volume / volume,
                position_mm=(row.number("x_mm"), row.number("y_mm"), row.number("z_mm")),
                activity_mbq=activity,
                activity_at=moment,
                relative_u_activity=relative_u_activity if u is None else u / activity,
            )
        )
    return tuple(spheres)


def read_constancy(
    path: Path, *, source: str | None = None, nuclide: str | None = None
) -> tuple[ConstancyReading, ...]:
    """Read counts of long-lived sources; the arguments hold where the table is silent.

    Raises
    ------
    StudyError
        One sentence with line and column for the first cell that cannot be used.
    """
    readings = []
    for row in read_table(path, columns=CONSTANCY_COLUMNS, needed=("measured_at", "counts", "counting_s")):
        named = {"source": row.text("source") or source, "nuclide": row.text("nuclide") or nuclide}
        for column, text in named.items():
            if text is None:
                raise refuse_cell(
                    row_origin(row), column, f"the {column} is not known: fill the cell, or give --{column}.",
                    "constancy-source",
                )  # fmt: skip
        readings.append(ConstancyReading(_counting(row), str(named["source"]), str(named["nuclide"])))
    return tuple(readings)


def _counting(row: TableRow) -> Counting:
    origin, measured_at = row_origin(row), optional_moment(row, "measured_at")
    if measured_at is None:
        raise refuse_cell(origin, "measured_at", "the moment of counting is needed: fill the cell.", "table-cell-empty")
    background, background_s = not_negative(row, "background_counts"), optional_positive(row, "background_s")
    if background is not None and background_s is None:
        raise refuse_cell(
            origin, "background_s", "background counts need their counting time in seconds.", "background-time"
        )
    if background is None and background_s is not None:
        raise refuse_cell(
            origin,
            "background_counts",
            "a background needs its counts: write 0 if none were seen.",
            "background-counts",
        )
    return Counting(
        origin, measured_at, _positive(row, "counts"), _positive(row, "counting_s"), background, background_s
    )


def _positive(row: TableRow, column: str) -> float:
    value = optional_positive(row, column)
    return row.number(column) if value is None else value


def _check_nuclide(row: TableRow, nuclide: str) -> None:
    text = row.text("nuclide")
    if text is None:
        return
    try:
        found = canonical_nuclide(text)
    except PhysicsError as error:
        raise refuse_cell(row_origin(row), "nuclide", str(error), error.code) from None
    if found != nuclide:
        raise refuse_cell(
            row_origin(row),
            "nuclide",
            f"the source is of {found}, but the calibration is for {nuclide}: give each nuclide a record of its own.",
            "nuclide-conflict",
        )
