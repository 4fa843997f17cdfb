"""What the planner of radioembolisation takes: the stated input, and images that were read for it.

References
----------
[Chiesa2021]_ What planning and verification by images need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.model.region import RegionVoxels
from theradose.plan.inputs.tare import TareInput


@dataclass(frozen=True, slots=True, eq=False)
class TareImage:
    """An image of a scout dose or of the treatment, with density and regions on its grid.

    Attributes
    ----------
    values : Volume
        A pattern in any unit; for a quantitative verification MBq/mL at the administration.
    density : DensityMap
        g/mL.
    liver : RegionVoxels
        Whole liver with its tumours.
    territories : mapping of str to RegionVoxels
        By the name of the perfused volume.
    tumours : mapping of str to RegionVoxels
        By name.
    lungs : RegionVoxels or None
        Both lungs.
    findings : tuple of Finding
        Of reading.
    """

    values: Volume
    density: DensityMap
    liver: RegionVoxels
    territories: Mapping[str, RegionVoxels]
    tumours: Mapping[str, RegionVoxels]
    lungs: RegionVoxels | None = None
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        for name in ("territories", "tumours"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def normal_liver(self) -> RegionVoxels:
        """The liver without its tumours."""
        normal = np.zeros(self.values.grid.shape, np.float32)
        normal[self.liver.box] = self.liver.fraction
        for voxels in self.tumours.values():
            np.minimum(normal[voxels.box], 1 - voxels.fraction, out=normal[voxels.box])
        return RegionVoxels.from_mask(normal)

    def mass_g(self, voxels: RegionVoxels) -> float:
        """Return the mass of a region by the density map."""
        return voxels.sum_of(self.density.data) * self.density.grid.voxel_volume_ml


@dataclass(frozen=True, slots=True, eq=False)
class TareRequest:
    """The input of a plan with its images.

    Attributes
    ----------
    inputs : TareInput
        As stated.
    scout : TareImage or None
        Before the treatment.
    delivered : TareImage or None
        After it.
    """

    inputs: TareInput
    scout: TareImage | None = None
    delivered: TareImage | None = None
