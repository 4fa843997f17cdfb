from __future__ import annotations

import numpy as np
import pytest

from theradose.acquire.vois import read_vois
from theradose.errors import StudyError
from theradose.quantify.vois import VoiOptions, voi_curve

GOOD = "t_h,volume_ml,activity_mbq,u_activity_mbq,density_g_ml\n4,80,6,0.3,1.10\n24,80,3,0.15,1.14\n"


@pytest.fixture
def series(tmp_path):
    def read(content):
        path = tmp_path / "vois.csv"
        path.write_text(content, encoding="utf-8")
        (item,) = read_vois(path)
        return item

    return read


def test_curve_in_mbq_per_ml(series):
    curve, findings = voi_curve(series(GOOD), options=VoiOptions(calibration_u=0.03))
    np.testing.assert_allclose(curve.curve.activity_mbq, [6 / 80, 3 / 80])
    np.testing.assert_allclose(curve.curve.u_independent_mbq, [0.3 / 80, 0.15 / 80])
    assert curve.curve.common == {"calibration:images": 0.03}
    assert curve.density_g_per_ml.value == pytest.approx(1.12)
    assert curve.density_g_per_ml.not_stated == {"density:marrow-voi"}
    assert curve.volume_ml == 80
    assert not findings


def test_what_is_not_stated_is_assumed_or_said(series):
    content = "t_h,concentration_mbq_l\n4,80\n24,40\n"
    curve, findings = voi_curve(series(content), options=VoiOptions(density_g_per_ml=1.1, density_u=0.02))
    np.testing.assert_allclose(curve.curve.u_independent_mbq, 0.05 * curve.curve.activity_mbq)
    assert {finding.code for finding in findings} == {"measurement-u-assumed", "calibration-u-not-stated"}
    assert all(finding.where == "vois" for finding in findings)
    assert curve.density_g_per_ml.u == pytest.approx(0.022)


def test_clock_times_need_the_start(series):
    content = "measured_at,concentration_mbq_l\n2026-03-02T14:00,80\n2026-03-03T10:00,40\n"
    with pytest.raises(StudyError) as caught:
        voi_curve(series(content), options=VoiOptions(density_g_per_ml=1.1))
    assert caught.value.code == "administration-start-missing"


def test_volumes_that_differ_are_a_finding(series):
    _, findings = voi_curve(series(GOOD.replace("24,80", "24,90")), options=VoiOptions())
    assert "voi-volume-varies" in {finding.code for finding in findings}


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (GOOD.replace("24,80", "4,80"), "sample-duplicate", "line 3, column 't_h'"),
        (GOOD.replace("24,80", "2,80"), "sample-order", "line 3, column 't_h'"),
        (GOOD.replace("24,80", "900,80"), "sample-two-cycles", "line 3, column 't_h'"),
        (GOOD.replace("80,3,", "80,3000,"), "mixed-units", "line 3, column 'activity_mbq'"),
        (GOOD.replace("1.14", "1140"), "voi-density-range", "line 3, column 'density_g_ml'"),
        (GOOD.replace("1.14", ""), "voi-density-missing", "line 3, column 'density_g_ml'"),
    ],
)
def test_refusals_say_where(series, content, code, words):
    with pytest.raises(StudyError) as caught:
        voi_curve(series(content), options=VoiOptions())
    assert caught.value.code == code
    assert words in str(caught.value)
