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
_STARTS = 4
_START_DISTANCE = 0.15
_ITERATIONS = 300
_STEP_TOLERANCE = 1e-12
# Chi-squared, flat at its minimum, cannot tell shorter steps apart in double precision.
_UNSEEN_STEP = 1e-9
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
    starts = _separate_starts([_evaluate(problem, unit) for unit in _grid(n_nonlinear)])
    refined = [_refine(problem, start) for start in starts]
    return min(refined, key=lambda solution: solution.chi_squared)


def curve_jacobian(problem: Problem, solution: Solution) -> Array:
    """Return the weighted derivative of the curve by the nonlinear parameters, shape (n, q)."""
    gradient = problem.form.basis_gradient(problem.t_h, solution.nonlinear)
    return np.asarray(np.einsum("nlq,l->nq", gradient, solution.linear) / problem.u_mbq[:, None])


def _grid(n_nonlinear: int) -> Array:
    """Return the midpoints of a regular division of the unit cube."""
    points = _GRID_POINTS[min(n_nonlinear, len(_GRID_POINTS)) - 1]
    axis = (np.arange(points) + 0.5) / points
    return np.array(list(itertools.product(axis, repeat=n_nonlinear)))


def _separate_starts(scanned: list[Solution]) -> list[Solution]:
    """Return the best solutions that lie apart from each other."""
    chosen: list[Solution] = []
    for candidate in sorted(scanned, key=lambda solution: solution.chi_squared):
        if all(np.max(np.abs(candidate.unit - other.unit)) > _START_DISTANCE for other in chosen):
            chosen.append(candidate)
        if len(chosen) == _STARTS:
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


def _refine(problem: Problem, start: Solution) -> Solution:
    """Descend from `start` to a local minimum inside the unit cube."""
    current = start
    damping = 1e-3
    for _ in range(_ITERATIONS):
        jacobian = curve_jacobian(problem, current) @ current.unit_jacobian
        jacobian -= current.span @ (current.span.T @ jacobian)
        descent = jacobian.T @ current.residual
        free = ~(((current.unit <= 0) & (descent <= 0)) | ((current.unit >= 1) & (descent >= 0)))
        # A variable whose own Gauss-Newton step is below rounding is at its minimum.
        free &= np.abs(descent) > _STEP_TOLERANCE * np.sum(jacobian**2, axis=0)
        if not free.any():
            break
        trial, damping = _descend(problem, current, jacobian[:, free], free, damping)
        if trial is None:
            break
        current = trial
    return current


def _descend(
    problem: Problem, current: Solution, jacobian: Array, free: Array, damping: float
) -> tuple[Solution | None, float]:
    """Return a better solution, or None when no damping leads to one, and the damping for the next step."""
    scale = np.maximum(np.linalg.norm(jacobian, axis=0), np.finfo(float).tiny)
    scaled = jacobian / scale
    target = np.concatenate([current.residual, np.zeros(len(scale))])
    while damping < _LARGEST_DAMPING:
        augmented = np.concatenate([scaled, np.sqrt(damping) * np.eye(len(scale))])
        unit = current.unit.copy()
        unit[free] += np.linalg.lstsq(augmented, target, rcond=None)[0] / scale
        unit = np.clip(unit, 0.0, 1.0)
        trial = _evaluate(problem, unit)
        if trial.chi_squared < current.chi_squared:
            return trial, max(damping * 0.01, 1e-12)
        if np.max(np.abs(unit - current.unit)) < _UNSEEN_STEP:
            break
        damping *= 10.0
    return None, damping
