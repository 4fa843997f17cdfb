"""Compiled search for two rates: the descent in the unit square with the amplitudes eliminated.

Curves are a1 exp(−λ1 t) + a2 exp(−λ2 t); uptake has a2 = −a1. The two rates are sought in the unit square onto which
:class:`theradose.kinetics.exponential.ExponentialForm` maps them, so that bounds and order hold exactly. Import this
module only where it is used: it loads numba.

References
----------
[GolubPereyra1973]_ The elimination of the amplitudes.
"""

from __future__ import annotations

import math

from theradose.compiled import kernel
from theradose.model.arrays import Array

_ITERATIONS = 200
# Gauss-Newton step of a coordinate of the unit square below which it is at its minimum.
_STEP_TOLERANCE = 1e-7
# The same beside a bound, where a solution enters the uncertainty only.
_ROUGH_TOLERANCE = 1e-4
# Weighted residuals that no uncertainty could notice.
EXACT = 1e-16
_FIRST_DAMPING = 1e-3
_LARGEST_DAMPING = 1e8

# Rows of the work space of one voxel, shape (rows, n).
WEIGHT, DATA, PHASE_1, PHASE_2, RESIDUAL, BY_X, BY_Y, SPAN_1, SPAN_2 = range(9)
ROWS = 9


@kernel
def dot(first: Array, second: Array) -> float:
    """Return the scalar product, summed in order."""
    total = 0.0
    for i in range(len(first)):
        total += first[i] * second[i]
    return total


@kernel
def unit_rates(x: float, y: float, slowest: float, extent: float, gap: float) -> tuple[float, float, float]:
    """Return the two rates at a place in the unit square, and the derivative of the second's logarithm by y."""
    first = x * (extent - gap)
    width = extent - first - gap
    return slowest * math.exp(first), slowest * math.exp(first + gap + y * width), width


@kernel
def project(work: Array, t_h: Array, first: float, second: float, uptake: bool) -> tuple[float, float, float]:
    """Find the amplitudes for two rates, none negative; fill in phases, span and residuals.

    Returns the amplitudes and chi-squared.
    """
    phase_1, phase_2, span_1, span_2 = work[PHASE_1], work[PHASE_2], work[SPAN_1], work[SPAN_2]
    data = work[DATA]
    n = len(t_h)
    for i in range(n):
        phase_1[i] = work[WEIGHT, i] * math.exp(-first * t_h[i])
        phase_2[i] = work[WEIGHT, i] * math.exp(-second * t_h[i])
        span_1[i] = phase_1[i] - phase_2[i] if uptake else phase_1[i]
        span_2[i] = 0.0
    norm_1 = math.sqrt(dot(span_1, span_1))
    for i in range(n):
        span_1[i] /= norm_1
    a1 = a2 = 0.0
    if uptake:
        a1 = max(dot(span_1, data) / norm_1, 0.0)
        a2 = -a1
    else:
        shared = dot(span_1, phase_2)
        for i in range(n):
            span_2[i] = phase_2[i] - shared * span_1[i]
        norm_2 = math.sqrt(dot(span_2, span_2))
        for i in range(n):
            span_2[i] /= norm_2
        a2 = dot(span_2, data) / norm_2
        a1 = (dot(span_1, data) - shared * a2) / norm_1
        if a1 < 0.0 or a2 < 0.0:
            a1, a2 = best_single(work)
    chi = 0.0
    for i in range(n):
        work[RESIDUAL, i] = data[i] - a1 * phase_1[i] - a2 * phase_2[i]
        chi += work[RESIDUAL, i] ** 2
    return a1, a2, chi


@kernel
def best_single(work: Array) -> tuple[float, float]:
    """Return the amplitudes where one phase is better without the other, which is then zero; fill in the span."""
    norm_1, norm_2 = dot(work[PHASE_1], work[PHASE_1]), dot(work[PHASE_2], work[PHASE_2])
    a1 = max(dot(work[PHASE_1], work[DATA]) / norm_1, 0.0)
    a2 = max(dot(work[PHASE_2], work[DATA]) / norm_2, 0.0)
    work[SPAN_2, :] = 0.0
    if a1 * a1 * norm_1 >= a2 * a2 * norm_2:
        work[SPAN_1, :] = work[PHASE_1] / math.sqrt(norm_1)
        return a1, 0.0
    work[SPAN_1, :] = work[PHASE_2] / math.sqrt(norm_2)
    return 0.0, a2


