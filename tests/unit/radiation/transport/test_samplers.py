"""What single interactions draw, against the integrals of their cross sections."""

import math

import numpy as np
import pytest
from numba import njit

from theradose.radiation.materials import load_material
from theradose.radiation.media import packaged_cuts, transport_media
from theradose.radiation.photons import photon_coefficients, photon_tables
from theradose.radiation.stopping import collision_stopping_power, soft_collision_stopping_power
from theradose.radiation.transport import electron_physics, photon_physics
from theradose.radiation.transport.directions import turned
from transport_support import state_of, within

COUNT = 200_000
REST_KEV = 510.99895
WATER = load_material("water")


@pytest.fixture(scope="module")
def media():
    return transport_media(("water",), packaged_cuts())


@njit
def deflections(first, second, state, count):
    return np.array([electron_physics.sample_deflection(first, second, state) for _ in range(count)])


@njit
def losses(mean, variance, state, count):
    return np.array([electron_physics.sample_loss(mean, variance, state) for _ in range(count)])


@njit
def collisions(energy, cut, state, count):
    return np.array([electron_physics.sample_collision(energy, cut, state) for _ in range(count)])


@njit
def scattered(energy, media, state, count):
    values = np.empty((count, 2))
    for index in range(count):
        values[index] = photon_physics.sample_incoherent(energy, 0, media, state)
    return values


@njit
def coherent_cosines(energy, media, state, count):
    return np.array([photon_physics.sample_coherent(energy, 0, media, state) for _ in range(count)])


@njit
def turns(uz, uy, ux, cosine, state, count):
    values = np.empty((count, 3))
    for index in range(count):
        values[index] = turned(uz, uy, ux, cosine, state)
    return values


@njit
def radiating(energy, media, state, count):
    return np.array([electron_physics.photon_while_stopping(energy, 0, media, state) for _ in range(count)])


@pytest.mark.parametrize("first", [1e-4, 0.03, 0.12, 0.5])
def test_deflection_has_the_moments_asked_for(first):
    second = 2.7 * first
    cosines = deflections(first, second, state_of(), COUNT)
    assert np.abs(cosines).max() <= 1.0
    assert within(cosines, math.exp(-first))
    assert within(1.5 * cosines**2 - 0.5, math.exp(-second))


@pytest.mark.parametrize(("mean", "variance"), [(10.0, 4.0), (2.0, 4.0), (0.1, 4.0), (5.0, 0.0)])
def test_loss_has_mean_and_variance_and_is_not_negative(mean, variance):
    values = losses(mean, variance, state_of(), COUNT)
    assert values.min() >= 0.0
    assert values.mean() == pytest.approx(mean) if variance == 0 else within(values, mean)
    assert variance == 0 or within((values - mean) ** 2, variance)


@pytest.mark.parametrize("energy", [50.0, 300.0, 2000.0])
def test_hard_collisions_take_what_soft_ones_leave(media, energy):
    """Mean transfer times rate is the difference of total and restricted stopping power (Møller)."""
    values = collisions(energy, 20.0, state_of(), COUNT)
    assert values.min() >= 20.0 and values.max() <= energy / 2
    total = float(collision_stopping_power(material=WATER, energy_kev=energy))
    soft = float(soft_collision_stopping_power(material=WATER, energy_kev=energy, cut_kev=20.0))
    grid = media.log_start + np.arange(media.electron.shape[1]) * media.log_step
    rate = float(np.interp(math.log(energy), grid, media.electron[0, :, electron_physics.HARD_COLLISION]))
    # The tables are linear between energies 1.6 % apart.
    assert values.mean() * rate == pytest.approx(
        (total - soft) * 1e3, rel=2e-3 + 4 * values.std() / values.mean() / 447
    )


def klein_nishina_mean_energy(energy, *, bound):
    """Mean energy after scattering by quadrature of Klein–Nishina times the incoherent scattering function."""
    cosine = np.linspace(-1, 1, 20001)
    kept = 1 / (1 + energy / REST_KEV * (1 - cosine))
    weight = kept**2 * (kept + 1 / kept - 1 + cosine**2)
    if bound:
        tables = photon_tables(materials=[WATER])
        transfer = energy / 12.398419843 * np.sqrt((1 - cosine) / 2)
        weight = weight * np.interp(transfer, tables.momentum_per_angstrom, tables.incoherent[0], left=0.0)
    return float(np.sum(weight * kept) / np.sum(weight) * energy)


@pytest.mark.parametrize("energy", [20.0, 113.0, 364.0, 1380.0])
def test_incoherent_scattering(media, energy):
    values = scattered(energy, media, state_of(), COUNT)
    after, cosine = values.T
    assert np.allclose(after, energy / (1 + energy / REST_KEV * (1 - cosine)), rtol=1e-9)
    assert within(after, klein_nishina_mean_energy(energy, bound=True), sigmas=5)
    if energy <= 20:
        assert not within(after, klein_nishina_mean_energy(energy, bound=False))


@pytest.mark.parametrize("energy", [20.0, 113.0, 364.0])
def test_coherent_scattering(media, energy):
    tables = photon_tables(materials=[WATER])
    # Fine near the forward direction, where form factors fall.
    half = np.concatenate([[0.0], np.geomspace(1e-9, 1.0, 40001)])
    transfer = energy / 12.398419843 * np.sqrt(half)
    weight = (1 + (1 - 2 * half) ** 2) * np.interp(transfer, tables.momentum_per_angstrom, tables.coherent[0])
    expected = np.trapezoid(weight * half, half) / np.trapezoid(weight, half)
    assert within((1 - coherent_cosines(energy, media, state_of(), COUNT)) / 2, expected, sigmas=5)


def test_probabilities_of_interactions(media):
    grid = np.exp(media.log_start + np.arange(media.photon.shape[1]) * media.log_step)
    index = int(np.searchsorted(grid, 208.0))
    coefficients = photon_coefficients(material=WATER, energy_kev=grid[index : index + 1])
    total, photoelectric, incoherent, coherent = media.photon[0, index]
    assert total == pytest.approx(coefficients.total[0])
    assert photoelectric == pytest.approx(coefficients.photoelectric[0] / total)
    assert incoherent - photoelectric == pytest.approx(coefficients.incoherent[0] / total)
    assert coherent == pytest.approx(1.0)


@pytest.mark.parametrize(
    "direction", [(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.6, 0.8), (0.3, -0.5, math.sqrt(0.66))]
)
def test_turning_keeps_the_angle_and_goes_round(direction):
    values = turns(*direction, 0.4, state_of(), 20_000)
    assert np.allclose(values @ np.array(direction), 0.4, atol=1e-9)
    assert np.allclose(np.linalg.norm(values, axis=1), 1.0)
    across = values - 0.4 * np.array(direction)
    assert all(within(component, 0.0) for component in across.T if component.std() > 1e-9)


def test_photons_on_the_way_to_rest(media):
    """An electron that stops in its voxel radiates as often as its table of expected photons says."""
    energies = radiating(1000.0, media, state_of(), COUNT)
    grid = media.log_start + np.arange(media.electron.shape[1]) * media.log_step
    expected = np.interp(math.log(1000.0), grid, media.electron[0, :, electron_physics.PHOTONS_TO_COME])
    # The first photon: one minus the probability of none.
    assert within((energies > 0).astype(float), 1 - math.exp(-expected))
    assert energies.max() <= 1000.0
