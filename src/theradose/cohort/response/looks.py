"""All p values of an analysis: which were asked in advance, and how many were looked at.

References
----------
[Holm1979]_ Adjustment for several questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from theradose.statistics.multiplicity import holm


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
    adjusted = iter(holm([look.p for look in looks if look.primary]).tolist())
    return tuple(replace(look, adjusted=next(adjusted)) if look.primary else look for look in looks)
