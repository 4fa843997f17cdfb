"""Engines in the main job: which maps are made, when they are made again, and what becomes of the regions."""

import json

import numpy as np
import pytest

from fake_engines import blurred_dose
from main_job import run_without_report
from theradose.dose.engines import DoseRequest, transport_settings
from theradose.dose.transported import TransportFactor
from theradose.errors import PhysicsError, StudyError
from theradose.formats.nifti import read_nifti
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.model.study import DoseChoice
from theradose.nuclides import load_nuclide
from theradose.store.steps import StepStore
from theradose.uncertainty import Uncertain
from theradose.workflow.engine_maps import (
    check_engines,
    engine_dose_rate,
    engine_maps,
    noise_findings,
    request_key,
    run_engine,
    transport_of,
)
from tiny_study import write_tiny_study

GRID = Grid.axis_aligned((4, 4, 4), (4.0, 4.0, 4.0))
MASK = np.zeros(GRID.shape, bool)
MASK[1:3, 1:3, 1:3] = True
SEGMENTATION = Segmentation(GRID, (Region("liver", RegionKind.ORGAN),), (RegionVoxels.from_mask(MASK),))
DENSITY = DensityMap(np.ones(GRID.shape, np.float32), GRID, "test")


def request(**parts):
    return DoseRequest(Volume(MASK.astype(np.float32), GRID), DENSITY, load_nuclide("Lu-177"), **parts)


@pytest.fixture
def case(tiny_case):
    def with_dose(**dose):
        return tiny_case(dose=dose)

    return with_dose


def test_an_engine_computes_again_only_what_changed(fake_engines, tmp_path):
    steps = StepStore(tmp_path)
    first, _ = run_engine("sampled", request(), steps)
    again, _ = run_engine("sampled", request(transport=transport_settings(threads=2)), steps)
    assert fake_engines == ["sampled"]
    assert np.array_equal(first.data, again.data) and again.statistics.seed == first.statistics.seed
    assert np.array_equal(first.u.data, again.u.data) and again.energy == first.energy
    run_engine("sampled", request(transport=transport_settings(seed=5)), steps)
    run_engine("blurred", request(), steps)
    assert fake_engines == ["sampled", "sampled", "blurred"]


def test_everything_that_moves_a_dose_is_in_the_key():
    plain = request()
    others = [
        DoseRequest(Volume(plain.tia.data * 2, GRID), DENSITY, plain.nuclide),
        DoseRequest(plain.tia, DensityMap(DENSITY.data * 2, GRID, "test"), plain.nuclide),
        DoseRequest(plain.tia, DENSITY, load_nuclide("Y-90")),
        request(regions={"liver": SEGMENTATION.voxels[0]}),
        request(transport=transport_settings(histories=10)),
        request(transport=transport_settings(time_limit_s=10)),
        request(transport=transport_settings(target_relative_u=0.01)),
    ]
    keys = [json.dumps(request_key(item), default=str) for item in (plain, *others)]
    assert len(set(keys)) == len(keys)
    assert json.dumps(request_key(request()), default=str) == keys[0]


def test_an_interrupted_engine_ends_the_run_and_stores_nothing(fake_engines, tmp_path):
    steps = StepStore(tmp_path)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_engine("halted", request(), steps)
    assert fake_engines.count("halted") == 2 and not list(tmp_path.iterdir())


def test_local_deposition_needs_no_other_map(case, tmp_path):
    maps, findings = engine_maps(case(), request().tia, DENSITY, SEGMENTATION, StepStore(tmp_path))
    assert maps.local is maps.dose and maps.cross is None
    assert {finding.code for finding in findings} == {"photon-dose-neglected"}


def test_another_engine_has_local_deposition_beside_it(fake_engines, case, tmp_path):
    maps, findings = engine_maps(
        case(engine="blurred", cross_check="sampled"), request().tia, DENSITY, SEGMENTATION, StepStore(tmp_path)
    )
    assert (maps.dose.engine, maps.local.engine, maps.cross.engine) == ("blurred", "local", "sampled")
    # Photons are only neglected where local deposition is what doses are from.
    assert findings == ()


def test_the_findings_of_a_second_engine_are_its_own(fake_engines, case, tmp_path):
    study = case(engine="blurred", cross_check="local")
    maps, findings = engine_maps(study, request().tia, DENSITY, SEGMENTATION, StepStore(tmp_path))
    assert findings == () and {finding.code for finding in maps.cross_findings} == {"photon-dose-neglected"}


def test_negative_voxels_count_as_zero_with_a_finding(case, tmp_path):
    noisy = MASK.astype(np.float32)
    noisy[0, 0, 0] = -0.8
    maps, findings = engine_maps(case(), Volume(noisy, GRID), DENSITY, SEGMENTATION, StepStore(tmp_path))
    assert maps.dose.data[0, 0, 0] == 0 and maps.dose.data.min() == 0
    (finding,) = [finding for finding in findings if finding.code == "negative-activity"]
    # 0.8 of 8.8 in one of 64 voxels.
    assert "1.6%" in finding.message and "9.09%" in finding.message


@pytest.mark.parametrize(
    ("dose", "error", "said"),
    [({"engine": "magic"}, PhysicsError, "local"), ({"cross_check": "magic"}, PhysicsError, "local"),
     ({"engine": "local", "cross_check": "local"}, StudyError, "needs another engine")],
)  # fmt: skip
def test_engines_that_cannot_be_meant_are_refused(dose, error, said):
    with pytest.raises(error, match=said):
        check_engines(DoseChoice(**dose))


