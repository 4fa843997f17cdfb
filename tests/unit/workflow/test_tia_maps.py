"""The dose map and what is known of its uncertainty: by the regions' time courses, and by fits of voxels."""

import json

import numpy as np
import pytest

from main_job import run_without_report
from theradose.formats.nifti import read_nifti
from theradose.nuclides import load_nuclide
from tiny_study import BLOCKS, content, write_tiny_study

ENERGY = load_nuclide("Lu-177").electron_energy_kev
CONSTANT_U = ENERGY.u / ENERGY.value


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a function that runs the smallest study with changes and returns the run folder and the result."""

    def run(**changes):
        folder = tmp_path_factory.mktemp("study")
        done = run_without_report(write_tiny_study(folder, changes))
        return done.folder, json.loads((done.folder / "result.json").read_text(encoding="utf-8"))

    return run


@pytest.fixture(scope="module")
def by_region(finished):
    administrations = [{**content()["administrations"][0], "u": "2 %"}]
    return finished(administrations=administrations)


@pytest.fixture(scope="module")
def by_voxel(finished):
    return finished(dose={"tia_map": "voxelwise-mono"})


def regions(result):
    return {region["name"]: region for region in result["regions"]}


def test_the_uncertainty_of_voxels_is_that_of_their_fits_and_the_calibration(by_voxel):
    folder, _ = by_voxel
    dose, u = (read_nifti(folder / f"{name}.nii.gz")[0].data for name in ("dose", "dose_u"))
    block = BLOCKS["liver"]
    # Three points at 4, 24 and 96 h with the protocol's 5 %: more than the calibration alone, less than two points.
    relative = u[block] / dose[block]
    assert np.all(relative > np.hypot(0.03, 0.02))
    assert np.all(relative < 0.2)
    assert np.isnan(u[0, 0, 0])


def test_dose_volume_figures_share_the_calibration_alone_where_voxels_are_fitted(by_voxel):
    _, result = by_voxel
    for region in result["regions"]:
        assert region["dvh"]["common_relative_u"] == pytest.approx(np.hypot(0.03, CONSTANT_U), rel=1e-6)


def test_dose_volume_figures_share_the_time_course_of_their_region(by_region):
    _, result = by_region
    for region in result["regions"]:
        shared = {"calibration", "fit", "counting", "choice of model", "dose constant"}
        expected = np.hypot.reduce([line["relative_u"] for line in region["budget"] if line["group"] in shared])
        assert region["dvh"]["common_relative_u"] == pytest.approx(expected, rel=1e-6)


def test_voxels_that_follow_their_region_have_no_uncertainty_of_their_own(by_region):
    folder, result = by_region
    assert not (folder / "dose_u.nii.gz").exists()
    assert "dose_u.nii.gz" not in {file["path"] for file in result["files"]}


def test_the_given_activity_is_in_what_is_divided_by_it(by_region, by_voxel):
    for name, region in regions(by_region[1]).items():
        dose, per_activity = region["dose_gy"], region["dose_per_activity_gy_gbq"]
        relative = dose["u"] / dose["value"]
        assert per_activity["u"] / per_activity["value"] == pytest.approx(np.hypot(relative, 0.02), rel=1e-6)
        tia, tiac = region["tia_mbq_h"], region["tiac_h"]
        assert tiac["u"] / tiac["value"] == pytest.approx(np.hypot(tia["u"] / tia["value"], 0.02), rel=1e-6)
        plain = regions(by_voxel[1])[name]["dose_per_activity_gy_gbq"]
        assert plain["u"] / plain["value"] == pytest.approx(relative, rel=1e-6)


def test_the_budget_names_its_groups_and_the_image_of_each_outline(by_region):
    for region in regions(by_region[1]).values():
        groups = {line["group"] for line in region["budget"]}
        assert {"calibration", "fit", "counting", "volume", "dose constant"} <= groups
        assert sum(line["share"] or 0.0 for line in region["budget"]) == pytest.approx(1.0)
        # No resolution is stated, so nobody knows how well the outline is known.
        assert [line["relative_u"] for line in region["budget"] if line["group"] == "volume"] == [None]
        assert region["outlined_on"] == "emission"
