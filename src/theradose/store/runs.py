"""Immutable run folders.

A run is written into a hidden folder, flushed, and renamed to ``results/<run-id>``. Either the whole result is there
or nothing is.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from theradose.errors import StudyError
from theradose.store.partial import whole_folder

RUN_DOCUMENT = "run.json"
RESULT_DOCUMENT = "result.json"
_HASH_DIGITS = 8


def make_run_id(input_hash: str, *, now: datetime) -> str:
    """Return ``<UTC time>-<8 hex digits of the input hash>``."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{input_hash[:_HASH_DIGITS]}"


def find_run(results: Path, input_hash: str) -> Path | None:
    """Return the finished run folder made from the same inputs, the newest if there are several."""
    for folder in sorted(results.glob(f"*-{input_hash[:_HASH_DIGITS]}"), reverse=True):
        document = folder / RUN_DOCUMENT
        if document.is_file() and json.loads(document.read_text(encoding="utf-8")).get("input_hash") == input_hash:
            return folder
    return None


@contextmanager
def new_run(results: Path, run_id: str) -> Iterator[Path]:
    """Yield a folder to fill; on success it becomes ``results/<run_id>``, on failure it disappears."""
    final = results / run_id
    if final.exists():
        raise StudyError(f"The run folder '{run_id}' exists already: runs are never overwritten.", code="run-exists")
    with whole_folder(final) as folder:
        yield folder


def is_writable(folder: Path) -> bool:
    """Return whether a file can be made in an existing folder."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def require_writable(folder: Path) -> None:
    """Make a folder for results, or refuse before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"The results cannot go to '{_shortened(folder)}' ({error.strerror}): give another folder with --out.",
            code="out-not-writable",
        ) from None
    if not is_writable(folder):
        raise StudyError(
            f"Nothing can be written to '{_shortened(folder)}': give another folder with --out, or free space on it.",
            code="out-not-writable",
        )


def _shortened(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-15:]}"


def run_folder(path: Path) -> Path:
    """Return the run folder for a path that names it or its ``result.json``."""
    folder = path.parent if path.name == RESULT_DOCUMENT else path
    if not (folder / RESULT_DOCUMENT).is_file():
        raise StudyError(
            f"'{path}' is not a result: give a run folder or its {RESULT_DOCUMENT}.", code="result-missing"
        )
    return folder


def write_json(document: Any, path: Path) -> None:
    """Write a JSON document with a stable layout."""
    path.write_text(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
