"""The main job on a digital patient: from DICOM to dose, against the known truth."""

import json
import re
import subprocess

import jsonschema
import numpy as np
import pytest

from main_job import theradose
from requirements_support import need_program
from theradose.formats.dicom.rtdose import read_rtdose
from theradose.formats.dicom.seg import read_seg
from theradose.formats.nifti import read_nifti

# Limits of the specification for region TIA with the simulator's own recovery set: 5 % for organs, 12 % for lesions
# of at least 10 mL.
ORGANS = ("left-kidney", "right-kidney", "liver", "spleen")
ORGAN_LIMIT, LESION_LIMIT, LESION_ML = 0.05, 0.12, 10.0


def by_name(rows):
    return {row["name"]: row for row in rows}


def test_time_integrated_activities_agree_with_the_truth(simulated):
    truth, found = by_name(simulated.truth["regions"]), by_name(simulated.result["regions"])
    for name in ORGANS:
        assert found[name]["tia_mbq_h"]["value"] == pytest.approx(truth[name]["tia_mbq_h"], rel=ORGAN_LIMIT)
    lesions = [row for row in truth.values() if row["kind"] == "lesion" and row["volume_ml"] >= LESION_ML]
    assert len(lesions) >= 3
    for lesion in lesions:
        value = found[lesion["name"]]["tia_mbq_h"]["value"]
        assert value == pytest.approx(lesion["tia_mbq_h"], rel=LESION_LIMIT)


def test_doses_lie_within_three_standard_uncertainties(simulated):
    truth = by_name(simulated.truth["regions"])
    for region in simulated.result["regions"]:
        dose = region["dose_gy"]
        assert abs(dose["value"] - truth[region["name"]]["dose_gy"]) < 3 * dose["u"]


def test_marrow_dose_from_images_is_near_the_truth(simulated):
    """Without recovery: 5 mm inside a vertebra an image of 7.4 mm FWHM still loses 5 to 12 % to colder surroundings."""
    true, found = simulated.truth["marrow"], simulated.result["marrow"]["image"]
    assert found["sites"] == true["sites"]
    assert 0.85 < found["self_gy"]["value"] / true["dose_gy"] < 1.0
    assert "marrow-recovery-not-applied" in found["flags"]
    assert {line["source"] for line in found["budget"] if line["share"] is None} >= {"recovery:marrow-voi"}


def test_vertebrae_are_found_at_every_time_point(simulated):
    """The whole patient moved rigidly, so that the vertebrae must lie where the whole image says."""
    registrations = {one["timepoint"]: one for one in simulated.result["marrow"]["image"]["registrations"]}
    assert registrations.pop("tp24")["method"] == "outlined here"
    for one in registrations.values():
        assert one["method"] == "local"
        assert one["shift_mm"] < 1.0
        assert one["rotation_deg"] < 1.0


def test_images_show_more_than_the_blood_brings(simulated):
    image, blood = (simulated.result["marrow"][method] for method in ("image", "blood"))
    assert image["specific_tia_mbq_h_per_kg"]["value"] > 0
    assert image["cross_gy"]["value"] > 0
    assert image["dose_gy"]["value"] > blood["dose_gy"]["value"]


def shares(region):
    """Share of the variance by group of sources."""
    found = {}
    for line in region["budget"]:
        found[line["group"]] = found.get(line["group"], 0.0) + (line["share"] or 0.0)
    return found


def test_what_leads_the_budget(simulated):
    """R1: in large organs the curve fit, in small lesions volume and recovery; the calibration is known to 1.4 %."""
    found = by_name(simulated.result["regions"])
    for name in ORGANS:
        assert found[name]["outlined_on"] == "ct"
        share = shares(found[name])
        assert max(share, key=share.get) == "fit"
    small = [row for row in found.values() if row["kind"] == "lesion" and row["volume_ml"]["value"] < 10]
    assert small
    for lesion in small:
        share = shares(lesion)
        assert share["volume"] + share["recovery"] > 0.5


def test_injected_shifts_are_recovered(simulated):
    truth = {row["id"]: np.array(row["reference_to_moving_mm"]) for row in simulated.truth["timepoints"]}
    moved = [image for image in simulated.result["images"] if image["registration"] is not None]
    assert len(moved) == 3
    for image in moved:
        error = np.array(image["registration"]["matrix"]) @ np.linalg.inv(truth[image["timepoint"]])
        angle = np.degrees(np.arccos(np.clip((np.trace(error[:3, :3]) - 1) / 2, -1, 1)))
        assert angle < 0.5
        # The middle of the patient is the origin of the simulated room.
        assert np.linalg.norm(error[:3, 3]) < 1.0


