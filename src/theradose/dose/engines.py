"""Dose engines: from time-integrated activity and density to a dose map."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.model.material import MaterialMap
from theradose.model.region import RegionVoxels
from theradose.nuclides import Nuclide
from theradose.radiation.patient import DEVICES
from theradose.registry import Registry

INTERRUPTED = "interrupted"
"""Code of the finding with which an engine returns what it had when it was interrupted."""


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How an engine that samples does so; the others take no notice.

    It ends with the first of `histories`, `target_relative_u` and `time_limit_s` that is reached.

    Attributes
    ----------
    histories : int or None
        Number of decays to follow.
    target_relative_u : float or None
        Relative standard uncertainty to reach for the mean dose of each region that has `region_volume_ml` and
        `region_share`; without such a region for the mean dose of all voxels with activity.
    target_voxel_u : float or None
        Root mean square uncertainty of the voxels of each of these regions to reach, relative to its mean dose.
    time_limit_s : float or None
        Wall-clock time.
    seed : int
        Of the random numbers; equal seeds give equal maps whatever the number of threads.
    threads : int or None
        ``None`` is one for each core.
    device : {"processor", "graphics-card"}
        Where to compute; both follow the same histories.
    region_volume_ml, region_share : float
        Smallest volume, and smallest share of the time-integrated activity, of the regions that `target_relative_u`
        is meant for.
    photon_cut_kev, electron_cut_kev : float or None
        Below these energies particles deposit theirs on the spot; ``None`` is what the transport is made for.
    """

    histories: int | None
    target_relative_u: float | None
    target_voxel_u: float | None
    time_limit_s: float | None
    seed: int
    threads: int | None
    device: str
    region_volume_ml: float
    region_share: float
    photon_cut_kev: float | None
    electron_cut_kev: float | None

    def __post_init__(self) -> None:
        targets = (self.target_relative_u, self.target_voxel_u)
        if self.histories is None and targets == (None, None) and self.time_limit_s is None:
            raise PhysicsError(
                "Nothing says when to stop: give a number of histories, a target uncertainty or a time limit.",
                code="transport-settings",
            )
        if not 0 <= self.seed < 2**63:
            raise _out_of_range("seed", self.seed, "from 0 to 2^63 - 1")
        for target in targets:
            if target is not None and not 0 < target < 1:
                raise _out_of_range("target uncertainty", target, "between 0 and 1")
        if self.device not in DEVICES:
            raise PhysicsError(
                f"There is no device '{self.device}': valid are {', '.join(DEVICES)}.",
                code="transport-settings",
            )
        limits = {"number of histories": self.histories, "time limit": self.time_limit_s,
                  "number of threads": self.threads, "photon cut": self.photon_cut_kev,
                  "electron cut": self.electron_cut_kev}  # fmt: skip
        for name, value in limits.items():
            if value is not None and not 0 < value < math.inf:
                raise _out_of_range(name, value, "above 0")


