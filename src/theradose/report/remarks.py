"""Findings by falling severity and by code, those that differ only in their place or in numbers joined in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from theradose.model.finding import Severity
from theradose.report.alike import Alike, join_alike
from theradose.report.blocks import Remark, RemarkLine

_SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
_FEWEST_ALL = 3


class Noticed(Protocol):
    """A finding, of a computation or of a stored document."""

    @property
    def code(self) -> str:
        """Identifier."""
        ...

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        ...

    @property
    def message(self) -> str:
        """What is the matter, in one sentence."""
        ...

    @property
    def where(self) -> str:
        """Place, or empty."""
        ...


def remarks(
    findings: Sequence[Noticed],
    *,
    only: Severity | None = None,
    wholes: Sequence[tuple[frozenset[str], str]] = (),
) -> tuple[Remark, ...]:
    """Return findings by falling severity and by code, in their order within each.

    Parameters
    ----------
    findings : sequence of Noticed
        What is to be said.
    only : {"critical", "warning", "info"}, optional
        Leaves out the others.
    wholes : sequence of (frozenset of str, str)
        Sets of places, and what is said where a finding holds for all of one.
    """
    by_code: dict[tuple[Severity, str], list[tuple[str, str]]] = {}
    for finding in findings:
        by_code.setdefault((finding.severity, finding.code), []).append((finding.where, finding.message))
    return tuple(
        Remark(severity, code, tuple(_line(alike, wholes) for alike in join_alike(entries)))
        for wanted in _SEVERITIES
        for (severity, code), entries in by_code.items()
        if severity == wanted and only in (None, wanted)
    )


def places_words(places: Sequence[str], wholes: Sequence[tuple[frozenset[str], str]]) -> str:
    """Return places as text, or the name of the whole that they make up."""
    for everything, words in wholes:
        if len(places) >= _FEWEST_ALL and set(places) == everything:
            return words
    return ", ".join(places)


def values_words(alike: Alike) -> str:
    """Return the numbers of each place as text: ``liver 26 %, spleen 19 %``."""
    separator = "; " if any(", " in value for value in alike.values) else ", "
    return separator.join(f"{place} {value}" for place, value in zip(alike.places, alike.values, strict=False))


def _line(alike: Alike, wholes: Sequence[tuple[frozenset[str], str]]) -> RemarkLine:
    if alike.values:
        return RemarkLine("", alike.text, values_words(alike))
    return RemarkLine(places_words(alike.places, wholes), alike.text)
