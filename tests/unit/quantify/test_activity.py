from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import CalibrationError, StudyError
from theradose.model.activity import DecayKind, DecayReference, EmissionImage, ImageUnit
from theradose.model.grid import Grid, Volume
from theradose.model.study import CameraCalibration
from theradose.nuclides import load_nuclide
from theradose.quantify.activity import to_activity_map

LU = load_nuclide("Lu-177")
START = datetime(2026, 3, 2, 10)
GRID = Grid.axis_aligned((4, 5, 6), (4.0, 5.0, 5.0))
SENSITIVITY = CameraCalibration(camera="NM670-A", sensitivity="9.3 cps/MBq", u="3 %")


def image(data=None, unit=ImageUnit.BQ_PER_ML, **changes):
    data = np.full(GRID.shape, 1000.0, np.float32) if data is None else data
    fields = {
        "volume": Volume(data, GRID),
        "unit": unit,
        "decay_reference": DecayReference(DecayKind.EXPLICIT, START + timedelta(hours=24)),
        "acquired_at": START + timedelta(hours=24),
        "frame_duration_s": 1200.0,
        "slice_delay_s": None,
        "count_duration_s": 1000.0,
        "total_counts": None,
        "nuclide": "Lu-177",
        "modality": "NM",
    }
    return EmissionImage(**(fields | changes))


def convert(emission, calibration=None, nuclide=LU, timezone="UTC"):
    return to_activity_map(emission, start=START, timezone=timezone, nuclide=nuclide, calibration=calibration)


def codes(findings):
    return [finding.code for finding in findings]


def test_becquerel_per_millilitre():
    activity, record, findings = convert(image())
    assert activity.data == pytest.approx(1e-3)
    assert activity.total_mbq == pytest.approx(1e-3 * 120 * 0.1)
    assert activity.t_h == 24.0
    assert activity.nuclide == "Lu-177"
    assert activity.calibration == "scanner"
    assert activity.calibration_relative_u is None
    assert activity.counts_per_mbq is None
    assert activity.data.dtype == np.float32
    assert record.unit_found == "Bq/mL"
    assert record.decay_factor == pytest.approx(1)
    assert record.dead_time_factor is None
    assert codes(findings) == ["calibration-u-not-stated"]


def test_counts_by_sensitivity():
    """9.3 cps/MBq over 1000 s: 9300 counts are 1 MBq."""
    activity, record, findings = convert(image(unit=ImageUnit.COUNTS), SENSITIVITY)
    assert activity.total_mbq == pytest.approx(120 * 1000 / 9300)
    assert activity.calibration == "NM670-A"
    assert activity.calibration_relative_u == 0.03
    assert activity.counts_per_mbq == pytest.approx(9300)
    assert [line.quantity for line in record.evidence] == ["sensitivity", "decay correction"]
    assert findings == ()


def test_counts_per_second_need_no_duration():
    activity, _, _ = convert(image(unit=ImageUnit.COUNTS_PER_SECOND, count_duration_s=None), SENSITIVITY)
    assert activity.total_mbq == pytest.approx(120 * 1000 / 9.3)
    assert activity.counts_per_mbq is None


def test_projection_counts_give_counting_statistics():
    activity, _, _ = convert(image(total_counts=5e6))
    assert activity.counts_per_mbq == pytest.approx(5e6 / activity.total_mbq)


@pytest.mark.parametrize("calibration", [None, CameraCalibration(camera="A")])
def test_counts_without_sensitivity_are_refused(calibration):
    with pytest.raises(CalibrationError, match="sensitivity") as caught:
        convert(image(unit=ImageUnit.COUNTS), calibration)
    assert caught.value.code == "missing-sensitivity"


def test_counts_without_duration_are_refused():
    with pytest.raises(CalibrationError, match="frame_duration") as caught:
        convert(image(unit=ImageUnit.COUNTS, count_duration_s=None), SENSITIVITY)
    assert caught.value.code == "missing-count-duration"


