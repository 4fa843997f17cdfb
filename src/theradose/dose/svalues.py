"""Built-in S values of reference adults, and the S value of the remainder of the body.

References
----------
[OLINDA2]_ The S values; [ICRP89]_ the masses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from theradose.data import list_data, load_yaml
from theradose.errors import PhysicsError
from theradose.model.s_values import RED_MARROW, TOTAL_BODY, SValue, SValueOrigin, SValueTable
from theradose.nuclides import Constant

Sex = Literal["M", "F"]
DEFAULT_SEX: Sex = "M"
"""Of the reference adult where nobody states one; a finding says so."""

_FOLDER = "svalues"
_MASSES = f"{_FOLDER}/masses.yaml"
_MGY_PER_MBQ_S = 1e-3 * 3600.0
"""In Gy/(MBq·h)."""
_UNIT = "Gy/(MBq h)"
_PEOPLE: Mapping[Sex, str] = {"M": "reference man", "F": "reference woman"}


def load_organ_factors(nuclide: str, sex: Sex) -> SValueTable:
    """Return the built-in S values of a nuclide: self values of a few organs, and those to red marrow.

    Parameters
    ----------
    nuclide : str
        As ``Lu-177``.
    sex : {"M", "F"}
        Of the reference adult.

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
    table = load_yaml(f"{_FOLDER}/{nuclide}.yaml")
    own = {(organ, organ): value for organ, value in table[sex]["self"].items()}
    to_marrow = {(RED_MARROW, organ): value for organ, value in table[sex]["to_red_marrow"].items()}
    return SValueTable(
        nuclide=nuclide,
        phantom=_PEOPLE[sex],
        values={pair: SValue(value * _MGY_PER_MBQ_S) for pair, value in (own | to_marrow).items()},
        mass_g=load_yaml(_MASSES)[sex],
        origin=SValueOrigin(table["source"], table["status"], table["edition"], unit=table["unit"]),
    )


def factor_nuclides() -> tuple[str, ...]:
    """Return the nuclides with built-in S values."""
    names = (name.removeprefix(f"{_FOLDER}/").removesuffix(".yaml") for name in list_data(_FOLDER))
    return tuple(name for name in names if name[0].isupper())


def factor_constant(table: SValueTable, *, target: str, source: str) -> Constant:
    """Return an S value with its origin.

    References
    ----------
    [OLINDA2]_ For the built-in values.
    """
    found, origin = table.value(target=target, source=source), table.origin
    return Constant(
        f"S({target} <- {source}) of {table.nuclide}, {table.phantom}",
        found.gy_per_mbq_h,
        _UNIT,
        origin.source,
        origin.status,
        origin.edition,
        found.u_gy_per_mbq_h,
    )


def reference_mass_constant(organ: str, sex: Sex) -> Constant:
    """Return the built-in reference mass of an organ with its origin."""
    masses = load_yaml(_MASSES)
    return Constant(
        f"mass of {organ}, {_PEOPLE[sex]}",
        masses[sex][organ],
        masses["unit"],
        masses["source"],
        masses["status"],
        masses["edition"],
    )


def remainder_factor(table: SValueTable, *, target: str, apart: Sequence[str]) -> float:
    """Return the dose to a target per decay in the remainder of the body, Gy/(MBq·h).

    S(T←RB) = (S(T←TB) m_TB − Σ S(T←k) m_k) / (m_TB − Σ m_k) over the sources k whose activity is counted apart: what is
    subtracted from the activity must be subtracted from the factor.

    Parameters
    ----------
    table : SValueTable
        With S values of the total body and of every source that is removed.
    target : str
        Target of the dose.
    apart : sequence of str
        Sources that are not part of the remainder.

    Raises
    ------
    PhysicsError
        If an S value or a mass is missing, or the masses of the sources exceed that of the body.

    References
    ----------
    [Stabin2001]_, [Hindorf2010]_
    """
    mass = table.reference_mass_g(TOTAL_BODY)
    dose = table.value(target=target, source=TOTAL_BODY).gy_per_mbq_h * mass
    for source in apart:
        dose -= table.value(target=target, source=source).gy_per_mbq_h * table.reference_mass_g(source)
        mass -= table.reference_mass_g(source)
    if mass <= 0:
        raise PhysicsError(
            f"The masses of {', '.join(apart)} in {table.phantom} are together not below that of the total body: "
            "correct the masses of the table.",
            code="remainder-mass",
        )
    return dose / mass
