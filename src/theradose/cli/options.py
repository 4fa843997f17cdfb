"""What the texts of options mean: quantities, fractions, moments and days."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime


def parsed_positive(text: str | None, unit: str, option: str) -> float | None:
    """Return a positive quantity in a unit; in the unit 1 it is a fraction below 1."""
    from theradose.errors import StudyError
    from theradose.units import parse_quantity

    if text is None:
        return None
    value = parse_quantity(text, unit)
    if unit == "1" and not 0 < value < 1:
        raise StudyError(
            f"'{text}' of {option} is not a fraction between 0 and 1: write for example '2 %'.", code="option-range"
        )
    if not value > 0:
        raise StudyError(f"'{text}' of {option} is not a positive quantity: correct it.", code="option-range")
    return value


def parsed_count(text: str | None, option: str) -> int | None:
    """Return a positive whole number, which may be written as ``1e7``."""
    from theradose.errors import StudyError, UnitError
    from theradose.units import parse_count

    if text is None:
        return None
    try:
        return parse_count(text)
    except UnitError:
        raise StudyError(
            f"'{text}' of {option} is not a count: write a positive whole number such as 10000000 or 1e7.",
            code="option-range",
        ) from None


def parsed_labels(text: str | None, option: str) -> dict[int, str]:
    """Return the name of each label of ``1=lung,2=water``; empty where nothing is stated."""
    from theradose.errors import StudyError

    labels: dict[int, str] = {}
    for part in text.split(",") if text else ():
        label, _, name = (word.strip() for word in part.partition("="))
        if not label.isdecimal() or not name or int(label) in labels or name in labels.values():
            raise StudyError(
                f"'{text}' of {option} does not name labels: write each label once with its own name, as "
                "1=lung,2=water.",
                code="option-labels",
            )
        labels[int(label)] = name
    return labels


def parsed_infusion(text: str | None) -> float:
    """Return the length of the infusion in h; a bolus where nothing is stated."""
    from theradose.units import parse_quantity

    return 0.0 if text is None else parse_quantity(text, "h")


def parsed_moment(text: str | None, option: str, *, code: str = "option-moment") -> datetime | None:
    """Return a date and time; `code` is that of the refusal."""
    from datetime import datetime

    from theradose.errors import StudyError

    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise StudyError(
            f"'{text}' of {option} is not a date and time: write it as 2026-03-02T10:00, with an offset if known.",
            code=code,
        ) from None


def parsed_start(text: str | None, option: str) -> datetime | None:
    """Return the start of an administration."""
    return parsed_moment(text, option, code="administration-start")


def parsed_day(text: str | None, option: str) -> date | None:
    """Return a day."""
    from datetime import date

    from theradose.errors import StudyError

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise StudyError(f"'{text}' of {option} is not a day: write it as 2027-02-28.", code="option-moment") from None
