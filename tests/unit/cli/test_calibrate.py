"""``theradose calibrate`` on simulated phantoms and on the documented tables."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from dicom_images import assign, write_nm
from main_job import theradose
from theradose.acquire.load import load_emission
from theradose.data import load_yaml
from theradose.formats.nifti import write_nifti
from theradose.model.grid import Grid, Volume
from theradose.quantify.recovery import fit_recovery
from theradose.simulate.calibration import CALIBRATION, simulate_cylinder, simulate_spheres
from theradose.simulate.camera import SPECT_CT, load_camera
from theradose.simulate.phantom import measure_recovery

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "calibration"
AT = "2026-02-16T08:00:00+01:00"
CYLINDER = ("--geometry", "cylinder", "--diameter", "200 mm", "--height", "180 mm")
ACTIVITY = ("--activity", "1000 MBq", "--at", AT, "--u", "1 %")


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """A cylinder, and spheres that lie a few millimetres beside the positions of their table."""
    folder = tmp_path_factory.mktemp("phantoms")
    return simulate_cylinder(folder), simulate_spheres(folder, shift_mm=(3.0, -2.0, 4.0))


def calibrate(command, what, path, record, *arguments, nuclide="Lu-177"):
    return command("calibrate", what, path, "--record", record, "--nuclide", nuclide, *arguments, "--json")


@pytest.fixture(scope="module")
def calibrated(phantoms, tmp_path_factory):
    """The record of the simulated camera: dead time, factor, recovery, in the order of a department."""
    cylinder, spheres = phantoms
    record = tmp_path_factory.mktemp("records") / "calibration" / "sim.yaml"
    common = ("--record", record, "--nuclide", "Lu-177", "--json")
    answers = [
        theradose("calibrate", "dead-time", EXAMPLES / "rates.csv", *common, "--name", "SIM-SPECT-1"),
        theradose("calibrate", "camera", cylinder.image, *common, *CYLINDER, *ACTIVITY, "--margin", "30 mm"),
        theradose(
            "calibrate", "recovery", spheres.image, *common, "--spheres", spheres.table,
            "--concentration", "1.5 MBq/mL", "--at", AT, "--u", "1.5 %",
        ),
    ]  # fmt: skip
    assert [answer.returncode for answer in answers] == [0, 0, 0], [answer.stderr for answer in answers]
    return json.loads(answers[-1].stdout)


def test_simulated_phantom_returns_the_factor_and_the_dead_time(calibrated):
    """Specification: within 1 %. The simulated camera has 9.3 cps/MBq and 4 us, the rates of the example too."""
    camera = load_camera()
    factor, dead_time = calibrated["record"]["factor"], calibrated["record"]["dead_time"]
    assert factor["value_cps_per_mbq"] == pytest.approx(camera.sensitivity_cps_per_mbq, rel=0.01)
    assert abs(factor["value_cps_per_mbq"] - camera.sensitivity_cps_per_mbq) < factor["u_cps_per_mbq"]
    assert abs(dead_time["value_us"] - camera.dead_time_us) < 2 * dead_time["u_us"]


def test_simulated_phantom_returns_the_recovery(calibrated):
    """Specification: within its u. The truth is the curve of the same spheres without noise, at many positions.

    The two-parameter curve describes the spheres to about 1 % only, so that its parameters depend on the weights: the
    truth is fitted with those of the measurement.
    """
    spec = dict(load_yaml(SPECT_CT)["phantom"])
    diameters = load_yaml(CALIBRATION)["spheres"]["diameter_mm"]
    spec |= {"sphere_ml": [math.pi * d**3 / 6000 for d in diameters], "positions": 12, "concentration_mbq_ml": 1e6}
    found = calibrated["record"]["recovery"]
    true_points = measure_recovery(load_camera(), seed=1, spec=spec)
    u_recovery = np.array([point["u_recovery"] for point in found["points"]])
    truth, _ = fit_recovery(replace(true_points, u_recovery=u_recovery))
    u = np.sqrt(np.diag(found["covariance"]))
    assert abs(found["half_volume_ml"] - truth.half_volume_ml) < u[0]
    assert abs(found["exponent"] - truth.exponent) < u[1]
    for point, expected in zip(found["points"], true_points.recovery, strict=True):
        assert abs(point["recovery"] - expected) < 2 * point["u_recovery"]


def test_displaced_phantom_is_found(calibrated):
    """It was moved by (3, -2, 4) mm, less than a voxel of 4.42 mm."""
    message = next(f["message"] for f in calibrated["findings"] if f["code"] == "recovery-phantom-shift")
    shift = [float(number) for number in re.findall(r"-?\d+\.\d", message)]
    assert shift == pytest.approx([3.0, -2.0, 4.0], abs=0.5)


def test_record_says_how_it_was_made(calibrated):
    record = calibrated["record"]
    assert record["schema"] == "theradose/calibration/1"
    assert record["instrument"]["model"] == "SIM-SPECT-1" and record["collimator_type"] == "parallel holes"
    assert record["energy_windows_kev"] == [[187.2, 228.8]]
    assert record["factor"]["reconstruction"]["sha256"] == record["recovery"]["reconstruction"]["sha256"]
    assert record["recovery"]["factor_geometry"] == record["factor"]["geometry"]
    assert record["factor"]["valid_until"] == "2027-02-16"
    assert all(len(value) == 64 for value in record["factor"]["inputs"].values())
    assert {entry["source"] for entry in record["factor"]["budget"]} >= {"activity-meter", "counting", "dead-time"}
    assert yaml.safe_load(Path(calibrated["path"]).read_text(encoding="utf-8")) == record


@pytest.mark.parametrize(
    "region",
    [(), ("--margin", "-25 mm"), ("--threshold", "1 %"), ("--margin", "30 mm", "--axis", "z")],
    ids=["whole image", "inner", "threshold", "grown"],
)
def test_regions_agree(command, phantoms, tmp_path, region):
    """Each holds all counts, or a part without edge whose volume is known: 1 % with the voxels' rounding."""
    answer = calibrate(
        command, "camera", phantoms[0].image, tmp_path / "r.yaml", *CYLINDER, *ACTIVITY, *region,
        "--dead-time", "4 us",
    )  # fmt: skip
    factor = answer.document["record"]["factor"]
    assert factor["value_cps_per_mbq"] == pytest.approx(9.3, rel=0.01)
    assert answer.document["record"]["instrument"]["name"] == "SIM-SPECT-1"


