"""The code for graphics cards, in numba's simulator: 64 threads, the same physics."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from theradose.radiation.transport.processor import Processor
from theradose.radiation.transport.stack import ELECTRON, PHOTON
from transport_support import cube_problem

TESTS = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    file = tmp_path_factory.mktemp("cuda") / "results.npz"
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, TESTS / "cuda_simulation.py", file], check=True, env=environment, cwd=TESTS)
    return np.load(file)


@pytest.mark.parametrize(("name", "kind", "energy"), [("electron", ELECTRON, 700.0), ("photon", PHOTON, 208.0)])
def test_card_and_processor_follow_the_same_histories(simulated, name, kind, energy):
    """Equal but for the order of additions and the last bits of elementary functions."""
    tally, account = Processor(cube_problem(kind, energy, per_batch=96), threads=1).run(3)
    assert np.allclose(simulated[name], tally, rtol=1e-9, atol=1e-9 * tally.max())
    assert np.allclose(simulated[f"{name}_account"], account, rtol=1e-9)
