from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from theradose.errors import StudyError
from theradose.model.activity import ActivityMap
from theradose.model.grid import Grid
from theradose.model.study import Administration
from theradose.nuclides import load_nuclide
from theradose.quantify.check import ActivityCheck, check_activity, check_trend, least_plausible_fraction

START = datetime(2026, 3, 2, 10)
LU = load_nuclide("Lu-177")

# Retained shares in a 40 cm field that are usual after 7.4 GBq [177Lu]Lu-DOTATATE; only their size matters here.
USUAL = {4.0: 0.65, 24.0: 0.35, 96.0: 0.22, 168.0: 0.15}

# A real patient who keeps little in 39 cm: University of Michigan, doi 10.7302/0n8e-rz46.
KEEPS_LITTLE = {3.741: 0.187, 27.725: 0.138}

SHARES = [*USUAL.items(), *KEEPS_LITTLE.items()]


def administration(activity="7.4 GBq", residual=None, start=START, nuclide="Lu-177"):
    return Administration(nuclide=nuclide, activity=activity, residual=residual, start=start)


def in_view(total_mbq, t_h, length_mm=400.0):
    grid = Grid.axis_aligned((10, 2, 2), (length_mm / 10, 100.0, 100.0))
    data = np.full(grid.shape, total_mbq / grid.size / grid.voxel_volume_ml)
    return ActivityMap(data, grid, t_h=t_h, nuclide="Lu-177", calibration="A")


def check(fraction, t_h, *, stated_start=START, length_mm=400.0, nuclide=LU):
    """Image whose activity is `fraction` of what was really given at START, judged by the stated start."""
    real = 7400 * fraction * np.exp(-nuclide.decay_constant_per_h * t_h)
    stated_t_h = t_h - (stated_start - START).total_seconds() / 3600
    return check_activity(
        in_view(real, stated_t_h, length_mm),
        administrations=[administration(start=stated_start)],
        nuclide=nuclide,
        timezone="UTC",
    )


def codes(findings):
    return [(finding.code, finding.severity) for finding in findings]


def test_numbers():
    """7.4 GBq minus 60 MBq residual, one half-life later."""
    result, findings = check_activity(
        in_view(1835, 159.528), administrations=[administration(residual="60 MBq")], nuclide=LU, timezone=None
    )
    assert result.expected_activity_mbq == pytest.approx(3670)
    assert result.total_activity_mbq == pytest.approx(1835)
    assert result.fraction_of_expected == pytest.approx(0.5)
    assert result.field_length_mm == pytest.approx(400)
    assert findings == ()


def test_two_administrations_add_up_after_their_own_decay():
    second = administration(start=START + timedelta(hours=159.528))
    later = administration(start=START + timedelta(hours=1000))
    result, _ = check_activity(
        in_view(1000, 2 * 159.528), administrations=[later, administration(), second], nuclide=LU, timezone="UTC"
    )
    assert result.expected_activity_mbq == pytest.approx(7400 * (0.25 + 0.5))


@pytest.mark.parametrize(("t_h", "fraction"), SHARES)
def test_usual_images_raise_nothing(t_h, fraction):
    assert check(fraction, t_h)[1] == ()


def test_whole_body_before_voiding_raises_nothing():
    assert check(1.0, 0.5, length_mm=1200)[1] == ()


@pytest.mark.parametrize(("t_h", "fraction"), SHARES)
def test_units_ten_times_too_large_are_critical(t_h, fraction):
    _, findings = check(10 * fraction, t_h)
    assert findings[0].severity == "critical"
    assert findings[0].code in {"activity-units-or-time", "activity-above-administered"}


