"""Rows of a binary outcome: tumours that responded or not, patients with an event or without."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.statistics.design import Design


@dataclass(frozen=True, slots=True, eq=False)
class BinaryRows:
    """An outcome and its design in coordinates in which no column is large, small or like another.

    Doses of hundreds of gray beside a grade of 0 or 1 spoil second derivatives and stopping rules. The columns here
    are orthogonal with a mean square of 1; coefficients of the design are ``back`` times those of these columns.

    Attributes
    ----------
    outcome : ndarray, shape (n,)
        1.0 or 0.0.
    columns : ndarray, shape (n, p)
        Orthogonal columns.
    back : ndarray, shape (p, p)
        From their coefficients to those of the design.
    names : tuple of str
        Of the columns of the design.
    """

    outcome: Array
    columns: Array
    back: Array
    names: tuple[str, ...]

    def covariance(self, information: Array) -> Array:
        """Return the covariance of the coefficients of the design from the information in these coordinates."""
        root = np.linalg.solve(np.linalg.cholesky(information), self.back.T)
        return frozen(root.T @ root)


def binary_rows(response: Sequence[float] | Sequence[bool] | Array, design: Design) -> BinaryRows:
    """Return the rows that a binary outcome and a design make.

    Parameters
    ----------
    response : array_like, shape (n,)
        Outcome, 0 or 1, ``False`` or ``True``.
    design : Design
        Of the same n rows.

    Raises
    ------
    StatisticsError
        ``outcome-rows`` if the outcome has not one value for each row; ``outcome-values`` if it is not binary.
    """
    outcome = binary_outcome(response)
    if len(outcome) != len(design.matrix):
        raise StatisticsError(
            f"There are {len(outcome)} outcomes for {len(design.matrix)} rows of the design: give one for each row.",
            code="outcome-rows",
        )
    size = np.abs(design.matrix).max(axis=0)
    columns, triangle = np.linalg.qr(design.matrix / size)
    spread = np.sqrt(len(outcome))
    back = spread * np.linalg.inv(triangle) / size[:, None]
    return BinaryRows(outcome, frozen(columns * spread), frozen(back), tuple(design.names))


def binary_outcome(response: Sequence[float] | Sequence[bool] | Array) -> Array:
    """Return an outcome as 1.0 and 0.0.

    Raises
    ------
    StatisticsError
        ``outcome-values``.
    """
    try:
        outcome = np.asarray(response, float)
    except (TypeError, ValueError):
        outcome = np.full(np.shape(response), np.nan)
    wrong = np.flatnonzero((outcome != 0) & (outcome != 1))
    if outcome.ndim != 1 or wrong.size:
        given = f"{np.ravel(response)[wrong[0]]} in row {wrong[0] + 1}" if wrong.size else f"{outcome.ndim} dimensions"
        raise StatisticsError(
            f"An outcome is 0 or 1, one for each row, not {given}: state it so.", code="outcome-values"
        )
    return frozen(outcome)


def number_patients(groups: Sequence[Hashable] | Array, rows: int) -> tuple[tuple[Hashable, ...], Array]:
    """Return the patients in the order of their first rows, and the number of each row's, from 0.

    Raises
    ------
    StatisticsError
        ``patients`` if `groups` has not one patient for each row.
    """
    if len(groups) != rows:
        raise StatisticsError(
            f"{len(groups)} rows name a patient but {rows} have an outcome: name one for each row.", code="patients"
        )
    place: dict[Hashable, int] = {}
    numbers = [place.setdefault(group, len(place)) for group in groups]
    return tuple(place), np.array(numbers, np.intp)
