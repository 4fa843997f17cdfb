"""S values of a patient by any engine."""

import math

import numpy as np
import pytest

from theradose.dose.engines import Progress, dose_engines, transport_settings
from theradose.dose.local import local_dose_constant
from theradose.dose.patient_s import is_noisy, patient_s_values
from theradose.errors import PhysicsError
from theradose.formats.s_table import read_s_table
from theradose.formats.s_table_csv import write_s_table
from theradose.model.dose import DoseMap, DoseStatistics
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.nuclides import load_nuclide

LUTETIUM = load_nuclide("Lu-177")
GRID = Grid.axis_aligned((8, 8, 8), (4.0, 4.0, 4.0))


def patient():
    generator = np.random.default_rng(7)
    density = DensityMap(generator.uniform(0.9, 1.2, GRID.shape), GRID)
    liver, spleen = np.zeros(GRID.shape, np.float32), np.zeros(GRID.shape, np.float32)
    liver[1:5, 1:7, 1:7], liver[4, 1:7, 1:7], spleen[6, 2:5, 2:5] = 1, 0.5, 1
    regions = (Region("liver"), Region("Milz"))
    return density, Segmentation(GRID, regions, (RegionVoxels.from_mask(liver), RegionVoxels.from_mask(spleen)))


def mass_g(density, segmentation, name):
    return float(((segmentation.mask(name) >= 0.5) * density.data).sum(dtype=float) * GRID.voxel_volume_ml)


def test_local_deposition_gives_energy_over_mass_and_no_cross_dose():
    """Whatever the densities and fractions at the edge; 1e-5 is the arithmetic of single precision."""
    density, segmentation = patient()
    table, findings = patient_s_values(density=density, segmentation=segmentation, nuclide=LUTETIUM, engine="local")
    energy = local_dose_constant(electron_energy_kev=LUTETIUM.electron_energy_kev.value)
    for name, known in (("Milz", "spleen"), ("liver", "liver")):
        own = table.value(target=known, source=known)
        assert own.gy_per_mbq_h == pytest.approx(energy / mass_g(density, segmentation, name), rel=1e-5)
        assert own.u_gy_per_mbq_h is None
    assert table.mass_g["liver"] == pytest.approx(mass_g(density, segmentation, "liver"))
    assert table.value(target="liver", source="spleen").gy_per_mbq_h == 0
    assert [finding.code for finding in findings] == ["photon-dose-neglected"]
    assert (table.nuclide, table.phantom, table.origin.status) == ("Lu-177", "patient", "computed")


def test_table_of_a_patient_is_written_and_read(tmp_path):
    density, segmentation = patient()
    table, _ = patient_s_values(density=density, segmentation=segmentation, nuclide=LUTETIUM, engine="local")
    write_s_table(table, tmp_path / "s.csv")
    again = read_s_table(tmp_path / "s.csv")
    assert {pair: value.gy_per_mbq_h for pair, value in again.values.items()} == {
        pair: value.gy_per_mbq_h for pair, value in table.values.items()
    }
    assert again.mass_g == table.mass_g


def answering(answers, *, requests=None):
    """Return an engine with one answer per call: relative uncertainties by region, a finding, or an interruption."""
    waiting = iter(answers)

    def engine(request):
        if requests is not None:
            requests.append(request)
        answer = next(waiting)
        if answer is KeyboardInterrupt:
            raise KeyboardInterrupt
        findings = tuple(item for item in (answer,) if isinstance(item, Finding))
        statistics = None if findings else DoseStatistics(100, 1, "histories", answer)
        if request.progress is not None:
            request.progress(Progress(0.5))
        return DoseMap(np.full(GRID.shape, 2e-3), GRID, engine="even", statistics=statistics), findings

    return engine


@pytest.fixture
def compute(monkeypatch):
    """S values of the patient by an engine that gives 2 mGy everywhere."""

    def run(answers, **options):
        requests = []
        monkeypatch.setattr(dose_engines, "get", lambda name: answering(answers, requests=requests))
        density, segmentation = patient()
        table, findings = patient_s_values(
            density=density, segmentation=segmentation, nuclide=LUTETIUM, engine="even", **options
        )
        return table, {finding.code: finding for finding in findings}, requests

    return run


