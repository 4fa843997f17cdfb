"""Tables of time-activity curves: ``subject,region,t_h,activity_mbq,u_mbq``, any number of subjects and regions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.formats.tables import TableRow, read_table
from theradose.model.curve import TimeActivityCurve, sudden_fall

CURVE_COLUMNS = ("subject", "cycle", "region", "t_h", "activity_mbq", "u_mbq")
_NEEDED = ("subject", "region", "t_h", "activity_mbq")
# Steps of the prefixes of units; a measured activity is not a thousand times what its neighbours tell.
_UNIT_STEP = 1000.0
_NEAR_UNIT_STEP = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class SubjectCurve:
    """The curve of one region of one subject."""

    subject: str
    curve: TimeActivityCurve


@dataclass(frozen=True, slots=True)
class _Point:
    t_h: float
    activity_mbq: float
    u_mbq: float
    line: int


def read_curves(path: Path, *, relative_u: float | None = None) -> tuple[SubjectCurve, ...]:
    """Read every curve of a table, in the order of first appearance.

    Curves may alternate; the rows of one curve are in order of time.

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
        ``curve-duplicate`` for one time twice in a curve, ``curve-order`` for times that go back, ``curve-two-cycles``
        for two cycles or a gap of weeks in one subject and region, ``curve-not-positive``, ``curve-units`` for an
        activity that changes a thousandfold, ``uncertainty-missing``, ``uncertainty-invalid``, and the refusals of
        :func:`theradose.formats.tables.read_table`.
    """
    points: dict[tuple[str, str], list[_Point]] = {}
    cycles: dict[tuple[str, str], TableRow] = {}
    for row in read_table(path, columns=CURVE_COLUMNS, needed=_NEEDED):
        curve = row.text("subject") or "", _region(row)
        _check_cycle(row, cycles.setdefault(curve, row))
        points.setdefault(curve, []).append(_point(row, relative_u))
    return tuple(_curve(path.name, subject, region, found) for (subject, region), found in points.items())


def _curve(file: str, subject: str, region: str, points: list[_Point]) -> SubjectCurve:
    _check_order(file, subject, region, points)
    _check_units(file, points)
    curve = TimeActivityCurve(
        region,
        np.array([point.t_h for point in points]),
        np.array([point.activity_mbq for point in points]),
        np.array([point.u_mbq for point in points]),
        {},
        "table",
    )
    return SubjectCurve(subject, curve)


def _check_cycle(row: TableRow, first: TableRow) -> None:
    """Refuse rows of two cycles in one curve."""
    cycle, known = row.text("cycle"), first.text("cycle")
    if cycle != known:
        raise StudyError(
            f"{row.file}, line {row.line}: 'cycle' is {cycle or 'empty'}, but {known or 'empty'} in line {first.line} "
            "of the same subject and region: give each cycle its own table or its own subject.",
            code="curve-two-cycles",
        )


def _check_order(file: str, subject: str, region: str, points: list[_Point]) -> None:
    """Refuse a time that occurs twice, goes back or comes weeks later: the rows may be of two cycles."""
    largest_gap_h = load_yaml("samples.yaml")["largest_gap"]["value"]
    for before, after in pairwise(points):
        if after.t_h == before.t_h or after.t_h in [point.t_h for point in points[: points.index(after)]]:
            first = next(point for point in points if point.t_h == after.t_h)
            raise StudyError(
                f"{file}, line {after.line}: 't_h' {after.t_h:g} of subject '{subject}', region '{region}' occurs "
                f"already in line {first.line}: keep one of the two rows, or give them their own subjects.",
                code="curve-duplicate",
            )
        if after.t_h < before.t_h:
            raise StudyError(
                f"{file}, line {after.line}: 't_h' of subject '{subject}', region '{region}' goes back from "
                f"{before.t_h:g} to {after.t_h:g}: sort the rows if they are of one cycle, otherwise give each cycle "
                "its own subject.",
                code="curve-order",
            )
        if after.t_h - before.t_h > largest_gap_h:
            raise StudyError(
                f"{file}, line {after.line}: 't_h' {after.t_h:g} of subject '{subject}', region '{region}' comes "
                f"{after.t_h - before.t_h:g} h after line {before.line} and belongs to another cycle: give each cycle "
                "its own table or its own subject.",
                code="curve-two-cycles",
            )


def _check_units(file: str, points: list[_Point]) -> None:
    """Refuse an activity that rises about a thousandfold between two points, or for one point only, or falls so later.

    A first point may be as low, before uptake, and a fast phase may fall as far.
    """
    positive = [point for point in points if point.activity_mbq > 0]
    fallen = sudden_fall(
        [point.t_h for point in positive],
        [point.activity_mbq for point in positive],
        limit=_UNIT_STEP / _NEAR_UNIT_STEP,
    )
    if fallen is not None:
        raise _unit_refusal(file, positive[fallen], positive[fallen - 1])
    for index, (before, after) in enumerate(pairwise(positive)):
        rise = after.activity_mbq / before.activity_mbq
        if not 1 / _NEAR_UNIT_STEP <= rise / _UNIT_STEP <= _NEAR_UNIT_STEP:
            continue
        following = positive[index + 2].activity_mbq if index + 2 < len(positive) else None
        if index == 0 and (following is None or following > after.activity_mbq / _UNIT_STEP * _NEAR_UNIT_STEP):
            continue
        fell = index > 0 and positive[index - 1].activity_mbq > before.activity_mbq * _UNIT_STEP / _NEAR_UNIT_STEP
        wrong, other = (before, after) if fell else (after, before)
        raise _unit_refusal(file, wrong, other)


def _unit_refusal(file: str, wrong: _Point, other: _Point) -> StudyError:
    return StudyError(
        f"{file}, line {wrong.line}: 'activity_mbq' is {wrong.activity_mbq:g}, but {other.activity_mbq:g} in line "
        f"{other.line}: no region changes so in between; write every activity in MBq.",
        code="curve-units",
    )


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
    if activity <= 0:
        raise StudyError(
            f"{row.file}, line {row.line}: 'activity_mbq' is {activity:g}, which is not positive: leave the row out if "
            "nothing could be measured, or correct background and unit.",
            code="curve-not-positive",
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
