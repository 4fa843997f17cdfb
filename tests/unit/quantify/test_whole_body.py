from __future__ import annotations

import math

import pytest

from theradose.acquire.probe import read_probe
from theradose.errors import StudyError
from theradose.nuclides import load_nuclide
from theradose.quantify.whole_body import ProbeOptions, net_rate, probe_curve

IODINE = load_nuclide("I-131")
HEADER = "t_h,anterior_cps,posterior_cps,background_cps,counting_s,distance_cm,before_void\n"


@pytest.fixture
def curve(tmp_path):
    def make(rows, header=HEADER, **options):
        path = tmp_path / "probe.csv"
        path.write_text(header + rows, encoding="utf-8")
        return probe_curve(read_probe(path), nuclide=IODINE, options=ProbeOptions(1000.0, **options))

    return make


def codes(findings):
    return [finding.code for finding in findings]


def test_activity_and_excretion(curve):
    result, findings = curve("0,1000,640,20,60,200,yes\n24,300,220,20,60,200,no\n", repeatability_u=0.0)
    assert result.curve.activity_mbq == pytest.approx([1000, 303.588], abs=1e-3)
    assert result.fraction_of_administered == pytest.approx([1, 0.303588], abs=1e-6)
    retained = 0.303588 * math.exp(IODINE.decay_constant_per_h * 24)
    assert result.excreted_fraction == pytest.approx([0, 1 - retained], abs=1e-6)
    assert findings == ()


def test_late_calibration_counts_decay_since_the_administration(curve):
    result, _ = curve("2,1000,640,20,60,200,yes\n24,300,220,20,60,200,no\n")
    assert result.curve.activity_mbq[0] == pytest.approx(1000 * math.exp(-IODINE.decay_constant_per_h * 2))


def test_distance_is_corrected_by_the_inverse_square(curve):
    near, _ = curve("0,1000,640,0,60,200,yes\n24,1200,880,0,60,100,no\n")
    far, _ = curve("0,1000,640,0,60,200,yes\n24,300,220,0,60,200,no\n")
    assert near.curve.activity_mbq == pytest.approx(far.curve.activity_mbq)


def test_counting_uncertainty_of_the_geometric_mean():
    mean, relative = net_rate(anterior_cps=400, posterior_cps=100, background_cps=0, counting_s=1)
    assert mean == 200
    # Half of the quadratic sum of 5 % and 10 %.
    assert relative == pytest.approx(math.hypot(0.05, 0.10) / 2)


def test_calibration_is_common_to_all_readings(curve):
    result, _ = curve("0,1000,640,20,60,200,yes\n24,300,220,20,60,200,no\n", repeatability_u=0.04)
    assert result.curve.common["probe:self-calibration"] == pytest.approx(0.04, rel=0.02)
    assert result.curve.common["administered-activity"] is None


def test_findings(curve):
    rows = "0,1000,,20,60,200,yes\n24,1200,,20,60,200,no\n"
    assert set(codes(curve(rows)[1])) == {"probe-above-administered", "probe-single-view", "measurement-u-assumed"}


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ("0,1000,640,20,60,200,no\n", "probe-calibration-missing", "before_void"),
        ("0,1000,640,20,60,200,no\n1,900,600,20,60,200,yes\n", "probe-before-void", "line 3"),
        ("0,1000,640,20,60,200,yes\n1,900,,20,60,200,no\n", "probe-views", "line 3"),
        ("0,1000,640,20,60,200,yes\n1,900,600,20,60,,no\n", "probe-distance", "line 3"),
        ("0,1000,640,20,60,200,yes\n1,900,19,20,60,200,no\n", "probe-below-background", "line 3"),
        ("0,1000,640,20,60,200,yes\n0,900,600,20,60,200,no\n", "sample-duplicate", "line 3"),
        (",1000,640,20,60,200,yes\n", "sample-time-missing", "line 2"),
        ("0,1000,640,20,60,200,maybe\n", "table-truth", "maybe"),
        ("0,,640,20,60,200,yes\n", "table-cell-empty", "anterior_cps"),
    ],
)
def test_refusals_say_where(curve, rows, code, words):
    with pytest.raises(StudyError) as caught:
        curve(rows)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_a_reading_during_the_infusion_calibrates_nothing(curve):
    rows = "0.25,1000,640,20,60,200,yes\n24,300,220,20,60,200,no\n"
    assert curve(rows)[0].curve.activity_mbq[0] == pytest.approx(1000, rel=0.01)
    with pytest.raises(StudyError, match="line 2, column 'before_void': .* within the infusion of 0.5 h") as refusal:
        curve(rows, infusion_h=0.5)
    assert refusal.value.code == "probe-during-infusion"
