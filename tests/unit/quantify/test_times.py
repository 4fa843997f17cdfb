from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import StudyError
from theradose.quantify.times import hours_since

PARIS = "Europe/Paris"


def codes(findings):
    return [(finding.code, finding.severity) for finding in findings]


def test_offsets_are_enough():
    start = datetime.fromisoformat("2026-03-02T10:00:00+01:00")
    moment = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
    assert hours_since(start, moment, timezone=None) == (3.0, ())


def test_local_times_without_timezone_are_differenced_as_printed():
    hours, findings = hours_since(datetime(2026, 3, 28, 12), datetime(2026, 3, 29, 12), timezone=None)
    assert hours == 24.0
    assert codes(findings) == [("timezone-missing", "info")]


def test_clocks_set_forward_take_an_hour():
    """In 2026 summer time begins on 29 March in Paris."""
    hours, findings = hours_since(datetime(2026, 3, 28, 12), datetime(2026, 3, 29, 12), timezone=PARIS)
    assert (hours, findings) == (23.0, ())


def test_clocks_set_back_give_an_hour():
    """In 2026 summer time ends on 25 October in Paris."""
    hours, findings = hours_since(datetime(2026, 10, 24, 12), datetime(2026, 10, 25, 12), timezone=PARIS)
    assert (hours, findings) == (25.0, ())


def test_two_aware_times_of_one_zone_are_elapsed_time():
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(PARIS)
    start, moment = datetime(2026, 3, 28, 12, tzinfo=zone), datetime(2026, 3, 29, 12, tzinfo=zone)
    assert hours_since(start, moment, timezone=None)[0] == 23.0


def test_naive_header_and_aware_study():
    start = datetime.fromisoformat("2026-03-02T10:00:00+01:00")
    assert hours_since(start, datetime(2026, 3, 2, 14), timezone=PARIS) == (4.0, ())
    hours, findings = hours_since(start, datetime(2026, 3, 2, 14), timezone=None)
    assert hours == 4.0
    assert codes(findings) == [("timezone-missing", "warning")]


def test_a_local_time_that_occurs_twice_is_a_finding():
    hours, findings = hours_since(datetime(2026, 10, 25, 0), datetime(2026, 10, 25, 2, 30), timezone=PARIS)
    assert hours == 2.5
    assert codes(findings) == [("time-ambiguous", "warning")]


def test_a_local_time_that_does_not_exist_is_a_finding():
    _, findings = hours_since(datetime(2026, 3, 29, 0), datetime(2026, 3, 29, 2, 30), timezone=PARIS)
    assert codes(findings) == [("time-skipped", "warning")]


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "CEST+1"])
def test_unknown_timezone_is_refused(name):
    with pytest.raises(StudyError) as caught:
        hours_since(datetime(2026, 3, 2), datetime(2026, 3, 3), timezone=name)
    assert caught.value.code == "timezone-unknown"


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)),
    st.integers(min_value=-500_000, max_value=500_000),
)
def test_antisymmetric_and_exact_without_clock_changes(start, seconds):
    moment = start + timedelta(seconds=seconds)
    forward, _ = hours_since(start, moment, timezone="UTC")
    backward, _ = hours_since(moment, start, timezone="UTC")
    assert forward == pytest.approx(seconds / 3600, rel=1e-12, abs=1e-12)
    assert backward == -forward
