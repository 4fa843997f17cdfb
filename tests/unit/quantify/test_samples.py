from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from theradose.acquire.blood import read_blood
from theradose.errors import StudyError
from theradose.model.samples import CounterCalibration
from theradose.nuclides import load_nuclide
from theradose.quantify.samples import SampleOptions, sample_curve

LUTETIUM = load_nuclide("Lu-177")
START = datetime.fromisoformat("2026-03-02T10:00:00+01:00")
COUNTED = "drawn_at,counted_at,counts,counting_s,background_cps,sample_ml,specimen\n"


@pytest.fixture
def curve(tmp_path):
    def make(content, **options):
        path = tmp_path / "blood.csv"
        path.write_text(content, encoding="utf-8")
        (series,) = read_blood(path)
        return sample_curve(series, nuclide=LUTETIUM, options=SampleOptions(**options))

    return make


def codes(findings):
    return [finding.code for finding in findings]


def test_stated_concentrations(curve):
    result, findings = curve(
        "t_h,concentration_mbq_l,u_concentration_mbq_l,specimen,haematocrit\n1,50,2,plasma,0.40\n4,20,1,plasma,0.44\n"
    )
    assert list(result.curve.activity_mbq) == [50, 20]
    assert list(result.curve.u_independent_mbq) == [2, 1]
    assert result.specimen == "plasma"
    assert result.haematocrit == pytest.approx(0.42)
    assert codes(findings) == ["calibration-u-not-stated"]


def test_unstated_uncertainty_and_specimen_are_assumptions_that_are_said(curve):
    result, findings = curve("t_h,concentration_mbq_l\n1,50\n4,20\n")
    assert list(result.curve.u_independent_mbq / result.curve.activity_mbq) == pytest.approx([0.05, 0.05])
    assert {"specimen-assumed", "measurement-u-assumed"} <= set(codes(findings))
    assert all(finding.where == "blood" for finding in findings)


def test_counts_by_clock_times(curve):
    table = COUNTED + "".join(
        f"2026-03-02T{hour}:00:00+01:00,2026-03-04T{hour}:00:00+01:00,{counts},60,5,1,blood\n"
        for hour, counts in (("11", 600_300), ("14", 300_300))
    )
    calibration = CounterCalibration("wizard", 1e6, relative_u=0.02, dead_time_us=1.0)
    result, findings = curve(table, start=START, calibration=calibration, repeatability_u=0.03)
    assert list(result.curve.t_h) == [1, 4]
    # 10 000 and 5 000 net cps, 1 % dead time at most, 1 mL, 48 h earlier: ×1.2319.
    assert result.curve.activity_mbq == pytest.approx([12.319, 6.159], rel=0.012)
    relative = result.curve.u_independent_mbq / result.curve.activity_mbq
    assert (relative > 0.03).all() and (relative < 0.031).all()
    assert dict(result.curve.common) == {"counter:wizard": 0.02}
    assert codes(findings) == []


def test_dead_time_advice_names_the_wait(curve):
    busy = COUNTED + "2026-03-02T11:00:00+01:00,2026-03-02T12:00:00+01:00,6000000,60,5,1,blood\n"
    _, findings = curve(busy, start=START, calibration=CounterCalibration("wizard", 1e6, 0.02, 4.0))
    (advice,) = [finding for finding in findings if finding.code == "counter-dead-time"]
    # 100 kcps observed with 4 us lose 40 %: nτ = 0.667, which is 0.02 after 5.06 half-lives of 6.647 d.
    assert "40%" in advice.message and "807 h" in advice.message


def test_weak_samples_and_activity_meter(curve):
    weak = COUNTED + "2026-03-02T11:00:00+01:00,2026-03-02T12:00:00+01:00,330,60,5,1,blood\n"
    _, findings = curve(weak, start=START, calibration=CounterCalibration("wizard", 1e6, 0.02, 1.0))
    assert "sample-near-background" in codes(findings)
    table = "t_h,concentration_mbq_l,sample_ml,counted_at,specimen\n1,50,2,2026-03-02T12:00,blood\n"
    _, findings = curve(table, instrument="activity-meter")
    assert {"activity-meter-too-weak", "counted-at-unused"} <= set(codes(findings))


