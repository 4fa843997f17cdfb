"""What to simulate: particles of one kind from a source in a patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.radiation.transport.types import Media, Source, Voxels


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A run's input; its batches are independent of each other and of who computes them.

    Attributes
    ----------
    kind : float
        ``stack.ELECTRON`` or ``stack.PHOTON``.
    source, voxels, media
        The plain arrays of :mod:`theradose.radiation.transport.types`.
    seed : int
        Of the random numbers.
    per_batch : int
        Histories in a batch.
    """

    kind: float
    source: Source
    voxels: Voxels
    media: Media
    seed: int
    per_batch: int

    def shift(self, batch: int) -> float:
        """Return where the sequence of energies of a batch starts, in [0, 1)."""
        return float(np.random.Generator(np.random.Philox(key=[self.seed, batch])).random())
