"""When a Monte Carlo of a request ends, and what it says of that."""

from dataclasses import replace

import numpy as np
import pytest

import theradose.dose  # noqa: F401
from theradose.dose.engines import dose_engines, transport_settings
from theradose.errors import GeometryError
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.region import RegionVoxels
from theradose.nuclides import load_nuclide
from theradose.radiation.emission import emission_spectra
from theradose.radiation.patient import Effort
from theradose.radiation.patient_transport import PatientTransport
from transport_support import cube_patient
from voxel_sources import run, uniform_request

ACTIVE = np.zeros((9, 9, 9))
ACTIVE[2:7, 2:7, 2:7] = 1.0


def request(*, nuclide="Lu-177", **settings):
    transport = replace(transport_settings(**settings), region_volume_ml=1.0)
    regions = {"tumour": RegionVoxels.from_mask(ACTIVE > 0)}
    return replace(uniform_request(ACTIVE, 4.0, nuclide=nuclide), regions=regions, transport=transport)


def test_decays_and_a_target_end_with_the_first_that_is_reached():
    target = 5e-4
    reached = run("montecarlo", request(histories=3_000_000, target_relative_u=target))
    assert reached.statistics.region_relative_u["tumour"] <= target
    assert reached.statistics.stopped_by == "target" and reached.statistics.histories < 1_000_000
    limited = run("montecarlo", request(histories=5_000, target_relative_u=1e-5))
    assert limited.statistics.stopped_by == "histories"
    # The batches of each particle are rounded up, 20 of them.
    assert 5_000 <= limited.statistics.histories < 5_200


def test_activity_in_air_alone_has_no_dose_but_a_result():
    case = request(target_relative_u=0.1, target_voxel_u=0.5)
    air = DensityMap(np.full(ACTIVE.shape, 0.0012, np.float32), case.tia.grid)
    dose, findings = dose_engines.get("montecarlo")(replace(case, density=air, materials=None, regions={}))
    assert not dose.data.any() and [finding.code for finding in findings] == ["activity-in-air"]


def test_sheared_voxels_are_refused():
    """Their sides times each other are not their volume: the mass of the dose would not be that of the transport."""
    case = request(histories=1000)
    affine = np.array(case.tia.grid.affine_mm)
    affine[:3, 2] += 0.3 * affine[:3, 1]
    grid = Grid(ACTIVE.shape, affine)
    sheared = replace(
        case, tia=Volume(case.tia.data, grid), density=DensityMap(case.density.data, grid), materials=None, regions={}
    )
    with pytest.raises(GeometryError, match="right angles"):
        run("montecarlo", sheared)


@pytest.mark.parametrize("engine", ["kernel-density-scaled", "hybrid"])
def test_a_nuclide_without_electrons_beside_lung(engine):
    """212Po emits an alpha particle and nothing else."""
    case = request(nuclide="Po-212", histories=1000)
    density = np.ones(ACTIVE.shape, np.float32)
    density[:, :, :4] = 0.3
    case = replace(case, nuclide=load_nuclide("Po-212"), density=DensityMap(density, case.tia.grid), materials=None)
    assert np.isfinite(run(engine, case).data).all()


def test_electrons_and_photons_have_random_numbers_of_their_own(monkeypatch):
    """With equal numbers the energies in a voxel correlate, 0.15 for 500 and 20 keV in 4 mm: variances do not add."""
    seeds = {}

    def remember(_, problem):
        seeds.setdefault(problem.kind, set()).add(problem.seed)
        raise KeyboardInterrupt

    monkeypatch.setattr(PatientTransport, "_batches", remember)
    patient = cube_patient(3, 4.0)
    transport = PatientTransport(
        patient, np.ones((3, 3, 3)), emission_spectra("Lu-177"), effort=Effort(decays=100, seed=5)
    )
    for particle in ("electron", "photon"):
        with pytest.raises(KeyboardInterrupt):
            transport.follow([particle])
    electrons, photons = seeds.values()
    assert not electrons & photons
