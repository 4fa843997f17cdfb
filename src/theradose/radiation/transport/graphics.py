"""Histories on a graphics card with CUDA.

The physics is the same code as on the processor; only how energy is added differs, because many threads share a tally.
Import this module only where numba's CUDA is wanted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from theradose.radiation.transport.histories import history_follower
from theradose.radiation.transport.problem import Problem
from theradose.radiation.transport.stack import STACK_FIELDS, STACK_SIZE
from theradose.radiation.transport.types import ACCOUNT_SIZE, Array, Media, Source, Voxels

THREADS_PER_BLOCK = 128
_BLOCKS_PER_MULTIPROCESSOR = 16


@cuda.jit(device=True)
def add(tally: Array, iz: int, iy: int, ix: int, energy: float) -> None:
    """Add energy to a voxel of a tally that all threads share."""
    cuda.atomic.add(tally, (iz, iy, ix), energy)


follow_history = history_follower(add)


def follow_batch(
    batch: int,
    per_batch: int,
    kind: float,
    seed: int,
    shift: float,
    source: Source,
    voxels: Voxels,
    media: Media,
    tally: Array,
    account: Array,
) -> None:
    """Follow all histories of a batch, each thread every n-th."""
    state = cuda.local.array(1, np.uint64)
    stack = cuda.local.array((STACK_SIZE, STACK_FIELDS), np.float64)
    own = cuda.local.array(ACCOUNT_SIZE, np.float64)
    for entry in range(ACCOUNT_SIZE):
        own[entry] = 0.0
    for number in range(cuda.grid(1), per_batch, cuda.gridsize(1)):
        follow_history(number, batch, per_batch, kind, seed, shift, source, voxels, media, state, stack, tally, own)
    for entry in range(ACCOUNT_SIZE):
        cuda.atomic.add(account, entry, own[entry])


_follow_batch = cuda.jit(follow_batch)


class GraphicsCard:
    """Runs batches of a problem on the current CUDA device.

    Parameters
    ----------
    problem : Problem
        What to simulate.
    blocks, threads_per_block : int, optional
        Shape of the launch; by default as many blocks as keep the card busy.
    """

    def __init__(
        self, problem: Problem, *, blocks: int | None = None, threads_per_block: int = THREADS_PER_BLOCK
    ) -> None:
        if blocks is None:
            blocks = _BLOCKS_PER_MULTIPROCESSOR * cuda.get_current_device().MULTIPROCESSOR_COUNT
        self._problem = problem
        self._launch = _follow_batch[blocks, threads_per_block]
        self._inputs = tuple(_on_card(group) for group in (problem.source, problem.voxels, problem.media))
        self._zeros = np.zeros(problem.voxels.density.shape)
        self._tally = cuda.to_device(self._zeros)
        self._account = cuda.to_device(np.zeros(ACCOUNT_SIZE))

    def run(self, batch: int) -> tuple[Array, Array]:
        """Return the energy per voxel, keV, and the account of a batch."""
        problem = self._problem
        self._tally.copy_to_device(self._zeros)
        self._account.copy_to_device(np.zeros(ACCOUNT_SIZE))
        self._launch(
            batch, problem.per_batch, problem.kind, problem.seed, problem.shift(batch), *self._inputs, self._tally,
            self._account,
        )  # fmt: skip
        return self._tally.copy_to_host(), self._account.copy_to_host()


def _on_card(group: Any) -> Any:
    """Return a named tuple with its arrays copied to the card."""
    return group._replace(
        **{
            name: cuda.to_device(value)
            for name, value in zip(group._fields, group, strict=True)
            if isinstance(value, np.ndarray)
        }
    )
