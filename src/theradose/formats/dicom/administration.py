"""The administration as image headers state it: nuclide, half-life, activity, start."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from theradose.errors import PhysicsError
from theradose.formats.dicom.values import (
    read_date_time,
    read_items,
    read_number,
    read_stamp,
    read_text,
    read_time_of_day,
    tag_label,
)
from theradose.formats.facts import AdministrationFacts, Effect, Problem
from theradose.model.activity import Evidence
from theradose.nuclides import canonical_nuclide, load_nuclide, nuclide_names

_BECQUEREL_ABOVE = 1e6
"""A total dose above this is in Bq: no treatment reaches 1e6 MBq, and no image needs less than 1 MBq."""
_HALF_LIFE_TOLERANCE = 0.01
_UNDATED_BELOW_H = 12.0
"""With a shorter half-life a time of day without date is that of the day of the image."""


def read_administration(dataset: Any, acquired_at: datetime | None) -> AdministrationFacts:
    """Read the first item of the Radiopharmaceutical Information Sequence.

    Parameters
    ----------
    dataset : pydicom.Dataset
        Image header.
    acquired_at : datetime or None
        Start of the acquisition, to date a start that has only a time of day.
    """
    items = read_items(dataset, "RadiopharmaceuticalInformationSequence")
    if not items:
        return AdministrationFacts()
    item = items[0]
    evidence: list[Evidence] = []
    problems: list[Problem] = []
    if len(items) > 1:
        problems.append(
            Problem(
                "several-radiopharmaceuticals",
                f"The header names {len(items)} radiopharmaceuticals; the first is used.",
                Effect.NOTE,
            )
        )
    half_life_h = _half_life_h(item)
    nuclide = _nuclide(item, half_life_h, evidence)
    _compare_half_lives(nuclide, half_life_h, evidence, problems)
    activity_mbq = _activity_mbq(item, read_text(dataset, "Modality"), evidence)
    start = _start(dataset, item, half_life_h, acquired_at, evidence, problems)
    return AdministrationFacts(
        nuclide=nuclide,
        half_life_h=half_life_h,
        activity_mbq=activity_mbq,
        start=start,
        undated_start=read_time_of_day(item, "RadiopharmaceuticalStartTime") if start is None else None,
        radiopharmaceutical=_radiopharmaceutical(item),
        evidence=tuple(evidence),
        problems=tuple(problems),
    )


def _nuclide(item: Any, half_life_h: float | None, evidence: list[Evidence]) -> str | None:
    source = tag_label("RadionuclideCodeSequence")
    for code in read_items(item, "RadionuclideCodeSequence"):
        for keyword in ("CodeValue", "CodeMeaning"):
            text = read_text(code, keyword)
            name = _named(text)
            if name is not None:
                evidence.append(Evidence("nuclide", f"{name} ('{text}')", f"{source} {keyword}"))
                return name
    text = read_text(item, "Radiopharmaceutical")
    name = next((found for word in (text, *text.split()) if (found := _named(word))), None)
    if name is not None:
        evidence.append(Evidence("nuclide", f"{name} ('{text}')", tag_label("Radiopharmaceutical"), assumed=True))
        return name
    if half_life_h is None:
        return None
    close = [
        name
        for name in nuclide_names()
        if abs(half_life_h / load_nuclide(name).half_life_h.value - 1) <= _HALF_LIFE_TOLERANCE
    ]
    if len(close) != 1:
        return None
    evidence.append(
        Evidence(
            "nuclide",
            f"{close[0]} (the only one with a half-life of {half_life_h:.4g} h)",
            tag_label("RadionuclideHalfLife"),
            assumed=True,
        )
    )
    return close[0]


def _named(text: str) -> str | None:
    try:
        return canonical_nuclide(text) if text else None
    except PhysicsError:
        return None


def _half_life_h(item: Any) -> float | None:
    seconds = read_number(item, "RadionuclideHalfLife")
    return seconds / 3600 if seconds else None


def _compare_half_lives(
    nuclide: str | None, half_life_h: float | None, evidence: list[Evidence], problems: list[Problem]
) -> None:
    if half_life_h is None:
        return
    source = tag_label("RadionuclideHalfLife")
    evidence.append(Evidence("half-life", f"{half_life_h:.6g} h", source))
    if nuclide is None:
        return
    expected = load_nuclide(nuclide).half_life_h.value
    if abs(half_life_h / expected - 1) > _HALF_LIFE_TOLERANCE:
        problems.append(
            Problem(
                "half-life-differs",
                f"The header states a half-life of {half_life_h:.4g} h, but that of {nuclide} is {expected:.4g} h: "
                "the scanner may have corrected for decay of another nuclide.",
                Effect.NOTE,
            )
        )


def _activity_mbq(item: Any, modality: str, evidence: list[Evidence]) -> float | None:
    value = read_number(item, "RadionuclideTotalDose")
    if value is None or value <= 0:
        return None
    in_becquerel = value > _BECQUEREL_ABOVE
    activity = value / 1e6 if in_becquerel else value
    unit = "Bq" if in_becquerel else "MBq"
    by_standard = in_becquerel == (modality == "PT")
    evidence.append(
        Evidence(
            "administered activity",
            f"{activity:.7g} MBq (stored as {value:.10g}, taken as {unit})",
            tag_label("RadionuclideTotalDose"),
            assumed=not by_standard,
        )
    )
    return activity


def _start(
    dataset: Any,
    item: Any,
    half_life_h: float | None,
    acquired_at: datetime | None,
    evidence: list[Evidence],
    problems: list[Problem],
) -> datetime | None:
    stamp_source = tag_label("RadiopharmaceuticalStartDateTime")
    stamp = read_stamp(item, "RadiopharmaceuticalStartDateTime")
    if stamp is not None:
        if stamp.tzinfo is None and acquired_at is not None and acquired_at.tzinfo is not None:
            stamp = stamp.replace(tzinfo=acquired_at.tzinfo)
        evidence.append(Evidence("administration start", stamp.isoformat(sep=" "), stamp_source))
        return stamp
    time_source = tag_label("RadiopharmaceuticalStartTime")
    time = read_time_of_day(item, "RadiopharmaceuticalStartTime")
    if time is None:
        return None
    day = acquired_at or read_date_time(dataset, "StudyDate", "StudyTime")
    if day is None or half_life_h is None or half_life_h > _UNDATED_BELOW_H:
        problems.append(
            Problem(
                "administration-undated",
                f"The administration started at {_clock(time)} on a day that the header does not state.",
                Effect.NOTE,
            )
        )
        return None
    start = day.replace(hour=0, minute=0, second=0, microsecond=0) + time
    if acquired_at is not None and start > acquired_at:
        start -= timedelta(days=1)
    evidence.append(
        Evidence(
            "administration start",
            f"{start.isoformat(sep=' ')} (only the time is stated; the last such time before the image is taken)",
            time_source,
            assumed=True,
        )
    )
    return start


def _radiopharmaceutical(item: Any) -> str:
    for code in read_items(item, "RadiopharmaceuticalCodeSequence"):
        if meaning := read_text(code, "CodeMeaning"):
            return meaning
    return read_text(item, "Radiopharmaceutical")


def _clock(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
