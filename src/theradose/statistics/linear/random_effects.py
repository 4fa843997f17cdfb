"""Random effects of mixed models: groups with an intercept or with slopes, nested or crossed, in independent blocks.

A random effect gives each of its groups a vector of coefficients, one for each column of its design. Groups that share
no row are independent, so the matrices of a mixed model fall apart into blocks; blocks of about the same size are
computed together.

References
----------
[Bates2015]_ Structure of the random effects and their relative covariance factor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.design import INTERCEPT, Design, Factor, refuse_dependent_columns


@dataclass(frozen=True, slots=True, eq=False)
class RandomEffect:
    """What differs from group to group.

    Attributes
    ----------
    name : str
        Of the grouping, ``patient``.
    groups : sequence, length n
        Group of each row; nested groups need labels of their own (``P3/lesion 2``).
    design : Design, optional
        Columns whose coefficients differ between groups; an intercept alone by default.
    correlated : bool
        Whether the coefficients of a group are correlated with each other.
    """

    name: str
    groups: Sequence[Any]
    design: Design | None = None
    correlated: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """Columns of one random effect that have a covariance matrix of their own.

    Attributes
    ----------
    effect : int
        Position of the random effect.
    columns : tuple of int
        Columns of its design.
    codes : array of int, shape (n,)
        Group of each row.
    values : array, shape (n, c)
        Columns of the design over `scale`.
    scale : array, shape (c,)
        Root mean square of each column.
    groups : int
        Their number.
    """

    effect: int
    columns: tuple[int, ...]
    codes: Array
    values: Array
    scale: Array
    groups: int

    @property
    def size(self) -> int:
        """Number of columns, c."""
        return len(self.columns)


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """Independent blocks of about one size, filled up to one size with groups that have no rows.

    Attributes
    ----------
    groups : tuple of array of int, shape (blocks, g)
        For each term the groups of each block; one past the last where a place is empty.
    cross : array, shape (blocks, q, q)
        ZᵀZ of each block: terms one after the other, in each group by group, in each column by column.
    edges : tuple of int
        Where each term begins, and the end.
    """

    groups: tuple[Array, ...]
    cross: Array
    edges: tuple[int, ...]


def random_terms(effects: Sequence[RandomEffect], n: int) -> tuple[tuple[Term, ...], tuple[Factor, ...]]:
    """Return the terms of random effects over `n` rows, and the grouping factor of each effect.

    Raises
    ------
    StatisticsError
        ``unequal-lengths``, ``missing-value``; ``too-few-groups`` for fewer than two; ``single-rows`` if no group has
        two rows, or as many coefficients as rows; ``confounded-groups`` if two effects have the same groups and a
        column in common.
    """
    if not effects:
        raise StatisticsError(
            "A mixed model needs a random effect: name what the rows are grouped by.", code="no-random-effect"
        )
    factors = tuple(Factor(effect.name, effect.groups) for effect in effects)
    terms: list[Term] = []
    for k, (effect, factor) in enumerate(zip(effects, factors, strict=True)):
        matrix, names = _columns(effect, n)
        _refuse_groups(effect, factor, matrix.shape[1], n)
        refuse_dependent_columns(matrix, names)
        scale = np.sqrt(np.mean(matrix**2, axis=0))
        together = [range(matrix.shape[1])] if effect.correlated else [range(j, j + 1) for j in range(matrix.shape[1])]
        terms += [
            Term(
                k, tuple(columns), factor.codes, matrix[:, columns] / scale[columns], scale[columns], len(factor.levels)
            )
            for columns in map(list, together)
        ]
    _refuse_confounded(terms, factors)
    return tuple(terms), factors


def column_names(effect: RandomEffect) -> tuple[str, ...]:
    """Return the names of the columns whose coefficients differ between groups."""
    return effect.design.names if effect.design else (INTERCEPT,)


def group_sums(term: Term, matrix: Array) -> Array:
    """Return Zᵀ times a matrix of shape (n, k) as (groups + 1, c, k), with zeros for the group without rows."""
    sums = np.zeros((term.groups + 1, term.size, matrix.shape[1]))
    np.add.at(sums, term.codes, term.values[:, :, None] * matrix[:, None, :])
    return sums


def build_buckets(terms: Sequence[Term]) -> tuple[Bucket, ...]:
    """Return the independent blocks of all terms, by size."""
    block_of_group = _blocks_of_groups(terms)
    blocks = 1 + max(int(labels.max()) for labels in block_of_group)
    counts = np.array([np.bincount(labels, minlength=blocks) for labels in block_of_group])
    by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for block, count in enumerate(counts.T):
        by_size[tuple(_rounded_up(int(c)) for c in count)].append(block)
    place_in_block = [_running_number(labels) for labels in block_of_group]
    return tuple(
        _bucket(terms, block_of_group, place_in_block, size, np.array(members)) for size, members in by_size.items()
    )


def _bucket(
    terms: Sequence[Term],
    block_of_group: Sequence[Array],
    place_in_block: Sequence[Array],
    size: tuple[int, ...],
    members: Array,
) -> Bucket:
    edges = np.cumsum([0, *(g * term.size for g, term in zip(size, terms, strict=True))])
    position = np.full(1 + max(int(labels.max()) for labels in block_of_group), -1)
    position[members] = np.arange(len(members))
    groups = []
    for term, blocks, places, g in zip(terms, block_of_group, place_in_block, size, strict=True):
        table = np.full((len(members), g), term.groups)
        inside = np.flatnonzero(position[blocks] >= 0)
        table[position[blocks[inside]], places[inside]] = inside
        groups.append(table)
    cross = np.zeros((len(members), int(edges[-1]), int(edges[-1])))
    block_of_row = position[block_of_group[0][terms[0].codes]]
    rows = np.flatnonzero(block_of_row >= 0)
    where = [
        edge + place[term.codes[rows]][:, None] * term.size + np.arange(term.size)
        for edge, term, place in zip(edges, terms, place_in_block, strict=False)
    ]
    columns = np.concatenate(where, axis=1)
    values = np.concatenate([term.values[rows] for term in terms], axis=1)
    np.add.at(
        cross,
        (block_of_row[rows][:, None, None], columns[:, :, None], columns[:, None, :]),
        values[:, :, None] * values[:, None, :],
    )
    return Bucket(tuple(groups), cross, tuple(int(edge) for edge in edges))


def _blocks_of_groups(terms: Sequence[Term]) -> list[Array]:
    """Return for each term the block of each of its groups: groups that share a row are in one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    starts = np.cumsum([0, *(term.groups for term in terms)])
    nodes = [start + term.codes for start, term in zip(starts, terms, strict=False)]
    pairs = [(nodes[0], other) for other in nodes[1:]] or [(nodes[0], nodes[0])]
    first, second = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(int(starts[-1]), int(starts[-1])))
    _, labels = connected_components(graph, directed=False)
    return [labels[a:b] for a, b in zip(starts[:-1], starts[1:], strict=True)]


