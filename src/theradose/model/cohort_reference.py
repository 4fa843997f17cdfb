"""Reference ranges of a site: values by therapy, organ and quantity, each with its patient."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from theradose.model.document import Part


class ReferenceValue(Part):
    """A value with its patient, and the region where an organ takes several together."""

    patient: str
    cycle: int
    region: str
    value: float


class PercentileResult(Part):
    """A percentile with its interval; ``null`` is what the number of values does not determine."""

    percent: float
    value: float | None
    low: float | None
    high: float | None


class PublishedBeside(Part):
    """What is published of the same, in the same unit."""

    low: float
    high: float
    mean: float | None
    sources: tuple[str, ...]


class ReferenceRange(Part):
    """The values of one therapy, organ and quantity.

    `percentiles` is empty for fewer patients than the file states; `interval_by` says what their intervals rest on.
    """

    therapy: str
    organ: str
    quantity: str
    unit: str
    n: int
    patients: int
    median: float
    min: float
    max: float
    percentiles: tuple[PercentileResult, ...]
    interval_by: str | None
    published: PublishedBeside | None
    values: tuple[ReferenceValue, ...]


class CohortReference(Part):
    """The file ``reference.json``."""

    schema_: Literal["theradose/reference/1"] = Field(default="theradose/reference/1", alias="schema")
    created: str
    software: dict[str, str]
    identity: str
    sources: dict[str, str | None]
    treatments: int
    level: float
    fewest_patients: int
    replicates: int
    seed: int
    ranges: tuple[ReferenceRange, ...]
