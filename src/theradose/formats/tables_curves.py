"""Tables of time-activity curves: ``subject,region,t_h,activity_mbq,u_mbq``, any number of subjects and regions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from theradose.errors import StudyError
from theradose.formats.tables import TableRow, read_table
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding

CURVE_COLUMNS = ("subject", "region", "t_h", "activity_mbq", "u_mbq")
_NEEDED = CURVE_COLUMNS[:-1]


@dataclass(frozen=True, slots=True, eq=False)
class SubjectCurve:
    """The curve of one region of one subject, with what was noticed while reading it."""

    subject: str
    curve: TimeActivityCurve
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Point:
    t_h: float
    activity_mbq: float
    u_mbq: float
    line: int


def read_curves(path: Path, *, relative_u: float | None = None) -> tuple[SubjectCurve, ...]:
    """Read every curve of a table, in the order of first appearance; rows may be in any order.

    Parameters
    ----------
    path : Path
        The table.
    relative_u : float, optional
        Relative standard uncertainty of the points whose cell ``u_mbq`` is empty.

    Raises
    ------
    StudyError
        With file, line and column: ``table-cell-empty``, ``table-number``, ``curve-time`` before the administration,
        ``curve-duplicate`` for one time twice in a curve, ``uncertainty-missing``, ``uncertainty-invalid``, and the
        refusals of :func:`theradose.formats.tables.read_table`.
    """
    points: dict[tuple[str, str], list[_Point]] = {}
    for row in read_table(path, columns=CURVE_COLUMNS, needed=_NEEDED):
        points.setdefault((row.text("subject") or "", _region(row)), []).append(_point(row, relative_u))
    return tuple(_curve(path.name, subject, region, found) for (subject, region), found in points.items())


def _curve(file: str, subject: str, region: str, points: list[_Point]) -> SubjectCurve:
    ordered = sorted(points, key=lambda point: point.t_h)
    for before, after in pairwise(ordered):
        if before.t_h == after.t_h:
            first, second = sorted((before.line, after.line))
            raise StudyError(
                f"{file}, line {second}: 't_h' {after.t_h:g} of subject '{subject}', region '{region}' occurs already "
                f"in line {first}: keep one of the two rows, or give them their own subjects.",
                code="curve-duplicate",
            )
    findings: tuple[Finding, ...] = ()
    if ordered != points:
        line = next(after.line for before, after in pairwise(points) if after.t_h < before.t_h)
        message = f"The times of the curve are not in order (line {line} goes back); its points were sorted."
        findings = (Finding("points-sorted", "info", message, f"{subject}: {region}"),)
    curve = TimeActivityCurve(
        region,
        np.array([point.t_h for point in ordered]),
        np.array([point.activity_mbq for point in ordered]),
        np.array([point.u_mbq for point in ordered]),
        {},
        "table",
    )
    return SubjectCurve(subject, curve, findings)


def _region(row: TableRow) -> str:
    region = row.text("region")
    if region is None:
        raise StudyError(
            f"{row.file}, line {row.line}: 'region' is empty: name the region of every row.", code="table-cell-empty"
        )
    return region


def _point(row: TableRow, relative_u: float | None) -> _Point:
    t_h, activity = row.number("t_h"), row.number("activity_mbq")
    if t_h < 0:
        raise StudyError(
            f"{row.file}, line {row.line}: 't_h' is {t_h:g}, before the administration: times are hours after its "
            "start.",
            code="curve-time",
        )
    return _Point(t_h, activity, _uncertainty(row, activity, relative_u), row.line)


def _uncertainty(row: TableRow, activity: float, relative_u: float | None) -> float:
    stated = row.optional_number("u_mbq")
    if stated is None and relative_u is None:
        raise StudyError(
            f"{row.file}, line {row.line}: 'u_mbq' is empty, and the weights of the fit need it: state the standard "
            "uncertainty of the point, or one relative uncertainty for all such points (--relative-u '5 %').",
            code="uncertainty-missing",
        )
    u = stated if stated is not None else (relative_u or 0.0) * activity
    if not u > 0:
        reason = (
            "a standard uncertainty is positive"
            if stated is not None
            else f"a relative uncertainty of the activity {activity:g} gives none: state it in this row"
        )
        raise StudyError(
            f"{row.file}, line {row.line}: 'u_mbq' is {u:g}: {reason}.",
            code="uncertainty-invalid",
        )
    return u
