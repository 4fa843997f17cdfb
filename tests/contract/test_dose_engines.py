"""What every dose engine owes: a map on the grid of the request, an account that closes, statistics if it samples."""

import numpy as np
import pytest

from theradose.dose.engines import DoseRequest, dose_engines, transport_settings
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.region import RegionVoxels
from theradose.nuclides import load_nuclide

GRID = Grid.axis_aligned((9, 10, 11), (4.8, 4.4, 4.4), (12.0, -7.0, 30.0))
BLOCK = (slice(3, 6), slice(3, 7), slice(4, 8))
AIR = (slice(8, 9), slice(None), slice(None))
HISTORIES = 20_000


def request():
    """A warm block in soft tissue, with a slice of air."""
    tia, density = np.zeros(GRID.shape, np.float32), np.full(GRID.shape, 1.04, np.float32)
    tia[BLOCK] = 10.0
    density[AIR] = 0.0012
    return DoseRequest(
        Volume(tia, GRID),
        DensityMap(density, GRID, "test"),
        load_nuclide("Lu-177"),
        regions={"block": RegionVoxels.from_mask(tia > 0)},
        transport=transport_settings(histories=HISTORIES),
    )


@pytest.fixture(scope="module", params=dose_engines.names())
def answer(request_of_all, request):
    """Name, map and findings of an engine."""
    return request.param, *dose_engines.get(request.param)(request_of_all)


@pytest.fixture(scope="module")
def request_of_all():
    return request()


def test_the_map_names_its_engine_and_lies_on_the_grid(answer):
    name, dose, findings = answer
    assert isinstance(dose, DoseMap) and dose.engine == name
    assert dose.grid.matches(GRID) and np.isfinite(dose.data).all() and dose.data.min() >= 0
    assert all(isinstance(finding, Finding) for finding in findings)


def test_the_block_gets_about_the_dose_of_its_electrons_and_air_none(answer):
    _, dose, _ = answer
    # 10 MBq·h/mL × 0.0851 Gy·g/(MBq·h) / 1.04 g/mL, less what leaves the block, plus its photons.
    assert dose.data[BLOCK].mean() == pytest.approx(10 * 0.0851 / 1.04, rel=0.1)
    assert dose.data[AIR].max() == 0


def test_the_energy_account_closes_and_agrees_with_the_map(answer):
    _, dose, _ = answer
    parts = {part.radiation: part for part in dose.energy}
    assert {"electron", "photon"} <= set(parts)
    for part in parts.values():
        assert part.deposited_j + part.escaped_j == pytest.approx(part.emitted_j, rel=1e-9)
        assert -1e-6 * part.emitted_j <= part.escaped_j
    # 48 voxels of 10 MBq·h/mL; 147.5 keV of electrons per decay, evaluations differ by 0.4 %.
    decays = 10 * 48 * GRID.voxel_volume_ml * 3.6e9
    assert parts["electron"].emitted_j == pytest.approx(decays * 147.47 * 1.602176634e-16, rel=5e-3)


def test_what_samples_says_how_well_it_knows_each_region(answer):
    _, dose, _ = answer
    assert (dose.u is None) == (dose.statistics is None)
    if dose.statistics is None or dose.u is None:
        return
    assert dose.u.grid.matches(GRID) and dose.u.data.min() >= 0
    assert dose.statistics.histories == pytest.approx(HISTORIES, rel=0.01)
    assert dose.statistics.seed == transport_settings().seed and dose.statistics.stopped_by == "histories"
    assert 0 < dose.statistics.region_relative_u["block"] < 0.05