def transport_settings(
    *,
    histories: int | None = None,
    target_relative_u: float | None = None,
    target_voxel_u: float | None = None,
    time_limit_s: float | None = None,
    seed: int | None = None,
    threads: int | None = None,
    device: str = "processor",
) -> TransportSettings:
    """Return settings with the packaged conventions for what is ``None``.

    Where neither histories nor a target are given the packaged target holds, and a time limit only cuts it short.

    References
    ----------
    [Theradose]_ The conventions are in ``data/dose.yaml``.
    """
    packaged = load_yaml("dose.yaml")["transport"]["value"]
    if histories is None and target_relative_u is None:
        target_relative_u = float(packaged["target_relative_u"])
    if histories is None and target_voxel_u is None:
        target_voxel_u = float(packaged["target_voxel_u"])
    return TransportSettings(
        histories=histories,
        target_relative_u=target_relative_u,
        target_voxel_u=target_voxel_u,
        time_limit_s=time_limit_s,
        seed=int(packaged["seed"]) if seed is None else seed,
        threads=threads,
        device=device,
        region_volume_ml=float(packaged["region_volume_ml"]),
        region_share=float(packaged["region_share"]),
        photon_cut_kev=None,
        electron_cut_kev=None,
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an engine is.

    Attributes
    ----------
    fraction : float
        Part of the work that is done, 0 to 1; an estimate where a target uncertainty ends it.
    histories : int
        Followed so far.
    relative_u : float or None
        Largest relative standard uncertainty of the regions that the target is meant for.
    """

    fraction: float
    histories: int = 0
    relative_u: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DoseRequest:
    """What every engine gets.

    Attributes
    ----------
    tia : Volume
        Time-integrated activity concentration, MBq·h/mL.
    density : DensityMap
        g/mL on the same grid.
    nuclide : Nuclide
        With the nuclear data chosen for the study.
    materials : MaterialMap or None
        Tissue of each voxel on the same grid; ``None`` lets the engine tell it from the density.
    regions : mapping of str to RegionVoxels
        Regions on the same grid whose mean dose must be known well, and whose statistics are reported.
    transport : TransportSettings
        For engines that sample.
    progress : callable or None
        Told how far the engine is, from the thread that called the engine.

    Raises
    ------
    PhysicsError
        ``grid-mismatch``, ``density-invalid``, ``tia-invalid``, ``region-outside-grid``, ``material-unknown``.
    """

    tia: Volume
    density: DensityMap
    nuclide: Nuclide
    materials: MaterialMap | None = None
    regions: Mapping[str, RegionVoxels] = field(default_factory=dict)
    transport: TransportSettings = field(default_factory=transport_settings)
    progress: Callable[[Progress], None] | None = None

    def __post_init__(self) -> None:
        _check_grid(self.tia, self.density, "density map")
        _check_density(self.density)
        _check_tia(self.tia)
        if self.materials is not None:
            _check_grid(self.tia, self.materials, "material map")
            _check_materials(self.materials)
        for name, voxels in self.regions.items():
            if any(part.stop > length for part, length in zip(voxels.box, self.tia.grid.shape, strict=True)):
                raise PhysicsError(
                    f"The region '{name}' reaches beyond the grid of the time-integrated activity: outline it on that "
                    "grid.",
                    code="region-outside-grid",
                )
        object.__setattr__(self, "regions", MappingProxyType(dict(self.regions)))


DoseEngine = Callable[[DoseRequest], tuple[DoseMap, tuple[Finding, ...]]]
"""Returns a dose map on the grid of the request, whose `engine` is the name in the registry.

An engine that is interrupted (``KeyboardInterrupt``) returns what it has, with the finding `INTERRUPTED`.
"""

dose_engines: Registry[DoseEngine] = Registry("dose_engines", error=PhysicsError)
"""Every engine by name; ``local`` is the first."""


def _check_grid(tia: Volume, other: Volume, name: str) -> None:
    if tia.grid.shape != other.grid.shape:
        shapes = (" × ".join(map(str, grid.shape)) for grid in (other.grid, tia.grid))
        raise PhysicsError(
            "The {} has {} voxels and the time-integrated activity {}: resample one of them.".format(name, *shapes),
            code="grid-mismatch",
        )
    if not tia.grid.matches(other.grid):
        raise PhysicsError(
            f"The {name} and the time-integrated activity are on different grids: resample one of them.",
            code="grid-mismatch",
        )


def _check_density(density: DensityMap) -> None:
    lowest, highest = float(density.data.min()), float(density.data.max())
    # A comparison with NaN is false, and the minimum of an array with NaN is NaN.
    if lowest > 0 and highest < math.inf:
        return
    wrong = int(np.count_nonzero(~((density.data > 0) & (density.data < math.inf))))
    raise PhysicsError(
        f"The density of {wrong} of {density.grid.size} voxels is zero, negative or not finite: a density in g/mL is "
        "positive everywhere, about 0.0012 in air.",
        code="density-invalid",
    )


def _check_tia(tia: Volume) -> None:
    if float(tia.data.min()) >= 0 and float(tia.data.max()) < math.inf:
        return
    wrong = int(np.count_nonzero(~((tia.data >= 0) & (tia.data < math.inf))))
    raise PhysicsError(
        f"The time-integrated activity of {wrong} of {tia.grid.size} voxels is negative or not finite: set voxels "
        "without activity to 0.",
        code="tia-invalid",
    )


def _check_materials(materials: MaterialMap) -> None:
    from theradose.radiation.materials import load_material

    for name in materials.names.values():
        load_material(name)


def _out_of_range(name: str, value: float, valid: str) -> PhysicsError:
    return PhysicsError(f"A {name} of {value:g} is not possible: it lies {valid}.", code="transport-settings")
