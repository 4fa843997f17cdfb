"""Energy deposited in voxels around a voxel with uniform activity.

The integration is in :mod:`theradose.radiation.voxel_integration`; here it gets its certificate.

References
----------
[Bolch1999]_ Voxel S values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.model.arrays import Array, frozen
from theradose.radiation.nuclide_kernels import NuclideKernel
from theradose.radiation.voxel_integration import Shape, Triple, energy_in_box, octant_energy, sum_of_box

_SETTINGS = "kernels/settings.yaml"
_MM_PER_CM = 10.0
_MM3_PER_ML = 1000.0


@dataclass(frozen=True, slots=True)
class EnergyBalance:
    """Where the energy of one kind of radiation goes, keV per decay.

    Attributes
    ----------
    emitted_kev : float
        From the emissions.
    in_box_kev : float
        Sum over the voxels.
    beyond_box_kev : float
        Deposited outside, from the point kernel and the shape of the box, without voxels.
    escaped_kev : float
        Beyond the last radius of the point kernel.
    """

    emitted_kev: float
    in_box_kev: float
    beyond_box_kev: float
    escaped_kev: float

    @property
    def relative_error(self) -> float:
        """What is not accounted for, over the emitted energy."""
        if self.emitted_kev == 0:
            return 0.0
        return (self.in_box_kev + self.beyond_box_kev + self.escaped_kev) / self.emitted_kev - 1

    def to_json(self) -> dict[str, float]:
        """Return the terms as a document."""
        return {
            "emitted_kev": self.emitted_kev,
            "in_box_kev": self.in_box_kev,
            "beyond_box_kev": self.beyond_box_kev,
            "escaped_kev": self.escaped_kev,
            "relative_error": self.relative_error,
        }


@dataclass(frozen=True, slots=True, eq=False)
class VoxelKernel:
    """Energy deposited in voxels per decay in the first of them.

    Attributes
    ----------
    spacing_mm : tuple of float
        Voxel along (z, y, x).
    density_g_per_ml : float
        Of the medium.
    electron_kev, photon_kev : ndarray, shape (nz, ny, nx)
        Energy at the offsets 0, 1, … along (z, y, x); negative offsets get the same.
    local_kev : float
        Alpha particles and recoils, in the source voxel.
    electron, photon : EnergyBalance
        Certificates over the box of the offsets −(n − 1) … n − 1.
    """

    spacing_mm: Triple
    density_g_per_ml: float
    electron_kev: Array
    photon_kev: Array
    local_kev: float
    electron: EnergyBalance
    photon: EnergyBalance

    def __post_init__(self) -> None:
        for name in ("electron_kev", "photon_kev"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    @property
    def voxel_mass_g(self) -> float:
        """Mass of one voxel."""
        return float(np.prod(self.spacing_mm)) / _MM3_PER_ML * self.density_g_per_ml

    @property
    def octant_kev(self) -> Array:
        """Energy of all radiation at the offsets 0, 1, … along (z, y, x)."""
        total = self.electron_kev + self.photon_kev
        total[0, 0, 0] += self.local_kev
        return total

    @property
    def full_kev(self) -> Array:
        """Energy of all radiation at all offsets, shape (2 nz − 1, 2 ny − 1, 2 nx − 1)."""
        octant = self.octant_kev
        return octant[np.ix_(*(np.abs(np.arange(1 - n, n)) for n in octant.shape))]


def voxel_kernel(
    *, kernel: NuclideKernel, spacing_mm: Triple, octant_shape: Shape, density_g_per_ml: float
) -> VoxelKernel:
    """Return the energy that a nuclide deposits in the voxels around one voxel.

    Parameters
    ----------
    kernel : NuclideKernel
        Around a point in water.
    spacing_mm : tuple of float
        Voxel along (z, y, x).
    octant_shape : tuple of int
        Offsets along (z, y, x), 0 included.
    density_g_per_ml : float
        Of the medium, which scales all distances.

    Returns
    -------
    VoxelKernel

    Raises
    ------
    PhysicsError
        If the voxel or the density is outside the validity of the kernels, or energy is not conserved
        (``kernel-energy``).

    References
    ----------
    [Bolch1999]_
    """
    check_voxel(spacing_mm)
    check_density(density_g_per_ml)
    radius_mm = kernel.radius_g_per_cm2 / density_g_per_ml * _MM_PER_CM
    octants, balances = {}, {}
    for name, cumulative, emitted, escaped in (
        ("electron", kernel.electron_kev, kernel.electron_emitted_kev, kernel.electron_escaped_kev),
        ("photon", kernel.photon_kev, kernel.photon_emitted_kev, kernel.photon_escaped_kev),
    ):
        octant = np.zeros(octant_shape)
        if emitted > 0:
            octant = octant_energy(
                radius_mm=radius_mm, cumulative=cumulative, spacing_mm=spacing_mm, shape=octant_shape
            )
        held = energy_in_box(radius_mm=radius_mm, cumulative=cumulative, spacing_mm=spacing_mm, shape=octant_shape)
        beyond = float(cumulative[-1]) - held
        octants[name] = octant
        balances[name] = EnergyBalance(emitted, sum_of_box(octant), beyond, escaped)
        _check_energy(kernel.nuclide, name, balances[name])
    return VoxelKernel(
        spacing_mm=spacing_mm,
        density_g_per_ml=density_g_per_ml,
        electron_kev=octants["electron"],
        photon_kev=octants["photon"],
        local_kev=kernel.local_kev,
        electron=balances["electron"],
        photon=balances["photon"],
    )


def check_voxel(spacing_mm: Triple) -> None:
    """Refuse voxels that the kernels do not hold for."""
    low, high = load_yaml(_SETTINGS)["voxel_mm"]["value"]
    aspect = load_yaml(_SETTINGS)["voxel_aspect"]["value"]
    text = " × ".join(f"{edge:.4g}" for edge in reversed(spacing_mm))
    if not all(low <= edge <= high for edge in spacing_mm):
        raise PhysicsError(
            f"A voxel of {text} mm (x, y, z) is outside the validity of the kernels, {low:g} to {high:g} mm: "
            "resample the images.",
            code="kernel-voxel",
        )
    if max(spacing_mm) > aspect * min(spacing_mm):
        raise PhysicsError(
            f"A voxel of {text} mm (x, y, z) is too long for the kernels, whose longest edge is at most "
            f"{aspect:g} times the shortest: resample the images.",
            code="kernel-voxel",
        )


def check_density(density_g_per_ml: float) -> None:
    """Refuse densities to which kernels of water are not scaled."""
    low, high = load_yaml(_SETTINGS)["density_g_per_ml"]["value"]
    if not low <= density_g_per_ml <= high:
        raise PhysicsError(
            f"A density of {density_g_per_ml:g} g/mL is outside the validity of the kernels, {low:g} to {high:g} g/mL: "
            "correct it.",
            code="kernel-density",
        )


def _check_energy(nuclide: str, part: str, balance: EnergyBalance) -> None:
    tolerance = load_yaml(_SETTINGS)[f"{part}_energy_tolerance"]["value"]
    if abs(balance.relative_error) > tolerance:
        raise PhysicsError(
            f"The {part} kernel of {nuclide} accounts for {1 + balance.relative_error:.2%} of the emitted "
            f"{balance.emitted_kev:.4g} keV, and {tolerance:.1%} is allowed: use voxels of other size, or the engine "
            "'montecarlo'.",
            code="kernel-energy",
        )
