"""Random numbers of histories."""

import numpy as np
from numba import njit

from theradose.radiation.transport.random import spread, start_history, uniform
from transport_support import state_of, within


@njit
def numbers(state, count):
    values = np.empty(count)
    for index in range(count):
        values[index] = uniform(state)
    return values


@njit
def first_numbers(seed, count):
    state, values = np.zeros(1, np.uint64), np.empty(count)
    for history in range(count):
        start_history(state, seed, history)
        values[history] = uniform(state)
    return values


@njit
def sequence(shift, count):
    return np.array([spread(shift, index) for index in range(count)])


def test_numbers_of_a_history_fill_the_unit_interval():
    values = numbers(state_of(), 200_000)
    assert values.min() >= 0.0 and values.max() < 1.0
    assert within(values, 1 / 2) and within(values**2, 1 / 3)
    assert within((values[1:] - 0.5) * (values[:-1] - 0.5), 0.0)
    counts = np.histogram(values, 100, (0, 1))[0]
    # Chi-squared of 99 degrees of freedom: 181 has a probability of 1e-6.
    assert np.sum((counts - 2000) ** 2 / 2000) < 181


def test_histories_and_seeds_are_independent():
    """The first numbers of neighbouring histories, and of neighbouring seeds, do not know each other."""
    one, two = first_numbers(1, 200_000), first_numbers(2, 200_000)
    assert within(one, 1 / 2) and within(one**2, 1 / 3)
    assert within((one[1:] - 0.5) * (one[:-1] - 0.5), 0.0)
    assert within((one - 0.5) * (two - 0.5), 0.0)


def test_a_history_can_be_repeated():
    assert np.array_equal(numbers(state_of(5), 10), numbers(state_of(5), 10))
    assert not np.array_equal(numbers(state_of(5), 10), numbers(state_of(6), 10))


def test_golden_ratio_sequence_leaves_no_gap():
    """Any n points divide the circle into gaps of at most three lengths, the longest below 2.7 / n."""
    values = np.sort(sequence(0.37, 1000))
    gaps = np.diff(np.concatenate([values, [values[0] + 1]]))
    assert gaps.max() < 2.7 / 1000 and len(np.unique(gaps.round(9))) <= 3
