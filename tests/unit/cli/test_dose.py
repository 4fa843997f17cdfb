"""``theradose dose``: maps in, a map and one document out; one sentence for everything that cannot be meant."""

import numpy as np
import pytest

from fake_engines import HISTORIES, RELATIVE_U
from theradose.formats.nifti import read_nifti, write_nifti
from theradose.model.grid import Grid, Volume

GRID = Grid.axis_aligned((4, 5, 6), (4.8, 4.0, 4.0), (-10.0, 5.0, 20.0))
BLOCK = (slice(1, 3), slice(1, 4), slice(2, 4))
BLOCK_VOXELS, TIA, DENSITY = 12, 50.0, 1.04


@pytest.fixture
def maps(tmp_path):
    """Write the maps of a warm block in water, with two tissues and two regions, and return their folder."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[BLOCK] = 1
    contents = {
        "tia": TIA * labels.astype(np.float32),
        "density": np.full(GRID.shape, DENSITY, np.float32),
        "materials": 2 - labels,
        "regions": (labels + 2 * (np.indices(GRID.shape)[2] == 5)).astype(np.uint8),
    }
    for name, data in contents.items():
        write_nifti(Volume(data, GRID), tmp_path / f"{name}.nii.gz")
    return tmp_path


@pytest.fixture
def dose(command, maps):
    """Run the command on the maps; options replace those of the plain request."""

    def run(*flags, **options):
        plain = {"tia": maps / "tia.nii.gz", "density": maps / "density.nii.gz", "nuclide": "Lu-177",
                 "engine": "local", "out": maps / "out" / "dose.nii.gz"}  # fmt: skip
        words = [word for name, value in (plain | options).items() if value is not None
                 for word in (f"--{name.replace('_', '-')}", value)]  # fmt: skip
        return command("dose", *words, *flags)

    return run


def test_the_dose_of_a_block_by_local_deposition(dose, maps):
    answer = dose("--json")
    assert answer.code == 0, answer.err
    written, _ = read_nifti(maps / "out" / "dose.nii.gz")
    assert written.grid.matches(GRID)
    # TIA × 0.08506 Gy·g/(MBq·h) / density: the dose constant of 177Lu by DDEP.
    assert written.data[BLOCK] == pytest.approx(TIA * 0.08506 / DENSITY, rel=1e-4)
    document = answer.document
    assert (document["engine"], document["nuclide"], document["nuclear_data"]) == ("local", "Lu-177", "ddep")
    assert document["grid"]["shape"] == [4, 5, 6]
    assert document["tia_mbq_h"] == pytest.approx(TIA * BLOCK_VOXELS * GRID.voxel_volume_ml)
    assert document["statistics"] is None and document["cross_check"] is None and document["regions"] == []
    assert document["duration_s"] >= 0 and set(document["inputs"]) == {"tia", "density"}
    assert answer.err.endswith(f"wrote {maps / 'out' / 'dose.nii.gz'}\n")


def test_the_energy_account_is_in_joules(dose):
    document = dose("--json").document
    decays = document["tia_mbq_h"] * 3.6e9
    electrons, photons = document["energy"]
    # 147.47 keV of electrons per decay of 177Lu (DDEP), 1.602176634e-16 J per keV.
    assert electrons["emitted_j"] == pytest.approx(decays * 147.47 * 1.602176634e-16, rel=1e-6)
    assert electrons["deposited_j"] == electrons["emitted_j"] and electrons["escaped_j"] == 0
    assert photons["deposited_j"] == 0 and photons["escaped_j"] == photons["emitted_j"] > 0


def test_regions_have_a_name_and_a_mean(dose, maps):
    regions = {"regions": maps / "regions.nii.gz", "region_names": "1=block,2=beside"}
    answer = dose("--json", **regions)
    block, beside = answer.document["regions"]
    assert (block["name"], beside["name"]) == ("block", "beside")
    assert block["mass_g"] == pytest.approx(BLOCK_VOXELS * GRID.voxel_volume_ml * DENSITY)
    assert block["dose_gy"]["value"] == pytest.approx(TIA * 0.08506 / DENSITY, rel=1e-4)
    assert block["dose_gy"]["u"] is None and block["relative_u"] is None and beside["dose_gy"]["value"] == 0
    unnamed = dose("--json", regions=maps / "regions.nii.gz").document["regions"]
    assert [region["name"] for region in unnamed] == ["label-1", "label-2"]
    table = dose(**regions).out.splitlines()
    assert table[-2].startswith("block ") and "4.09" in table[-2]


def test_an_engine_that_samples_states_its_statistics(fake_engines, dose, maps):
    options = {"engine": "sampled", "histories": "4e4", "seed": 5, "regions": maps / "regions.nii.gz",
               "u_out": maps / "u.nii.gz"}  # fmt: skip
    document = dose("--json", **options).document
    assert document["statistics"] == {"histories": 40_000, "seed": 5, "stopped_by": "histories"}
    assert document["transport"]["target_relative_u"] is None
    expected = RELATIVE_U * (HISTORIES / 40_000) ** 0.5
    block, beside = document["regions"]
    assert block["relative_u"] == pytest.approx(expected)
    assert block["voxel_relative_u"] == pytest.approx(expected, rel=0.01)
    assert beside["relative_u"] is None
    u, _ = read_nifti(maps / "u.nii.gz")
    assert u.data[BLOCK] == pytest.approx(expected * TIA * 0.08506 / DENSITY, rel=1e-3)


def test_a_second_engine_is_compared_by_region_and_voxel(fake_engines, dose, maps):
    options = {"cross_check": "blurred", "regions": maps / "regions.nii.gz", "difference_out": maps / "diff.nii.gz"}
    document = dose("--json", **options).document
    cross = document["cross_check"]
    assert cross["engine"] == "blurred" and cross["parameters"] == {"width": 1.0}
    block, beside = cross["regions"]
    own = document["regions"][0]["dose_gy"]["value"]
    assert block["difference_percent"] == pytest.approx(100 * (block["dose_gy"]["value"] / own - 1))
    assert block["difference_percent"] < 0 and beside["difference_percent"] is None
    difference, _ = read_nifti(maps / "diff.nii.gz")
    assert difference.data[BLOCK].mean() == pytest.approx(block["dose_gy"]["value"] - own, rel=1e-4)
    table = dose(**options).out
    assert "blurred Gy" in table and "difference %" in table


def test_what_was_computed_before_an_interruption_is_kept(fake_engines, dose, maps):
    answer = dose("--json", engine="halted")
    assert answer.code == 130 and (maps / "out" / "dose.nii.gz").is_file()
    assert answer.document["statistics"]["stopped_by"] == "interruption"
    assert [finding["code"] for finding in answer.document["findings"]] == ["interrupted"]
    assert answer.err.splitlines()[-1] == "Interrupted: the maps hold what was computed until then."


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"tia": "absent.nii.gz"}, "file-missing"),
        ({"tia": "tia.mhd"}, "map-format"),
        ({"engine": "magic"}, "unknown-dose-engine"),
        ({"cross_check": "local"}, "cross-check-engine"),
        ({"difference_out": "d.nii"}, "cross-check-engine"),
        ({"nuclide": "Xx-12"}, "nuclide-unknown"),
        ({"out": "dose.mhd"}, "out-format"),
        ({"u_out": "u.nii"}, "no-statistics"),
        ({"histories": "many"}, "option-range"),
        ({"histories": "0"}, "option-range"),
        ({"target_u": "2"}, "option-range"),
        ({"time_limit": "60"}, "unit-missing"),
        ({"seed": -1}, "transport-settings"),
        ({"threads": 0}, "transport-settings"),
        ({"material_names": "1=lung"}, "material-names"),
        ({"region_names": "1=liver"}, "region-names"),
        ({"region_names": "liver"}, "option-labels"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(dose, tmp_path, monkeypatch, options, code):
    monkeypatch.chdir(tmp_path)
    answer = dose("--json", **options)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith(f". [{code}]\n") and len(answer.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "change", "options", "code"),
    [
        ("density", lambda data: data * (data > 9), {}, "density-invalid"),
        ("density", lambda data: data * np.nan, {}, "density-invalid"),
        ("tia", lambda data: -data, {}, "tia-invalid"),
        ("tia", lambda data: data * 0, {}, "tia-empty"),
        ("density", lambda data: data[:, :, 1:], {}, "grid-mismatch"),
        ("materials", lambda data: data + 1, {"material_names": "1=lung,2=water"}, "material-unnamed"),
        ("materials", lambda data: data, {"material_names": "1=lung,2=butter"}, "material-unknown"),
        ("materials", lambda data: data[1:], {"material_names": "1=lung,2=water"}, "grid-mismatch"),
        ("regions", lambda data: data[1:], {}, "grid-mismatch"),
        ("regions", lambda data: data * 0, {}, "label-missing"),
        ("regions", lambda data: data, {"region_names": "7=liver"}, "label-missing"),
    ],
)
def test_maps_that_do_not_fit_are_one_sentence(dose, maps, name, change, options, code):
    read, _ = read_nifti(maps / f"{name}.nii.gz")
    data = change(read.data)
    grid = Grid.axis_aligned(data.shape, GRID.spacing_mm, (-10.0, 5.0, 20.0))
    path = maps / f"changed-{name}.nii.gz"
    write_nifti(Volume(data, grid), path)
    answer = dose("--json", **{name: path}, **options)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith(f". [{code}]\n") and len(answer.err.splitlines()) == 1
    assert not (maps / "out").exists()


def test_materials_reach_the_engine(dose, maps):
    options = {"materials": maps / "materials.nii.gz", "material_names": "1=lung,2=water"}
    assert set(dose("--json", **options).document["inputs"]) == {"tia", "density", "materials"}


def test_an_input_is_never_replaced(dose, maps):
    answer = dose(out=maps / "tia.nii.gz")
    assert answer.code == 2 and answer.err.endswith("[out-exists]\n")
    assert read_nifti(maps / "tia.nii.gz")[0].data.max() == TIA


def test_icrp_data_are_an_option(dose):
    energy = dose("--json", nuclear_data="icrp107").document
    assert energy["nuclear_data"] == "icrp107"
    # 148.0 keV of electrons per decay by ICRP 107, 147.47 by DDEP.
    ratio = energy["energy"][0]["emitted_j"] / dose("--json").document["energy"][0]["emitted_j"]
    assert ratio == pytest.approx(148.0 / 147.47, abs=5e-4)
