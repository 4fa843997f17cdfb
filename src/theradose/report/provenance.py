"""The part of a document that says what its numbers rest on: constants and software."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from theradose.numbers import format_given, words
from theradose.report.blocks import Cell, Column, Fact, Facts, Table, row, status_cell

_HASH_DIGITS = 16


class SourcedConstant(Protocol):
    """A constant with its origin."""

    @property
    def name(self) -> str:
        """What it is."""
        ...

    @property
    def value(self) -> float:
        """The number."""
        ...

    @property
    def unit(self) -> str:
        """Its unit."""
        ...

    @property
    def source(self) -> str:
        """Where it was read."""
        ...

    @property
    def status(self) -> str:
        """Whether the source was read."""
        ...


def constants_table(constants: Sequence[SourcedConstant]) -> Table:
    """Return constants with source and status."""
    unread = any(constant.status == "unverified" for constant in constants)
    return Table(
        "Constants",
        (Column("Constant", stretch=1.0), Column("Value", "", "right"), Column("Unit"),
         Column("Source", stretch=1.6), Column("Status")),
        tuple(
            row(Cell(c.name, strong=True), format_given(c.value), c.unit, c.source, status_cell(c.status))
            for c in constants
        ),
        ("unverified: the constant is used, but the text of its source was not read by the developers.",)
        if unread else (),
    )  # fmt: skip


def software_facts(versions: Mapping[str, str]) -> Facts:
    """Return versions, and the beginnings of hashes."""
    return Facts(tuple(Fact(words(name), _version(version)) for name, version in versions.items()))


def _version(text: str) -> str:
    return f"{text[:_HASH_DIGITS]}…" if len(text) > 2 * _HASH_DIGITS else text