def test_a_tight_region_loses_counts_and_says_so(command, phantoms, tmp_path):
    answer = calibrate(
        command, "camera", phantoms[0].image, tmp_path / "r.yaml", *CYLINDER, *ACTIVITY, "--margin", "0 mm"
    )
    document = answer.document
    assert "source-counts-outside" in {finding["code"] for finding in document["findings"]}
    voi = {entry["source"]: entry["relative_u"] for entry in document["record"]["factor"]["budget"]}
    assert voi["volume-of-interest"] > 0.005


def test_drawn_region(command, phantoms, tmp_path):
    """A label image of all voxels holds all counts; on other voxels, or with two regions, it is refused."""
    image, _ = load_emission(phantoms[0].image, calibrated=True)
    grid = image.volume.grid
    write_nifti(Volume(np.ones(grid.shape, np.uint8), grid), tmp_path / "all.nii")
    other = Grid.axis_aligned(grid.shape, (4.0, 4.0, 4.0), frame_of_reference=grid.frame_of_reference)
    write_nifti(Volume(np.ones(grid.shape, np.uint8), other), tmp_path / "other.nii")
    arguments = (phantoms[0].image, tmp_path / "r.yaml", *CYLINDER, *ACTIVITY, "--dead-time", "4 us", "--region")
    drawn = calibrate(command, "camera", *arguments, tmp_path / "all.nii").document["record"]["factor"]
    assert drawn["value_cps_per_mbq"] == pytest.approx(9.3, rel=0.01)
    assert drawn["volume_of_interest"] == "region of all.nii"
    refused = calibrate(command, "camera", *arguments, tmp_path / "other.nii")
    assert (refused.code, "[grid-mismatch]" in refused.err) == (2, True), refused.err


