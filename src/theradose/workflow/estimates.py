"""Uncertain numbers as a document states them."""

from __future__ import annotations

from theradose.model.result import Estimate
from theradose.uncertainty import Uncertain


def estimate(quantity: Uncertain) -> Estimate:
    """Return a value for a document; its u is that of the stated sources, ``null`` if there is none.

    A value without any source is not exact: a rate that a bound holds, or a mass that the user states, has an
    uncertainty that nobody knows.
    """
    return Estimate(value=quantity.value, u=quantity.u if quantity.contributions else None)
