"""Batches of histories: their sums and what their spread says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from theradose.radiation.transport.types import ACCOUNT_SIZE, EMITTED, LOST, Array

LEAST_BATCHES = 2
"""Fewer have no spread."""


class Batches(Protocol):
    """A processor or graphics card with a problem."""

    def run(self, batch: int) -> tuple[Array, Array]:
        """Return the energy per voxel, keV, and the account of a batch; the caller may overwrite them."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """A linear function of the energies in voxels, as the mean dose of a region.

    Attributes
    ----------
    voxel : ndarray of int64, shape (k,)
        Flat indices.
    weight : ndarray, shape (k,)
        What each voxel's energy counts.
    """

    voxel: NDArray[np.int64]
    weight: Array


class BatchRun:
    """Sums over batches that can be extended until enough is known.

    Parameters
    ----------
    batches : Batches
        What computes them.
    shape : tuple of int
        Of the tally.
    per_batch : int
        Histories in a batch.
    scores : sequence of Score
        Evaluated for each batch.
    per_voxel : bool
        Also sum the squares per voxel.

    Attributes
    ----------
    energy_kev : ndarray, shape (nz, ny, nx)
        Sum over all histories.
    squared_kev2 : ndarray or None
        Sum over batches of the squared energies.
    account : ndarray, shape (4,)
        Energy emitted, carried out by electrons and by photons, and lost, keV.
    count : int
        Finished batches.
    seconds : float
        Time that they took.
    interrupted : bool
        Whether the user ended the last extension.
    """

    def __init__(
        self,
        batches: Batches,
        *,
        shape: tuple[int, int, int],
        per_batch: int,
        scores: Sequence[Score] = (),
        per_voxel: bool = False,
    ) -> None:
        self._batches = batches
        self._scores = tuple(scores)
        self._rows: list[Array] = []
        self.per_batch = per_batch
        self.energy_kev: Array = np.zeros(shape)
        self.squared_kev2: Array | None = np.zeros(shape) if per_voxel else None
        self.account: Array = np.zeros(ACCOUNT_SIZE)
        self.count = 0
        self.seconds = 0.0
        self.interrupted = False

    @property
    def histories(self) -> int:
        """Number of particles of the source."""
        return self.count * self.per_batch

    @property
    def scores(self) -> Array:
        """Each score in each batch, shape (batches, scores)."""
        return np.array(self._rows).reshape(self.count, len(self._scores))

    @property
    def energy_balance(self) -> float:
        """Energy deposited or carried out, over the energy emitted, minus 1."""
        found = float(self.energy_kev.sum()) + float(self.account[EMITTED + 1 : LOST].sum())
        return found / float(self.account[EMITTED]) - 1.0

    def extend(
        self, count: int, *, time_limit_s: float | None = None, on_batch: Callable[[int], None] | None = None
    ) -> None:
        """Run more batches; an interruption by the user or the end of the time keeps those that are finished.

        Parameters
        ----------
        count : int
            How many.
        time_limit_s : float, optional
            No batch starts later than this after the beginning of the extension, but two are always finished.
        on_batch : callable, optional
            Called with the number of finished batches after each.
        """
        begun = time.monotonic()
        try:
            for _ in range(count):
                late = time_limit_s is not None and time.monotonic() - begun > time_limit_s
                if late and self.count >= LEAST_BATCHES:
                    break
                self._add(*self._batches.run(self.count))
                if on_batch is not None:
                    on_batch(self.count)
        except KeyboardInterrupt:
            self.interrupted = True
        self.seconds += time.monotonic() - begun

    def _add(self, energy: Array, account: Array) -> None:
        flat = energy.reshape(-1)
        self._rows.append(np.array([flat[score.voxel] @ score.weight for score in self._scores]))
        self.energy_kev += energy
        self.account += account
        if self.squared_kev2 is not None:
            np.multiply(energy, energy, out=energy)
            self.squared_kev2 += energy
        self.count += 1
