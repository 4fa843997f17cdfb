"""Tables of voxel S values: dose in voxels around a voxel per decay in it.

References
----------
[Bolch1999]_ Voxel S values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from theradose.data import load_yaml
from theradose.dose.energy import EmittedEnergy, energy_findings, uncounted_daughters_finding
from theradose.dose.local import local_dose_constant
from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.nuclides import NuclearData, load_chain, nuclide_names
from theradose.provenance import package_version
from theradose.radiation.emission import Chain
from theradose.radiation.in_place import default_chain
from theradose.radiation.materials import load_material
from theradose.radiation.nuclide_kernels import NuclideKernel, nuclide_kernel
from theradose.radiation.voxel_integration import Shape, Triple
from theradose.radiation.voxel_kernels import VoxelKernel, voxel_kernel

_SETTINGS = "kernels/settings.yaml"
_MGY_PER_GY = 1e3
_S_PER_H = 3600.0
_MEV_PER_KEV = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class VoxelSValues:
    """Voxel S values of a nuclide.

    Attributes
    ----------
    nuclide : NuclideKernel
        Around a point.
    medium : str
        Name of the material.
    voxels : VoxelKernel
        Energy per voxel, with its certificates.
    """

    nuclide: NuclideKernel
    medium: str
    voxels: VoxelKernel

    @property
    def s_mgy_per_mbq_s(self) -> Array:
        """S at all offsets along (z, y, x); the middle is the source voxel."""
        return self.voxels.full_kev * s_per_kev(self.voxels.voxel_mass_g)

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``theradose kernel``."""
        table = self.s_mgy_per_mbq_s
        middle = tuple(n // 2 for n in table.shape)
        voxels = self.voxels
        return {
            **nuclide_document(self.nuclide),
            "medium": self.medium,
            "density_g_per_ml": voxels.density_g_per_ml,
            "voxel_mm": list(reversed(voxels.spacing_mm)),
            "size": list(reversed(table.shape)),
            "self_mgy_per_mbq_s": float(table[middle]),
            "s_mgy_per_mbq_s": table.tolist(),
            "certificate": {"electron": voxels.electron.to_json(), "photon": voxels.photon.to_json()},
        }


def voxel_s_values(
    *,
    nuclide: str,
    spacing_mm: Triple,
    size: Shape,
    medium: str = "water",
    density_g_per_ml: float | None = None,
    nuclear_data: NuclearData = "ddep",
    chain: Chain | None = None,
) -> VoxelSValues:
    """Return the voxel S values of a nuclide for any voxel.

    Parameters
    ----------
    nuclide : str
        As ``Lu-177``.
    spacing_mm : tuple of float
        Voxel along (z, y, x).
    size : tuple of int
        Odd number of voxels along (z, y, x).
    medium : str
        A material that is like water.
    density_g_per_ml : float or None
        That of the material if ``None``.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation of the emissions.
    chain : {"none", "equilibrium"} or None
        Whether the daughters decay in place; ``None`` is what the record of the nuclide says.

    Raises
    ------
    PhysicsError
        For a size, voxel, medium or density that the kernels do not hold for.

    References
    ----------
    [Bolch1999]_
    """
    largest = load_yaml(_SETTINGS)["table_size"]["value"]
    if any(n % 2 == 0 or not 1 <= n <= largest for n in size):
        text = " × ".join(str(n) for n in reversed(size))
        raise PhysicsError(
            f"A table of {text} voxels is not possible: give odd numbers from 1 to {largest}, with the source voxel in "
            "the middle.",
            code="kernel-size",
        )
    density = medium_density(medium=medium, density_g_per_ml=density_g_per_ml)
    kernel = chain_kernel(nuclide, nuclear_data=nuclear_data, chain=chain)
    octant = (size[0] // 2 + 1, size[1] // 2 + 1, size[2] // 2 + 1)
    voxels = voxel_kernel(kernel=kernel, spacing_mm=spacing_mm, octant_shape=octant, density_g_per_ml=density)
    return VoxelSValues(kernel, medium, voxels)


def medium_density(*, medium: str, density_g_per_ml: float | None = None) -> float:
    """Return the stated density, else that of the medium, which must be like water.

    Raises
    ------
    PhysicsError
        If kernels of water do not hold for the medium.

    References
    ----------
    [ICRU46]_ densities.
    """
    material = load_material(medium)
    allowed = load_yaml(_SETTINGS)["water_like"]["value"]
    if medium not in allowed:
        raise PhysicsError(
            f"The kernels are those of water and do not hold for '{medium}': choose one of {', '.join(allowed)}, or "
            "use 'theradose dose' with the engine 'montecarlo'.",
            code="kernel-medium",
        )
    return material.density_g_per_ml if density_g_per_ml is None else density_g_per_ml


def s_per_kev(mass_g: float) -> float:
    """Return mGy/(MBq·s) for 1 keV per decay in a mass."""
    return local_dose_constant(electron_energy_kev=1.0) / mass_g * _MGY_PER_GY / _S_PER_H


def chain_kernel(nuclide: str, *, nuclear_data: NuclearData, chain: Chain | None) -> NuclideKernel:
    """Return the kernel of a nuclide, with the daughters that its record says decay in place unless `chain` says else.

    Raises
    ------
    PhysicsError
        ``chain-not-stated`` for a nuclide whose daughters do not stay by themselves.

    References
    ----------
    [Bateman1910]_
    """
    counted = default_chain(nuclide, nuclear_data=nuclear_data) if chain is None else chain
    return nuclide_kernel(nuclide, nuclear_data=nuclear_data, chain=counted)


def kernel_energy(kernel: NuclideKernel) -> EmittedEnergy:
    """Return the energies per decay of a kernel with the decays that they count.

    References
    ----------
    [Bateman1910]_
    """
    alone = kernel.chain == "none"
    return EmittedEnergy(
        electron_kev=kernel.electron_emitted_kev,
        photon_kev=kernel.photon_emitted_kev,
        alpha_kev=kernel.local_kev,
        decays={kernel.nuclide: 1.0} if alone else load_chain(kernel.nuclide).time_integrated(),
    )


def chain_findings(kernel: NuclideKernel) -> tuple[Finding, ...]:
    """Return what the daughters that a kernel counts, or does not count, mean for its dose.

    References
    ----------
    [Bateman1910]_
    """
    built_in = kernel.nuclide in nuclide_names(daughters=True)
    uncounted = uncounted_daughters_finding(kernel.nuclide) if built_in and kernel.chain == "none" else ()
    return (*uncounted, *energy_findings(kernel_energy(kernel)))


def nuclide_document(kernel: NuclideKernel) -> dict[str, Any]:
    """Return what documents of kernels say of the nuclide and of the origin of its kernel."""
    return {
        "nuclide": kernel.nuclide,
        "nuclear_data": kernel.nuclear_data,
        "chain": kernel.chain,
        "decays_per_decay": dict(kernel_energy(kernel).decays),
        "energy_mev_per_decay": {
            "electron": kernel.electron_emitted_kev * _MEV_PER_KEV,
            "photon": kernel.photon_emitted_kev * _MEV_PER_KEV,
            "alpha": kernel.local_kev * _MEV_PER_KEV,
        },
        "relative_u": dict(kernel.relative_u),
        "kernel": dict(kernel.provenance),
        "findings": [finding.to_json() for finding in chain_findings(kernel)],
        "software": {"theradose": package_version()},
    }