def test_background_image_is_subtracted(command, phantoms, tmp_path):
    """The source as its own background leaves nothing."""
    answer = calibrate(
        command, "camera", phantoms[0].image, tmp_path / "r.yaml", *CYLINDER, *ACTIVITY,
        "--background", phantoms[0].image,
    )  # fmt: skip
    assert (answer.code, "[source-near-background]" in answer.err) == (2, True)


def test_table_of_counts_prints_a_table(command, tmp_path):
    answer = command(
        "calibrate", "camera", EXAMPLES / "counts.csv", "--record", tmp_path / "r.yaml", "--nuclide", "Lu-177",
        "--geometry", "point", "--name", "A",
    )  # fmt: skip
    assert answer.code == 0
    # 902.0 cps net of 100.2 MBq that decayed for 1.5 h, with the mean of three readings 15 min apart.
    assert "factor" in answer.out and "9.06" in answer.out and "activity-meter" in answer.out


def test_replaced_sections_stay_in_the_history(command, tmp_path):
    record = tmp_path / "r.yaml"
    arguments = ("--geometry", "point", "--name", "A")
    first = calibrate(command, "camera", EXAMPLES / "counts.csv", record, *arguments).document
    second = calibrate(command, "camera", EXAMPLES / "counts.csv", record, *arguments, "--dead-time", "4 us").document
    assert second["replaced"] == ["factor"]
    (entry,) = second["record"]["history"]
    assert entry["section"] == "factor" and entry["content"] == first["record"]["factor"]
    assert [path.name for path in tmp_path.iterdir()] == ["r.yaml"]


def test_counter_with_dead_time(command, tmp_path):
    answer = calibrate(
        command, "counter", EXAMPLES / "standards.csv", tmp_path / "w.yaml", "--name", "well-1", "--fit-dead-time"
    )
    record = answer.document["record"]
    assert record["factor"]["value_cps_per_mbq"] == pytest.approx(5.06e5, rel=0.005)
    assert record["dead_time"]["model"] == "non-paralysable"
    assert record["factor"]["geometry"] == {
        "shape": "tube", "volume_ml": 1.0, "diameter_mm": None, "height_mm": None, "distance_cm": None,
    }  # fmt: skip
    without = calibrate(command, "counter", EXAMPLES / "standards.csv", tmp_path / "v.yaml", "--name", "well-1")
    assert "calibration-readings-scatter" in {finding["code"] for finding in without.document["findings"]}


def test_probe_at_two_distances(command, tmp_path):
    """501 cps gross and 5 cps background of 1000 MBq that decayed for 3 h at 2 m; 881.7 cps gross at 1.5 m."""
    answer = calibrate(command, "probe", EXAMPLES / "probe.csv", tmp_path / "p.yaml", "--name", "probe-1")
    factor = answer.document["record"]["factor"]
    assert factor["value_cps_per_mbq"] == pytest.approx(496 / 1000 * 2 ** (3 / 159.528), rel=0.005)
    assert factor["geometry"]["distance_cm"] == 200


