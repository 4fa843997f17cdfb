"""The kernel that knows the density on the way; that it agrees with Monte Carlo is a reference test."""

import numpy as np
import pytest

from theradose.dose.convolution import convolve_even
from theradose.dose.engines import DoseRequest
from theradose.dose.kernel import deposited_energy
from theradose.dose.kernel_scaled import density_scaled_energy, density_scaled_kernel_dose
from theradose.dose.rays import rays, superpose_on_rays
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.nuclides import load_nuclide
from theradose.radiation.nuclide_kernels import nuclide_kernel
from theradose.radiation.voxel_kernels import voxel_kernel

pytestmark = pytest.mark.usefixtures("analytic_point_kernels")
GRID = Grid.axis_aligned((13, 14, 15), (4.0, 4.0, 4.0))
YTTRIUM = load_nuclide("Y-90")
SOFT_TISSUE_G_PER_ML, LUNG_G_PER_ML = 1.03, 0.26


def request_of(tia, density):
    density = np.broadcast_to(np.asarray(density, np.float32), GRID.shape)
    return DoseRequest(Volume(np.asarray(tia, np.float32), GRID), DensityMap(density, GRID, "test"), YTTRIUM)


def middle_voxel():
    tia = np.zeros(GRID.shape)
    tia[6, 7, 7] = 10.0
    return tia


def layers():
    """Soft tissue below, lung above."""
    density = np.full(GRID.shape, SOFT_TISSUE_G_PER_ML)
    density[7:] = LUNG_G_PER_ML
    return density


def test_rays_are_alike_in_all_octants():
    starts, directions = rays()
    assert np.allclose(np.linalg.norm(directions, axis=1), 1.0)
    assert np.allclose(directions.mean(axis=0), 0.0) and np.allclose(starts.mean(axis=0), 0.5)
    # The mean of the square of each component of a unit vector is a third.
    assert np.allclose((directions**2).mean(axis=0), 1 / 3, atol=0.01)
    assert starts.min() >= 0.0 and starts.max() <= 1.0


def test_rays_and_convolution_agree_in_uniform_tissue():
    """Two integrations of the same kernel; 512 rays from a voxel know its neighbours to two percent of the energy."""
    kernel = nuclide_kernel("Y-90")
    octant = voxel_kernel(
        kernel=kernel, spacing_mm=(4.0, 4.0, 4.0), octant_shape=(7, 7, 8), density_g_per_ml=SOFT_TISSUE_G_PER_ML
    ).electron_kev
    source = middle_voxel()
    (convolved,) = convolve_even(source=source, octants=[octant])
    near = kernel.radius_g_per_cm2 < 3.0
    followed = superpose_on_rays(
        source=source,
        density_g_per_ml=np.full(GRID.shape, SOFT_TISSUE_G_PER_ML),
        spacing_mm=(4.0, 4.0, 4.0),
        thickness=kernel.radius_g_per_cm2[near],
        energy_kev=kernel.electron_kev[near],
    )
    emitted = 10.0 * kernel.electron_emitted_kev
    assert np.abs(followed - convolved).max() < 0.02 * emitted
    # In a region with uniform activity the differences cancel, as energy is conserved.
    assert followed.sum() == pytest.approx(convolved.sum(), rel=2e-3)


def test_soft_tissue_of_its_own_density_is_the_convolution():
    request = request_of(middle_voxel(), SOFT_TISSUE_G_PER_ML)
    plain, scaled = deposited_energy(request), density_scaled_energy(request)
    for name, part in plain.parts.items():
        assert np.array_equal(scaled.parts[name], part)


def test_electrons_go_further_through_lung():
    """One voxel of activity below the lung: energy moves up into the lung, and none is lost."""
    tissue = density_scaled_energy(request_of(middle_voxel(), SOFT_TISSUE_G_PER_ML), radiations=("electron",))
    lung = density_scaled_energy(request_of(middle_voxel(), layers()), radiations=("electron",))
    far = (slice(10, None), slice(None), slice(None))
    near = (slice(7, 8), slice(None), slice(None))
    assert lung.parts["electron"][far].sum() > 5 * tissue.parts["electron"][far].sum()
    assert lung.parts["electron"][near].sum() < tissue.parts["electron"][near].sum()
    assert lung.parts["electron"].sum() <= 10.0 * 0.064 * lung.kernel.electron_emitted_kev
    below = (slice(0, 6), slice(None), slice(None))
    assert lung.parts["electron"][below].sum() == pytest.approx(tissue.parts["electron"][below].sum(), rel=0.01)


def test_photons_give_lung_the_dose_that_they_give_water():
    plain = deposited_energy(request_of(middle_voxel(), layers()))
    scaled = density_scaled_energy(request_of(middle_voxel(), layers()))
    ratio = scaled.parts["photon"][8:] / np.maximum(plain.parts["photon"][8:], 1e-30)
    held = plain.parts["photon"][8:] > 0
    assert np.allclose(ratio[held], LUNG_G_PER_ML / SOFT_TISSUE_G_PER_ML)


def test_dose_is_energy_over_the_mass_of_the_voxel():
    request = request_of(middle_voxel(), layers())
    dose, _ = density_scaled_kernel_dose(request)
    energy = sum(density_scaled_energy(request).parts.values())
    gy = energy * 1.602176634e-16 * 3.6e9 / (layers() * 0.064e-3)
    assert np.allclose(dose.data, gy, rtol=1e-4, atol=1e-6 * gy.max())
