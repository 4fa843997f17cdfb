"""What a user states about a file of S values, beside what the file says."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from theradose.errors import PhysicsError, StudyError
from theradose.nuclides import canonical_nuclide

_S_PER_H = 3600.0
# Gy/(MBq·h) per unit. Sieverts of OLINDA are absorbed dose times a weighting factor, 1 without alpha particles.
_UNITS = {
    "gy/mbqh": 1.0,
    "mgy/mbqh": 1e-3,
    "gy/mbqs": _S_PER_H,
    "mgy/mbqs": 1e-3 * _S_PER_H,
    "msv/mbqs": 1e-3 * _S_PER_H,
    "gy/bqs": 1e6 * _S_PER_H,
    "gy/bqh": 1e6,
}
_WRONG_PREFIXES = ("MGy", "MSv", "mBq")
_VALID_UNITS = "mGy/(MBq s), Gy/(MBq h), mGy/(MBq h), Gy/(MBq s), Gy/(Bq s), Gy/(Bq h), mSv/(MBq s)"


@dataclass(frozen=True, slots=True)
class Stated:
    """A user's words on a file; ``None`` is nothing said.

    Attributes
    ----------
    nuclide : str or None
        Any spelling that :func:`theradose.nuclides.canonical_nuclide` reads.
    unit : str or None
        As ``mGy/(MBq s)``.
    phantom : str or None
        The body.
    reference : str or None
        Publication or program that the values come from.
    """

    nuclide: str | None = None
    unit: str | None = None
    phantom: str | None = None
    reference: str | None = None


def agreed_nuclide(found: str | None, stated: str | None, place: str) -> str:
    """Return the nuclide that file and user agree on.

    Raises
    ------
    StudyError
        If neither states it, they differ, or it is not known.
    """
    try:
        names = [canonical_nuclide(name) for name in (found, stated) if name is not None]
    except PhysicsError as error:
        raise StudyError(f"{place}: {error}", code="s-table-nuclide") from None
    if not names:
        raise StudyError(f"{place} does not state its nuclide: state it, for example Lu-177.", code="s-table-nuclide")
    if len(set(names)) > 1:
        raise StudyError(
            f"{place} is for {names[0]}, but {names[1]} is stated: take the table of that nuclide.",
            code="s-table-nuclide",
        )
    return names[0]


def agreed_unit(found: str | None, stated: str | None, place: str) -> str:
    """Return the unit that file and user agree on, as it is written.

    Raises
    ------
    StudyError
        If neither states it, they differ, or it is not known.
    """
    units = [unit for unit in (found, stated) if unit is not None]
    if not units:
        raise StudyError(f"{place} does not state its unit: state it, one of {_VALID_UNITS}.", code="s-table-unit")
    factors = [unit_factor(unit, place) for unit in units]
    if len(factors) == 2 and not math.isclose(factors[0], factors[1]):
        raise StudyError(
            f"{place} is headed {units[0]}, but {units[1]} is stated: leave out the unit or correct it.",
            code="s-table-unit",
        )
    return units[0]


def unit_factor(unit: str, place: str) -> float:
    """Return the Gy/(MBq·h) of one unit.

    Raises
    ------
    StudyError
        For a unit that is not known.
    """
    plain = re.sub(r"[\s·⋅*.()\[\]-]+", "", unit).casefold()
    if plain not in _UNITS or any(wrong in unit for wrong in _WRONG_PREFIXES):
        raise StudyError(f"{place}: '{unit}' is not a unit of S values: valid are {_VALID_UNITS}.", code="s-table-unit")
    return _UNITS[plain]


def checked_number(text: str, *, file: Path, line: int, column: str) -> float:
    """Return an S value, its uncertainty or a mass from a cell.

    Raises
    ------
    StudyError
        For a text that is no finite number, or a negative one.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise StudyError(
            f"{file.name}, line {line}: '{text}' in column '{column}' is not a finite number with a decimal point.",
            code="s-table-number",
        )
    if value < 0:
        raise StudyError(
            f"{file.name}, line {line}: {text} in column '{column}' is negative: a dose per decay is not; correct it.",
            code="s-table-negative",
        )
    return value
