"""``theradose calibrate camera`` on planar views of simulated sources of known activity."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml

from dicom_images import assign
from planar_sources import (
    ACTIVITY_MBQ,
    AT,
    LAMBDA_PER_H,
    READ_AT,
    SCATTER_SHARE,
    SENSITIVITY,
    WINDOWS,
    one_view,
    simulated,
    written,
)
from theradose.formats.dicom.planar_write import PlanarEncoding

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "calibration"
ACTIVITY = ("--activity", f"{ACTIVITY_MBQ:g} MBq", "--at", READ_AT.isoformat(), "--u", "1 %")


def calibrate(command, path, record, *arguments, geometry="point", nuclide="Lu-177"):
    return command(
        "calibrate", "camera", path, "--record", record, "--nuclide", nuclide, "--geometry", geometry, *arguments,
        "--json",
    )  # fmt: skip


def factor_of(answer):
    assert answer.code == 0, answer.err
    return answer.document["record"]["planar_factor"]


def codes(answer):
    return {finding["code"] for finding in answer.document["findings"]}


@pytest.mark.parametrize("kind", ["point", "disc"])
@pytest.mark.parametrize("region", [("--threshold", "2 %"), ()], ids=["threshold", "whole image"])
def test_a_pair_returns_the_sensitivity_of_one_view(command, tmp_path, kind, region):
    """Within its stated uncertainty; the TEW takes the room's flat spectrum off too."""
    path = written(tmp_path / "source.dcm", simulated(kind))
    answer = calibrate(command, path, tmp_path / "r.yaml", *ACTIVITY, *region)
    factor = factor_of(answer)
    assert abs(factor["value_cps_per_mbq"] - SENSITIVITY) < factor["u_cps_per_mbq"]
    # The activity meter of 1 % leads; counting and region stay below it.
    assert 0.010 < factor["u_cps_per_mbq"] / factor["value_cps_per_mbq"] < 0.013
    assert (factor["measurement"], factor["views"]) == ("planar", 2)
    assert factor["scatter"].startswith("triple energy window")
    assert factor["energy_windows_kev"] == [[w.low_kev, w.high_kev] for w in WINDOWS]
    assert answer.document["record"]["factor"] is None and answer.document["record"]["energy_windows_kev"] == []
    assert ("calibration-without-background" in codes(answer)) == (not region)
    assert "source-counts-outside" not in codes(answer)


def test_noise_stays_within_the_stated_counting(command, tmp_path):
    """Ten sources of 1 MBq: the deviations have the stated counting uncertainty (chi-squared, 99.9 %)."""
    scores = []
    for seed in range(10):
        path = written(tmp_path / f"{seed}.dcm", simulated("point", activity_mbq=1.0, seed=seed))
        arguments = ("--activity", "1 MBq", *ACTIVITY[2:4], "--u", "0.001 %", "--threshold", "2 %")
        factor = factor_of(calibrate(command, path, tmp_path / f"{seed}.yaml", *arguments))
        scores.append((factor["value_cps_per_mbq"] - SENSITIVITY) / factor["u_cps_per_mbq"])
    assert 1.5 < float(np.square(scores).sum()) < 29.6


@pytest.mark.parametrize("named", [True, False])
def test_one_view_is_enough_and_need_not_say_its_side(command, tmp_path, named):
    encoding = PlanarEncoding(states_views=named, states_orientation=named)
    path = written(tmp_path / "source.dcm", simulated("point"), one_view, encoding=encoding)
    factor = factor_of(calibrate(command, path, tmp_path / "r.yaml", *ACTIVITY, "--threshold", "2 %"))
    # That detector is 4 % more sensitive than the mean of both.
    assert abs(factor["value_cps_per_mbq"] - 1.04 * SENSITIVITY) < factor["u_cps_per_mbq"]
    assert factor["views"] == 1


def test_a_symmetric_pair_needs_no_turn(command, tmp_path):
    """A patient's pair without orientation would be asked about; each view of a source is summed by itself."""
    path = written(tmp_path / "s.dcm", simulated("disc"), encoding=PlanarEncoding(states_orientation=False))
    assert calibrate(command, path, tmp_path / "r.yaml", *ACTIVITY).code == 0


