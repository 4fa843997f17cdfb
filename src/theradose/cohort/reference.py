"""Reference ranges of a site's own cohort, beside published ones, and where a patient lies in them.

Quantities that do not depend on the size of a region take both sides of a paired organ, and all lesions, together;
others keep to one region. Several values of one patient stay together wherever an interval is found.

References
----------
[Ialongo2019]_ Percentiles with intervals.
[KornGraubard1998]_ Interval of a rank.
[Theradose]_ From how many patients on percentiles are given, a convention.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.model.agreement_mapping import UNITS_OF_QUANTITIES
from theradose.model.cohort import RegionRecord, TreatmentRecord, cohort_rows
from theradose.model.cohort_reference import PercentileResult, PublishedBeside, ReferenceRange, ReferenceValue
from theradose.model.region import RegionKind
from theradose.plan.reference_ranges import LESION, MARROW_METHODS, RED_MARROW, expected_dose, published_range
from theradose.spatial.naming import pair_of
from theradose.statistics.intervals import Interval
from theradose.statistics.percentiles import REPLICATES, SEED, percentiles, rank_in_cohort

SIZE_INDEPENDENT = ("dose_per_activity_gy_gbq", "effective_half_life_h")
SIZE_DEPENDENT = ("tiac_h", "volume_ml", "mass_g")
_PUBLISHED = "dose_per_activity_gy_gbq"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a value lies in a cohort without its own patient.

    Attributes
    ----------
    rank : Interval or None
        Per cent of the cohort below it; ``None`` for too few patients.
    n, patients : int
        Values and patients of the cohort without the patient.
    left_out : int
        Values of the patient.
    percentiles : tuple of PercentileResult
        Of the cohort without the patient; empty for too few patients.
    """

    rank: Interval | None
    n: int
    patients: int
    left_out: int
    percentiles: tuple[PercentileResult, ...]


def fewest_patients() -> int:
    """Return from how many patients on percentiles are given.

    References
    ----------
    [Theradose]_
    """
    return int(load_number("cohort.yaml", "fewest_patients"))


def reference_organ(region: RegionRecord, quantity: str) -> str | None:
    """Return under which organ a quantity of a region is kept, ``None`` if it is not.

    Parameters
    ----------
    region : RegionRecord
        With its kind.
    quantity : str
        Of `SIZE_INDEPENDENT` or `SIZE_DEPENDENT`.

    References
    ----------
    [Theradose]_
    """
    if quantity in SIZE_INDEPENDENT:
        return LESION if region.kind == RegionKind.LESION else pair_of(region.region)
    # The size of a lesion is its own, and no range of others says anything of it.
    return None if region.kind == RegionKind.LESION else region.region


def reference_ranges(
    treatments: Sequence[TreatmentRecord], *, level: float = 0.95, replicates: int = REPLICATES, seed: int = SEED
) -> tuple[ReferenceRange, ...]:
    """Return the ranges of a cohort by therapy, organ and quantity.

    Parameters
    ----------
    treatments : sequence of TreatmentRecord
        Those without a therapy take no part.
    level : float
        Of the confidence intervals.
    replicates, seed : int
        Of the bootstrap.

    References
    ----------
    [Ialongo2019]_
    """
    collected: dict[tuple[str, str, str], list[ReferenceValue]] = {}
    for row in cohort_rows(tuple(treatments)):
        for quantity in (*SIZE_INDEPENDENT, *SIZE_DEPENDENT):
            organ = reference_organ(row.region, quantity)
            value = quantity_of(row.region, quantity, activity_mbq=row.treatment.activity_mbq)
            if organ is not None and value is not None and row.treatment.therapy is not None:
                key = row.treatment.therapy, organ, quantity
                patient, cycle, region = row.key
                collected.setdefault(key, []).append(
                    ReferenceValue(patient=patient, cycle=cycle, region=region, value=value)
                )
    return tuple(
        _range(*key, values=collected[key], level=level, replicates=replicates, seed=seed) for key in sorted(collected)
    )


