import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_support import analytic_kernel, beta_spectrum, line_spectra, photon_attenuation
from theradose.errors import PhysicsError
from theradose.radiation.voxel_kernels import voxel_kernel

LUTETIUM = analytic_kernel(
    line_spectra(betas=beta_spectrum(497), electrons=[(102, 0.1)], photons=[(208, 0.104), (113, 0.062), (55, 0.05)])
)
YTTRIUM = analytic_kernel(line_spectra(betas=beta_spectrum(2280)))


def kernel_of(nuclide, spacing_mm, shape, density=1.0):
    return voxel_kernel(kernel=nuclide, spacing_mm=spacing_mm, octant_shape=shape, density_g_per_ml=density)


@pytest.mark.parametrize("nuclide", [LUTETIUM, YTTRIUM], ids=["Lu-177", "Y-90"])
@pytest.mark.parametrize("spacing_mm", [(4.8, 4.8, 4.8), (1.0, 1.0, 1.0), (0.2, 0.2, 0.2), (5.0, 2.0, 2.0), (1, 8, 3)])
def test_energy_is_conserved(nuclide, spacing_mm):
    kernel = kernel_of(nuclide, tuple(map(float, spacing_mm)), (12, 14, 16))
    assert abs(kernel.electron.relative_error) < 3e-4
    assert abs(kernel.photon.relative_error) < 3e-4
    assert kernel.full_kev.shape == (23, 27, 31)
    parts = kernel.electron.in_box_kev + kernel.photon.in_box_kev
    assert kernel.full_kev.sum() == pytest.approx(parts, rel=1e-12)


def two_random_points(nuclide, spacing_mm, offset, samples=400_000):
    """Energy in a voxel by drawing a point in each of both voxels, and the standard uncertainty of that."""
    rng = np.random.default_rng(7)
    points = [rng.uniform(-0.5, 0.5, (samples, 3)) for _ in range(2)]
    distance_cm = np.linalg.norm((points[0] - points[1] + offset) * spacing_mm, axis=1) / 10
    radius = nuclide.radius_g_per_cm2
    cumulative = nuclide.electron_kev + nuclide.photon_kev
    density = np.diff(cumulative) / (4 / 3 * np.pi * np.diff(radius**3))
    values = density[np.searchsorted(radius, distance_cm) - 1] * np.prod(spacing_mm) / 1000
    return values.mean(), values.std() / np.sqrt(samples)


@pytest.mark.parametrize("offset", [(0, 0, 3), (2, 2, 2), (0, 0, 4), (5, 1, 0), (6, 6, 6), (10, 0, 0), (12, 3, 5)])
@pytest.mark.parametrize("spacing_mm", [(3.0, 3.0, 3.0), (6.0, 3.0, 2.0)])
def test_voxels_by_an_independent_integration(offset, spacing_mm):
    """The three ways to integrate, by distance, against drawing points in both voxels."""
    expected, u = two_random_points(LUTETIUM, spacing_mm, offset)
    found = kernel_of(LUTETIUM, spacing_mm, tuple(n + 1 for n in offset)).octant_kev[offset]
    assert found == pytest.approx(expected, abs=4 * u + 2e-3 * expected)


