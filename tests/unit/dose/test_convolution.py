import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theradose.dose.convolution import convolve_even

SIZES = st.integers(1, 7)
SHAPES = st.tuples(SIZES, SIZES, SIZES)


def direct(source, octant):
    """The sum itself, pair by pair."""
    result = np.zeros(source.shape)
    for target in np.ndindex(source.shape):
        for origin in np.ndindex(source.shape):
            offset = tuple(abs(t - s) for t, s in zip(target, origin, strict=True))
            if all(o < n for o, n in zip(offset, octant.shape, strict=True)):
                result[target] += source[origin] * octant[offset]
    return result


@settings(max_examples=30, deadline=None)
@given(SHAPES, SHAPES, st.integers(0, 2**31))
def test_equals_the_direct_sum(shape, octant_shape, seed):
    rng = np.random.default_rng(seed)
    source, octants = rng.random(shape), [rng.random(octant_shape) for _ in range(2)]
    for result, octant in zip(convolve_even(source=source, octants=octants), octants, strict=True):
        assert np.allclose(result, direct(source, octant), rtol=1e-12, atol=1e-12)


def test_nothing_wraps_around():
    source = np.zeros((16, 16, 16))
    source[0, 0, 0] = 1.0
    octant = np.ones((3, 3, 3))
    (result,) = convolve_even(source=source, octants=[octant])
    assert result[:3, :3, :3] == pytest.approx(1)
    assert np.abs(result[3:]).max() < 1e-15 and np.abs(result[:, 3:]).max() < 1e-15


def test_is_linear():
    rng = np.random.default_rng(2)
    one, two, octant = (rng.random((6, 5, 4)) for _ in range(3))
    (both,) = convolve_even(source=3 * one + two, octants=[octant])
    (first,), (second,) = (convolve_even(source=source, octants=[octant]) for source in (one, two))
    assert np.allclose(both, 3 * first + second)


def test_shifts_with_the_source():
    rng = np.random.default_rng(3)
    source, octant = np.zeros((9, 9, 9)), rng.random((5, 5, 5))
    source[1:3, 1:3, 1:3] = rng.random((2, 2, 2))
    (here,), (there,) = (
        convolve_even(source=moved, octants=[octant]) for moved in (source, np.roll(source, (2, 1, 3), (0, 1, 2)))
    )  # fmt: skip
    assert np.allclose(here[:6, :6, :6], there[2:8, 1:7, 3:9])


def test_far_voxels_are_known_in_spite_of_a_hot_one():
    """Double precision: a part in 10¹⁰ of the highest value is right to a part in 10⁵."""
    source = np.zeros((20, 20, 20))
    source[0, 0, 0] = 1.0
    z, y, x = np.indices((20, 20, 20))
    octant = np.exp(-(x + y + z) / 2.5)
    (result,) = convolve_even(source=source, octants=[octant])
    assert result[19, 19, 19] == pytest.approx(octant[19, 19, 19], rel=1e-5)
    assert octant[19, 19, 19] < 2e-10
