"""Observations of several subjects, laid out so that all subjects are computed at once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.statistics.design import Design

_FEWEST_SUBJECTS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Observations by subject; subjects with fewer than the most are filled up with points that do not count.

    Attributes
    ----------
    subjects : tuple, length m
        In the order of their first observation.
    x : ndarray, shape (m, n, d)
        Where the curve was observed.
    y : ndarray, shape (m, n)
        What was observed.
    u : ndarray, shape (m, n)
        Stated standard uncertainties; 1 where none are.
    counts : ndarray of float, shape (m, n)
        1 for an observation, 0 for a point that fills up.
    design : ndarray, shape (m, n, K, P)
        Fixed effects of each parameter at each point.
    effects : tuple of str, length P
        Names of the fixed effects.
    place : ndarray of int, shape (N, 2)
        Subject and point of each observation in the order in which they were given.
    """

    subjects: tuple[Hashable, ...]
    x: Array
    y: Array
    u: Array
    counts: Array
    design: Array
    effects: tuple[str, ...]
    place: Array

    @property
    def size(self) -> int:
        """Number of observations."""
        return len(self.place)

    def in_order(self, values: Array) -> Array:
        """Return values of shape (m, n, ...) in the order of the observations, shape (N, ...)."""
        return np.asarray(values[self.place[:, 0], self.place[:, 1]])


def observations(
    parameters: Sequence[str],
    *,
    subjects: Sequence[Hashable],
    x: Array,
    y: Array,
    u: Array | None = None,
    designs: Mapping[str, Design] | None = None,
) -> Observations:
    """Arrange observations by subject.

    Parameters
    ----------
    parameters : sequence of str
        Names of the parameters of the curve.
    subjects : sequence, length N
        Whom each observation is of.
    x : ndarray, shape (N,) or (N, d)
        Where the curve was observed.
    y : ndarray, shape (N,)
        What was observed.
    u : ndarray, shape (N,), optional
        Stated standard uncertainties.
    designs : mapping of str to Design, optional
        Fixed effects of a parameter, one row for each observation; an intercept alone by default.

    Raises
    ------
    StatisticsError
        ``mixed-data`` for series of unequal length, numbers that are not finite, an uncertainty that is not positive,
        a single subject, or a design of an unknown parameter.

    References
    ----------
    [PinheiroBates2000]_ Parameters as fixed and random effects.
    """
    y = np.asarray(y, float)
    x = np.asarray(x, float).reshape(len(y), -1) if np.size(x) % max(len(y), 1) == 0 else np.asarray(x, float)
    u = np.ones_like(y) if u is None else np.asarray(u, float)
    _check(subjects, x, y, u)
    rows: dict[Hashable, list[int]] = {}
    for row, subject in enumerate(subjects):
        rows.setdefault(subject, []).append(row)
    if len(rows) < _FEWEST_SUBJECTS:
        raise StatisticsError(
            f"There is {len(rows)} subject, but what varies between subjects needs at least {_FEWEST_SUBJECTS}: "
            "add subjects.",
            code="mixed-data",
        )
    per_row, effects = _row_designs(parameters, designs or {}, len(y))
    most = max(len(members) for members in rows.values())
    chosen = np.array([members + members[-1:] * (most - len(members)) for members in rows.values()])
    counts = np.array([[1.0] * len(members) + [0.0] * (most - len(members)) for members in rows.values()])
    place = np.empty((len(y), 2), int)
    for k, members in enumerate(rows.values()):
        place[members, 0], place[members, 1] = k, np.arange(len(members))
    return Observations(
        tuple(rows), frozen(x[chosen]), frozen(y[chosen]), frozen(u[chosen]), frozen(counts), frozen(per_row[chosen]),
        effects, frozen(place),
    )  # fmt: skip


def _check(subjects: Sequence[Hashable], x: Array, y: Array, u: Array) -> None:
    if not len(subjects) == len(x) == len(y) == len(u):
        raise StatisticsError(
            f"{len(subjects)} subjects, {len(x)} points and {len(y)} values do not belong together: give one of each "
            "for every observation.",
            code="mixed-data",
        )
    bad = ~(np.isfinite(x).all(axis=1) & np.isfinite(y) & np.isfinite(u) & (u > 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise StatisticsError(
            f"Observation {row + 1} of '{subjects[row]}' has a value that is not finite, or an uncertainty that is not "
            "positive: correct it or leave it out.",
            code="mixed-data",
        )


def _row_designs(parameters: Sequence[str], designs: Mapping[str, Design], size: int) -> tuple[Array, tuple[str, ...]]:
    unknown = [name for name in designs if name not in parameters]
    if unknown:
        raise StatisticsError(
            f"'{unknown[0]}' is no parameter of the curve: choose one of {', '.join(parameters)}.", code="mixed-data"
        )
    matrices = [designs[name].matrix if name in designs else np.ones((size, 1)) for name in parameters]
    effects = [
        name if effect == 0 else f"{name}:{designs[name].names[effect]}"
        for name, matrix in zip(parameters, matrices, strict=True)
        for effect in range(matrix.shape[1])
    ]
    whole = np.zeros((size, len(parameters), len(effects)))
    start = 0
    for k, (name, matrix) in enumerate(zip(parameters, matrices, strict=True)):
        if len(matrix) != size:
            raise StatisticsError(
                f"The design of '{name}' has {len(matrix)} rows for {size} observations: give one for each.",
                code="mixed-data",
            )
        whole[:, k, start : start + matrix.shape[1]] = matrix
        start += matrix.shape[1]
    return whole, tuple(effects)
