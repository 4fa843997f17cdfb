"""Absorbed dose per voxel and per region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from theradose.model.arrays import Array, frozen
from theradose.model.grid import Volume
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class DoseMap(Volume):
    """Absorbed dose in Gy.

    Attributes
    ----------
    engine : str
        Name in the registry ``dose_engines``.
    parameters : mapping
        What the engine used (nuclear data, energy per decay, density treatment), JSON-compatible.
    """

    engine: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class DoseVolumeHistogram:
    """Cumulative and differential dose-volume histogram of a region.

    Attributes
    ----------
    dose_gy : ndarray, shape (n + 1,)
        Bin edges from 0.
    cumulative_fraction : ndarray, shape (n + 1,)
        Fraction of the volume that receives at least each edge.
    differential_ml_per_gy : ndarray, shape (n,)
        Volume per dose in each bin.
    """

    dose_gy: Array
    cumulative_fraction: Array
    differential_ml_per_gy: Array

    def __post_init__(self) -> None:
        for name in ("dose_gy", "cumulative_fraction", "differential_ml_per_gy"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))


@dataclass(frozen=True, slots=True, eq=False)
class RegionDose:
    """Dose to one region.

    Attributes
    ----------
    region : str
        Name of the region.
    mass_g : Uncertain
        Mass used.
    dose_gy : Uncertain
        Mean absorbed dose with all its sources.
    components : mapping of str to Uncertain
        Parts that add up to the dose (``self`` for local deposition).
    """

    region: str
    mass_g: Uncertain
    dose_gy: Uncertain
    components: Mapping[str, Uncertain]
