"""Dose factors of reference adults: dose to an organ per decay in another.

References
----------
[OLINDA2]_ The dose factors; [ICRP89]_ the masses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Literal

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.nuclides import Constant

Sex = Literal["M", "F"]
DEFAULT_SEX: Sex = "M"
"""Of the reference adult where nobody states one; a finding says so."""
RED_MARROW = "red-marrow"
TOTAL_BODY = "total-body"

_GY_PER_MGY = 1e-3
_S_PER_H = 3600.0
_TO_GY_PER_MBQ_H = _GY_PER_MGY * _S_PER_H
_UNIT = "Gy/(MBq h)"


@dataclass(frozen=True, slots=True, eq=False)
class OrganFactors:
    """Dose factors of one nuclide in one reference adult.

    Attributes
    ----------
    nuclide : str
        As ``Lu-177``.
    sex : {"M", "F"}
        Of the reference adult.
    self_gy_per_mbq_h : mapping of str to float
        Dose to an organ from itself.
    to_marrow_gy_per_mbq_h : mapping of str to float
        Dose to red marrow from other organs.
    mass_g : mapping of str to float
        Masses to which the factors belong.
    source, status, edition : str
        Origin of the factors.
    """

    nuclide: str
    sex: Sex
    self_gy_per_mbq_h: Mapping[str, float]
    to_marrow_gy_per_mbq_h: Mapping[str, float]
    mass_g: Mapping[str, float]
    source: str
    status: str
    edition: str

    def marrow_from(self, organ: str) -> float:
        """Return the dose to red marrow per decay in `organ`, Gy/(MBq·h); the reference mass for red marrow itself.

        Raises
        ------
        PhysicsError
            If the table does not have the organ.
        """
        if organ == RED_MARROW:
            return self.self_gy_per_mbq_h[RED_MARROW]
        if organ not in self.to_marrow_gy_per_mbq_h:
            raise PhysicsError(
                f"There is no dose factor of {self.nuclide} from '{organ}' to red marrow: valid organs are "
                f"{', '.join(self.to_marrow_gy_per_mbq_h)}.",
                code="dose-factor-missing",
            )
        return self.to_marrow_gy_per_mbq_h[organ]

    def constant(self, organ: str) -> Constant:
        """Return the dose factor from `organ` to red marrow with its origin."""
        name = f"S(red-marrow <- {organ}) of {self.nuclide}, reference {'man' if self.sex == 'M' else 'woman'}"
        return Constant(name, self.marrow_from(organ), _UNIT, self.source, self.status, self.edition)

    def mass_constant(self, organ: str) -> Constant:
        """Return the reference mass of `organ` with its origin."""
        masses = load_yaml("svalues/masses.yaml")
        return Constant(
            f"mass of {organ}, reference {'man' if self.sex == 'M' else 'woman'}",
            self.mass_g[organ],
            masses["unit"],
            masses["source"],
            masses["status"],
            masses["edition"],
        )


def load_organ_factors(nuclide: str, sex: Sex) -> OrganFactors:
    """Return the dose factors of a nuclide.

    Raises
    ------
    PhysicsError
        If there are none for the nuclide.
    """
    available = factor_nuclides()
    if nuclide not in available:
        raise PhysicsError(
            f"There are no organ dose factors for {nuclide}: they are built in for {', '.join(available)}; the method "
            "'local-deposition' needs none.",
            code="dose-factors-missing",
        )
    table = load_yaml(f"svalues/{nuclide}.yaml")
    return OrganFactors(
        nuclide=nuclide,
        sex=sex,
        self_gy_per_mbq_h=_converted(table[sex]["self"]),
        to_marrow_gy_per_mbq_h=_converted(table[sex]["to_red_marrow"]),
        mass_g=MappingProxyType(load_yaml("svalues/masses.yaml")[sex]),
        source=table["source"],
        status=table["status"],
        edition=table["edition"],
    )


def factor_nuclides() -> tuple[str, ...]:
    """Return the nuclides with dose factors."""
    folder = resources.files("theradose.data") / "svalues"
    names = (entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return tuple(sorted(name for name in names if name != "masses"))


def remainder_factor(factors: OrganFactors, *, removed: Sequence[str] = ()) -> float:
    """Return the dose to red marrow per decay in the remainder of the body, Gy/(MBq·h).

    S(RM←RB) = (S(RM←TB) m_TB − Σ S(RM←k) m_k) / (m_TB − Σ m_k) over red marrow itself and the organs whose activity
    is counted apart: what is subtracted from the activity must be subtracted from the factor.

    Parameters
    ----------
    factors : OrganFactors
        Of the reference adult.
    removed : sequence of str
        Organs besides red marrow that are not part of the remainder.

    References
    ----------
    [Stabin2001]_, [Hindorf2010]_
    """
    parts = (RED_MARROW, *removed)
    dose = factors.marrow_from(TOTAL_BODY) * factors.mass_g[TOTAL_BODY]
    mass = factors.mass_g[TOTAL_BODY]
    for organ in parts:
        if organ not in factors.mass_g:
            raise PhysicsError(
                f"The reference mass of '{organ}' is not built in, so it cannot be taken out of the remainder of the "
                "body: leave that organ in the remainder.",
                code="reference-mass-missing",
            )
        dose -= factors.marrow_from(organ) * factors.mass_g[organ]
        mass -= factors.mass_g[organ]
    return dose / mass


def _converted(table: Mapping[str, float]) -> Mapping[str, float]:
    return MappingProxyType({organ: value * _TO_GY_PER_MBQ_H for organ, value in table.items()})
