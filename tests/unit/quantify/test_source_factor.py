from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import CalibrationError
from theradose.model.counted_source import Counting, KnownSource
from theradose.model.samples import CellOrigin
from theradose.nuclides import load_nuclide
from theradose.quantify.source_factor import KnownDeadTime, mean_factor, net_rate, source_factor

LU = load_nuclide("Lu-177")
LAMBDA = LU.decay_constant_per_h
NOON = datetime(2026, 2, 16, 12, tzinfo=timezone(timedelta(hours=1)))
ORIGIN = CellOrigin("counts.csv", 2)


def counting(counts=1e6, seconds=100.0, background=None, background_s=None, at=NOON, u_counts=None):
    return Counting(ORIGIN, at, counts, seconds, background, background_s, u_counts)


def source(counts=1e6, *, activity=100.0, at=NOON, u=0.02, **more):
    own = {name: more.pop(name) for name in ("counted_share", "other_relative_u") if name in more}
    return KnownSource(counting(counts, **more), activity, at, u, **own)


def test_one_source_by_hand():
    """10 000 cps net of 20 cps background from 50 MBq left of 100 MBq after one half-life: 199.6 cps/MBq.

    The 100 s of counting change it by λΔ/2 = 6e-5.
    """
    known = source(background=12_000, background_s=600.0, at=NOON - timedelta(hours=LU.half_life_h.value))
    result, findings = source_factor(known, nuclide=LU)
    assert result.factor.value == pytest.approx(199.6 * (1 + LAMBDA * 100 / 3600 / 2), rel=1e-7)
    assert result.activity_mbq == pytest.approx(50.0)
    assert findings == ()
    # 1000 counts of a million, and 0.18 cps of background.
    assert result.factor.contributions["counting"] / result.factor.value == pytest.approx(0.001002, rel=1e-3)
    assert result.factor.contributions["activity-meter"] / result.factor.value == pytest.approx(0.02)


def test_activity_measured_afterwards_was_higher_when_counted():
    after, _ = source_factor(source(at=NOON + timedelta(hours=24)), nuclide=LU)
    assert after.activity_mbq == pytest.approx(100 * 2 ** (24 / LU.half_life_h.value))


def test_dead_time_is_taken_out_of_the_gross_rate():
    """SCIENCE §10: at 2 us, 60 kcps observed are 68 859 cps (paralysable) and 68 182 cps (non-paralysable)."""
    for model, true in (("paralysable", 68_859), ("non-paralysable", 68_182)):
        rate = net_rate(counting=counting(6e6), dead_time=KnownDeadTime(2.0, 0.1, model))
        assert rate.net_cps == pytest.approx(true, abs=1)
        # By differences: u(τ) acts on the true rate.
        other = net_rate(counting=counting(6e6), dead_time=KnownDeadTime(2.001, None, model)).net_cps
        assert rate.relative_u_dead_time == pytest.approx((other - rate.net_cps) / 0.001 * 0.1 / rate.net_cps, rel=1e-3)


def test_a_part_of_the_source_is_scaled_to_the_whole():
    half, _ = source_factor(source(5e5, counted_share=0.5, other_relative_u={"volume-of-interest": 0.01}), nuclide=LU)
    whole, _ = source_factor(source(), nuclide=LU)
    assert half.factor.value == pytest.approx(whole.factor.value)
    assert half.factor.contributions["volume-of-interest"] == pytest.approx(0.01 * half.factor.value)


def test_background_that_hides_the_source_is_refused():
    with pytest.raises(CalibrationError) as caught:
        source_factor(source(1000, background=1000, background_s=100.0), nuclide=LU)
    assert caught.value.code == "source-near-background"
    assert "line 2, column 'counts'" in str(caught.value)


@pytest.mark.parametrize("years", [-1, 1])
def test_activity_of_another_year_is_refused(years):
    with pytest.raises(CalibrationError) as caught:
        source_factor(source(at=NOON + timedelta(days=365 * years)), nuclide=LU)
    assert caught.value.code == "activity-date"
    assert "half-lives of Lu-177" in str(caught.value)


def test_activity_of_another_week_is_a_finding():
    _, findings = source_factor(source(at=NOON - timedelta(days=21)), nuclide=LU)
    assert [finding.code for finding in findings] == ["activity-date-far"]


def test_times_without_offset_are_a_finding():
    _, findings = source_factor(source(at=NOON.replace(tzinfo=None)), nuclide=LU)
    assert [finding.code for finding in findings] == ["timezone-missing"]


def test_what_readings_share_does_not_average_out():
    factors = [source_factor(source(counts), nuclide=LU)[0] for counts in (1_000_500, 999_500, 1_000_000, 1_000_000)]
    mean, findings = mean_factor(factors)
    relative = {name: u / mean.factor.value for name, u in mean.factor.contributions.items()}
    assert relative["activity-meter"] == pytest.approx(0.02)
    assert relative["counting"] == pytest.approx(0.001 / 2, rel=1e-3)
    assert "repeatability" not in relative and findings == ()
    assert mean.largest_deviation == pytest.approx(0.0005, rel=0.01)


def test_readings_that_scatter_enlarge_the_uncertainty_and_say_so():
    """Two readings 2 % apart: standard deviation of the mean |difference|/2 = 1 %."""
    factors = [source_factor(source(counts, u=None), nuclide=LU)[0] for counts in (1_010_000, 990_000)]
    mean, findings = mean_factor(factors)
    relative = {name: u / mean.factor.value for name, u in mean.factor.contributions.items()}
    assert (relative["counting"] ** 2 + relative["repeatability"] ** 2) ** 0.5 == pytest.approx(0.01, rel=0.02)
    assert [finding.code for finding in findings] == ["calibration-readings-scatter"]
    assert mean.factor.not_stated == {"activity-meter"}


def test_one_reading_says_nothing_of_repeatability():
    _, findings = mean_factor([source_factor(source(), nuclide=LU)[0]])
    assert [finding.code for finding in findings] == ["calibration-single-reading"]


@given(
    factor=st.floats(0.1, 1e6),
    waited_h=st.floats(-300, 300),
    seconds=st.floats(1, 3600),
    background=st.floats(0, 1e3),
    dead_time_us=st.floats(0, 5),
)
def test_counts_made_from_a_factor_give_it_back(factor, waited_h, seconds, background, dead_time_us):
    """Mean counts over the frame follow from the definition: ∫ f A e^(−λt) dt, then the loss of a paralysable detector.

    The loss is that of the mean rate; rates stay so low that it changes little over the frame.
    """
    import math

    activity = 2e4 / factor
    left = activity * math.exp(-LAMBDA * waited_h)
    frame = LAMBDA * seconds / 3600
    true = factor * left * -math.expm1(-frame) / frame + background
    observed = true * math.exp(-true * dead_time_us * 1e-6)
    known = KnownSource(
        counting(observed * seconds, seconds, background * 1e4, 1e4, NOON + timedelta(hours=waited_h), u_counts=1e-9),
        activity,
        NOON,
        0.0,
    )
    dead_time = KnownDeadTime(dead_time_us, None, "paralysable") if dead_time_us else None
    result, _ = source_factor(known, nuclide=LU, dead_time=dead_time)
    # Times are stored to the microsecond.
    assert result.factor.value == pytest.approx(factor, rel=1e-6)
