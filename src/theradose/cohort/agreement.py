"""Agreement of methods over the patients of a site: rows paired by patient, cycle and region, compared by organ.

References
----------
[Vallot2024]_ Medians, ranges and Bland-Altman plots of methods on the same treatments.
[BlandAltman2007]_ Several pairs per patient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.model.measured import MeasuredRegion
from theradose.plan.reference_ranges import LESION
from theradose.spatial.naming import pair_of
from theradose.statistics.agreement import BlandAltman, Correlation, bland_altman, concordance, pearson, spearman
from theradose.statistics.intervals import Interval


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """What one method measured; no key stands twice in `rows`."""

    name: str
    rows: tuple[MeasuredRegion, ...]

    def quantities(self) -> set[str]:
        """Return what at least one row has."""
        return {quantity for row in self.rows for quantity in row.values}


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A row without a partner: its method, the one that lacks it, and why."""

    method: str
    other: str
    patient: str
    cycle: int
    region: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Two methods on one quantity of one organ; differences are first minus second.

    Attributes
    ----------
    quantity, organ, first, second : str
        Of the comparison; sides of a paired organ and all lesions are taken together.
    keys : tuple of (str, int, str)
        Patient, cycle and region of each pair.
    values : ndarray, shape (2, n)
        In the unit used inside.
    absolute, relative : BlandAltman or None
        Differences in the unit, and in per cent of the mean of a pair; the latter ``None`` where a value is not
        positive, both for fewer than three patients.
    concordance : Interval or None
        Lin's coefficient.
    pearson, spearman : Correlation or None
        Linear and rank correlation.
    """

    quantity: str
    organ: str
    first: str
    second: str
    keys: tuple[tuple[str, int, str], ...]
    values: Array
    absolute: BlandAltman | None
    relative: BlandAltman | None
    concordance: Interval | None
    pearson: Correlation | None
    spearman: Correlation | None

    @property
    def patients(self) -> int:
        """Number of patients."""
        return len({patient for patient, _, _ in self.keys})

    @property
    def ratio_of_medians(self) -> float:
        """Median of the first method by that of the second; ``nan`` where that is 0."""
        first, second = np.median(self.values, axis=1)
        return float(first / second) if second else math.nan


def check_method(method: Method) -> Method:
    """Return a method, or refuse one with two rows of one region.

    Raises
    ------
    StatisticsError
        ``agreement-twice``.
    """
    seen: dict[tuple[str, int, str], MeasuredRegion] = {}
    for row in method.rows:
        if row.key in seen:
            patient, cycle, region = row.key
            raise StatisticsError(
                f"{row.place}: '{region}' of {patient} cycle {cycle} stands at {seen[row.key].place} already: leave "
                "one of them out.",
                code="agreement-twice",
            )
        seen[row.key] = row
    return method


def compare_methods(
    methods: Sequence[Method], *, quantities: Sequence[str], level: float = 0.95
) -> tuple[tuple[Compared, ...], tuple[Unpaired, ...]]:
    """Return every pair of methods on every quantity and organ, and the rows that have no partner.

    Parameters
    ----------
    methods : sequence of Method
        At least two.
    quantities : sequence of str
        What is compared.
    level : float
        Of the confidence intervals.

    Raises
    ------
    StatisticsError
        ``agreement-methods`` for fewer than two methods, or two of one name.

    References
    ----------
    [BlandAltman2007]_, [Carkeet2015]_, [Zou2013]_
    """
    names = [method.name for method in methods]
    if len(methods) < 2 or len(set(names)) < len(names):
        raise StatisticsError(
            f"Agreement needs at least two methods of different names, and there are {', '.join(names) or 'none'}.",
            code="agreement-methods",
        )
    compared: list[Compared] = []
    unpaired: list[Unpaired] = []
    for first, second in combinations(methods, 2):
        for quantity in quantities:
            pairs, alone = _pairs(first, second, quantity)
            unpaired += alone
            by_organ: dict[str, list[tuple[MeasuredRegion, MeasuredRegion]]] = {}
            for one, other in pairs:
                organ = LESION if one.is_lesion or other.is_lesion else pair_of(one.region)
                by_organ.setdefault(organ, []).append((one, other))
            compared += [
                _compared(quantity, organ, first.name, second.name, members, level)
                for organ, members in sorted(by_organ.items())
            ]
    order = {quantity: number for number, quantity in enumerate(quantities)}
    return tuple(sorted(compared, key=lambda item: (order[item.quantity], item.organ))), tuple(unpaired)


def agreement_findings(compared: Sequence[Compared], unpaired: Sequence[Unpaired]) -> tuple[Finding, ...]:
    """Return what limits the trust in a comparison."""
    findings = [finding for item in compared for finding in _findings(item)]
    if unpaired:
        rows = len({(item.method, item.patient, item.cycle, item.region) for item in unpaired})
        message = f"{rows} rows have no partner in another method and take no part; they are listed."
        findings.append(Finding("agreement-unpaired", "warning", message, "cohort"))
    return tuple(findings)


def _pairs(
    first: Method, second: Method, quantity: str
) -> tuple[list[tuple[MeasuredRegion, MeasuredRegion]], list[Unpaired]]:
    ones = {row.key: row for row in first.rows}
    others = {row.key: row for row in second.rows}
    alone = [
        *_alone(first.name, second.name, ones, others, quantity),
        *_alone(second.name, first.name, others, ones, quantity),
    ]
    shared = [key for key in ones if key in others and quantity in ones[key].values and quantity in others[key].values]
    return [(ones[key], others[key]) for key in shared], alone


def _alone(
    method: str,
    other: str,
    rows: dict[tuple[str, int, str], MeasuredRegion],
    partners: dict[tuple[str, int, str], MeasuredRegion],
    quantity: str,
) -> Iterator[Unpaired]:
    patients = {patient for patient, _, _ in partners}
    treatments = {(patient, cycle) for patient, cycle, _ in partners}
    for key, row in rows.items():
        if quantity not in row.values:
            continue
        if key in partners:
            if quantity not in partners[key].values:
                yield Unpaired(method, other, *key, reason=f"no {quantity}")
            continue
        patient, cycle, _ = key
        reason = "no such patient" if patient not in patients else "no such cycle"
        yield Unpaired(method, other, *key, reason="no such region" if (patient, cycle) in treatments else reason)


def _compared(
    quantity: str,
    organ: str,
    first: str,
    second: str,
    members: Sequence[tuple[MeasuredRegion, MeasuredRegion]],
    level: float,
) -> Compared:
    values = np.array([[row.values[quantity] for row in rows] for rows in zip(*members, strict=True)])
    keys = tuple(one.key for one, _ in members)
    subjects = [patient for patient, _, _ in keys]

    def differences(*, relative: bool) -> BlandAltman:
        return bland_altman(*values, subjects=subjects, relative=relative, level=level, exact=True)

    enough = len(set(subjects)) >= 3
    varies = enough and float(np.ptp(values)) > 0
    return Compared(
        quantity, organ, first, second, keys, frozen(values),
        absolute=differences(relative=False) if enough else None,
        relative=differences(relative=True) if enough and (values > 0).all() else None,
        concordance=concordance(*values, level=level) if varies else None,
        pearson=pearson(*values, level=level) if enough else None,
        spearman=spearman(*values, level=level) if enough else None,
    )  # fmt: skip


def _findings(item: Compared) -> Iterator[Finding]:
    place = f"{item.organ}, {item.quantity}: {item.first} and {item.second}"
    data = load_yaml("cohort.yaml")["suspect_ratios"]
    ratio = item.ratio_of_medians
    for suspect in (factor**sign for factor in data["value"] for sign in (1, -1)):
        if math.isfinite(ratio) and ratio > 0 and abs(math.log(ratio / suspect)) < math.log1p(data["tolerance"]):
            message = (
                f"The medians differ by a factor of {ratio:.4g}, which looks like another unit (a factor of "
                f"{suspect:g}): check the units of both tables before anything else."
            )
            yield Finding("agreement-scale", "critical", message, place)
    if item.absolute is None:
        message = f"Limits of agreement need at least three patients, not {item.patients}."
        yield Finding("agreement-few", "info", message, place)
        return
    if item.absolute.normality_p < load_number("cohort.yaml", "normality_significance"):
        message = (
            f"The differences are not normally distributed (Shapiro and Wilk, p = {item.absolute.normality_p:.2g}): "
            "the limits of agreement hold 95 % of them only about."
        )
        yield Finding("agreement-not-normal", "info", message, place)
    slope = item.absolute.slope
    if slope.low > 0 or slope.high < 0:
        message = (
            f"The difference changes with the size of the value by {slope.value:.2g} [{slope.low:.2g}, "
            f"{slope.high:.2g}] per unit: one bias does not hold for all; read the differences in per cent."
        )
        yield Finding("agreement-proportional", "warning", message, place)