def test_the_study_says_how_engines_sample():
    choice = DoseChoice(histories="1e7", target_u="0.2 %", target_voxel_u="3 %", time_limit="2 min", seed=3)
    settings = transport_of(choice)
    assert (settings.histories, settings.seed) == (10_000_000, 3)
    assert (settings.target_relative_u, settings.target_voxel_u) == pytest.approx((0.002, 0.03))
    assert settings.time_limit_s == pytest.approx(120)
    assert transport_of(DoseChoice()) == transport_settings()


@pytest.mark.parametrize("dose", [{"histories": 0}, {"target_u": "0 %"}, {"target_u": "100 %"}, {"time_limit": "0 s"},
                                  {"seed": -1}, {"dose_rates": "kernel"}])  # fmt: skip
def test_other_settings_are_refused(dose):
    with pytest.raises(ValueError, match="DoseChoice"):
        DoseChoice(**dose)


def test_dose_rates_are_local_unless_the_study_asks_for_its_engine(fake_engines, case, tmp_path):
    activity, steps = Volume(MASK.astype(np.float32), GRID), StepStore(tmp_path)
    local = engine_dose_rate(case(engine="blurred"), activity, DENSITY, steps, timepoint="tp1")
    assert fake_engines == []
    blurred = engine_dose_rate(case(engine="blurred", dose_rates="engine"), activity, DENSITY, steps, timepoint="tp1")
    # An hour of 1 MBq/mL in 1 g/mL: 0.0851 Gy·g/(MBq·h); the dose constant of the DDEP evaluation.
    assert local.data[MASK] == pytest.approx(0.0851, rel=1e-3) and local.data[~MASK].max() == 0
    assert np.array_equal(blurred.data, blurred_dose(request())[0].data)


@pytest.mark.parametrize(("noise", "warned"), [(None, False), (0.049, False), (0.051, True)])
def test_noise_of_voxels_is_a_finding(noise, warned):
    findings = noise_findings("liver", TransportFactor(Uncertain(1.0), 1.0, noise))
    assert [finding.code for finding in findings] == (["dose-map-noise"] if warned else [])
    assert noise_findings("liver", None) == ()


def test_the_main_job_with_two_engines(fake_engines, tmp_path):
    study = write_tiny_study(tmp_path / "plain")
    plain = {region.name: region for region in run_without_report(study).result.regions}
    dose = {"engine": "blurred", "cross_check": "sampled", "histories": "1e6", "seed": 11}
    run = run_without_report(write_tiny_study(tmp_path / "two", {"dose": dose}))
    result = run.result
    assert result.dose_engine.engine == "blurred" and result.dose_engine.statistics is None
    assert result.cross_check.engine == "sampled" and result.cross_check.statistics.seed == 11
    assert json.loads((run.folder / "run.json").read_text())["seeds"] == {"sampled": 11}
    difference, _ = read_nifti(run.folder / "dose-difference.nii.gz")
    first, _ = read_nifti(run.folder / "dose.nii.gz")
    changes = {part.name: part for part in result.dose_engine.regions}
    for region, cross in zip(result.regions, result.cross_check.regions, strict=True):
        factor = changes[region.name].factor.value
        assert region.dose_gy.value == pytest.approx(plain[region.name].dose_gy.value * factor)
        assert factor < 1, "blurring takes dose away from a hot region"
        # The map of the tiny study has what its regions have, so that scaling and adding agree.
        assert region.dose_gy.value == pytest.approx(region.dvh.mean_gy, rel=1e-3)
        # Noise of 0.1 % per voxel over more than 60 voxels leaves the mean of local deposition.
        assert cross.dose_gy.value == pytest.approx(plain[region.name].dose_gy.value, rel=1e-3)
        assert cross.difference_percent == pytest.approx(100 * (cross.dose_gy.value / region.dose_gy.value - 1))
        expected_u = 100 * cross.dose_gy.value / region.dose_gy.value * 0.001
        assert cross.u_percent == pytest.approx(expected_u, rel=1e-3)
        assert cross.name == region.name
    outside = first.data[0, 0, 0]
    assert difference.data[0, 0, 0] == pytest.approx(-outside, abs=1e-6)
    electrons, photons = result.dose_engine.energy
    assert electrons.deposited_j + electrons.escaped_j == pytest.approx(electrons.emitted_j)
    assert (electrons.radiation, photons.radiation) == ("electron", "photon")
    assert "photon-dose-neglected" not in {finding.code for finding in result.findings}


def test_statistics_of_the_engine_are_in_the_budget_and_in_a_map(fake_engines, tmp_path):
    run = run_without_report(write_tiny_study(tmp_path / "one", {"dose": {"engine": "sampled", "histories": 100}}))
    # 100 instead of 10000 histories: ten times 1 %.
    for region in run.result.regions:
        (line,) = [line for line in region.budget if line.source == f"monte-carlo:{region.name}"]
        assert line.relative_u == pytest.approx(0.1, rel=0.02) and line.group == "transport"
    assert (run.folder / "dose_statistics_u.nii.gz").is_file()
    assert {"dose-map-noise"} <= {finding.code for finding in run.result.findings}
    assert run.result.cross_check is None and not (run.folder / "dose-difference.nii.gz").exists()


def test_an_unchanged_engine_is_not_asked_again_by_a_changed_study(fake_engines, tmp_path):
    folder = tmp_path / "study"
    run_without_report(write_tiny_study(folder, {"dose": {"engine": "sampled"}}))
    titled = {"dose": {"engine": "sampled"}, "report": {"title": "Another title"}}
    run_without_report(write_tiny_study(folder, titled))
    assert fake_engines == ["sampled"]
    run_without_report(write_tiny_study(folder, {"dose": {"engine": "sampled", "seed": 3}}))
    assert fake_engines == ["sampled", "sampled"]
