"""Which protocols a department can do with what it has, how accurate they are, and what more would buy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from theradose.errors import StudyError
from theradose.model.accuracy import Accuracy, Expectation
from theradose.model.protocol import Protocol
from theradose.plan.therapies import load_therapies, require_therapy
from theradose.workflow.protocol_expectations import ranking_quantity
from theradose.workflow.protocols import (
    load_equipment,
    load_expectation,
    load_expectations,
    load_protocol,
    protocol_names,
)

Possible = Literal["yes", "with-reservations", "no"]


@dataclass(frozen=True, slots=True)
class ProtocolOption:
    """A protocol for a department.

    Attributes
    ----------
    protocol : Protocol
        The protocol.
    possible : {"yes", "with-reservations", "no"}
        Whether the equipment suffices.
    missing : tuple of str
        Equipment that is not there.
    conditions : tuple of str
        On which other equipment stands in.
    expectation : Expectation or None
        Precomputed accuracy.
    """

    protocol: Protocol
    possible: Possible
    missing: tuple[str, ...]
    conditions: tuple[str, ...]
    expectation: Expectation | None

    @property
    def critical(self) -> tuple[str, Accuracy] | None:
        """The quantity by which the protocol is judged, with its accuracy."""
        accuracy = {} if self.expectation is None else self.expectation.accuracy
        name = ranking_quantity(self.protocol, accuracy)
        return None if name is None else (name, accuracy[name])


@dataclass(frozen=True, slots=True)
class EquipmentGain:
    """What one more piece of equipment makes possible.

    Attributes
    ----------
    equipment : str
        The piece.
    protocols : tuple of str
        Protocols that become possible.
    without_reservations : tuple of str
        Protocols whose reservations fall away.
    quantities : dict of str to tuple
        Quantities by therapy that nothing measured before.
    best : dict of str to tuple
        Expected rms of the critical quantity of a therapy before (``None``: not measured) and after, where it is
        better.
    """

    equipment: str
    protocols: tuple[str, ...]
    without_reservations: tuple[str, ...]
    quantities: dict[str, tuple[str, ...]]
    best: dict[str, tuple[float | None, float]]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Answer to what a department can do.

    Attributes
    ----------
    have : tuple of str or None
        What was stated; ``None`` lists everything.
    assumed : tuple of str
        Equipment taken for granted.
    options : tuple of ProtocolOption
        By therapy, the recommended first.
    gains : tuple of EquipmentGain
        For each piece that adds something.
    """

    have: tuple[str, ...] | None
    assumed: tuple[str, ...]
    options: tuple[ProtocolOption, ...]
    gains: tuple[EquipmentGain, ...]

    @property
    def possible(self) -> tuple[ProtocolOption, ...]:
        """Options that the department can do."""
        return tuple(option for option in self.options if option.possible != "no")

    def to_json(self) -> dict[str, Any]:
        """Return the recommendation as JSON-compatible values."""
        expectations = load_expectations()
        return {
            "have": None if self.have is None else list(self.have),
            "assumed": list(self.assumed),
            "therapies": {
                name: load_therapies()[name].model_dump(mode="json", include={"title", "nuclide", "critical", "levels"})
                for name in dict.fromkeys(option.protocol.therapy for option in self.options)
                if name is not None
            },
            "protocols": [describe_option(option) for option in self.options],
            "one_more_equipment": [
                {
                    "equipment": gain.equipment,
                    "protocols": list(gain.protocols),
                    "without_reservations": list(gain.without_reservations),
                    "quantities": {name: list(values) for name, values in gain.quantities.items()},
                    "critical_rms": {
                        name: {"before": before, "after": after} for name, (before, after) in gain.best.items()
                    },
                }
                for gain in self.gains
            ],
            "simulation": expectations.model_dump(mode="json", exclude={"protocols"}),
        }


def recommend_protocols(have: Sequence[str] | None = None, *, therapy: str | None = None) -> Recommendation:
    """Return the protocols of one or all therapies, those that the department can do and recommended first.

    Within a therapy the order is: possible; the smallest expected deviation of the critical quantity to a whole per
    cent (protocols of which nothing is simulated last); the fewest visits.

    Parameters
    ----------
    have : sequence of str, optional
        Names of equipment; without it nothing is left out.
    therapy : str, optional
        Name of a therapy.

    Raises
    ------
    StudyError
        ``unknown-equipment``, ``unknown-therapy``.
    """
    if therapy is not None:
        require_therapy(therapy)
    protocols = [load_protocol(name) for name in protocol_names()]
    wanted = [item for item in protocols if therapy is None or item.therapy == therapy]
    assumed = tuple(name for name, item in load_equipment().items() if item.everywhere)
    if have is None:
        options = [ProtocolOption(item, "yes", (), (), load_expectation(item)) for item in wanted]
        return Recommendation(None, assumed, _ranked(options), ())
    owned = owned_equipment(have)
    options = [_option(item, owned) for item in wanted]
    gains = (_gain(name, have, wanted) for name in load_equipment() if name not in owned)
    return Recommendation(
        tuple(have),
        tuple(name for name in assumed if name not in have),
        _ranked(options),
        tuple(gain for gain in gains if gain.protocols or gain.without_reservations),
    )


