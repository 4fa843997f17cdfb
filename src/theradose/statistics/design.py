"""Designs of regressions: numbers, factors and their interactions become a matrix, without formulas.

Factors have treatment coding: a column for each level but the reference, which is what a coefficient compares with.
The rows keep their order; what cannot be estimated from them is refused here, once for all models.

References
----------
[Bates2015]_ Terms and model matrices of mixed models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen

_RANK_TOLERANCE = 1e-7
INTERCEPT = "(intercept)"


@dataclass(frozen=True, slots=True, eq=False)
class Numeric:
    """A number of each row.

    Attributes
    ----------
    name : str
        Of the variable; the unit belongs to it (``dose_gy``).
    values : array, shape (n,)
        Finite numbers.

    Raises
    ------
    StatisticsError
        ``missing-value`` for a value that is not a finite number, with its row.
    """

    name: str
    values: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen([_number(self.name, row, v) for row, v in enumerate(self.values, 1)]))

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """A category of each row.

    Attributes
    ----------
    name : str
        Of the variable.
    labels : tuple of str, length n
        Level of each row; other types are written as text.
    reference : str
        Level that the others are compared with; the first of the sorted levels by default.
    levels : tuple of str
        The reference, then the others in order: by number if all are numbers, else by alphabet.
    codes : array of int, shape (n,)
        Position of each label in `levels`.

    Raises
    ------
    StatisticsError
        ``missing-value`` for a label that is empty or missing, with its row; ``unknown-level`` for a reference that
        no row has.
    """

    name: str
    labels: Sequence[Any]
    reference: Any = None
    levels: tuple[str, ...] = field(init=False)
    codes: Array = field(init=False)

    def __post_init__(self) -> None:
        labels = tuple(_label(self.name, row, label) for row, label in enumerate(self.labels, 1))
        levels = sorted(set(labels), key=_level_order(labels))
        if self.reference is not None:
            first = _text(self.reference)
            if first not in levels:
                raise StatisticsError(
                    f"The reference {first} of {self.name} is no level of it: choose one of {', '.join(levels)}.",
                    code="unknown-level",
                )
            levels = [first, *(level for level in levels if level != first)]
        place = {level: k for k, level in enumerate(levels)}
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "reference", levels[0] if levels else "")
        object.__setattr__(self, "levels", tuple(levels))
        object.__setattr__(self, "codes", frozen([place[label] for label in labels], np.intp))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Interaction:
    """The product of two terms: of all their columns. A number times itself is its square.

    A factor is compared with its reference only if the rest of the interaction is a term too: with ``dose`` in the
    design ``dose:grade`` is the difference of slopes from that of the reference, without it the slope of every grade.
    """

    first: Term
    second: Term

    @property
    def name(self) -> str:
        """Both names, as in the names of columns."""
        return f"{self.first.name}:{self.second.name}"

    def __len__(self) -> int:
        return len(self.first)


Term = Numeric | Factor | Interaction


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The matrix of a regression and what its columns mean.

    Attributes
    ----------
    matrix : array, shape (n, p)
        One row for each observation.
    names : tuple of str, length p
        Of the columns: ``(intercept)``, ``dose_gy``, ``grade[2]``, ``dose_gy:grade[2]``.
    terms : tuple of Term
        In the order of their columns.
    intercept : bool
        Whether the first column is 1. Without it the first factor has a column for every level.
    columns : mapping of str to slice
        Columns of each term by its name.
    factors, numbers : mapping of str to Factor and Numeric
        The variables of all terms by name.
    """

    matrix: Array
    names: tuple[str, ...]
    terms: tuple[Term, ...]
    intercept: bool
    columns: Mapping[str, slice]
    factors: Mapping[str, Factor]
    numbers: Mapping[str, Numeric]

    def at(self, values: Mapping[str, Any]) -> Array:
        """Return the rows of the matrix for other values of the variables.

        Parameters
        ----------
        values : mapping of str to value or sequence
            Of every variable; single values go with all rows.

        Returns
        -------
        array, shape (m, p)

        Raises
        ------
        StatisticsError
            ``unknown-variable`` for a variable that is missing or not in the design; ``unknown-level`` for a level
            that no row had.
        """
        known = {**self.factors, **self.numbers}
        differing = sorted(known.keys() ^ values.keys())
        if differing:
            raise StatisticsError(
                f"The design has {', '.join(known) or 'no variables'}: give a value of each and of no other "
                f"({', '.join(differing)}).",
                code="unknown-variable",
            )
        given = dict(zip(values, np.broadcast_arrays(*map(np.atleast_1d, values.values())), strict=True))
        rows = len(next(iter(given.values()))) if given else 1
        coded = {
            name: np.array([_code(self.factors[name], label) for label in column], np.intp)
            if name in self.factors
            else np.array([_number(name, row, value) for row, value in enumerate(column, 1)])
            for name, column in given.items()
        }
        return np.hstack([block for _, block in _blocks(self.terms, self.intercept, coded, rows)])


