"""Run in a process of its own with NUMBA_ENABLE_CUDASIM=1 and NUMBA_DISABLE_JIT=1: the card's code, thread by thread.

The first argument is a file of results to write: energies and account of a batch of electrons and one of photons.
"""

from __future__ import annotations

import sys

import numpy as np

from theradose.radiation.transport.graphics import GraphicsCard
from theradose.radiation.transport.stack import ELECTRON, PHOTON
from transport_support import cube_problem

if __name__ == "__main__":
    results = {}
    # Without compilation the products of the random numbers overflow loudly, as they do silently in machine code.
    with np.errstate(over="ignore"):
        for name, kind, energy in (("electron", ELECTRON, 700.0), ("photon", PHOTON, 208.0)):
            problem = cube_problem(kind, energy, per_batch=96)
            # Blocks follow each other in the simulator, the threads of one do not take turns safely.
            results[name], results[f"{name}_account"] = GraphicsCard(problem, blocks=64, threads_per_block=1).run(3)
    np.savez(sys.argv[1], **results)
