"""Measurement protocols: packaged data that a study names and may override."""

from __future__ import annotations

from functools import cache
from typing import Any

from theradose.data import list_data, load_json, load_yaml
from theradose.errors import StudyError
from theradose.model.accuracy import Expectation, Expectations
from theradose.model.protocol import Equipment, Protocol

DEFAULT_PROTOCOL = "generic/spect"
EXPECTATIONS = "simulation/expected-accuracy.json"


def protocol_names() -> tuple[str, ...]:
    """Return the names of the packaged protocols."""
    return tuple(name.removeprefix("protocols/").removesuffix(".yaml") for name in list_data("protocols"))


@cache
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


@cache
def load_expectations() -> Expectations:
    """Return the precomputed accuracy of all protocols (``make protocols`` computes it anew)."""
    return Expectations.model_validate(load_json(EXPECTATIONS))


def load_expectation(protocol: Protocol) -> Expectation | None:
    """Return the precomputed accuracy of a protocol; ``None`` if nothing of it is simulated."""
    return load_expectations().protocols.get(protocol.name)


@cache
def load_equipment() -> dict[str, Equipment]:
    """Return what a department may have, by name."""
    return {name: Equipment.model_validate(entry) for name, entry in load_yaml("equipment.yaml").items()}
