"""Tables of S values: mean absorbed dose to a target region per decay in a source region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from theradose.errors import PhysicsError
from theradose.model.dose import Radiation

TOTAL_BODY = "total-body"
"""Name of the whole body as source or target of S values."""
RED_MARROW = "red-marrow"


@dataclass(frozen=True, slots=True, eq=False)
class SValue:
    """Dose to a target per decay in a source.

    Attributes
    ----------
    gy_per_mbq_h : float
        All radiations together, never weighted for biological effect.
    u_gy_per_mbq_h : float or None
        Standard uncertainty that the table states, that of the counting statistics of its calculation.
    parts_gy_per_mbq_h : mapping of str to float
        The same by radiation, ``electron``, ``photon`` and ``alpha``; empty where the table does not separate them.
    """

    gy_per_mbq_h: float
    u_gy_per_mbq_h: float | None = None
    parts_gy_per_mbq_h: Mapping[Radiation, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts_gy_per_mbq_h", MappingProxyType(dict(self.parts_gy_per_mbq_h)))

    @property
    def relative_u(self) -> float | None:
        """Standard uncertainty relative to the value; ``None`` if it is not stated or the value is 0."""
        if self.u_gy_per_mbq_h is None or self.gy_per_mbq_h == 0:
            return None
        return self.u_gy_per_mbq_h / self.gy_per_mbq_h


@dataclass(frozen=True, slots=True)
class SValueOrigin:
    """Where a table comes from.

    Attributes
    ----------
    source : str
        Publication or program; what the user states for a file.
    status : str
        ``verified``, ``unverified``, ``stated`` for a user's file, ``computed`` for this program's own.
    edition : str
        Edition or date of the source.
    file, sha256 : str
        Name and hash of a user's file.
    unit : str
        Unit that the file is in, as written there or stated.
    """

    source: str
    status: str
    edition: str = ""
    file: str = ""
    sha256: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SValueTable:
    """S values of one nuclide in one body.

    Attributes
    ----------
    nuclide : str
        As ``Lu-177``.
    phantom : str
        The body, as ``ICRP 89 adult male``.
    values : mapping of (target, source) to SValue
        What the table has; a pair that it lacks is not known, and not zero.
    mass_g : mapping of str to float
        Masses of regions in that body, as far as they are known.
    origin : SValueOrigin
        Where the values come from.
    """

    nuclide: str
    phantom: str
    values: Mapping[tuple[str, str], SValue]
    mass_g: Mapping[str, float]
    origin: SValueOrigin

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        object.__setattr__(self, "mass_g", MappingProxyType(dict(self.mass_g)))

    @property
    def targets(self) -> tuple[str, ...]:
        """Targets in the order of the table."""
        return tuple(dict.fromkeys(target for target, _ in self.values))

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources in the order of the table."""
        return tuple(dict.fromkeys(source for _, source in self.values))

    def has(self, *, target: str, source: str) -> bool:
        """Return whether the table has the pair."""
        return (target, source) in self.values

    def value(self, *, target: str, source: str) -> SValue:
        """Return the S value of a pair.

        Raises
        ------
        PhysicsError
            If the table does not have it.
        """
        if not self.has(target=target, source=source):
            known = ", ".join(other for wanted, other in self.values if wanted == target)
            valid = f"valid sources are {known}" if known else f"valid targets are {', '.join(self.targets)}"
            raise PhysicsError(
                f"There is no dose factor of {self.nuclide} from '{source}' to '{target}' ({self.phantom}): {valid}.",
                code="dose-factor-missing",
            )
        return self.values[target, source]

    def reference_mass_g(self, region: str) -> float:
        """Return the mass of a region in the body of the table.

        Raises
        ------
        PhysicsError
            If it is not known.
        """
        if region not in self.mass_g:
            raise PhysicsError(
                f"The reference mass of '{region}' ({self.phantom}) is not known: add it to the table as "
                "'target_mass_g', or leave the region in the remainder of the body.",
                code="reference-mass-missing",
            )
        return self.mass_g[region]
