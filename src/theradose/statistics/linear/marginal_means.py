"""Estimated marginal means: what a mixed model expects at each level of a factor, all else being equal.

The model is evaluated on a grid of all combinations of levels, with numbers at their mean, and averaged over the other
factors. Numbers that take no more than two values count as factors in this.

References
----------
[Searle1980]_ Marginal means of a linear model.
[Kramer1956]_, [Holm1979]_ Adjustment of pairwise differences.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.design import Design
from theradose.statistics.linear.effect_tests import Contrast, Inference, Method, inference, t_test
from theradose.statistics.linear.mixed import LinearMixedFit
from theradose.statistics.multiplicity import Adjustment, adjusted_p, critical_value

Weights = Literal["equal", "proportional", "cells"]
_FEW_VALUES = 2


@dataclass(frozen=True, slots=True)
class MarginalMean:
    """The mean, or slope, at one combination of levels.

    Attributes
    ----------
    levels : tuple of str
        Of the factors that were asked for.
    by : tuple of str
        Levels that it is for.
    mean : Contrast
        Estimate, standard error, interval, and the test against zero.
    """

    levels: tuple[str, ...]
    by: tuple[str, ...]
    mean: Contrast


@dataclass(frozen=True, slots=True)
class PairwiseDifference:
    """One mean minus another.

    Attributes
    ----------
    first, second : tuple of str
        Levels of both.
    by : tuple of str
        Levels that both are for.
    difference : Contrast
        First minus second; probability and interval adjusted for the number of differences within `by`.
    p_single : float
        The probability without adjustment.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    by: tuple[str, ...]
    difference: Contrast
    p_single: float


@dataclass(frozen=True, slots=True)
class MarginalMeans:
    """Means and all their pairwise differences.

    Attributes
    ----------
    factors, by : tuple of str
        Whose levels are compared, and within whose.
    at : mapping of str to float or str
        Values of the variables that were held.
    method, adjust, weights : str
        Degrees of freedom, adjustment of the differences, and weights of the levels averaged over.
    means : tuple of MarginalMean
        The first factor varies fastest.
    differences : tuple of PairwiseDifference
        Earlier levels minus later ones.
    """

    factors: tuple[str, ...]
    by: tuple[str, ...]
    at: Mapping[str, Any]
    method: Method
    adjust: Adjustment
    weights: Weights
    means: tuple[MarginalMean, ...]
    differences: tuple[PairwiseDifference, ...]


def marginal_means(
    fit: LinearMixedFit,
    factor: str | Sequence[str],
    *,
    by: str | Sequence[str] = (),
    method: Method = "kenward-roger",
    adjust: Adjustment = "tukey",
    level: float = 0.95,
    at: Mapping[str, Any] | None = None,
    weights: Weights = "equal",
) -> MarginalMeans:
    """Return marginal means of a factor, or of combinations of factors, and their pairwise differences.

    Parameters
    ----------
    fit : LinearMixedFit
        The model.
    factor, by : str or sequence of str
        Factors whose levels are compared, within each combination of the levels of others.
    method : {"kenward-roger", "satterthwaite", "asymptotic"}
        Of the degrees of freedom.
    adjust : {"tukey", "holm", "bonferroni", "none"}
        Of the differences within one level of `by`; two levels need none.
    level : float
        Of the confidence intervals.
    at : mapping of str to value, optional
        Values at which variables are held instead of at the mean or over their levels.
    weights : {"equal", "proportional", "cells"}
        Of the levels that are averaged over: each the same; as frequent as in the data as a whole; as frequent as
        among the rows with the levels of that mean.

    Raises
    ------
    StatisticsError
        ``unknown-variable`` for a factor or held variable that is not in the design; ``unknown-level``;
        ``empty-cell`` for a mean without rows where weights are those of the cells; ``unknown-method``,
        ``unknown-adjustment``, ``unknown-weights``.

    References
    ----------
    [Searle1980]_, [Kramer1956]_, [Holm1979]_
    """
    grid = _grid(fit.design, _names(factor), _names(by), dict(at or {}), weights)
    return _compare(inference(fit, method), grid, grid.rows(), method, adjust, level, weights)


