"""The sources of a patient under the names of a table: both kidneys together, or each for itself.

References
----------
[Bolch2009]_
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from theradose.errors import PhysicsError
from theradose.model.finding import Finding
from theradose.model.s_values import TOTAL_BODY, SValueTable
from theradose.spatial.naming import paired_regions
from theradose.uncertainty import Uncertain

REMAINDER = "remainder"
"""Name of the body without the organs whose activity is counted apart."""


@dataclass(frozen=True, slots=True, eq=False)
class MatchedSources:
    """Time-integrated activities and masses under the names of a table.

    Attributes
    ----------
    tia_mbq_h : mapping of str to Uncertain
        Organs whose activity is counted apart.
    body_tia_mbq_h : Uncertain or None
        The whole body, those organs included.
    mass_g : mapping of str to Uncertain
        Masses of the patient.
    """

    tia_mbq_h: Mapping[str, Uncertain]
    body_tia_mbq_h: Uncertain | None
    mass_g: Mapping[str, Uncertain]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tia_mbq_h", MappingProxyType(dict(self.tia_mbq_h)))
        object.__setattr__(self, "mass_g", MappingProxyType(dict(self.mass_g)))


def match_sources(
    *, tia_mbq_h: Mapping[str, Uncertain], mass_g: Mapping[str, Uncertain], table: SValueTable
) -> tuple[MatchedSources, tuple[Finding, ...]]:
    """Return activities and masses under the names of a table.

    The two sides of a paired organ are added where the table has them together; what is known of both together is
    divided by the masses of the table where it has the sides. The remainder, if stated, becomes the whole body.

    Parameters
    ----------
    tia_mbq_h : mapping of str to Uncertain
        By organ, ``total-body`` or ``remainder``.
    mass_g : mapping of str to Uncertain
        Masses of the patient by organ.
    table : SValueTable
        With the wanted names.

    Raises
    ------
    PhysicsError
        ``organ-source-unknown``; ``organ-remainder-twice`` for total body and remainder together;
        ``organ-remainder-negative``; ``organ-not-positive``; ``organ-sides-overlap``.

    References
    ----------
    [Bolch2009]_
    """
    for what, given in (("time-integrated activity", tia_mbq_h), ("mass", mass_g)):
        for organ, value in given.items():
            if not 0 < value.value < float("inf"):
                raise PhysicsError(
                    f"The {what} of '{organ}' is {value.value:g}, but it must be positive: correct it.",
                    code="organ-not-positive",
                )
    activities, masses = dict(tia_mbq_h), dict(mass_g)
    body, rest = activities.pop(TOTAL_BODY, None), activities.pop(REMAINDER, None)
    findings: list[Finding] = []
    for both, sides in paired_regions().items():
        if both not in masses and set(sides) <= masses.keys():
            masses[both] = _sum([masses[side] for side in sides])
        together = both in table.sources
        if together and set(sides) & activities.keys():
            findings.append(_join(activities, both, sides))
        elif both in activities and not together and set(sides) <= set(table.sources):
            findings.append(_divide(activities, masses, both, sides, table))
    for organ in activities:
        if organ not in table.sources:
            raise PhysicsError(
                f"The table of {table.phantom} has no S value from '{organ}': its sources are "
                f"{', '.join(table.sources)}; leave the organ out, so that its activity counts in the total body.",
                code="organ-source-unknown",
            )
    return MatchedSources(activities, _body(activities, body, rest), masses), tuple(findings)


def _join(activities: dict[str, Uncertain], both: str, sides: tuple[str, ...]) -> Finding:
    if both in activities or not set(sides) <= activities.keys():
        given = ", ".join(organ for organ in (both, *sides) if organ in activities)
        raise PhysicsError(
            f"The table has '{both}' together, and the activities are of {given}: state both "
            "sides and nothing else, or the sum.",
            code="organ-sides-overlap",
        )
    activities[both] = _sum([activities.pop(side) for side in sides])
    message = f"The table has '{both}' together: the activities of both sides are added, and the dose is their mean."
    return Finding("organ-sides-joined", "info", message, both)


def _divide(
    activities: dict[str, Uncertain],
    masses: dict[str, Uncertain],
    both: str,
    sides: tuple[str, ...],
    table: SValueTable,
) -> Finding:
    whole, whole_mass = activities.pop(both), masses.get(both)
    reference = {side: table.reference_mass_g(side) for side in sides}
    for side in sides:
        share = reference[side] / sum(reference.values())
        activities[side] = whole * share
        if whole_mass is not None and side not in masses:
            masses[side] = whole_mass * share
    message = (
        f"The table has the sides of '{both}' for themselves: activity and mass are divided as the masses of "
        f"{table.phantom}, so the sides get the dose of an equal concentration."
    )
    return Finding("organ-sides-divided", "warning", message, both)


def _body(organs: Mapping[str, Uncertain], body: Uncertain | None, rest: Uncertain | None) -> Uncertain | None:
    if body is not None and rest is not None:
        raise PhysicsError(
            f"Both '{TOTAL_BODY}' and '{REMAINDER}' have an activity: state one of them, the other follows.",
            code="organ-remainder-twice",
        )
    counted = _sum(list(organs.values()))
    if rest is not None:
        return rest + counted
    if body is not None and body.value < counted.value:
        raise PhysicsError(
            f"The organs have together {counted.value:.4g} MBq·h, more than the total body with {body.value:.4g}: "
            "check units, and whether the activity of an organ is that of both sides.",
            code="organ-remainder-negative",
        )
    return body


def _sum(values: list[Uncertain]) -> Uncertain:
    return sum(values, Uncertain(0.0))
