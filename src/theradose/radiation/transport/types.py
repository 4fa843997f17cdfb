"""The plain arrays that the transport works on, grouped by what they describe."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
State: TypeAlias = NDArray[np.uint64]
"""Random state of one history, shape (1,)."""

# Columns of Media.electron.
STOPPING, RANGE, STRAGGLING, HARD_COLLISION, HARD_RADIATIVE, FIRST_MOMENT, SECOND_MOMENT, PHOTONS_TO_COME = range(8)
# Columns of Media.photon: probabilities accumulate in this order, the first is the sum.
ATTENUATION, UP_TO_PHOTOELECTRIC, UP_TO_INCOHERENT, UP_TO_COHERENT = range(4)
# Places in the account of a run.
EMITTED, ESCAPED_ELECTRON, ESCAPED_PHOTON, LOST = range(4)
ACCOUNT_SIZE = 4


class Media(NamedTuple):
    """Interaction data of the materials, on one energy grid that is uniform in the logarithm of the energy.

    Attributes
    ----------
    log_start, log_step : float
        Logarithm of the first energy in keV, and its step.
    electron : ndarray, shape (materials, energies, 8)
        Soft stopping power keV cm²/g; range g/cm²; soft straggling keV² cm²/g; inverse mean free paths of hard
        collisions and hard bremsstrahlung cm²/g; inverse first and second transport mean free paths cm²/g; number of
        hard photons until the electron stops.
    bremsstrahlung : ndarray, shape (materials, energies, quantiles)
        Logarithm of photon over electron energy at equally spaced probabilities, hard photons only.
    photon : ndarray, shape (materials, energies, 4)
        Attenuation cm²/g, then the probability of photoelectric absorption, that or incoherent scattering, and those
        or coherent scattering; the rest is pair production.
    incoherent : ndarray, shape (materials, momenta)
        Incoherent scattering function over the number of electrons, at equal steps of the logarithm of momentum.
    coherent : ndarray, shape (materials, momenta)
        Integral of the squared form factor over the squared momentum, same grid.
    momentum_log_start, momentum_log_step : float
        Logarithm of the first momentum transfer sin(θ/2)/λ in 1/Å, and its step.
    collision_cut_kev, electron_cut_kev, photon_cut_kev : float
        Energy above which a collision is hard; energies at which electrons and photons are absorbed on the spot.
    step_fraction : float
        Longest step of an electron over its residual range.
    voxel_fraction : float
        Longest step over the smallest side of a voxel.
    """

    log_start: float
    log_step: float
    electron: NDArray[np.float64]
    bremsstrahlung: NDArray[np.float64]
    photon: NDArray[np.float64]
    incoherent: NDArray[np.float64]
    coherent: NDArray[np.float64]
    momentum_log_start: float
    momentum_log_step: float
    collision_cut_kev: float
    electron_cut_kev: float
    photon_cut_kev: float
    step_fraction: float
    voxel_fraction: float


class Voxels(NamedTuple):
    """The patient.

    Attributes
    ----------
    material : ndarray of uint8, shape (nz, ny, nx)
        Index into the first axis of the tables of :class:`Media`.
    density : ndarray of float32, shape (nz, ny, nx)
        g/cm³, above 0.
    side_z, side_y, side_x : float
        Sides of a voxel, cm.
    majorant : ndarray, shape (energies,)
        Largest linear attenuation of any voxel, 1/cm, on the grid of :class:`Media`.
    """

    material: NDArray[np.uint8]
    density: NDArray[np.float32]
    side_z: float
    side_y: float
    side_x: float
    majorant: NDArray[np.float64]


class Source(NamedTuple):
    """Where and with which energy particles start.

    Attributes
    ----------
    voxel : ndarray of int64, shape (k,)
        Flat indices of the voxels that hold activity.
    cumulative : ndarray, shape (k,)
        Running share of the activity, the last is 1.
    energy_low_kev, energy_high_kev : ndarray, shape (b,)
        Bins of the spectrum; equal for a line.
    energy_cumulative : ndarray, shape (b,)
        Running probability of the bins, the last is 1.
    energy_guide : ndarray of int64, shape (g,)
        First bin to look at for each of g equal parts of the probability.
    """

    voxel: NDArray[np.int64]
    cumulative: NDArray[np.float64]
    energy_low_kev: NDArray[np.float64]
    energy_high_kev: NDArray[np.float64]
    energy_cumulative: NDArray[np.float64]
    energy_guide: NDArray[np.int64]
