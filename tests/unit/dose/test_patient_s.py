"""S values of a patient by any engine."""

from dataclasses import dataclass

import numpy as np
import pytest

from theradose.dose.engines import DoseRequest, dose_engines
from theradose.dose.local import local_dose_constant
from theradose.dose.patient_s import patient_s_values
from theradose.errors import PhysicsError
from theradose.formats.s_table import read_s_table
from theradose.formats.s_table_csv import write_s_table
from theradose.model.dose import DoseMap
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
    return float((segmentation.mask(name) * density.data).sum(dtype=float) * GRID.voxel_volume_ml)


def test_local_deposition_gives_energy_over_mass_and_no_cross_dose():
    """Whatever the densities; 1e-4 is the arithmetic of single precision and of fractions at the edge."""
    density, segmentation = patient()
    table, findings = patient_s_values(density=density, segmentation=segmentation, nuclide=LUTETIUM, engine="local")
    energy = local_dose_constant(electron_energy_kev=LUTETIUM.electron_energy_kev.value)
    spleen = table.value(target="spleen", source="spleen")
    assert spleen.gy_per_mbq_h == pytest.approx(energy / mass_g(density, segmentation, "Milz"), rel=1e-4)
    assert spleen.u_gy_per_mbq_h is None
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


@dataclass(frozen=True, slots=True)
class Sampled:
    region_relative_u: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class SampledMap(DoseMap):
    statistics: Sampled | None = None


def test_any_engine_serves_and_its_statistics_are_kept(monkeypatch):
    def even(request: DoseRequest):
        dose = np.full(GRID.shape, 2e-3)
        return SampledMap(dose, GRID, engine="even", statistics=Sampled({"liver": 0.01})), ()

    monkeypatch.setattr(dose_engines, "get", lambda name: even)
    density, segmentation = patient()
    table, _ = patient_s_values(
        density=density, segmentation=segmentation, nuclide=LUTETIUM, engine="even", sources=["Milz"]
    )
    assert table.sources == ("spleen",)
    liver = table.value(target="liver", source="spleen")
    assert liver.gy_per_mbq_h == pytest.approx(2e-3)
    assert liver.u_gy_per_mbq_h == pytest.approx(2e-5)
    assert table.value(target="spleen", source="spleen").u_gy_per_mbq_h is None


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