def test_dead_time_of_both_detectors_is_corrected(command, tmp_path):
    """1 GBq at 3 h: about 9200 cps in both views, of which 4 us lose 3.6 %."""
    path = written(tmp_path / "s.dcm", simulated("disc", activity_mbq=1000.0, dead_time_us=4.0))
    activity = ("--activity", "1000 MBq", *ACTIVITY[2:], "--threshold", "2 %")
    factor = factor_of(calibrate(command, path, tmp_path / "r.yaml", *activity, "--dead-time", "4 us"))
    assert abs(factor["value_cps_per_mbq"] - SENSITIVITY) < factor["u_cps_per_mbq"]
    assert factor["dead_time_us"] == 4 and factor["highest_rate_cps"] > 8500
    without = factor_of(calibrate(command, path, tmp_path / "without.yaml", *activity))
    assert without["value_cps_per_mbq"] / factor["value_cps_per_mbq"] == pytest.approx(0.963, abs=0.004)


def test_one_view_says_that_its_dead_time_was_not_corrected(command, tmp_path):
    path = written(tmp_path / "s.dcm", simulated("point"), one_view)
    answer = calibrate(command, path, tmp_path / "r.yaml", *ACTIVITY, "--dead-time", "4 us")
    assert "dead-time-not-applied" in codes(answer)
    assert factor_of(answer)["dead_time_us"] is None
    budget = {entry["source"]: entry["relative_u"] for entry in factor_of(answer)["budget"]}
    # One detector counts 59.2 MBq x 4.836 cps/MBq x 1.08 and 33 cps of the room; twice that loses most.
    assert budget["dead-time"] == pytest.approx(2 * 342 * 4e-6 / math.sqrt(3), rel=0.02)


def test_a_flat_source_is_corrected_for_what_it_takes_itself(command, tmp_path):
    """10 mm of water at 208 keV (0.1350 cm²/g): (1 − e^(−0.135))/0.135 = 0.9355 leave it."""
    path = written(tmp_path / "s.dcm", simulated("disc", transmission=0.9355))
    flat = (*ACTIVITY, "--diameter", "100 mm", "--height", "10 mm", "--threshold", "2 %")
    answer = calibrate(command, path, tmp_path / "r.yaml", *flat, "--axis", "y", geometry="cylinder")
    factor = factor_of(answer)
    assert abs(factor["value_cps_per_mbq"] - SENSITIVITY) < factor["u_cps_per_mbq"]
    other = calibrate(command, path, tmp_path / "other.yaml", *flat, geometry="cylinder")
    (finding,) = [f for f in other.document["findings"] if f["code"] == "planar-source-attenuation"]
    assert finding["severity"] == "warning" and "6.5%" in finding["message"]
    assert factor_of(other)["value_cps_per_mbq"] == pytest.approx(0.9355 * factor["value_cps_per_mbq"], rel=1e-3)


def test_a_threshold_that_cuts_the_source_says_so(command, tmp_path):
    path = written(tmp_path / "s.dcm", simulated("point"))
    answer = calibrate(command, path, tmp_path / "r.yaml", *ACTIVITY, "--threshold", "60 %")
    assert "source-counts-outside" in codes(answer)
    assert {e["source"]: e["relative_u"] for e in factor_of(answer)["budget"]}["volume-of-interest"] > 0.05


def test_background_views_are_subtracted(command, tmp_path):
    """Without scatter correction the room counts 1.2 per pixel: the empty views take it off the whole image."""
    path = written(tmp_path / "s.dcm", simulated("point"))
    empty = written(tmp_path / "empty.dcm", simulated("point", empty=True, seed=2))
    arguments = (*ACTIVITY, "--scatter", "none")
    plain = factor_of(calibrate(command, path, tmp_path / "a.yaml", *arguments))
    answer = calibrate(command, path, tmp_path / "b.yaml", *arguments, "--background", empty)
    found = factor_of(answer)
    assert found["scatter"] == "none" and "image without source" in found["volume_of_interest"]
    # What remains is the scatter of the source itself.
    assert found["value_cps_per_mbq"] == pytest.approx((1 + SCATTER_SHARE) * SENSITIVITY, rel=0.01)
    assert plain["value_cps_per_mbq"] > 1.05 * found["value_cps_per_mbq"]
    assert "calibration-without-background" not in codes(answer)
    other = written(tmp_path / "one.dcm", simulated("point", empty=True, seed=2), one_view)
    refused = calibrate(command, path, tmp_path / "c.yaml", *arguments, "--background", other)
    assert (refused.code, "[grid-mismatch]" in refused.err) == (2, True), refused.err


