"""Probabilities of several tests, adjusted for their number.

References
----------
[Holm1979]_
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theradose.model.arrays import Array


def holm(p: Sequence[float] | Array) -> Array:
    """Return p values adjusted by Holm's method, shape (n,): no assumption on how the tests depend on each other.

    References
    ----------
    [Holm1979]_
    """
    values = np.asarray(p, float)
    order = np.argsort(values)
    stepped = np.maximum.accumulate((len(values) - np.arange(len(values))) * values[order])
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
