"""Quantities that a person states with or without their uncertainty, as the input of a plan holds them.

``25 g``, or ``{value: 25 g, u: 10 %}``, or ``{value: 25 g, u: 2 g}``: the standard uncertainty (k = 1) is relative
where it is a percentage and absolute where it has the unit of the value. Beside a number without dimension ``u`` could
mean either, so that it is ``{value: 6 %, relative_u: 20 %}`` or ``{value: 6 %, absolute_u: 1.2 %}``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from theradose.uncertainty import Uncertain
from theradose.units import parse_quantity


@dataclass(frozen=True, slots=True)
class Stated:
    """A stated number in the unit used inside, with its standard uncertainty; ``None`` is not stated."""

    value: float
    u: float | None = None

    def from_source(self, source: str) -> Uncertain:
        """Return the number with its uncertainty under the name of `source`."""
        return Uncertain(self.value).with_contribution(source, self.u)


def _parse(given: Any, unit: str, zero: bool, highest: float) -> Stated | None:
    if given is None or isinstance(given, Stated):
        return given
    u: Any = {}
    if isinstance(given, dict):
        if any(str(key)[:1].isdigit() for key in given):
            raise ValueError("a decimal comma splits a number inside braces: write it with a decimal point")
        u = {key: item for key, item in given.items() if key != "value" and item is not None}
        keys = ("relative_u", "absolute_u") if unit == "1" else ("u",)
        if "value" not in given or not u.keys() <= set(keys) or len(u) > 1:
            raise ValueError(f"a quantity with uncertainty is written {_examples(unit)}")
        given = given["value"]
    value = parse_quantity(given, unit)
    if value < 0 or (value == 0 and not zero) or value > highest:
        raise ValueError(_range_words(value, given, zero, highest))
    for key, item in u.items():
        return Stated(value, _uncertainty(key, item, value, unit))
    return Stated(value)


def _range_words(value: float, given: Any, zero: bool, highest: float) -> str:
    if math.isinf(highest):
        return f"valid values are {'from 0' if zero else 'above 0'}"
    # A number without its per cent sign is the most common slip.
    meant = value if 1 < value <= 100 and "%" not in str(given) else 6.0
    return f"a fraction lies between 0 and {100 * highest:g} %: write for example '{meant:g} %' or {meant / 100:g}"


def _uncertainty(key: str, given: Any, value: float, unit: str) -> float:
    text = str(given).strip()
    if key == "relative_u" or (key == "u" and text.endswith("%")):
        u = parse_quantity(given, "1") * abs(value)
    else:
        u = parse_quantity(given, unit)
    if u < 0:
        raise ValueError(f"a standard uncertainty is not negative, but '{text}' was given")
    # A fraction near 0 may have an absolute uncertainty above its value.
    if u > abs(value) and key != "absolute_u":
        raise ValueError(
            f"a standard uncertainty above the value leaves nothing known of it, but '{text}' was given: check whether "
            "it is a percentage"
        )
    return u


def _examples(unit: str) -> str:
    if unit == "1":
        return "{value: 6 %, relative_u: 20 %} or {value: 6 %, absolute_u: 1.2 %}"
    return f"{{value: 20 {unit}, u: 10 %}} or {{value: 20 {unit}, u: 2 {unit}}}"


def stated(unit: str, *, zero: bool = False, highest: float = math.inf) -> BeforeValidator:
    """Return the validator of a :class:`Stated` in `unit`: above zero, or from zero on, and at most `highest`.

    Raises
    ------
    ValueError
        Within pydantic: for a missing or wrong unit, other keys, or a value outside the range.
    """
    return BeforeValidator(lambda given: _parse(given, unit, zero, highest))


StatedActivityMBq = Annotated[Stated, stated("MBq")]
StatedDoseGy = Annotated[Stated, stated("Gy")]
StatedMassG = Annotated[Stated, stated("g")]
StatedMassKg = Annotated[Stated, stated("kg")]
StatedVolumeMl = Annotated[Stated, stated("mL")]
StatedTimeH = Annotated[Stated, stated("h")]
StatedRatePerH = Annotated[Stated, stated("1/h")]
StatedFraction = Annotated[Stated, stated("1", zero=True, highest=1.0)]
StatedShare = Annotated[Stated, stated("1", highest=1.0)]
StatedDosePerActivity = Annotated[Stated, stated("Gy/GBq")]
"""Gy/GBq."""
