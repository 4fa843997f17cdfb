"""Texts that differ only in a place or in numbers, said once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PLACE = "…"
_NUMBER = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[+-]\d{2}:\d{2})?)?"
    r"|(?<![\w.,:+\-])\d+(?:\.\d+)?(?:\s?%)?(?!\w|[.,:\-]\d)"
)
"""A date, with time or without, or a number in running text; the digits of tags and names are none."""
_MOST_VALUES = 3


@dataclass(frozen=True, slots=True)
class Alike:
    """One text that holds for several places.

    Attributes
    ----------
    places : tuple of str
        Where it holds.
    text : str
        With ``…`` for the place and for every number that differs.
    values : tuple of str
        The numbers of each place in its text; empty if none differs.
    """

    places: tuple[str, ...]
    text: str
    values: tuple[str, ...] = ()


def join_alike(entries: Sequence[tuple[str, str]]) -> tuple[Alike, ...]:
    """Join texts that differ only in their place or in up to three numbers, in the order of their first.

    Parameters
    ----------
    entries : sequence of (str, str)
        Place and text. A text that stands alone stays as it is.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for place, text in entries:
        general = _general(place, text)
        groups.setdefault(_NUMBER.sub("0", general), []).append((place, text))
    return tuple(alike for group in groups.values() for alike in _join(group))


def _join(group: Sequence[tuple[str, str]]) -> list[Alike]:
    distinct = list(dict.fromkeys(group))
    places = tuple(dict.fromkeys(place for place, _ in distinct))
    if len(distinct) == 1:
        return [Alike(places, distinct[0][1])]
    general = [_general(place, text) for place, text in distinct]
    numbers = [_NUMBER.findall(text) for text in general]
    varying = {index for index, column in enumerate(zip(*numbers, strict=True)) if len(set(column)) > 1}
    if len(varying) > _MOST_VALUES or (varying and len(places) < len(distinct)):
        return [Alike((place,), text) for place, text in distinct]
    values = tuple(", ".join(row[index] for index in sorted(varying)) for row in numbers) if varying else ()
    return [Alike(places, _without(general[0], varying), values)]


def _general(place: str, text: str) -> str:
    """Return the text with ``…`` for its place, where that stands as a word of its own."""
    return re.sub(rf"(?<!\w){re.escape(place)}(?!\w)", PLACE, text) if place else text


def _without(text: str, varying: set[int]) -> str:
    """Return the text with its numbers at `varying` replaced."""
    parts, end = [], 0
    for index, number in enumerate(_NUMBER.finditer(text)):
        parts += [text[end : number.start()], PLACE if index in varying else number.group()]
        end = number.end()
    return "".join([*parts, text[end:]])
