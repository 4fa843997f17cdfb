"""Quantities, intervals and subjects in the words of a plan: every planner shows them alike.

Digits follow the uncertainty (:mod:`theradose.numbers`); an uncertainty that nobody stated is a dash, and a number that
is exact, as an activity once it is decided, stands alone.

References
----------
[JCGM101]_ The interval.
"""

from __future__ import annotations

from collections.abc import Iterable

from theradose.model.stated import Stated
from theradose.numbers import (
    PLUS_MINUS,
    UNKNOWN,
    format_estimate,
    format_given,
    format_given_percent,
    format_number,
    words,
)
from theradose.plan.probability import interval, interval_coverage
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ, conversion_factor

_DIGITS_OF_ACTIVITY = 4
_ACTIVITY_UNITS = ("MBq", "GBq")
# Sources that a region has of its own, however many cycles are counted: the place of a finding names the region.
_VARIATIONS = {
    "between-cycles": "how much doses per activity vary from cycle to cycle",
    "side-of-pair": "how much a side differs from the pair",
    "trend": "how sure the trend from cycle to cycle is",
}


def with_u(quantity: Uncertain | None, unit: str = "") -> str:
    """Return ``4.53 ± 0.21 Gy``; ``—`` for ``None``."""
    if quantity is None:
        return UNKNOWN
    if quantity.contributions:
        text = format_estimate(quantity)
    elif quantity.not_stated:
        text = format_number(quantity.value) + PLUS_MINUS + UNKNOWN
    else:
        text = exact_words(quantity.value)
    return f"{text} {unit}".rstrip()


def stated_words(stated: Stated, unit: str, *, inside: str | None = None) -> str:
    """Return a stated quantity with all its digits, in `unit`; `inside` is the unit in which it is held, if another."""
    factor = 1.0 if inside is None else conversion_factor(inside, unit)
    value = stated.value * factor
    if stated.u:
        return f"{format_estimate(Stated(value, stated.u * factor))} {unit}".rstrip()
    return f"{format_given(value)}{PLUS_MINUS}{UNKNOWN if stated.u is None else '0'} {unit}".rstrip()


def ends_words(quantity: Uncertain, *, of_mean: bool = False) -> str:
    """Return both ends of the interval, ``4.1 – 5.0``; ``—`` where there is none. `of_mean` as in :func:`interval`."""
    ends = interval(quantity, of_mean=of_mean)
    return UNKNOWN if ends is None else " – ".join(map(format_number, ends))


def interval_words(quantity: Uncertain, unit: str, *, of_mean: bool = False) -> str:
    """Return ``95 % interval 4.1 – 5.0 Gy``, or that it is not stated."""
    if interval(quantity) is None:
        return "interval not stated"
    return f"{format_given_percent(interval_coverage())} interval {ends_words(quantity, of_mean=of_mean)} {unit}"


def with_interval(quantity: Uncertain, unit: str, *, of_mean: bool = False) -> str:
    """Return ``4.53 Gy (95 % interval 4.1 – 5.0 Gy)``; an activity as it stands in tables, with one digit more."""
    value = exact_words(quantity.value) if unit in _ACTIVITY_UNITS else format_number(quantity.value)
    return f"{value} {unit} ({interval_words(quantity, unit, of_mean=of_mean)})"


def activity_words(activity_mbq: float) -> str:
    """Return an activity as ``7.4 GBq``."""
    return f"{activity_number(activity_mbq)} GBq"


def activity_number(activity_mbq: float | None) -> str:
    """Return the number of GBq of an activity; ``—`` for ``None``."""
    return UNKNOWN if activity_mbq is None else exact_words(activity_mbq / MBQ_PER_GBQ)


def subject_words(therapy: str | None, patient: str | None, *more: str) -> str:
    """Return whose plan it is: title of the therapy, patient, and what else tells the plan apart."""
    return " · ".join(filter(None, (therapy, patient and f"patient {patient}", *more)))


def source_words(sources: Iterable[str]) -> str:
    """Return names of sources of uncertainty as words: ``fit:left-kidney@2`` is ``fit of left kidney in cycle 2``."""
    return ", ".join(dict.fromkeys(_source(name) for name in sorted(sources)))


def _source(name: str) -> str:
    kind, _, rest = name.partition(":")
    of, _, cycle = rest.partition("@")
    if kind in _VARIATIONS:
        return _VARIATIONS[kind]
    return words(kind) + (f" of {words(of)}" if of else "") + (f" in cycle {cycle}" if cycle else "")


def exact_words(value: float) -> str:
    """Return a number that has no uncertainty of its own, with four significant digits at most."""
    return format_given(float(f"{value:.{_DIGITS_OF_ACTIVITY}g}"))