def test_views_one_after_the_other_are_brought_to_one_moment(command, tmp_path):
    """The second view begins 20 h later, decayed to 92 %."""
    pair = simulated("point")
    rng = np.random.default_rng(3)
    late = math.exp(-20 * LAMBDA_PER_H)
    faded = replace(pair, posterior=rng.binomial(pair.posterior.astype(int), late).astype(float))
    folder = tmp_path / "views"
    folder.mkdir()
    for number, (name, moment) in enumerate((("ANT", AT), ("POST", AT + timedelta(hours=20)))):
        dataset = pydicom.dcmread(written(tmp_path / "both.dcm", faded))
        dataset.PixelData = dataset.pixel_array[3 * number : 3 * number + 3].tobytes()
        dataset.NumberOfFrames, dataset.EnergyWindowVector, dataset.DetectorVector = 3, [1, 2, 3], [1, 1, 1]
        dataset.DetectorInformationSequence = dataset.DetectorInformationSequence[number : number + 1]
        dataset.AcquisitionDate, dataset.AcquisitionTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
        dataset.SeriesInstanceUID = f"2.25.7{number}"
        dataset.save_as(folder / f"{name}.dcm")
    factor = factor_of(calibrate(command, folder, tmp_path / "r.yaml", *ACTIVITY, "--threshold", "2 %"))
    assert abs(factor["value_cps_per_mbq"] - SENSITIVITY) < factor["u_cps_per_mbq"]
    assert factor["views"] == 2 and len(factor["inputs"]) == 2


def test_a_table_of_a_view_goes_to_the_planar_factor(command, tmp_path):
    table = tmp_path / "counts.csv"
    table.write_text("measured_at,counts,counting_s,activity_mbq,u_activity_mbq,activity_at\n"
                     f"{AT.isoformat()},279000,600,100,1,{AT.isoformat()}\n")  # fmt: skip
    answer = calibrate(command, table, tmp_path / "r.yaml", "--planar", "--name", "A")
    assert factor_of(answer)["value_cps_per_mbq"] == pytest.approx(4.65, rel=1e-3)
    assert answer.document["record"]["factor"] is None
    plain = calibrate(command, table, tmp_path / "s.yaml", "--name", "A").document["record"]
    assert plain["planar_factor"] is None and plain["factor"]["measurement"] == "counts"


def test_planar_and_spect_factor_share_a_record(command, tmp_path):
    """Each in its place; measured again, the planar factor goes to the history alone. The tables are printed."""
    record, table = tmp_path / "r.yaml", tmp_path / "counts.csv"
    table.write_text("measured_at,counts,counting_s,activity_mbq,activity_at\n"
                     f"{AT.isoformat()},558000,600,100,{AT.isoformat()}\n")  # fmt: skip
    path = written(tmp_path / "s.dcm", simulated("point"))
    assert calibrate(command, table, record, "--name", "SIM-SPECT-1").code == 0
    assert calibrate(command, path, record, *ACTIVITY).code == 0
    again = calibrate(command, path, record, *ACTIVITY, "--threshold", "2 %").document
    assert again["replaced"] == ["planar_factor"] and again["record"]["factor"]["value_cps_per_mbq"] > 9
    shown = command("calibrate", "camera", path, "--record", record, "--nuclide", "Lu-177", "--geometry", "point",
                    *ACTIVITY)  # fmt: skip
    assert "planar factor" in shown.out and "uncertainty of the planar factor" in shown.out
    json.dumps(again)


