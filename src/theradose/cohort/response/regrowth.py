"""Time to growth after the last cycle.

It is counted from the last cycle, because the sum of doses is known only then: counted from the first, a tumour would
have to live without growth to receive its dose.

References
----------
[Warfvinge2024]_ names time to growth as the relevant measure for slow tumours.
[KaplanMeier1958]_, [Mantel1966]_, [Cox1972]_, [LinWei1989]_
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.cohort.response.outcome import TumourOutcome
from theradose.errors import StatisticsError
from theradose.model.tumours import DoseKind
from theradose.statistics.chi_squared import ChiSquaredTest
from theradose.statistics.survival import HazardRatio, SurvivalCurve, cox, kaplan_meier, log_rank

_PER_GY = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class CurvesByGroup:
    """Curves of groups of tumours with their comparison; ``test`` is ``None`` with the reason in ``refused``."""

    title: str
    curves: Mapping[str, SurvivalCurve]
    test: ChiSquaredTest | None
    refused: str


@dataclass(frozen=True, slots=True, eq=False)
class Regrowth:
    """Time to growth of the analysed tumours.

    Attributes
    ----------
    tumours, events, patients : int
        With a time, those that grew, and whose they are.
    left_out : int
        Tumours without a time: grown before the last cycle ended, no later scan, or nothing stated.
    comparisons : tuple of CurvesByGroup
        By grade, and by dose above or below the median.
    hazard : tuple of HazardRatio
        Per 10 Gy, and of each grade against the first.
    refused : str
        Why there are no hazard ratios; empty otherwise.
    """

    tumours: int
    events: int
    patients: int
    left_out: int
    comparisons: tuple[CurvesByGroup, ...]
    hazard: tuple[HazardRatio, ...]
    refused: str


def regrowth(
    outcomes: Sequence[TumourOutcome], grades: Sequence[str], *, kind: DoseKind, level: float
) -> Regrowth | None:
    """Return the time to growth of tumours, ``None`` if no tumour has one.

    Parameters
    ----------
    outcomes : sequence of TumourOutcome
        The analysed tumours.
    grades : sequence of str
        Of the same.
    kind : DoseKind
        Which sum of doses is compared.
    level : float
        Of the intervals.

    References
    ----------
    [Cox1972]_, [LinWei1989]_
    """
    timed = [(one, grade) for one, grade in zip(outcomes, grades, strict=True) if one.time_to_growth_d is not None]
    if not timed:
        return None
    time = np.array([one.time_to_growth_d for one, _ in timed], float)
    event = np.array([bool(one.grew) for one, _ in timed])
    dose = np.array([one.dose_gy[kind].value for one, _ in timed])
    labels = [grade for _, grade in timed]
    patients = [one.patient for one, _ in timed]
    by_dose = ["upper half of doses" if value >= np.median(dose) else "lower half of doses" for value in dose]
    covariates = {f"dose, per {_PER_GY:g} Gy": dose / _PER_GY}
    names = sorted(set(labels))
    covariates |= {f"{name} against {names[0]}": np.array(labels) == name for name in names[1:]}
    hazard: tuple[HazardRatio, ...] = ()
    refused = ""
    try:
        clusters = patients if len(set(patients)) < len(patients) else None
        hazard = cox(time, event, covariates, clusters=clusters, level=level)
    except StatisticsError as error:
        refused = str(error)
    return Regrowth(
        tumours=len(timed),
        events=int(event.sum()),
        patients=len(set(patients)),
        left_out=len(outcomes) - len(timed),
        comparisons=(
            _by_group("grade", time, event, labels, level),
            _by_group("dose", time, event, by_dose, level),
        ),
        hazard=hazard,
        refused=refused,
    )


def _by_group(title: str, time: np.ndarray, event: np.ndarray, labels: Sequence[str], level: float) -> CurvesByGroup:
    of_row = np.array(labels)
    curves = {
        label: kaplan_meier(time[of_row == label], event[of_row == label], level=level) for label in sorted(set(labels))
    }
    try:
        return CurvesByGroup(title, curves, log_rank(time, event, list(labels)), "")
    except StatisticsError as error:
        return CurvesByGroup(title, curves, None, str(error))
