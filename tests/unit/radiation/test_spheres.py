import numpy as np
import pytest

from kernel_support import analytic_kernel, beta_spectrum, line_spectra
from theradose.radiation.spheres import absorbed_energy, shared_fraction

YTTRIUM = analytic_kernel(line_spectra(betas=beta_spectrum(2280), photons=[(208, 0.5)], alphas=[(5000, 0.1)]))


def test_shared_fraction_of_two_points():
    """Random points in the unit sphere: a step of fixed length stays inside with this probability."""
    rng = np.random.default_rng(3)
    samples = 400_000
    points = rng.normal(size=(samples, 3))
    points *= (rng.random(samples) ** (1 / 3) / np.linalg.norm(points, axis=1))[:, None]
    for distance in (0.3, 1.0, 1.7):
        inside = np.linalg.norm(points + [0, 0, distance], axis=1) <= 1
        assert inside.mean() == pytest.approx(float(shared_fraction(distance=distance)), abs=4 * 0.5 / samples**0.5)


def test_limits_of_the_shared_fraction():
    assert np.allclose(shared_fraction(distance=np.array([0.0, 2.0, 5.0])), [1, 0, 0])


def test_a_sphere_by_random_points_and_directions():
    rng = np.random.default_rng(4)
    samples, radius_mm = 400_000, 6.0
    start = rng.normal(size=(samples, 3))
    start *= (radius_mm * rng.random(samples) ** (1 / 3) / np.linalg.norm(start, axis=1))[:, None]
    along = start[:, 2]
    distance_cm = (-along + np.sqrt(along**2 + radius_mm**2 - (start**2).sum(axis=1))) / 10
    held = np.interp(distance_cm, YTTRIUM.radius_g_per_cm2, YTTRIUM.electron_kev)
    found = absorbed_energy(kernel=YTTRIUM, semi_axes_mm=(radius_mm,) * 3, density_g_per_ml=1.0)["electron"]
    assert found == pytest.approx(held.mean(), abs=4 * held.std() / np.sqrt(samples))


def test_small_and_large_spheres():
    tiny, huge = (
        absorbed_energy(kernel=YTTRIUM, semi_axes_mm=(radius_mm,) * 3, density_g_per_ml=1.0)
        for radius_mm in (1e-4, 1e5)
    )
    assert tiny["electron"] < 1e-3 * YTTRIUM.electron_emitted_kev and tiny["alpha"] == pytest.approx(500)
    assert huge["electron"] == pytest.approx(YTTRIUM.electron_emitted_kev, rel=1e-3)
    assert huge["photon"] == pytest.approx(YTTRIUM.photon_emitted_kev, rel=5e-3)


def test_an_ellipsoid_that_is_nearly_a_sphere():
    sphere = absorbed_energy(kernel=YTTRIUM, semi_axes_mm=(6.0, 6.0, 6.0), density_g_per_ml=1.0)
    ellipsoid = absorbed_energy(kernel=YTTRIUM, semi_axes_mm=(6.0, 6.0, 6.0 + 1e-9), density_g_per_ml=1.0)
    assert ellipsoid == pytest.approx(sphere, rel=1e-6)


def test_an_ellipsoid_by_random_points_and_directions():
    rng = np.random.default_rng(5)
    samples, axes = 400_000, np.array([3.0, 6.0, 12.0])
    unit = rng.normal(size=(samples, 3))
    unit *= (rng.random(samples) ** (1 / 3) / np.linalg.norm(unit, axis=1))[:, None]
    direction = rng.normal(size=(samples, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    step = direction / axes
    a, b, c = (step**2).sum(1), (unit * step).sum(1), (unit**2).sum(1) - 1
    distance_cm = (-b + np.sqrt(b**2 - a * c)) / a / 10
    held = np.interp(distance_cm, YTTRIUM.radius_g_per_cm2, YTTRIUM.electron_kev)
    found = absorbed_energy(kernel=YTTRIUM, semi_axes_mm=tuple(axes), density_g_per_ml=1.0)["electron"]
    assert found == pytest.approx(held.mean(), abs=4 * held.std() / np.sqrt(samples) + 5e-4 * held.mean())