def quantity_of(region: RegionRecord, quantity: str, *, activity_mbq: float) -> float | None:
    """Return a quantity of a region; the coefficient follows from the given activity.

    Parameters
    ----------
    region : RegionRecord
        The region.
    quantity : str
        Of `SIZE_INDEPENDENT` or `SIZE_DEPENDENT`.
    activity_mbq : float
        Given to the patient.

    References
    ----------
    [Theradose]_
    """
    if quantity == "tiac_h":
        return None if region.tia_mbq_h is None else region.tia_mbq_h / activity_mbq
    value: float | None = getattr(region, quantity)
    return value


def position_in(
    known: ReferenceRange,
    value: float,
    *,
    patient: str | None,
    fewest: int,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> Position:
    """Return where a value lies in a range, its own patient left out.

    Parameters
    ----------
    known : ReferenceRange
        The values of the cohort.
    value : float
        In the unit of the range.
    patient : str or None
        As the range calls the patient; ``None`` if that is not known, and nobody is left out.
    fewest : int
        From how many other patients on there is a rank.
    level : float
        Of the confidence intervals.
    replicates, seed : int
        Of the bootstrap.

    References
    ----------
    [KornGraubard1998]_
    """
    others = [item for item in known.values if item.patient != patient]
    left_out = len(known.values) - len(others)
    patients = [item.patient for item in others]
    count = len(set(patients))
    if count < fewest:
        return Position(None, len(others), count, left_out, ())
    values = np.array([item.value for item in others])
    return Position(
        rank_in_cohort(value, values, patients=patients, level=level),
        len(others),
        count,
        left_out,
        _percentiles(values, patients, level=level, replicates=replicates, seed=seed)[0],
    )


def by_key(ranges: Iterable[ReferenceRange]) -> Mapping[tuple[str, str, str], ReferenceRange]:
    """Return ranges by therapy, organ and quantity."""
    return {(item.therapy, item.organ, item.quantity): item for item in ranges}


def _range(
    therapy: str,
    organ: str,
    quantity: str,
    *,
    values: Sequence[ReferenceValue],
    level: float,
    replicates: int,
    seed: int,
) -> ReferenceRange:
    numbers = np.array([item.value for item in values])
    patients = [item.patient for item in values]
    count = len(set(patients))
    found: tuple[PercentileResult, ...] = ()
    by = None
    if count >= fewest_patients():
        found, by = _percentiles(numbers, patients, level=level, replicates=replicates, seed=seed)
    return ReferenceRange(
        therapy=therapy,
        organ=organ,
        quantity=quantity,
        unit=UNITS_OF_QUANTITIES[quantity],
        n=len(values),
        patients=count,
        median=float(np.median(numbers)),
        min=float(numbers.min()),
        max=float(numbers.max()),
        percentiles=found,
        interval_by=by,
        published=_published(therapy, organ) if quantity == _PUBLISHED else None,
        values=tuple(values),
    )


def _percentiles(
    values: np.ndarray, patients: Sequence[str], *, level: float, replicates: int, seed: int
) -> tuple[tuple[PercentileResult, ...], str]:
    shown = load_yaml("cohort.yaml")["percentiles"]["value"]
    found = percentiles(values, shown, patients=patients, level=level, replicates=replicates, seed=seed)
    return tuple(
        PercentileResult(
            percent=item.percent,
            value=_finite(item.estimate.value),
            low=_finite(item.estimate.low),
            high=_finite(item.estimate.high),
        )
        for item in found
    ), found[0].by


def _published(therapy: str, organ: str) -> PublishedBeside | None:
    methods = MARROW_METHODS.get(organ, ())
    name = RED_MARROW if methods else organ
    known = published_range(therapy=therapy, organ=name, methods=methods)
    if known is None:
        return None
    mean = expected_dose(therapy=therapy, organ=name, methods=methods)
    return PublishedBeside(
        low=known.low_gy_gbq,
        high=known.high_gy_gbq,
        mean=None if mean is None else mean.dose_per_activity_gy_gbq.value,
        sources=tuple(dict.fromkeys(row.source for row in known.rows)),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