def build_design(terms: Sequence[Term], intercept: bool = True, rows: int | None = None) -> Design:
    """Return the design of terms.

    Parameters
    ----------
    terms : sequence of Term
        Main effects before the interactions that contain them.
    intercept : bool
        Whether a column of ones comes first.
    rows : int, optional
        Number of rows, needed only without terms.

    Raises
    ------
    StatisticsError
        ``no-columns`` without terms and intercept; ``unequal-lengths`` for terms of different lengths;
        ``duplicate-term`` for two terms, or two different variables, of one name; ``one-level-factor``;
        ``collinear-columns`` for a column that others determine (a constant beside the intercept, an empty cell of an
        interaction), naming it; ``too-few-rows`` for fewer rows than columns.
    """
    terms = tuple(terms)
    lengths = {term.name: len(term) for leaf in terms for term in (leaf, *_variables(leaf))}
    n = rows if rows is not None else next(iter(lengths.values()), 0)
    if not terms and (not intercept or not n):
        raise StatisticsError(
            "The design has no columns: give terms, or an intercept and the number of rows.", code="no-columns"
        )
    for name, length in lengths.items():
        if length != n:
            raise StatisticsError(
                f"{name} has {length} values where others have {n}: give one for each row.", code="unequal-lengths"
            )
    variables = _unique_variables(terms)
    for variable in variables.values():
        if isinstance(variable, Factor) and len(variable.levels) < 2:
            raise StatisticsError(
                f"The factor {variable.name} has one level, {', '.join(variable.levels)}: leave it out, or add rows "
                "of another level.",
                code="one-level-factor",
            )
    factors = {name: variable for name, variable in variables.items() if isinstance(variable, Factor)}
    numbers = {name: variable for name, variable in variables.items() if isinstance(variable, Numeric)}
    coded: dict[str, Array] = {name: factor.codes for name, factor in factors.items()}
    coded |= {name: number.values for name, number in numbers.items()}
    blocks = list(_blocks(terms, intercept, coded, n))
    edges = np.cumsum([0, *(block.shape[1] for _, block in blocks)])
    titles = ([INTERCEPT] if intercept else []) + [term.name for term in terms]
    columns = {title: slice(int(a), int(b)) for title, a, b in zip(titles, edges[:-1], edges[1:], strict=True)}
    names = tuple(name for block_names, _ in blocks for name in block_names)
    matrix = np.hstack([block for _, block in blocks])
    refuse_dependent_columns(matrix, names)
    return Design(
        matrix=frozen(matrix),
        names=names,
        terms=terms,
        intercept=intercept,
        columns=columns,
        factors=factors,
        numbers=numbers,
    )


def refuse_dependent_columns(matrix: Array, names: Sequence[str]) -> None:
    """Refuse a matrix in which a column follows from those before it.

    Raises
    ------
    StatisticsError
        ``too-few-rows``, ``collinear-columns``.
    """
    n, p = matrix.shape
    if n < p:
        raise StatisticsError(
            f"{n} rows cannot determine {p} coefficients ({', '.join(names)}): leave out terms or add rows.",
            code="too-few-rows",
        )
    norms = np.linalg.norm(matrix, axis=0)
    rest = np.abs(np.diag(np.linalg.qr(matrix / np.where(norms > 0, norms, 1), mode="r")))
    for name, norm, part in zip(names, norms, rest, strict=True):
        if norm == 0:
            raise StatisticsError(
                f"The column {name} is zero in every row, so it has no coefficient: leave out its term, or merge "
                "levels so that every combination has rows.",
                code="collinear-columns",
            )
        if part < _RANK_TOLERANCE:
            raise StatisticsError(
                f"The column {name} follows from the columns before it, so their coefficients are not determined: "
                "leave out a term or merge levels.",
                code="collinear-columns",
            )


