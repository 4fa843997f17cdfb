"""Functions compiled by numba, and where their machine code is kept.

numba's own cache looks at the file of a function only, and runs old machine code after an edit in another module
that the function calls. Machine code therefore lies in a folder named by the hash of all sources of this package.
Import a module of kernels where it is used, not at the top: numba takes a second to load.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar

from theradose.provenance import hash_package

P = ParamSpec("P")
R = TypeVar("R")

_KEPT_DAYS = 30


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function on its first call, without the interpreter lock and with division as in numpy.

    The order of the operations is kept (no fast mathematics), so that results do not depend on threads or chunks.
    """
    from numba import config, njit

    folder = cache_folder()
    if folder is None:
        return njit(nogil=True, error_model="numpy")(function)  # type: ignore[no-any-return]
    previous = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        return njit(nogil=True, error_model="numpy", cache=True)(function)  # type: ignore[no-any-return]
    finally:
        config.CACHE_DIR = previous


def device_function(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only other compiled functions call, on the processor or on a graphics card.

    It is part of the machine code of its callers and has no cache of its own; it may take functions as arguments.
    """
    from numba import njit

    return njit(nogil=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def thread_count() -> int:
    """Return how many threads a computation may use: ``THERADOSE_THREADS``, or all cores.

    A process that works beside others for one job sets the variable to its share.
    """
    stated = os.environ.get("THERADOSE_THREADS", "")
    return int(stated) if stated.isdecimal() and int(stated) > 0 else os.cpu_count() or 1


@cache
def cache_folder() -> Path | None:
    """Return the folder for the machine code of these sources, or None where nothing can be written.

    It lies in ``NUMBA_CACHE_DIR`` if that is set, else in the user's cache folder. Folders of other sources that
    were not used for a month are removed.
    """
    try:
        parent = _cache_root() / "theradose" / "numba"
        folder = parent / hash_package()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        oldest = time.time() - _KEPT_DAYS * 86400
        for other in parent.iterdir():
            if other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)
    except (OSError, RuntimeError):
        # Also an account without a home folder.
        return None
    return folder if os.access(folder, os.W_OK) else None


def _cache_root() -> Path:
    stated = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    if stated:
        return Path(stated)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    local = os.environ.get("LOCALAPPDATA")
    return Path(local) if local else Path.home() / ".cache"
