"""Regions: what was outlined, by whom, and its voxels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from theradose.errors import GeometryError
from theradose.model.arrays import Array, bounding_box, frozen
from theradose.model.grid import Grid

_HALF = 0.5


class RegionKind(StrEnum):
    """What a region stands for."""

    ORGAN = "organ"
    LESION = "lesion"
    WHOLE_BODY = "whole-body"
    OTHER = "other"


class OutlinedOn(StrEnum):
    """The image on which an outline was drawn, from which the uncertainty of its volume follows."""

    EMISSION = "emission"
    CT = "ct"
    NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Region:
    """A named region with its origin.

    Attributes
    ----------
    name : str
        Canonical name (``left-kidney``) where known, otherwise the given one.
    kind : RegionKind
        What it stands for.
    code : str or None
        SNOMED CT code.
    mass_g : float or None
        A mass given by the user; ``None`` means volume times density.
    drafted_by : str
        Person, program or file that drew it.
    method : str
        How it was drawn (``rtstruct``, ``threshold:otsu``, ``propagated:tp1`` …).
    verified_by : str or None
        Who verified it; ``None`` leads to a finding.
    outlined_on : OutlinedOn
        The image on which it was drawn.
    outline_spacing_mm : tuple of float or None
        Voxel size (z, y, x) of that image.
    """

    name: str
    kind: RegionKind = RegionKind.OTHER
    code: str | None = None
    mass_g: float | None = None
    drafted_by: str = "not stated"
    method: str = "not stated"
    verified_by: str | None = None
    outlined_on: OutlinedOn = OutlinedOn.NOT_STATED
    outline_spacing_mm: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RegionVoxels:
    """The voxels of one region, stored as the box that holds them.

    Attributes
    ----------
    origin : tuple of int
        Index (z, y, x) of the first voxel of the box in the grid.
    fraction : ndarray of float32
        Fraction of each voxel inside the region, 0 to 1.
    """

    origin: tuple[int, int, int]
    fraction: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "fraction", frozen(self.fraction, np.float32))

    @classmethod
    def from_mask(cls, mask: Array) -> RegionVoxels:
        """Crop a full-grid mask (bool or fractions) to its box; an empty mask gives a box of no voxels."""
        box = bounding_box(mask)
        if box is None:
            return cls((0, 0, 0), np.zeros((0, 0, 0), np.float32))
        z, y, x = (part.start for part in box)
        return cls((z, y, x), np.array(mask[box], np.float32))

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Slices of the box in the full grid."""
        z, y, x = (slice(o, o + n) for o, n in zip(self.origin, self.fraction.shape, strict=True))
        return z, y, x

    @property
    def voxel_count(self) -> float:
        """Sum of the fractions."""
        return float(self.fraction.sum(dtype=np.float64))

    def sum_of(self, values: Array) -> float:
        """Return the sum over the region of values on the full grid; a voxel counts with its fraction."""
        return float(np.einsum("zyx,zyx->", values[self.box], self.fraction, dtype=np.float64))

    @property
    def mostly_inside(self) -> Array:
        """Voxels of the box that are inside by one half or more, bool: the region where fractions cannot be told."""
        return np.asarray(self.fraction >= _HALF)

    @property
    def has_fractions(self) -> bool:
        """Whether any voxel is only partly inside."""
        return bool(np.any((self.fraction > 0) & (self.fraction < 1)))


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Regions on one grid; regions may overlap.

    Attributes
    ----------
    grid : Grid
        Grid on which the fractions live.
    regions : tuple of Region
        Unique names.
    voxels : tuple of RegionVoxels
        In the order of `regions`.
    """

    grid: Grid
    regions: tuple[Region, ...]
    voxels: tuple[RegionVoxels, ...]

    def __post_init__(self) -> None:
        names = [region.name for region in self.regions]
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise GeometryError(
                f"Region names must be unique, but {', '.join(twice)} occurs more than once: rename one.",
                code="region-duplicate",
            )
        if len(self.regions) != len(self.voxels):
            raise GeometryError("Each region needs its voxels.", code="region-voxels")

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(region.name for region in self.regions)

    def region(self, name: str) -> Region:
        """Return the region called `name`."""
        return self.regions[self._position(name)]

    def voxels_of(self, name: str) -> RegionVoxels:
        """Return the voxels of the region called `name`."""
        return self.voxels[self._position(name)]

    def volume_ml(self, name: str) -> float:
        """Return the volume of a region in mL."""
        return self.voxels_of(name).voxel_count * self.grid.voxel_volume_ml

    def mask(self, name: str) -> Array:
        """Return the full-grid fractions of a region, float32."""
        full = np.zeros(self.grid.shape, np.float32)
        voxels = self.voxels_of(name)
        full[voxels.box] = voxels.fraction
        return full

    def with_regions(self, added: Iterable[tuple[Region, RegionVoxels]]) -> Segmentation:
        """Return a segmentation with further regions on the same grid."""
        pairs = tuple(added)
        return Segmentation(
            self.grid,
            (*self.regions, *(region for region, _ in pairs)),
            (*self.voxels, *(voxels for _, voxels in pairs)),
        )

    def _position(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            raise GeometryError(
                f"There is no region '{name}': the regions are {', '.join(self.names) or 'none'}.",
                code="region-unknown",
            ) from None
