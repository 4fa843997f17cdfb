"""Foreign tables of S values under the names of this program, with masses and a check of their unit.

References
----------
[OLINDA2]_, [Chauvin2020]_ Tables whose names are known.
[ICRP89]_ Masses of the reference adults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from theradose.data import load_yaml
from theradose.dose.energy import EmittedEnergy
from theradose.dose.s_energy import check_energy
from theradose.dose.svalues import Sex
from theradose.errors import PhysicsError
from theradose.model.finding import Finding
from theradose.model.s_values import TOTAL_BODY, SValueTable
from theradose.spatial.naming import canonical_region, reference_mass_g

_SEX_WORDS: Mapping[Sex, str] = {"M": "male", "F": "female"}
_WHOLE_BODY = "whole-body"


def region_name(name: str) -> str:
    """Return the name of a region in S values: ours where it is known, the given one otherwise."""
    plain = " ".join(name.casefold().split())
    if plain in _foreign_names():
        return _foreign_names()[plain]
    found = canonical_region(name)
    if found.code is None:
        return name
    return TOTAL_BODY if found.name == _WHOLE_BODY else found.name


def prepare_table(
    *, table: SValueTable, energy: EmittedEnergy, sex: Sex | None = None
) -> tuple[SValueTable, tuple[Finding, ...]]:
    """Return a table as read from a file under the names of this program, after a check of its unit.

    Parameters
    ----------
    table : SValueTable
        As read.
    energy : EmittedEnergy
        Energies per decay of its nuclide.
    sex : {"M", "F"}, optional
        Of the reference adult whose masses stand in for those that the table does not have.

    Returns
    -------
    SValueTable
        With the masses that are known.
    tuple of Finding
        What could not be checked or is not stated.

    Raises
    ------
    PhysicsError
        ``s-table-names`` if two regions of the table have one name here; ``s-table-sex`` if the table is headed with
        the other sex; the refusals of :func:`~theradose.dose.s_energy.check_energy`.

    References
    ----------
    [OLINDA2]_, [Chauvin2020]_, [ICRP89]_
    """
    targets, sources = _renamed(table.targets, table), _renamed(table.sources, table)
    findings: list[Finding] = []
    masses = {region_name(name): mass for name, mass in table.mass_g.items()}
    if sex is not None:
        _check_sex(table, sex)
        added = _reference_masses(targets.values(), masses, sex)
        masses |= added
        if added:
            findings.append(_mass_finding(table, added, sex))
    renamed = replace(
        table,
        values={(targets[target], sources[source]): value for (target, source), value in table.values.items()},
        mass_g=masses,
    )
    findings += check_energy(table=renamed, energy=energy)
    if table.origin.source == "not stated":
        message = (
            f"The source of the S values in {table.origin.file} is not stated: name it for the readers of a result."
        )
        findings.append(Finding("s-table-source-missing", "warning", message))
    return renamed, tuple(findings)


def _renamed(names: Iterable[str], table: SValueTable) -> dict[str, str]:
    renamed = {name: region_name(name) for name in names}
    for name, known in renamed.items():
        others = [other for other in renamed if renamed[other] == known and other != name]
        if others:
            raise PhysicsError(
                f"{table.origin.file}: '{name}' and '{others[0]}' are both {known}: keep one of them.",
                code="s-table-names",
            )
    return renamed


def _check_sex(table: SValueTable, sex: Sex) -> None:
    words = table.phantom.casefold().split()
    other = _SEX_WORDS["F" if sex == "M" else "M"]
    if other in words and _SEX_WORDS[sex] not in words:
        raise PhysicsError(
            f"{table.origin.file} is for '{table.phantom}', but the sex {sex} is stated: take the table of that sex.",
            code="s-table-sex",
        )


def _reference_masses(targets: Iterable[str], known: Mapping[str, float], sex: Sex) -> dict[str, float]:
    masses = {}
    for target in targets:
        wanted = _WHOLE_BODY if target == TOTAL_BODY else target
        reference = reference_mass_g(wanted, sex="male" if sex == "M" else "female")
        if reference is not None and target not in known:
            masses[target] = reference.value
    return masses


def _mass_finding(table: SValueTable, added: Mapping[str, float], sex: Sex) -> Finding:
    message = (
        f"{table.origin.file} has no masses of {', '.join(added)}: those of the ICRP 89 reference {_SEX_WORDS[sex]} "
        "are taken for the body of its S values."
    )
    return Finding("s-table-mass-assumed", "info", message)


@cache
def _foreign_names() -> Mapping[str, str]:
    return {alias: name for name, aliases in load_yaml("s_names.yaml")["names"].items() for alias in aliases}
