import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theradose.dose.engines import DoseRequest, dose_engines
from theradose.dose.kernel import deposited_energy, kernel_dose
from theradose.dose.kernel_scaled import density_scaled_kernel_dose
from theradose.dose.local import emitted_energy_j, local_dose
from theradose.dose.voxel_s import voxel_s_values
from theradose.errors import GeometryError, PhysicsError
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.nuclides import load_nuclide

pytestmark = pytest.mark.usefixtures("analytic_point_kernels")
GRID = Grid.axis_aligned((9, 10, 11), (4.0, 4.0, 4.0))
LUTETIUM, YTTRIUM = load_nuclide("Lu-177"), load_nuclide("Y-90")
SOFT_TISSUE_G_PER_ML = 1.03
J_PER_KEV = 1.602176634e-16


def request_of(tia, density=SOFT_TISSUE_G_PER_ML, grid=GRID, nuclide=LUTETIUM):
    tia = np.asarray(tia, np.float32)
    density = np.broadcast_to(np.asarray(density, np.float32), tia.shape)
    return DoseRequest(Volume(tia, grid), DensityMap(density, grid, "test"), nuclide)


def one_voxel(index=(4, 5, 5), value=10.0, grid=GRID):
    tia = np.zeros(grid.shape)
    tia[index] = value
    return tia


def test_one_voxel_gives_the_table_of_s_values():
    dose, _ = kernel_dose(request_of(one_voxel()))
    table = voxel_s_values(
        nuclide="Lu-177", spacing_mm=(4.0, 4.0, 4.0), size=(9, 9, 9), density_g_per_ml=SOFT_TISSUE_G_PER_ML
    ).s_mgy_per_mbq_s
    mbq_s = 10.0 * 0.064 * 3600
    assert np.allclose(dose.data[0:9, 1:10, 1:10], table * mbq_s / 1000, rtol=1e-5)


def test_anisotropic_voxels_follow_the_axes_of_the_array():
    grid = Grid.axis_aligned((7, 9, 11), (5.0, 2.0, 3.0))
    dose, _ = kernel_dose(request_of(one_voxel((3, 4, 5), grid=grid), grid=grid))
    table = voxel_s_values(
        nuclide="Lu-177", spacing_mm=(5.0, 2.0, 3.0), size=(7, 9, 11), density_g_per_ml=SOFT_TISSUE_G_PER_ML
    ).s_mgy_per_mbq_s
    assert np.allclose(dose.data, table * 10.0 * 0.030 * 3600 / 1000, rtol=1e-5)


@pytest.mark.parametrize("engine", [kernel_dose, density_scaled_kernel_dose])
def test_energy_account(engine):
    """Electrons emitted in the middle of 40 mm stay; all of the energy is deposited or escapes."""
    dose, findings = engine(request_of(one_voxel()))
    tia_mbq_h = 10.0 * 0.064
    total = 0.0
    for part, energy in zip(dose.energy, ("electron_energy_kev", "photon_energy_kev", "alpha_energy_kev"), strict=True):
        assert part.emitted_j == pytest.approx(
            emitted_energy_j(tia_mbq_h=tia_mbq_h, energy_kev=dose.parameters[energy])
        )
        assert part.deposited_j + part.escaped_j == pytest.approx(part.emitted_j)
        total += part.deposited_j
    assert dose.energy[0].radiation == "electron"
    assert dose.energy[0].deposited_j == pytest.approx(dose.energy[0].emitted_j, rel=3e-3)
    mass_kg = 0.064 * SOFT_TISSUE_G_PER_ML / 1000
    assert dose.data.sum(dtype=float) * mass_kg == pytest.approx(total, rel=1e-6)
    assert findings == ()


def test_large_uniform_activity_reaches_the_electron_dose_of_local_deposition():
    """In the middle of 36 mm and more the electrons of neighbours replace those that leave."""
    request = request_of(np.full(GRID.shape, 5.0))
    deposited = deposited_energy(request, radiations=("electron",))
    assert set(deposited.parts) == {"electron"}
    middle = deposited.parts["electron"][4, 5, 5] / (5.0 * 0.064)
    assert middle == pytest.approx(deposited.kernel.electron_emitted_kev, rel=3e-3)


