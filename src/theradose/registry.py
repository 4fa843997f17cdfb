"""Named plug-ins: models, engines and methods that a user chooses by name.

A registry is filled by decorators in our own modules and by entry points of other packages (group
``theradose.<registry name>``). Registered objects state in one line what they do and where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from theradose.errors import TheradoseError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A registered object with its one-line summary and its citation key in ``references.bib``."""

    name: str
    item: T
    summary: str
    citation: str


class Registry(Generic[T]):
    """An ordered collection of named entries.

    Parameters
    ----------
    name : str
        Plural name of the registry, for example ``dose_engines``.
    error : type of TheradoseError
        Raised for an unknown name.
    """

    def __init__(self, name: str, *, error: type[TheradoseError]) -> None:
        self.name = name
        self._error = error
        self._entries: dict[str, Entry[T]] = {}
        self._plugins_loaded = False

    def register(self, name: str, *, summary: str, citation: str) -> Callable[[T], T]:
        """Return a decorator that adds its object under `name`."""

        def add(item: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.name} already has an entry named {name!r}")
            self._entries[name] = Entry(name, item, summary, citation)
            return item

        return add

    def get(self, name: str) -> T:
        """Return the object registered under `name`, or refuse with the valid names."""
        return self.entry(name).item

    def entry(self, name: str) -> Entry[T]:
        """Return the whole entry, or refuse with the valid names."""
        self._load_plugins()
        try:
            return self._entries[name]
        except KeyError:
            raise self._error(
                f"'{name}' is not one of the {self.name.replace('_', ' ')}: "
                f"valid names are {', '.join(self._entries)}.",
                code=f"unknown-{self.name.rstrip('s').replace('_', '-')}",
            ) from None

    def __iter__(self) -> Iterator[Entry[T]]:
        """Iterate over the entries in order of registration."""
        self._load_plugins()
        return iter(tuple(self._entries.values()))

    def __contains__(self, name: str) -> bool:
        """Return whether `name` is registered."""
        self._load_plugins()
        return name in self._entries

    def names(self) -> tuple[str, ...]:
        """Return the valid names."""
        return tuple(entry.name for entry in self)

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        for point in entry_points(group=f"theradose.{self.name}"):
            point.load()
