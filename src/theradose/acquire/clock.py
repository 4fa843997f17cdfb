"""Comparing the clocks of a study and of a scanner: the same event, stated twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from theradose.formats.dicom.values import hours_between
from theradose.formats.facts import AdministrationFacts
from theradose.model.finding import Finding

_SAME_ADMINISTRATION_H = 5 / 60
_ANOTHER_TIME_H = 1.0
"""Above this the difference is no inaccuracy of a clock or of a note: one of the two times is wrong."""
_DAY = timedelta(days=1)


def compare_administration(
    stated: AdministrationFacts, start: datetime | None, *, timezone: str | None, undone: bool
) -> tuple[Finding, ...]:
    """Compare the administration start of the study with that of a header.

    Parameters
    ----------
    stated : AdministrationFacts
        From the header. A start without a date is taken on the day that is nearest to the study's.
    start : datetime or None
        From the study.
    timezone : str or None
        IANA time zone of the study, which gives times without offset their place. Without it, a time with offset
        and one without are compared as printed.
    undone : bool
        Decay correction to the administration is undone with the header's time.

    Returns
    -------
    tuple of Finding
        ``administration-time-differs``: a warning, critical above one hour; empty if the times agree.
    """
    zone = _zone(timezone)
    header = _header_start(stated, start, zone)
    if start is None or header is None:
        return ()
    # Without a zone, a time with offset and one without are compared as printed.
    comparable = zone is not None or (header.tzinfo is None) == (start.tzinfo is None)
    apart_h = hours_between(_placed(header, zone), _placed(start, zone)) if comparable else hours_between(header, start)
    if abs(apart_h) <= _SAME_ADMINISTRATION_H:
        return ()
    consequence = "Decay correction is undone with the file's time" if undone else "Times are counted from the study's"
    return (
        Finding(
            "administration-time-differs",
            "critical" if abs(apart_h) > _ANOTHER_TIME_H else "warning",
            f"The study starts the administration at {_written(start, zone)}, the file at {_written(header, zone)}, "
            f"which is {_length(abs(apart_h))} {'later' if apart_h < 0 else 'earlier'}. {consequence}: check which "
            "is right.",
        ),
    )


def move_with_clock(moment: datetime, *, stated: datetime, declared: datetime) -> datetime:
    """Return `moment` of the scanner's clock on the clock by which the user declares the acquisition.

    The scanner corrected for decay with its own times, so that what lies between them must not change when
    another start of the acquisition is declared.

    Parameters
    ----------
    moment : datetime
        By the scanner's clock.
    stated, declared : datetime
        Start of the acquisition by the file and by the user.
    """
    return declared - timedelta(hours=hours_between(moment, stated))


def _header_start(stated: AdministrationFacts, start: datetime | None, zone: ZoneInfo | None) -> datetime | None:
    if stated.start is not None or stated.undated_start is None or start is None:
        return stated.start
    local = start.astimezone(zone) if start.tzinfo is not None and zone is not None else start
    midnight = local.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    days = [midnight + shift + stated.undated_start for shift in (-_DAY, timedelta(0), _DAY)]
    return min(days, key=lambda day: abs(day - local.replace(tzinfo=None)))


def _placed(time: datetime, zone: ZoneInfo | None) -> datetime:
    """Return an instant where the offset or the study's time zone makes it one, in UTC; else the time as printed."""
    if time.tzinfo is None and zone is None:
        return time
    return (time if time.tzinfo is not None else time.replace(tzinfo=zone)).astimezone(UTC)


def _written(time: datetime, zone: ZoneInfo | None) -> str:
    placed = _placed(time, zone)
    text = time.isoformat(sep=" ", timespec="minutes")
    if placed.tzinfo is None:
        return text
    place = "" if time.tzinfo is not None else f" in {zone}"
    return f"{text}{place} ({placed.replace(tzinfo=None).isoformat(sep=' ', timespec='minutes')} UTC)"


def _length(hours: float) -> str:
    return f"{hours * 60:.0f} min" if hours < _ANOTHER_TIME_H else f"{hours:.4g} h"


def _zone(timezone: str | None) -> ZoneInfo | None:
    """Return the zone, ``None`` for an unknown one, which is refused where hours are counted."""
    try:
        return None if timezone is None else ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
