"""Absorbed dose per voxel and per region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from theradose.model.arrays import Array, frozen
from theradose.model.grid import Volume
from theradose.uncertainty import Uncertain

Radiation = Literal["electron", "photon", "alpha"]
"""Kinds of emitted radiation; alpha holds the recoils, and secondary particles belong to what set them free."""

RADIATIONS: tuple[Radiation, ...] = get_args(Radiation)

StoppedBy = Literal["histories", "target", "time", "interruption"]


@dataclass(frozen=True, slots=True)
class RadiationEnergy:
    """Where the energy of one kind of emitted radiation went.

    Attributes
    ----------
    radiation : {"electron", "photon", "alpha"}
        Kind of what the nuclide emits.
    emitted_j : float
        Emitted in all decays on the grid.
    deposited_j : float
        Deposited in voxels that get a dose.
    escaped_j : float
        Left the grid, was deposited in voxels without dose, or is left out by the engine.
    """

    radiation: Radiation
    emitted_j: float
    deposited_j: float
    escaped_j: float


@dataclass(frozen=True, slots=True, eq=False)
class DoseStatistics:
    """How a dose map was sampled.

    Attributes
    ----------
    histories : int
        Decays, or primary particles, that were followed.
    seed : int
        Of the random numbers.
    stopped_by : {"histories", "target", "time", "interruption"}
        What ended the calculation.
    region_relative_u : mapping of str to float
        Relative standard uncertainty of the mean dose of each region of the request. That of its voxels does not
        give it: one history hits many voxels.
    """

    histories: int
    seed: int
    stopped_by: StoppedBy
    region_relative_u: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class DoseMap(Volume):
    """Absorbed dose in Gy.

    Attributes
    ----------
    engine : str
        Name in the registry ``dose_engines``.
    parameters : mapping
        What the engine used (nuclear data, energy per decay, density treatment, ``certificate`` of its kernels),
        JSON-compatible.
    u : Volume or None
        Standard uncertainty of each voxel by statistics alone, Gy; ``None`` for an engine that does not sample.
    energy : tuple of RadiationEnergy
        The energy account; empty where the engine keeps none.
    statistics : DoseStatistics or None
        How the map was sampled; ``None`` for an engine that does not sample.
    """

    engine: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    u: Volume | None = None
    energy: tuple[RadiationEnergy, ...] = ()
    statistics: DoseStatistics | None = None


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
        Parts that add up to the dose: ``self`` by local deposition of electrons, ``alpha`` by that of alpha particles
        and recoils where there are some, unweighted, and ``transport``, what another engine adds to both or takes from
        them.
    """

    region: str
    mass_g: Uncertain
    dose_gy: Uncertain
    components: Mapping[str, Uncertain]
