"""Random numbers that depend on the seed and the history alone, never on the thread that computes them.

A history's numbers are the sequence of SplitMix64, a counter that is mixed, from a starting point that is mixed from
seed and history.

References
----------
[Steele2014]_ Fast splittable pseudorandom number generators.
"""

from __future__ import annotations

import numpy as np

from theradose.compiled import device_function
from theradose.radiation.transport.types import State

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_BITS_30, _BITS_27, _BITS_31, _BITS_11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 2.0**-53
_INVERSE_GOLDEN = 0.6180339887498949


@device_function
def mix(value: np.uint64) -> np.uint64:
    """Return 64 well-mixed bits of 64 bits."""
    value = (value ^ (value >> _BITS_30)) * _FIRST
    value = (value ^ (value >> _BITS_27)) * _SECOND
    return value ^ (value >> _BITS_31)


@device_function
def start_history(state: State, seed: int, history: int) -> None:
    """Set the generator to the beginning of a history."""
    state[0] = mix(mix(np.uint64(seed) + _GAMMA) ^ (np.uint64(history) * _GAMMA))


@device_function
def uniform(state: State) -> float:
    """Return a number in [0, 1)."""
    state[0] += _GAMMA
    return float(mix(state[0]) >> _BITS_11) * _TO_UNIT


@device_function
def spread(shift: float, index: int) -> float:
    """Return the number of a golden-ratio sequence in [0, 1): neighbouring indices fill the interval evenly."""
    value = shift + index * _INVERSE_GOLDEN
    return value - float(int(value))