def test_the_activity_check_is_quiet_on_a_right_study(simulated):
    codes = {finding["code"] for finding in simulated.result["findings"]}
    assert not codes & {"activity-units-or-time", "activity-above-administered", "activity-rises"}
    assert all(finding["severity"] != "critical" for finding in simulated.result["findings"])


def test_the_result_follows_its_published_schema(simulated, request):
    schema = json.loads((request.config.rootpath / "docs/formats/result-schema.json").read_text())
    jsonschema.validate(simulated.result, schema)


def test_every_file_is_listed_with_its_hash(simulated):
    listed = {row["path"] for row in simulated.result["files"]}
    present = {path.relative_to(simulated.run).as_posix() for path in simulated.run.rglob("*") if path.is_file()}
    assert present - listed == {"result.json", "run.json"}
    assert {"report.pdf", "report.html", "dose.nii.gz", "tia.nii.gz", "regions.nii.gz"} <= listed
    assert {"dicom/rtdose.dcm", "dicom/seg.dcm"} <= listed


def test_dicom_and_nifti_hold_the_same_dose(simulated):
    nifti, _ = read_nifti(simulated.run / "dose.nii.gz")
    dicom, _ = read_rtdose(simulated.run / "dicom" / "rtdose.dcm")
    assert np.abs(dicom.data - nifti.data).max() <= 1e-6 * nifti.data.max()
    assert dicom.grid.matches(nifti.grid)
    segmentation, _ = read_seg(simulated.run / "dicom" / "seg.dcm")
    assert set(segmentation.names) == {row["name"] for row in simulated.result["regions"]}


def test_written_dicom_validates(simulated):
    need_program("dciodvfy", "dicom3tools")
    for name in ("seg.dcm", "rtstruct.dcm"):
        output = subprocess.run(
            ["dciodvfy", "-new", simulated.run / "dicom" / name], capture_output=True, text=True, check=False
        ).stderr
        assert not [line for line in output.splitlines() if line.startswith("Error")], name


def test_mean_of_the_map_times_recovery_is_the_region_dose(simulated):
    # The map is not corrected for partial volume: region dose = mean of the map / recovery, where the region's mass
    # follows from the same density map. 3 %: regions of partial voxels share them with their neighbours.
    for region in simulated.result["regions"]:
        if region["kind"] == "organ":
            expected = region["dvh"]["mean_gy"] / region["recovery"]["value"]
            assert region["dose_gy"]["value"] == pytest.approx(expected, rel=0.03)


def test_an_unchanged_run_returns_the_existing_result(simulated):
    again = theradose("run", simulated.folder / "study.yaml")
    assert again.returncode == 0
    assert again.stdout.strip() == str(simulated.run)


def test_nothing_personal_and_no_absolute_path_in_the_result(simulated):
    texts = [path for path in simulated.run.rglob("*") if path.suffix in {".json", ".html", ".csv"}]
    assert len(texts) > 5
    for path in texts:
        content = path.read_text(encoding="utf-8")
        assert str(simulated.folder) not in content
        assert "Digital^" not in content


def test_the_html_report_loads_nothing(simulated):
    html = (simulated.run / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", html)
    assert "Research use only" in html or "RESEARCH USE ONLY" in html


def test_the_pdf_has_text_and_the_banner_on_every_page(simulated):
    need_program("pdftotext", "poppler-utils")
    text = subprocess.run(
        ["pdftotext", "-layout", simulated.run / "report.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    pages = [page for page in text.split("\f") if page.strip()]
    assert len(pages) >= 6
    assert all("RESEARCH USE ONLY" in page for page in pages)
    assert "left-kidney" in text and "not stated" in text


def test_probe_and_blood_give_whole_body_and_red_marrow(simulated):
    """The stated intervals hold the truth; whole body within 10 %: six readings of 2 % through two phases."""
    body, truth = simulated.result["whole_body"], simulated.truth
    assert body["scope"] == "whole body by probe"
    tia = body["tia_mbq_h"]
    assert abs(tia["value"] - truth["whole_body"]["tia_mbq_h"]) < 2 * tia["u"]
    dose = simulated.result["marrow"]["blood"]["dose_gy"]
    assert abs(dose["value"] - truth["blood"]["marrow_dose_gy"]) < 2.6 * dose["u"]
    assert set(simulated.result["marrow"]["blood"]["components_gy"]) == {
        "red-marrow", "kidneys", "liver", "spleen", "remainder"
    }  # fmt: skip
    assert simulated.result["field_of_view"]["tia_mbq_h"]["value"] < tia["value"]
