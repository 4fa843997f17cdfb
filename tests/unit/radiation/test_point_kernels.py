import numpy as np
import pytest

from kernel_support import (
    analytic_table,
    beta_spectrum,
    electron_fraction,
    electron_range,
    kernel_file,
    line_spectra,
    photon_attenuation,
    photon_fraction,
)
from theradose.errors import PhysicsError
from theradose.radiation.nuclide_kernels import sum_point_kernels
from theradose.radiation.point_kernels import fraction_within, read_point_kernels

ELECTRONS, PHOTONS = analytic_table("electron"), analytic_table("photon")


@pytest.mark.parametrize("energy_kev", [10.0, 11.3, 97.0, 148.0, 933.0, 2900.0])
def test_electrons_between_tabulated_energies(energy_kev):
    radius = electron_range(energy_kev) * np.linspace(0, 1.2, 50)
    found = fraction_within(table=ELECTRONS, energy_kev=energy_kev, radius_g_per_cm2=radius)
    # Shells of 0.005 ranges are straight lines, and the shape does not depend on energy but for bremsstrahlung.
    assert np.allclose(found, electron_fraction(energy_kev, radius), atol=2e-4)


@pytest.mark.parametrize("energy_kev", [11.3, 35.0, 113.0, 208.0, 364.0])
def test_photons_between_tabulated_energies(energy_kev):
    radius = np.geomspace(0.01, 10, 60) / photon_attenuation(energy_kev)
    found = fraction_within(table=PHOTONS, energy_kev=energy_kev, radius_g_per_cm2=radius)
    # The half-energy distance is interpolated between energies 25 % apart where the exponent of attenuation changes.
    assert np.allclose(found, photon_fraction(energy_kev, radius), atol=1.5e-2)


def test_energies_below_the_table_shrink():
    """8 keV below a table from 10 keV: attenuation goes on with the slope between the first two energies."""
    radius = np.array([0.1, 0.3, 1.0]) / photon_attenuation(8.0)
    found = fraction_within(table=PHOTONS, energy_kev=8.0, radius_g_per_cm2=radius)
    assert np.allclose(found, photon_fraction(8.0, radius), atol=2e-3)


def test_energies_above_the_table_are_refused():
    with pytest.raises(PhysicsError, match="only up to 3000 keV") as refusal:
        fraction_within(table=PHOTONS, energy_kev=3100.0, radius_g_per_cm2=np.array([1.0]))
    assert refusal.value.code == "point-kernel-energy"


def test_a_table_that_loses_energy_is_refused():
    with pytest.raises(PhysicsError) as refusal:
        read_point_kernels(kernel_file("photon", lost=0.01), "photon")
    assert refusal.value.code == "kernel-energy"


def test_a_nuclide_is_the_weighted_sum_of_its_lines():
    spectra = line_spectra(electrons=[(100, 0.2), (300, 0.5)], photons=[(208, 0.1)], alphas=[(5000, 0.3)])
    kernel = sum_point_kernels(spectra=spectra, electrons=ELECTRONS, photons=PHOTONS)
    radius = kernel.radius_g_per_cm2
    expected = sum(
        energy * number * fraction_within(table=ELECTRONS, energy_kev=energy, radius_g_per_cm2=radius)
        for energy, number in ((100.0, 0.2), (300.0, 0.5))
    )
    assert np.allclose(kernel.electron_kev, expected)
    assert kernel.electron_emitted_kev == pytest.approx(170)
    assert kernel.photon_emitted_kev == pytest.approx(20.8)
    assert kernel.local_kev == pytest.approx(1500)
    assert kernel.emitted_kev == pytest.approx(170 + 20.8 + 1500)


@pytest.mark.parametrize("end_kev", [497.0, 2280.0])
def test_all_beta_energy_is_accounted_for(end_kev):
    spectra = line_spectra(betas=beta_spectrum(end_kev))
    kernel = sum_point_kernels(spectra=spectra, electrons=ELECTRONS, photons=PHOTONS)
    assert kernel.electron_emitted_kev == pytest.approx(spectra.electron_energy_kev, rel=1e-12)
    # The file holds single precision.
    assert kernel.electron_kev[-1] + kernel.electron_escaped_kev == pytest.approx(spectra.electron_energy_kev, rel=1e-6)
    # A hundredth is radiated at 1 MeV, in proportion to energy: the second moment of the spectrum.
    energy, density = spectra.beta_energy_kev, spectra.beta_per_kev
    assert kernel.radiated_kev == pytest.approx(1e-5 * np.trapezoid(energy**2 * density, energy), rel=0.02)


def test_an_empty_part_has_no_energy():
    kernel = sum_point_kernels(spectra=line_spectra(electrons=[(100, 1)]), electrons=ELECTRONS, photons=PHOTONS)
    assert kernel.photon_emitted_kev == 0 and not kernel.photon_kev.any() and kernel.relative_u["photon"] == 0
