"""Volumes and masses of regions with their uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

from theradose.errors import GeometryError, PhysicsError
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap
from theradose.model.region import Segmentation
from theradose.uncertainty import Uncertain

# Beyond this a given mass and the outline cannot both be right: soft tissues differ by a few per cent only.
_MASS_DISAGREEMENT = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class RegionMass:
    """Size of a region.

    Attributes
    ----------
    volume_ml : Uncertain
        Volume of the outline, with source ``volume:<region>``.
    mass_g : Uncertain
        Mass used for dose, with the same source unless the mass is given.
    density_g_per_ml : float
        Mass divided by volume.
    method : str
        ``given mass``, ``given density``, or the method of the density map.
    """

    volume_ml: Uncertain
    mass_g: Uncertain
    density_g_per_ml: float
    method: str


def region_mass(
    segmentation: Segmentation,
    name: str,
    density: DensityMap,
    *,
    given_mass_g: float | None = None,
    given_density: float | None = None,
    u_volume_relative: float | None,
) -> tuple[RegionMass, tuple[Finding, ...]]:
    """Return volume and mass of a region.

    The mass is, in this order: the given one, the region's own (`Region.mass_g`), volume times the given
    density, or the sum of the density map over the region.

    Parameters
    ----------
    segmentation : Segmentation
        Regions.
    name : str
        Which one.
    density : DensityMap
        g/mL on the same grid.
    given_mass_g : float, optional
        Mass that the user states; its uncertainty counts as not stated.
    given_density : float, optional
        Density in g/mL that the user states.
    u_volume_relative : float or None
        Relative standard uncertainty of the volume, ``None`` if unknown.

    Returns
    -------
    RegionMass
        Volume and mass; they share the source ``volume:<region>``, so that it cancels or adds up correctly.
    tuple of Finding
        ``mass-disagrees`` if a given mass and the outline differ by more than 25 %.

    Raises
    ------
    GeometryError
        ``region-empty`` for a region without voxels, ``density-grid`` for another grid.
    PhysicsError
        ``mass-invalid`` for a mass or density that is not positive.
    """
    if not density.grid.matches(segmentation.grid):
        raise GeometryError(
            "The density map and the regions are on different grids: resample one of them.", code="density-grid"
        )
    voxels = segmentation.voxels_of(name)
    volume = segmentation.volume_ml(name)
    if volume <= 0.0:
        raise GeometryError(
            f"The region '{name}' has no voxels on this grid: outline it again or leave it out.", code="region-empty"
        )
    mass_given = segmentation.region(name).mass_g if given_mass_g is None else given_mass_g
    for value, quantity in ((mass_given, "mass"), (given_density, "density")):
        if value is not None and not 0.0 < value < math.inf:
            raise PhysicsError(f"A {quantity} of {value:g} for '{name}' is not possible: give a positive number.",
                               code="mass-invalid")  # fmt: skip
    mapped = voxels.sum_of(density.data) * segmentation.grid.voxel_volume_ml
    source = {f"volume:{name}": u_volume_relative}
    if mass_given is not None:
        mass = Uncertain.relative(mass_given, {f"mass:{name}": None})
        method = "given mass"
    elif given_density is not None:
        mass = Uncertain.relative(volume * given_density, source)
        method = "given density"
    else:
        mass = Uncertain.relative(mapped, source)
        method = density.method
    result = RegionMass(Uncertain.relative(volume, source), mass, mass.value / volume, method)
    return result, _mass_findings(name, result, mapped)


def _mass_findings(name: str, result: RegionMass, mapped_g: float) -> tuple[Finding, ...]:
    mass_g = result.mass_g.value
    if result.method != "given mass" or abs(mass_g / mapped_g - 1.0) <= _MASS_DISAGREEMENT:
        return ()
    return (
        Finding(
            "mass-disagrees",
            "warning",
            f"The given mass of {name} is {mass_g:.4g} g, but its outline with the density map holds {mapped_g:.4g} g: "
            "check both.",
            name,
        ),
    )
