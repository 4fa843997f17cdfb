from datetime import datetime

import pytest

from theradose.errors import StudyError
from theradose.workflow.opening import parse_opening
from theradose.workflow.schedule import schedule_protocol

PARIS = "Europe/Paris"


@pytest.fixture
def unsimulated(monkeypatch):
    """Dates only: the simulation of moved visits takes seconds and has a test of its own."""
    monkeypatch.setattr("theradose.workflow.schedule.accuracies", lambda *arguments, **options: {})


def schedule(name, start, *, timezone=PARIS, hours=None, closed=None):
    return schedule_protocol(
        name, start=datetime.fromisoformat(start), timezone=timezone, opening=parse_opening(hours, closed)
    )


def wall(dated):
    return [f"{visit.scheduled:%m-%d %H:%M}" for visit in dated.visits]


def test_hours_pass_whatever_the_clocks_do():
    """Clocks go forward on 2026-03-29 and back on 2026-10-25: 96 and 168 h later it is 11 and 9 o'clock."""
    assert wall(schedule("lu177-dotatate/spect-4tp", "2026-03-26T10:00+01:00")) == [
        "03-26 14:00", "03-27 10:00", "03-30 11:00", "04-02 11:00",
    ]  # fmt: skip
    autumn = schedule("lu177-dotatate/spect-4tp", "2026-10-22T10:00")
    assert wall(autumn) == ["10-22 14:00", "10-23 10:00", "10-26 09:00", "10-29 09:00"]
    assert [visit.t_h for visit in autumn.visits] == [4, 24, 96, 168]
    assert not autumn.effect and not autumn.findings


def test_a_start_in_another_offset_is_the_same_moment():
    one, other = (
        schedule("lu177-dotatate/spect-1tp", start) for start in ("2026-03-02T10:00+01:00", "2026-03-02T09:00Z")
    )
    assert one.visits[0].scheduled == other.visits[0].scheduled
    assert f"{other.start:%H:%M%z}" == "10:00+0100"


def test_without_a_zone_the_offset_stays_and_a_finding_says_so():
    dated = schedule("lu177-dotatate/spect-1tp", "2026-03-26T10:00+01:00", timezone=None)
    assert wall(dated) == ["03-30 10:00"]
    assert [finding.code for finding in dated.findings] == ["timezone-missing"]


@pytest.mark.parametrize(
    ("start", "timezone", "code"),
    [
        ("2026-03-26T10:00", None, "timezone-needed"),
        ("2026-03-26T10:00", "Europe/Pariss", "timezone-unknown"),
        ("2026-10-25T02:30", PARIS, "time-ambiguous"),
        ("2026-03-29T02:30", PARIS, "time-skipped"),
    ],
)
def test_a_start_that_is_no_moment_is_refused(start, timezone, code):
    with pytest.raises(StudyError) as refusal:
        schedule("lu177-dotatate/spect-1tp", start, timezone=timezone)
    assert refusal.value.code == code


def test_visits_on_closed_days_move_and_the_effect_is_simulated():
    """Given on Tuesday: 96 h later is Saturday, which moves to Friday, and 24 h later to nothing."""
    dated = schedule("lu177-dotatate/spect-1tp", "2026-03-03T10:00", closed="weekends")
    (visit,) = dated.visits
    assert visit.planned.weekday() == 5
    assert wall(dated) == ["03-06 10:00"]
    assert visit.moved_h == pytest.approx(-24)
    assert not visit.within_tolerance
    (finding,) = dated.findings
    assert (finding.code, finding.severity, finding.where) == ("visit-moved", "warning", "d4")
    kidneys = next(item for item in dated.effect if item.quantity == "kidneys")
    # 2t/ln2 is right within 6 % for t from 0.9 to 2.2 half-lives: 72 and 96 h both are, for 51 h.
    assert kidneys.planned.rms < 0.15 and kidneys.scheduled.rms < 0.15
    assert kidneys.planned.rms != kidneys.scheduled.rms
    assert dated.patients > 0


def test_ward_visits_are_not_bound_by_opening_hours(unsimulated):
    """Given on a Monday at 10: the sample at 16 h is at night on the ward, those at 72 and 144 h are not moved."""
    dated = schedule("lu177-dotatate/blood-9", "2026-03-02T10:00", hours="08:00-17:00", closed="sunday")
    moved = [visit.visit.id for visit in dated.visits if visit.reason]
    assert moved == ["b9"]


def test_the_order_of_visits_is_kept(unsimulated):
    """On Friday at 10: 24 h and 48 h are on the weekend; the first moves back to Friday, the second on to Monday."""
    dated = schedule("i131-benign-thyroid/probe-5", "2026-03-06T10:00", hours="08:00-17:00", closed="weekends")
    times = [visit.t_h for visit in dated.visits]
    assert times == sorted(set(times))
    assert wall(dated)[2:4] == ["03-06 17:00", "03-09 08:00"]


def test_no_open_time_is_refused():
    days = ",".join(f"2026-{month:02d}-{day:02d}" for month, last in ((2, 28), (3, 31)) for day in range(1, last + 1))
    with pytest.raises(StudyError, match="no open time") as refusal:
        schedule("lu177-dotatate/spect-1tp", "2026-03-03T10:00", closed=days)
    assert refusal.value.code == "no-open-time"


def test_a_protocol_without_visits_has_no_schedule():
    with pytest.raises(StudyError) as refusal:
        schedule("generic/spect", "2026-03-03T10:00")
    assert refusal.value.code == "protocol-without-visits"