@pytest.mark.parametrize("nuclide", [LUTETIUM, YTTRIUM], ids=["Lu-177", "Y-90"])
@pytest.mark.parametrize("spacing_mm", [(3.0, 3.0, 3.0), (6.0, 3.0, 2.0)])
def test_the_source_voxel_by_distances_to_its_surface(nuclide, spacing_mm):
    """The same voxel holds what is deposited within the distance to its surface: random points and directions."""
    rng = np.random.default_rng(8)
    samples = 400_000
    half = np.array(spacing_mm) / 2
    start = rng.uniform(-half, half, (samples, 3))
    direction = rng.normal(size=(samples, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    distance_cm = ((half - start * np.sign(direction)) / np.abs(direction)).min(axis=1) / 10
    held = np.interp(distance_cm, nuclide.radius_g_per_cm2, nuclide.electron_kev + nuclide.photon_kev)
    found = kernel_of(nuclide, spacing_mm, (1, 1, 1)).octant_kev[0, 0, 0]
    assert found == pytest.approx(held.mean(), abs=4 * held.std() / np.sqrt(samples) + 3e-4 * held.mean())


def test_cubes_have_all_symmetries():
    octant = kernel_of(YTTRIUM, (3.0, 3.0, 3.0), (12, 12, 12)).octant_kev
    for axes in ((1, 0, 2), (2, 1, 0), (1, 2, 0)):
        assert np.allclose(octant, octant.transpose(axes), rtol=1e-9)


def test_axes_may_be_exchanged():
    one = kernel_of(LUTETIUM, (6.0, 3.0, 2.0), (4, 8, 12)).octant_kev
    other = kernel_of(LUTETIUM, (2.0, 3.0, 6.0), (12, 8, 4)).octant_kev
    assert np.allclose(one, other.transpose(2, 1, 0), rtol=1e-9)


def test_long_voxels_are_sums_of_cubes():
    """Mean over three source cubes of the sum over three target cubes."""
    cubes = kernel_of(YTTRIUM, (2.0, 2.0, 2.0), (9, 3, 3)).full_kev
    long = kernel_of(YTTRIUM, (6.0, 2.0, 2.0), (3, 3, 3)).octant_kev
    middle = 8
    for offset in (0, 1, 2):
        pairs = [cubes[middle + 3 * offset + target - source, 2:, 2:] for source in range(3) for target in range(3)]
        assert np.allclose(long[offset], sum(pairs) / 3, rtol=2e-3)


@settings(max_examples=5, deadline=None)
@given(st.floats(0.3, 1.8))
def test_density_scales_lengths(density):
    """The same voxel in g/cm² gets the same energy; rounding may change the number of directions of a shell."""
    water = kernel_of(YTTRIUM, (4.0, 4.0, 4.0), (5, 5, 5)).octant_kev
    other = kernel_of(YTTRIUM, (4.0 / density,) * 3, (5, 5, 5), density).octant_kev
    assert np.allclose(water, other, rtol=1e-3)


def test_alpha_particles_stay_in_the_voxel():
    kernel = kernel_of(analytic_kernel(line_spectra(alphas=[(5000, 1)])), (4.0, 4.0, 4.0), (3, 3, 3))
    assert kernel.octant_kev[0, 0, 0] == 5000 and kernel.octant_kev.sum() == 5000


def test_far_photons_follow_the_inverse_square():
    """One line of photons in voxels of 4 mm, 25 voxels away: voxel volume times the point kernel, which the second
    order changes by (d/r)²/6 = 3e-4."""
    mono = analytic_kernel(line_spectra(photons=[(3000, 1)]))
    found = kernel_of(mono, (4.0, 4.0, 4.0), (1, 1, 26)).octant_kev[0, 0, 25]
    mu, r = photon_attenuation(3000.0), 10.0
    expected = 3000 * mu * np.exp(-mu * r) / (4 * np.pi * r**2) * 0.4**3
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("spacing_mm", "density", "code"),
    [
        ((0.05, 1.0, 1.0), 1.0, "kernel-voxel"),
        ((31.0, 31.0, 31.0), 1.0, "kernel-voxel"),
        ((1.0, 1.0, 11.0), 1.0, "kernel-voxel"),
        ((float("nan"), 1.0, 1.0), 1.0, "kernel-voxel"),
        ((1.0, 1.0, 1.0), 0.0, "kernel-density"),
        ((1.0, 1.0, 1.0), 7.9, "kernel-density"),
    ],
)
def test_what_kernels_do_not_hold_for_is_refused(spacing_mm, density, code):
    with pytest.raises(PhysicsError) as refusal:
        kernel_of(LUTETIUM, spacing_mm, (2, 2, 2), density)
    assert refusal.value.code == code


def test_a_kernel_that_misses_energy_is_refused():
    from dataclasses import replace

    with pytest.raises(PhysicsError, match="accounts for 99.0") as refusal:
        kernel_of(replace(LUTETIUM, electron_kev=0.99 * LUTETIUM.electron_kev), (4.0, 4.0, 4.0), (3, 3, 3))
    assert refusal.value.code == "kernel-energy"
