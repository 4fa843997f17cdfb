"""The simulated study: complete, valid, the same for the same seed, and flawed exactly as asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml

from dicom_support import validation_errors
from theradose.acquire.load import load_ct, load_emission
from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.formats.dicom.rtstruct import read_rtstruct
from theradose.formats.tables import read_recovery
from theradose.model.activity import ImageUnit
from theradose.model.study import Study
from theradose.simulate.camera import SPECT_CT
from theradose.simulate.truth import Truth
from theradose.simulate.write import simulate_study

EXAMPLE = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "truth.json"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """The study of the demonstration."""
    out = tmp_path_factory.mktemp("study")
    return out, simulate_study(out)


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two visits on twice as large voxels, where neither number nor resolution matters."""
    spec = load_yaml(SPECT_CT)
    coarse = {**spec, "schedule_h": [24, 96], "shape": [45, 64, 64], "voxel_mm": 2 * spec["voxel_mm"]}
    coarse["phantom"] = {**spec["phantom"], "positions": 2}
    for module in ("camera", "phantom", "write"):
        monkeypatch.setattr(f"theradose.simulate.{module}.load_yaml", lambda name: coarse)


def test_everything_is_there(study: tuple[Path, Truth]):
    out, _ = study
    names = sorted(path.name for path in out.iterdir())
    assert names == ["blood.csv", "dicom", "probe.csv", "recovery.csv", "study.yaml", "truth.json"]
    folders = {path.name: len(list(path.iterdir())) for path in (out / "dicom").iterdir()}
    images = {f"{kind}_{hours}h": n for kind, n in (("nm", 1), ("ct", 120)) for hours in (4, 24, 96, 168)}
    assert folders == images | {"rtstruct": 1}


def test_objects_are_valid(study: tuple[Path, Truth]):
    out, _ = study
    dicom = out / "dicom"
    # One slice stands for the CT series, whose slices differ in position and pixels alone.
    files = [*dicom.glob("nm_*/*.dcm"), *dicom.glob("ct_*/ct_0060.dcm"), *dicom.glob("rtstruct/*.dcm")]
    assert len(files) == 9
    assert validation_errors(*files) == []


def test_spect_and_ct_of_a_visit_belong_together(study: tuple[Path, Truth]):
    out, _ = study
    frames = set()
    for hours in (4, 24, 96, 168):
        nm = pydicom.dcmread(out / "dicom" / f"nm_{hours}h" / "nm.dcm", stop_before_pixels=True)
        ct = pydicom.dcmread(out / "dicom" / f"ct_{hours}h" / "ct_0001.dcm", stop_before_pixels=True)
        assert nm.StudyInstanceUID == ct.StudyInstanceUID
        assert nm.FrameOfReferenceUID == ct.FrameOfReferenceUID
        assert nm.PatientID == ct.PatientID == "SIM-000177"
        frames.add(nm.FrameOfReferenceUID)
    assert len(frames) == 4


def test_images_hold_the_true_activity(study: tuple[Path, Truth]):
    """Counts over sensitivity, time and live share give the true activity in view within the noise."""
    out, truth = study
    for timepoint in truth.timepoints:
        image, _ = load_emission(out / "dicom" / f"nm_{timepoint.id[2:]}h", nuclide="Lu-177", administration_start=None)
        counts = image.volume.data.sum(dtype=float)
        found = counts / (9.3 * 1200 * timepoint.live_fraction)
        # More than 4e5 detected counts at 168 h, packets of 2 and weights up to 1/0.17: below 1 %.
        assert found == pytest.approx(timepoint.view_mbq, rel=0.01)
        assert image.total_counts is not None
        rate = image.total_counts / timepoint.live_fraction / 1200
        assert timepoint.live_fraction == pytest.approx(np.exp(-rate * 4e-6), rel=1e-6)
        assert image.volume.grid.shape == (90, 128, 128)
        ct, _ = load_ct(out / "dicom" / f"ct_{timepoint.id[2:]}h")
        assert ct.grid.frame_of_reference == image.volume.grid.frame_of_reference


def test_study_file_is_complete(study: tuple[Path, Truth]):
    out, truth = study
    parsed = Study.model_validate(yaml.safe_load((out / "study.yaml").read_text()))
    assert parsed.administrations[0].net_activity_mbq == pytest.approx(truth.administered_mbq)
    assert parsed.calibration is not None and parsed.calibration.sensitivity == 9.3
    for timepoint in parsed.timepoints:
        assert (out / str(timepoint.activity)).is_dir()
        assert (out / str(timepoint.ct)).is_dir()
    start = parsed.administrations[0].start
    assert start is not None
    for timepoint, true in zip(parsed.timepoints, truth.timepoints, strict=True):
        image, _ = load_emission(out / str(timepoint.activity), nuclide="Lu-177", administration_start=start)
        assert (image.acquired_at - start).total_seconds() / 3600 == pytest.approx(true.t_h)
    assert read_recovery(out / "recovery.csv").recovery.shape == (10,)


def test_regions_are_the_true_ones(study: tuple[Path, Truth]):
    out, truth = study
    contours, findings = read_rtstruct(out / "dicom" / "rtstruct" / "tp24.dcm")
    assert not [finding for finding in findings if finding.severity != "info"]
    assert set(contours.names) == {region.name for region in truth.regions if region.outlined}
    assert {"left-kidney", "right-kidney", "liver", "spleen"} <= set(contours.names)


