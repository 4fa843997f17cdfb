"""Batches: energy, threads, sums and interruption."""

from dataclasses import replace

import numpy as np
import pytest

from theradose.radiation.media import packaged_cuts
from theradose.radiation.transport.processor import Processor
from theradose.radiation.transport.run import LEAST_BATCHES, BatchRun, Score
from theradose.radiation.transport.stack import ELECTRON, PHOTON
from theradose.radiation.transport.types import EMITTED, ESCAPED_ELECTRON, ESCAPED_PHOTON, LOST
from transport_support import cube_patient, cube_problem, line_source

SOURCES = [(ELECTRON, 100.0), (ELECTRON, 2000.0), (PHOTON, 30.0), (PHOTON, 364.0), (PHOTON, 2600.0)]


@pytest.mark.parametrize(("kind", "energy"), SOURCES)
def test_energy_is_deposited_or_leaves(kind, energy):
    tally, account = Processor(cube_problem(kind, energy, per_batch=5000)).run(0)
    assert account[EMITTED] == pytest.approx(5000 * energy)
    found = tally.sum() + account[ESCAPED_ELECTRON] + account[ESCAPED_PHOTON]
    assert found == pytest.approx(account[EMITTED], rel=1e-11)
    assert account[LOST] == 0.0


@pytest.mark.parametrize(("kind", "energy"), [(ELECTRON, 2000.0), (PHOTON, 364.0)])
def test_result_does_not_depend_on_the_number_of_threads(kind, energy):
    problem = cube_problem(kind, energy, per_batch=2000)
    one = [array.copy() for array in Processor(problem, threads=1).run(2)]
    for threads in (2, 3, 7):
        for array, expected in zip(Processor(problem, threads=threads).run(2), one, strict=True):
            assert np.allclose(array, expected, rtol=1e-9, atol=1e-12 * expected.max())


def test_batches_and_seeds_are_other_histories():
    problem = cube_problem(ELECTRON, 700.0, side_mm=0.5)
    processor = Processor(problem)
    first = processor.run(0)[0].copy()
    assert np.allclose(processor.run(0)[0], first, rtol=1e-9)
    assert not np.allclose(processor.run(1)[0], first, rtol=1e-3)
    assert not np.allclose(Processor(replace(problem, seed=2)).run(0)[0], first, rtol=1e-3)


def test_energy_goes_nowhere_in_particular():
    """A source in the middle voxel gives the six faces the same energy."""
    problem = cube_problem(ELECTRON, 700.0, n=3, side_mm=1.0, per_batch=20_000)
    processor = Processor(problem)
    faces = []
    for batch in range(12):
        tally = processor.run(batch)[0]
        faces.append([tally[0, 1, 1], tally[2, 1, 1], tally[1, 0, 1], tally[1, 2, 1], tally[1, 1, 0], tally[1, 1, 2]])
    faces = np.array(faces)
    u = faces.std(axis=0, ddof=1) / np.sqrt(len(faces))
    assert np.all(np.abs(faces.mean(axis=0) - faces.mean()) < 4.5 * u)


def test_histories_are_spread_evenly_over_the_activity():
    """With electrons that stay in their voxel each of 125 equal voxels gets its 1000 / 125 histories."""
    problem = cube_problem(ELECTRON, 20.0, side_mm=20.0, per_batch=1000)
    problem = replace(problem, source=line_source((5, 5, 5), 20.0, voxels=range(125)))
    assert np.abs(Processor(problem).run(0)[0] / 20.0 - 8.0).max() <= 1.0


def test_squares_and_scores_tell_the_spread():
    problem = cube_problem(ELECTRON, 700.0, n=3, side_mm=1.0, per_batch=500)
    processor = Processor(problem)
    every = np.array([processor.run(batch)[0].copy() for batch in range(12)])
    middle = Score(np.array([13]), np.array([2.0]))
    run = BatchRun(Processor(problem), shape=(3, 3, 3), per_batch=500, scores=[middle], per_voxel=True)
    run.extend(5)
    run.extend(7)
    assert np.allclose(run.energy_kev, every.sum(axis=0))
    assert np.allclose(run.squared_kev2, (every**2).sum(axis=0))
    assert np.allclose(run.scores[:, 0], 2.0 * every[:, 1, 1, 1])
    assert (run.count, run.histories) == (12, 6000)
    assert abs(run.energy_balance) < 1e-11


class Interrupted:
    """Batches that the user ends in the fourth."""

    def run(self, batch):
        if batch == 3:
            raise KeyboardInterrupt
        return np.full((1, 1, 1), 2.0), np.array([2.0, 0.0, 0.0, 0.0])


def test_interruption_keeps_finished_batches():
    run = BatchRun(Interrupted(), shape=(1, 1, 1), per_batch=10)
    run.extend(20)
    assert run.interrupted and run.count == 3
    assert run.energy_kev[0, 0, 0] == 6.0


def test_two_batches_are_finished_and_none_starts_after_the_time():
    run = BatchRun(Processor(cube_problem(ELECTRON, 100.0)), shape=(5, 5, 5), per_batch=1000)
    run.extend(1000, time_limit_s=0.0)
    assert run.count == LEAST_BATCHES


def test_energy_that_finds_no_room_is_counted():
    """Hard collisions of 1 keV in voxels of 1 µm set free as many electrons as ever wait."""
    cuts = replace(packaged_cuts(), electron_kev=1.0, photon_kev=1.0, collision_kev=1.0, radiative_kev=1.0)
    patient = cube_patient(41, 0.001, density=1.0)
    tally, account = Processor(cube_problem(ELECTRON, 3000.0, patient=patient, cuts=cuts, per_batch=200)).run(0)
    balance = tally.sum() + account[ESCAPED_ELECTRON] + account[ESCAPED_PHOTON] + account[LOST]
    assert balance == pytest.approx(account[EMITTED], rel=1e-11)
