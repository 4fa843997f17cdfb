"""Compiled fits of single voxels with two rates: two phases of clearance, and uptake followed by clearance.

Both are a1 exp(−λ1 t) + a2 exp(−λ2 t); uptake has a2 = −a1. The search is that of
:mod:`theradose.kinetics.voxelwise_descent`. Import this module only where it is used: it loads numba.

References
----------
[GolubPereyra1973]_ The elimination of the amplitudes.
[JCGM100]_ Uncertainty of the integral from the covariance of the parameters.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.compiled import kernel
from theradose.kinetics.voxelwise_descent import (
    DATA,
    EXACT,
    PHASE_1,
    RESIDUAL,
    ROWS,
    WEIGHT,
    descend,
    dot,
    unit_rates,
)
from theradose.kinetics.voxelwise_kernels import (
    AT_DECAY,
    FITTED,
    ONE_PHASE,
    SATURATED,
    best_of_table,
    fit_mono,
    lea_catcheside,
    weigh_voxel,
)
from theradose.kinetics.voxelwise_two_rates_uncertainty import integral_u
from theradose.model.arrays import Array

# Share of a phase that must differ from another one for the two to be told apart in double precision.
_APART = 1e-9
_INSIDE = 0.01
_LN2 = math.log(2)


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
        work[WEIGHT, i] = math.sqrt(weights[i])
        work[DATA, i] = work[WEIGHT, i] * values[i]


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
        work[PHASE_1, i] = work[WEIGHT, i] * math.exp(-rate * t_h[i])
        work[RESIDUAL, i] = work[DATA, i] - amplitude * work[PHASE_1, i]
        chi += work[RESIDUAL, i] ** 2
    return chi


@kernel
def best_addition(work: Array, table: Array) -> int:
    """Return which rate of a table improves most on the one phase in the work space, -1 if none does.

    A second phase improves on the best one phase if and only if its scalar product with the residuals is positive.
    """
    norm = dot(work[PHASE_1], work[PHASE_1])
    best, gain = -1, 0.0
    for k in range(table.shape[1]):
        product = size = shared = 0.0
        for i in range(len(table)):
            phase = work[WEIGHT, i] * table[i, k]
            product += phase * work[RESIDUAL, i]
            size += phase * phase
            shared += phase * work[PHASE_1, i]
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
    repair: Array,
    rates: Array,
    table: Array,
    squares: Array,
    pairs: Array,
    places: Array,
    mixed: Array,
    bounds: Array,
    values: Array,
    inside: Array,
    which: Array,
    tia: Array,
    u_tia: Array,
    half_life: Array,
    state: Array,
    g: Array,
) -> None:
    """Fit two phases of clearance with positive amplitudes to each voxel of a block; one where two do no better.

    Parameters
    ----------
    t_h, relative_u, floor : ndarray, shape (n,)
        Sample times, relative and absolute standard uncertainties.
    repair : ndarray, shape (r,)
        Rates of repair.
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
    which : ndarray of int, shape (m,)
        Position of the voxel's rate of repair, -1 without one.
    tia, u_tia, half_life, state, g : ndarray, shape (m,)
        Filled in.
    """
    n = len(t_h)
    space, work, weights = np.empty((3, max(len(rates), pairs.shape[1]))), np.empty((ROWS, n)), np.empty(n)
    basis, shares = np.empty((4, n)), np.empty(4)
    slowest, extent, gap = bounds[0], bounds[1], bounds[2]
    for v in range(len(values)):
        tia[v], u_tia[v], half_life[v], state[v], g[v] = 0.0, math.nan, math.nan, 0, math.nan
        if not inside[v] or not weigh_voxel(values[v], relative_u, floor, weights):
            continue
        start = best_of_table(values[v], weights, table, squares, space[0, : len(rates)], space[1, : len(rates)])
        if start < 0:
            continue
        fill_work(values[v], weights, work)
        rate, amplitude, u, outcome = fit_mono(values[v], weights, t_h, rates, start)
        tia[v], u_tia[v], half_life[v], state[v] = amplitude / rate, u, _LN2 / rate, outcome | ONE_PHASE
        if which[v] >= 0:
            g[v] = rate / (repair[which[v]] + rate)
        best = mono_chi(work, t_h, rate, amplitude)
        pair = best_pair(values[v], weights, table, squares, pairs, mixed, space)
        added = best_addition(work, table)
        for trial in range(2):
            if trial == 0 and pair >= 0:
                x, y = places[0, pair], places[1, pair]
            elif trial == 1 and added >= 0 and best > EXACT:
                x, y = unit_place(rate, rates[added], slowest, extent, gap)
            else:
                continue
            x, y, a1, a2, chi = descend(work, t_h, x, y, slowest, extent, gap, False, False)
            if a1 > 0.0 and a2 > 0.0 and chi < best:
                best = chi
                first, second, _ = unit_rates(x, y, slowest, extent, gap)
                tia[v], half_life[v], state[v] = a1 / first + a2 / second, _LN2 / first, bound_state(x, y)
                u_tia[v] = integral_u(work, t_h, x, y, a1, a2, chi, slowest, extent, gap, False, basis, shares)
                if which[v] >= 0:
                    g[v] = lea_catcheside(a1, first, a2, second, repair[which[v]])


@kernel
def uptake_voxels(
    t_h: Array,
    relative_u: Array,
    floor: Array,
    repair: Array,
    places: Array,
    differences: Array,
    squares: Array,
    bounds: Array,
    values: Array,
    inside: Array,
    which: Array,
    tia: Array,
    u_tia: Array,
    half_life: Array,
    state: Array,
    g: Array,
) -> None:
    """Fit A (exp(−λ1 t) − exp(−λ2 t)) to each voxel of a block.

    Parameters are those of :func:`bi_voxels`, and

    differences, squares : ndarray, shape (n, p)
        Differences of the exponentials of each pair, and their squares.
    """
    n = len(t_h)
    space, work, weights = np.empty((2, differences.shape[1])), np.empty((ROWS, n)), np.empty(n)
    basis, shares = np.empty((4, n)), np.empty(4)
    slowest, extent, gap = bounds[0], bounds[1], bounds[2]
    for v in range(len(values)):
        tia[v], u_tia[v], half_life[v], state[v], g[v] = 0.0, math.nan, math.nan, 0, math.nan
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
        if which[v] >= 0:
            g[v] = lea_catcheside(a1, first, a2, second, repair[which[v]])
