"""Dose by convolution with voxel kernels in water of one density.

References
----------
[Bolch1999]_ Convolution with voxel S values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.data import load_yaml
from theradose.dose.energy import emitted_energy, energy_findings
from theradose.dose.engines import DoseRequest, dose_engines
from theradose.dose.local import emitted_energy_j, local_dose_constant, minimum_tissue_density_g_per_ml, tissue_voxels
from theradose.errors import GeometryError
from theradose.model.arrays import Array, bounding_box
from theradose.model.dose import DoseMap, Radiation, RadiationEnergy
from theradose.model.finding import Finding
from theradose.model.grid import Grid
from theradose.radiation.in_place import chain_of
from theradose.radiation.materials import load_material
from theradose.radiation.nuclide_kernels import NuclideKernel, nuclide_kernel
from theradose.radiation.voxel_integration import Shape
from theradose.radiation.voxel_kernels import VoxelKernel, voxel_kernel

KERNEL = "kernel"
"""Name of the engine."""
SETTINGS = "kernels/settings.yaml"

Box = tuple[slice, slice, slice]

_REFERENCE_MEDIUM = "soft-tissue"
_LARGEST_COSINE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class DepositedEnergy:
    """Energy in every voxel of a box around all activity and tissue, keV per decay times MBq·h.

    Attributes
    ----------
    box : tuple of slice
        Where the box lies on the grid.
    parts : mapping of str to ndarray
        By what was emitted, ``electron``, ``photon`` and ``alpha`` (with recoils).
    kernel : NuclideKernel
        Around a point.
    voxels : VoxelKernel
        Around a voxel, with its certificates.
    tia_mbq_h : float
        Time-integrated activity of the map.
    """

    box: Box
    parts: dict[Radiation, Array]
    kernel: NuclideKernel
    voxels: VoxelKernel
    tia_mbq_h: float


@dose_engines.register(
    KERNEL,
    summary="Convolution with voxel kernels in soft tissue of one density; electrons and photons",
    citation="Bolch1999",
)
def kernel_dose(request: DoseRequest) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Return the dose map of a body of soft tissue of uniform density.

    Voxels lighter than any tissue (air) get no dose.

    Raises
    ------
    GeometryError
        If the axes of the grid are not at right angles.
    PhysicsError
        For a voxel outside the validity of the kernels, or a kernel that does not conserve energy.

    References
    ----------
    [Bolch1999]_
    """
    deposited = deposited_energy(request)
    return kernel_dose_map(request, deposited, engine=KERNEL, density_g_per_ml=deposited.voxels.density_g_per_ml)


def deposited_energy(
    request: DoseRequest, *, radiations: tuple[Radiation, ...] = ("electron", "photon", "alpha")
) -> DepositedEnergy:
    """Return where the energy of a map goes in a uniform body of soft tissue.

    The kernel reaches from every voxel with activity to every voxel of tissue, so that nothing is cut off.

    Parameters
    ----------
    request : DoseRequest
        Activity and density.
    radiations : tuple of str
        What is wanted.

    References
    ----------
    [Bolch1999]_
    """
    from theradose.dose.convolution import convolve_even

    grid = request.tia.grid
    check_right_angles(grid)
    nuclide = request.nuclide
    kernel = nuclide_kernel(
        nuclide.name, nuclear_data=nuclide.nuclear_data, chain=chain_of(nuclide), retained=nuclide.retained
    )
    box, reach = _box_and_reach(request.tia.data > 0, _tissue(request))
    voxels = voxel_kernel(
        kernel=kernel,
        spacing_mm=grid.spacing_mm,
        octant_shape=reach,
        density_g_per_ml=load_material(_REFERENCE_MEDIUM).density_g_per_ml,
    )
    source = request.tia.data[box].astype(np.float64) * grid.voxel_volume_ml
    octants: dict[Radiation, Array] = {"electron": voxels.electron_kev, "photon": voxels.photon_kev}
    wanted: list[Radiation] = [name for name in octants if name in radiations]
    parts = dict(zip(wanted, convolve_even(source=source, octants=[octants[name] for name in wanted]), strict=True))
    if "alpha" in radiations:
        parts["alpha"] = source * voxels.local_kev
    return DepositedEnergy(box, parts, kernel, voxels, float(source.sum()))


def kernel_findings(request: DoseRequest, deposited: DepositedEnergy) -> tuple[Finding, ...]:
    """Return what is wrong where electrons leave the tissue, or energy goes to tissues unlike water.

    `deposited` holds electrons at least.
    """
    tissue, density = _tissue(request)[deposited.box], request.density.data[deposited.box]
    return (*_outside_tissue(deposited, tissue), *_unlike_water(deposited, tissue, density))


