"""How far a Monte Carlo goes, and what it says of itself."""

from dataclasses import replace

import numpy as np
import pytest

from theradose.errors import PhysicsError
from theradose.radiation.emission import emission_spectra
from theradose.radiation.media import packaged_cuts
from theradose.radiation.patient import Effort
from theradose.radiation.patient_transport import PatientTransport
from theradose.radiation.sources import electron_spectrum, particle_source, photon_spectrum
from theradose.radiation.transport.run import Score
from transport_support import cube_patient

LUTETIUM = emission_spectra("Lu-177")
MIDDLE = 2 * 25 + 2 * 5 + 2


def transport(effort, *, scores=(), activity=None, **options):
    patient = cube_patient(5, 4.0)
    if activity is None:
        activity = np.zeros((5, 5, 5))
        activity[2, 2, 2] = 3.0
    return PatientTransport(patient, activity, LUTETIUM, effort=effort, scores=scores, **options)


def score(*voxels):
    return Score(np.array(voxels), np.ones(len(voxels)))


def test_spectra_keep_number_and_energy():
    electrons, photons = electron_spectrum(LUTETIUM, cut_kev=10.0), photon_spectrum(LUTETIUM, cut_kev=5.0)
    assert electrons.energy_kev_per_decay + electrons.local_kev_per_decay == pytest.approx(
        LUTETIUM.electron_energy_kev, rel=1e-12
    )
    assert photons.energy_kev_per_decay + photons.local_kev_per_decay == pytest.approx(
        LUTETIUM.photon_energy_kev, rel=1e-12
    )
    assert electrons.low_kev.min() >= 10.0 and np.all(electrons.high_kev >= electrons.low_kev)


def test_source_gives_every_voxel_its_share():
    activity = np.zeros((2, 2, 2))
    activity[0, 1, 0], activity[1, 1, 1] = 1.0, 3.0
    source = particle_source(activity, photon_spectrum(LUTETIUM, cut_kev=5.0))
    assert source.voxel.tolist() == [2, 7] and source.cumulative.tolist() == [0.25, 1.0]
    assert source.energy_cumulative[-1] == 1.0 and np.all(np.diff(source.energy_cumulative) >= 0)


def test_no_activity_is_refused():
    with pytest.raises(PhysicsError, match="holds nothing above 0"):
        transport(Effort(decays=100), activity=np.zeros((5, 5, 5))).follow(("electron",))


def test_decays_set_the_number_of_histories():
    job = transport(Effort(decays=10_000))
    results = job.follow(("electron", "photon"))
    for particle, result in results.items():
        expected = 10_000 * job.spectrum(particle).particles_per_decay
        assert expected <= result.histories < expected + result.batches
        assert abs(result.balance) < 1e-11 and result.lost_kev == 0.0
        found = result.energy_kev.sum() + result.escaped_electron_kev + result.escaped_photon_kev
        assert found == pytest.approx(result.emitted_kev, rel=1e-11)


def test_target_is_reached_for_the_steering_scores():
    job = transport(Effort(target_relative_u=0.01), scores=(score(MIDDLE + 1), score(0)), steering=1)
    results = job.follow(("electron", "photon"))
    u = job.relative_u(results)
    assert u[0] <= 0.01 < u[1]


def test_interruption_of_the_first_run_ends_it(monkeypatch):
    class Interrupted:
        def run(self, batch):
            raise KeyboardInterrupt

    job = transport(Effort(target_relative_u=0.01), scores=(score(MIDDLE),))
    monkeypatch.setattr(job, "_batches", lambda problem: Interrupted())
    with pytest.raises(KeyboardInterrupt):
        job.follow(("electron", "photon"))


def test_voxels_have_a_target_of_their_own():
    uniform = np.ones((5, 5, 5))
    everything = score(*range(125))
    coarse = transport(Effort(target_relative_u=0.01), scores=(everything,), activity=uniform)
    fine = transport(Effort(target_relative_u=0.01, target_voxel_u=0.02), scores=(everything,), activity=uniform)
    results = fine.follow(("electron", "photon"))
    assert results["electron"].histories > coarse.follow(("electron", "photon"))["electron"].histories
    variance = sum(result.variance_kev2 for result in results.values())
    energy = sum(result.energy_kev for result in results.values())
    assert np.sqrt(variance.mean()) / energy.mean() <= 0.02


def test_stated_uncertainty_is_that_between_seeds():
    """Forty runs with other seeds scatter as each of them says; 40 runs know their spread to 11 %."""
    scores = (score(MIDDLE), score(MIDDLE + 1))
    values, stated = [], []
    for seed in range(40):
        job = transport(Effort(decays=4000, seed=seed), scores=scores)
        results = job.follow(("electron", "photon"))
        values.append(sum(result.score for result in results.values()))
        stated.append(job.relative_u(results) * values[-1])
    spread = np.std(values, axis=0, ddof=1)
    assert np.all(np.abs(np.sqrt(np.mean(np.square(stated), axis=0)) / spread - 1) < 0.4)


def test_time_limit_keeps_what_was_computed():
    """The second particle gets what is left of the time, and at least two batches of each are finished."""
    job = transport(Effort(decays=10**8, time_limit_s=1.0))
    results = job.follow(("electron", "photon"))
    assert job.out_of_time
    for particle, result in results.items():
        assert result.batches >= 2 and result.histories < 10**8 * job.spectrum(particle).particles_per_decay
    assert set(results) == {"electron", "photon"}


def test_what_is_known_without_histories_counts():
    """A large known energy makes the same noise a small part."""
    known = np.zeros((5, 5, 5))
    known[2, 2, 3] = 1e6
    job = transport(Effort(decays=2000), scores=(score(MIDDLE + 1),))
    results = job.follow(("photon",), known_kev=known)
    assert job.relative_u(results)[0] < 1e-3


def test_cuts_below_the_interaction_data_are_refused():
    with pytest.raises(PhysicsError, match="at least 1 keV"):
        packaged_cuts(electron_kev=0.1)


def test_energies_beyond_the_interaction_data_are_refused():
    spectra = replace(LUTETIUM, photon_kev=np.array([6129.0]), photon_per_decay=np.array([0.5]))
    with pytest.raises(PhysicsError, match="6129 keV, and the interaction data end at 3000 keV"):
        PatientTransport(cube_patient(5, 4.0), np.ones((5, 5, 5)), spectra, effort=Effort(decays=10))


def test_electrons_and_photons_have_other_random_numbers():
    """Runs of equal length from one seed scatter independently: their correlation over seeds is that of chance."""
    pairs = []
    for seed in range(60):
        job = transport(Effort(decays=2000, seed=seed), scores=(score(MIDDLE + 1),))
        results = job.follow(("electron", "photon"))
        pairs.append([results[particle].score[0] for particle in ("electron", "photon")])
    # 60 pairs: a correlation of chance has a standard deviation of 0.13.
    assert abs(np.corrcoef(np.array(pairs).T)[0, 1]) < 0.5
