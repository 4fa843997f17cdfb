"""Separation: a binary outcome that a combination of columns predicts without error.

Then the likelihood of a logistic model keeps rising as coefficients grow without limit. A program that stops
somewhere on the way prints large numbers that mean nothing, so it is decided beforehand, exactly, by linear programs.

References
----------
[AlbertAnderson1984]_ When maximum likelihood estimates of a logistic model exist.
[Konis2007]_ Linear programs that decide it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.binary.rows import BinaryRows
from theradose.statistics.design import INTERCEPT

# The linear programs are solved to 1e-10; coordinates are of the size of 1.
_ZERO = 1e-7


@dataclass(frozen=True, slots=True)
class Separation:
    """How an outcome is separated.

    Attributes
    ----------
    complete : bool
        Whether no row lies on the boundary; else quasi-complete.
    columns : tuple of str
        Whose coefficients have no finite estimate.
    constant : bool
        Whether all outcomes are equal.
    """

    complete: bool
    columns: tuple[str, ...]
    constant: bool

    @property
    def sentence(self) -> str:
        """What is separated by which columns, as the beginning of a sentence without its full stop."""
        how = "completely" if self.complete else "but for ties"
        if self.constant:
            return "All outcomes are equal, so no finite estimate exists"
        named = ", ".join(name for name in self.columns if name != INTERCEPT)
        return f"The outcome is separated {how} by {named}, so no finite estimate exists"


def find_separation(rows: BinaryRows) -> Separation | None:
    """Return the separation of an outcome, or ``None`` if finite estimates exist.

    With signed rows z = ±x (plus where the outcome is 1) the outcome is separated if some direction d has z·d ≥ 0 in
    every row and more in one; completely, if more in every row. A coefficient has no finite estimate if it differs
    from 0 in such a direction.

    References
    ----------
    [AlbertAnderson1984]_, [Konis2007]_
    """
    signed = rows.columns * (2 * rows.outcome - 1)[:, None]
    if _highest(signed.sum(axis=0), signed) <= _ZERO:
        return None
    n, p = signed.shape
    # The margin is one more unknown, below every row.
    margin = _highest(np.eye(p + 1)[p], np.hstack([signed, -np.ones((n, 1))]))
    scaled = rows.back / np.linalg.norm(rows.back, axis=1, keepdims=True)
    reach = [max(_highest(direction, signed), _highest(-direction, signed)) for direction in scaled]
    return Separation(
        complete=margin > _ZERO,
        columns=tuple(name for name, far in zip(rows.names, reach, strict=True) if far > _ZERO),
        constant=len(set(rows.outcome.tolist())) == 1,
    )


def refuse_separation(rows: BinaryRows) -> None:
    """Refuse a separated outcome.

    Raises
    ------
    StatisticsError
        ``separation``.
    """
    separation = find_separation(rows)
    if separation is not None:
        raise StatisticsError(
            f"{separation.sentence}: leave out or merge what separates, add rows, or use Firth's penalised likelihood.",
            code="separation",
        )


def _highest(objective: Array, signed: Array) -> float:
    """Return the largest objective·d over the directions |d| ≤ 1 with signed·d ≥ 0."""
    from scipy.optimize import linprog

    result = linprog(
        -objective,
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        bounds=(-1, 1),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if result.x is None:
        raise StatisticsError(
            f"Whether the outcome is separated could not be decided: {result.message} Scale the columns.",
            code="separation",
        )
    return float(objective @ result.x)
