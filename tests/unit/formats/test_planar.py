"""Planar objects: written ones are valid and read back; the view of a frame is found wherever a camera states it."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from dicom_support import validation_errors
from planar_images import AT, WINDOWS, pair_of_views, write_pair
from theradose.acquire.sources import find_sources
from theradose.errors import DicomError
from theradose.formats.dicom.planar import read_counts, read_planar
from theradose.formats.dicom.planar_write import PlanarEncoding
from theradose.model.planar import View

LOSSLESS = ("NM1_J2KR", "NM1_JLSL", "NM1_JPLL", "NM1_RLE", "NM1_UNC")
LOSSY = ("NM1_J2KI", "NM1_JLSN", "NM1_JPLY")


def facts_of(path):
    sources, _ = find_sources(path)
    return read_planar([source.series for source in sources])


@pytest.mark.parametrize("said", [True, False])
def test_planar_objects_are_valid(tmp_path, said):
    encoding = PlanarEncoding(states_orientation=said, states_views=said)
    assert validation_errors(write_pair(tmp_path / "planar.dcm", encoding=encoding)) == []


def test_frames_come_back_with_view_window_time_and_size(tmp_path):
    facts = facts_of(write_pair(tmp_path / "planar.dcm"))
    pair = pair_of_views()
    assert [(frame.view, frame.window) for frame in facts.frames] == [
        *((View.ANTERIOR, window) for window in WINDOWS), *((View.POSTERIOR, window) for window in WINDOWS),
    ]  # fmt: skip
    for frame in facts.frames:
        assert (frame.technique, frame.shape, frame.spacing_mm) == ("static", (16, 24), (4.0, 5.0))
        assert (frame.acquired_at, frame.duration_s, frame.along_column) == (AT, 600.0, "F")
    assert {frame.along_row for frame in facts.frames if frame.view is View.POSTERIOR} == {"R"}
    assert np.array_equal(read_counts(facts.frames[1]), pair.anterior[1])
    # As seen from behind, the patient's left is on the left.
    assert np.array_equal(read_counts(facts.frames[4]), pair.posterior[1][:, ::-1])
    assert facts.administration.nuclide == "Lu-177"


def _view_by(**attributes):
    def change(dataset):
        for item in dataset.DetectorInformationSequence:
            del item.ViewCodeSequence
            del item.StartAngle
        for keyword, values in attributes.items():
            for item, value in zip(dataset.DetectorInformationSequence, values, strict=True):
                setattr(item, keyword, value)

    return change


def _meaning_only(dataset):
    for item, word in zip(dataset.DetectorInformationSequence, ("Ant", "Post"), strict=True):
        code = item.ViewCodeSequence[0]
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "X", "99VENDOR", word


@pytest.mark.parametrize(
    ("change", "assumed"),
    [(_meaning_only, False), (_view_by(StartAngle=("180", "0")), True), (_view_by(StartAngle=("-180", "359.5")), True)],
)
def test_the_view_is_found_in_words_and_angles(tmp_path, change, assumed):
    frames = facts_of(write_pair(tmp_path / "planar.dcm", change)).frames
    assert [frame.view for frame in frames] == [View.ANTERIOR] * 3 + [View.POSTERIOR] * 3
    assert {frame.view_assumed for frame in frames} == {assumed}


def test_single_frames_say_their_view_in_their_name(tmp_path):
    whole = pydicom.dcmread(write_pair(tmp_path / "whole.dcm"))
    pixels = whole.pixel_array
    for number, name in enumerate(("WB_ANT", "WB_POST")):
        part = pydicom.dcmread(tmp_path / "whole.dcm")
        part.SOPInstanceUID = part.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
        part.ImageID, part.NumberOfFrames = name, 1
        part.EnergyWindowVector, part.DetectorVector = 2, 1
        del part.DetectorInformationSequence
        part.PixelData = pixels[3 * number + 1].tobytes()
        part.save_as(tmp_path / f"{name}.dcm")
    (tmp_path / "whole.dcm").unlink()
    frames = facts_of(tmp_path).frames
    assert sorted((frame.view.value, frame.window) for frame in frames) == [
        ("anterior", WINDOWS[1]), ("posterior", WINDOWS[1]),
    ]  # fmt: skip
    assert all(frame.view_assumed for frame in frames)


def test_a_view_that_nothing_states_stays_unknown(tmp_path):
    frames = facts_of(write_pair(tmp_path / "planar.dcm", encoding=PlanarEncoding(states_views=False))).frames
    assert {frame.view for frame in frames} == {None}


def test_pixels_that_no_object_can_hold_are_refused(tmp_path):
    from dataclasses import replace

    pair = pair_of_views()
    for broken in (pair.anterior - 1, pair.anterior + 0.5, pair.anterior + 70_000):
        with pytest.raises(DicomError) as refusal:
            write_pair(tmp_path / "planar.dcm", pair=replace(pair, anterior=broken))
        assert refusal.value.code == "nm-values"
    with pytest.raises(DicomError) as moving:
        write_pair(tmp_path / "planar.dcm", pair=replace(pair, technique="whole-body"))
    assert moving.value.code == "planar-technique"


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_encodings_of_a_bone_scan_hold_all_counts(shared_data, name):
    """The header of each encoding states 3 596 452 accumulated counts."""
    (frame,) = facts_of(shared_data / "images" / "dicom_wg04_nm" / f"{name}.dcm").frames
    assert read_counts(frame).sum() == 3_596_452
    assert (frame.technique, frame.shape, frame.spacing_mm, frame.view) == (
        "whole-body",
        (1024, 256),
        (2.26, 2.26),
        None,
    )
    assert frame.duration_s == pytest.approx(1210.434) and frame.scan_velocity_mm_s == pytest.approx(1.671598)


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_encodings_are_refused(shared_data, name):
    (frame,) = facts_of(shared_data / "images" / "dicom_wg04_nm" / f"{name}.dcm").frames
    with pytest.raises(DicomError) as refusal:
        read_counts(frame)
    assert refusal.value.code == "lossy"