def test_constancy_passes_fails_and_is_appended(command, tmp_path):
    record = tmp_path / "well.yaml"
    shutil.copy(EXAMPLES / "well.yaml", record)
    source = ("--source", "well-Cs-1", "--nuclide", "Cs-137", "--u", "1 %")
    good = command("calibrate", "check", record, "8640 cps", *source, "--at", "2026-08-20T12:00", "--json")
    assert (good.code, good.document["checks"][0]["passed"]) == (0, True)
    bad = command("calibrate", "check", record, "8000 cps", *source, "--at", "2026-11-20T12:00")
    assert bad.code == 0 and "FAIL" in bad.out and "[constancy-failed]" in bad.err
    assert "2026-11-20" in bad.out and "2026-08-20" not in bad.out  # only the check that was added
    stored = yaml.safe_load(record.read_text(encoding="utf-8"))["constancy"]
    assert [check["passed"] for check in stored] == [None, True, True, False]
    assert good.document["checks"] == stored[2:3]
    # Three quarters of a year of Cs-137 (30.05 years).
    assert stored[-1]["expected_cps"] == pytest.approx(8736.3 * 2 ** (-273 / 365.242 / 30.05), rel=1e-4)


def test_constancy_from_a_table(command, tmp_path):
    record = tmp_path / "r.yaml"
    calibrate(command, "counter", EXAMPLES / "standards.csv", record, "--name", "well-1")
    answer = command("calibrate", "check", record, EXAMPLES / "constancy.csv", "--json")
    assert [check["passed"] for check in answer.document["checks"]] == [None, True]
    assert answer.document["checks"] == answer.document["record"]["constancy"]
    again = command("calibrate", "check", record, EXAMPLES / "constancy.csv")
    assert (again.code, "[constancy-twice]" in again.err) == (2, True)


def test_old_reference_is_a_finding(command, tmp_path):
    record = tmp_path / "r.yaml"
    calibrate(command, "counter", EXAMPLES / "standards.csv", record, "--name", "well-1")
    source = ("--source", "Cs", "--nuclide", "Cs-137", "--u", "1 %")
    command("calibrate", "check", record, "8000 cps", *source, "--at", "2025-01-20T12:00")
    answer = command("calibrate", "check", record, "7900 cps", *source, "--at", "2026-03-20T12:00")
    assert "[constancy-reference-old]" in answer.err


