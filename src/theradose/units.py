"""A closed table of units, and the only place where text becomes a number.

Inside ``theradose`` numbers are plain floats in the units of the conventions (MBq, h, Gy, g, mL, mm, keV).
At the boundary a quantity is text such as ``"7.4 GBq"``. Ambiguous text is refused: a decimal comma
(``"7,4 GBq"``, read as 74 by a common library), a missing unit, an unknown unit, or a unit of another kind
(Sv is not Gy, Hz is not Bq).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from types import MappingProxyType

from theradose.errors import UnitError

# Factors to the first unit of each kind, which is the one used inside.
_KINDS: dict[str, dict[str, float]] = {
    "activity": {"MBq": 1.0, "Bq": 1e-6, "kBq": 1e-3, "GBq": 1e3, "TBq": 1e6, "mCi": 37.0, "Ci": 37e3},
    "absorbed dose": {"Gy": 1.0, "mGy": 1e-3, "cGy": 1e-2},
    "time": {"h": 1.0, "d": 24.0, "min": 1 / 60, "s": 1 / 3600, "ms": 1e-3 / 3600, "us": 1e-6 / 3600},
    "mass": {"g": 1.0, "mg": 1e-3, "kg": 1e3},
    "volume": {"mL": 1.0, "ml": 1.0, "uL": 1e-3, "L": 1e3, "l": 1e3, "cm3": 1.0, "mm3": 1e-3},
    "length": {"mm": 1.0, "cm": 10.0, "m": 1e3, "um": 1e-3},
    "energy": {"keV": 1.0, "eV": 1e-3, "MeV": 1e3},
    "density": {"g/mL": 1.0, "g/cm3": 1.0, "kg/m3": 1e-3},
    "count rate": {"cps": 1.0, "kcps": 1e3, "cpm": 1 / 60},
    "sensitivity": {"cps/MBq": 1.0, "cps/kBq": 1e3, "cps/GBq": 1e-3, "cpm/MBq": 1 / 60, "cpm/kBq": 1e3 / 60},
    "activity concentration": {"MBq/mL": 1.0, "kBq/mL": 1e-3, "Bq/mL": 1e-6, "MBq/L": 1e-3},
    "mass concentration": {"mg/dL": 1.0, "mg/L": 0.1, "g/L": 100.0},
    "fraction": {"1": 1.0, "%": 1e-2},
    "attenuation": {"1/cm": 1.0, "1/mm": 10.0},
    "rate": {"1/h": 1.0, "1/d": 1 / 24},
    "radiosensitivity": {"1/Gy": 1.0, "1/mGy": 1e3},
    "dose per activity": {"Gy/GBq": 1.0, "mGy/MBq": 1.0, "mGy/GBq": 1e-3},
}

UNITS = MappingProxyType({symbol: (kind, factor) for kind, table in _KINDS.items() for symbol, factor in table.items()})
"""Every known symbol with its kind and its factor to the unit used inside."""

MBQ_PER_GBQ = 1e3
"""A person thinks of therapies in GBq; inside an activity is in MBq and a dose per activity in Gy/MBq."""

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*?)?\s*")
_NEIGHBOURS = {
    "Sv": "Sv is a unit of effective or equivalent dose, never of absorbed dose",
    "mSv": "mSv is a unit of effective or equivalent dose, never of absorbed dose",
    "Hz": "Hz counts periodic events, never decays",
}


def conversion_factor(from_unit: str, to_unit: str) -> float:
    """Return the factor that turns a number in `from_unit` into one in `to_unit`.

    Raises
    ------
    UnitError
        If a unit is unknown or the two are of different kinds.
    """
    from_kind, from_factor = _look_up(from_unit)
    to_kind, to_factor = _look_up(to_unit)
    if from_kind != to_kind:
        raise UnitError(
            f"'{from_unit}' is a unit of {from_kind}, but {to_kind} is needed: "
            f"valid units are {', '.join(_KINDS[to_kind])}.",
            code="unit-kind",
        )
    return from_factor / to_factor


def parse_quantity(text: object, to_unit: str) -> float:
    """Read a quantity such as ``"7.4 GBq"`` and return it in `to_unit`.

    Parameters
    ----------
    text : object
        What the user wrote. Only text with a number and a unit is accepted; for fractions (`to_unit` ``"1"``)
        a bare number is accepted too.
    to_unit : str
        Unit of the returned number; it also says which kind is valid.

    Returns
    -------
    float
        The value in `to_unit`, finite.

    Raises
    ------
    UnitError
        For a missing, unknown or wrong unit, a decimal comma, or anything that is not a finite number.

    Examples
    --------
    >>> parse_quantity("7.4 GBq", "MBq")
    7400.0
    """
    kind, _ = _look_up(to_unit)
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        raise UnitError(f"{text!r} is not a quantity: write a number and a unit of {kind}, "
                        f"for example '1 {to_unit}'.", code="unit-missing")  # fmt: skip
    if "," in text:
        raise UnitError(
            f"'{text}' has a comma, which may be a decimal comma or a thousands separator: write the number with a "
            "decimal point and no thousands separator, as in '7.4' or '7400'.",
            code="unit-comma",
        )
    match = _QUANTITY.fullmatch(text.replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u"))
    if match is None:
        raise UnitError(f"'{text}' is not a quantity: write a number and a unit of {kind}, for example "
                        f"'1 {to_unit}'.", code="unit-syntax")  # fmt: skip
    number, unit = match.groups()
    if unit is None:
        if kind != "fraction":
            raise UnitError(f"'{text.strip()}' has no unit: add one of {', '.join(_KINDS[kind])}.", code="unit-missing")
        unit = "1"
    if unit not in UNITS:
        raise _unknown_unit(unit, _KINDS[kind])
    value = float(number) * conversion_factor(unit, to_unit)
    if not math.isfinite(value):
        raise UnitError(f"'{text}' is not a finite number.", code="unit-syntax")
    return value


def parse_count(text: object) -> int:
    """Read a positive whole number such as ``10000000`` or ``"1e7"``.

    Raises
    ------
    UnitError
        ``count-invalid`` for anything else.
    """
    try:
        if isinstance(text, bool) or not isinstance(text, (int, float, str)):
            raise ValueError
        number = float(text)
        if not (math.isfinite(number) and number == int(number) and number > 0):
            raise ValueError
    except ValueError:
        raise UnitError(
            f"'{text}' is not a count: write a positive whole number such as 10000000 or 1e7.", code="count-invalid"
        ) from None
    return int(number)


def _look_up(unit: str) -> tuple[str, float]:
    try:
        return UNITS[unit]
    except KeyError:
        raise _unknown_unit(unit, UNITS) from None


def _unknown_unit(unit: str, valid: Iterable[str]) -> UnitError:
    symbols = list(valid)
    same_letters = [symbol for symbol in symbols if symbol.lower() == unit.lower()]
    hint = _NEIGHBOURS.get(unit) or (f"did you mean {same_letters[0]}?" if same_letters else "")
    separator = " " if hint.endswith("?") else "; " if hint else ""
    return UnitError(
        f"'{unit}' is not a unit known here: {hint}{separator}valid units are {', '.join(symbols)}.",
        code="unit-unknown",
    )
