"""Compiled fits of single voxels: one phase of clearance, and the trapezoid.

Every kernel goes through the voxels of a block one by one with the same operations in the same order, so that a
result does not depend on the block that a voxel lies in. Import this module only where it is used: it loads numba.

References
----------
[GolubPereyra1973]_ The amplitude follows from the rate, which leaves one equation in one unknown.
[JCGM100]_ Covariance of the parameters and uncertainty of the integral.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.compiled import kernel
from theradose.model.arrays import Array

# Bits of the state of a voxel, named in VoxelState.
FITTED = 1
AT_DECAY = 2
SATURATED = 4
ONE_PHASE = 8

_ITERATIONS = 60
# Relative step of the rate at which Newton's iteration, whose error is then about the square, has ended.
_STEP_TOLERANCE = 1e-7
# Relative width of the interval of the rate at which chi-squared has risen by one; it enters the uncertainty only.
_RISE_TOLERANCE = 1e-5
_LN2 = math.log(2)


@kernel
def weigh_voxel(values: Array, relative_u: Array, floor: Array, weights: Array) -> bool:
    """Fill in the inverse variances of a voxel's points; return whether any point has activity."""
    present = False
    for i in range(len(values)):
        u = relative_u[i] * values[i]
        weights[i] = 1.0 / (u * u + floor[i] * floor[i])
        present = present or values[i] > 0.0
    return present


@kernel
def best_of_table(values: Array, weights: Array, table: Array, squares: Array, norms: Array, products: Array) -> int:
    """Return which one of many basis functions explains most with a positive amplitude, -1 if none has one.

    Parameters
    ----------
    values, weights : ndarray, shape (n,)
        Points and their inverse variances.
    table, squares : ndarray, shape (n, g)
        The basis functions at the sample times, and their squares.
    norms, products : ndarray, shape (g,)
        Work space.
    """
    n, count = table.shape
    for k in range(count):
        norms[k] = 0.0
        products[k] = 0.0
    for i in range(n):
        weight, weighted = weights[i], weights[i] * values[i]
        for k in range(count):
            norms[k] += weight * squares[i, k]
            products[k] += weighted * table[i, k]
    best, gain = -1, 0.0
    for k in range(count):
        if products[k] > 0.0 and products[k] * products[k] > gain * norms[k]:
            gain = products[k] * products[k] / norms[k]
            best = k
    return best


@kernel
def mono_sums(
    values: Array, weights: Array, t_h: Array, rate: float
) -> tuple[float, float, float, float, float, float]:
    """Return Σ w tᵏ e² and Σ w a tᵏ e for k = 0, 1, 2 with e = exp(−rate · t)."""
    s0 = s1 = s2 = b0 = b1 = b2 = 0.0
    for i in range(len(t_h)):
        t = t_h[i]
        decayed = math.exp(-rate * t)
        weighted = weights[i] * decayed
        square, product = weighted * decayed, weighted * values[i]
        s0 += square
        s1 += square * t
        s2 += square * t * t
        b0 += product
        b1 += product * t
        b2 += product * t * t
    return s0, s1, s2, b0, b1, b2


@kernel
def integral_of_faster(values: Array, weights: Array, t_h: Array, rates: Array, explained: float) -> float:
    """Return the integral for the rate above the lower bound at which chi-squared has risen by one.

    A rate that the bound holds is not known to be there: the points allow faster ones too. `explained` is the sum of
    squares that the rate on the bound explains.
    """
    wanted, last = explained - 1.0, len(rates) - 1
    k = 1
    while k < last and explained_by(values, weights, t_h, rates[k]) > wanted:
        k += 1
    low, high = rates[k - 1], rates[k]
    if explained_by(values, weights, t_h, high) > wanted:
        low = high
    while high - low > _RISE_TOLERANCE * high:
        middle = 0.5 * (low + high)
        if explained_by(values, weights, t_h, middle) > wanted:
            low = middle
        else:
            high = middle
    s0, _, _, b0, _, _ = mono_sums(values, weights, t_h, high)
    integral: float = max(b0, 0.0) / (s0 * high)
    return integral


@kernel
def explained_by(values: Array, weights: Array, t_h: Array, rate: float) -> float:
    """Return the sum of squares that one phase explains with an amplitude that is not negative."""
    s0, _, _, b0, _, _ = mono_sums(values, weights, t_h, rate)
    return b0 * b0 / s0 if b0 > 0.0 else 0.0