REFUSED = [
    (("camera", "counts.csv", "--geometry", "point"), "record-name"),
    (("camera", "counts.csv", "--geometry", "point", "--name", "A", "--nuclide", "Xx-5"), "nuclide-unknown"),
    (("camera", "counts.csv", "--geometry", "point", "--name", "A", "--margin", "3 mm"), "option-unused"),
    (("camera", "counts.csv", "--geometry", "point", "--name", "A", "--valid-until", "2020-01-01"), "record-validity"),
    (("camera", "counts.csv", "--geometry", "point", "--name", "A", "--valid-until", "soon"), "option-moment"),
    (("camera", "counts.csv", "--geometry", "sphere", "--name", "A", "--diameter", "12"), "unit-missing"),
    (("camera", "counts.csv", "--geometry", "sphere", "--name", "A", "--diameter", "0 mm"), "option-range"),
    (("camera", "counts.csv", "--geometry", "point", "--name", "A", "--u", "3"), "option-range"),
    (("camera", "counts.csv", "--geometry", "point", "--name", "A", "--at", "noon"), "option-moment"),
    (("camera", "counts.csv", "--geometry", "point", "--name", "A", "--region-name", "source"), "option-unused"),
    (("camera", "counts.csv", "--geometry", "cylinder", "--name", "A", "--axis", "z"), "option-unused"),
    (("camera", "counts.csv", "--geometry", "point", "--name", "A", "--model", "paralysable"), "option-unused"),
    (("recovery", "recovery.csv", "--name", "A", "--measured-at", "2026-02-16T08:00", "--at", AT), "option-unused"),
    (("recovery", "recovery.csv", "--name", "A", "--measured-at", "2026-02-16T08:00", "--dead-time", "4 us"),
     "option-unused"),
    (("counter", "standards.csv", "--name", "A", "--fit-dead-time", "--dead-time", "4 us"), "option-unused"),
    (("counter", "standards.csv", "--name", "A", "--model", "paralysable"), "option-unused"),
    (("probe", "probe.csv", "--name", "A", "--model", "paralysable"), "option-unused"),
    (("recovery", "recovery.csv", "--name", "A"), "recovery-date"),
    (("dead-time", "counts.csv", "--name", "A"), "table-header"),
    (("counter", "counts.csv", "--name", "A"), "counter-tube"),
    (("probe", "counts.csv", "--name", "A"), "probe-distance"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code"), REFUSED)
def test_bad_input_is_one_sentence(command, tmp_path, arguments, code):
    what, table, *options = arguments
    if "--nuclide" not in options:
        options += ["--nuclide", "Lu-177"]
    answer = command("calibrate", what, EXAMPLES / table, "--record", tmp_path / "r.yaml", *options, "--json")
    assert (answer.code, answer.out, f"[{code}]" in answer.err) == (2, "", True), answer.err
    assert answer.err.strip().count("\n") == 0
    assert not (tmp_path / "r.yaml").exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), "source-activity"),
        (("--activity", "1 GBq"), "source-activity"),
        (("--activity", "1 GBq", "--at", "2025-02-16T08:00:00+01:00"), "activity-date"),
        ((*ACTIVITY, "--nuclide", "I-131"), "nuclide-conflict"),
        ((*ACTIVITY, "--margin", "30 mm", "--geometry", "point"), "source-geometry"),
        ((*ACTIVITY, "--margin", "-95 mm"), "source-outside"),
        ((*ACTIVITY, "--margin", "30 mm", "--threshold", "1 %"), "option-unused"),
        ((*ACTIVITY, "--margin", "30 mm", "--region", "drawn.nii"), "option-unused"),
        ((*ACTIVITY, "--threshold", "1 %", "--region", "drawn.nii"), "option-unused"),
        ((*ACTIVITY, "--region-name", "source"), "option-unused"),
        ((*ACTIVITY, "--axis", "y"), "option-unused"),
        ((*ACTIVITY, "--geometry", "sphere", "--margin", "30 mm", "--axis", "y"), "option-unused"),
        ((*ACTIVITY, "--margin", "5 mm", "--height", "500 mm"), "source-outside"),
    ],
)
def test_images_that_cannot_calibrate(command, phantoms, tmp_path, options, code):
    given = [*CYLINDER, "--nuclide", "Lu-177", *options]
    answer = command("calibrate", "camera", phantoms[0].image, "--record", tmp_path / "r.yaml", *given)
    assert (answer.code, f"[{code}]" in answer.err.splitlines()[-1]) == (2, True), answer.err
    assert not (tmp_path / "r.yaml").exists()


def test_unknown_geometry_is_refused(command, tmp_path):
    answer = command(
        "calibrate", "camera", EXAMPLES / "counts.csv", "--record", tmp_path / "r.yaml", "--nuclide", "Lu-177",
        "--geometry", "cube",
    )  # fmt: skip
    assert answer.code == 2 and "cylinder" in answer.err


def test_images_in_activity_calibrate_nothing(command, tmp_path):
    image = write_nm(tmp_path / "nm.dcm")
    answer = command(
        "calibrate", "camera", image, "--record", tmp_path / "r.yaml", "--nuclide", "Lu-177", "--geometry", "point",
        "--activity", "1 GBq", "--at", "2026-03-03T08:00", "--name", "A",
    )  # fmt: skip
    assert (answer.code, "[calibration-in-activity]" in answer.err) == (2, True), answer.err


