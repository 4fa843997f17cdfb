from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from theradose.errors import CalibrationError
from theradose.formats.calibration_record import is_calibration_record, read_calibration_record, record_text

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "calibration"


@pytest.mark.parametrize("name", ["nm670.yaml", "planar.yaml", "well.yaml"])
def test_documented_examples_survive_a_round_trip(name, tmp_path):
    record = read_calibration_record(EXAMPLES / name)
    copy = tmp_path / name
    copy.write_text(record_text(record), encoding="utf-8")
    assert read_calibration_record(copy) == record
    assert copy.read_text(encoding="utf-8") == (EXAMPLES / name).read_text(encoding="utf-8")


def test_the_documented_camera():
    record = read_calibration_record(EXAMPLES / "nm670.yaml")
    assert (record.kind, record.instrument.name, record.nuclide) == ("camera", "NM670-A", "Lu-177")
    assert record.factor and record.dead_time and record.recovery
    assert [check.passed for check in record.constancy] == [None, True]
    assert {entry.source for entry in record.factor.budget} >= {"activity-meter", "counting", "decay", "dead-time"}


def content():
    return yaml.safe_load((EXAMPLES / "nm670.yaml").read_text(encoding="utf-8"))


def written(tmp_path, changed):
    path = tmp_path / "record.yaml"
    path.write_text(changed if isinstance(changed, str) else yaml.safe_dump(changed), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c["factor"].update(value_cps_per_mbq=-1), "factor.value_cps_per_mbq"),
        (lambda c: c["factor"].update(colour="red"), "factor.colour"),
        (lambda c: c["factor"]["geometry"].update(shape="cube"), "factor.geometry.shape"),
        (lambda c: c.pop("nuclide"), "nuclide"),
        (lambda c: c["factor"]["reconstruction"]["parameters"].update(stated="FBP"), "hash"),
        (lambda c: c.update(kind="phone"), "kind"),
    ],
)
def test_a_wrong_value_is_named(tmp_path, change, word):
    changed = content()
    change(changed)
    with pytest.raises(CalibrationError) as caught:
        read_calibration_record(written(tmp_path, changed))
    assert caught.value.code == "record-invalid"
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "code"), [("a: [1", "record-unreadable"), ("a: 1", "record-schema"), ("7", "record-schema")]
)
def test_what_is_no_record_is_refused(tmp_path, text, code):
    with pytest.raises(CalibrationError) as caught:
        read_calibration_record(written(tmp_path, text))
    assert caught.value.code == code


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CalibrationError) as caught:
        read_calibration_record(tmp_path / "none.yaml")
    assert caught.value.code == "record-missing"


def test_other_yaml_is_no_record(tmp_path):
    assert not is_calibration_record(written(tmp_path, "schema: something/else"))
    assert is_calibration_record(EXAMPLES / "well.yaml")
    with pytest.raises(CalibrationError):
        is_calibration_record(written(tmp_path, "schema: [theradose"))
