"""Names of regions that a person states for the cycles of a patient, as the ledger knows them.

References
----------
[Gear2023]_ A cycle without dosimetry is assumed, unless the organ is gone: a misspelt name must not decide it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from theradose.model.cycles import CyclesChoice
from theradose.model.finding import Finding
from theradose.plan.cycles.between_cycles import LESIONS
from theradose.spatial.naming import canonical_region, paired_regions

Choice = TypeVar("Choice", bound=CyclesChoice)
Value = TypeVar("Value")


def canonical_choice(choice: Choice, *, names: Mapping[str, tuple[str, ...]] | None = None) -> Choice:
    """Return what is stated with canonical names; where a pair is gone, each of its sides is.

    Parameters
    ----------
    choice : CyclesChoice
        As stated.
    names : mapping of str to tuple of str, optional
        The user's own names, as for :func:`theradose.spatial.naming.canonical_region`.

    References
    ----------
    [Gear2023]_
    """
    absent = _renamed(choice.absent, names)
    for pair, sides in paired_regions().items():
        if pair in absent:
            absent = dict.fromkeys(sides, absent[pair]) | absent
    return choice.model_copy(update={"absent": absent, "trend": _renamed(choice.trend, names)})


def name_findings(choice: CyclesChoice, *, regions: Collection[str]) -> tuple[Finding, ...]:
    """Return which stated names say nothing, because no cycle has a region of that name (``name-in-no-cycle``).

    An organ that is gone may never have been measured; a name that is no organ's is taken for a slip.

    Parameters
    ----------
    choice : CyclesChoice
        With canonical names.
    regions : collection of str
        Names of all regions of the cycles.

    References
    ----------
    [Gear2023]_
    """
    pairs = {pair for pair, sides in paired_regions().items() if set(sides) & set(regions)}
    unknown = [("absent", name) for name in choice.absent if canonical_region(name).code is None]
    unknown += [("trend", name) for name in choice.trend if name != LESIONS and name not in pairs]
    return tuple(
        Finding(
            "name-in-no-cycle",
            "warning",
            f"'{name}' of '{key}' changes nothing, because no cycle has a region of that name: the regions are "
            f"{', '.join(regions)}.",
            name,
        )
        for key, name in unknown
        if name not in regions
    )


def _renamed(stated: Mapping[str, Value], names: Mapping[str, tuple[str, ...]] | None) -> dict[str, Value]:
    return {canonical_region(name, names=names).name: value for name, value in stated.items()}
