"""The report as PDF, set by typst from a template that never mixes data with markup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from theradose.model.result import Result
from theradose.report.blocks import Document
from theradose.report.content import build_document
from theradose.report.inputs import ReportImages
from theradose.report.style import Picture
from theradose.report.typeset import typeset

_TEMPLATE = "report.typ"
_BREAK = "\u200b"
_LONG_WORD = re.compile(r"\S{15,}")
_JOINT = re.compile(r"(?<=[_/.,;:=])(?=\w)|(?<=[a-z])(?=[A-Z][a-z])|(?<=[^\W_]{24})(?=[^\W_])")
_BROKEN_KEYS = frozenset({"text", "value", "where", "message", "group"})


def write_pdf(result: Result, images: ReportImages | None, path: Path, *, pictures: Sequence[Picture]) -> None:
    """Write the report as A4 sheets.

    Parameters
    ----------
    result, images
        What to report.
    path
        File to write.
    pictures
        Its figures.
    """
    document = build_document(result, images, pictures)
    write_document_pdf(document, path, pictures=pictures, timestamp=_timestamp(result.created))


def write_document_pdf(document: Document, path: Path, *, pictures: Sequence[Picture], timestamp: datetime) -> None:
    """Write a document as A4 sheets.

    Parameters
    ----------
    document : Document
        What to print.
    path : Path
        File to write.
    pictures : sequence of Picture
        The figures that it has places for.
    timestamp : datetime
        Date of the file, so that the same document gives the same bytes.
    """
    beside = {f"{picture.name}.svg": picture.svg for picture in pictures}
    path.write_bytes(typeset(_TEMPLATE, _breakable(asdict(document)), beside=beside, timestamp=timestamp))


def _breakable(part: Any) -> Any:
    """Return the content with places where long names may break across lines; hashes stay whole."""
    if isinstance(part, list | tuple):
        return [_breakable(item) for item in part]
    if not isinstance(part, dict):
        return part
    whole = part.get("mono", False)
    return {
        key: _LONG_WORD.sub(_with_breaks, value)
        if key in _BROKEN_KEYS and isinstance(value, str) and not whole
        else _breakable(value)
        for key, value in part.items()
    }


def _with_breaks(word: re.Match[str]) -> str:
    return _JOINT.sub(_BREAK, word.group())


def _timestamp(created: str) -> datetime:
    """Return when the result was made, so that the same result gives the same file."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return moment.astimezone(UTC)
