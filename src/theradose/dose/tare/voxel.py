"""Radioembolisation voxel by voxel: images of a scout dose or of the treatment itself, and dose by any engine.

A scout image gives only the pattern. Its calibration is relative to the patient: the counts of a perfused volume stand
for the activity that the plan puts there, so that a voxel gets D = CF·A·c/(Σ c · m), whatever the unit of the image.

References
----------
[Chiesa2021]_ Patient-relative calibration and local deposition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.dose.engines import DoseRequest, TransportSettings, dose_engines, transport_settings
from theradose.dose.local import tissue_voxels
from theradose.dose.tare.products import Microspheres
from theradose.errors import GeometryError
from theradose.model.arrays import Array
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.model.region import RegionVoxels
from theradose.nuclides import load_nuclide


@dataclass(frozen=True, slots=True, eq=False)
class VoxelCompartment:
    """A part of a perfused volume on an image.

    Attributes
    ----------
    name : str
        As ``tumour``.
    is_tumour : bool
        Otherwise normal liver.
    voxels : RegionVoxels
        Fractions inside; those of the parts of a perfused volume add up to its own.
    volume_ml, mass_g, counts : float
        Sums over the voxels, the mass with the density map.
    """

    name: str
    is_tumour: bool
    voxels: RegionVoxels
    volume_ml: float
    mass_g: float
    counts: float

    @property
    def concentration(self) -> float:
        """Counts per gram."""
        return self.counts / self.mass_g


def divide_territory(
    *,
    counts: Volume,
    density: DensityMap,
    territory: RegionVoxels,
    tumours: Mapping[str, RegionVoxels],
    normal_name: str,
) -> tuple[VoxelCompartment, ...]:
    """Divide a perfused volume into normal liver and the parts of tumours that lie in it.

    Parameters
    ----------
    counts : Volume
        Any unit, not negative where it counts.
    density : DensityMap
        g/mL on the same grid.
    territory : RegionVoxels
        What is reached from one position of the catheter.
    tumours : mapping of str to RegionVoxels
        Where they overlap, a voxel is shared out among them.
    normal_name : str
        Name of what is no tumour.

    Returns
    -------
    tuple of VoxelCompartment
        Normal liver first where there is some, then the tumours that lie in the territory.

    Raises
    ------
    GeometryError
        ``grid-mismatch``; ``territory-without-counts``.

    References
    ----------
    [Chiesa2021]_
    """
    if not counts.grid.matches(density.grid):
        raise GeometryError("The image and the density are on different grids: resample one.", code="grid-mismatch")
    inside = _full(territory, counts.grid.shape)
    outlines = {name: np.minimum(_full(voxels, counts.grid.shape), inside) for name, voxels in tumours.items()}
    together = np.sum(list(outlines.values()), axis=0) if outlines else np.zeros_like(inside)
    # Where outlines overlap they hold no more of a voxel than the territory does.
    shrink = np.divide(inside, together, out=np.ones_like(inside), where=together > inside)
    parts = [(normal_name, False, np.maximum(inside - together, 0.0))]
    parts += [(name, True, fraction * shrink) for name, fraction in outlines.items()]
    found = tuple(
        _compartment(name, is_tumour, fraction, counts, density)
        for name, is_tumour, fraction in parts
        if fraction.any()
    )
    if not sum(part.counts for part in found) > 0:
        raise GeometryError(
            "The image has no counts in the perfused volume: check that regions and image belong together.",
            code="territory-without-counts",
        )
    return found


def relative_activity(*, counts: Volume, territories: Sequence[RegionVoxels], activity_mbq: Sequence[float]) -> Volume:
    """Return the activity concentration, MBq/mL, that spreads each activity like the counts of its territory.

    Parameters
    ----------
    counts : Volume
        Any unit; negative values count as none.
    territories : sequence of RegionVoxels
        On the same grid.
    activity_mbq : sequence of float
        What stays in each territory.

    References
    ----------
    [Chiesa2021]_
    """
    data = np.zeros(counts.grid.shape)
    for voxels, activity in zip(territories, activity_mbq, strict=True):
        weight = voxels.fraction * np.maximum(counts.data[voxels.box], 0.0)
        data[voxels.box] += weight * (activity / (weight.sum(dtype=np.float64) * counts.grid.voxel_volume_ml))
    return Volume(data, counts.grid)


def complete_decay_dose(
    *,
    activity: Volume,
    density: DensityMap,
    spheres: Microspheres,
    conversion_j_per_gbq: float,
    engine: str = "local",
    regions: Mapping[str, RegionVoxels] | None = None,
    transport: TransportSettings | None = None,
) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Return the dose of an activity that decays completely where it is.

    The engine takes energies of the DDEP evaluation; its map is multiplied by the chosen conversion over that one, so
    that the same activity gives the same energy in all methods.

    Parameters
    ----------
    activity : Volume
        Concentration at the administration, MBq/mL.
    density : DensityMap
        g/mL on the same grid.
    spheres : Microspheres
        Product.
    conversion_j_per_gbq : float
        Chosen energy of complete decay.
    engine : str
        Name in ``dose_engines``.
    regions : mapping of str to RegionVoxels, optional
        For engines that sample.
    transport : TransportSettings, optional
        For engines that sample; the packaged one by default.

    References
    ----------
    [Chiesa2021]_
    """
    nuclide = load_nuclide(spheres.nuclide)
    tia = Volume(activity.data / nuclide.decay_constant_per_h, activity.grid)
    request = DoseRequest(tia, density, nuclide, regions=regions or {}, transport=transport or transport_settings())
    dose, findings = dose_engines.get(engine)(request)
    scale = conversion_j_per_gbq / spheres.conversion("ddep").value
    parameters = {**dose.parameters, "conversion_j_per_gbq": conversion_j_per_gbq, "conversion_scale": scale}
    return DoseMap(dose.data * scale, dose.grid, engine=dose.engine, parameters=parameters), findings


