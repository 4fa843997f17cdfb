"""Bounded nonlinear least squares with the linear amplitudes eliminated (variable projection).

For given rates the best amplitudes follow from linear least squares, non-negative where the model asks for it.
What remains is a problem in one to three bounded variables, which is scanned on a grid and then refined by a
damped Gauss-Newton iteration from the best separate starts. Everything is deterministic.

References
----------
[GolubPereyra1973]_ The elimination of the linear variables. The Jacobian is the usual simplification that drops the
part that vanishes with the residuals; it changes the path and not the minimum.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from theradose.kinetics.models import ModelForm, RateBounds
from theradose.model.arrays import Array

# Points per axis of the starting grid for 1, 2, 3 … nonlinear parameters.
_GRID_POINTS = (24, 12, 7, 5)
# The more nonlinear parameters, the more valleys.
_STARTS = (2, 4)
_START_DISTANCE = 0.15
_SAME_MINIMUM = 1e-3
_FIRST_MOVE = 1e-3
_HALVINGS = 6
_RIDGE = 1e-12
_ITERATIONS = 300
_STEP_TOLERANCE = 1e-12
# Chi-squared, flat at its minimum, cannot tell shorter steps apart in double precision.
_UNSEEN_STEP = 1e-9
# A gain in chi-squared of this share moves no parameter by more than a millionth of its uncertainty.
_UNSEEN_GAIN = 1e-13
_LARGEST_DAMPING = 1e8
_RANK_TOLERANCE = 1e-14


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A curve to fit: times, activities and their independent standard uncertainties."""

    form: ModelForm
    t_h: Array
    activity_mbq: Array
    u_mbq: Array
    bounds: RateBounds


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A point of the reduced problem with the amplitudes that belong to it.

    Attributes
    ----------
    unit : ndarray, shape (q,)
        Position in the unit cube of the nonlinear parameters.
    nonlinear : ndarray, shape (q,)
        The nonlinear parameters.
    unit_jacobian : ndarray, shape (q, q)
        Derivative of `nonlinear` by `unit`.
    linear : ndarray, shape (L,)
        Amplitudes; exactly zero where the sign constraint holds them.
    active : ndarray of bool, shape (L,)
        Amplitudes that are free.
    residual : ndarray, shape (n,)
        Weighted residuals, data minus curve.
    span : ndarray, shape (n, r)
        Orthonormal basis of the weighted basis functions of the free amplitudes.
    """

    unit: Array
    nonlinear: Array
    unit_jacobian: Array
    linear: Array
    active: Array
    residual: Array
    span: Array

    @property
    def chi_squared(self) -> float:
        """Weighted sum of squared residuals."""
        return float(self.residual @ self.residual)


def solve(problem: Problem, n_nonlinear: int) -> Solution:
    """Return the best fit within the bounds."""
    if n_nonlinear == 0:
        return _evaluate(problem, np.zeros(0))
    units = _grid(n_nonlinear)
    refined: list[Solution] = []
    for unit in _separate_starts(units, _scan(problem, units)):
        refined.append(_refine(problem, _evaluate(problem, unit), known=refined))
    return min(refined, key=lambda solution: solution.chi_squared)


def solve_towards(problem: Problem, solution: Solution, *, position: int, rise: float) -> Solution:
    """Return the best fit with one coordinate moved up from the solution until chi-squared has risen by `rise`.

    The other coordinates follow. It ends at the upper end of the coordinate if chi-squared does not rise that far.
    """
    held = np.arange(len(solution.unit)) == position
    target = solution.chi_squared + rise
    low, high = solution, _moved(problem, solution, held, _FIRST_MOVE)
    while high.chi_squared < target and high.unit[position] < 1.0:
        move = 2 * (high.unit[position] - solution.unit[position])
        low, high = high, _moved(problem, high, held, solution.unit[position] + move)
    for _ in range(_HALVINGS):
        middle = _moved(problem, low, held, (low.unit[position] + high.unit[position]) / 2)
        low, high = (middle, high) if middle.chi_squared < target else (low, middle)
    return high


def _moved(problem: Problem, solution: Solution, held: Array, value: float) -> Solution:
    unit = np.where(held, min(value, 1.0), solution.unit)
    return _refine(problem, _evaluate(problem, unit), known=[], held=held)


def curve_jacobian(problem: Problem, solution: Solution) -> Array:
    """Return the weighted derivative of the curve by the nonlinear parameters, shape (n, q)."""
    gradient = problem.form.basis_gradient(problem.t_h, solution.nonlinear)
    return np.asarray(np.einsum("nlq,l->nq", gradient, solution.linear) / problem.u_mbq[:, None])


def _grid(n_nonlinear: int) -> Array:
    """Return the midpoints of a regular division of the unit cube."""
    points = _GRID_POINTS[min(n_nonlinear, len(_GRID_POINTS)) - 1]
    axis = (np.arange(points) + 0.5) / points
    return np.array(list(itertools.product(axis, repeat=n_nonlinear)))


def _scan(problem: Problem, units: Array) -> Array:
    """Return chi-squared at many places at once, shape (g,), from the normal equations.

    Non-negative amplitudes are those of the best set of free ones; there are few amplitudes, so every set is tried.
    The normal equations lose digits, which the order of the starts can spare.
    """
    form = problem.form
    bases = [form.basis(problem.t_h, form.from_unit(unit, problem.bounds)[0]) for unit in units]
    design = np.stack(bases) / problem.u_mbq[:, None]
    norms = np.linalg.norm(design, axis=1, keepdims=True)
    design /= np.where(norms > 0, norms, 1.0)
    data = problem.activity_mbq / problem.u_mbq
    gram = np.swapaxes(design, 1, 2) @ design + _RIDGE * np.eye(form.n_linear)
    projected = data @ design
    explained = np.zeros(len(units))
    smallest_set = 1 if form.nonnegative else form.n_linear
    for size in range(smallest_set, form.n_linear + 1):
        for columns in map(list, itertools.combinations(range(form.n_linear), size)):
            wanted = projected[:, columns]
            amplitudes = np.linalg.solve(gram[:, columns][:, :, columns], wanted[:, :, None])[:, :, 0]
            allowed = (amplitudes >= 0).all(axis=1) | (not form.nonnegative)
            explained = np.maximum(explained, np.where(allowed, np.sum(wanted * amplitudes, axis=1), 0.0))
    return np.asarray(data @ data - explained)


def _separate_starts(units: Array, chi_squared: Array) -> list[Array]:
    """Return the best places that lie apart from each other."""
    wanted = _STARTS[min(units.shape[1], len(_STARTS)) - 1]
    chosen: list[Array] = []
    for unit in units[np.argsort(chi_squared, kind="stable")]:
        if all(np.max(np.abs(unit - other)) > _START_DISTANCE for other in chosen):
            chosen.append(unit)
        if len(chosen) == wanted:
            break
    return chosen


def _evaluate(problem: Problem, unit: Array) -> Solution:
    nonlinear, unit_jacobian = problem.form.from_unit(unit, problem.bounds)
    design = problem.form.basis(problem.t_h, nonlinear) / problem.u_mbq[:, None]
    data = problem.activity_mbq / problem.u_mbq
    linear, active, span = _linear_fit(design, data, nonnegative=problem.form.nonnegative)
    return Solution(unit, nonlinear, unit_jacobian, linear, active, data - design @ linear, span)


def _linear_fit(design: Array, data: Array, *, nonnegative: bool) -> tuple[Array, Array, Array]:
    """Return amplitudes, which of them are free, and an orthonormal basis of the free columns."""
    norms = np.linalg.norm(design, axis=0)
    present = norms > 0
    scaled = design / np.where(present, norms, 1.0)
    amplitudes, span = _least_squares(scaled[:, present], data)
    if nonnegative and (amplitudes < 0).any():
        from scipy.optimize import nnls

        present = nnls(scaled, data, maxiter=100 * len(norms))[0] > 0
        amplitudes, span = _least_squares(scaled[:, present], data)
        while (amplitudes <= 0).any():
            # Rounding in the constrained solution left a column that does not belong.
            present[np.flatnonzero(present)[amplitudes <= 0]] = False
            amplitudes, span = _least_squares(scaled[:, present], data)
    linear = np.zeros(len(norms))
    linear[present] = amplitudes
    return linear / np.where(norms > 0, norms, 1.0), present, span


def _least_squares(design: Array, data: Array) -> tuple[Array, Array]:
    """Return the least-squares coefficients and an orthonormal basis of the columns."""
    if design.shape[1] == 0:
        return np.zeros(0), np.zeros((len(data), 0))
    left, singular, right = np.linalg.svd(design, full_matrices=False)
    kept = singular > _RANK_TOLERANCE * singular[0]
    left, singular, right = left[:, kept], singular[kept], right[kept]
    return right.T @ ((left.T @ data) / singular), left


def _refine(problem: Problem, start: Solution, *, known: list[Solution], held: Array | None = None) -> Solution:
    """Descend from `start` to a local minimum inside the unit cube, or until a known one is near.

    Coordinates that are held do not move.
    """
    current = start
    damping = 1e-3
    for _ in range(_ITERATIONS):
        if any(_is_near(current, minimum) for minimum in known):
            break
        jacobian = curve_jacobian(problem, current) @ current.unit_jacobian
        jacobian -= current.span @ (current.span.T @ jacobian)
        descent = jacobian.T @ current.residual
        free = ~(((current.unit <= 0) & (descent <= 0)) | ((current.unit >= 1) & (descent >= 0)))
        # A variable whose own Gauss-Newton step is below rounding is at its minimum.
        free &= np.abs(descent) > _STEP_TOLERANCE * np.sum(jacobian**2, axis=0)
        if held is not None:
            free &= ~held
        if not free.any():
            break
        trial, damping = _descend(problem, current, jacobian[:, free], free, damping)
        if trial is None:
            break
        gain = current.chi_squared - trial.chi_squared
        current = trial
        if gain <= _UNSEEN_GAIN * current.chi_squared:
            break
    return current


def _is_near(solution: Solution, minimum: Solution) -> bool:
    """Return whether a descent is where an earlier one ended, not below it."""
    close = np.max(np.abs(solution.unit - minimum.unit)) < _SAME_MINIMUM
    return bool(close and solution.chi_squared >= minimum.chi_squared)


def _descend(
    problem: Problem, current: Solution, jacobian: Array, free: Array, damping: float
) -> tuple[Solution | None, float]:
    """Return a better solution, or None when no damping leads to one, and the damping for the next step."""
    scale = np.maximum(np.linalg.norm(jacobian, axis=0), np.finfo(float).tiny)
    left, singular, right = np.linalg.svd(jacobian / scale, full_matrices=False)
    projected = left.T @ current.residual
    while damping < _LARGEST_DAMPING:
        unit = current.unit.copy()
        unit[free] += (right.T @ (projected * singular / (singular**2 + damping))) / scale
        unit = np.clip(unit, 0.0, 1.0)
        trial = _evaluate(problem, unit)
        if trial.chi_squared < current.chi_squared:
            return trial, max(damping * 0.01, 1e-12)
        if np.max(np.abs(unit - current.unit)) < _UNSEEN_STEP:
            break
        damping *= 10.0
    return None, damping