def test_statistics_of_the_engine_are_kept_and_large_ones_noticed(compute):
    table, findings, _ = compute([{"liver": 0.01, "Milz": 0.02}, {"liver": 0.25, "Milz": 0.1}])
    cross = table.value(target="liver", source="spleen")
    assert cross.gy_per_mbq_h == pytest.approx(2e-3)
    assert cross.u_gy_per_mbq_h == pytest.approx(5e-4)
    # 10 % is the limit, not above it.
    assert [pair for pair, value in table.values.items() if is_noisy(value)] == [("liver", "spleen")]
    assert "1 of 4" in findings["s-value-noisy"].message and "25%" in findings["s-value-noisy"].message


@pytest.mark.parametrize("relative_u", [math.inf, 0.0])
def test_a_pair_without_histories_is_not_known_and_not_zero(compute, relative_u):
    """An engine may add a part that it does not sample; then the uncertainty is 0 and not infinite."""
    table, findings, _ = compute([{"liver": 0.01, "Milz": relative_u}, {"liver": 0.01, "Milz": 0.01}])
    assert not table.has(target="spleen", source="liver") and table.has(target="liver", source="spleen")
    assert "spleen ← liver" in findings["s-value-unreached"].message


def test_regions_steer_by_their_own_activity_unless_every_target_is_asked_for(compute):
    even = {"liver": 0.01, "Milz": 0.01}
    transport = transport_settings(target_relative_u=0.02, time_limit_s=60, seed=40)
    _, _, requests = compute([even, even], transport=transport)
    first, second = (request.transport for request in requests)
    assert (first.target_relative_u, first.target_voxel_u, first.time_limit_s) == (0.02, None, 30)
    assert (first.region_volume_ml, first.region_share) == (transport.region_volume_ml, transport.region_share)
    assert set(requests[0].regions) == {"liver", "Milz"}
    assert first.seed != second.seed
    _, _, alone = compute([even], transport=transport, sources=["Milz"], every_target=True)
    assert alone[0].transport.seed == second.seed
    assert (alone[0].transport.region_volume_ml, alone[0].transport.region_share) == (0, 0)


def test_a_source_fills_whole_voxels(compute):
    """Half of a voxel and more is in the region, so that local deposition loses nothing at its surface."""
    _, _, requests = compute([{}, {}])
    density, segmentation = patient()
    tia = requests[0].tia
    assert np.unique(tia.data).size == 2 and tia.data[4, 1, 1] == tia.data[1, 1, 1] > 0
    assert tia.data.sum() * GRID.voxel_volume_ml == pytest.approx(1)


def test_finished_sources_are_kept_when_the_user_interrupts(compute):
    table, findings, _ = compute([{"liver": 0.01, "Milz": 0.01}, KeyboardInterrupt])
    assert table.sources == ("liver",) and table.targets == ("liver", "spleen")
    assert "Milz" in findings["interrupted"].message
    partial = Finding("interrupted", "warning", "The engine was interrupted.")
    assert compute([{"liver": 0.01}, partial])[0].sources == ("liver",)
    for nothing in (KeyboardInterrupt, partial):
        with pytest.raises(KeyboardInterrupt):
            compute([nothing])


def test_progress_is_that_of_all_sources(compute):
    told = []
    compute([{}, {}], progress=lambda progress: told.append(progress.fraction))
    assert told == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_findings_of_one_source_name_it(compute):
    everywhere, once = (Finding(code, "warning", code) for code in ("everywhere", "once"))
    assert compute([everywhere, everywhere])[1]["everywhere"].where == ""
    assert compute([everywhere, once])[1]["once"].where == "Milz"


def test_other_grid_and_empty_region_are_refused():
    density, segmentation = patient()
    other = Grid.axis_aligned((8, 8, 8), (5.0, 4.0, 4.0))
    with pytest.raises(PhysicsError, match="different grids"):
        patient_s_values(
            density=DensityMap(density.data, other), segmentation=segmentation, nuclide=LUTETIUM, engine="local"
        )
    empty = segmentation.with_regions([(Region("empty"), RegionVoxels.from_mask(np.zeros(GRID.shape)))])
    with pytest.raises(PhysicsError, match="empty"):
        patient_s_values(density=density, segmentation=empty, nuclide=LUTETIUM, engine="local")
