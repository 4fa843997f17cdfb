"""Dose by kernels of water that know the density on the way.

Where nothing within the reach of the electrons has another density, the convolution holds. Elsewhere it is corrected by
what changes when the electrons of each voxel follow rays in mass thickness. Photons get the dose that they give to
water: their fluence hardly sees the density of one voxel, and what a voxel absorbs per mass is alike in all tissues.

References
----------
[SanchezGarcia2014]_ Superposition in mass thickness.
[Dieudonne2013]_ Density correction of voxel kernels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theradose.data import load_number
from theradose.dose.engines import DoseRequest, dose_engines
from theradose.dose.kernel import SETTINGS, DepositedEnergy, deposited_energy, kernel_dose_map
from theradose.model.arrays import Array
from theradose.model.dose import DoseMap, Radiation
from theradose.model.finding import Finding
from theradose.radiation.nuclide_kernels import NuclideKernel
from theradose.radiation.voxel_kernels import voxel_kernel

KERNEL_DENSITY_SCALED = "kernel-density-scaled"
"""Name of the engine."""


@dose_engines.register(
    KERNEL_DENSITY_SCALED,
    summary="Kernels of water in mass thickness: electrons see the density on their way, each voxel its own mass",
    citation="SanchezGarcia2014",
)
def density_scaled_kernel_dose(request: DoseRequest) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Return the dose map with the density of each voxel.

    Raises
    ------
    GeometryError, PhysicsError
        As :func:`theradose.dose.kernel.kernel_dose`.

    References
    ----------
    [SanchezGarcia2014]_, [Dieudonne2013]_
    """
    deposited = density_scaled_energy(request)
    density = request.density.data[deposited.box]
    return kernel_dose_map(request, deposited, engine=KERNEL_DENSITY_SCALED, density_g_per_ml=density)


def density_scaled_energy(
    request: DoseRequest, *, radiations: tuple[Radiation, ...] = ("electron", "photon", "alpha")
) -> DepositedEnergy:
    """Return where the energy of a map goes.

    Parameters
    ----------
    request : DoseRequest
        Activity and density.
    radiations : tuple of str
        What is wanted.

    References
    ----------
    [SanchezGarcia2014]_, [Dieudonne2013]_
    """
    deposited = deposited_energy(request, radiations=radiations)
    parts = dict(deposited.parts)
    density = request.density.data[deposited.box]
    if "photon" in parts:
        parts["photon"] = parts["photon"] * (density / deposited.voxels.density_g_per_ml)
    if "electron" in parts and deposited.kernel.electron_emitted_kev > 0:
        parts["electron"] = _electrons(request, deposited, density)
    return replace(deposited, parts=parts)


def _electrons(request: DoseRequest, deposited: DepositedEnergy, density: Array) -> Array:
    from theradose.dose.convolution import convolve_even

    kernel, reference = deposited.kernel, deposited.voxels.density_g_per_ml
    collisions = _without_bremsstrahlung(kernel)
    last = int(np.searchsorted(collisions.electron_kev, collisions.electron_emitted_kev * (1.0 - 1e-9)))
    thickness = kernel.radius_g_per_cm2[: last + 1]
    spacing_mm = request.tia.grid.spacing_mm
    reach_mm = 10.0 * float(thickness[-1]) / reference
    source = request.tia.data[deposited.box].astype(np.float64) * request.tia.grid.voxel_volume_ml
    on_rays = np.where(_near_other_density(density, reference, spacing_mm, reach_mm), source, 0.0)
    if not on_rays.any():
        return deposited.parts["electron"]
    from theradose.dose.rays import superpose_on_rays

    octant = deposited.voxels.electron_kev
    of_collisions = voxel_kernel(
        kernel=collisions, spacing_mm=spacing_mm, octant_shape=octant.shape, density_g_per_ml=reference
    ).electron_kev
    (radiated,) = convolve_even(source=on_rays, octants=[octant - of_collisions])
    energy = deposited.parts["electron"] + radiated * (density / reference - 1.0)
    # What the true densities change: the rays are few, but their errors are alike and cancel where nothing changes.
    for sign, medium in ((1.0, density), (-1.0, np.full_like(density, reference))):
        energy += sign * superpose_on_rays(
            source=on_rays,
            density_g_per_ml=medium,
            spacing_mm=spacing_mm,
            thickness=thickness,
            energy_kev=collisions.electron_kev[: last + 1],
        )
    return np.asarray(np.maximum(energy, 0.0))


def _without_bremsstrahlung(kernel: NuclideKernel) -> NuclideKernel:
    """Return the kernel of what electrons deposit along their own path."""
    total = kernel.electron_emitted_kev - kernel.radiated_kev
    within = np.minimum(kernel.electron_kev, total)
    return replace(
        kernel, electron_kev=within, electron_emitted_kev=float(within[-1]), electron_escaped_kev=0.0, radiated_kev=0.0
    )


def _near_other_density(density: Array, reference: float, spacing_mm: tuple[float, ...], reach_mm: float) -> Array:
    """Whether each voxel has another density than soft tissue within the reach of its electrons."""
    from scipy.ndimage import maximum_filter

    tolerance = load_number(SETTINGS, "density_tolerance")
    other = np.abs(density / reference - 1.0) > tolerance
    size = [2 * int(np.ceil(reach_mm / side)) + 1 for side in spacing_mm]
    # Beyond the grid nothing is deposited, whatever its density.
    return np.asarray(maximum_filter(other, size=size, mode="nearest"))
