"""Grades of low blood counts.

References
----------
[CTCAE5]_ The criteria; their limits are data with their own status.
"""

from __future__ import annotations

from typing import Any

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.model.counts import LABELS
from theradose.nuclides import Constant

_DATA = "haematology.yaml"


def count_grade(*, quantity: str, value: float, lower_limit: float | None) -> int | None:
    """Return the grade of a count, 0 to 4; ``None`` where grade 0 and 1 cannot be told apart.

    Parameters
    ----------
    quantity : str
        As in :data:`theradose.model.counts.QUANTITIES`.
    value : float
        Haemoglobin in g/dL, cells in 10⁹/L.
    lower_limit : float or None
        The laboratory's lower limit of normal in the same unit, below which grade 1 begins.

    Raises
    ------
    PhysicsError
        ``count-quantity``.

    References
    ----------
    [CTCAE5]_ Haemoglobin has no grade 4 by its value.
    """
    limits = _limits(quantity)
    for grade in sorted(limits, reverse=True):
        if value < limits[grade]:
            return grade
    if lower_limit is None:
        return None
    return 1 if value < lower_limit else 0


def grade_limits(quantity: str) -> tuple[Constant, ...]:
    """Return the limits below which grades 2, 3 and 4 begin, in the order of the grades.

    References
    ----------
    [CTCAE5]_
    """
    record = _record(quantity)
    unit = record["unit"].replace("1e9", "10⁹")
    return tuple(
        Constant(f"{LABELS[quantity]}, grade {grade} below", float(value), unit, record["source"], record["status"],
                 record["edition"])
        for grade, value in sorted(record["value"].items())
    )  # fmt: skip


def _limits(quantity: str) -> dict[int, float]:
    return {int(grade): float(value) for grade, value in _record(quantity)["value"].items()}


def _record(quantity: str) -> dict[str, Any]:
    quantities = load_yaml(_DATA)["quantities"]
    if quantity not in quantities:
        raise PhysicsError(f"'{quantity}' has no grades: the counts are {', '.join(quantities)}.",
                           code="count-quantity")  # fmt: skip
    record: dict[str, Any] = quantities[quantity]["grades"]
    return record
