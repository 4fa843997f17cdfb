"""Hours between two moments of a study, with time zones and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from theradose.errors import StudyError
from theradose.model.finding import Finding


def hours_since(start: datetime, moment: datetime, *, timezone: str | None) -> tuple[float, tuple[Finding, ...]]:
    """Return the hours that passed from `start` to `moment`.

    Parameters
    ----------
    start, moment : datetime
        With offset, or without: then they are local times of the study.
    timezone : str or None
        IANA time zone of the study, as ``Europe/Paris``. Without it, times are differenced as printed.

    Returns
    -------
    hours : float
        Negative if `moment` is earlier.
    findings : tuple of Finding
        ``timezone-missing`` if a clock change could hide in the difference, ``time-ambiguous`` or
        ``time-skipped`` if a local time falls into a clock change.

    Raises
    ------
    StudyError
        If the time zone is unknown.

    References
    ----------
    [IANATZ]_ for the rules of the time zones.
    """
    if start.tzinfo is not None and moment.tzinfo is not None:
        return _hours(start, moment), ()
    if timezone is None:
        return _hours(start.replace(tzinfo=UTC), moment.replace(tzinfo=UTC)), (_missing(start, moment),)
    zone = time_zone(timezone)
    findings = tuple(
        finding for time in (start, moment) if (finding := _clock_change(time, zone, timezone)) is not None
    )
    return _hours(_localised(start, zone), _localised(moment, zone)), findings


def _hours(start: datetime, moment: datetime) -> float:
    # Two times of one zone are subtracted by the wall clock in Python: only UTC gives elapsed time.
    return (moment.astimezone(UTC) - start.astimezone(UTC)).total_seconds() / 3600


def _localised(time: datetime, zone: ZoneInfo) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=zone)


def time_zone(timezone: str) -> ZoneInfo:
    """Return the rules of an IANA time zone, or refuse an unknown name (``timezone-unknown``)."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise StudyError(
            f"'{timezone}' is not a time zone: write an IANA name in the study, for example 'timezone: Europe/Paris'.",
            code="timezone-unknown",
        ) from None


def _missing(start: datetime, moment: datetime) -> Finding:
    mixed = (start.tzinfo is None) != (moment.tzinfo is None)
    reason = "only one of them states its offset from UTC" if mixed else "neither states its offset from UTC"
    return Finding(
        "timezone-missing",
        "warning" if mixed else "info",
        f"{start.isoformat()} and {moment.isoformat()} were differenced as printed because {reason} and the "
        "study states no timezone: a clock change between them would be an error of one hour.",
    )


def _clock_change(time: datetime, zone: ZoneInfo, timezone: str) -> Finding | None:
    if time.tzinfo is not None:
        return None
    first, second = time.replace(tzinfo=zone, fold=0), time.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return None
    returned = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    if returned == time.replace(fold=0):
        return Finding(
            "time-ambiguous",
            "warning",
            f"{time.isoformat()} occurs twice in {timezone} because clocks are set back; the first was taken: "
            "write the time with its offset to choose.",
        )
    return Finding(
        "time-skipped",
        "warning",
        f"{time.isoformat()} does not exist in {timezone} because clocks are set forward: check the time.",
    )