def test_spheres_are_not_told_apart_on_planar_images(command, tmp_path):
    record = tmp_path / "r.yaml"
    assert calibrate(command, "camera", EXAMPLES / "counts.csv", record, "--geometry", "point", "--name", "A").code == 0
    image = write_nm(tmp_path / "nm.dcm", assign(ImageType=["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]))
    arguments = ("--spheres", EXAMPLES / "spheres.csv", "--concentration", "1.5 MBq/mL", "--at", AT)
    answer = command("calibrate", "recovery", image, "--record", record, "--nuclide", "Lu-177", *arguments)
    assert (answer.code, "[planar-counts]" in answer.err) == (2, True), answer.err


def test_options_of_planar_images_mean_nothing_for_others(command, phantoms, tmp_path):
    for path, option in ((phantoms[0].image, "--planar"), (EXAMPLES / "counts.csv", "--scatter=tew")):
        answer = calibrate(command, "camera", path, tmp_path / "r.yaml", *CYLINDER, *ACTIVITY, option, "--name", "A")
        assert (answer.code, "[option-unused]" in answer.err) == (2, True), answer.err


def test_spheres_need_a_factor_and_a_table(command, phantoms, tmp_path):
    record, spheres = tmp_path / "r.yaml", phantoms[1]
    table = ("--spheres", spheres.table, "--concentration", "1.5 MBq/mL", "--at", AT, "--name", "SIM-SPECT-1")
    dated = (*table, "--measured-at", AT)
    for arguments, code in ((table, "record-factor-missing"), ((), "recovery-spheres"), (dated, "option-unused")):
        answer = calibrate(command, "recovery", spheres.image, record, *arguments)
        assert (answer.code, f"[{code}]" in answer.err) == (2, True), answer.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("camera", "--nuclide", "I-131", "--name", "A"), "nuclide"),
        (("camera", "--nuclide", "Lu-177", "--name", "B"), "name"),
        (("camera", "--nuclide", "Lu-177", "--name", "A", "--collimator", "HEGP"), "collimator"),
        (("probe", "--nuclide", "Lu-177", "--name", "A", "--distance", "1 m"), "kind"),
    ],
)
def test_a_record_is_of_one_thing(command, tmp_path, arguments, word):
    record = tmp_path / "r.yaml"
    start = ("--geometry", "point", "--name", "A", "--collimator", "MEGP")
    assert calibrate(command, "camera", EXAMPLES / "counts.csv", record, *start).code == 0
    before = record.read_bytes()
    what, *options = arguments
    options += ["--geometry", "point"] if what == "camera" else []
    answer = command("calibrate", what, EXAMPLES / "counts.csv", "--record", record, *options)
    assert (answer.code, "[record-other]" in answer.err, word in answer.err) == (2, True, True), answer.err
    assert record.read_bytes() == before


@pytest.mark.parametrize(
    ("reading", "options", "code"),
    [
        ("8000", ("--source", "A", "--nuclide", "Cs-137", "--at", "2026-03-01T10:00"), "unit-missing"),
        ("0 cps", ("--source", "A", "--nuclide", "Cs-137", "--at", "2026-03-01T10:00"), "option-range"),
        ("8000 cps", ("--nuclide", "Cs-137", "--at", "2026-03-01T10:00"), "constancy-source"),
        ("8000 cps", ("--source", "A", "--nuclide", "Cs-137"), "constancy-source"),
        ("8000 cps", ("--source", "A", "--nuclide", "Pm-147", "--at", "2026-03-01T10:00"), "nuclide-unknown"),
        ("none.csv", (), "table-unreadable"),
        (EXAMPLES / "constancy.csv", ("--at", "2026-03-01T10:00"), "option-unused"),
        (EXAMPLES / "constancy.csv", ("--u", "1 %"), "option-unused"),
        (EXAMPLES / "constancy.csv", ("--reference", "--tolerance", "3 %"), "option-unused"),
    ],
)
def test_readings_that_check_nothing(command, tmp_path, reading, options, code):
    record = tmp_path / "well.yaml"
    shutil.copy(EXAMPLES / "well.yaml", record)
    answer = command("calibrate", "check", record, reading, *options)
    assert (answer.code, f"[{code}]" in answer.err) == (2, True), answer.err
    assert record.read_bytes() == (EXAMPLES / "well.yaml").read_bytes()


def test_check_without_a_record(command, tmp_path):
    answer = command("calibrate", "check", tmp_path / "none.yaml", "8000 cps")
    assert (answer.code, "[record-missing]" in answer.err) == (2, True)
