"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `final` to fill; on success it is flushed and renamed, on failure it disappears.

    What a killed process left behind for the same folder is removed first.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(final)
    partial = final.parent / f"{_prefix(final)}{os.getpid()}.part"
    partial.mkdir()
    try:
        yield partial
        for path in sorted(partial.rglob("*")):
            _flush(path)
        if not final.exists():
            # Another process may have finished the same folder meanwhile; content-addressed, it is the same.
            partial.replace(final)
            _flush(final.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _prefix(final: Path) -> str:
    # The last part of a run-id is the hash of its inputs: a later run of the same inputs finds the leftovers.
    return f".{final.name.rsplit('-', 1)[-1]}-"


def _remove_leftovers(final: Path) -> None:
    for leftover in final.parent.glob(f"{_prefix(final)}*.part"):
        process = leftover.name.removeprefix(_prefix(final)).removesuffix(".part")
        if process.isdecimal() and not _is_running(int(process)):
            shutil.rmtree(leftover, ignore_errors=True)


def _is_running(process: int) -> bool:
    if process == os.getpid():
        return False
    if os.name == "nt":
        # Signal 0 is a real event there: rather keep a leftover than stop a process.
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
