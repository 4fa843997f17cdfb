"""What the transport starts from: where particles come from and with which energies.

Electrons and photons below the energies at which the transport absorbs them stay where they are emitted, as alpha
particles and recoils do, and need no histories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.radiation.emission import EmissionSpectra
from theradose.radiation.transport.types import Source

_GUIDE_ENTRIES = 1024


@dataclass(frozen=True, slots=True, eq=False)
class ParticleSpectrum:
    """Particles of one kind that are followed, and the energy of those that are not.

    Attributes
    ----------
    low_kev, high_kev : ndarray, shape (b,)
        Bins within which energies are equally probable; equal for a line.
    per_decay : ndarray, shape (b,)
        Particles per decay in each bin.
    local_kev_per_decay : float
        Energy per decay of particles that are absorbed where they are emitted.
    """

    low_kev: Array
    high_kev: Array
    per_decay: Array
    local_kev_per_decay: float

    @property
    def particles_per_decay(self) -> float:
        """Particles that are followed, per decay."""
        return float(self.per_decay.sum())

    @property
    def energy_kev_per_decay(self) -> float:
        """Energy of the followed particles per decay."""
        return float(self.per_decay @ (self.low_kev + self.high_kev)) / 2


def electron_spectrum(spectra: EmissionSpectra, *, cut_kev: float) -> ParticleSpectrum:
    """Return the betas, conversion and Auger electrons above a cut.

    Between two points of a beta spectrum the energies are equally probable in a bin about the mean of the linear
    density, so that number and energy are kept.

    References
    ----------
    [Salvat2019]_
    """
    energy, density = spectra.beta_energy_kev, spectra.beta_per_kev
    low, high, number = np.empty(0), np.empty(0), np.empty(0)
    local = 0.0
    if len(energy) > 1:
        edges = np.union1d(energy, [cut_kev]) if energy[0] < cut_kev < energy[-1] else energy
        values = np.interp(edges, energy, density)
        left, right, width = edges[:-1], edges[1:], np.diff(edges)
        number = 0.5 * (values[:-1] + values[1:]) * width
        first = number * (left + right) / 2 + (values[1:] - values[:-1]) * width**2 / 12
        mean = np.divide(first, number, out=(left + right) / 2, where=number > 0)
        # The widest interval about the mean that stays inside the bin.
        half = np.minimum(mean - left, right - mean)
        low, high = mean - half, mean + half
        followed = left >= cut_kev
        local += float(first[~followed].sum())
        low, high, number = low[followed], high[followed], number[followed]
    followed = spectra.electron_kev > cut_kev
    lines, per_decay = spectra.electron_kev[followed], spectra.electron_per_decay[followed]
    local += float(spectra.electron_kev[~followed] @ spectra.electron_per_decay[~followed])
    return ParticleSpectrum(
        np.concatenate([low, lines]), np.concatenate([high, lines]), np.concatenate([number, per_decay]), local
    )


def photon_spectrum(spectra: EmissionSpectra, *, cut_kev: float) -> ParticleSpectrum:
    """Return the photons above a cut.

    References
    ----------
    [Salvat2019]_
    """
    followed = spectra.photon_kev > cut_kev
    energy = spectra.photon_kev[followed]
    local = float(spectra.photon_kev[~followed] @ spectra.photon_per_decay[~followed])
    return ParticleSpectrum(energy, energy, spectra.photon_per_decay[followed], local)


def particle_source(activity: Array, spectrum: ParticleSpectrum) -> Source:
    """Return the source of particles of a spectrum in the voxels of a map of activity or time-integrated activity.

    Parameters
    ----------
    activity : ndarray, shape (nz, ny, nx)
        Any unit, none negative.
    spectrum : ParticleSpectrum
        At least one particle.

    Raises
    ------
    PhysicsError
        ``no-activity`` if the map is empty.
    """
    flat = activity.reshape(-1)
    voxel = np.flatnonzero(flat > 0)
    if len(voxel) == 0:
        raise PhysicsError(
            "The map of time-integrated activity holds nothing above 0, so there is no dose to compute: check that it "
            "is the right file and covers the patient.",
            code="no-activity",
        )
    cumulative = np.cumsum(flat[voxel], dtype=np.float64)
    order = np.argsort(spectrum.low_kev + spectrum.high_kev, kind="stable")
    probability = np.cumsum(spectrum.per_decay[order])
    probability /= probability[-1]
    guide = np.searchsorted(probability, np.arange(_GUIDE_ENTRIES) / _GUIDE_ENTRIES).astype(np.int64)
    return Source(
        voxel=voxel.astype(np.int64),
        cumulative=cumulative / cumulative[-1],
        energy_low_kev=np.ascontiguousarray(spectrum.low_kev[order]),
        energy_high_kev=np.ascontiguousarray(spectrum.high_kev[order]),
        energy_cumulative=probability,
        energy_guide=guide,
    )
