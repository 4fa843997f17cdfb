"""What all parts of stored documents share."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict

from theradose.uncertainty import Uncertain


class Part(BaseModel):
    """Base of all parts of the result: frozen, no unknown keys; unknown values are ``null``, never 0."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Estimate(Part):
    """A value with its k = 1 standard uncertainty; ``null`` where unknown."""

    value: float | None
    u: float | None

    @classmethod
    def of(cls, quantity: Uncertain) -> Estimate:
        """Return a value with the u of its stated sources, ``null`` if there is none.

        A value without any source is not exact: a rate that a bound holds, or a mass that the user states, has an
        uncertainty that nobody knows.
        """
        return cls(value=quantity.value, u=quantity.u if quantity.contributions else None)


def pair_document(quantity: Uncertain | None) -> dict[str, float | None]:
    """Return ``value`` and ``u`` of :meth:`Estimate.of` as a document; both ``None`` without a quantity."""
    if quantity is None:
        return {"value": None, "u": None}
    pair = Estimate.of(quantity)
    return {"value": pair.value, "u": None if pair.u is None or not math.isfinite(pair.u) else pair.u}
