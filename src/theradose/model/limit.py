"""Dose limits and target doses: numbers with the condition under which somebody proposed them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from theradose.model.part import StudyPart
from theradose.model.protocol import Status
from theradose.model.stated import StatedDoseGy

DoseQuantity = Literal["absorbed-dose", "BED", "EQD2"]
"""What a limit is stated in; none of them is the other."""

Origin = Literal["radionuclide-therapy", "EBRT", "label"]
"""Where the experience behind a limit comes from."""

Span = Literal["course", "cycle", "administration"]
"""What is summed up before it is compared."""


class Limit(StudyPart):
    """A limit that an organ should not exceed, or a dose that a target should reach.

    Attributes
    ----------
    name : str
        Kebab-case identifier.
    organ : str
        Canonical name of the region (``kidneys``, ``red-marrow``, ``salivary-glands``, ``liver``), or ``lesion``.
    kind : {"limit", "target"}
        Whether it is kept below or reached.
    quantity : {"absorbed-dose", "BED", "EQD2"}
        What the number is.
    value_gy : float
        The number; the upper one where the source prints a range.
    range_gy : tuple of float or None
        Range or interval that the source prints.
    u_gy : float or None
        Tolerance that the source prints with the number (27 ± 2 Gy).
    span : {"course", "cycle", "administration"}
        What is summed up.
    therapies : tuple of str
        Keys of ``therapies.yaml`` or microsphere products to which it applies; empty for all.
    condition : str
        For whom it holds, in words.
    when : mapping of str to tuple of str
        The same for programs: what a planner knows of the patient, and the values for which the limit holds; what is
        not known excludes nothing.
    alpha_beta_gy, repair_half_life_h : float or None
        Parameters behind a BED, where the source states them.
    origin : {"radionuclide-therapy", "EBRT", "label"}
        Where the experience behind it comes from; a limit from external beams carries a caution.
    source, status, edition : str
        As for every number; `status` is ``stated`` for a limit that a user gives.
    """

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    organ: str
    kind: Literal["limit", "target"] = "limit"
    quantity: DoseQuantity
    value_gy: float = Field(gt=0)
    range_gy: tuple[float, float] | None = None
    u_gy: float | None = None
    span: Span = "course"
    therapies: tuple[str, ...] = ()
    condition: str = ""
    when: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    alpha_beta_gy: float | None = None
    repair_half_life_h: float | None = None
    origin: Origin
    source: str
    status: Status | Literal["stated"]
    edition: str = ""

    def holds_for(self, known: Mapping[str, str]) -> bool:
        """Return whether nothing that is known excludes the limit."""
        return all(known[key] in values for key, values in self.when.items() if key in known)


class StatedLimit(StudyPart):
    """A limit of the site's own, as a study, an input or a file of limits states it; its status is ``stated``.

    `name` defaults to the organ; `source` says who decided it.
    """

    name: str | None = Field(default=None, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    organ: str
    quantity: DoseQuantity = "absorbed-dose"
    value: StatedDoseGy
    range: tuple[StatedDoseGy, StatedDoseGy] | None = None
    span: Span = "course"
    condition: str = ""
    origin: Origin
    source: str

    @model_validator(mode="after")
    def _range_holds_the_value(self) -> StatedLimit:
        if self.range is not None and not self.range[0].value <= self.value.value <= self.range[1].value:
            raise ValueError("the range of a limit goes from its lower to its upper end, with the value in it")
        return self

    def as_limit(self) -> Limit:
        """Return the limit in the units used inside."""
        return Limit(
            name=self.name or f"{self.organ}-stated",
            organ=self.organ,
            quantity=self.quantity,
            value_gy=self.value.value,
            u_gy=self.value.u,
            range_gy=None if self.range is None else (self.range[0].value, self.range[1].value),
            span=self.span,
            condition=self.condition,
            origin=self.origin,
            source=self.source,
            status="stated",
        )


LimitChoice = Annotated[
    Annotated[str, Tag("name")] | Annotated[StatedLimit, Tag("limit")],
    Discriminator(lambda given: "name" if isinstance(given, str) else "limit"),
]
"""A limit by its name or file, or in full; the tag keeps a refusal to the one that was meant."""