def owned_equipment(have: Iterable[str]) -> frozenset[str]:
    """Return what a department has that states `have`: that, what it implies, and what every department has.

    Raises
    ------
    StudyError
        ``unknown-equipment``.
    """
    known = load_equipment()
    stated = list(have)
    for name in stated:
        if name not in known:
            raise StudyError(
                f"'{name}' is no equipment known here: valid names are {', '.join(known)}.", code="unknown-equipment"
            )
    everywhere = [name for name, item in known.items() if item.everywhere]
    implied = [name for owned in stated for name in known[owned].implies]
    return frozenset((*stated, *implied, *everywhere))


def _option(protocol: Protocol, owned: frozenset[str]) -> ProtocolOption:
    missing, conditions = [], []
    for name in protocol.equipment:
        if name in owned:
            continue
        stand_ins = [
            f"{load_equipment()[other].title} instead of {load_equipment()[name].title}: {stand_in.condition}"
            for other in sorted(owned)
            for stand_in in load_equipment()[other].stands_in_for
            if stand_in.equipment == name
        ]
        if stand_ins:
            conditions.append(stand_ins[0])
        else:
            missing.append(name)
    possible: Possible = "no" if missing else "with-reservations" if conditions else "yes"
    return ProtocolOption(protocol, possible, tuple(missing), tuple(conditions), load_expectation(protocol))


def _ranked(options: Iterable[ProtocolOption]) -> tuple[ProtocolOption, ...]:
    therapies = list(load_therapies())

    def rank(option: ProtocolOption) -> tuple[int, int, float, int, str]:
        protocol = option.protocol
        therapy = therapies.index(protocol.therapy) if protocol.therapy is not None else len(therapies)
        possible = ("yes", "with-reservations", "no").index(option.possible)
        # To a whole per cent: smaller differences are within the statistics of the cohorts.
        rms = math.inf if (judged := option.critical) is None else round(judged[1].rms, 2)
        # Other quantities than the critical one of the therapy say nothing about it.
        if (
            judged is not None
            and protocol.therapy is not None
            and judged[0] != require_therapy(protocol.therapy).critical
        ):
            rms = math.inf
        return therapy, possible, rms, len(protocol.visits), protocol.name

    return tuple(sorted(options, key=rank))


def _gain(name: str, have: Sequence[str], protocols: Sequence[Protocol]) -> EquipmentGain:
    before = {item.name: _option(item, owned_equipment(have)) for item in protocols}
    after = {item.name: _option(item, owned_equipment((*have, name))) for item in protocols}
    better = [key for key in after if after[key].possible != before[key].possible]
    quantities: dict[str, tuple[str, ...]] = {}
    best: dict[str, tuple[float | None, float]] = {}
    for therapy in dict.fromkeys(after[key].protocol.therapy for key in better):
        if therapy is None:
            continue
        known, found = (_measured(options.values(), therapy) for options in (before, after))
        if new := tuple(quantity for quantity in found if quantity not in known):
            quantities[therapy] = new
        critical = require_therapy(therapy).critical
        old_rms, new_rms = known.get(critical, math.inf), found.get(critical, math.inf)
        if new_rms < old_rms:
            best[therapy] = (old_rms if math.isfinite(old_rms) else None, new_rms)
    return EquipmentGain(
        name,
        tuple(key for key in better if before[key].possible == "no"),
        tuple(key for key in better if before[key].possible != "no"),
        quantities,
        best,
    )


def _measured(options: Iterable[ProtocolOption], therapy: str) -> dict[str, float]:
    """Return the quantities that possible protocols of a therapy yield, with the smallest expected rms."""
    found: dict[str, float] = {}
    for option in options:
        if option.protocol.therapy != therapy or option.possible == "no":
            continue
        accuracy = {} if option.expectation is None else option.expectation.accuracy
        for result in option.protocol.yields:
            rms = accuracy[result.quantity].rms if result.quantity in accuracy else math.inf
            found[result.quantity] = min(rms, found.get(result.quantity, math.inf))
    return found


def describe_option(option: ProtocolOption) -> dict[str, Any]:
    """Return a protocol with its expectation as JSON-compatible values."""
    protocol = option.protocol.model_dump(mode="json")
    expectation = option.expectation
    described = {name: protocol.pop(name) for name in ("name", "title", "therapy", "nuclide", "eanm_level", "level")}
    return {
        **described,
        "possible": option.possible,
        "missing": list(option.missing),
        "conditions": list(option.conditions),
        "critical": None if option.critical is None else option.critical[0],
        "expected": None if expectation is None else expectation.model_dump(mode="json"),
        **protocol,
    }
