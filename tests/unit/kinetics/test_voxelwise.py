"""Fits of every voxel against the curves that made them, and against themselves in other chunks and threads."""

import math

import numpy as np
import pytest

from theradose.kinetics.voxelwise import fit_voxels
from theradose.model.activity import ActivityMap
from theradose.model.grid import Grid
from theradose.nuclides import load_nuclide

GRID = Grid.axis_aligned((3, 8, 10), (4.0, 4.0, 4.0))
LUTETIUM = load_nuclide("Lu-177")
TIMES = np.array([1.0, 4.0, 24.0, 72.0, 120.0, 168.0])


def maps_of(curve):
    """Activity maps of `curve(t)`, an array on the grid; float64, so that rounding does not limit the comparison."""
    return [ActivityMap(np.asarray(curve(t), float), GRID, t_h=float(t), nuclide="Lu-177") for t in TIMES]


def draw(low, high, seed):
    return np.random.default_rng(seed).uniform(low, high, GRID.shape)


def test_mono_voxels_have_their_integral_and_half_life():
    amplitude, half_life = draw(1, 50, 1), draw(30, 100, 2)
    fits, _ = fit_voxels(
        maps_of(lambda t: amplitude * 0.5 ** (t / half_life)), nuclide=LUTETIUM, model="mono", relative_u=0.05
    )
    # Maps are float32: seven digits.
    np.testing.assert_allclose(fits.tia.data, amplitude * half_life / math.log(2), rtol=1e-5)
    np.testing.assert_allclose(fits.effective_half_life_h.data, half_life, rtol=1e-5)
    assert (fits.u_tia.data > 0).all()


def test_uptake_voxels_have_their_integral():
    amplitude, slow, fast = draw(1, 50, 3), draw(50, 90, 4), draw(2, 5, 5)
    fits, _ = fit_voxels(
        maps_of(lambda t: amplitude * (0.5 ** (t / slow) - 0.5 ** (t / fast))),
        nuclide=LUTETIUM,
        model="uptake",
        relative_u=0.05,
    )
    np.testing.assert_allclose(fits.tia.data, amplitude * (slow - fast) / math.log(2), rtol=1e-3)


def test_trapezoid_is_linear_in_the_activity():
    amplitude = draw(1, 50, 6)
    one, _ = fit_voxels(maps_of(lambda t: amplitude), nuclide=LUTETIUM, model="trapezoid", relative_u=0.05)
    two, _ = fit_voxels(maps_of(lambda t: 2 * amplitude), nuclide=LUTETIUM, model="trapezoid", relative_u=0.05)
    np.testing.assert_allclose(two.tia.data, 2 * one.tia.data, rtol=1e-6)


@pytest.mark.parametrize("model", ["mono", "bi", "uptake", "trapezoid"])
def test_threads_and_chunks_change_nothing(model):
    noisy = {t: draw(0, 20, int(t)) for t in TIMES}
    maps = maps_of(lambda t: noisy[t])
    whole, _ = fit_voxels(maps, nuclide=LUTETIUM, model=model, relative_u=0.05, threads=1)
    parts, _ = fit_voxels(maps, nuclide=LUTETIUM, model=model, relative_u=0.05, threads=2, chunk_voxels=37)
    np.testing.assert_array_equal(whole.tia.data, parts.tia.data)
    np.testing.assert_array_equal(whole.u_tia.data, parts.u_tia.data)
