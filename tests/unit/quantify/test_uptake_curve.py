import math
from pathlib import Path

import numpy as np
import pytest

from theradose.acquire.uptake import read_uptake
from theradose.errors import StudyError
from theradose.nuclides import load_nuclide
from theradose.quantify.thyroid import UptakeOptions, uptake_curve

IODINE = load_nuclide("I-131")
RATE = IODINE.decay_constant_per_h
EXAMPLE = Path(__file__).parents[3] / "docs/formats/examples/uptake/uptake.csv"
HEADER = "t_h,neck_counts,thigh_counts,counting_s,standard_counts,room_counts,standard_counting_s,standard_mbq\n"
FIRST = "4,42000,2000,100,201000,1000,100,2\n"


@pytest.fixture
def curve(tmp_path):
    def make(rows, header=HEADER, administered_mbq=500.0, **options):
        path = tmp_path / "uptake.csv"
        path.write_text(header + rows, encoding="utf-8")
        return uptake_curve(read_uptake(path), nuclide=IODINE, options=UptakeOptions(administered_mbq, **options))

    return make


def test_the_activity_is_that_of_the_standard_times_the_ratio_of_net_rates(curve):
    """400 cps over the patient against 2000 cps of 2 MBq: 0.4 MBq, whatever was administered."""
    result, _ = curve(FIRST)
    assert result.curve.activity_mbq == pytest.approx([0.4])
    assert result.uptake == pytest.approx([0.4 / 500 * math.exp(4 * RATE)])
    assert curve(FIRST, administered_mbq=1000.0)[0].curve.activity_mbq == pytest.approx([0.4])


def test_one_standard_serves_all_and_its_counting_is_common(curve):
    result, _ = curve(FIRST + "24,62000,2000,100,,,,\n", repeatability_u=0.0)
    assert result.curve.activity_mbq == pytest.approx([0.4, 0.6])
    assert abs(result.curve.common["counting:standard"]) == pytest.approx(math.sqrt(202_000) / 200_000)
    own = np.sqrt([44_000, 64_000]) / [40_000, 60_000]
    assert result.curve.u_independent_mbq / result.curve.activity_mbq == pytest.approx(own)


def test_a_standard_in_every_row_is_independent(curve):
    result, _ = curve(FIRST + "24,62000,2000,100,101000,1000,100,1\n", repeatability_u=0.0)
    assert result.curve.activity_mbq == pytest.approx([0.4, 0.6])
    assert "counting:standard" not in result.curve.common
    own = math.hypot(math.sqrt(44_000) / 40_000, math.sqrt(202_000) / 200_000)
    assert result.curve.u_independent_mbq[0] / 0.4 == pytest.approx(own)


def test_the_standard_decays_until_it_is_counted():
    """The example: 1000 net counts in 5 s of a standard of 5 MBq at 08:00, counted at 13:30."""
    from datetime import datetime

    options = UptakeOptions(500.0, start=datetime.fromisoformat("2026-03-02T10:00:00+01:00"))
    result, findings = uptake_curve(read_uptake(EXAMPLE), nuclide=IODINE, options=options)
    expected = (214_500 - 9_800) / 60 / (60_000 / 300) * 5 * math.exp(-5.5 * RATE)
    assert result.curve.t_h == pytest.approx([4, 24, 72, 168])
    assert result.curve.activity_mbq[0] == pytest.approx(expected)
    assert result.curve.common["activity:standard"] == pytest.approx(0.02)
    assert [finding.code for finding in findings] == ["measurement-u-assumed"]


def test_findings(curve):
    rows = "4,42000,,100,201000,1000,100,2000\n"
    codes = {finding.code for finding in curve(rows)[1]}
    assert codes == {"uptake-without-thigh", "measurement-u-assumed"}
    assert "uptake-above-administered" in {finding.code for finding in curve(rows, administered_mbq=10.0)[1]}


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ("4,42000,2000,100,,,,\n", "uptake-standard", "first row"),
        ("4,42000,2000,100,201000,1000,,2\n", "uptake-standard", "standard_counting_s"),
        (FIRST + "24,42000,2000,100,201000,1000,100,2\n48,42000,2000,100,,,,\n", "uptake-standard", "line 4"),
        (FIRST + "24,2000,42000,100,,,,\n", "uptake-below-background", "line 3"),
        (FIRST + "4,42000,2000,100,,,,\n", "sample-duplicate", "line 3"),
        (FIRST + "2,42000,2000,100,,,,\n", "sample-order", "line 3"),
        ("-4,42000,2000,100,201000,1000,100,2\n", "sample-time-negative", "line 2"),
        (",42000,2000,100,201000,1000,100,2\n", "sample-time-missing", "line 2"),
        ("4,0,2000,100,201000,1000,100,2\n", "sample-not-positive", "neck_counts"),
        ("4,42000,2000,,201000,1000,100,2\n", "table-cell-empty", "counting_s"),
    ],
)
def test_refusals_name_the_place(curve, rows, code, words):
    with pytest.raises(StudyError, match=words) as refusal:
        curve(rows)
    assert refusal.value.code == code


def test_a_dated_standard_needs_the_moment_of_counting(curve):
    header = HEADER.replace("standard_mbq", "standard_mbq,standard_at")
    with pytest.raises(StudyError, match="standard_counted_at"):
        curve("4,42000,2000,100,201000,1000,100,2,2026-03-02T08:00\n", header=header)
