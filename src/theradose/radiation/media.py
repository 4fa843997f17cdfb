"""Interaction data of tissues as the transport reads them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.radiation.electron_tables import ElectronTables, electron_tables
from theradose.radiation.materials import load_material
from theradose.radiation.photons import PhotonTables, photon_energy_grid, photon_tables
from theradose.radiation.transport.types import Media

_SETTINGS = "radiation/transport.yaml"


@dataclass(frozen=True, slots=True)
class TransportCuts:
    """How closely particles are followed.

    Attributes
    ----------
    electron_kev, photon_kev : float
        Energies at which particles are absorbed on the spot.
    collision_kev : float
        Collisions that transfer more are single events.
    radiative_kev : float
        Bremsstrahlung photons of more are single events.
    step_fraction : float
        Longest step of an electron over its residual range.
    voxel_fraction : float
        Longest step over the smallest side of a voxel.
    """

    electron_kev: float
    photon_kev: float
    collision_kev: float
    radiative_kev: float
    step_fraction: float
    voxel_fraction: float

    def __post_init__(self) -> None:
        lowest = float(photon_energy_grid()[0])
        energies = (self.electron_kev, self.photon_kev, self.collision_kev, self.radiative_kev)
        if not lowest <= min(energies) or not max(energies) < math.inf:
            raise PhysicsError(
                f"The cuts of the transport are {', '.join(f'{value:g}' for value in energies)} keV: each must be at "
                f"least {lowest:g} keV, where the interaction data begin.",
                code="transport-cut",
            )


def packaged_cuts(*, electron_kev: float | None = None, photon_kev: float | None = None) -> TransportCuts:
    """Return the packaged settings, with other energies of absorption where they are given.

    References
    ----------
    [Salvat2019]_ What cuts and steps do.
    """
    settings = load_yaml(_SETTINGS)
    cuts = TransportCuts(
        electron_kev=float(settings["electron_cut"]["value"]),
        photon_kev=float(settings["photon_cut"]["value"]),
        collision_kev=float(settings["collision_cut"]["value"]),
        radiative_kev=float(settings["radiative_cut"]["value"]),
        step_fraction=float(settings["step_fraction"]["value"]),
        voxel_fraction=float(settings["voxel_fraction"]["value"]),
    )
    return replace(
        cuts,
        electron_kev=cuts.electron_kev if electron_kev is None else electron_kev,
        photon_kev=cuts.photon_kev if photon_kev is None else photon_kev,
    )


@cache
def transport_media(names: tuple[str, ...], cuts: TransportCuts) -> Media:
    """Return the arrays of some materials, whose index is their place in `names`.

    Raises
    ------
    PhysicsError
        For a material that is not known.
    """
    materials = [load_material(name) for name in names]
    energies = photon_energy_grid()
    electrons = electron_tables(
        materials, energy_grid_kev=energies, collision_cut_kev=cuts.collision_kev, radiative_cut_kev=cuts.radiative_kev
    )
    photons = photon_tables(materials=materials, energy_grid_kev=energies)
    momenta = photons.momentum_per_angstrom
    return Media(
        log_start=math.log(energies[0]),
        log_step=math.log(energies[-1] / energies[0]) / (len(energies) - 1),
        electron=_electron_columns(electrons),
        bremsstrahlung=np.ascontiguousarray(electrons.photon_log_share),
        photon=_photon_columns(photons),
        incoherent=np.ascontiguousarray(photons.incoherent),
        coherent=np.ascontiguousarray(photons.coherent_cumulative),
        momentum_log_start=math.log(momenta[0]),
        momentum_log_step=math.log(momenta[-1] / momenta[0]) / (len(momenta) - 1),
        collision_cut_kev=cuts.collision_kev,
        electron_cut_kev=cuts.electron_kev,
        photon_cut_kev=cuts.photon_kev,
        step_fraction=cuts.step_fraction,
        voxel_fraction=cuts.voxel_fraction,
    )


def _electron_columns(tables: ElectronTables) -> np.ndarray:
    """Return the columns in the order that :mod:`theradose.radiation.transport.types` names."""
    return np.stack(
        [
            tables.soft_stopping_kev_cm2_per_g,
            tables.range_g_per_cm2,
            tables.straggling_kev2_cm2_per_g,
            tables.moller_cm2_per_g,
            tables.bremsstrahlung_cm2_per_g,
            tables.first_transport_cm2_per_g,
            tables.second_transport_cm2_per_g,
            tables.photons_to_rest,
        ],
        axis=-1,
    )


def _photon_columns(tables: PhotonTables) -> np.ndarray:
    """Return the attenuation and the running probabilities of photoelectric, incoherent and coherent."""
    total = tables.attenuation.sum(axis=-1)
    running = np.cumsum(tables.attenuation[..., :3], axis=-1) / total[..., None]
    return np.concatenate([total[..., None], running], axis=-1)
