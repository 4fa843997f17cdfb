"""Loss of volume by dose: asymptotic growth with an effect of the patient.

References
----------
[Warfvinge2024]_ Asymptotic growth of the loss of volume, Figure 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from theradose.model.arrays import Array
from theradose.model.finding import Finding


@dataclass(frozen=True, slots=True, eq=False)
class Shrinkage:
    tests: Mapping[str, Any]
    refused: str
    findings: tuple[Finding, ...]


def shrinkage(
    *,
    dose_gy: Array,
    reduction: Array,
    grades: Sequence[str],
    patients: Sequence[str],
    significant: Sequence[str],
    level: float,
    where: str,
) -> Shrinkage:
    return Shrinkage({}, "not yet", ())
