"""Numbers as a reader should see them: digits follow the uncertainty, and the unknown stays unknown."""

from __future__ import annotations

import math
import re
from typing import Protocol

UNKNOWN = "—"
NOT_STATED = "not stated"
PLUS_MINUS = " ± "
_MINUS = "−"
_GROUP = "\u202f"
_GROUPED_FROM = 10_000
_TELLABLE = 1e-3
_SCIENTIFIC_BELOW, _SCIENTIFIC_FROM = 1e-3, 1e7
_JOINT = re.compile(r"_|(?<!\d)-|-(?!\d)")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Estimate(Protocol):
    """A value with its k = 1 standard uncertainty; ``None`` where unknown."""

    @property
    def value(self) -> float | None:
        """Best estimate."""

    @property
    def u(self) -> float | None:
        """Standard uncertainty in the unit of the value."""


def format_estimate(estimate: Estimate | None) -> str:
    """Return ``value ± u`` with two significant digits of u, or what is known of it.

    An unknown uncertainty is shown as ``—``, with three significant digits of the value; an unknown value is
    ``—`` alone.
    """
    if estimate is None or estimate.value is None or not math.isfinite(estimate.value):
        return UNKNOWN
    if estimate.u is None or not math.isfinite(estimate.u):
        return format_number(estimate.value) + PLUS_MINUS + UNKNOWN
    if estimate.u <= 0:
        return format_number(estimate.value, digits=4) + PLUS_MINUS + "0"
    exponent = 0
    if _is_scientific(max(abs(estimate.value), estimate.u)):
        exponent = math.floor(math.log10(max(abs(estimate.value), estimate.u)))
    scale = 10.0**exponent
    decimals = _decimals(estimate.u / scale, digits=2)
    pair = _fixed(estimate.value / scale, decimals) + PLUS_MINUS + _fixed(estimate.u / scale, decimals)
    return f"({pair})·10{str(exponent).translate(_SUPERSCRIPT)}" if exponent else pair


def format_sampled(estimate: Estimate | None) -> str:
    """Return a value with the ± of its statistics, and without one where nothing was sampled."""
    if estimate is None or estimate.u is not None:
        return format_estimate(estimate)
    return format_number(estimate.value)


def format_number(value: float | None, *, digits: int = 3) -> str:
    """Return a number with `digits` significant digits; ``—`` for ``None``."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    if _is_scientific(abs(value)):
        exponent = math.floor(math.log10(abs(value)))
        mantissa = _fixed(value / 10.0**exponent, digits - 1)
        return f"{mantissa}·10{str(exponent).translate(_SUPERSCRIPT)}"
    return _fixed(value, _decimals(value, digits=digits))


def format_fixed(value: float | None, decimals: int) -> str:
    """Return a number with a fixed count of decimals; ``—`` for ``None``."""
    return UNKNOWN if value is None or not math.isfinite(value) else _fixed(value, decimals)


def format_given(value: float | None) -> str:
    """Return a number with all its digits, up to six, for values that a person or a table stated."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value and _is_scientific(abs(value)):
        significant = f"{abs(value):.5e}".partition("e")[0].rstrip("0").replace(".", "")
        return format_number(value, digits=len(significant))
    return _fixed(value, max(0, len(f"{value:.6g}".partition(".")[2])))


def format_percent(fraction: float | None) -> str:
    """Return a fraction as per cent: ``0.3 %``, ``4.2 %``, ``37 %``; ``—`` for ``None``."""
    if fraction is None or not math.isfinite(fraction):
        return UNKNOWN
    percent = 100.0 * fraction
    if percent != 0 and abs(percent) < 0.1:
        return ("> −" if percent < 0 else "< ") + "0.1 %"
    return _fixed(percent, 1 if 0 < abs(percent) < 9.95 else 0) + " %"


def format_probability(probability: float | None) -> str:
    """Return a probability as per cent, of which the tails tell nothing: ``< 0.1 %``, ``> 99.9 %``."""
    if probability is None:
        return UNKNOWN
    if probability > 1 - _TELLABLE:
        return "> 99.9 %"
    return "< 0.1 %" if probability < _TELLABLE else format_percent(probability)


def format_p(p: float | None) -> str:
    """Return a p value with two significant digits: ``p = 0.013``, ``p < 0.001``."""
    if p is None or not math.isfinite(p):
        return f"p {UNKNOWN}"
    return "p < 0.001" if p < _TELLABLE else f"p = {_fixed(p, 2 if p >= 0.0995 else 3)}"


def format_given_percent(fraction: float | None) -> str:
    """Return a stated fraction as per cent with all its digits, up to six: ``5 %``, ``12.5 %``."""
    return UNKNOWN if fraction is None else f"{format_given(100.0 * fraction)} %"


def format_deviation(fraction: float | None) -> str:
    """Return a relative deviation with its sign: ``+4.2 %``, ``−12 %``."""
    return ("+" if fraction is not None and fraction > 0 else "") + format_percent(fraction)


def format_unit(value: float | None, unit: str) -> str:
    """Return a computed number with its unit, or ``not stated``."""
    return NOT_STATED if value is None else f"{format_number(value)} {unit}"


def format_given_unit(value: float | None, unit: str) -> str:
    """Return a stated number with its unit, or ``not stated``."""
    return NOT_STATED if value is None else f"{format_given(value)} {unit}"


def words(name: str) -> str:
    """Return an identifier as words; a hyphen between numbers is a range and stays, as in ``segment 5-8``."""
    return _JOINT.sub(" ", name)


def _is_scientific(magnitude: float) -> bool:
    return magnitude < _SCIENTIFIC_BELOW or magnitude >= _SCIENTIFIC_FROM


def _decimals(value: float, *, digits: int) -> int:
    """Return how many decimals show `digits` significant digits; negative for tens and hundreds."""
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    return digits - 1 - math.floor(math.log10(abs(rounded)))


def _fixed(value: float, decimals: int) -> str:
    rounded = round(value, decimals)
    text = f"{abs(rounded):.{max(decimals, 0)}f}"
    whole, point, fraction = text.partition(".")
    if abs(rounded) >= _GROUPED_FROM:
        whole = f"{int(whole):,}".replace(",", _GROUP)
    sign = _MINUS if rounded < 0 else ""
    return sign + whole + point + fraction
