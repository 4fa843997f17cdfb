"""Reading single header values without trusting them."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from pydicom.datadict import keyword_for_tag, tag_for_keyword

_DATE = re.compile(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})")
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")
_DATE_TIME = re.compile(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")


def tag_label(keyword: str) -> str:
    """Return tag and keyword of an attribute, as ``(0054,1001) Units``."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is not a DICOM keyword")
    return tag_name(tag)


def tag_name(tag: int) -> str:
    """Return a tag with its keyword, as ``(0054,1001) Units``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {keyword_for_tag(tag)}".rstrip()


def read_text(dataset: Any, keyword: str) -> str:
    """Return a value as text, joined by a backslash if it has several; empty if absent."""
    value = dataset.get(keyword)
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        return "\\".join(str(part).strip() for part in value)
    return str(value).strip()


def read_texts(dataset: Any, keyword: str) -> tuple[str, ...]:
    """Return all values of an attribute as text."""
    text = read_text(dataset, keyword)
    return tuple(text.split("\\")) if text else ()


def read_numbers(dataset: Any, keyword: str) -> tuple[float, ...]:
    """Return all values of an attribute as finite numbers; empty if absent or not numeric."""
    try:
        numbers = tuple(float(part) for part in read_texts(dataset, keyword))
    except ValueError:
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()


def read_number(dataset: Any, keyword: str) -> float | None:
    """Return the single numeric value of an attribute, ``None`` if absent or not one finite number."""
    numbers = read_numbers(dataset, keyword)
    return numbers[0] if len(numbers) == 1 else None


def read_integer(dataset: Any, keyword: str, default: int = 0) -> int:
    """Return an integer value, `default` if absent or not a whole number."""
    number = read_number(dataset, keyword)
    return int(number) if number is not None and number == int(number) else default


def read_items(dataset: Any, keyword: str) -> tuple[Any, ...]:
    """Return the items of a sequence; empty if absent or not a sequence."""
    value = dataset.get(keyword)
    return tuple(value) if type(value).__name__ == "Sequence" else ()


def read_date_time(dataset: Any, date_keyword: str, time_keyword: str) -> datetime | None:
    """Combine a date and a time attribute; aware only if the header states the offset from UTC."""
    date = _DATE.fullmatch(read_text(dataset, date_keyword))
    time = _TIME.fullmatch(read_text(dataset, time_keyword))
    if date is None or time is None:
        return None
    return _combine(date.groups(), time.groups(), read_text(dataset, "TimezoneOffsetFromUTC"))


def read_stamp(dataset: Any, keyword: str) -> datetime | None:
    """Read a combined date and time (DT); ``None`` if it holds less than date and hour."""
    match = _DATE_TIME.fullmatch(read_text(dataset, keyword))
    if match is None or match[2] is None:
        return None
    date, time = _DATE.fullmatch(match[1]), _TIME.fullmatch(match[2])
    if date is None or time is None:
        return None
    return _combine(date.groups(), time.groups(), match[3] or read_text(dataset, "TimezoneOffsetFromUTC"))


def read_time_of_day(dataset: Any, keyword: str) -> timedelta | None:
    """Read a time (TM) as the duration since midnight."""
    match = _TIME.fullmatch(read_text(dataset, keyword))
    if match is None:
        return None
    moment = _combine(("2000", "01", "01"), match.groups(), "")
    return None if moment is None else moment - datetime(2000, 1, 1)


def hours_between(start: datetime, moment: datetime) -> float:
    """Return the hours from `start` to `moment`, as printed unless both state their offset from UTC."""
    if start.tzinfo is None or moment.tzinfo is None:
        start, moment = start.replace(tzinfo=None), moment.replace(tzinfo=None)
    return (moment - start).total_seconds() / 3600


def _combine(date: tuple[str | None, ...], time: tuple[str | None, ...], offset: str) -> datetime | None:
    year, month, day = (int(part or 0) for part in date)
    hour, minute, second = (int(part or 0) for part in time[:3])
    microsecond = int((time[3] or "0").ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), microsecond, _zone(offset))
    except ValueError:
        return None


def _zone(offset: str) -> timezone | None:
    match = _OFFSET.fullmatch(offset)
    if match is None:
        return None
    shift = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-shift if match[1] == "-" else shift)