def test_mass_becomes_volume_by_density(curve):
    table = COUNTED.replace("sample_ml", "sample_g") + (
        "2026-03-02T11:00:00+01:00,2026-03-02T11:00:00+01:00,60000,60,0,1.06,blood\n"
    )
    result, _ = curve(table, start=START, calibration=CounterCalibration("wizard", 1e6, 0.02, 0.0))
    assert result.curve.activity_mbq == pytest.approx([1.0], rel=1e-4)


@pytest.mark.parametrize(
    ("table", "code", "words"),
    [
        ("t_h,concentration_mbq_l\n1,50\n0.5,60\n", "sample-order", "line 3, column 't_h'"),
        ("t_h,concentration_mbq_l\n1,50\n1,49\n", "sample-duplicate", "line 3, column 't_h'"),
        ("t_h,concentration_mbq_l\n0.5,90\n24,5\n1344.5,88\n", "sample-two-cycles", "line 4, column 't_h'"),
        ("t_h,concentration_mbq_l\n1,0.05\n4,20\n", "mixed-units", "line 3, column 'concentration_mbq_l'"),
        ("t_h,concentration_mbq_l\n1,50\n4,0.02\n8,12\n", "mixed-units", "line 3, column 'concentration_mbq_l'"),
        (
            "t_h,concentration_mbq_l\n0.5,800000\n1.5,500000\n4,200\n24,50\n48,20\n",
            "mixed-units",
            "line 4, column 'concentration_mbq_l'",
        ),
        ("drawn_at,concentration_mbq_l\n2026-03-02T11:00,50\n", "administration-start-missing", "'drawn_at'"),
        (
            "drawn_at,t_h,concentration_mbq_l\n2026-03-02T11:00,1,50\n2026-05-02T14:00,4,20\n",
            "sample-time-contradiction",
            "line 3, column 'drawn_at'",
        ),
        (
            "t_h," + COUNTED + "1,,2026-03-02T12:00:00+01:00,1000,60,5,1,blood\n",
            "counter-calibration-missing",
            "line 2, column 'counts'",
        ),
    ],
)
def test_refusals_say_where(curve, table, code, words):
    with pytest.raises(StudyError) as caught:
        curve(table)
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        ("2026-03-02T09:00:00+01:00,2026-03-02T12:00:00+01:00,1000,60,5,1,blood", "sample-time-negative", "drawn_at"),
        (
            "2026-03-02T11:00:00+01:00,2026-03-02T10:30:00+01:00,1000,60,5,1,blood",
            "sample-counted-before-drawn",
            "counted_at",
        ),
        ("2026-03-02T11:00:00+01:00,2026-03-02T12:00:00+01:00,200,60,5,1,blood", "sample-below-background", "counts"),
    ],
)
def test_counted_rows_that_cannot_be(curve, row, code, words):
    with pytest.raises(StudyError) as caught:
        curve(COUNTED + row + "\n", start=START, calibration=CounterCalibration("wizard", 1e6))
    assert caught.value.code == code
    assert words in str(caught.value) and "line 2" in str(caught.value)


def test_contradicting_hours_are_refused(curve):
    with pytest.raises(StudyError, match="contradicts") as caught:
        curve("drawn_at,t_h,concentration_mbq_l\n2026-03-02T11:00:00+01:00,2,50\n", start=START)
    assert caught.value.code == "sample-time-contradiction"


def test_curve_is_frozen(curve):
    result, _ = curve("t_h,concentration_mbq_l\n1,50\n4,20\n")
    with pytest.raises(ValueError, match="read-only"):
        result.curve.activity_mbq[:] = np.zeros(2)