@kernel
def fit_mono(values: Array, weights: Array, t_h: Array, rates: Array, start: int) -> tuple[float, float, float, int]:
    """Return rate, amplitude, standard uncertainty of the integral and state of a voxel.

    The explained sum of squares B0²/S0 has its maximum where A S1 = B1 with A = B0/S0. Newton's iteration solves
    this between the neighbours of the best rate of the table, and falls back on halving the interval.

    Parameters
    ----------
    values, weights, t_h : ndarray, shape (n,)
        Points, their inverse variances and their times.
    rates : ndarray, shape (g,)
        Rates of the table from the lower to the upper bound.
    start : int
        The best of them.
    """
    last = len(rates) - 1
    low, high = rates[max(start - 1, 0)], rates[min(start + 1, last)]
    rate = rates[start]
    state = FITTED
    s0 = s1 = s2 = amplitude = 1.0
    for _ in range(_ITERATIONS):
        s0, s1, s2, b0, b1, b2 = mono_sums(values, weights, t_h, rate)
        amplitude = b0 / s0
        slope = amplitude * s1 - b1
        if rate == rates[0] and slope <= 0.0:
            state = FITTED | AT_DECAY
            break
        if rate == rates[last] and slope >= 0.0:
            state = FITTED | SATURATED
            break
        if amplitude <= 0.0:
            # Beyond the rates at which anything is explained: back towards the best of the table.
            slope = rates[start] - rate
        if slope > 0.0:
            low = rate
        else:
            high = rate
        curvature = s1 * (2.0 * amplitude * s1 - b1) / s0 - 2.0 * amplitude * s2 + b2
        following = rate - slope / curvature if curvature < 0.0 and amplitude > 0.0 else low
        if not low < following < high:
            following = math.sqrt(low * high)
        if abs(following - rate) <= _STEP_TOLERANCE * rate:
            break
        rate = following
    if state == FITTED:
        # Gradient of ln(A/λ) by ln A and λ through the inverse of the normal equations.
        spread = s0 * s2 - s1 * s1
        variance = (s2 - 2.0 * s1 / rate + s0 / (rate * rate)) / spread if spread > 0.0 else math.inf
    else:
        variance = 1.0 / s0
    if state & AT_DECAY:
        difference = amplitude - rate * integral_of_faster(values, weights, t_h, rates, amplitude * amplitude * s0)
        variance += difference * difference
    return rate, amplitude, math.sqrt(variance) / rate, state


@kernel
def lea_catcheside(a1: float, l1: float, a2: float, l2: float, repair: float) -> float:
    """Return the Lea-Catcheside factor of a1 exp(−l1 t) + a2 exp(−l2 t) for a rate of repair."""
    total = a1 / l1 + a2 / l2
    alone = a1 * a1 / (2.0 * l1 * (repair + l1)) + a2 * a2 / (2.0 * l2 * (repair + l2))
    mixed = a1 * a2 / (l1 + l2) * (1.0 / (repair + l1) + 1.0 / (repair + l2))
    return 2.0 * (alone + mixed) / (total * total)


@kernel
def mono_voxels(
    t_h: Array,
    relative_u: Array,
    floor: Array,
    repair: Array,
    rates: Array,
    table: Array,
    squares: Array,
    values: Array,
    inside: Array,
    which: Array,
    tia: Array,
    u_tia: Array,
    half_life: Array,
    state: Array,
    g: Array,
) -> None:
    """Fit A exp(−λt) to each voxel of a block.

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
    values : ndarray, shape (m, n)
        Activity concentrations.
    inside : ndarray of bool, shape (m,)
        Voxels to fit.
    which : ndarray of int, shape (m,)
        Position of the voxel's rate of repair, -1 without one.
    tia, u_tia, half_life, state, g : ndarray, shape (m,)
        Filled in.
    """
    norms, products, weights = np.empty(len(rates)), np.empty(len(rates)), np.empty(len(t_h))
    for v in range(len(values)):
        tia[v], u_tia[v], half_life[v], state[v], g[v] = 0.0, math.nan, math.nan, 0, math.nan
        if not inside[v] or not weigh_voxel(values[v], relative_u, floor, weights):
            continue
        start = best_of_table(values[v], weights, table, squares, norms, products)
        if start < 0:
            continue
        rate, amplitude, u, outcome = fit_mono(values[v], weights, t_h, rates, start)
        tia[v], u_tia[v], half_life[v], state[v] = amplitude / rate, u, _LN2 / rate, outcome
        if which[v] >= 0:
            g[v] = rate / (repair[which[v]] + rate)


@kernel
def trapezoid_voxels(
    relative_u: Array,
    floor: Array,
    hours: Array,
    tail_half_life_h: float,
    overlaps: Array,
    values: Array,
    inside: Array,
    which: Array,
    tia: Array,
    u_tia: Array,
    half_life: Array,
    state: Array,
    g: Array,
) -> None:
    """Integrate each voxel of a block with fixed weights.

    Parameters are those of :func:`mono_voxels`, and

    hours : ndarray, shape (n,)
        Contribution of a point to the integral per activity.
    tail_half_life_h : float
        Half-life after the last point.
    overlaps : ndarray, shape (r, n, n)
        Half of the Lea-Catcheside factor times the square of the integral, as a form of the points, by rate of repair.
    """
    weights = np.empty(len(hours))
    for v in range(len(values)):
        tia[v], u_tia[v], half_life[v], state[v], g[v] = 0.0, math.nan, math.nan, 0, math.nan
        if not inside[v] or not weigh_voxel(values[v], relative_u, floor, weights):
            continue
        total = variance = 0.0
        for i in range(len(hours)):
            total += hours[i] * values[v, i]
            variance += hours[i] * hours[i] / weights[i]
        if total > 0.0:
            tia[v], u_tia[v], half_life[v], state[v] = total, math.sqrt(variance), tail_half_life_h, FITTED
            if which[v] >= 0:
                overlap = 0.0
                for i in range(len(hours)):
                    for j in range(len(hours)):
                        overlap += values[v, i] * overlaps[which[v], i, j] * values[v, j]
                g[v] = 2.0 * overlap / (total * total)