def test_truth_is_consistent(study: tuple[Path, Truth]):
    out, truth = study
    document = json.loads((out / "truth.json").read_text())
    assert document == json.loads(json.dumps(truth.to_json()))
    for region in document["regions"]:
        curve = region["curve"]
        integral = sum(a / rate for a, rate in zip(curve["amplitudes_mbq"], curve["rates_per_h"], strict=True))
        assert region["tia_mbq_h"] == pytest.approx(integral)
        # 147.47 keV per decay of 177Lu (DDEP) give 0.08506 Gy·g/(MBq·h).
        assert region["dose_gy"] == pytest.approx(0.08506 * integral / region["mass_g"], rel=1e-3)
    for timepoint in document["timepoints"]:
        matrix = np.array(timepoint["reference_to_moving_mm"])
        assert np.linalg.norm(matrix[:3, 3]) <= 8.0
        assert np.degrees(np.arccos((np.trace(matrix[:3, :3]) - 1) / 2)) <= 3.0
        assert timepoint["view_mbq"] < timepoint["body_mbq"] < truth.administered_mbq
    reference = next(item for item in document["timepoints"] if item["id"] == document["reference_timepoint"])
    assert np.array_equal(reference["reference_to_moving_mm"], np.eye(4))


def test_documented_example_has_the_same_keys(study: tuple[Path, Truth]):
    _, truth = study
    assert _keys(json.loads(EXAMPLE.read_text())) == _keys(json.loads(json.dumps(truth.to_json())))


@pytest.mark.usefixtures("coarse")
def test_same_seed_same_bytes(tmp_path: Path):
    simulate_study(tmp_path / "first", seed=5)
    simulate_study(tmp_path / "second", seed=5)
    files = [path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file()]
    assert len(files) == 128
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes(), file


@pytest.mark.usefixtures("coarse")
def test_another_simulation_replaces_the_first(tmp_path: Path):
    simulate_study(tmp_path, seed=5, variant="one-kidney", unit="Bq/mL")
    truth = simulate_study(tmp_path, seed=6, variant="missing-slice")
    assert len(list((tmp_path / "dicom" / "ct_96h").iterdir())) == 59
    assert len(list((tmp_path / "dicom" / "ct_24h").iterdir())) == 60
    assert json.loads((tmp_path / "truth.json").read_text())["seed"] == truth.seed == 6
    (tmp_path / "truth.json").unlink()
    with pytest.raises(StudyError) as refusal:
        simulate_study(tmp_path)
    assert refusal.value.code == "simulation-folder"


@pytest.mark.usefixtures("coarse")
def test_variants_are_flawed_as_asked(tmp_path: Path):
    steps: list[str] = []
    simulate_study(tmp_path / "standard", seed=5, unit="Bq/mL", progress=steps.append)
    assert steps == ["patient", "phantom", "images at 24 h", "images at 96 h"]
    standard = _concentration(tmp_path / "standard", 96)

    simulate_study(tmp_path / "units", seed=5, unit="Bq/mL", variant="wrong-units")
    wrong = _concentration(tmp_path / "units", 96)
    assert wrong == pytest.approx(10 * standard, abs=10 * standard.max() / 65535)

    truth = simulate_study(tmp_path / "kidney", seed=5, unit="Bq/mL", variant="one-kidney")
    names = {region.name for region in truth.regions}
    assert "left-kidney" in names and "right-kidney" not in names

    simulate_study(tmp_path / "sides", seed=5, unit="Bq/mL", variant="swapped-sides")
    right = {name: _mean_x(tmp_path / name, "right-kidney") for name in ("standard", "sides")}
    # Towards the patient's left x grows.
    assert right["standard"] < 0 < right["sides"]

    simulate_study(tmp_path / "ct", seed=5, unit="Bq/mL", variant="shifted-ct")
    assert np.array_equal(_concentration(tmp_path / "ct", 96), standard)
    shifted, straight = (load_ct(tmp_path / name / "dicom" / "ct_96h")[0].data for name in ("ct", "standard"))
    # The CT pixels of this test are 4.42 mm wide.
    assert _body_centre(shifted) - _body_centre(straight) == pytest.approx(4.4 / 4.42, abs=0.1)


def test_unknown_variant_is_refused(tmp_path: Path):
    with pytest.raises(StudyError) as refusal:
        simulate_study(tmp_path, variant="three-kidneys")
    assert refusal.value.code == "simulation-variant"
    assert not list(tmp_path.iterdir())


def _concentration(out: Path, hours: int) -> np.ndarray:
    image, _ = load_emission(out / "dicom" / f"nm_{hours}h", nuclide="Lu-177")
    assert image.unit is ImageUnit.BQ_PER_ML
    return np.array(image.volume.data, float)


def _mean_x(out: Path, region: str) -> float:
    contours, _ = read_rtstruct(out / "dicom" / "rtstruct" / "tp24.dcm")
    return float(np.concatenate([line.points_mm for line in contours.region(region).contours])[:, 0].mean())


def _body_centre(hu: np.ndarray) -> float:
    columns = (hu > -300).sum(axis=(0, 1))
    return float(columns @ np.arange(len(columns)) / columns.sum())


def _keys(document: object) -> object:
    """Names of a document's keys at every depth; lists count by their first item."""
    if isinstance(document, dict):
        return {key: _keys(value) for key, value in document.items()}
    if isinstance(document, list) and document:
        return [_keys(document[0])]
    return None
