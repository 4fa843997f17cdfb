"""Records are only ever added to, and never written over what somebody else wrote."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from theradose.errors import CalibrationError
from theradose.formats.calibration_record import read_calibration_record
from theradose.model.equipment import Equipment
from theradose.workflow.calibration_record import (
    RecordTarget,
    append_check,
    existing_record,
    open_record,
    reopen_record,
    store_sections,
)

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "calibration"


@pytest.fixture
def path(tmp_path):
    copy = tmp_path / "nm670.yaml"
    shutil.copy(EXAMPLES / "nm670.yaml", copy)
    return copy


def test_a_replaced_section_is_kept(path):
    opened = reopen_record(path)
    changed = opened.record.factor.model_copy(update={"value_cps_per_mbq": 8.8})
    done = store_sections(opened, path, {"factor": changed})
    stored = read_calibration_record(path)
    assert done.replaced == ("factor",) and stored.factor.value_cps_per_mbq == 8.8
    assert stored.history[-1].content["value_cps_per_mbq"] == opened.record.factor.value_cps_per_mbq
    assert stored.recovery == opened.record.recovery and stored.constancy == opened.record.constancy


def test_a_change_meanwhile_is_never_overwritten(path):
    first, second = reopen_record(path), reopen_record(path)
    append_check(first, path, [first.record.constancy[-1]])
    with pytest.raises(CalibrationError) as caught:
        append_check(second, path, [second.record.constancy[-1]])
    assert caught.value.code == "record-changed"
    assert len(read_calibration_record(path).constancy) == 3


def test_a_new_record_that_somebody_else_made_meanwhile_is_not_overwritten(tmp_path):
    target = RecordTarget(tmp_path / "r.yaml", "camera", "Lu-177", name="NM670-A")
    opened = open_record(target)
    assert opened.stored is None and existing_record(target.path) is None
    shutil.copy(EXAMPLES / "nm670.yaml", target.path)
    factor = read_calibration_record(EXAMPLES / "nm670.yaml").factor
    with pytest.raises(CalibrationError):
        store_sections(opened, target.path, {"factor": factor})


def test_a_header_completes_the_instrument(path):
    equipment = Equipment("GE", "NM670", "123", energy_windows_kev=((187.2, 228.8),))
    record = open_record(RecordTarget(path, "camera", "177Lu", equipment=equipment)).record
    assert (record.instrument.name, record.instrument.serial) == ("NM670-A", "123")
    assert record.energy_windows_kev == ((187.2, 228.8),) and record.collimator == "MEGP"


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "counter"},
        {"nuclide": "I-131"},
        {"name": "NM670-B"},
        {"collimator": "HEGP"},
    ],
)
def test_another_instrument_needs_another_file(path, changes):
    values = {"path": path, "kind": "camera", "nuclide": "Lu-177", "valid_until": date(2030, 1, 1), **changes}
    with pytest.raises(CalibrationError) as caught:
        open_record(RecordTarget(**values))
    assert caught.value.code == "record-other"
