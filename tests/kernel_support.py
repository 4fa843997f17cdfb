"""Point kernels of simple analytic shape, so that tests of the integration need no simulation."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from theradose.radiation.emission import EmissionSpectra
from theradose.radiation.nuclide_kernels import NuclideKernel, sum_point_kernels
from theradose.radiation.point_kernels import PointKernelTable, read_point_kernels

# Round numbers in the region of those of water: the tests need the shapes, not the values.
ELECTRON_RANGE_G_PER_CM2_AT_1_MEV = 0.4
RANGE_EXPONENT = 1.5
PHOTON_ATTENUATION_CM2_PER_G = 0.03
RADIATED_AT_1_MEV = 0.01
NONE = np.array([])


def electron_range(energy_kev):
    return ELECTRON_RANGE_G_PER_CM2_AT_1_MEV * (energy_kev / 1000) ** RANGE_EXPONENT


def photon_attenuation(energy_kev):
    return PHOTON_ATTENUATION_CM2_PER_G + 5 * (10 / energy_kev) ** 3


def electron_fraction(energy_kev, radius):
    """Fraction within a distance: smooth up to 1.1 ranges, with a tail of bremsstrahlung."""
    radiated = RADIATED_AT_1_MEV * energy_kev / 1000
    track = 1 - (1 - np.minimum(radius / (1.1 * electron_range(energy_kev)), 1)) ** 2.5
    return (1 - radiated) * track + radiated * (1 - np.exp(-PHOTON_ATTENUATION_CM2_PER_G * radius))


def photon_fraction(energy_kev, radius):
    return 1 - np.exp(-photon_attenuation(energy_kev) * radius)


def kernel_file(radiation, *, lost=0.0):
    """Return the bytes of a kernel file in the packaged format."""
    energy = np.geomspace(10, 3000, 26)
    electron = radiation == "electron"
    if electron:
        radius = np.concatenate([np.linspace(0, 1.2, 241)[1:], np.geomspace(1.2, 1e6, 121)[1:]])
        cumulative = np.array([electron_fraction(e, radius * electron_range(e)) for e in energy])
        extra = {"csda_range_g_per_cm2": electron_range(energy), "radiated": RADIATED_AT_1_MEV * energy / 1000}
    else:
        radius = np.geomspace(1e-4, 400, 331)
        cumulative, extra = np.array([photon_fraction(e, radius) for e in energy]), {}
    stream = BytesIO()
    np.savez(
        stream,
        energy_kev=energy,
        radius=radius,
        cumulative=(cumulative * (1 - lost)).astype(np.float32),
        energy_out=1 - cumulative[:, -1],
        relative_u=np.full(energy.size, 0.001),
        version="analytic",
        seed=0,
        histories=0,
        medium="water",
        density=1.0,
        **extra,
    )
    stream.seek(0)
    return stream


def analytic_table(radiation) -> PointKernelTable:
    return read_point_kernels(kernel_file(radiation), radiation)


def line_spectra(*, electrons=(), photons=(), alphas=(), betas=(NONE, NONE), nuclide="Lu-177") -> EmissionSpectra:
    """Return spectra of lines, each as (keV, per decay)."""
    electron, photon, alpha = (np.array(lines, float).reshape(-1, 2) for lines in (electrons, photons, alphas))
    return EmissionSpectra(
        nuclide, "ddep", "none", *betas, electron[:, 0], electron[:, 1], photon[:, 0], photon[:, 1], alpha[:, 0],
        alpha[:, 1], 0.0,
    )  # fmt: skip


def analytic_kernel(spectra) -> NuclideKernel:
    return sum_point_kernels(
        spectra=spectra, electrons=analytic_table("electron"), photons=analytic_table("photon")
    )  # fmt: skip


def beta_spectrum(end_kev, *, points=300):
    """Return a beta spectrum of one particle per decay, of the usual shape."""
    energy = np.linspace(0, end_kev, points)
    shape = np.sqrt(energy) * (end_kev - energy) ** 2
    return energy, shape / np.trapezoid(shape, energy)
