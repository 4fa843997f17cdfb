from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import StudyError
from theradose.workflow.opening import parse_opening

PARIS = ZoneInfo("Europe/Paris")


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def nearest(opening, text, not_before="2026-01-01T00:00"):
    found = opening.nearest(local(text), zone=PARIS, not_before=local(not_before))
    return None if found is None else found.astimezone(PARIS).strftime("%a %m-%d %H:%M")


def test_without_hours_the_time_of_day_stays():
    """2026-03-07 is a Saturday; Friday is 24 h away, Thursday and Monday 48 h, of which the earlier is taken."""
    assert nearest(parse_opening(None, "weekends"), "2026-03-07T10:00") == "Fri 03-06 10:00"
    assert nearest(parse_opening(None, "weekends,2026-03-06"), "2026-03-07T10:00") == "Thu 03-05 10:00"
    assert nearest(parse_opening(None, "weekends,friday,thursday"), "2026-03-07T10:00") == "Mon 03-09 10:00"


def test_with_hours_the_nearest_open_moment_is_taken():
    opening = parse_opening("08:00-17:00", "weekends")
    assert nearest(opening, "2026-03-03T22:00") == "Tue 03-03 17:00"  # 5 h back, 10 h on
    assert nearest(opening, "2026-03-04T05:00") == "Wed 03-04 08:00"
    assert nearest(opening, "2026-03-08T12:00") == "Mon 03-09 08:00"  # Sunday noon: 43 h back, 20 h on


def test_the_visit_before_limits_how_far_back():
    opening = parse_opening("08:00-17:00", "weekends")
    assert nearest(opening, "2026-03-07T10:00", "2026-03-06T17:30") == "Mon 03-09 08:00"


def test_the_time_of_day_survives_a_clock_change():
    """Clocks go forward on Sunday 2026-03-29: Saturday at 10:00 is 47 h before Monday at 10:00 and stays at 10:00."""
    assert nearest(parse_opening(None, "sunday,saturday,friday"), "2026-03-29T10:00") == "Mon 03-30 10:00"


@pytest.mark.parametrize(
    ("hours", "closed", "code"),
    [
        ("17:00-08:00", None, "opening-hours"),
        ("8-17", None, "opening-hours"),
        ("08:00", None, "opening-hours"),
        ("08:00+01:00-17:00", None, "opening-hours"),
        (None, "holidays", "closed-days"),
        (None, "2026-13-01", "closed-days"),
        (None, "weekends,monday,tuesday,wednesday,thursday,friday", "closed-days"),
    ],
)
def test_what_cannot_be_read_is_refused(hours, closed, code):
    with pytest.raises(StudyError) as refusal:
        parse_opening(hours, closed)
    assert refusal.value.code == code
    assert "\n" not in str(refusal.value)


@given(
    minutes=st.integers(0, 14 * 24 * 60),
    opens=st.integers(0, 20),
    length=st.integers(1, 3),
    closed=st.sets(st.sampled_from(["monday", "wednesday", "saturday", "sunday", "2026-03-27"])),
)
def test_what_is_found_is_open_and_nothing_open_is_nearer(minutes, opens, length, closed):
    opening = parse_opening(f"{opens:02d}:00-{opens + length:02d}:00", ",".join(sorted(closed)))
    moment = datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=minutes)
    found = opening.nearest(moment, zone=PARIS, not_before=datetime(2026, 3, 1, tzinfo=UTC))
    assert found is not None
    assert opening.closed_because(found.astimezone(PARIS)) is None
    distance = abs(found - moment)
    for step in range(15, int(distance.total_seconds() // 60), 15):
        for sign in (-1, 1):
            assert opening.closed_because((moment + sign * timedelta(minutes=step)).astimezone(PARIS)) is not None
