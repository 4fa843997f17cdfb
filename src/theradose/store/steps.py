"""Content-addressed intermediate results: a killed run resumes, an unchanged step is not computed again."""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from theradose.provenance import hash_package, hash_parameters
from theradose.store.codec import read_value, write_value
from theradose.store.partial import whole_folder

T = TypeVar("T")


class StepStore:
    """Steps stored under their key in a folder.

    A key is the hash of the step's name, the sources of this package and everything the step depends on. A step is
    written under a temporary name, flushed, and renamed; what a killed process leaves is never read.

    Parameters
    ----------
    folder : Path
        Usually ``.theradose`` beside the study; made when the first step is stored.
    on_step : callable or None
        Called with the step's name before it is computed or read.
    """

    def __init__(self, folder: Path, *, on_step: Callable[[str], None] | None = None) -> None:
        self._folder = folder
        self._on_step = on_step
        self.durations_s: dict[str, float] = {}
        self.reused: set[str] = set()

    def run(self, name: str, inputs: Any, compute: Callable[[], T]) -> T:
        """Return the stored value of a step or compute and store it.

        Parameters
        ----------
        name : str
            Name of the step, for example ``activity:tp1``.
        inputs : JSON-compatible
            Everything that the value depends on beside the package itself.
        compute : callable
            Makes the value from nothing else.
        """
        if self._on_step is not None:
            self._on_step(name)
        started = time.perf_counter()
        place = self._folder / self.key(name, inputs)
        value = self._read(place)
        if value is None:
            computed = compute()
            with whole_folder(place) as folder:
                write_value(computed, folder)
            value = (computed,)
        else:
            self.reused.add(name)
        self.durations_s[name] = time.perf_counter() - started
        return value[0]

    @staticmethod
    def key(name: str, inputs: Any) -> str:
        """Return the key of a step."""
        return hash_parameters([name, hash_package(), inputs])

    def _read(self, place: Path) -> tuple[Any] | None:
        if not place.is_dir():
            return None
        try:
            return (read_value(place),)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            # Damaged by the disk or by hand: the step is computed again.
            shutil.rmtree(place, ignore_errors=True)
            return None
