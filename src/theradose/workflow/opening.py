"""When a department is open: opening hours, closed days, and the nearest open time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from theradose.data import load_number
from theradose.errors import StudyError

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKEND = frozenset({5, 6})


@dataclass(frozen=True, slots=True)
class Opening:
    """When visits to the department can start.

    Attributes
    ----------
    hours : tuple of time or None
        First and last time of the day at which a visit can start; ``None`` is the whole day.
    closed_weekdays : frozenset of int
        0 is Monday.
    closed_dates : frozenset of date
        Single days.
    """

    hours: tuple[time, time] | None = None
    closed_weekdays: frozenset[int] = frozenset()
    closed_dates: frozenset[date] = frozenset()

    def closed_because(self, moment: datetime) -> str | None:
        """Return why no visit can start at a local time, ``None`` if one can."""
        if moment.date() in self.closed_dates:
            return f"{moment.date().isoformat()} is closed"
        if moment.weekday() in self.closed_weekdays:
            return f"{_WEEKDAYS[moment.weekday()].capitalize()} is closed"
        if self.hours is not None and not self.hours[0] <= moment.time() <= self.hours[1]:
            return f"outside {self.hours[0]:%H:%M} to {self.hours[1]:%H:%M}"
        return None

    def nearest(self, moment: datetime, *, zone: tzinfo, not_before: datetime) -> datetime | None:
        """Return the open time nearest to `moment` and not before another; ``None`` if there is none.

        Without opening hours a visit keeps its time of day and changes the day only. Of two equally near times the
        earlier is taken.

        Parameters
        ----------
        moment, not_before : datetime
            With offset.
        zone : tzinfo
            In which the department is open.
        """
        found = [
            candidate
            for start, stop in self._intervals(moment, zone)
            if (candidate := _within(start, stop, moment, not_before))
        ]
        return min(found, key=lambda candidate: (abs(candidate - moment), candidate), default=None)

    def _intervals(self, moment: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open times of the days around a moment, in UTC."""
        local = moment.astimezone(zone)
        opens, closes = self.hours or (local.time(), local.time())
        searched = int(load_number("schedule.yaml", "searched_days"))
        for days in range(-searched, searched + 1):
            day = local.date() + timedelta(days=days)
            if day not in self.closed_dates and day.weekday() not in self.closed_weekdays:
                yield tuple(datetime.combine(day, at, zone).astimezone(UTC) for at in (opens, closes))  # type: ignore[misc]


def _within(start: datetime, stop: datetime, moment: datetime, not_before: datetime) -> datetime | None:
    """Return the time between `start` and `stop` that is nearest to `moment` and not before another."""
    first = max(start, not_before)
    return None if first > stop else min(max(moment, first), stop).astimezone(UTC)


def parse_opening(hours: str | None, closed: str | None) -> Opening:
    """Read opening hours such as ``08:00-17:00`` and closed days such as ``weekends,2026-03-06,monday``.

    Raises
    ------
    StudyError
        ``opening-hours``, ``closed-days``.
    """
    weekdays: set[int] = set()
    dates: set[date] = set()
    for word in (part.strip().lower() for part in (closed or "").split(",")):
        if word == "weekends":
            weekdays |= _WEEKEND
        elif word in _WEEKDAYS:
            weekdays.add(_WEEKDAYS.index(word))
        elif word:
            dates.add(_date(word))
    if len(weekdays) == len(_WEEKDAYS):
        raise StudyError("All seven days of the week are closed: leave one open.", code="closed-days")
    return Opening(None if hours is None else _hours(hours), frozenset(weekdays), frozenset(dates))


def _date(word: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise StudyError(
            f"'{word}' is no closed day: write 'weekends', a weekday such as 'friday', or a date such as 2026-03-06, "
            "separated by commas.",
            code="closed-days",
        ) from None


def _hours(text: str) -> tuple[time, time]:
    try:
        opens, closes = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError:
        opens = closes = time()
    with_offset = opens.tzinfo is not None or closes.tzinfo is not None
    if with_offset or opens >= closes:
        raise StudyError(
            f"'{text}' are no opening hours: write the first and the last time at which a visit can start on one day, "
            "such as 08:00-17:00.",
            code="opening-hours",
        )
    return opens, closes
