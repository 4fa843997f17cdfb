"""S values of spheres and ellipsoids with uniform activity.

References
----------
[Hammersley1950]_ Distribution of the distance of two points in a sphere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theradose.data import load_yaml
from theradose.dose.voxel_s import chain_kernel, medium_density, nuclide_document, s_per_kev
from theradose.errors import PhysicsError
from theradose.nuclides import NuclearData
from theradose.radiation.emission import Chain
from theradose.radiation.nuclide_kernels import NuclideKernel
from theradose.radiation.spheres import absorbed_energy
from theradose.radiation.voxel_kernels import check_density

_MM3_PER_ML = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class EllipsoidS:
    """Dose of an ellipsoid, or a sphere, to itself.

    Attributes
    ----------
    nuclide : NuclideKernel
        Around a point.
    medium : str
        Name of the material.
    density_g_per_ml, mass_g : float
        Of the ellipsoid.
    semi_axes_mm : tuple of float
        Equal for a sphere.
    absorbed_kev : mapping of str to float
        Per decay, of ``electron``, ``photon`` and ``alpha``.
    """

    nuclide: NuclideKernel
    medium: str
    density_g_per_ml: float
    mass_g: float
    semi_axes_mm: tuple[float, float, float]
    absorbed_kev: Mapping[str, float]

    @property
    def s_mgy_per_mbq_s(self) -> float:
        """Dose per decay."""
        return sum(self.absorbed_kev.values()) * s_per_kev(self.mass_g)

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``theradose sphere``."""
        kernel = self.nuclide
        emitted = {
            "electron": kernel.electron_emitted_kev,
            "photon": kernel.photon_emitted_kev,
            "alpha": kernel.local_kev,
        }
        return {
            **nuclide_document(kernel),
            "medium": self.medium,
            "density_g_per_ml": self.density_g_per_ml,
            "mass_g": self.mass_g,
            "radius_mm": math.prod(self.semi_axes_mm) ** (1 / 3),
            "semi_axes_mm": list(self.semi_axes_mm),
            "s_mgy_per_mbq_s": self.s_mgy_per_mbq_s,
            "absorbed_fraction": {
                name: self.absorbed_kev[name] / energy if energy > 0 else None for name, energy in emitted.items()
            },
        }


def ellipsoid_s_value(
    *,
    nuclide: str,
    mass_g: float,
    axis_ratios: tuple[float, float, float] = (1.0, 1.0, 1.0),
    medium: str = "water",
    density_g_per_ml: float | None = None,
    nuclear_data: NuclearData = "ddep",
    chain: Chain | None = None,
) -> EllipsoidS:
    """Return the S value of an ellipsoid with uniform activity, in surroundings of the same medium.

    Parameters
    ----------
    nuclide : str
        As ``Lu-177``.
    mass_g : float
        Of the ellipsoid.
    axis_ratios : tuple of float
        Its axes in any unit; three equal ones make a sphere.
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
        For a mass, shape, medium or density that the kernels do not hold for.

    References
    ----------
    [Hammersley1950]_
    """
    low, high = load_yaml("kernels/settings.yaml")["mass_g"]["value"]
    if not low <= mass_g <= high:
        raise PhysicsError(
            f"A mass of {mass_g:g} g is outside the validity of the kernels, {low:g} to {high:g} g: correct it.",
            code="sphere-mass",
        )
    if not all(0 < ratio < math.inf for ratio in axis_ratios):
        raise PhysicsError(
            f"Axes of {axis_ratios} are not those of an ellipsoid: give three positive numbers.", code="sphere-axes"
        )
    density = medium_density(medium=medium, density_g_per_ml=density_g_per_ml)
    check_density(density)
    kernel = chain_kernel(nuclide, nuclear_data=nuclear_data, chain=chain)
    radius_mm = (3 / (4 * math.pi) * mass_g / density * _MM3_PER_ML) ** (1 / 3)
    mean_ratio = math.prod(axis_ratios) ** (1 / 3)
    a, b, c = (radius_mm * ratio / mean_ratio for ratio in axis_ratios)
    axes = (a, b, c) if len(set(axis_ratios)) > 1 else (radius_mm, radius_mm, radius_mm)
    absorbed = absorbed_energy(kernel=kernel, semi_axes_mm=axes, density_g_per_ml=density)
    return EllipsoidS(kernel, medium, density, mass_g, axes, absorbed)
