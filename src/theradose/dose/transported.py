"""Region doses by an engine's map, where the region's own activity and mass are better known than those of the map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.dose.dvh import RegionDoses
from theradose.model.dose import DoseMap, RegionDose
from theradose.model.region import RegionVoxels
from theradose.uncertainty import Uncertain

# Maps have single precision.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class TransportFactor:
    """What transport changes in one region, by two maps of the same time-integrated activity.

    Attributes
    ----------
    mean_gy : Uncertain
        Mean of the engine's map in the region; its source is ``monte-carlo:<region>`` for an engine that samples.
    local_mean_gy : float
        Mean of the map of local deposition.
    voxel_relative_u : float or None
        Root mean square of the statistical uncertainty of the region's voxels, relative to the mean; ``None`` for an
        engine that does not sample.
    """

    mean_gy: Uncertain
    local_mean_gy: float
    voxel_relative_u: float | None = None

    @property
    def factor(self) -> Uncertain | None:
        """Ratio of both means; ``None`` where nothing is deposited locally."""
        return self.mean_gy / self.local_mean_gy if self.local_mean_gy > 0 else None


def map_mean(*, region: str, dose: DoseMap, voxels: RegionVoxels) -> Uncertain:
    """Return the volume-weighted mean of a map in a region, Gy, with ``monte-carlo:<region>`` where it was sampled.

    References
    ----------
    [Theradose]_
    """
    mean_gy = RegionDoses(dose, voxels).mean_gy
    if dose.statistics is None:
        return Uncertain(mean_gy)
    return Uncertain.relative(mean_gy, {f"monte-carlo:{region}": dose.statistics.region_relative_u.get(region)})


def voxel_noise(*, dose: DoseMap, voxels: RegionVoxels, mean_gy: float) -> float | None:
    """Return the root mean square of the statistical uncertainty of a region's voxels over a mean dose in Gy.

    References
    ----------
    [Theradose]_
    """
    if dose.u is None or mean_gy <= 0:
        return None
    squares = dose.u.data[voxels.box].astype(np.float64) ** 2
    return math.sqrt(float(np.average(squares, weights=voxels.fraction))) / mean_gy


def transport_factor(*, region: str, dose: DoseMap, local: DoseMap, voxels: RegionVoxels) -> TransportFactor:
    """Return the means of both maps in a region.

    Parameters
    ----------
    region : str
        Name of the region.
    dose : DoseMap
        By an engine, Gy.
    local : DoseMap
        By local deposition of the same activity and density, Gy.
    voxels : RegionVoxels
        On the grid of both.

    References
    ----------
    [Theradose]_, decision 7 of the documentation.
    """
    mean = map_mean(region=region, dose=dose, voxels=voxels)
    noise = voxel_noise(dose=dose, voxels=voxels, mean_gy=mean.value)
    return TransportFactor(mean, RegionDoses(local, voxels).mean_gy, noise)


def transported_dose(*, local: RegionDose, transport: TransportFactor) -> RegionDose:
    """Return the dose of a region by an engine.

    The dose by local deposition, from the region's own corrected activity and its mass, is multiplied with the ratio of
    both maps. That scales what other regions send with the region's own corrections. Half of the truth is that it
    should not: the alternative, to add the difference of both maps, is the other end of a rectangular distribution,
    the source ``transport:<region>``. Both agree where map and region hold the same activity per mass.

    Parameters
    ----------
    local : RegionDose
        By local deposition.
    transport : TransportFactor
        Of the region.

    References
    ----------
    [Theradose]_, decision 7 of the documentation; [JCGM100]_, 4.3.7 for the rectangular distribution.
    """
    factor = transport.factor
    if factor is None:
        dose = local.dose_gy + transport.mean_gy
    else:
        dose = local.dose_gy * factor
        added = local.dose_gy.value + transport.mean_gy.value - transport.local_mean_gy
        apart = abs(dose.value - added)
        if apart > _ROUNDING * abs(dose.value):
            dose = dose.with_contribution(f"transport:{local.region}", apart / math.sqrt(3))
    components = {**local.components, "transport": dose - local.dose_gy}
    return RegionDose(local.region, local.mass_g, dose, components)
