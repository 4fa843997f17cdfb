"""The parts a document is built from; every text in them is plain text, escaped by what renders it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from theradose.model.finding import Severity
from theradose.report.style import Picture

Tone = Literal["", "critical", "warning", "good", "muted"]
Align = Literal["left", "right", "estimate"]


@dataclass(frozen=True, slots=True)
class Column:
    """A table column; `estimate` columns hold ``value ± u`` and are aligned at the sign.

    Attributes
    ----------
    label, unit : str
        Heading and unit.
    align : {"left", "right", "estimate"}
        Alignment of the cells.
    stretch : float
        Share of the free width; 0 takes what the content needs.
    """

    label: str
    unit: str = ""
    align: Align = "left"
    stretch: float = 0.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell."""

    text: str
    tone: Tone = ""
    strong: bool = False
    mono: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A table row; `group` is a heading above it."""

    cells: tuple[Cell, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption for those who cannot see it and notes below."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Fact:
    """A named value."""

    label: str
    value: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Named values side by side."""

    items: tuple[Fact, ...]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, slots=True)
class RemarkLine:
    """One sentence of a remark; `values` lists the numbers that stand for ``…`` in it, by place."""

    where: str
    message: str
    values: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """All findings of one code and severity."""

    severity: Severity
    code: str
    lines: tuple[RemarkLine, ...]


@dataclass(frozen=True, slots=True)
class Remarks:
    """Findings by code, most severe first; `more` counts those that are listed elsewhere only."""

    items: tuple[Remark, ...]
    more: int = 0
    kind: Literal["remarks"] = "remarks"


@dataclass(frozen=True, slots=True)
class Illustration:
    """A place for a picture; without caption it belongs to the next one."""

    name: str
    caption: str
    alternative: str
    width_in: float
    height_in: float
    kind: Literal["picture"] = "picture"

    @classmethod
    def of(cls, picture: Picture) -> Illustration:
        """Return the place of `picture`."""
        return cls(picture.name, picture.caption, picture.alternative, picture.width_in, picture.height_in)


Block = Table | Facts | Paragraph | Remarks | Illustration


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part of the document."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    run_id: str
    created: str
    software: str
    banner: str
    summary: tuple[Block, ...]
    sections: tuple[Section, ...]


def row(*cells: Cell | str, group: str = "") -> Row:
    """Return a row of cells; plain text becomes a plain cell."""
    return Row(tuple(Cell(cell) if isinstance(cell, str) else cell for cell in cells), group)


def status_cell(status: str) -> Cell:
    """Return the status of a constant, marked where its source was not read."""
    return Cell(status, "warning" if status == "unverified" else "muted", strong=status == "unverified")


def present(blocks: Sequence[Block | None]) -> tuple[Block, ...]:
    """Return the blocks that are there and not empty."""
    return tuple(block for block in blocks if block is not None and not (isinstance(block, Table) and not block.rows))