def marginal_slopes(
    fit: LinearMixedFit,
    number: str,
    factor: str | Sequence[str] = (),
    *,
    by: str | Sequence[str] = (),
    method: Method = "kenward-roger",
    adjust: Adjustment = "tukey",
    level: float = 0.95,
    at: Mapping[str, Any] | None = None,
    weights: Weights = "equal",
) -> MarginalMeans:
    """Return how much the mean grows per unit of a number at each level of a factor, and the slopes' differences.

    Parameters
    ----------
    fit : LinearMixedFit
        The model.
    number : str
        By which is differentiated, at its mean or where `at` holds it.
    factor, by, method, adjust, level, at, weights
        As :func:`marginal_means`; without a factor there is one slope.

    Raises
    ------
    StatisticsError
        As :func:`marginal_means`; ``contrast-shape`` for a number that the design does not contain.

    References
    ----------
    [Searle1980]_
    """
    design = fit.design
    if number not in design.numbers:
        raise StatisticsError(
            f"{number} is no number of the design: choose one of {', '.join(design.numbers) or 'none'}.",
            code="unknown-variable",
        )
    values = design.numbers[number].values
    centre = float((at or {}).get(number, values.mean()))
    step = float(values.std()) or 1.0
    held = [{**(at or {}), number: centre + sign * step} for sign in (1, -1)]
    above, below = (_grid(design, _names(factor), _names(by), values, weights) for values in held)
    # Central, so exact for a number and its square.
    rows = (above.rows() - below.rows()) / (2 * step)
    kept = replace(above, held={**above.held, number: centre})
    return _compare(inference(fit, method), kept, rows, method, adjust, level, weights)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Combinations of levels: those asked for, and those averaged over with their weights."""

    design: Design
    factors: tuple[str, ...]
    by: tuple[str, ...]
    held: dict[str, Any]
    cells: tuple[tuple[str, ...], ...]
    averaged: dict[str, tuple[Any, ...]]
    weights: Weights

    def rows(self) -> Array:
        """Return the design rows of all means, shape (cells, p)."""
        over = [dict(zip(self.averaged, values, strict=True)) for values in itertools.product(*self.averaged.values())]
        rows = []
        for cell in self.cells:
            asked = dict(zip(self.factors + self.by, cell, strict=True))
            points = [{**self.held, **asked, **rest} for rest in over]
            values = {name: [point[name] for point in points] for name in points[0]}
            rows.append(self._weights(asked, over) @ self.design.at(values))
        return np.array(rows)

    def _weights(self, asked: Mapping[str, Any], over: Sequence[Mapping[str, Any]]) -> Array:
        if self.weights == "equal" or not self.averaged:
            return np.full(len(over), 1 / len(over))
        among = self._rows_with(asked) if self.weights == "cells" else np.ones(len(self.design.matrix), bool)
        counts = np.array([np.sum(among & self._rows_with(rest)) for rest in over], float)
        if not counts.any():
            raise StatisticsError(
                f"No row has {', '.join(map(str, asked.values()))}, so its mean has no weights: choose equal weights.",
                code="empty-cell",
            )
        return np.asarray(counts / counts.sum())

    def _rows_with(self, levels: Mapping[str, Any]) -> Array:
        found = np.ones(len(self.design.matrix), bool)
        for name, value in levels.items():
            factor = self.design.factors.get(name)
            found &= factor.codes == factor.levels.index(value) if factor else self.design.numbers[name].values == value
        return found


def _grid(design: Design, factors: tuple[str, ...], by: tuple[str, ...], at: dict[str, Any], weights: Weights) -> _Grid:
    if weights not in ("equal", "proportional", "cells"):
        raise StatisticsError(
            f"{weights} are no weights of levels: choose equal, proportional or cells.", code="unknown-weights"
        )
    for name in (*factors, *by):
        if name not in design.factors or (*factors, *by).count(name) > 1 or name in at:
            raise StatisticsError(
                f"{name} is no factor whose levels can be compared here: choose from "
                f"{', '.join(design.factors) or 'none'}, each once and none that is held.",
                code="unknown-variable",
            )
    unknown = sorted(at.keys() - design.factors.keys() - design.numbers.keys())
    if unknown:
        raise StatisticsError(
            f"{unknown[0]} cannot be held, as it is not in the design: choose from "
            f"{', '.join([*design.factors, *design.numbers])}.",
            code="unknown-variable",
        )
    averaged: dict[str, tuple[Any, ...]] = {
        name: factor.levels
        for name, factor in design.factors.items()
        if name not in factors and name not in by and name not in at
    }
    held = dict(at)
    for name, number in design.numbers.items():
        distinct = np.unique(number.values)
        if name not in held and len(distinct) <= _FEW_VALUES:
            averaged[name] = tuple(float(value) for value in distinct)
        elif name not in held:
            held[name] = float(number.values.mean())
    levels = [design.factors[name].levels for name in factors + by]
    cells = tuple(cell[::-1] for cell in itertools.product(*levels[::-1]))
    return _Grid(design, factors, by, held, cells, averaged, weights)


def _compare(
    with_method: Inference,
    grid: _Grid,
    rows: Array,
    method: Method,
    adjust: Adjustment,
    level: float,
    weights: Weights,
) -> MarginalMeans:
    split = len(grid.factors)
    cells = [(cell[:split], cell[split:]) for cell in grid.cells]
    means = tuple(
        MarginalMean(levels, by, t_test(*with_method.t(row), level=level, name=", ".join(levels + by)))
        for (levels, by), row in zip(cells, rows, strict=True)
    )
    differences: list[PairwiseDifference] = []
    for by in dict.fromkeys(by for _, by in cells):
        inside = [(levels, row) for (levels, other), row in zip(cells, rows, strict=True) if other == by]
        differences += _differences(with_method, inside, by, adjust, level)
    return MarginalMeans(grid.factors, grid.by, grid.held, method, adjust, weights, means, tuple(differences))


def _differences(
    with_method: Inference,
    cells: Sequence[tuple[tuple[str, ...], Array]],
    by: tuple[str, ...],
    adjust: Adjustment,
    level: float,
) -> list[PairwiseDifference]:
    pairs = list(itertools.combinations(cells, 2))
    tests = [with_method.t(first - second) for (_, first), (_, second) in pairs]
    p = adjusted_p([e / se for e, se, _ in tests], [df for _, _, df in tests], len(cells), adjust)
    found = []
    for ((first, _), (second, _)), (estimate, se, df), adjusted in zip(pairs, tests, p, strict=True):
        name = f"{', '.join(first)} − {', '.join(second)}"
        single = t_test(estimate, se, df, level=level, name=name)
        reach = se * critical_value(level, df, len(pairs), len(cells), adjust)
        difference = replace(single, p=adjusted, low=estimate - reach, high=estimate + reach)
        found.append(PairwiseDifference(first, second, by, difference, single.p))
    return found


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
