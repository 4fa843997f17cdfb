"""Bounded nonlinear least squares with the linear amplitudes eliminated (variable projection).

For given rates the best amplitudes follow from linear least squares, non-negative where the model asks for it.
What remains is a problem in one to four bounded variables, which is scanned on a grid and then refined by a
damped Gauss-Newton iteration in the logarithms of the rates, a few steps from each of the best separate starts and to
the end from the lowest of them. Everything is deterministic.

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

# Rates from which 1, 2, 3 … are chosen for the starts.
_GRID_RATES = (48, 32, 20, 14)
# The more nonlinear parameters, the more valleys; most end high above the lowest, which shows after a few steps.
_STARTS = (5, 4, 8)
_START_DISTANCE_STEPS = 2.0
_FIRST_ITERATIONS = 10
_FINISHERS = 2
_SAME_MINIMUM = 1e-3
_FIRST_MOVE = 1e-3
_HALVINGS = 6
_RIDGE = 1e-12
_ITERATIONS = 60
_STEP_TOLERANCE = 1e-12
# Chi-squared, flat at its minimum, cannot tell shorter steps apart in double precision.
_UNSEEN_STEP = 1e-9
# A gain in chi-squared of this share moves no parameter by more than a millionth of its uncertainty.
_UNSEEN_GAIN = 1e-13
_LARGEST_DAMPING = 1e8
# Of a logarithm in one step.
_LARGEST_STEP = 1.0
_DIFFERENCE = 1e-5
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
    rates = _grid(problem.bounds, n_nonlinear)
    begun: list[Solution] = []
    for start in _separate_starts(rates, _scan(problem, rates), problem.bounds):
        unit = problem.form.to_unit(start, problem.bounds)
        begun.append(_refine(problem, _evaluate(problem, unit), known=begun, iterations=_FIRST_ITERATIONS))
    finished: list[Solution] = []
    for solution in sorted(begun, key=lambda solution: solution.chi_squared)[:_FINISHERS]:
        finished.append(_refine(problem, solution, known=finished, iterations=_ITERATIONS))
    return _snapped(problem, min(finished, key=lambda solution: solution.chi_squared))


def _snapped(problem: Problem, solution: Solution) -> Solution:
    """Return the solution with coordinates that cannot be told from a bound put on it."""
    near = [solution.unit < _UNSEEN_STEP, solution.unit > 1 - _UNSEEN_STEP]
    unit = np.select(near, [0.0, 1.0], solution.unit)
    if (unit == solution.unit).all():
        return solution
    held = _evaluate(problem, unit)
    return held if held.chi_squared <= solution.chi_squared + _UNSEEN_GAIN * (1 + solution.chi_squared) else solution


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
    return _refine(problem, _evaluate(problem, unit), known=[], iterations=_ITERATIONS, held=held)


def curve_jacobian(problem: Problem, solution: Solution) -> Array:
    """Return the weighted derivative of the curve by the nonlinear parameters, shape (n, q)."""
    gradient = problem.form.basis_gradient(problem.t_h, solution.nonlinear)
    return np.asarray(np.einsum("nlq,l->nq", gradient, solution.linear) / problem.u_mbq[:, None])


def _grid(bounds: RateBounds, n_nonlinear: int) -> Array:
    """Return every choice of rates, slowest first, from rates in equal steps of their logarithm, shape (g, q)."""
    points = _of_count(_GRID_RATES, n_nonlinear)
    places = (np.arange(points) + 0.5) / points
    rates = bounds.slowest_per_h * (bounds.fastest_per_h / bounds.slowest_per_h) ** places
    return np.array(list(itertools.combinations(rates, n_nonlinear)))


def _of_count(numbers: tuple[int, ...], n_nonlinear: int) -> int:
    return numbers[min(n_nonlinear, len(numbers)) - 1]


def _scan(problem: Problem, rates: Array) -> Array:
    """Return chi-squared at many places at once, shape (g,), from the normal equations.

    Non-negative amplitudes are those of the best set of free ones; there are few amplitudes, so every set is tried.
    The normal equations lose digits, which the order of the starts can spare.
    """
    form = problem.form
    design = form.basis_at(problem.t_h, rates) / problem.u_mbq[:, None]
    norms = np.linalg.norm(design, axis=1, keepdims=True)
    design /= np.where(norms > 0, norms, 1.0)
    data = problem.activity_mbq / problem.u_mbq
    gram = np.swapaxes(design, 1, 2) @ design + _RIDGE * np.eye(form.n_linear)
    projected = data @ design
    explained = np.zeros(len(rates))
    smallest_set = 1 if form.nonnegative else form.n_linear
    for size in range(smallest_set, form.n_linear + 1):
        for columns in map(list, itertools.combinations(range(form.n_linear), size)):
            wanted = projected[:, columns]
            amplitudes = np.linalg.solve(gram[:, columns][:, :, columns], wanted[:, :, None])[:, :, 0]
            allowed = (amplitudes >= 0).all(axis=1) | (not form.nonnegative)
            explained = np.maximum(explained, np.where(allowed, np.sum(wanted * amplitudes, axis=1), 0.0))
    return np.asarray(data @ data - explained)


def _separate_starts(rates: Array, chi_squared: Array, bounds: RateBounds) -> list[Array]:
    """Return the best places that lie apart from each other."""
    n_nonlinear = rates.shape[1]
    step = np.log(bounds.fastest_per_h / bounds.slowest_per_h) / _of_count(_GRID_RATES, n_nonlinear)
    chosen: list[Array] = []
    for place in rates[np.argsort(chi_squared, kind="stable")]:
        if all(np.max(np.abs(np.log(place / other))) > _START_DISTANCE_STEPS * step for other in chosen):
            chosen.append(place)
        if len(chosen) == _of_count(_STARTS, n_nonlinear):
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
    if design.shape[1] == 1:
        norm = np.linalg.norm(design)
        left = design / norm
        return (left.T @ data) / norm, left
    left, singular, right = np.linalg.svd(design, full_matrices=False)
    kept = singular > _RANK_TOLERANCE * singular[0]
    left, singular, right = left[:, kept], singular[kept], right[kept]
    return right.T @ ((left.T @ data) / singular), left


def _refine(
    problem: Problem, start: Solution, *, known: list[Solution], iterations: int, held: Array | None = None
) -> Solution:
    """Descend from `start` towards a local minimum inside the unit cube, or until a known solution is near.

    Coordinates that are held do not move.
    """
    current = start
    damping = 1e-3
    for _ in range(iterations):
        if any(_is_near(current, minimum) for minimum in known):
            break
        by_logarithm = curve_jacobian(problem, current) * current.nonlinear
        by_logarithm -= current.span @ (current.span.T @ by_logarithm)
        logarithmic = current.unit_jacobian / current.nonlinear[:, None]
        free = _free(current, by_logarithm, logarithmic)
        if held is not None:
            free &= ~held
        if not free.any():
            break
        trial, damping = _descend(problem, current, by_logarithm, _directions(logarithmic, free), free, damping)
        if trial is None:
            break
        gain = current.chi_squared - trial.chi_squared
        current = trial
        if gain <= _UNSEEN_GAIN * current.chi_squared:
            break
    return current


def _free(current: Solution, by_logarithm: Array, logarithmic: Array) -> Array:
    """Return which coordinates may move: all inside the cube, and those on a bound that the data pull off it.

    A variable whose own Gauss-Newton step is below rounding is at its minimum and does not move.
    """
    # Behind a rate at the end of its range nothing is left to move in.
    has_room = np.diag(logarithmic) > 0
    inside = (current.unit > 0) & (current.unit < 1) & has_room
    free = np.zeros_like(inside)
    for k in np.flatnonzero(has_room):
        moving = inside.copy()
        moving[k] = True
        direction = _directions(logarithmic, moving)[:, int(moving[:k].sum())]
        by_step = by_logarithm @ direction
        pull = float(by_step @ current.residual)
        free[k] = abs(pull) > _STEP_TOLERANCE * float(by_step @ by_step)
        if not inside[k]:
            free[k] &= pull > 0 if current.unit[k] <= 0 else pull < 0
    return free


def _is_near(solution: Solution, minimum: Solution) -> bool:
    """Return whether a descent is where an earlier one ended, not below it."""
    close = np.max(np.abs(solution.unit - minimum.unit)) < _SAME_MINIMUM
    return bool(close and solution.chi_squared >= minimum.chi_squared)


def _directions(logarithmic: Array, free: Array) -> Array:
    """Return how the logarithms of the parameters move with those of the free ones, shape (q, f).

    A free parameter moves by itself, and takes along those that a bound ties to it. In logarithms the valleys of
    sums of exponentials are straight, in the coordinates of the unit cube they are bent.
    """
    columns = logarithmic[:, free]
    return np.asarray(np.linalg.solve(columns[free].T, columns.T).T)


def _descend(
    problem: Problem, current: Solution, by_logarithm: Array, directions: Array, free: Array, damping: float
) -> tuple[Solution | None, float]:
    """Return a better solution, or None when no damping leads to one, and the damping for the next step.

    Where the step of Gauss and Newton leads too far, the residuals bend the valley: there the second derivative is
    taken as it is.
    """
    jacobian = by_logarithm @ directions
    scale = np.linalg.norm(jacobian, axis=0)
    # A rate without amplitude moves nothing.
    directions, jacobian, scale = directions[:, scale > 0], jacobian[:, scale > 0], scale[scale > 0]
    if not len(scale):
        return None, damping
    left, singular, right = np.linalg.svd(jacobian / scale, full_matrices=False)
    squares, axes = singular**2, right.T
    projected = singular * (left.T @ current.residual)
    exact = False
    while damping < _LARGEST_DAMPING:
        step = directions @ ((axes @ (projected / (squares + damping))) / scale)
        step *= min(1.0, _LARGEST_STEP / max(float(np.max(np.abs(step))), _LARGEST_STEP))
        moved = current.nonlinear * np.exp(step)
        unit = np.where(free, problem.form.to_unit(moved, problem.bounds), current.unit)
        trial = _evaluate(problem, unit)
        if trial.chi_squared < current.chi_squared:
            return trial, max(damping * 0.01, 1e-12)
        if np.max(np.abs(unit - current.unit)) < _UNSEEN_STEP:
            break
        if not exact:
            exact = True
            curvature = _curvature(problem, current, directions) / np.outer(scale, scale)
            found, vectors = np.linalg.eigh(curvature)
            if found[0] > 0:
                squares, axes = found, vectors
                projected = vectors.T @ ((jacobian / scale).T @ current.residual)
                continue
        damping *= 10.0
    return None, damping


def _curvature(problem: Problem, solution: Solution, directions: Array) -> Array:
    """Return half the second derivative of chi-squared along the directions, from differences of its gradient."""
    here = _descent(problem, solution.nonlinear)
    slopes = [
        (here - _descent(problem, solution.nonlinear * np.exp(_DIFFERENCE * direction))) @ directions / _DIFFERENCE
        for direction in directions.T
    ]
    curvature = np.array(slopes)
    return np.asarray((curvature + curvature.T) / 2)


def _descent(problem: Problem, nonlinear: Array) -> Array:
    """Return half the negative gradient of chi-squared by the logarithms of the nonlinear parameters, shape (q,)."""
    design = problem.form.basis(problem.t_h, nonlinear) / problem.u_mbq[:, None]
    data = problem.activity_mbq / problem.u_mbq
    linear, _, _ = _linear_fit(design, data, nonnegative=problem.form.nonnegative)
    gradient = problem.form.basis_gradient(problem.t_h, nonlinear)
    by_nonlinear = np.einsum("nlq,l->nq", gradient, linear) / problem.u_mbq[:, None]
    return np.asarray(nonlinear * (by_nonlinear.T @ (data - design @ linear)))