def centred_matrix(design: Design) -> Array:
    """Return the matrix of a design with every column of a factor minus its mean over the levels, shape (n, p).

    A coefficient still compares a level with the reference, but at the mean over the levels of the factors that it
    interacts with: the columns for tests of whole terms.
    """
    coded: dict[str, Array] = {name: factor.codes for name, factor in design.factors.items()}
    coded |= {name: number.values for name, number in design.numbers.items()}
    blocks = _blocks(design.terms, design.intercept, coded, len(design.matrix), centred=True)
    return np.hstack([block for _, block in blocks])


def _blocks(
    terms: Sequence[Term], intercept: bool, coded: Mapping[str, Array], n: int, centred: bool = False
) -> list[tuple[list[str], Array]]:
    """Return names and columns of the intercept and of each term, from codes of factors and values of numbers."""
    blocks: list[tuple[list[str], Array]] = [([INTERCEPT], np.ones((n, 1)))] if intercept else []
    parts = [frozenset(variable.name for variable in _variables(term)) for term in terms]
    lone: list[frozenset[str]] = [frozenset()] if intercept else []
    first_factor = next((term for term in terms if isinstance(term, Factor)), None)
    for term in terms:
        names, block = [""], np.ones((n, 1))
        for variable in _variables(term):
            rest = frozenset(other.name for other in _variables(term)) - {variable.name}
            compared = rest in parts + lone or (not rest and term is not first_factor)
            more, columns = _columns(variable, coded[variable.name], compared, centred)
            names = [f"{a}:{b}".strip(":") for b in more for a in names]
            block = np.concatenate([block * column[:, None] for column in columns.T], axis=1)
        blocks.append((names, block))
    return blocks


def _columns(variable: Numeric | Factor, values: Array, compared: bool, centred: bool) -> tuple[list[str], Array]:
    """Return names and columns of one variable; every level of a factor has one unless they are compared."""
    if isinstance(variable, Numeric):
        return [variable.name], values[:, None]
    shown = range(1 if compared else 0, len(variable.levels))
    indicator = (values[:, None] == np.array(shown, np.intp)).astype(float)
    if compared and centred:
        indicator -= 1 / len(variable.levels)
    return [f"{variable.name}[{variable.levels[k]}]" for k in shown], indicator


def _variables(term: Term) -> list[Numeric | Factor]:
    return _variables(term.first) + _variables(term.second) if isinstance(term, Interaction) else [term]


def _unique_variables(terms: Sequence[Term]) -> dict[str, Numeric | Factor]:
    names = [term.name for term in terms]
    found: dict[str, Numeric | Factor] = {}
    for variable in reduce(lambda known, term: known + _variables(term), terms, list[Numeric | Factor]()):
        if found.setdefault(variable.name, variable) is not variable:
            names.append(variable.name)
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise StatisticsError(
            f"{doubled[0]} is given twice: give each term once, and the same variable to its interactions.",
            code="duplicate-term",
        )
    return found


def _code(factor: Factor, label: Any) -> int:
    try:
        return factor.levels.index(_text(label))
    except ValueError:
        raise StatisticsError(
            f"{_text(label)} is no level of {factor.name}: choose one of {', '.join(factor.levels)}.",
            code="unknown-level",
        ) from None


def _number(name: str, row: int, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise StatisticsError(
            f"{name} is {value!s} in row {row}, which is not a finite number: give it or leave out the row.",
            code="missing-value",
        )
    return number


def _label(name: str, row: int, label: Any) -> str:
    if label is None or (isinstance(label, float | np.floating) and not math.isfinite(label)) or not _text(label):
        raise StatisticsError(
            f"{name} is missing in row {row}: give its level or leave out the row.", code="missing-value"
        )
    return _text(label)


def _text(label: Any) -> str:
    number = isinstance(label, float | np.floating)
    return f"{label:g}" if number else str(label).strip()


def _level_order(labels: Sequence[str]) -> Any:
    try:
        numbers = {label: float(label) for label in labels}
    except ValueError:
        return str
    return numbers.__getitem__