def test_an_exchanged_factor_is_refused(command, tmp_path):
    """A factor of one view under ``factor`` would double every activity."""
    record = tmp_path / "r.yaml"
    path = written(tmp_path / "s.dcm", simulated("point"))
    assert calibrate(command, path, record, *ACTIVITY).code == 0
    text = record.read_text(encoding="utf-8")
    record.write_text(
        text.replace("\nfactor: null\nplanar_factor:", "\nplanar_factor: null\nfactor:"), encoding="utf-8"
    )
    answer = calibrate(command, path, record, *ACTIVITY)
    assert (answer.code, "[record-invalid]" in answer.err, "planar_factor" in answer.err) == (2, True, True)


def _without(keyword):
    return lambda dataset: delattr(dataset, keyword)


@pytest.mark.parametrize(
    ("changes", "arguments", "code"),
    [
        ((assign(ImageType=["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]),), (), "planar-whole-body"),
        ((_without("ActualFrameDuration"),), (), "planar-incomplete"),
        ((_without("AcquisitionTime"),), (), "planar-incomplete"),
        ((_without("PixelSpacing"),), (), "missing-geometry"),
        ((assign(EnergyWindowVector=[1, 2, 2, 1, 2, 3]),), (), "planar-repeated"),
        ((), ("--margin", "30 mm"), "option-unused"),
        ((), ("--region", "r.nii"), "option-unused"),
        ((), ("--reconstruction", "OSEM"), "option-unused"),
        ((one_view,), ("--scatter", "dew"), "scatter-factor"),
    ],
)
def test_planar_images_that_cannot_calibrate(command, tmp_path, changes, arguments, code):
    path = written(tmp_path / "s.dcm", simulated("point"), *changes)
    answer = calibrate(command, path, tmp_path / "r.yaml", *ACTIVITY, *arguments)
    assert (answer.code, answer.out, f"[{code}]" in answer.err) == (2, "", True), answer.err
    assert answer.err.strip().count("\n") == 0 and not (tmp_path / "r.yaml").exists()


def test_what_is_asked_of_a_pair(command, tmp_path):
    """Two views without sides, no activity, another nuclide, and a pair whose background is itself."""
    pair = simulated("point")
    silent = written(tmp_path / "silent.dcm", pair, encoding=PlanarEncoding(states_views=False))
    path = written(tmp_path / "s.dcm", pair)
    for source, arguments, nuclide, code in (
        (silent, ACTIVITY, "Lu-177", "planar-incomplete"),
        (path, (), "Lu-177", "source-activity"),
        (path, ACTIVITY, "I-131", "nuclide-conflict"),
        (path, (*ACTIVITY, "--background", path), "Lu-177", "negative-net-counts"),
    ):
        answer = calibrate(command, source, tmp_path / "r.yaml", *arguments, nuclide=nuclide)
        assert (answer.code, f"[{code}]" in answer.err) == (2, True), answer.err


def test_the_documented_record_is_what_is_written(command, tmp_path):
    """A disc of 100 mm with 5 mm of water: (1 − e^(−0.0675))/0.0675 = 0.9670 leave it."""
    (tmp_path / "planar").mkdir()
    path = written(tmp_path / "planar" / "disc.dcm", simulated("disc", transmission=0.9670))
    answer = calibrate(
        command, path, tmp_path / "r.yaml", *ACTIVITY, "--threshold", "2 %", "--diameter", "100 mm", "--height", "5 mm",
        "--axis", "y", "--name", "NM670-A", "--collimator", "MEGP", geometry="cylinder",
    )  # fmt: skip
    documented = yaml.safe_load((EXAMPLES / "planar.yaml").read_text(encoding="utf-8"))
    found = answer.document["record"]
    for record in (documented, found):
        for changing in ("made_at", "software", "inputs"):
            record["planar_factor"].pop(changing)
        record["instrument"].pop("serial")
    for key in ("value_cps_per_mbq", "u_cps_per_mbq"):
        assert documented["planar_factor"].pop(key) == pytest.approx(found["planar_factor"].pop(key), rel=1e-6)
    for entry, other in zip(
        documented["planar_factor"].pop("budget"), found["planar_factor"].pop("budget"), strict=True
    ):
        assert entry["source"] == other["source"]
        assert entry["relative_u"] == pytest.approx(other["relative_u"], rel=1e-6)
    assert documented == found
