"""Parameters of response models, each set with its source, status and origin.

References
----------
[Theradose]_ The packaged sets name their own sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.nuclides import Constant

_UNITS = {"_per_gy": "1/Gy", "_per_ml": "1/mL", "_gy": "Gy", "_ml": "mL"}


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """Numbers that belong together.

    Attributes
    ----------
    name : str
        Of the set.
    values : mapping of str to float
        With the unit in the name.
    source, status, edition : str
        As of a constant.
    origin : str or None
        ``EBRT`` if they were found with external beams.
    """

    name: str
    values: Mapping[str, float]
    source: str
    status: str
    edition: str
    origin: str | None = None

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Each number with the source of the set."""
        return tuple(
            Constant(f"{self.name}: {_words(key)}", value, _unit(key), self.source, self.status, self.edition)
            for key, value in self.values.items()
        )


def packaged_parameters(group: str, name: str, key: str = "parameters") -> ParameterSet:
    """Return a packaged set.

    Parameters
    ----------
    group, name, key : str
        Place in ``data/radiobiology.yaml``, as ``ntcp``, ``kidney-emami``, ``parameters``.

    Raises
    ------
    PhysicsError
        ``parameters-unknown``, with the names that are valid.
    """
    sets = load_yaml("radiobiology.yaml")[group]
    if name not in sets:
        raise PhysicsError(
            f"There are no parameters '{name}' of {group}: the sets are {', '.join(sets)}.", code="parameters-unknown"
        )
    record = sets[name][key]
    return ParameterSet(
        name, record["value"], record["source"], record["status"], record["edition"], sets[name].get("origin")
    )


def parameters_of_region(group: str, region: str) -> ParameterSet | None:
    """Return the packaged set of a group that holds for a region, if there is one."""
    for name, record in load_yaml("radiobiology.yaml")[group].items():
        if region in record.get("regions", ()):
            return packaged_parameters(group, name)
    return None


def stated_parameters(name: str, values: Mapping[str, float]) -> ParameterSet:
    """Return a set that a user states."""
    return ParameterSet(name, values, "stated by the user", "stated", "not stated")


def _suffix(key: str) -> str:
    return next((suffix for suffix in _UNITS if key.endswith(suffix)), "")


def _words(key: str) -> str:
    return key.removesuffix(_suffix(key)).replace("_", " ")


def _unit(key: str) -> str:
    return _UNITS.get(_suffix(key), "1")