@pytest.mark.parametrize(("t_h", "fraction"), SHARES)
def test_units_ten_times_too_small_are_found(t_h, fraction):
    assert codes(check(fraction / 10, t_h)[1]) == [("activity-below-plausible", "warning")]


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (1.04, []),
        (1.08, [("activity-above-administered", "warning")]),
        (1.2, [("activity-above-administered", "critical")]),
        (2.1, [("activity-units-or-time", "critical")]),
    ],
)
def test_levels_above_the_administered_activity(fraction, expected):
    assert codes(check(fraction, 4.0)[1]) == expected


def test_administration_stated_a_day_late_is_found_at_the_first_image():
    """A 24 h image stated at 0 h holds too little for an image right after the administration."""
    late = START + timedelta(hours=24)
    assert codes(check(USUAL[24.0], 24.0, stated_start=late)[1]) == [("activity-below-plausible", "warning")]


def test_administration_stated_a_day_early_is_found_where_all_stays():
    """Microspheres of 90Y stay: a day too much decay expects 23 % less than is there."""
    early = START - timedelta(hours=24)
    _, findings = check(1.0, 20.0, stated_start=early, nuclide=load_nuclide("Y-90"))
    assert codes(findings) == [("activity-above-administered", "critical")]
    assert "24 h later" in findings[0].message


def test_short_fields_may_show_little():
    assert check(0.05, 24.0, length_mm=200)[1] == ()
    assert codes(check(0.05, 24.0, length_mm=400)[1]) == [("activity-below-plausible", "warning")]


def test_least_plausible_fraction_falls_with_time_and_field():
    values = [least_plausible_fraction(t_h=t_h, field_length_mm=400) for t_h in (0, 2, 4, 24, 168)]
    assert values == sorted(values, reverse=True)
    assert least_plausible_fraction(t_h=24, field_length_mm=190) == pytest.approx(values[3] / 2)


@pytest.mark.parametrize("missing", ["activity", "start"])
def test_incomplete_administrations_are_asked_for(missing):
    incomplete = administration().model_copy(update={missing: None})
    with pytest.raises(StudyError, match=missing) as caught:
        check_activity(in_view(1, 4), administrations=[incomplete], nuclide=LU, timezone=None)
    assert caught.value.code == "missing-administration"


def test_no_administration_is_refused():
    with pytest.raises(StudyError) as caught:
        check_activity(in_view(1, 4), administrations=[], nuclide=LU, timezone=None)
    assert caught.value.code == "missing-administration"


def test_residual_of_everything_is_refused():
    with pytest.raises(StudyError) as caught:
        check_activity(in_view(1, 4), administrations=[administration(residual="7.4 GBq")], nuclide=LU, timezone=None)
    assert caught.value.code == "administered-not-positive"


def series(fractions, expected=(7000.0, 6500.0, 5000.0, 3500.0)):
    return [
        ActivityCheck(t_h, fraction * left, left, fraction, 400.0)
        for t_h, fraction, left in zip(USUAL, fractions, expected, strict=True)
    ]


def test_falling_shares_raise_nothing():
    assert check_trend(series([0.65, 0.35, 0.22, 0.15]), names="abcd") == ()


def test_rising_share_names_both_time_points():
    findings = check_trend(series([0.65, 0.035, 0.22, 0.15]), names=["tp1", "tp2", "tp3", "tp4"])
    assert [(finding.code, finding.where) for finding in findings] == [
        ("activity-rises", "tp3"),
        ("activity-rises", "tp4"),
    ]
    assert "tp2" in findings[0].message


def test_rise_within_the_accuracy_of_cameras_raises_nothing():
    assert check_trend(series([0.40, 0.43, 0.22, 0.15]), names="abcd") == ()


def test_slow_rises_are_compared_with_the_lowest():
    findings = check_trend(series([0.40, 0.43, 0.46, 0.30]), names="abcd")
    assert [finding.where for finding in findings] == ["c"]


def test_a_second_administration_may_raise_the_share():
    expected = (7000.0, 6500.0, 12000.0, 9000.0)
    assert check_trend(series([0.65, 0.15, 0.5, 0.3], expected), names="abcd") == ()
