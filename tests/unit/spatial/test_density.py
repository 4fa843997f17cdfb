from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spatial_phantom import motion, torso_ct, torso_grid
from theradose.errors import GeometryError, PhysicsError
from theradose.model.grid import Grid, Volume
from theradose.spatial.body import body_mask
from theradose.spatial.density import assumed_density, density_map, hu_density_table, soft_tissue_density


def box_ct(hu: float = 0.0, step_mm: float = 2.0, shape: tuple[int, int, int] = (40, 80, 80)) -> Volume:
    """A block of 80 x 120 x 120 mm that reaches the first and last slice, in air."""
    data = np.full(shape, -1000.0, np.float32)
    data[:, 10:70, 10:70] = hu
    return Volume(data, Grid.axis_aligned(shape, (step_mm, step_mm, step_mm)))


def test_packaged_table_is_the_distributed_one(shared_data: Path) -> None:
    lines = (shared_data / "svalues/opendose_icrp110/Schneider2000DensitiesTable.txt").read_text().splitlines()
    points = np.array([line.split() for line in lines if line and not line.startswith("#")], float)
    table = hu_density_table()
    assert np.array_equal(table.hu, points[:, 0])
    assert np.array_equal(table.density_g_per_ml, points[:, 1])
    assert table.status == "unverified"


@pytest.mark.parametrize(
    ("hu", "density"),
    [
        # The straight lines of Schneider 2000 as other programs print them.
        (-50.0, 1.018 + 0.893e-3 * -50.0),
        (0.0, 1.018),
        (60.0, 1.003 + 1.169e-3 * 60.0),
        (800.0, 1.017 + 0.592e-3 * 800.0),
        (-3024.0, 0.00121),
        (8000.0, 2.8),
    ],
)
def test_density_of_ct_numbers(hu: float, density: float) -> None:
    # The table rounds the ends of its lines to 1e-3.
    assert hu_density_table().density_of(np.array([[[hu]]]))[0, 0, 0] == pytest.approx(density, abs=1.5e-3)


def test_mass_is_conserved_on_a_coarser_grid() -> None:
    ct = box_ct(hu=50.0)
    grid = Grid.axis_aligned((18, 36, 36), (4.42, 4.42, 4.42), (0.2, 0.3, 1.21))
    density, findings = density_map(ct, grid)
    mass = float(density.data.sum(dtype=float)) * grid.voxel_volume_ml
    block_g = 80.0 * 120.0 * 120.0 / 1000.0 * float(np.interp(50.0, [23, 100], [1.031, 1.1199]))
    air_g = 0.00121 * (grid.size * grid.voxel_volume_ml - 80.0 * 120.0 * 120.0 / 1000.0)
    # The grid ends 0.44 mm before the CT does: 0.55 % of the block.
    assert mass == pytest.approx(block_g * (1 - 0.44 / 80) + air_g, rel=0.001)
    assert density.method == "CT, schneider2000"
    assert [finding.code for finding in findings] == ["hu-table-unverified"]


def test_density_is_averaged_not_the_ct_number() -> None:
    """Alternating bone and fat: the mean density is that of the mean HU only if the relation were straight."""
    data = np.full((16, 64, 64), -1000.0, np.float32)
    data[:, 8:56, 8:56] = np.where(np.arange(48) % 2 == 0, 1000.0, -100.0)
    fine = Volume(data, Grid.axis_aligned(data.shape, (2.0, 2.0, 2.0)))
    coarse = Grid.axis_aligned((4, 16, 16), (8.0, 8.0, 8.0), (3.0, 3.0, 3.0))
    table = hu_density_table()
    mean_density = table.density_of(np.array([[[1000.0, -100.0]]])).mean()
    of_mean_hu = table.density_of(np.array([[[450.0]]]))[0, 0, 0]
    assert density_map(fine, coarse)[0].data[2, 8, 8] == pytest.approx(mean_density, rel=2e-3)
    assert abs(of_mean_hu / mean_density - 1) > 0.01


def test_table_and_surroundings_become_air() -> None:
    ct = torso_ct(torso_grid())
    density, _ = density_map(ct, ct.grid)
    posterior = round((125 + 198) / 4.4)
    assert density.data[:, posterior, 45].max() == pytest.approx(0.00121, rel=1e-5)
    assert density.data[36, 45, 10:80].mean() > 0.9


def test_body_holds_lungs_and_its_volume_is_right() -> None:
    grid = torso_grid()
    ct = torso_ct(grid, motion(rotation_deg=(1, 0, 2), shift_mm=(3, -2, 0)))
    body = body_mask(ct)
    points = grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1))
    # The torso of the phantom is an ellipsoid of 165 x 105 x 400 mm half axes, cut by the field of view.
    moved = motion(rotation_deg=(1, 0, 2), shift_mm=(3, -2, 0)).inverse().apply(points)
    inside = ((moved / np.array([165, 105, 400])) ** 2).sum(axis=-1) <= 1
    assert body.voxel_count == pytest.approx(inside.sum(), rel=0.01)
    lung = np.zeros(grid.shape, bool)
    lung[body.box] = body.fraction > 0
    z, y, x = np.round(grid.to_index((-70.0, -5.0, 120.0))).astype(int)
    assert lung[z, y, x]


