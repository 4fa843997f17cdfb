"""What holds for a whole run, and which files it depends on."""

import os

import pytest

from dicom_images import write_ct, write_pt
from theradose.errors import StudyError
from theradose.workflow.case import hash_inputs, open_case
from theradose.workflow.study_file import read_study
from tiny_study import START, content, write_tiny_study

MINUTES_LATER = "2026-03-02T10:10:00+01:00"
NO_OFFSET = "2026-03-02T10:10:00"


def administrations(*changes):
    first = {"nuclide": "Lu-177", "activity": "2 GBq", "residual": "100 MBq", "start": START}
    return [{**first, **change} for change in changes]


def test_net_activity_is_that_of_all_administrations(tiny_case):
    case = tiny_case(administrations=administrations({}, {"activity": "1 GBq", "start": MINUTES_LATER}))
    assert case.net_activity_mbq == pytest.approx(2000 - 100 + 1000 - 100)


def test_time_zero_is_the_first_administration_whatever_their_order(tiny_case):
    case = tiny_case(administrations=administrations({"start": MINUTES_LATER}, {}))
    assert case.start.isoformat() == START


def test_spellings_of_one_nuclide_are_one(tiny_case):
    assert tiny_case(administrations=administrations({}, {"nuclide": "177Lu"})).nuclide.name == "Lu-177"


def test_two_nuclides_are_two_studies(tiny_case):
    with pytest.raises(StudyError, match="I-131, Lu-177") as refusal:
        tiny_case(administrations=administrations({}, {"nuclide": "I-131"}))
    assert refusal.value.code == "mixed-nuclides"


def test_times_with_and_without_offset_cannot_be_compared(tiny_case):
    with pytest.raises(StudyError) as refusal:
        tiny_case(administrations=administrations({}, {"start": NO_OFFSET}))
    assert refusal.value.code == "mixed-offsets"


def test_administrations_far_apart_have_no_common_zero_of_time(tiny_case):
    with pytest.raises(StudyError) as refusal:
        tiny_case(administrations=administrations({}, {"start": "2026-03-03T10:00:00+01:00"}))
    assert refusal.value.code == "several-administrations"


def test_the_reference_is_stated_or_the_first_with_regions(tiny_case):
    timepoints = content()["timepoints"]
    timepoints[1]["regions"] = timepoints[0].pop("regions")
    assert tiny_case(timepoints=timepoints).reference_id == "tp2"
    assert tiny_case(reference_timepoint="tp3").reference_id == "tp3"
    drafts = [{"name": "lesion", "method": "sphere", "seed_mm": [0, 0, 0], "radius": "8 mm"}]
    without = [{key: value for key, value in row.items() if key != "regions"} for row in content()["timepoints"]]
    assert tiny_case(timepoints=without, drafts=drafts).reference_id == "tp1"


def test_repeatability_is_the_studys_or_the_protocols(tiny_case):
    assert tiny_case(measurement_u="7 %").measurement_relative_u == pytest.approx(0.07)
    case = tiny_case()
    assert case.measurement_relative_u == case.protocol.measurement_relative_u.value


def hashes(path):
    return hash_inputs(read_study(path))


def test_every_named_file_is_hashed_under_its_relative_path(tmp_path):
    path = write_tiny_study(tmp_path)
    assert {name: list(files) for name, files in hashes(path).items()} == {
        name: [name] for name in ("tp1.nii", "tp2.nii", "tp3.nii", "labels.nii")
    }


def test_a_folder_of_regions_is_hashed_whole(tmp_path):
    path = write_tiny_study(tmp_path)
    (tmp_path / "regions").mkdir()
    for name in ("b.dcm", "a.dcm"):
        (tmp_path / "regions" / name).write_text(name)
    timepoints = content()["timepoints"]
    timepoints[0]["regions"] = "regions"
    write_tiny_study(tmp_path, {"timepoints": timepoints})
    assert list(hashes(path)["regions"]) == ["regions/a.dcm", "regions/b.dcm"]


def test_a_touched_file_changes_nothing(tmp_path):
    path = write_tiny_study(tmp_path)
    before = hashes(path)
    os.utime(tmp_path / "tp2.nii", (0, 0))
    assert hashes(path) == before


@pytest.mark.parametrize("name", ["tp2.nii", "labels.nii"])
def test_a_changed_file_changes_its_own_hash_only(tmp_path, name):
    path = write_tiny_study(tmp_path)
    before = hashes(path)
    values = bytearray((tmp_path / name).read_bytes())
    values[-1] ^= 1
    (tmp_path / name).write_bytes(values)
    after = hashes(path)
    assert [key for key in before if before[key] != after[key]] == [name]


def test_a_folder_that_serves_as_image_and_ct_is_hashed_with_both(tmp_path):
    """Hybrid scanners export both into one folder; leaving out one of them would return a stale result."""
    write_pt(tmp_path / "dicom")
    write_ct(tmp_path / "dicom" / "ct")
    timepoints = [{"id": "tp1", "activity": "dicom", "ct": "dicom", "regions": "labels.nii"}]
    files = hashes(write_tiny_study(tmp_path, {"timepoints": timepoints}))["dicom"]
    assert set(files) == {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "dicom").rglob("*.dcm")}


def test_the_recovery_file_is_an_input(tmp_path):
    (tmp_path / "r.csv").write_text("volume_ml,recovery,u_recovery\n")
    path = write_tiny_study(
        tmp_path, {"calibration": {"camera": "A", "sensitivity": "10 cps/MBq", "recovery": "r.csv"}}
    )
    assert "r.csv" in hashes(path)


def test_a_file_outside_the_folder_keeps_its_way_up(tmp_path):
    """Never the machine's root: results show these paths."""
    path = write_tiny_study(tmp_path / "study")
    (tmp_path / "labels.nii").write_bytes((tmp_path / "study" / "labels.nii").read_bytes())
    timepoints = content()["timepoints"]
    timepoints[0]["regions"] = "../labels.nii"
    path = write_tiny_study(tmp_path / "study", {"timepoints": timepoints})
    assert list(hashes(path)["../labels.nii"]) == ["../labels.nii"]


def test_an_incomplete_study_is_no_case(tmp_path):
    with pytest.raises(StudyError) as refusal:
        open_case(read_study(write_tiny_study(tmp_path, {"administrations": []})))
    assert refusal.value.code == "missing-administration"
