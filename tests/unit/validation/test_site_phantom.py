"""The phantom file: what is refused, and what is true of its inserts."""

from __future__ import annotations

import math

import pytest
import yaml

from theradose.errors import StudyError
from theradose.nuclides import load_nuclide
from theradose.validation.site_phantom import read_phantom
from theradose.validation.site_study import phantom_study, true_insert, true_total_mbq

INSERT = {
    "name": "sphere-37", "activity": "40 MBq", "u": "2 %", "volume": "26.5 mL", "u_volume": "1 %",
    "outline": {"method": "sphere", "seed_mm": [1, 2, 3]},
}  # fmt: skip
PHANTOM = {
    "schema_version": 1, "phantom": "one sphere", "nuclide": "Lu-177", "reference_time": "2026-02-16T08:00:00+01:00",
    "density": "1.04 g/mL", "inserts": [INSERT], "background": None, "image": {"activity": "dicom/spect"},
}  # fmt: skip


@pytest.fixture
def phantom_file(tmp_path):
    def write(**changes):
        path = tmp_path / "phantom.yaml"
        content = {key: value for key, value in {**PHANTOM, **changes}.items() if value is not ...}
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inserts": []}, "inserts"),
        ({"nuclide": ...}, "state the nuclide"),
        ({"nuclide": "Xx-999"}, "Xx-999"),
        ({"background": ...}, "null if nothing is"),
        ({"density": ...}, "state the density"),
        ({"density": "0 g/mL"}, "density"),
        ({"reference_time": ...}, "before the image was acquired"),
        ({"image": ...}, "folder of the SPECT"),
        ({"inserts": [{**INSERT, "outline": None}]}, "has no outline"),
        ({"inserts": [INSERT, INSERT]}, "occurs more than once"),
        ({"inserts": [{**INSERT, "activity": "4,0 MBq"}]}, "activity"),
        ({"inserts": [{**INSERT, "volume": "0 mL"}]}, "volume"),
        ({"inserts": [{**INSERT, "volume": "26.5"}]}, "volume"),
        ({"fantom": "x"}, "not known"),
    ],
)
def test_what_is_missing_or_wrong_is_one_sentence(phantom_file, changes, words):
    with pytest.raises(StudyError) as refused:
        read_phantom(phantom_file(**changes))
    assert refused.value.code == "phantom-invalid"
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_phantom_is_refused(tmp_path):
    path = tmp_path / "phantom.yaml"
    with pytest.raises(StudyError, match="There is no phantom file"):
        read_phantom(path)
    for text, words in (("- 1\n", "holds no phantom"), ("a: [1\n", "not valid YAML")):
        path.write_text(text)
        with pytest.raises(StudyError, match=words):
            read_phantom(path)


def test_truth_by_hand(phantom_file):
    """40 MBq read 40 h before the reference time, 177Lu of 6.647 d; dose = A/λ · 0.0851 Gy·g/(MBq·h) over ρV."""
    assayed = {**INSERT, "assayed_at": "2026-02-14T16:00:00+01:00"}
    phantom = read_phantom(phantom_file(inserts=[assayed], background={"activity": "100 MBq", "u": "2 %"}))
    true = true_insert(phantom, phantom.inserts[0])
    left = 40 * 0.5 ** (40 / (24 * 6.647))
    assert true.activity_mbq.value == pytest.approx(left, rel=1e-4)
    assert true.concentration_mbq_ml.value == pytest.approx(left / 26.5, rel=1e-4)
    tia = left * 24 * 6.647 / math.log(2)
    assert true.dose_gy.value == pytest.approx(tia * 0.0851 / (1.04 * 26.5), rel=1e-3)
    # 2 % of the activity meter and 1 % of the volume.
    assert true.activity_mbq.relative_u == pytest.approx(0.02)
    assert true.dose_gy.relative_u == pytest.approx(math.hypot(0.02, 0.01))
    # One activity meter read both: its error is common.
    total = true_total_mbq(phantom)
    assert total.value == pytest.approx(left + 100, rel=1e-4)
    assert total.relative_u == pytest.approx(0.02)


def test_the_study_of_a_phantom_decays_physically(phantom_file):
    study = phantom_study(read_phantom(phantom_file()), phantom_file()).study
    half_life_h = load_nuclide("Lu-177").half_life_h.value
    assert set(study.single_time_point.half_lives.values()) == {half_life_h}
    assert study.single_time_point.u == 0
    (draft,) = study.drafts
    # (3 · 26.5 mL / 4π)^(1/3)
    assert draft.radius == pytest.approx(10 * (3 * 26.5 / (4 * math.pi)) ** (1 / 3))
    assert study.administrations[0].net_activity_mbq == pytest.approx(40)
    assert study.dose.assumed_density == pytest.approx(1.04)
    assert study.calibration is None
