"""Compiled uncertainty of the integral of two phases.

References
----------
[JCGM100]_ Uncertainty of the integral from the covariance of the parameters.
"""

from __future__ import annotations

import math

from theradose.compiled import kernel
from theradose.kinetics.voxelwise_descent import (
    BY_X,
    BY_Y,
    PHASE_1,
    PHASE_2,
    descend,
    dot,
    fill_gradient,
    project,
    unit_rates,
)
from theradose.model.arrays import Array

_SINGULAR = 1e-13
# First place beside the lower edge, and accuracy of the rise of chi-squared by one; they enter the uncertainty only.
_FIRST_MOVE = 0.02
_RISE_STEPS = 20
_RISE_TOLERANCE = 0.01


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
            work[PHASE_1, i] -= work[PHASE_2, i]
        count = add_direction(basis, shares, count, work[PHASE_1], 1.0 / first - 1.0 / second)
    else:
        count = add_direction(basis, shares, count, work[PHASE_1], 1.0 / first)
        count = add_direction(basis, shares, count, work[PHASE_2], 1.0 / second)
    if 0.0 < x < 1.0:
        slope = -(extent - gap) * (a1 / first + (1.0 - y) * a2 / second)
        count = add_direction(basis, shares, count, work[BY_X], slope)
    if 0.0 < y < 1.0:
        count = add_direction(basis, shares, count, work[BY_Y], -by_y * a2 / second)
    variance = dot(shares[:count], shares[:count])
    if x <= 0.0:
        faster = integral_of_faster(work, t_h, y, chi, slowest, extent, gap, uptake)
        variance += (a1 / first + a2 / second - faster) ** 2
    return math.sqrt(variance)