def test_dead_time_of_counts_is_corrected_and_recorded():
    """60 kcps at 2 us: factor 68 859/60 000."""
    calibration = SENSITIVITY.model_copy(update={"dead_time": 2.0})
    plain, _, _ = convert(image(unit=ImageUnit.COUNTS, total_counts=6e7), SENSITIVITY)
    activity, record, _ = convert(image(unit=ImageUnit.COUNTS, total_counts=6e7), calibration)
    assert record.dead_time_factor == pytest.approx(68_859 / 60_000, abs=1e-5)
    assert activity.total_mbq == pytest.approx(plain.total_mbq * 68_859 / 60_000, rel=1e-5)
    assert record.decay_factor == pytest.approx(1)
    dead_time = next(line for line in record.evidence if line.quantity == "dead time")
    assert dead_time.assumed


def test_dead_time_of_calibrated_images_is_only_reported():
    calibration = CameraCalibration(camera="A", u="3 %", dead_time="2 us")
    activity, record, findings = convert(image(total_counts=6e7), calibration)
    assert activity.data == pytest.approx(1e-3)
    assert record.dead_time_factor is None
    assert codes(findings) == ["dead-time-not-applied"]
    assert "15 %" in findings[0].message


def test_dead_time_without_count_rate_is_a_warning():
    calibration = SENSITIVITY.model_copy(update={"dead_time": 2.0})
    _, record, findings = convert(image(unit=ImageUnit.COUNTS), calibration)
    assert record.dead_time_factor is None
    assert [(finding.code, finding.severity) for finding in findings] == [("dead-time-not-applied", "warning")]


def test_decay_reference_is_recorded_and_undone():
    emission = image(decay_reference=DecayReference(DecayKind.ADMINISTRATION))
    activity, record, _ = convert(emission)
    assert record.decay_reference_found == "administration"
    assert record.decay_factor == pytest.approx(2 ** (-24 / 159.528), rel=1e-6)
    assert activity.total_mbq == pytest.approx(0.012 * 2 ** (-24 / 159.528), rel=1e-6)


def test_image_before_the_administration_is_refused():
    with pytest.raises(StudyError, match="6 h before") as caught:
        convert(image(acquired_at=START - timedelta(hours=6)))
    assert caught.value.code == "acquired-before-administration"


def test_another_nuclide_in_the_header_is_critical():
    _, _, findings = convert(image(nuclide="Tc-99m"))
    assert ("nuclide-differs", "critical") in [(finding.code, finding.severity) for finding in findings]


def test_missing_timezone_is_said_once():
    _, _, findings = convert(image(decay_reference=DecayReference(DecayKind.ADMINISTRATION)), timezone=None)
    assert codes(findings).count("timezone-missing") == 1


def test_values_that_are_not_finite_are_refused():
    data = np.ones(GRID.shape, np.float32)
    data[1, 2, 3] = np.nan
    with pytest.raises(CalibrationError) as caught:
        convert(image(data))
    assert caught.value.code == "activity-not-finite"


def test_integer_counts_keep_their_total():
    data = np.arange(120, dtype=np.int16).reshape(GRID.shape)
    activity, _, _ = convert(image(data, unit=ImageUnit.COUNTS), SENSITIVITY)
    assert activity.total_mbq == pytest.approx(data.sum() / 9300, rel=1e-6)


@given(st.floats(1e-3, 1e3))
def test_activity_is_linear_in_the_values(scale):
    data = np.random.default_rng(0).random(GRID.shape)
    single, _, _ = convert(image(data, decay_reference=DecayReference(DecayKind.ACQUISITION)))
    scaled, _, _ = convert(image(data * scale, decay_reference=DecayReference(DecayKind.ACQUISITION)))
    assert scaled.data == pytest.approx(single.data * scale, rel=1e-12)