@kernel
def fill_gradient(
    work: Array, t_h: Array, a1: float, a2: float, first: float, second: float, by_x: float, by_y: float, y: float
) -> None:
    """Fill in the derivatives of the weighted curve by the two coordinates of the unit square.

    `by_x` is the derivative of ln λ1 by x, `by_y` that of ln λ2 by y.
    """
    for i in range(len(t_h)):
        by_first = -a1 * first * t_h[i] * work[PHASE_1, i]
        by_second = -a2 * second * t_h[i] * work[PHASE_2, i]
        work[BY_X, i] = by_x * (by_first + (1.0 - y) * by_second)
        work[BY_Y, i] = by_y * by_second


@kernel
def subtract_span(work: Array, column: Array) -> None:
    """Remove from a column what the amplitudes follow."""
    along_1, along_2 = dot(work[SPAN_1], column), dot(work[SPAN_2], column)
    for i in range(len(column)):
        column[i] -= along_1 * work[SPAN_1, i] + along_2 * work[SPAN_2, i]


@kernel
def damped_step(h11: float, h12: float, h22: float, g1: float, g2: float, damping: float) -> tuple[float, float]:
    """Return the step of the free coordinates; a held one has zeros in its row."""
    d1, d2 = h11 * (1.0 + damping), h22 * (1.0 + damping)
    if d1 == 0.0 or d2 == 0.0:
        return (g1 / d1 if d1 > 0.0 else 0.0), (g2 / d2 if d2 > 0.0 else 0.0)
    determinant = d1 * d2 - h12 * h12
    return (d2 * g1 - h12 * g2) / determinant, (d1 * g2 - h12 * g1) / determinant


@kernel
def is_free(place: float, gradient: float, curvature: float, tolerance: float) -> bool:
    """Return whether a coordinate can still move: not against its bound, and not at its minimum."""
    held = (place <= 0.0 and gradient <= 0.0) or (place >= 1.0 and gradient >= 0.0)
    return not held and abs(gradient) > tolerance * curvature


@kernel
def descend(
    work: Array, t_h: Array, x: float, y: float, slowest: float, extent: float, gap: float, uptake: bool, held: bool
) -> tuple[float, float, float, float, float]:
    """Return the place of a local minimum in the unit square, its amplitudes and chi-squared; x can be held."""
    damping = _FIRST_DAMPING
    tolerance = _ROUGH_TOLERANCE if held else _STEP_TOLERANCE
    first, second, by_y = unit_rates(x, y, slowest, extent, gap)
    a1, a2, chi = project(work, t_h, first, second, uptake)
    for _ in range(_ITERATIONS):
        fill_gradient(work, t_h, a1, a2, first, second, extent - gap, by_y, y)
        subtract_span(work, work[BY_X])
        subtract_span(work, work[BY_Y])
        g1, g2 = dot(work[BY_X], work[RESIDUAL]), dot(work[BY_Y], work[RESIDUAL])
        h11, h22 = dot(work[BY_X], work[BY_X]), dot(work[BY_Y], work[BY_Y])
        h12 = dot(work[BY_X], work[BY_Y])
        if held or not is_free(x, g1, h11, tolerance):
            g1 = h11 = h12 = 0.0
        if not is_free(y, g2, h22, tolerance):
            g2 = h22 = h12 = 0.0
        if (h11 == 0.0 and h22 == 0.0) or chi < EXACT:
            break
        better = False
        while not better and damping < _LARGEST_DAMPING:
            by_step_x, by_step_y = damped_step(h11, h12, h22, g1, g2, damping)
            to_x, to_y = min(max(x + by_step_x, 0.0), 1.0), min(max(y + by_step_y, 0.0), 1.0)
            if abs(to_x - x) < tolerance and abs(to_y - y) < tolerance:
                break
            first, second, by_y = unit_rates(to_x, to_y, slowest, extent, gap)
            to_a1, to_a2, to_chi = project(work, t_h, first, second, uptake)
            better = to_chi < chi
            if better:
                x, y, a1, a2, chi = to_x, to_y, to_a1, to_a2, to_chi
                damping = max(0.01 * damping, 1e-12)
            else:
                damping *= 10.0
        if not better:
            break
    return x, y, a1, a2, chi
