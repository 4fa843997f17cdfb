"""Compiled fits of single voxels with two rates: two phases of clearance, and uptake followed by clearance.

Both are a1 exp(−λ1 t) + a2 exp(−λ2 t); uptake has a2 = −a1. The amplitudes are eliminated, and the two rates are
sought in the unit square onto which :class:`theradose.kinetics.exponential.ExponentialForm` maps them, so that bounds
and order hold exactly. Import this module only where it is used: it loads numba.

References
----------
[GolubPereyra1973]_ The elimination of the amplitudes.
[JCGM100]_ Uncertainty of the integral from the covariance of the parameters.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.compiled import kernel
from theradose.kinetics.voxelwise_kernels import (
    AT_DECAY,
    FITTED,
    ONE_PHASE,
    SATURATED,
    best_of_table,
    fit_mono,
    weigh_voxel,
)
from theradose.model.arrays import Array

_ITERATIONS = 200
# Gauss-Newton step of a coordinate of the unit square below which it is at its minimum.
_STEP_TOLERANCE = 1e-7
# The same beside a bound, where a solution enters the uncertainty only.
_ROUGH_TOLERANCE = 1e-4
# Weighted residuals that no uncertainty could notice.
_EXACT = 1e-16
_FIRST_DAMPING = 1e-3
_LARGEST_DAMPING = 1e8
_SINGULAR = 1e-13
# Share of a phase that must differ from another one for the two to be told apart in double precision.
_APART = 1e-9
# First place beside the lower edge, and accuracy of the rise of chi-squared by one; they enter the uncertainty only.
_FIRST_MOVE = 0.02
_RISE_STEPS = 20
_RISE_TOLERANCE = 0.01
_INSIDE = 0.01
_LN2 = math.log(2)

# Rows of the work space of one voxel, shape (rows, n).
_WEIGHT, _DATA, _PHASE_1, _PHASE_2, _RESIDUAL, _BY_X, _BY_Y, _SPAN_1, _SPAN_2 = range(9)
_ROWS = 9


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
    phase_1, phase_2, span_1, span_2 = work[_PHASE_1], work[_PHASE_2], work[_SPAN_1], work[_SPAN_2]
    data = work[_DATA]
    n = len(t_h)
    for i in range(n):
        phase_1[i] = work[_WEIGHT, i] * math.exp(-first * t_h[i])
        phase_2[i] = work[_WEIGHT, i] * math.exp(-second * t_h[i])
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
        work[_RESIDUAL, i] = data[i] - a1 * phase_1[i] - a2 * phase_2[i]
        chi += work[_RESIDUAL, i] ** 2
    return a1, a2, chi


@kernel
def best_single(work: Array) -> tuple[float, float]:
    """Return the amplitudes where one phase is better without the other, which is then zero; fill in the span."""
    norm_1, norm_2 = dot(work[_PHASE_1], work[_PHASE_1]), dot(work[_PHASE_2], work[_PHASE_2])
    a1 = max(dot(work[_PHASE_1], work[_DATA]) / norm_1, 0.0)
    a2 = max(dot(work[_PHASE_2], work[_DATA]) / norm_2, 0.0)
    work[_SPAN_2, :] = 0.0
    if a1 * a1 * norm_1 >= a2 * a2 * norm_2:
        work[_SPAN_1, :] = work[_PHASE_1] / math.sqrt(norm_1)
        return a1, 0.0
    work[_SPAN_1, :] = work[_PHASE_2] / math.sqrt(norm_2)
    return 0.0, a2


@kernel
def fill_gradient(
    work: Array, t_h: Array, a1: float, a2: float, first: float, second: float, by_x: float, by_y: float, y: float
) -> None:
    """Fill in the derivatives of the weighted curve by the two coordinates of the unit square.

    `by_x` is the derivative of ln λ1 by x, `by_y` that of ln λ2 by y.
    """
    for i in range(len(t_h)):
        by_first = -a1 * first * t_h[i] * work[_PHASE_1, i]
        by_second = -a2 * second * t_h[i] * work[_PHASE_2, i]
        work[_BY_X, i] = by_x * (by_first + (1.0 - y) * by_second)
        work[_BY_Y, i] = by_y * by_second


@kernel
def subtract_span(work: Array, column: Array) -> None:
    """Remove from a column what the amplitudes follow."""
    along_1, along_2 = dot(work[_SPAN_1], column), dot(work[_SPAN_2], column)
    for i in range(len(column)):
        column[i] -= along_1 * work[_SPAN_1, i] + along_2 * work[_SPAN_2, i]


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
        subtract_span(work, work[_BY_X])
        subtract_span(work, work[_BY_Y])
        g1, g2 = dot(work[_BY_X], work[_RESIDUAL]), dot(work[_BY_Y], work[_RESIDUAL])
        h11, h22 = dot(work[_BY_X], work[_BY_X]), dot(work[_BY_Y], work[_BY_Y])
        h12 = dot(work[_BY_X], work[_BY_Y])
        if held or not is_free(x, g1, h11, tolerance):
            g1 = h11 = h12 = 0.0
        if not is_free(y, g2, h22, tolerance):
            g2 = h22 = h12 = 0.0
        if (h11 == 0.0 and h22 == 0.0) or chi < _EXACT:
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


@kernel
def integral_of_faster(
    work: Array, t_h: Array, y: float, chi: float, slowest: float, extent: float, gap: float, uptake: bool
) -> float:
    """Return the integral for the slowest rate above its bound at which chi-squared has risen by one.

    A rate that the bound holds is not known to be there: the points allow faster ones too. Everything else follows.
    The root of the rise is nearly linear in x, so that false position with halved ends finds the place in a few steps.
    """
    low, below = 0.0, -1.0
    x, reached_y, a1, a2, reached = descend(work, t_h, _FIRST_MOVE, y, slowest, extent, gap, uptake, True)
    while reached - chi < 1.0 and x < 1.0:
        low, y, below = x, reached_y, math.sqrt(max(reached - chi, 0.0)) - 1.0
        x, reached_y, a1, a2, reached = descend(work, t_h, min(4.0 * x, 1.0), y, slowest, extent, gap, uptake, True)
    high, above = x, math.sqrt(max(reached - chi, 0.0)) - 1.0
    for _ in range(_RISE_STEPS):
        if above <= 0.0 or abs(reached - chi - 1.0) <= _RISE_TOLERANCE:
            break
        middle = (low * above - high * below) / (above - below)
        # The search starts beside the solution that lies below, so that it stays in the same valley.
        x, reached_y, a1, a2, reached = descend(work, t_h, middle, y, slowest, extent, gap, uptake, True)
        rise = math.sqrt(max(reached - chi, 0.0)) - 1.0
        if rise < 0.0:
            low, y, below, above = x, reached_y, rise, 0.5 * above
        else:
            high, above, below = x, rise, 0.5 * below
    first, second, _ = unit_rates(x, reached_y, slowest, extent, gap)
    return a1 / first + a2 / second


@kernel
def add_direction(basis: Array, shares: Array, count: int, column: Array, gradient: float) -> int:
    """Take one more free parameter into the propagation of uncertainty; return the number of them.

    The columns of the weighted design are made orthogonal one after the other. The variance of a quantity with the
    gradient g is the sum of the squares of R⁻ᵀ g, which `shares` collects.
    """
    size = math.sqrt(dot(column, column))
    if size == 0.0:
        return count
    for k in range(count):
        along = dot(basis[k], column)
        gradient -= along * shares[k]
        for i in range(len(column)):
            column[i] -= along * basis[k, i]
    # A direction that the points do not determine gets a huge variance, never none.
    norm = max(math.sqrt(dot(column, column)), _SINGULAR * size)
    for i in range(len(column)):
        basis[count, i] = column[i] / norm
    shares[count] = gradient / norm
    return count + 1


@kernel
def integral_u(
    work: Array,
    t_h: Array,
    x: float,
    y: float,
    a1: float,
    a2: float,
    chi: float,
    slowest: float,
    extent: float,
    gap: float,
    uptake: bool,
    basis: Array,
    shares: Array,
) -> float:
    """Return the standard uncertainty of a1/λ1 + a2/λ2.

    What the upper bound holds does not vary; a slowest rate on the lower bound adds the difference of the integrals
    that :func:`integral_of_faster` explains.
    """
    first, second, by_y = unit_rates(x, y, slowest, extent, gap)
    project(work, t_h, first, second, uptake)
    fill_gradient(work, t_h, a1, a2, first, second, extent - gap, by_y, y)
    count = 0
    if uptake:
        for i in range(len(t_h)):
            work[_PHASE_1, i] -= work[_PHASE_2, i]
        count = add_direction(basis, shares, count, work[_PHASE_1], 1.0 / first - 1.0 / second)
    else:
        count = add_direction(basis, shares, count, work[_PHASE_1], 1.0 / first)
        count = add_direction(basis, shares, count, work[_PHASE_2], 1.0 / second)
    if 0.0 < x < 1.0:
        slope = -(extent - gap) * (a1 / first + (1.0 - y) * a2 / second)
        count = add_direction(basis, shares, count, work[_BY_X], slope)
    if 0.0 < y < 1.0:
        count = add_direction(basis, shares, count, work[_BY_Y], -by_y * a2 / second)
    variance = dot(shares[:count], shares[:count])
    if x <= 0.0:
        faster = integral_of_faster(work, t_h, y, chi, slowest, extent, gap, uptake)
        variance += (a1 / first + a2 / second - faster) ** 2
    return math.sqrt(variance)


@kernel
def best_pair(
    values: Array, weights: Array, table: Array, squares: Array, pairs: Array, mixed: Array, space: Array
) -> int:
    """Return which pair of rates explains most with two positive amplitudes, -1 if none has them.

    Parameters
    ----------
    values, weights : ndarray, shape (n,)
        Points and their inverse variances.
    table, squares : ndarray, shape (n, g)
        Exponentials at the sample times, and their squares.
    pairs : ndarray of int, shape (2, p)
        Positions of the slower and the faster rate.
    mixed : ndarray, shape (n, p)
        Products of the two exponentials of each pair.
    space : ndarray, shape (3, p)
        Work space.
    """
    n, count = table.shape
    norms, products, shared = space[0], space[1], space[2]
    space[:] = 0.0
    for i in range(n):
        weight, weighted = weights[i], weights[i] * values[i]
        for k in range(count):
            norms[k] += weight * squares[i, k]
            products[k] += weighted * table[i, k]
        for k in range(pairs.shape[1]):
            shared[k] += weight * mixed[i, k]
    best, gain = -1, 0.0
    for k in range(pairs.shape[1]):
        slow, fast = pairs[0, k], pairs[1, k]
        a1 = products[slow] * norms[fast] - products[fast] * shared[k]
        a2 = products[fast] * norms[slow] - products[slow] * shared[k]
        if a1 > 0.0 and a2 > 0.0:
            explained = products[slow] * a1 + products[fast] * a2
            determinant = norms[slow] * norms[fast] - shared[k] * shared[k]
            if explained > gain * determinant:
                best, gain = k, explained / determinant
    return best


@kernel
def fill_work(values: Array, weights: Array, work: Array) -> None:
    """Fill in the roots of the weights and the weighted points."""
    for i in range(len(values)):
        work[_WEIGHT, i] = math.sqrt(weights[i])
        work[_DATA, i] = work[_WEIGHT, i] * values[i]


@kernel
def bound_state(x: float, y: float) -> int:
    """Return the state of a voxel whose two rates are at this place of the unit square."""
    state = FITTED
    if x <= 0.0:
        state |= AT_DECAY
    if y >= 1.0 or x >= 1.0:
        state |= SATURATED
    return state


@kernel
def mono_chi(work: Array, t_h: Array, rate: float, amplitude: float) -> float:
    """Return chi-squared of one phase; fill in the phase and the residuals."""
    chi = 0.0
    for i in range(len(t_h)):
        work[_PHASE_1, i] = work[_WEIGHT, i] * math.exp(-rate * t_h[i])
        work[_RESIDUAL, i] = work[_DATA, i] - amplitude * work[_PHASE_1, i]
        chi += work[_RESIDUAL, i] ** 2
    return chi


@kernel
def best_addition(work: Array, table: Array) -> int:
    """Return which rate of a table improves most on the one phase in the work space, -1 if none does.

    A second phase improves on the best one phase if and only if its scalar product with the residuals is positive.
    """
    norm = dot(work[_PHASE_1], work[_PHASE_1])
    best, gain = -1, 0.0
    for k in range(table.shape[1]):
        product = size = shared = 0.0
        for i in range(len(table)):
            phase = work[_WEIGHT, i] * table[i, k]
            product += phase * work[_RESIDUAL, i]
            size += phase * phase
            shared += phase * work[_PHASE_1, i]
        apart = size - shared * shared / norm
        if product > 0.0 and apart > _APART * size and product * product > gain * apart:
            best, gain = k, product * product / apart
    return best


@kernel
def unit_place(one: float, other: float, slowest: float, extent: float, gap: float) -> tuple[float, float]:
    """Return a place in the unit square near two rates; not on its edge, where a search would hold it."""
    first = math.log(min(one, other) / slowest)
    second = math.log(max(one, other) / slowest)
    x = min(max(first / (extent - gap), _INSIDE), 1.0 - _INSIDE)
    width = extent - gap - x * (extent - gap)
    y = (second - x * (extent - gap) - gap) / width
    return x, min(max(y, _INSIDE), 1.0 - _INSIDE)


@kernel
def bi_voxels(
    t_h: Array,
    relative_u: Array,
    floor: Array,
    rates: Array,
    table: Array,
    squares: Array,
    pairs: Array,
    places: Array,
    mixed: Array,
    bounds: Array,
    values: Array,
    inside: Array,
    tia: Array,
    u_tia: Array,
    half_life: Array,
    state: Array,
) -> None:
    """Fit two phases of clearance with positive amplitudes to each voxel of a block; one where two do no better.

    Parameters
    ----------
    t_h, relative_u, floor : ndarray, shape (n,)
        Sample times, relative and absolute standard uncertainties.
    rates : ndarray, shape (g,)
        Table of rates, ascending between the bounds.
    table, squares : ndarray, shape (n, g)
        exp(−rate · t) and its square.
    pairs : ndarray of int, shape (2, p)
        Pairs of positions in the table.
    places : ndarray, shape (2, p)
        Their places in the unit square.
    mixed : ndarray, shape (n, p)
        Products of their exponentials.
    bounds : ndarray, shape (3,)
        Slowest rate, logarithm of the ratio of the bounds, logarithm of the smallest ratio of two rates.
    values : ndarray, shape (m, n)
        Activity concentrations.
    inside : ndarray of bool, shape (m,)
        Voxels to fit.
    tia, u_tia, half_life, state : ndarray, shape (m,)
        Filled in.
    """
    n = len(t_h)
    space, work, weights = np.empty((3, max(len(rates), pairs.shape[1]))), np.empty((_ROWS, n)), np.empty(n)
    basis, shares = np.empty((4, n)), np.empty(4)
    slowest, extent, gap = bounds[0], bounds[1], bounds[2]
    for v in range(len(values)):
        tia[v], u_tia[v], half_life[v], state[v] = 0.0, math.nan, math.nan, 0
        if not inside[v] or not weigh_voxel(values[v], relative_u, floor, weights):
            continue
        start = best_of_table(values[v], weights, table, squares, space[0, : len(rates)], space[1, : len(rates)])
        if start < 0:
            continue
        fill_work(values[v], weights, work)
        rate, amplitude, u, outcome = fit_mono(values[v], weights, t_h, rates, start)
        tia[v], u_tia[v], half_life[v], state[v] = amplitude / rate, u, _LN2 / rate, outcome | ONE_PHASE
        best = mono_chi(work, t_h, rate, amplitude)
        pair = best_pair(values[v], weights, table, squares, pairs, mixed, space)
        added = best_addition(work, table)
        for trial in range(2):
            if trial == 0 and pair >= 0:
                x, y = places[0, pair], places[1, pair]
            elif trial == 1 and added >= 0 and best > _EXACT:
                x, y = unit_place(rate, rates[added], slowest, extent, gap)
            else:
                continue
            x, y, a1, a2, chi = descend(work, t_h, x, y, slowest, extent, gap, False, False)
            if a1 > 0.0 and a2 > 0.0 and chi < best:
                best = chi
                first, second, _ = unit_rates(x, y, slowest, extent, gap)
                tia[v], half_life[v], state[v] = a1 / first + a2 / second, _LN2 / first, bound_state(x, y)
                u_tia[v] = integral_u(work, t_h, x, y, a1, a2, chi, slowest, extent, gap, False, basis, shares)


@kernel
def uptake_voxels(
    t_h: Array,
    relative_u: Array,
    floor: Array,
    places: Array,
    differences: Array,
    squares: Array,
    bounds: Array,
    values: Array,
    inside: Array,
    tia: Array,
    u_tia: Array,
    half_life: Array,
    state: Array,
) -> None:
    """Fit A (exp(−λ1 t) − exp(−λ2 t)) to each voxel of a block.

    Parameters are those of :func:`bi_voxels`, and

    differences, squares : ndarray, shape (n, p)
        Differences of the exponentials of each pair, and their squares.
    """
    n = len(t_h)
    space, work, weights = np.empty((2, differences.shape[1])), np.empty((_ROWS, n)), np.empty(n)
    basis, shares = np.empty((4, n)), np.empty(4)
    slowest, extent, gap = bounds[0], bounds[1], bounds[2]
    for v in range(len(values)):
        tia[v], u_tia[v], half_life[v], state[v] = 0.0, math.nan, math.nan, 0
        if not inside[v] or not weigh_voxel(values[v], relative_u, floor, weights):
            continue
        pair = best_of_table(values[v], weights, differences, squares, space[0], space[1])
        if pair < 0:
            continue
        fill_work(values[v], weights, work)
        x, y, a1, a2, chi = descend(work, t_h, places[0, pair], places[1, pair], slowest, extent, gap, True, False)
        first, second, _ = unit_rates(x, y, slowest, extent, gap)
        tia[v], half_life[v], state[v] = a1 / first + a2 / second, _LN2 / first, bound_state(x, y)
        u_tia[v] = integral_u(work, t_h, x, y, a1, a2, chi, slowest, extent, gap, True, basis, shares)
