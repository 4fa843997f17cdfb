"""Measurement protocols: packaged data that a study names and may override."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theradose.data import list_data, load_yaml
from theradose.errors import StudyError
from theradose.model.study import StudyPart

DEFAULT_PROTOCOL = "generic/spect"


class AssumedFraction(StudyPart):
    """A relative uncertainty with the reason for its size."""

    value: float = Field(ge=0, le=1)
    source: str
    status: str


class Protocol(StudyPart):
    """How a department measures.

    Attributes
    ----------
    eanm_level : int
        1 activity-based, 2 activity with patient dosimetry, 3 dosimetry-guided.
    minimum_timepoints : int
        Fewer lead to a finding.
    recommended_times_h : tuple of float
        Hours after the administration.
    measurement_relative_u : AssumedFraction
        Standard uncertainty of one measurement of one region beside counting statistics.
    """

    name: str
    title: str
    therapy: str | None
    eanm_level: int = Field(ge=1, le=3)
    nuclide: str | None
    minimum_timepoints: int
    recommended_times_h: tuple[float, ...]
    recommended_source: str | None
    measurement_relative_u: AssumedFraction


def protocol_names() -> tuple[str, ...]:
    """Return the names of the packaged protocols."""
    return tuple(name.removeprefix("protocols/").removesuffix(".yaml") for name in list_data("protocols"))


def load_protocol(name: str | None) -> Protocol:
    """Return a packaged protocol, the generic one for ``None``."""
    name = name or DEFAULT_PROTOCOL
    if name not in protocol_names():
        raise StudyError(
            f"There is no protocol '{name}': packaged protocols are {', '.join(protocol_names())}.",
            code="unknown-protocol",
        )
    content: dict[str, Any] = load_yaml(f"protocols/{name}.yaml")
    return Protocol(name=name, **content)
