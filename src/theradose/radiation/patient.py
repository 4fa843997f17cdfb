"""What a Monte Carlo of a patient takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from theradose.model.arrays import Array

Particle = Literal["electron", "photon"]
DEVICES = ("processor", "graphics-card")
"""Where to compute."""


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """What the particles move through.

    Attributes
    ----------
    density_g_per_ml : ndarray of float32, shape (nz, ny, nx)
        Above 0.
    material : ndarray of uint8, shape (nz, ny, nx)
        Index into `material_names`.
    material_names : tuple of str
        See :func:`theradose.radiation.materials.material_names`.
    spacing_mm : tuple of float
        Sides of a voxel (z, y, x).
    """

    density_g_per_ml: Array
    material: Array
    material_names: tuple[str, ...]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to compute; what is ``None`` sets no limit, and the packaged number of decays ends a run without any.

    Attributes
    ----------
    decays : int or None
        Simulated decays.
    target_relative_u : float or None
        Relative standard uncertainty to reach for every steering score.
    target_voxel_u : float or None
        Root mean square uncertainty of the voxels of every steering score to reach, relative to their mean energy.
    time_limit_s : float or None
        No batch starts later; of two kinds of particle the first gets half of what is left after the pilot.
    seed : int
        Of the random numbers.
    threads : int or None
        All cores by default.
    device : {"processor", "graphics-card"}
        Where to compute.
    """

    decays: int | None = None
    target_relative_u: float | None = None
    target_voxel_u: float | None = None
    time_limit_s: float | None = None
    seed: int = 1
    threads: int | None = None
    device: str = "processor"


@dataclass(frozen=True, slots=True, eq=False)
class ParticleResult:
    """What the particles of one kind do, per decay anywhere in the source.

    Attributes
    ----------
    energy_kev : ndarray, shape (nz, ny, nx)
        Energy deposited in each voxel.
    variance_kev2 : ndarray, shape (nz, ny, nx)
        Statistical variance of `energy_kev`; without voxels where it was not asked for.
    score, score_variance : ndarray, shape (scores,)
        Scores and their statistical variances.
    emitted_kev, escaped_electron_kev, escaped_photon_kev, lost_kev : float
        Energy account; what is emitted is deposited, escapes or, where too many secondaries wait, is lost.
    balance : float
        (Deposited + escaped) / emitted − 1 as computed.
    histories, batches : int
        Followed particles.
    seconds : float
        Time taken.
    interrupted : bool
        Whether the user ended it.
    """

    energy_kev: Array
    variance_kev2: Array
    score: Array
    score_variance: Array
    emitted_kev: float
    escaped_electron_kev: float
    escaped_photon_kev: float
    lost_kev: float
    balance: float
    histories: int
    batches: int
    seconds: float
    interrupted: bool


Report = Callable[[Particle, float], None]
"""Called with what is followed and the share that is done."""
