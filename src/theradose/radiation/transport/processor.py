"""Histories on the processor, on all of its cores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from theradose.compiled import device_function, kernel, thread_count
from theradose.radiation.transport.histories import history_follower
from theradose.radiation.transport.problem import Problem
from theradose.radiation.transport.stack import STACK_FIELDS, STACK_SIZE
from theradose.radiation.transport.types import ACCOUNT_SIZE, Array, Media, Source, Voxels

_CHUNKS_PER_THREAD = 8


@device_function
def add(tally: Array, iz: int, iy: int, ix: int, energy: float) -> None:
    """Add energy to a voxel of a tally that belongs to one thread."""
    tally[iz, iy, ix] += energy


follow_history = history_follower(add)


@kernel
def follow_chunk(
    first: int,
    last: int,
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
    """Follow some histories of a batch and add their energies to `tally` and `account`."""
    state = np.empty(1, np.uint64)
    stack = np.empty((STACK_SIZE, STACK_FIELDS), np.float64)
    for number in range(first, last):
        follow_history(number, batch, per_batch, kind, seed, shift, source, voxels, media, state, stack, tally, account)


@dataclass(frozen=True, slots=True, eq=False)
class _Share:
    """What one thread adds to."""

    tally: Array
    account: Array


class Processor:
    """Runs batches of a problem in threads that each have their own tally.

    Parameters
    ----------
    problem : Problem
        What to simulate.
    threads : int, optional
        All cores by default.
    """

    def __init__(self, problem: Problem, *, threads: int | None = None) -> None:
        self._problem = problem
        self._threads = threads or thread_count()
        self._shares = [
            _Share(np.zeros(problem.voxels.density.shape), np.zeros(ACCOUNT_SIZE)) for _ in range(self._threads)
        ]

    def run(self, batch: int) -> tuple[Array, Array]:
        """Return the energy per voxel, keV, and the account of a batch; both are overwritten by the next."""
        free: SimpleQueue[_Share] = SimpleQueue()
        for share in self._shares:
            share.tally.fill(0.0)
            share.account.fill(0.0)
            free.put(share)
        problem = self._problem
        shift = problem.shift(batch)
        edges = np.linspace(0, problem.per_batch, self._threads * _CHUNKS_PER_THREAD + 1).astype(int)

        def follow(part: int) -> None:
            share = free.get()
            follow_chunk(
                int(edges[part]), int(edges[part + 1]), batch, problem.per_batch, problem.kind, problem.seed, shift,
                problem.source, problem.voxels, problem.media, share.tally, share.account,
            )  # fmt: skip
            free.put(share)

        pool = ThreadPoolExecutor(self._threads)
        try:
            for _ in pool.map(follow, range(len(edges) - 1)):
                pass
        finally:
            # After an interruption the chunks that have not begun are dropped.
            pool.shutdown(cancel_futures=True)
        first, *others = self._shares
        for share in others:
            np.add(first.tally, share.tally, out=first.tally)
            np.add(first.account, share.account, out=first.account)
        return first.tally, first.account