def test_a_lung_behind_a_thin_wall_belongs_to_the_body_and_a_hollow_table_does_not() -> None:
    data = np.full((40, 110, 110), -1000.0, np.float32)
    data[:, 10:70, 25:85] = 0.0
    data[:, 14:50, 35:75] = -800.0
    # A table of 30 mm with walls of 4 mm, 10 mm below the body.
    data[:, 75:90, 5:105] = 500.0
    data[:, 77:88, 7:103] = -950.0
    body = body_mask(Volume(data, Grid.axis_aligned(data.shape, (2.0, 2.0, 2.0))))
    assert body.origin == (0, 10, 25)
    assert body.voxel_count == 40 * 60 * 60


def test_body_of_the_real_phantom_excludes_its_table(shared_data: Path) -> None:
    folder = shared_data / "images/lu177_phantom_patient15"
    stored = np.fromfile(folder / "patient15_LuDOTATATE_attn.i33", "<u2").reshape(90, 70, 108)
    # The table is stored as 3000 (hu_plus_1000_to_material.txt).
    ct = Volume(stored.astype(np.float32) - 1000, Grid.axis_aligned((90, 70, 108), (4.4196, 3.9063, 3.9063)))
    body = body_mask(ct)
    mask = np.zeros(stored.shape, bool)
    mask[body.box] = body.fraction > 0
    table = stored == 3000
    # The patient rests on the table top: the few voxels under the contact cannot be told apart.
    assert np.count_nonzero(mask & table) < 0.002 * np.count_nonzero(table)
    dense = (stored >= 1500) & ~table
    assert np.all(mask[dense])


def test_missing_slices_get_the_assumed_density_and_a_finding() -> None:
    ct = box_ct()
    grid = Grid.axis_aligned((20, 40, 40), (8.0, 4.0, 4.0), (1.0, 1.0, 3.0))
    density, findings = density_map(ct, grid)
    assumed, edition = soft_tissue_density()
    assert (assumed, edition) == (1.03, "ICRU Report 46")
    assert np.all(density.data[10:] == np.float32(assumed))
    assert np.all(density.data[0, 0] < 0.01)
    short = next(finding for finding in findings if finding.code == "ct-shorter-than-emission")
    assert "50.0%" in short.message


def test_a_body_at_the_side_of_the_image_is_noted() -> None:
    data = np.zeros((20, 40, 40), np.float32)
    data[:, :, 20:] = -1000.0
    ct = Volume(data, Grid.axis_aligned(data.shape, (3.0, 3.0, 3.0)))
    assert "ct-truncated" in [finding.code for finding in density_map(ct, ct.grid)[1]]


def test_density_follows_the_transform() -> None:
    ct = box_ct()
    shift = motion(rotation_deg=(0, 0, 0), shift_mm=(20.0, 0.0, 0.0))
    still, moved = density_map(ct, ct.grid)[0].data, density_map(ct, ct.grid, transform=shift)[0].data
    assert np.allclose(moved[:, :, :-10], still[:, :, 10:], atol=1e-5)


def test_refusals() -> None:
    ct = box_ct()
    far = Grid.axis_aligned((5, 5, 5), (4.0, 4.0, 4.0), (0.0, 0.0, 5000.0))
    with pytest.raises(GeometryError) as refusal:
        density_map(ct, far)
    assert refusal.value.code == "ct-no-overlap"
    with pytest.raises(GeometryError) as refusal:
        density_map(Volume(np.full((5, 5, 5), -1000.0), far), far)
    assert refusal.value.code == "ct-no-body"
    with pytest.raises(PhysicsError) as invalid:
        assumed_density(far, 0.0, "study")
    assert invalid.value.code == "density-invalid"


def test_assumed_density_says_who_assumed_it() -> None:
    density = assumed_density(box_ct().grid, 1.05, "study")
    assert density.method == "assumed 1.05 g/mL (study)"
    assert np.all(density.data == np.float32(1.05))


def test_a_site_brings_its_own_table(tmp_path: Path) -> None:
    path = tmp_path / "ct.yaml"
    path.write_text(
        "name: site\nhu: [-1000, 0, 1000]\ndensity_g_per_ml: [0.001, 1.0, 1.6]\n"
        "source: electron density phantom\nstatus: verified\nedition: 2026-01-10\n"
    )
    table = hu_density_table(path)
    density, findings = density_map(box_ct(), box_ct().grid, table=table)
    assert density.method == "CT, site"
    assert findings == ()
    assert density.data[20, 40, 40] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "text",
    [
        "name: x\n",
        "- 1\n",
        "name: x\nhu: [1, 0]\ndensity_g_per_ml: [1, 1]\nsource: s\nstatus: s\nedition: s\n",
        "a: [\n",
    ],
)
def test_broken_tables_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ct.yaml"
    path.write_text(text)
    with pytest.raises(PhysicsError) as refusal:
        hu_density_table(path)
    assert refusal.value.code == "hu-table-invalid"