def mass_mean_gy(*, dose: Volume, density: DensityMap, voxels: RegionVoxels) -> float:
    """Return energy over mass of a region, which is its mean dose also where the density varies.

    References
    ----------
    [Bolch2009]_
    """
    mass = np.where(tissue_voxels(density), density.data, 0.0).astype(np.float64)
    return voxels.sum_of(dose.data * mass) / voxels.sum_of(mass)


def outside_share(*, counts: Volume, liver: RegionVoxels, territories: Sequence[RegionVoxels]) -> float:
    """Return the part of the counts of the liver that lies outside all perfused volumes.

    References
    ----------
    [Chiesa2021]_
    """
    covered = np.zeros(counts.grid.shape, np.float32)
    for voxels in territories:
        np.maximum(covered[voxels.box], voxels.fraction, out=covered[voxels.box])
    left = np.maximum(_full(liver, counts.grid.shape) - covered, 0.0)
    return float((left * counts.data).sum(dtype=np.float64)) / liver.sum_of(counts.data)


def _compartment(name: str, is_tumour: bool, fraction: Array, counts: Volume, density: DensityMap) -> VoxelCompartment:
    voxels = RegionVoxels.from_mask(fraction)
    volume_ml = counts.grid.voxel_volume_ml
    tissue = np.where(tissue_voxels(density), density.data, 0.0)
    return VoxelCompartment(
        name,
        is_tumour,
        voxels,
        voxels.voxel_count * volume_ml,
        voxels.sum_of(tissue) * volume_ml,
        voxels.sum_of(np.maximum(counts.data, 0.0)),
    )


def _full(voxels: RegionVoxels, shape: tuple[int, int, int]) -> Array:
    full = np.zeros(shape, np.float32)
    full[voxels.box] = voxels.fraction
    return full