def _running_number(labels: Array) -> Array:
    """Return the number of earlier entries with the same label."""
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    first = np.searchsorted(ordered, ordered)
    number = np.empty(len(labels), np.intp)
    number[order] = np.arange(len(labels)) - first
    return number


def _rounded_up(count: int) -> int:
    """Return the next of 1, 2, 3, 4, 6, 8, 12, 16, 24, so that few sizes are left; larger blocks are few anyway."""
    if count <= 2 or count > 24:
        return count
    power = 1 << (count - 1).bit_length()
    return power * 3 // 4 if count <= power * 3 // 4 else power


def _columns(effect: RandomEffect, n: int) -> tuple[Array, tuple[str, ...]]:
    matrix = effect.design.matrix if effect.design else np.ones((n, 1))
    for length in (len(effect.groups), len(matrix)):
        if length != n:
            raise StatisticsError(
                f"The random effect {effect.name} has {length} rows where the response has {n}: give one for each.",
                code="unequal-lengths",
            )
    return matrix, column_names(effect)


def _refuse_groups(effect: RandomEffect, factor: Factor, columns: int, n: int) -> None:
    groups = len(factor.levels)
    if groups < 2:
        raise StatisticsError(
            f"All rows belong to one {effect.name}, {factor.levels[0]}: a random effect needs at least two; leave it "
            "out.",
            code="too-few-groups",
        )
    if groups == n:
        raise StatisticsError(
            f"Every {effect.name} has one row, so differences between them cannot be told from the residual: leave the "
            "random effect out.",
            code="single-rows",
        )
    if groups * columns >= n:
        raise StatisticsError(
            f"{groups} of {effect.name} with {columns} coefficients each cannot be told from the residual of {n} rows: "
            "leave out a column of the random effect.",
            code="single-rows",
        )


def _refuse_confounded(terms: Sequence[Term], factors: Sequence[Factor]) -> None:
    for k, term in enumerate(terms):
        for other in terms[:k]:
            pairs = set(zip(term.codes.tolist(), other.codes.tolist(), strict=True))
            same_groups = len(pairs) == term.groups == other.groups
            shared = (np.abs(term.values[:, :, None] - other.values[:, None, :]) < 1e-12).all(axis=0).any()
            if same_groups and shared:
                raise StatisticsError(
                    f"The random effects {factors[other.effect].name} and {factors[term.effect].name} have the same "
                    "groups and a column in common, so their variances cannot be told apart: leave one out.",
                    code="confounded-groups",
                )
