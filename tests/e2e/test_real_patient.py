"""A real patient from DICOM to PDF: two quantitative SPECT of one cycle, stored as PET, without CT.

Facts about the data are those of their description (doi 10.7302/0n8e-rz46, ../shared/data/README.md).
"""

import json
import re
import shutil
import subprocess
from pathlib import PurePath

import pytest
import yaml

from main_job import finish, theradose
from requirements_support import need_program

# Half-life of 177Lu in the header of both series (574300.8 s) and the exponential that undoes ADMIN.
HALF_LIFE_H = 574300.8 / 3600
LESIONS = ("lesion1-liver-r-lobe", "lesion2-liver-l-lateral")


@pytest.fixture(scope="module")
def patient(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real-patient")
    shutil.copytree(shared_data / "images" / "lu177_spect", folder / "dicom")
    imported = theradose("import", folder / "dicom", "--out", folder / "study.yaml")
    assert imported.returncode == 0, imported.stderr
    # Nothing is asked for: the study that was written runs as it is.
    assert imported.stderr == ""
    assert "needed" not in (folder / "study.yaml").read_text().split("schema_version", 1)[1]
    return finish(folder)


def texts(value):
    """All text values in a JSON document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def evidence(image, quantity):
    return next(line["value"] for line in image["assumptions"] if line["quantity"] == quantity)


def test_the_study_names_the_tag_of_every_number(patient):
    lines = (patient.folder / "study.yaml").read_text().splitlines()
    numbers = [line for line in lines if re.search(r": [\d.]+ (MBq|kg|cm)|start: 20", line)]
    assert len(numbers) == 4
    assert all(re.search(r"# \([0-9A-F]{4},[0-9A-F]{4}\) \w+$", line) for line in numbers)


def test_both_time_points_have_their_activity(patient):
    """Totals and times as the data's description gives them: after undoing the correction to the administration."""
    images = patient.result["images"]
    assert [image["t_h"] for image in images] == pytest.approx([3.741, 27.725], abs=5e-4)
    assert [image["total_activity_mbq"] for image in images] == pytest.approx([1328.8, 883.0], abs=0.05)
    for image in images:
        left = 7210.43 * 2 ** (-image["t_h"] / HALF_LIFE_H)
        assert image["expected_activity_mbq"] == pytest.approx(left, rel=1e-4)
        assert image["fraction_of_expected"] == pytest.approx(image["total_activity_mbq"] / left, rel=1e-4)


def test_both_lesions_and_the_whole_body_have_integrals(patient):
    assert tuple(patient.regions) == LESIONS
    for lesion in patient.regions.values():
        assert lesion["kind"] == "lesion" and lesion["code"] is not None
        assert len(lesion["curve"]["t_h"]) == 2
        assert lesion["tia_mbq_h"]["value"] > 0 and lesion["tia_mbq_h"]["u"] > 0
        assert lesion["dose_gy"]["value"] > 0
    body = patient.result["whole_body"]
    assert body["curve"]["activity_mbq"] == pytest.approx([1328.8, 883.0], abs=0.05)
    # Two points fix one exponential: A / λ with the rate between them.
    (t1, t2), (a1, a2) = body["curve"]["t_h"], body["curve"]["activity_mbq"]
    half_life_h = (t2 - t1) / (body["effective_half_life_h"]["value"])
    assert a1 / a2 == pytest.approx(2**half_life_h, rel=1e-6)
    burden = patient.result["tumour_burden"]
    assert burden["lesions"] == 2
    assert burden["volume_ml"] == pytest.approx(sum(row["volume_ml"]["value"] for row in patient.regions.values()))


def test_what_was_inferred_is_named(patient):
    assert {"spect-in-pet-object", "no-ct", "frames-of-reference-differ"} <= patient.codes()
    for image in patient.result["images"]:
        assert image["modality"] == "PT"
        assert "SPECT in a PET object" in evidence(image, "acquisition")
        assert "ADMIN" in evidence(image, "decay reference")
        undone = evidence(image, "decay correction")
        factor = float(re.search(r"multiplied by ([\d.]+)", undone)[1])
        assert factor == pytest.approx(2 ** (-image["t_h"] / HALF_LIFE_H), rel=1e-5)
    # The tables differ by 47 mm along the body; without registration every propagated outline would miss.
    moved = patient.result["images"][1]["registration"]
    assert moved["method"] == "emission"
    assert moved["quality"]["mutual_information_after"] > 2 * moved["quality"]["mutual_information_before"]


def test_what_two_points_cannot_know_is_named(patient):
    found = patient.result["findings"]
    for name in LESIONS:
        here = {finding["code"]: finding["message"] for finding in found if finding["where"] == name}
        assert {"model-not-compared", "extrapolation", "recovery-not-applied"} <= set(here)
        assert "uncertainty does not cover" in here["model-not-compared"]
        assert "region-unverified" in here
        assert "takes up" in here["clearance-slower-than-decay"]
        assert patient.regions[name]["extrapolated_fraction"] > 0.5
    # Everything in view falls between the scans: one exponential through two points, which nothing could contradict.
    body = {finding["code"] for finding in found if finding["where"] == "field-of-view"}
    assert {"model-not-compared", "no-degrees-of-freedom", "extrapolation"} <= body


def test_only_the_rising_lesions_are_critical(patient):
    """Both lesions hold more activity at 28 h than at 4 h: no falling exponential describes that."""
    critical = {(row["code"], row["where"]) for row in patient.result["findings"] if row["severity"] == "critical"}
    assert critical == {("clearance-slower-than-decay", name) for name in LESIONS}
    for name in LESIONS:
        early, late = patient.regions[name]["curve"]["activity_mbq"]
        assert late > early
        assert patient.regions[name]["effective_half_life_h"]["value"] == pytest.approx(HALF_LIFE_H, rel=1e-3)


def test_an_unstated_uncertainty_is_null_and_never_zero(patient):
    for lesion in patient.regions.values():
        assert lesion["volume_ml"]["u"] is None
        not_stated = {line["source"] for line in lesion["budget"] if line["relative_u"] is None}
        assert {source.split(":")[0] for source in not_stated} == {"calibration", "volume"}


def test_the_report_says_all_of_it(patient):
    need_program("pdftotext", "poppler-utils")
    text = subprocess.run(
        ["pdftotext", "-layout", patient.run / "report.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    text = re.sub(r"\s+", " ", text)
    for words in ("SPECT in a PET object", "ADMIN", "no CT", "frame of reference", "physical half-life", *LESIONS):
        assert words in text, words


def test_nothing_personal_and_no_absolute_path(patient):
    """The only identifier is the patient id; the headers' PatientName is the same text and must not come along."""
    read = yaml.safe_load((patient.folder / "study.yaml").read_text())
    assert "name" not in read["patient"] and "birth_date" not in read["patient"]
    for path in patient.run.rglob("*"):
        if path.suffix not in {".json", ".html", ".csv"}:
            continue
        content = path.read_text(encoding="utf-8")
        assert str(patient.folder) not in content and str(patient.folder.parent) not in content, path.name
        if path.suffix == ".json":
            assert [text for text in texts(json.loads(content)) if PurePath(text).is_absolute()] == []
    assert "name" not in patient.result["study"]["patient"]
    assert "birth_date" not in patient.result["study"]["patient"]