def test_energy_in_tissue_unlike_water_is_reported():
    density = np.full(GRID.shape, SOFT_TISSUE_G_PER_ML)
    density[5:] = 0.26
    tia = np.where(np.arange(9)[:, None, None] < 5, 5.0, 0.0) * np.ones(GRID.shape)
    _, findings = kernel_dose(request_of(tia, density, nuclide=YTTRIUM))
    assert "kernel-unlike-water" in {finding.code for finding in findings}


def test_air_gets_no_dose_and_is_reported():
    density = np.full(GRID.shape, SOFT_TISSUE_G_PER_ML)
    density[:, :, 6:] = 0.0012
    dose, findings = kernel_dose(request_of(one_voxel(), density, nuclide=YTTRIUM))
    assert not dose.data[:, :, 6:].any() and dose.data[4, 5, 5] > 0
    assert [finding.code for finding in findings] == ["electrons-outside-tissue"]
    assert dose.energy[0].escaped_j > 0.01 * dose.energy[0].emitted_j


def test_air_around_the_body_changes_nothing():
    tia = one_voxel()
    density = np.full(GRID.shape, 0.0012)
    density[2:8, 3:9, 3:9] = SOFT_TISSUE_G_PER_ML
    dose, _ = kernel_dose(request_of(tia, density))
    everywhere, _ = kernel_dose(request_of(tia))
    assert np.allclose(dose.data[2:8, 3:9, 3:9], everywhere.data[2:8, 3:9, 3:9], rtol=1e-5)


@settings(max_examples=5, deadline=None)
@given(st.integers(-2, 2), st.integers(-2, 2), st.integers(-2, 2), st.floats(0.1, 100))
def test_linear_and_the_same_everywhere(dz, dy, dx, scale):
    here, _ = kernel_dose(request_of(one_voxel()))
    there, _ = kernel_dose(request_of(one_voxel((4 + dz, 5 + dy, 5 + dx), 10.0 * scale)))
    middle = np.s_[2:7, 3:8, 3:8]
    moved = np.s_[2 + dz : 7 + dz, 3 + dy : 8 + dy, 3 + dx : 8 + dx]
    assert np.allclose(there.data[moved], scale * here.data[middle], rtol=1e-4)


def test_both_are_registered_and_local_stays_first():
    names = dose_engines.names()
    assert names[0] == "local" and {"kernel", "kernel-density-scaled"} <= set(names)
    assert dose_engines.get("kernel") is kernel_dose and dose_engines.get("local") is local_dose


def test_no_activity_is_no_dose():
    dose, findings = kernel_dose(request_of(np.zeros(GRID.shape)))
    assert not dose.data.any() and findings == ()
    assert sum(part.emitted_j for part in dose.energy) == 0


def test_sheared_grids_are_refused():
    affine = np.array(GRID.affine_mm)
    affine[0, 1] = 0.5
    grid = Grid(GRID.shape, affine)
    with pytest.raises(GeometryError) as refusal:
        kernel_dose(request_of(one_voxel(grid=grid), grid=grid))
    assert refusal.value.code == "grid-sheared"


def test_turned_grids_give_the_same():
    angle = np.deg2rad(20)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    grid = Grid(GRID.shape, turn @ GRID.affine_mm)
    turned, _ = kernel_dose(request_of(one_voxel(grid=grid), grid=grid))
    straight, _ = kernel_dose(request_of(one_voxel()))
    assert np.allclose(turned.data, straight.data, rtol=1e-5)


def test_voxels_outside_the_validity_are_refused():
    grid = Grid.axis_aligned((3, 3, 3), (40.0, 40.0, 40.0))
    with pytest.raises(PhysicsError, match="0.1 to 30 mm"):
        kernel_dose(request_of(np.ones(grid.shape), grid=grid))


def test_parameters_are_a_document():
    import json

    dose, _ = kernel_dose(request_of(one_voxel()))
    document = json.loads(json.dumps(dict(dose.parameters)))
    assert abs(document["certificate"]["electron"]["relative_error"]) < 3e-3
    assert document["kernel"]["photon"]["version"] == "analytic"
    # The farthest tissue from the voxel (4, 5, 5) lies 4, 5 and 5 voxels away.
    assert document["kernel_offsets"] == [4, 5, 5]