def kernel_dose_map(
    request: DoseRequest, deposited: DepositedEnergy, *, engine: str, density_g_per_ml: Array | float
) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Return the dose of deposited energy in voxels of a density, and what speaks against it.

    Alpha particles and recoils, which stay in their voxel, are absorbed by its own mass in any case.

    References
    ----------
    [Bolch1999]_
    """
    own = not isinstance(density_g_per_ml, float)
    grid, tissue = request.tia.grid, _tissue(request)[deposited.box]
    spread = np.sum([part for name, part in deposited.parts.items() if name != "alpha"], axis=0)
    alpha = deposited.parts["alpha"] / request.density.data[deposited.box]
    # The constant for 1 keV, Gy·g/(MBq·h), times energy over mass.
    factor = local_dose_constant(electron_energy_kev=1.0) / grid.voxel_volume_ml
    dose = np.zeros(grid.shape, np.float32)
    # Rounding of the transforms may leave less than nothing where there is nothing.
    dose[deposited.box] = np.where(tissue, np.maximum(spread, 0.0) * factor / density_g_per_ml + alpha * factor, 0.0)
    energy = tuple(_account(name, part, tissue, deposited) for name, part in deposited.parts.items())
    result = DoseMap(
        dose,
        grid,
        engine=engine,
        parameters={**_parameters(deposited), "density": request.density.method if own else "uniform"},
        energy=energy,
    )
    return result, (*kernel_findings(request, deposited), *energy_findings(emitted_energy(request.nuclide)))


def _account(name: Radiation, part: Array, tissue: Array, deposited: DepositedEnergy) -> RadiationEnergy:
    kernel = deposited.kernel
    per_decay = {
        "electron": kernel.electron_emitted_kev,
        "photon": kernel.photon_emitted_kev,
        "alpha": kernel.local_kev,
    }
    emitted = emitted_energy_j(tia_mbq_h=deposited.tia_mbq_h, energy_kev=per_decay[name])
    held = emitted_energy_j(tia_mbq_h=1.0, energy_kev=float(part.sum(where=tissue)))
    return RadiationEnergy(name, emitted, held, emitted - held)


def _parameters(deposited: DepositedEnergy) -> dict[str, object]:
    kernel, voxels = deposited.kernel, deposited.voxels
    return {
        "nuclear_data": kernel.nuclear_data,
        "electron_energy_kev": kernel.electron_emitted_kev,
        "photon_energy_kev": kernel.photon_emitted_kev,
        "alpha_energy_kev": kernel.local_kev,
        "reference_density_g_per_ml": voxels.density_g_per_ml,
        "kernel_offsets": [n - 1 for n in voxels.photon_kev.shape],
        "certificate": {"electron": voxels.electron.to_json(), "photon": voxels.photon.to_json()},
        "kernel_relative_u": dict(kernel.relative_u),
        "kernel": dict(kernel.provenance),
    }


def _outside_tissue(deposited: DepositedEnergy, tissue: Array) -> tuple[Finding, ...]:
    kernel = deposited.kernel
    # Bremsstrahlung is meant to leave.
    stopped = deposited.tia_mbq_h * (kernel.electron_emitted_kev - kernel.radiated_kev)
    lost = 1 - float(deposited.parts["electron"].sum(where=tissue)) / stopped if stopped > 0 else 0.0
    if lost <= load_yaml(SETTINGS)["reported_share"]["value"]:
        return ()
    message = (
        f"Electrons carry {lost:.1%} of their energy out of the grid or into voxels lighter than "
        f"{minimum_tissue_density_g_per_ml():g} g/mL, where it gives no dose: check the registration of CT and "
        "emission image."
    )
    return (Finding("electrons-outside-tissue", "warning", message),)


def _unlike_water(deposited: DepositedEnergy, tissue: Array, density: Array) -> tuple[Finding, ...]:
    settings = load_yaml(SETTINGS)
    low, high = settings["unlike_water_g_per_ml"]["value"]
    unlike = tissue & ((density < low) | (density > high))
    emitted = deposited.tia_mbq_h * deposited.kernel.emitted_kev
    spread = [part for name, part in deposited.parts.items() if name != "alpha"]
    misplaced = sum(float(part.sum(where=unlike)) for part in spread)
    if misplaced <= settings["reported_share"]["value"] * emitted:
        return ()
    message = (
        f"The kernel of water puts {misplaced / emitted:.1%} of the emitted energy into voxels outside {low:g} to "
        f"{high:g} g/mL, such as lung and bone, where it does not hold: compare with the engine 'montecarlo'."
    )
    return (Finding("kernel-unlike-water", "warning", message),)


def _tissue(request: DoseRequest) -> Array:
    return tissue_voxels(request.density)


def _box_and_reach(active: Array, tissue: Array) -> tuple[Box, Shape]:
    """Box around all activity and tissue, and the number of offsets from 0 that lie between the two."""
    sources, targets = bounding_box(active), bounding_box(tissue)
    if sources is None or targets is None:
        return (slice(0, 1), slice(0, 1), slice(0, 1)), (1, 1, 1)
    box, reach = [], []
    for source, target in zip(sources, targets, strict=True):
        box.append(slice(min(source.start, target.start), max(source.stop, target.stop)))
        reach.append(max(target.stop - source.start, source.stop - target.start))
    return (box[0], box[1], box[2]), (reach[0], reach[1], reach[2])


def check_right_angles(grid: Grid) -> None:
    """Refuse a grid whose voxels are no cuboids, as ``grid-sheared``."""
    steps = grid.affine_mm[:3, :3] / np.linalg.norm(grid.affine_mm[:3, :3], axis=0)
    cosines = steps.T @ steps - np.eye(3)
    if np.abs(cosines).max() > _LARGEST_COSINE:
        raise GeometryError(
            "The axes of the grid are not at right angles, which kernels and transport need: resample the images onto "
            "a grid without shear.",
            code="grid-sheared",
        )
