"""Estimates with their intervals."""

from __future__ import annotations

from dataclasses import dataclass

from theradose.model.arrays import Array


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval; the ends are ``nan`` where the numbers do not determine them."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A curve with its pointwise interval, each of shape (m,)."""

    value: Array
    low: Array
    high: Array
