"""The text of a study file in the making: each value beside where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ImportedValue:
    """One conclusion of the import.

    Attributes
    ----------
    key : str
        Place in the study file, or the quantity concluded about an image.
    value : str
        The conclusion.
    source : str
        Tag and keyword.
    assumed : bool
        True if the source only suggests it.
    where : str
        Time point; empty for the whole study.
    """

    key: str
    value: str
    source: str
    assumed: bool = False
    where: str = ""


@dataclass(slots=True)
class StudyDraft:
    """Lines of the study file with what was learned while writing them."""

    lines: list[str] = field(default_factory=list)
    values: list[ImportedValue] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def text(self, line: str) -> None:
        """Add a line as it is."""
        self.lines.append(line)

    def comment(self, text: str) -> None:
        """Add a line that only people read."""
        self.lines.append(f"# {_one_line(text)}")

    def stated(self, prefix: str, key: str, value: str, source: str, *, path: str, assumed: bool = False) -> None:
        """Add a value with the tag it came from."""
        self.lines.append(f"{prefix}{key}: {value}  # {_one_line(source)}{' (assumed)' if assumed else ''}")
        self.values.append(ImportedValue(f"{path}{key}", value, source, assumed))

    def absent(self, prefix: str, key: str, reason: str) -> None:
        """Add an optional value that nobody stated."""
        self.lines.append(f"{prefix}{key}: null  # {_one_line(reason)}")

    def needed(self, prefix: str, key: str, what: str, *, path: str) -> None:
        """Add a value that must be filled in."""
        self.lines.append(f"{prefix}{key}: null  # needed: {_one_line(what)}")
        self.missing.append(f"{path}{key} ({what})")


def _one_line(text: str) -> str:
    """Return text from headers and file names as a comment: a line break in it would begin a key."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
