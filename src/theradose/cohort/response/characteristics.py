"""What the analysed tumours are like, by grade.

References
----------
[Warfvinge2024]_ Characteristics of tumours, and Table 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.cohort.response.outcome import TumourOutcome
from theradose.model.tumours import KIND_WORDS

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and range of what is known; ``n`` values."""

    median: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Characteristics:
    """Tumours of one grade, or of all.

    Attributes
    ----------
    group : str
        Grade, or ``all``.
    tumours, patients, responders : int
        Their numbers; responders by the best response.
    quantities : mapping of str to Spread
        By name with unit, of those that are known.
    primaries : mapping of str to pair of int
        Tumours and patients by organ of origin.
    """

    group: str
    tumours: int
    patients: int
    responders: int
    quantities: Mapping[str, Spread]
    primaries: Mapping[str, tuple[int, int]]


def characterise(group: str, outcomes: Sequence[TumourOutcome], *, responder: float) -> Characteristics:
    """Return what tumours are like.

    Parameters
    ----------
    group : str
        What they are called.
    outcomes : sequence of TumourOutcome
        The tumours.
    responder : float
        Relative loss of volume of a responder.

    References
    ----------
    [Warfvinge2024]_
    """
    patients = Counter(one.patient for one in outcomes)
    best = [reduction for one in outcomes if (reduction := _best_reduction(one)) is not None]
    values: dict[str, list[float]] = {
        "tumours per patient": [float(count) for count in patients.values()],
        "baseline volume, mL": [one.baseline_ml for one in outcomes if one.baseline_ml is not None],
        "loss of volume, %": [100 * reduction for reduction in best],
    }
    for kind, words in KIND_WORDS.items():
        values[f"dose {words}, Gy"] = [d.value for one in outcomes if (d := one.dose_gy.get(kind)) is not None]
        values[f"activity {words}, GBq"] = [a for one in outcomes if (a := one.activity_gbq.get(kind)) is not None]
        values[f"relative uncertainty of the dose {words}, %"] = [
            100 * d.relative_u for one in outcomes if (d := one.dose_gy.get(kind)) is not None and not d.not_stated
        ]
    of_patient = {one.patient: one for one in outcomes}.values()
    values["cycles per patient"] = [float(one.cycles) for one in of_patient if one.cycles is not None]
    values["follow-up of patients, years"] = [
        one.followed_d / DAYS_PER_YEAR for one in of_patient if one.followed_d is not None
    ]
    organs = sorted({one.row.primary for one in outcomes if one.row.primary is not None})
    return Characteristics(
        group=group,
        tumours=len(outcomes),
        patients=len(patients),
        responders=sum(reduction >= responder for reduction in best),
        quantities={name: _spread(found) for name, found in values.items() if found},
        primaries={
            organ: (
                sum(one.row.primary == organ for one in outcomes),
                len({one.patient for one in outcomes if one.row.primary == organ}),
            )
            for organ in organs
        },
    )


def _best_reduction(one: TumourOutcome) -> float | None:
    return one.reduction.get("best-response", one.reduction.get("all-cycles"))


def _spread(values: Sequence[float]) -> Spread:
    return Spread(float(np.median(values)), float(min(values)), float(max(values)), len(values))
