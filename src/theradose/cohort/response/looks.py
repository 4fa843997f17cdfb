"""All p values of an analysis: which were asked in advance, and how many were looked at.

References
----------
[Holm1979]_ Adjustment for several questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Look:
    """One p value; ``adjusted`` is Holm's over the questions of its family, ``None`` for those of no family."""

    name: str
    p: float
    primary: bool
    adjusted: float | None = None


def with_adjustment(looks: Sequence[Look]) -> tuple[Look, ...]:
    """Return looks with Holm's adjustment over the primary ones, which are the family of the stated question.

    References
    ----------
    [Holm1979]_
    """
    primary = [look for look in looks if look.primary]
    order = sorted(primary, key=lambda look: look.p)
    steps = np.maximum.accumulate([min(1.0, (len(order) - k) * look.p) for k, look in enumerate(order)])
    adjusted = {look.name: float(p) for look, p in zip(order, steps, strict=True)}
    return tuple(Look(look.name, look.p, look.primary, adjusted.get(look.name)) for look in looks)
